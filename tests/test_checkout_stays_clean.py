"""The check that no test and no example leaves a file in the checkout works itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_a_file_that_is_left_fails_the_run(tmp_path: Path) -> None:
    """An example writes where it stands, which is a temporary folder; a test that writes here is found."""
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "module.py").write_text('"""\n>>> _ = open("beside.png", "w").write("")\n"""\n')
    (tmp_path / "test_it.py").write_text("def test_it():\n    open('left.png', 'w').close()\n")
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--doctest-modules", "."]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stdout
    assert "2 passed" in done.stdout
    assert "left in the checkout" in done.stdout
    assert "  left.png" in done.stdout
    assert not (tmp_path / "beside.png").exists()
