"""Programs for graphs that were met before: to write one takes many times as long as to know it again.

On disk, a program that was proved is noted: the names of its objects there, and the few facts that a call
needs. Another process with the same graph, compiler and processor neither writes nor proves it again. In
memory they are remembered inside ``with reuse()``, for sweeps make the same few graphs again and again.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib.util
import json
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rushlight.compile import host
from rushlight.compile.graph import Graph, structure
from rushlight.compile.native import cache, jit
from rushlight.compile.native.facts import Facts
from rushlight.compile.native.program import Program
from rushlight.compile.native.threads import wait_address
from rushlight.compile.pipeline import Recalled, build, verifies
from rushlight.compile.write import library
from rushlight.core.tensor import Tensor

__all__ = ["make_program", "note", "reuse"]

MOST = 64
OWN = ("lifted", "_free", "_lock", "_written")
"""What belongs to one user of a program, not to the program."""
WRITERS = "compile", "core", "device", "ops"
"""Folders of the package whose files decide what a graph becomes."""
WAIT = "rushlight_wait"

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


def make_program(
    graph: Graph, lifted: Sequence[Tensor], arguments: int, fuse: bool
) -> tuple[Program, str | None]:
    """(a program for the graph, its name where it may be noted once it is proved): a copy of one for an equal
    graph, one that was noted before, or a new one."""
    key = _key(graph)
    met = (key, arguments, fuse) if _reusing.on and key is not None else None
    if met is not None and met in _known:
        return _known[met].apart(lifted), None
    name = _name(key, fuse)
    recalled = None if name is None else _recall(name, graph, fuse)
    made = Program(recalled or build(graph, fuse), lifted, arguments)
    if met is not None:
        kept = copy.copy(made)
        for own in OWN:
            vars(kept).pop(own, None)
        _known[met] = kept
        if len(_known) > MOST:
            del _known[next(iter(_known))]
    return made, name


def note(program: Program, name: str | None) -> None:
    """Note on disk that a program was proved."""
    if name is None or program.facts.callbacks:  # whose nodes are Python's
        return
    about = {
        "objects": program.native.keys,
        "symbols": program.native.symbols,
        "facts": program.facts.to_json(),
    }
    cache.store(name, json.dumps(about).encode())


def _recall(name: str, graph: Graph, fuse: bool) -> Recalled | None:
    """The program that was noted by this name, if all of it is still there."""
    noted = cache.load(name)
    if noted is None:
        return None
    about = json.loads(noted)
    names = [symbol for symbol in about["symbols"] if symbol != WAIT]
    native = jit.recall(about["objects"], {WAIT: wait_address(), **library.addresses(names)})
    return None if native is None else Recalled(graph, native, Facts(**json.loads(about["facts"])), fuse)


def _key(graph: Graph) -> Any:
    """All that a program depends on, hashable; None where that cannot be said."""
    try:
        return structure(graph)
    except TypeError:
        return None


def _name(key: Any, fuse: bool) -> str | None:
    """What a graph's program is called on disk; None where it is not kept there, or where all is verified."""
    settings = None if key is None or verifies() or cache.folder() is None else _settings(host.describe())
    return None if settings is None else cache.key_of(repr(key), repr(fuse), settings)


@functools.cache
def _settings(described: host.Host) -> str | None:
    """All that a program depends on beside its graph; None where the compiler's files cannot be looked at."""
    openblas = importlib.util.find_spec("scipy_openblas32")  # it does large products, where it is there
    package = Path(__file__).parents[2]
    try:
        files = [
            (entry.path, entry.stat().st_size, entry.stat().st_mtime_ns)
            for name in WRITERS
            for folder, *_ in os.walk(package / name)
            for entry in os.scandir(folder)
            if entry.name.endswith(".py")
        ]
    except OSError:
        return None
    if not files:
        return None
    others = jit.settings(described), str(openblas and openblas.origin)
    return cache.key_of(repr(described), *others, repr(sorted(files)))
