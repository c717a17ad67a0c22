"""Programs that went wrong, on disk, and run again from there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile import pipeline
from rushlight.compile.capture.trace import trace
from rushlight.compile.function import compile
from rushlight.compile.proof.replay import replay
from rushlight.compile.proof.reproducer import load, save

pytest.importorskip("llvmlite")


def _replay(folder: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rushlight.compile.proof.replay", str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def _everything(x: rl.Tensor, y: rl.Tensor) -> Any:
    """Attributes and numbers of every kind that a graph on disk has to hold."""
    part = x[1:, ::2].sum(0, keepdim=True) * float("inf")
    return part, y.clamp(min=-1).to(rl.float64), x.masked_fill(x > 0.5, float("nan")), x[:, None, y], x.T @ x


def test_a_graph_on_disk_replays_in_another_process(tmp_path: Any) -> None:
    traced = trace(_everything, [rl.rand(3, 4), rl.arange(3)])
    save(str(tmp_path), traced.graph, [t.array for t in traced.lifted], "full")
    loaded, arrays, mode = load(str(tmp_path))
    assert (str(loaded), mode) == (str(traced.graph), "full")
    for a, b in zip(arrays, traced.lifted, strict=True):
        np.testing.assert_array_equal(a, b.array)
    done = _replay(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "agrees with the interpreter" in done.stdout


def test_what_is_no_graph_on_disk_is_refused(tmp_path: Any) -> None:
    done = _replay(tmp_path)
    assert done.returncode == 2
    assert "graph.json" in done.stderr
    assert "Traceback" not in done.stderr
    (tmp_path / "graph.json").write_text("{}")
    with pytest.raises(rl.errors.DataError, match=r"graph\.json"):
        replay(str(tmp_path))


def test_a_program_that_cannot_be_compiled_is_reproduced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(pipeline, "render", lambda *args: 1 / 0)
    with pytest.warns(UserWarning, match="could not be compiled") as caught:
        compile(lambda x: x * 2)(rl.ones(3))
    folder = re.search(r"replay (\S+?)\. ", str(caught[0].message))
    assert folder is not None
    right, report = replay(folder[1])
    assert not right
    assert "ZeroDivisionError" in report
    assert _replay(folder[1]).returncode == 0  # nothing is planted there


def test_of_many_faults_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A program that fails a thousand times must not fill the folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(pipeline, "render", lambda *args: 1 / 0)
    (tmp_path / "rushlight-mismatch-file").write_text("somebody's")
    (tmp_path / "rushlight-mismatch-link").symlink_to(tmp_path)
    folders = []
    for size in range(1, 14):
        with pytest.warns(UserWarning, match="could not be compiled") as caught:
            compile(lambda x: x * 2)(rl.ones(size))
        folder = re.search(r"replay (\S+?)\. ", str(caught[0].message))
        assert folder is not None
        folders.append(folder[1])
        os.utime(folder[1], (size, size))
    assert [os.path.exists(folder) for folder in folders] == [False] * 3 + [True] * 10
    assert (tmp_path / "rushlight-mismatch-file").exists()
    assert (tmp_path / "rushlight-mismatch-link").exists()
