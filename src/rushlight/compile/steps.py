"""The steps of a scan: what it is given, and what it gives where they are done one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.compile.entry import pick
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp
from rushlight.errors import DTypeError, IndexingError, ShapeError, message

__all__ = ["as_tensor", "check_scan", "item", "one_by_one"]


def as_tensor(value: Any) -> Any:
    """An array as a tensor over its memory."""
    return wrap(value) if isinstance(value, xp.ndarray) else value


def check_scan(sources: tuple[Any, ...], index: Any) -> int:
    """How many steps a scan has; raises for what does not fit."""
    if not sources:
        remedy = "For a step without arguments give one that it passes over, of shape (steps,)."
        raise DTypeError(message("scan", "no arguments", "tensors with a first axis, of the steps", remedy))
    for place, t in (*enumerate(sources, 1), *([] if index is None else [("index", index)])):
        if not isinstance(t, Tensor) or not t.ndim:
            what = "a tensor without axes" if isinstance(t, Tensor) else f"a {type(t).__name__}"
            got = f"{what} as argument {place}"
            remedy = "What is the same in all steps the function may read from outside."
            raise DTypeError(message("scan", got, "a tensor with a first axis, of the steps", remedy))
    lengths = {t.shape[0] for t in sources}
    if len(lengths) > 1:
        raise ShapeError(message("scan", f"first axes of {sorted(lengths)}", "one length"))
    if index is None:
        return lengths.pop()
    if index.ndim != 2 or index.dtype.kind not in "iu":
        raise ShapeError(message("scan", f"an index {index.spec}", "integers of shape (steps, batch)"))
    rows = lengths.pop()
    if index.numel() and not (
        xp.amin(index.array, axis=None) >= 0 and xp.amax(index.array, axis=None) < rows
    ):
        raise IndexingError(message("scan", "an index outside the sources", f"rows from 0 to {rows - 1}"))
    return index.shape[0]


def item(source: Tensor, index: Tensor | None, step: int) -> Tensor:
    return wrap(xp.asarray(pick(source.array, index, step)))


def one_by_one(
    function: Callable[..., Any], sources: tuple[Tensor, ...], index: Tensor | None, steps: int
) -> Any:
    """What a scan of `function` gives, by a call for each step."""
    return _stack([_kept(function(*[item(t, index, s) for t in sources])) for s in range(steps)])


def _kept(result: Any) -> Any:
    """The result of one step; the next may write into its tensors."""
    if isinstance(result, Tensor):
        return wrap(result.detach().array.copy())
    if isinstance(result, dict):
        return {k: _kept(v) for k, v in result.items()}
    if isinstance(result, (tuple, list)):
        return type(result)(map(_kept, result))
    return result


def _stack(results: list[Any]) -> Any:
    first = results[0]
    if isinstance(first, Tensor):
        return wrap(xp.stack([r.detach().array for r in results]))
    if isinstance(first, dict):
        return {k: _stack([r[k] for r in results]) for k in first}
    if isinstance(first, (tuple, list)):
        return type(first)(_stack(list(part)) for part in zip(*results, strict=True))
    return first
