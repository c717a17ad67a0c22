"""Docstrings as Markdown, for the site: columns of parameters become tables, formulas MathML."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import griffe

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "src")]

from scripts.site import api, formulas  # noqa: E402

COLUMN = re.compile(r"(\*{0,2}\w[\w.*]*(?:, \*{0,2}\w+)*) {2,}(\S.*)")
NAME = re.compile(r"`([A-Za-z_][\w.]*)`")


class Docstrings(griffe.Extension):
    """Rewrites each docstring as its object is read."""

    def __init__(self) -> None:
        self.known = api.entries()

    def on_instance(self, *, node: Any, obj: griffe.Object, agent: Any, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value, self.known, obj.path)


def as_markdown(text: str, known: dict[str, str] | None = None, path: str = "") -> str:
    """The docstring `text` as Markdown.

    >>> print(as_markdown("The rest.\\n\\nx    a number,\\n     or ``two``\\ny    x^2"))
    The rest.
    <BLANKLINE>
    | | |
    |---|---|
    | `x` | a number, or `two` |
    | `y` | <span><math><msup><mi>x</mi><mn>2</mn></msup></math></span> |
    """
    blocks = re.split(r"\n\s*\n", text.strip("\n"))
    made, doctest, formula = [], [], False
    for block in blocks:
        lines = block.split("\n")
        if doctest or block.lstrip().startswith(">>> "):
            doctest.append(block)
        elif formula and block.startswith("    "):
            made.append(_literal(block))
            formula = False
        elif len(columns := _columns(lines)) and columns[0][0] != "":
            rows = [f"| `{name}` | {_inline(told, known, path, table=True)} |" for name, told in columns]
            made.append("\n".join(["| | |", "|---|---|", *rows]))
        else:
            formula = block.endswith("::")
            made.append(_inline(re.sub(r"::$", ":", block), known, path))
    if doctest:
        made.append("```pycon\n" + "\n\n".join(doctest) + "\n```")
    return "\n\n".join(made)


def _columns(lines: list[str]) -> list[tuple[str, str]]:
    """Name and text of each row, if the block is a table of columns; empty for prose."""
    rows: list[tuple[str, str]] = []
    for line in lines:
        if match := COLUMN.fullmatch(line):
            rows.append((match[1], match[2]))
        elif rows and line.startswith("  "):
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}")
        elif rows and (match := re.fullmatch(r"(\w+) (\S.*)", line)) and len(lines) > 1:
            rows.append((match[1], match[2]))  # a name as wide as its column
        else:
            return []
    return rows


def _literal(block: str) -> str:
    """An indented block: formulas if it reads as such, else code."""
    lines = [line[4:] for line in block.split("\n")]
    display = formulas.display(lines)
    return display if display else "```python\n" + "\n".join(lines) + "\n```"


def _inline(text: str, known: dict[str, str] | None, path: str, table: bool = False) -> str:
    """Double backticks as single ones, names as links, formulas as MathML."""
    text = text.replace("``", "`").replace("\\|", "|")
    parts = re.split(r"(`[^`]*`)", text)
    made = []
    for part in parts:
        if part.startswith("`"):
            made.append(_link(part, known or {}, path))
        else:
            made.append(formulas.inline(part))
    joined = "".join(made)
    return joined.replace("|", "&#124;") if table else joined


def _link(code: str, known: dict[str, str], path: str) -> str:
    match = NAME.fullmatch(code)
    if not match:
        return code
    name = match[1].removeprefix("rl.").removeprefix("rushlight.").replace("F.", "nn.functional.", 1)
    package = path.removeprefix("rushlight.").split(".")
    for depth in range(len(package), -1, -1):
        there = known.get(".".join([*package[:depth], name]))
        if there and there != path:
            return f"[{code}][{there}]"
    if there := known.get(f"nn.{name}"):
        return code if there == path else f"[{code}][{there}]"
    return code
