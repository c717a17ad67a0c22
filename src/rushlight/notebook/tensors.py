"""A tensor's page: a line of facts, and its numbers as a table if it has one or two axes."""

from __future__ import annotations

from typing import Any

from rushlight.errors import RushlightError
from rushlight.notebook.markup import GAP, facts, pre, table

__all__ = ["tensor_html"]

ROWS, COLUMNS = 20, 12
"""Of more rows or columns the first and the last halves of so many are shown; no others are read."""


def tensor_html(tensor: Any, precision: int = 4) -> str:
    """The page of a tensor; `precision` is how many digits a number has."""
    try:
        array = tensor.array
    except RushlightError:  # a sparse one
        array = None
    if type(array).__name__ != "ndarray" or array.ndim not in (1, 2) or not array.size:
        return facts(*_facts(tensor)) + pre(repr(tensor))
    rows = array if array.ndim == 2 else array[None]
    down, across = _edges(rows.shape[0], ROWS), _edges(rows.shape[1], COLUMNS)
    names = ["" if array.ndim == 2 else None, *(GAP if j is None else j for j in across)]
    lines = []
    for i in down:
        numbers = [GAP if i is None or j is None else _shown(rows[i, j], precision) for j in across]
        lines.append([GAP if i is None else i if array.ndim == 2 else None, *numbers])
    if array.ndim == 1:
        names, lines = names[1:], [line[1:] for line in lines]
    return facts(*_facts(tensor)) + table(names, lines)


def _edges(size: int, most: int) -> list[int | None]:
    """The places that are shown, with None for those between."""
    if size <= most:
        return list(range(size))
    half = most // 2
    return [*range(half), None, *range(size - half, size)]


def _shown(number: Any, precision: int) -> str:
    kind = number.dtype.kind
    return str(number.item() if kind in "iub" else f"{float(number):.{precision}g}")


def _facts(tensor: Any) -> list[str]:
    kind = type(tensor).__name__
    made = getattr(tensor, "grad_fn", None)
    learns = f"grad_fn {made.label}" if made is not None and hasattr(made, "label") else "requires grad"
    found = [kind, f"shape {tuple(tensor.shape)}", str(tensor.dtype).removeprefix("rushlight.")]
    if tensor.requires_grad:
        found.append(learns)
        if made is None:
            found.append("no gradient yet" if tensor.grad is None else "has a gradient")
    return found
