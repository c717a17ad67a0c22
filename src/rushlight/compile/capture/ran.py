"""Which Python code runs while a function is traced, and what of the world outside it asks for."""

from __future__ import annotations

import datetime
import dis
import functools
import gc
import os
import sys
import sysconfig
import time
import types
from collections.abc import Iterable, Mapping
from typing import Any

from rushlight.core.anomaly import user_line, written_line
from rushlight.core.state import MAKERS

__all__ = ["Ran", "globals_of", "imports_of", "is_own_code", "is_standard", "stored_by", "words_of"]

_OWN = ("rushlight", "numpy", "llvmlite")
_STANDARD = tuple({sysconfig.get_path(p) + os.sep for p in ("stdlib", "platstdlib")})
_OTHERS = tuple(os.path.join(s, "site-packages") for s in _STANDARD)
DYNAMIC = frozenset(
    ("vars", "__dict__", "attrgetter", "methodcaller", "__getattribute__", "globals", "locals", "getattr")
)
"""Names of what reads attributes whose names no code mentions."""
QUIET = (
    "_collections_abc",
    "abc",
    "contextlib",
    "enum",
    "functools",
    "linecache",
    "logging",
    "threading",
    "typing",
    "warnings",
)
"""Standard modules that read attributes by name, but none of the user's data."""
CLOCKS = frozenset(
    (
        *(
            getattr(time, n + unit)
            for n in ("time", "monotonic", "perf_counter", "process_time")
            for unit in ("", "_ns")
        ),
        datetime.datetime.now,
        datetime.datetime.utcnow,
        datetime.date.today,
        datetime.datetime.today,
        os.urandom,
    )
)
"""What answers anew each time."""


def is_own_code(space: Mapping[str, Any]) -> bool:
    """Whether code with these globals is Rushlight's, or that of a library below it."""
    name = space.get("__name__")
    if type(name) is not str:
        return False
    # What namedtuple writes has globals of its own, with nothing of the user's.
    return name.split(".")[0] in _OWN or name.startswith("namedtuple_")


@functools.lru_cache(65536)
def is_standard(filename: str) -> bool:
    """Whether code is of Python's standard library."""
    if filename.startswith("<frozen "):
        return True
    return filename.startswith(_STANDARD) and not filename.startswith(_OTHERS)


@functools.lru_cache(8192)
def words_of(code: types.CodeType) -> frozenset[str]:
    """The names and the texts that code mentions itself."""
    found = set(code.co_names)
    stack = list(code.co_consts)
    while stack:
        constant = stack.pop()
        if type(constant) is str:
            found.add(constant)
        elif type(constant) in (tuple, frozenset):
            stack += constant
    return frozenset(found)


@functools.lru_cache(8192)
def globals_of(code: types.CodeType) -> frozenset[str]:
    """The globals that code names."""
    if "globals" in code.co_names:
        return words_of(code)
    ops = ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "STORE_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
    return frozenset(i.argval for i in dis.get_instructions(code) if i.opname in ops)


@functools.lru_cache(8192)
def stored_by(code: types.CodeType) -> frozenset[str]:
    """The globals that code assigns."""
    return frozenset(i.argval for i in dis.get_instructions(code) if i.opname == "STORE_GLOBAL")


@functools.lru_cache(8192)
def imports_of(code: types.CodeType) -> tuple[str, ...]:
    """The modules that code imports when it runs."""
    if "IMPORT_NAME" not in {i.opname for i in dis.get_instructions(code)}:
        return ()
    return tuple(n for n in code.co_names if n in sys.modules)


@functools.lru_cache(8192)
def is_dynamic(code: types.CodeType) -> bool:
    """Whether code reads attributes by names that it computes."""
    asked = DYNAMIC.intersection(code.co_names)
    if not asked:
        return False
    if asked != {"getattr"}:
        return True
    rows = [
        i
        for i in dis.get_instructions(code)
        if i.opname not in ("PUSH_NULL", "PRECALL", "CACHE", "EXTENDED_ARG")
    ]
    return any(r.argval == "getattr" and not _names_a_text(rows[k + 1 :]) for k, r in enumerate(rows))


def _names_a_text(rows: list[Any]) -> bool:
    """Whether the second argument of the call that is put together here is a text."""
    given: list[Any] = []
    for row in rows:
        if row.opname.startswith(
            ("LOAD_CONST", "LOAD_FAST_BORROW", "LOAD_GLOBAL", "LOAD_DEREF")
        ) or row.opname in (
            "LOAD_FAST",
            "LOAD_FAST_CHECK",
            "LOAD_NAME",
            "LOAD_SMALL_INT",
        ):
            if row.opname in ("LOAD_FAST_BORROW_LOAD_FAST_BORROW",):
                return False
            given.append(row)
        elif row.opname != "LOAD_ATTR":
            return (
                row.opname.startswith("CALL")
                and len(given) > 1
                and given[1].opname == "LOAD_CONST"
                and type(given[1].argval) is str
            )
    return False


class Ran:
    """A context in which this thread's Python code is noted as it runs.

    codes    each code object outside Rushlight and NumPy, with its globals.
    words    the names that they mention; None, for all names, where some of them compute names.
    outside  what was asked of the world outside that differs each time: a clock, random numbers.
    """

    def __init__(self) -> None:
        self.codes: dict[types.CodeType, Any] = {}
        self.outside: str | None = None
        self.words: frozenset[str] | None = frozenset()
        self.mentioned: frozenset[str] = frozenset()
        self.complete = True
        self._seen: set[types.CodeType] = set()
        self._importing: Any = None

    def __enter__(self) -> Ran:
        self._before = sys.getprofile()
        self.complete = self._before is None  # a profiler keeps its place
        # What others have called at a collection is not the function's doing.
        self._collects = gc.isenabled()
        gc.disable()
        if self.complete:
            sys.setprofile(self._note)
        return self

    def __exit__(self, *error: object) -> None:
        if self.complete:
            sys.setprofile(None)
        if self._collects:
            gc.enable()
        self._importing = None
        self.words = self._words()

    def _note(self, frame: Any, event: str, what: Any) -> None:
        if self._importing is not None:  # what a module does when it is loaded, it does once
            if event == "return" and frame is self._importing:
                self._importing = None
            return
        if event == "call":
            code = frame.f_code
            if code.co_filename.startswith("<frozen importlib") or code in MAKERS:
                self._importing = frame
            elif code not in self._seen:
                self._seen.add(code)
                if not is_own_code(frame.f_globals):
                    self.codes[code] = frame.f_globals
        elif event != "c_call" or self.outside is not None:
            return
        elif what in CLOCKS and not is_own_code(frame.f_globals):
            self.outside = f"{what.__name__}() at {user_line()}"

    def line_of(self, names: Iterable[str]) -> str:
        """Where the program first mentions one of these names of functions; "" if nowhere."""
        wanted = {name for name in names if not name.startswith("_")}
        for code in self.codes:
            if is_standard(code.co_filename) or wanted.isdisjoint(code.co_names):
                continue
            for row in dis.get_instructions(code):
                if row.argval in wanted and row.opname.startswith("LOAD_") and row.positions is not None:
                    return written_line(code.co_filename, row.positions.lineno or 0, code.co_name)
        return ""

    def asks_types(self) -> bool:
        """Whether code may ask what type a number has, which only `isinstance` gets answered rightly."""
        return any("type" in code.co_names for code in self.codes if not is_standard(code.co_filename))

    def add(self, other: Ran) -> None:
        """Also what ran there."""
        self.codes.update(other.codes)
        self.words = self._words()

    def _words(self) -> frozenset[str] | None:
        self.mentioned = frozenset().union(*map(words_of, self.codes))
        for code in self.codes:
            name = os.path.basename(code.co_filename).removesuffix(".py").removeprefix("<frozen ").rstrip(">")
            if is_dynamic(code) and not (is_standard(code.co_filename) and name in QUIET):
                return None
        return self.mentioned
