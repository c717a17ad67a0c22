"""Functions of one element: exponentials, trigonometry, rounding, tests.

Each op stands with its formula and its derivative; the functions below them are their public names.
"""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.apply import apply, apply_
from rushlight.core.op import elementwise
from rushlight.core.spec import default, plain_number
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.ops.select import kept

__all__ = [
    "abs",
    "ceil",
    "clamp",
    "cos",
    "erf",
    "exp",
    "expm1",
    "floor",
    "isfinite",
    "isinf",
    "isnan",
    "log",
    "log1p",
    "log2",
    "log10",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sqrt",
    "square",
    "tan",
    "trunc",
]

EXP = elementwise("exp", lambda m, x: m.exp(x), (lambda g, y, x: g * y,), saves="out", promote="float")
EXPM1 = elementwise(
    "expm1", lambda m, x: m.expm1(x), (lambda g, y, x: g * (y + 1),), saves="out", promote="float"
)
LOG = elementwise("log", lambda m, x: m.log(x), (lambda g, y, x: g / x,), promote="float")
LOG2 = elementwise("log2", lambda m, x: m.log2(x), (lambda g, y, x: g / (x * math.log(2)),), promote="float")
LOG10 = elementwise(
    "log10", lambda m, x: m.log10(x), (lambda g, y, x: g / (x * math.log(10)),), promote="float"
)
LOG1P = elementwise("log1p", lambda m, x: m.log1p(x), (lambda g, y, x: g / (x + 1),), promote="float")
SQRT = elementwise(
    "sqrt",
    lambda m, x: m.sqrt(x),
    (lambda g, y, x: g / (y * 2),),
    saves="out",
    promote="float",
    rounding="once",
)
ABS = elementwise(
    "abs", lambda m, x: m.abs(x), (lambda g, y, x: g * x.sign(),), rounding="none", follows="smoothly"
)
SIN = elementwise("sin", lambda m, x: m.sin(x), (lambda g, y, x: g * x.cos(),), promote="float")
COS = elementwise("cos", lambda m, x: m.cos(x), (lambda g, y, x: -(g * x.sin()),), promote="float")
TAN = elementwise(
    "tan", lambda m, x: m.tan(x), (lambda g, y, x: g * (y * y + 1),), saves="out", promote="float"
)
ERF = elementwise(
    "erf",
    lambda m, x: m.erf(x),
    (lambda g, y, x: g * ((-(x * x)).exp() * (2 / math.sqrt(math.pi))),),
    promote="float",
)


def _clamp(m: Any, x: Any, *, min: Any = None, max: Any = None) -> Any:
    if min is not None:
        x = m.maximum(min, x)
    return x if max is None else m.minimum(max, x)


def _clamp_grad(g: Tensor, y: Any, x: Tensor, *, min: Any = None, max: Any = None) -> Tensor:
    inside = x == x if min is None else x >= min
    return kept(inside if max is None else inside & (x <= max), g)


CLAMP = elementwise("clamp", _clamp, (_clamp_grad,), rounding="none", follows="smoothly")
CLAMP_MIN = elementwise(
    "clamp_min",
    lambda m, x, low: m.maximum(low, x),
    (lambda g, y, x, low: kept(x >= low, g), lambda g, y, x, low: kept(x < low, g)),
    rounding="none",
    follows="smoothly",
)
CLAMP_MAX = elementwise(
    "clamp_max",
    lambda m, x, high: m.minimum(high, x),
    (lambda g, y, x, high: kept(x <= high, g), lambda g, y, x, high: kept(x > high, g)),
    rounding="none",
    follows="smoothly",
)


def _flat(g: Tensor, y: Any, x: Any) -> Tensor:
    """The derivative of a staircase."""
    return kept(False, g)


SIGN = elementwise(
    "sign", lambda m, x: m.sign(x), (_flat,), saves="specs", rounding="none", follows="in steps"
)
FLOOR = elementwise(
    "floor", lambda m, x: m.floor(x), (_flat,), saves="specs", rounding="none", follows="in steps"
)
CEIL = elementwise(
    "ceil", lambda m, x: m.ceil(x), (_flat,), saves="specs", rounding="none", follows="in steps"
)
TRUNC = elementwise(
    "trunc", lambda m, x: m.trunc(x), (_flat,), saves="specs", rounding="none", follows="in steps"
)
ROUND = elementwise(
    "round", lambda m, x: m.round(x), (_flat,), saves="specs", rounding="none", follows="in steps"
)
ISNAN = elementwise("isnan", lambda m, x: m.isnan(x), result="bool")
ISINF = elementwise("isinf", lambda m, x: m.isinf(x), result="bool")
ISFINITE = elementwise("isfinite", lambda m, x: m.isfinite(x), result="bool")


@method()
def exp(input: Tensor) -> Tensor:
    """e to the power of each element; d/dx = exp(x).

    >>> import rushlight as rl
    >>> rl.exp(rl.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return apply(EXP, input)


@method()
def expm1(input: Tensor) -> Tensor:
    """exp(x) - 1, exact near 0."""
    return apply(EXPM1, input)


@method()
def log(input: Tensor) -> Tensor:
    """The natural logarithm; -inf at 0, nan below. d/dx = 1/x."""
    return apply(LOG, input)


@method()
def log1p(input: Tensor) -> Tensor:
    """log(1 + x), exact near 0."""
    return apply(LOG1P, input)


@method()
def log2(input: Tensor) -> Tensor:
    """The logarithm to base 2, exact of powers of 2; d/dx = 1 / (x ln 2)."""
    return apply(LOG2, input)


@method()
def log10(input: Tensor) -> Tensor:
    """The logarithm to base 10, exact of powers of 10; d/dx = 1 / (x ln 10)."""
    return apply(LOG10, input)


@method()
def sqrt(input: Tensor) -> Tensor:
    """The square root; nan below 0. d/dx = 1 / (2 sqrt(x))."""
    return apply(SQRT, input)


@method()
def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(x)."""
    return 1.0 / sqrt(input)


@method()
def square(input: Tensor) -> Tensor:
    """x * x; of bools, whole numbers."""
    return input * input if input.dtype.kind != "b" else input.long()


@method()
def reciprocal(input: Tensor) -> Tensor:
    """1 / x."""
    return 1.0 / input


@method("abs", "absolute", "__abs__")
def abs(input: Tensor) -> Tensor:
    """|x|; the subgradient at 0 is 0."""
    return apply(ABS, input)


@method("sign", "sgn")
def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1; of bools, themselves."""
    return apply(SIGN, input) if input.dtype.kind != "b" else input.clone()


@method()
def sin(input: Tensor) -> Tensor:
    """The sine of x in radians."""
    return apply(SIN, input)


@method()
def cos(input: Tensor) -> Tensor:
    """The cosine of x in radians."""
    return apply(COS, input)


@method()
def tan(input: Tensor) -> Tensor:
    """The tangent of x in radians."""
    return apply(TAN, input)


@method()
def erf(input: Tensor) -> Tensor:
    """The error function: 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return apply(ERF, input)


@method("clamp", "clip")
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """`input` limited to [min, max], numbers or tensors; the gradient passes where it lies inside. Whole
    numbers become floats where a bound is one, and bools the numbers that the bounds are. Raises DTypeError
    where bools are to be limited by bools.

    >>> import rushlight as rl
    >>> rl.tensor([-2.0, 0.5, 2.0]).clamp(0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        out = input if min is None else apply(CLAMP_MIN, input, min)
        return out if max is None else apply(CLAMP_MAX, out, max)
    bounds = _bounds(min, max)
    dtype = _limited("clamp", input.dtype, bounds)
    return apply(CLAMP, input if dtype == input.dtype else input.to(dtype), **bounds)


def _bounds(min: Any, max: Any) -> dict[str, Any]:
    if min is None and max is None:
        raise ArgumentError(message("clamp", "neither min nor max", "at least one of them"))
    return {"min": plain_number(min), "max": plain_number(max)}


def _limited(name: str, dtype: Any, bounds: dict[str, Any]) -> Any:
    """The dtype of numbers of `dtype` limited to [min, max]."""
    if dtype.kind == "f":
        return dtype
    given = [bound for bound in bounds.values() if bound is not None]
    if any(isinstance(bound, float) for bound in given):
        return default.dtype
    if dtype.kind != "b":
        return dtype
    if all(isinstance(bound, bool) for bound in given):
        raise DTypeError(message(name, "bools", "numbers, or a bound that is one", "Convert with .int()."))
    return xp.int64


@method()
def floor(input: Tensor) -> Tensor:
    """The largest whole number not above x."""
    return apply(FLOOR, input)


@method()
def ceil(input: Tensor) -> Tensor:
    """The smallest whole number not below x."""
    return apply(CEIL, input)


@method("trunc", "fix")
def trunc(input: Tensor) -> Tensor:
    """x without its fraction."""
    return apply(TRUNC, input)


@method()
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest whole number, halves to the even one; with `decimals` that many digits are kept."""
    if not decimals:
        return apply(ROUND, input)
    return apply(ROUND, input * 10.0**decimals) / 10.0**decimals


@method()
def isnan(input: Tensor) -> Tensor:
    """Whether each element is not a number."""
    return apply(ISNAN, input)


@method()
def isinf(input: Tensor) -> Tensor:
    """Whether each element is infinite."""
    return apply(ISINF, input)


@method()
def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither infinite nor nan."""
    return apply(ISFINITE, input)


# In place


@method()
def exp_(input: Tensor) -> Tensor:
    """x = exp(x), in its memory."""
    return apply_(EXP, input)


@method()
def sqrt_(input: Tensor) -> Tensor:
    """x = sqrt(x), in its memory."""
    return apply_(SQRT, input)


@method()
def abs_(input: Tensor) -> Tensor:
    """x = |x|, in its memory."""
    return apply_(ABS, input)


@method("clamp_", "clip_")
def clamp_(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Limit to [min, max], in place. Raises DTypeError where the result is of another dtype."""
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        out = input if min is None else apply_(CLAMP_MIN, input, min)
        return out if max is None else apply_(CLAMP_MAX, out, max)
    bounds = _bounds(min, max)
    dtype = _limited("clamp_", input.dtype, bounds)
    if dtype != input.dtype:
        got, remedy = f"{dtype} into {input.dtype}", "Convert the target, or use clamp."
        raise DTypeError(message("clamp_", got, "a result that the target can hold", remedy))
    return apply_(CLAMP, input, **bounds)
