"""Which Python code runs while a function is traced, and what of the world outside it asks for."""

from __future__ import annotations

import datetime
import dis
import gc
import os
import time
import types
from collections.abc import Callable, Iterable
from typing import Any

from rushlight.compile.capture.events import Listener, listener
from rushlight.compile.capture.words import is_dynamic, is_own_code, is_standard, words_of
from rushlight.core.anomaly import user_line, written_line
from rushlight.core.state import READERS
from rushlight.device import outside

__all__ = ["CLOCKS", "Ran"]

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
SOURCES = ("importlib", "inspect", "tokenize", "traceback", "zipimport")
"""Standard modules that read source code."""
CLOCKS = frozenset(
    (
        *(
            getattr(time, n + unit)
            for n in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
            for unit in ("", "_ns")
            if hasattr(time, n + unit)
        ),
        time.localtime,
        time.gmtime,
        datetime.datetime.now,
        datetime.datetime.utcnow,
        datetime.date.today,
        datetime.datetime.today,
        os.urandom,
        getattr(os, "getrandom", os.urandom),
    )
)
"""What answers anew each time."""
FILES = frozenset(
    (open, input, os.open, os.stat, os.lstat, os.listdir, os.scandir, os.access, outside.READS_NATIVELY)
)
"""What may answer otherwise when a file was changed; or it fills a cache, and is not called again."""

READERS.update(function.__code__ for function in outside.READERS)


class Ran:
    """This thread's Python code is noted as it runs, from `begin` to `end`.

    codes    each code object outside Rushlight and NumPy, with its globals.
    words    the names that they mention; None, for all names, where some of them compute names.
    outside  what was asked of the world outside that differs each time: a clock, random numbers, a file.
    passing  whether that may have been asked once and for all.
    """

    def __init__(self) -> None:
        self.codes: dict[types.CodeType, Any] = {}
        self.outside: str | None = None
        self.passing = True
        self.words: frozenset[str] | None = frozenset()
        self.mentioned: frozenset[str] = frozenset()
        self.complete = True
        self._collects = False
        self._listener: Listener | None = None

    def begin(self) -> None:
        """Note from now on."""
        # What others have called at a collection is not the function's doing.
        self._collects = gc.isenabled()
        gc.disable()
        self._listener = listener(self._begun, self._asked, CLOCKS | FILES)
        self.complete = self._listener.start()

    def end(self) -> None:
        """Note no more, and leave all as it was; what did so halfway may do it again."""
        self.rest()
        if self._collects:
            gc.enable()
        if self._listener is not None:
            self.words = self._words()
            self._listener = None

    def rest(self) -> None:
        """The program's own code is through: what runs from now on is not noted."""
        if self._listener is not None:
            self.complete = self._listener.stop() and self.complete

    def aside(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """``run(op, inputs, attrs)``, without listening where it runs no code of the program's."""
        return run if self._listener is None else self._listener.aside(run)

    def _begun(self, frame: Any) -> None:
        if not is_own_code(frame.f_globals):
            self.codes[frame.f_code] = frame.f_globals
        elif frame.f_code in READERS:
            self._note(frame.f_code.co_name, True)

    def _asked(self, frame: Any, what: Any) -> None:
        if is_own_code(frame.f_globals) or _is_noting(frame.f_code.co_filename):
            return
        self._note(what.__name__, what in FILES)

    def _note(self, name: str, passing: bool) -> None:
        if self.outside is None or (self.passing and not passing):
            self.outside, self.passing = f"{name}() at {user_line()}", passing

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
            file = code.co_filename
            if is_dynamic(code) and not (is_standard(file) and _module(file) in QUIET):
                return None
        return self.mentioned


def _is_noting(filename: str) -> bool:
    """Whether code is of what writes messages, as happens while tracing only, and looks up lines for it."""
    return is_standard(filename) and _module(filename) in (*QUIET, *SOURCES)


def _module(filename: str) -> str:
    """The name of a standard module, or of the package that it is in."""
    parts = filename.removeprefix("<frozen ").removesuffix(">").removesuffix(".py").split(os.sep)
    name = parts[-2] if parts[-1] == "__init__" else parts[-1]
    return name.split(".")[0]
