"""The table from ONNX's operators to functions of tensors, which the files of this folder fill.

A function takes the node's inputs (None for one that is left out), its attributes by their names, and gives
the output, or a tuple of several. One that has a parameter `outputs` is told how many outputs are read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["READERS", "Reader", "find", "reads", "same_as"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Reader:
    """What computes an operator from version `since` of its operator set on.

    counts  whether the function is told the number of outputs.
    random  whether each call gives other numbers.
    """

    since: int
    function: Callable[..., Any]
    counts: bool = False
    random: bool = False

    def unknown(self, attrs: Iterable[str]) -> list[str]:
        """Which of these attributes the function does not know."""
        known = inspect.signature(self.function).parameters
        if any(p.kind is p.VAR_KEYWORD for p in known.values()):
            return []
        return [
            name for name in attrs if name not in known or known[name].kind is not known[name].KEYWORD_ONLY
        ]


READERS: dict[tuple[str, str], list[Reader]] = {}
"""For each (domain, operator) the readers, the newest first."""


def reads(*names: str, since: int = 1, domain: str = "", random: bool = False) -> Callable[[F], F]:
    """Enter a function for operators of these names."""

    def enter(function: F) -> F:
        counts = "outputs" in inspect.signature(function).parameters
        for name in names:
            found = READERS.setdefault((domain, name), [])
            found.append(Reader(since, function, counts, random))
            found.sort(key=lambda reader: -reader.since)
        return function

    return enter


def same_as(**functions: Callable[..., Any]) -> None:
    """Enter functions that take just what the operators of their names take."""
    for name, function in functions.items():
        READERS[("", name)] = [Reader(1, function)]


def find(domain: str, name: str, version: int) -> Reader | None:
    """What computes an operator of this version of its operator set; None where nothing does."""
    for reader in READERS.get((domain, name), ()):
        if reader.since <= version:
            return reader
    return None
