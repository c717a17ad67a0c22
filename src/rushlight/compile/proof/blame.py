"""Which kernel is at fault when a program disagrees with the interpreter."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rushlight.compile.graph import Graph
from rushlight.compile.interpret import evaluate
from rushlight.compile.native.program import Program
from rushlight.compile.pipeline import build, schedule
from rushlight.compile.proof.check import disagreements
from rushlight.compile.proof.reproducer import save
from rushlight.core.anomaly import warn
from rushlight.core.atomic import struck
from rushlight.core.tensor import wrap

__all__ = ["APART", "blame", "report", "report_failure"]

PREFIX, KEPT = "rushlight-mismatch-", 10
"""Of the folders that reproduce a fault, so many, the latest, stay in the folder for temporary files."""
APART = "none by itself: where the values lie in memory, or what is copied at the end"


def blame(graph: Graph, arrays: Sequence[Any], fuse: bool) -> str:
    """The first kernel whose result is wrong, in words.

    The same kernels are compiled once more, with all that they store among the results and nothing written
    over anything; then the values are compared in the order in which they are made.
    """
    plan = schedule(graph, fuse)
    graph = plan.graph
    stored = [(kernel, v) for kernel in plan.kernels for v in kernel.stores]
    values = [v for _, v in stored]
    open_graph = Graph(graph.inputs, graph.nodes, values)
    program = Program(build(open_graph, fuse), [wrap(a) for a in arrays], len(arrays))
    try:
        found = program.run([wrap(a.copy()) for a in arrays])
    except Exception as error:
        if struck(error):
            raise
        return f"unknown; the program fails ({type(error).__name__}: {error})"
    expected = evaluate(graph, arrays)
    wrong = disagreements(graph, arrays, values, found, [expected[id(v)] for v in values])
    if not wrong:
        return APART
    kernel, value = stored[wrong[0]]
    return f"{kernel.kind} kernel {kernel.name}, shape {value.spec.shape}, which makes {value}"


def report(graph: Graph, arrays: Sequence[Any], mode: str, fault: str = "") -> None:
    """Warn that a program is wrong: which kernel is at fault, looked for where it is not known, and a folder
    that reproduces it."""
    try:
        fault = fault or blame(graph, arrays, mode == "full")
    except Exception as error:
        if struck(error):
            raise
        fault = f"not found ({type(error).__name__}: {error})"
    again = _reproducer(graph, arrays, mode)
    warn(
        "rl.compile: a compiled program disagrees with the interpreter on its first inputs. The "
        f"interpreter's result is used, now and for every later call. Kernel at fault: {fault}. "
        f"To reproduce: {again}. Please report it."
    )


def report_failure(graph: Graph, arrays: Sequence[Any], mode: str, error: Exception) -> None:
    """Warn that a graph could not be compiled."""
    again = _reproducer(graph, arrays, mode)
    warn(
        f"rl.compile: a program could not be compiled ({type(error).__name__}: {error}). It runs on NumPy, "
        f"slowly. To reproduce: {again}. Please report it."
    )


def _reproducer(graph: Graph, arrays: Sequence[Any], mode: str) -> str:
    """The command that runs the graph again."""
    try:
        _drop_old()
        folder = tempfile.mkdtemp(prefix=PREFIX)
        save(folder, graph, arrays, mode)
    except Exception as error:
        if struck(error):
            raise
        return f"it could not be saved ({type(error).__name__}: {error})"
    return f"python -m rushlight.compile.proof.replay {folder}"


def _drop_old() -> None:
    """Make room for one more folder: of this user's, the oldest go."""
    mine = []
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            info = path.lstat()
            own = not hasattr(os, "getuid") or info.st_uid == os.getuid()
            if own and stat.S_ISDIR(info.st_mode):
                mine.append((info.st_mtime, path))
    for _, path in sorted(mine)[: max(len(mine) - KEPT + 1, 0)]:
        shutil.rmtree(path, ignore_errors=True)
