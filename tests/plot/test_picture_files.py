"""How pictures reach a file, and that nothing is loaded before one is drawn."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("matplotlib")

from rushlight import plot
from rushlight.errors import ArgumentError

LOSS = {"loss": [1.0, 0.5, 0.3]}


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("A.PNG", b"\x89PNG"), ("a.pdf", b"%PDF")]
)
def test_format_follows_the_ending(tmp_path, name, start):
    plot.curves(LOSS, path=tmp_path / "new" / name)
    assert (tmp_path / "new" / name).read_bytes().startswith(start)
    assert [file.name for file in (tmp_path / "new").iterdir()] == [name]


def test_same_picture_gives_the_same_file(tmp_path):
    for name in ("a.png", "b.png"):
        plot.curves(LOSS, path=str(tmp_path / name))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_unknown_ending(tmp_path):
    with pytest.raises(ArgumentError, match=r"'a\.jpg'.*\.png, \.svg or \.pdf"):
        plot.curves(LOSS, path=tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ArgumentError, match=r"plot\.curves.*cannot be written.*another folder"):
        plot.curves(LOSS, path=tmp_path / "file" / "a.png")
    assert (tmp_path / "file").read_text() == "kept"


def test_target_that_is_a_folder_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ArgumentError, match="cannot be written"):
        plot.curves(LOSS, path=tmp_path / "a.png")
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_threads_draw_at_once(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: plot.curves(LOSS, path=tmp_path / f"{n}.png"), range(4)))
    assert len({file.read_bytes() for file in tmp_path.iterdir()}) == 1


def run(code: str) -> str:
    # The child finds the package where this process does, installed or not.
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_no_matplotlib_and_drawing_loads_no_pyplot():
    out = run(
        "import sys, rushlight.plot as plot\n"
        "print('matplotlib' in sys.modules, 'curves' in dir(plot))\n"
        "plot.graph_dot\n"
        "print('matplotlib' in sys.modules)\n"
        "plot.curves({'loss': [1.0, 0.5]})\n"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)\n"
    )
    assert out.split() == ["False", "True", "False", "True", "False"]


def test_without_matplotlib_the_error_says_what_to_install():
    out = run(
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "import rushlight.plot as plot\n"
        "from rushlight.errors import NotSupportedError\n"
        "try:\n"
        "    plot.curves({'loss': [1.0, 0.5]})\n"
        "except NotSupportedError as problem:\n"
        "    print(isinstance(problem, ImportError), problem.name, problem)\n"
    )
    assert out.startswith("True matplotlib plot.curves needs matplotlib")
    assert 'pip install "rushlight[app]"' in out


def test_unknown_picture():
    with pytest.raises(AttributeError, match="no 'pie'"):
        plot.pie  # noqa: B018
    assert all(callable(getattr(plot, name)) for name in plot.__all__)
