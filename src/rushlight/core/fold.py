"""What a result is without computing it: x * 1 is x, and -(-x) too. The rules of the ops' records.

A rule gives the same bits as the op, zeros' signs among them; of a nan the sign is free. x + 0 is therefore
not x, since -0.0 + 0 is 0.0, and x * 0 is not 0, since nan * 0 is nan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rushlight.core.spec import Spec
from rushlight.device import xp

if TYPE_CHECKING:
    from rushlight.core.op import Op

__all__ = ["Operand", "adds_nothing", "chosen", "is_exact", "is_zero", "of"]


@dataclass(eq=False, slots=True)
class Operand:
    """What is known of an input when an op is simplified.

    spec    of a tensor; None of a Python number.
    number  where every element is the same known number.
    op      with `inputs` and `attrs`, what made it; None of the program's inputs.
    """

    spec: Spec | None
    number: Any
    op: Op | None
    inputs: tuple[Any, ...]
    attrs: dict[str, Any]


def of(x: Operand, op: Op) -> Operand | None:
    """The input of `op` if that made `x`."""
    return x.inputs[0] if x.op is op else None


def is_zero(x: Operand) -> bool:
    """Whether `x` is 0 everywhere, and not -0.0."""
    return x.number is not None and x.number == 0 and math.copysign(1.0, x.number) == 1.0


def adds_nothing(x: Operand, like: Operand, sign: float) -> bool:
    """Whether `x` is a zero that changes no sum with `like`: of floats only the one of this sign."""
    if x.number is None or x.number != 0:
        return False
    floats = any(s is not None and s.dtype.kind == "f" for s in (x.spec, like.spec))
    return not floats or math.copysign(1.0, x.number) == sign


def chosen(condition: Operand, yes: Any, no: Any) -> Any:
    """`yes` or `no` where the condition is known, else None."""
    return None if condition.number is None else yes if condition.number else no


def is_exact(narrow: Any, wide: Any) -> bool:
    """Whether every number of the dtype `narrow` is one of `wide`.

    >>> import numpy as np
    >>> is_exact(np.dtype("int32"), np.dtype("float64")), is_exact(np.dtype("int64"), np.dtype("float64"))
    (True, False)
    """
    bits = {"b": 1, "u": 8 * narrow.itemsize, "i": 8 * narrow.itemsize - 1}
    if narrow.kind == wide.kind:
        return bool(narrow.itemsize < wide.itemsize or narrow == wide)
    if wide.kind == "f" and narrow.kind in bits:
        held = 8 if wide is xp.bfloat16 else {2: 11, 4: 24, 8: 53}[wide.itemsize]
        return bool(bits[narrow.kind] <= held)
    if wide.kind in "iu" and narrow.kind in "bu":
        return bool(bits[narrow.kind] <= 8 * wide.itemsize - (wide.kind == "i"))
    return False
