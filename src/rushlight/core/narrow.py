"""Both 16-bit floats: every op computes with them as float32, and rounds its result once, as in PyTorch.

One door for the plain executors, the eager one and the interpreter; and one for derivatives, whose operations
all run in float32 before the gradient is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core.lower import Gather, Join, Loop, Result, Scatter
from rushlight.core.op import Op
from rushlight.core.spec import Spec
from rushlight.core.tensor import Tensor
from rushlight.device import m, xp

__all__ = ["compute", "computes_wide", "has_narrow", "widened"]


def has_narrow(arrays: Sequence[Any]) -> bool:
    """Whether some of the arrays, or numbers, are of a 16-bit float."""
    return any(a.__class__ is xp.ndarray and a.itemsize == 2 and xp.is_narrow(a.dtype) for a in arrays)


def computes_wide(op: Op) -> bool:
    """Whether 16-bit floats go into the op's formula as float32: not where it only moves numbers, or looks at
    their own bits."""
    moves = isinstance(op.lower, (Gather, Join, Loop, Result)) or (
        isinstance(op.lower, Scatter) and not op.lower.adds
    )
    return not (op.view or op.bits or moves)


def compute(op: Op, arrays: Sequence[Any], attrs: dict[str, Any], dtype: Any = None) -> Any:
    """``op.formula(m, *arrays, **attrs)``, of 16-bit floats in float32, its result rounded to `dtype`, that
    of the op's own spec unless given."""
    if not has_narrow(arrays) or not computes_wide(op):
        return op.formula(m, *arrays, **attrs)
    if dtype is None:
        specs = [Spec(a.shape, a.dtype) if hasattr(a, "shape") else a for a in arrays]
        dtype = op.infer(*specs, **attrs).dtype
    result = xp.asarray(op.formula(m, *[_wide(a) for a in arrays], **attrs))
    return result if result.dtype == dtype else result.astype(dtype)


def _wide(a: Any) -> Any:
    narrow = a.__class__ is xp.ndarray and a.itemsize == 2 and xp.is_narrow(a.dtype)
    return a.astype(xp.float32) if narrow else a


def widened(x: Any) -> Any:
    """A tensor, or its spec, of a 16-bit float as one of float32; anything else as it is."""
    if not isinstance(x, (Tensor, Spec)) or not xp.is_narrow(x.dtype):
        return x
    return Spec(x.shape, xp.float32) if isinstance(x, Spec) else x.float()
