"""Exponentials and logarithms that few programs use, and powers of 2 in floats."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from rushlight.core.apply import apply
from rushlight.core.lower import Opaque
from rushlight.core.op import Op, elementwise, register
from rushlight.core.results import shown_as
from rushlight.core.spec import Spec, default
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import DTypeError, message
from rushlight.ops.select import chain, kept, where

__all__ = ["exp2", "float_power", "frexp", "ldexp", "logaddexp", "logaddexp2", "logit", "xlogy"]

LN2 = math.log(2)


@shown_as("frexp")
class Parts(NamedTuple):
    """What `frexp` gives: x = mantissa * 2^exponent."""

    mantissa: Tensor
    exponent: Tensor


EXP2 = elementwise(
    "exp2", lambda m, x: m.power(2.0, x), (lambda g, y, x: g * (y * LN2),), saves="out", promote="float"
)


def _sum_of_powers(m: Any, a: Any, b: Any) -> Any:
    top = m.maximum(a, b)
    return m.where(m.isfinite(top), top + m.log1p(m.exp(-m.abs(a - b))), top)


def _sum_of_powers_of_2(m: Any, a: Any, b: Any) -> Any:
    top = m.maximum(a, b)
    return m.where(m.isfinite(top), top + m.log1p(m.exp(m.abs(a - b) * -LN2)) * (1 / LN2), top)


def _share(g: Tensor, a: Any, b: Any, scale: float) -> Tensor:
    """g e^a / (e^a + e^b); of equal ones, though infinite, the half."""
    apart = a - b
    # Where both are infinite only: who differentiates again needs the difference of equal ones.
    return chain(g, (apart.masked_fill((a == b) & (apart != 0), 0.0) * scale).sigmoid())


LOGADDEXP = elementwise(
    "logaddexp",
    _sum_of_powers,
    (
        lambda g, y, a, b: _share(g, a, b, 1.0),
        lambda g, y, a, b: _share(g, b, a, 1.0),
    ),
    promote="float",
)
LOGADDEXP2 = elementwise(
    "logaddexp2",
    _sum_of_powers_of_2,
    (
        lambda g, y, a, b: _share(g, a, b, LN2),
        lambda g, y, a, b: _share(g, b, a, LN2),
    ),
    promote="float",
)


XLOGY = elementwise(
    "xlogy",
    lambda m, x, y: m.where(m.equal(x, 0) & m.equal(y, y), 0.0, x * m.log(y)),
    (
        lambda g, out, x, y: kept((x != 0) | (y > 0), g * y.log()),
        lambda g, out, x, y: chain(g, x / y),
    ),
    promote="float",
)
EXPONENT = register(
    Op("exponent", lambda m, x: m.frexp(x)[1], lambda x: Spec(x.shape, xp.int32), lower=Opaque())
)


@method()
def exp2(input: Tensor) -> Tensor:
    """2 to the power of each element; d/dx = 2^x ln 2.

    >>> import rushlight as rl
    >>> rl.exp2(rl.tensor([0.0, 3.0]))
    tensor([1., 8.])
    """
    return apply(EXP2, input)


@method()
def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(e^input + e^other), without overflow.

    >>> import rushlight as rl
    >>> rl.logaddexp(rl.tensor([1000.0]), rl.tensor([1000.0])).round()
    tensor([1001.])
    """
    return apply(LOGADDEXP, input, other)


@method()
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2^input + 2^other), without overflow."""
    return apply(LOGADDEXP2, input, other)


@method()
def xlogy(input: Any, other: Any) -> Tensor:
    """input * log(other), and 0 where `input` is 0 whatever `other` is, but for nan.

    >>> import rushlight as rl
    >>> rl.xlogy(rl.tensor([0.0, 2.0]), rl.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    if isinstance(input, Tensor) and not isinstance(other, Tensor):
        # The array library would take the logarithm of a Python number to float64.
        other = input.new_full(
            (), float(other), dtype=input.dtype if input.dtype.kind == "f" else default.dtype
        )
    return apply(XLOGY, input, other)


@method()
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), the inverse of sigmoid; with `eps` x is limited to [eps, 1 - eps] first, else it is
    nan outside [0, 1].

    >>> import rushlight as rl
    >>> rl.logit(rl.tensor([0.5, 1.0]))
    tensor([0., inf])
    """
    inside = input if eps is None else input.clamp(eps, 1.0 - eps)
    return (inside / (1 - inside)).log()


@method()
def float_power(input: Any, exponent: Any) -> Tensor:
    """input ** exponent, worked out in float64.

    >>> import rushlight as rl
    >>> rl.float_power(rl.tensor([2]), -1)
    tensor([0.5000], dtype=rushlight.float64)
    """
    wide = [t.to(xp.float64) if isinstance(t, Tensor) else float(t) for t in (input, exponent)]
    return wide[0] ** wide[1]


@method()
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2^other."""
    if xp.is_narrow(input.dtype) and other.dtype.kind != "f":
        return (input.float() * exp2(other)).to(input.dtype)
    return input * exp2(other)


@method()
def frexp(input: Tensor) -> Parts:
    """The parts of x = mantissa * 2^exponent, with 1/2 <= |mantissa| < 1 and a whole exponent.

    >>> import rushlight as rl
    >>> rl.frexp(rl.tensor([10.0]))
    rushlight.return_types.frexp(
    mantissa=tensor([0.6250]),
    exponent=tensor([4], dtype=rushlight.int32))
    """
    if input.dtype.kind != "f":
        raise DTypeError(message("frexp", str(input.dtype), "a floating dtype", "Use x.float()."))
    exponent = apply(EXPONENT, input.detach())
    # In two steps: the power itself may be larger, or smaller, than a float can be.
    half = exponent // 2
    scale = [exp2(-part.to(input.dtype)) for part in (half, exponent - half)]
    return Parts(where(input == 0, input, input * scale[0] * scale[1]), exponent)
