"""What a code object says of itself: whose it is, and the names that it mentions."""

from __future__ import annotations

import dis
import functools
import os
import sys
import sysconfig
import types
from collections.abc import Mapping
from typing import Any

__all__ = [
    "globals_of",
    "imports_of",
    "is_dynamic",
    "is_own_code",
    "is_standard",
    "stored_by",
    "words_of",
]

_OWN = ("rushlight", "numpy", "llvmlite")
_STANDARD = tuple({sysconfig.get_path(p) + os.sep for p in ("stdlib", "platstdlib")})
_OTHERS = tuple(os.path.join(s, "site-packages") for s in _STANDARD)
DYNAMIC = frozenset(
    ("vars", "__dict__", "attrgetter", "methodcaller", "__getattribute__", "globals", "locals", "getattr")
)
"""Names of what reads attributes whose names no code mentions."""


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
    return _named_by("STORE_GLOBAL", code)


@functools.lru_cache(8192)
def imports_of(code: types.CodeType) -> tuple[str, ...]:
    """The modules that code imports when it runs."""
    if not _named_by("IMPORT_NAME", code):
        return ()
    return tuple(n for n in code.co_names if n in sys.modules)


def _named_by(instruction: str, code: types.CodeType) -> frozenset[str]:
    """The names that instructions of that kind have."""
    if dis.opmap[instruction] not in code.co_code[::2]:  # at a glance: arguments may look like one
        return frozenset()
    return frozenset(i.argval for i in dis.get_instructions(code) if i.opname == instruction)


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
