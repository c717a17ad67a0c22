"""The few pieces of HTML that the pages are made of. Every text from outside passes `escaped`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from html import escape
from typing import Any

__all__ = ["escaped", "facts", "fold", "pre", "shortened", "table"]

GAP = "\u22ef"
"""Stands for what is left out."""
CELL = "padding:1px 8px"


def escaped(value: Any) -> str:
    """The text of a value, safe inside a page.

    >>> escaped("a < b")
    'a &lt; b'
    """
    return escape(str(value))


def facts(*parts: Any) -> str:
    """A faint line of facts; empty ones are left out."""
    text = " \u00b7 ".join(escaped(part) for part in parts if part)
    return f'<div style="opacity:.75;font-size:90%">{text}</div>'


def pre(text: str) -> str:
    """Text as it is, line by line."""
    return f'<pre style="margin:2px 0">{escaped(text)}</pre>'


def fold(head: str, body: str, opened: bool = False) -> str:
    """A part that a click opens and closes; `head` and `body` are HTML."""
    state = " open" if opened else ""
    return f'<details{state}><summary style="cursor:pointer">{head}</summary>{body}</details>'


def table(
    names: Sequence[Any], rows: Iterable[Sequence[Any]], left: Container[int] = (), marked: int = -1
) -> str:
    """Rows under their names: the columns at the places `left` flush left, others flush right; row `marked`
    bold."""
    head = "".join(_cell("th", name, place in left) for place, name in enumerate(names))
    lines = [f"<tr>{head}</tr>"] if names else []
    for number, row in enumerate(rows):
        cells = "".join(_cell("td", value, place in left) for place, value in enumerate(row))
        weight = ' style="font-weight:bold"' if number == marked else ""
        lines.append(f"<tr{weight}>{cells}</tr>")
    return f'<table style="border-collapse:collapse;font-size:90%">{"".join(lines)}</table>'


def _cell(kind: str, value: Any, left: bool) -> str:
    side = "left" if left else "right"
    return f'<{kind} style="text-align:{side};white-space:nowrap;{CELL}">{escaped(value)}</{kind}>'


def shortened(items: Sequence[Any], most: int) -> tuple[list[Any], list[Any]]:
    """The first and the last of more than `most` items; of fewer, all, and nothing.

    >>> shortened([1, 2, 3, 4, 5, 6], 4), shortened([1, 2], 4)
    (([1, 2], [5, 6]), ([1, 2], []))
    """
    if len(items) <= most:
        return list(items), []
    return list(items[: most // 2]), list(items[-(most // 2) :])
