"""Numbers in order, and what positions decide: diagonals and triangles.

`layout` and `pin_memory` are taken and change nothing, as in `creation`.
"""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.op import Op, register
from rushlight.core.placement import check_device
from rushlight.core.spec import Spec
from rushlight.core.tensor import Tensor, check_dtype, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, ShapeError, message

__all__ = ["arange", "eye", "linspace", "tril", "triu"]

ARANGE = register(
    Op(
        "arange",
        lambda m, *, start, step, count, dtype: (m.arange(count) * step + start).astype(dtype),
        lambda *, start, step, count, dtype: Spec((count,), dtype),
    )
)


def _linspace(m: Any, *, start: Any, end: Any, count: int, dtype: Any) -> Any:
    """Both halves count from their own end, so that both ends are exact."""
    gap = (end - start) / (count - 1) if count > 1 else 0.0
    at = m.arange(count)
    return m.where(at < (count + 1) // 2, start + gap * at, end - gap * (count - 1 - at)).astype(dtype)


LINSPACE = register(
    Op("linspace", _linspace, lambda *, start, end, count, dtype: Spec((count,), dtype)),
)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """start, start + step, ... below `end`; with one argument from 0. Integers give int64.

    >>> import rushlight as rl
    >>> rl.arange(1, 2, 0.5)
    tensor([1.0000, 1.5000])
    """
    check_device(device)
    if end is None:
        start, end = 0, start
    start, end, step = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    if step == 0 or (end - start) * step < 0:
        raise ArgumentError(
            message("arange", f"from {start} to {end} by {step}", "a step that leads to the end")
        )
    whole = all(isinstance(v, int) for v in (start, end, step))
    dtype = xp.int64 if dtype is None and whole else check_dtype(dtype)
    if dtype == xp.int64:
        start, step, end = int(start), int(step), int(end)
    count = max(0, math.ceil((end - start) / step))
    if dtype.kind != "f":
        start, step = int(start), int(step)
    out = apply(ARANGE, start=start, step=step, count=count, dtype=dtype)
    return out.requires_grad_() if requires_grad else out


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` numbers at equal distances from `start` to `end`, numbers or 0-d tensors, both included."""
    check_device(device)
    if steps < 0:
        raise ArgumentError(message("linspace", f"steps={steps}", "0 or more"))
    start, end = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    dtype = check_dtype(dtype)
    if dtype.kind != "f":
        start, end = int(start), int(end)
    out = apply(LINSPACE, start=start, end=end, count=steps, dtype=dtype)
    return out.requires_grad_() if requires_grad else out


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    check_device(device)
    mask = arange(n).unsqueeze(1) == arange(n if m is None else m)
    found = mask.to(check_dtype(dtype))
    return found.requires_grad_() if requires_grad else found


def _band(input: Tensor, diagonal: int, lower: bool) -> Tensor:
    if input.ndim < 2:
        name = "tril" if lower else "triu"
        raise ShapeError(message(name, f"shape {input.shape}", "at least two axes"))
    offset = arange(input.shape[-1]) - arange(input.shape[-2]).unsqueeze(1)
    return input.masked_fill(offset > diagonal if lower else offset < diagonal, 0)


@method()
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of the last two axes, zeros above `diagonal`."""
    return _band(input, diagonal, True)


@method()
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of the last two axes, zeros below `diagonal`."""
    return _band(input, diagonal, False)
