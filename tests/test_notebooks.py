"""The notebooks of `examples/` run from top to bottom, and show what they promise.

They are stored without outputs: no figure grows stale, and a change shows as what was changed. Here they are
executed, in a kernel, as a reader does.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")
nbformat = pytest.importorskip("nbformat", reason="pip install nbclient ipykernel")
nbclient = pytest.importorskip("nbclient", reason="pip install nbclient ipykernel")
pytest.importorskip("ipykernel", reason="pip install nbclient ipykernel")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")

    def run(notebook: Any) -> Any:
        resources = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
        return notebook

    return run


def shown(cell: Any, kind: str) -> list[str]:
    return [output["data"][kind] for output in cell.outputs if kind in output.get("data", {})]


def test_there_are_three() -> None:
    assert len(NOTEBOOKS) == 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_they_are_stored_without_outputs(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_they_run(path: Path, execute: Any) -> None:
    notebook = execute(read(path))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        assert not [o for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"], cell.outputs
        last = cell.source.splitlines()[-1]
        if "plot." in last:  # a picture, though nothing asked for pyplot's
            (picture,) = shown(cell, "image/png")
            assert base64.b64decode(picture).startswith(b"\x89PNG")
        if ".fit(" in last or ".sweep(" in last:  # one output, which was drawn again
            (page,) = shown(cell, "text/html")
            assert "<svg" in page
            assert "<progress" not in page
    pages = [page for cell in code for page in shown(cell, "text/html")]
    assert any("<details" in page or "<table" in page for page in pages)
