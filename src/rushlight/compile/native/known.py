"""Programs for graphs that were met before: to write one takes many times as long as to know it again.

Only inside ``with reuse()``, which sweeps use: they make the same few graphs again and again.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from rushlight.compile.graph import Graph, structure
from rushlight.compile.native.program import Program
from rushlight.compile.pipeline import build
from rushlight.core.tensor import Tensor

__all__ = ["make_program", "reuse"]

MOST = 64
OWN = ("lifted", "_free", "_lock", "_written")
"""What belongs to one user of a program, not to the program."""

_known: dict[Any, Program] = {}


class _Reusing(threading.local):
    on = False


_reusing = _Reusing()


@contextlib.contextmanager
def reuse() -> Iterator[None]:
    """Programs are remembered, and known again, in this thread."""
    before, _reusing.on = _reusing.on, True
    try:
        yield
    finally:
        _reusing.on = before


def make_program(graph: Graph, lifted: Sequence[Tensor], arguments: int, fuse: bool) -> Program:
    """A program for the graph: a copy of one for an equal graph, or a new one."""
    met = (_key(graph), arguments, fuse) if _reusing.on else None
    if met is None or met[0] is None:
        return Program(build(graph, fuse), lifted, arguments)
    found = _known.get(met)
    if found is not None:
        return found.apart(lifted)
    made = Program(build(graph, fuse), lifted, arguments)
    kept = copy.copy(made)
    for name in OWN:
        vars(kept).pop(name, None)
    _known[met] = kept
    if len(_known) > MOST:
        del _known[next(iter(_known))]
    return made


def _key(graph: Graph) -> Any:
    """All that a program depends on, hashable; None where that cannot be said."""
    try:
        return structure(graph)
    except TypeError:
        return None
