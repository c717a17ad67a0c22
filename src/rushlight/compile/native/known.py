"""Programs for graphs that were met before: to write one takes many times as long as to know it again.

Only inside ``with reuse()``, which sweeps use: they make the same few graphs again and again.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from rushlight.compile.graph import Graph, Value
from rushlight.compile.native.program import Program
from rushlight.core.tensor import Tensor
from rushlight.device import xp

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
    key = (_key(graph), arguments, fuse) if _reusing.on else None
    if key is None or key[0] is None:
        return Program(graph, lifted, arguments, fuse)
    found = _known.get(key)
    if found is not None:
        return found.apart(lifted)
    made = Program(graph, lifted, arguments, fuse)
    kept = copy.copy(made)
    for name in OWN:
        vars(kept).pop(name, None)
    _known[key] = kept
    if len(_known) > MOST:
        del _known[next(iter(_known))]
    return made


def _key(graph: Graph) -> Any:
    """All that a program depends on, hashable; None where that cannot be said."""
    places: dict[int, int] = {}
    for v in (*graph.inputs, *(node.out for node in graph.nodes)):
        places[id(v)] = len(places)

    def plain(value: Any) -> Any:
        if isinstance(value, Value):
            return Value, places[id(value)]
        if isinstance(value, tuple | list):
            return type(value), *map(plain, value)
        if isinstance(value, xp.dtype):
            return xp.dtype, value.str
        if isinstance(value, bool | int | float | str | None | slice | type(Ellipsis)):
            return type(value), repr(value)  # 0.0 and -0.0 are equal, and differ
        raise TypeError

    try:
        return (
            tuple((v.spec.shape, v.spec.dtype.str) for v in graph.inputs),
            tuple(
                (
                    id(n.op),
                    plain(n.inputs),
                    tuple((k, plain(v)) for k, v in n.attrs.items()),
                    n.out.spec.shape,
                )
                for n in graph.nodes
            ),
            plain(graph.outputs),
            plain(graph.updates),
            frozenset(graph.late),
        )
    except TypeError:
        return None
