"""Rounding, signs, bits and divisors of numbers; what is not a number; second names."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply
from rushlight.core.lower import Opaque
from rushlight.core.op import Op, elementwise
from rushlight.core.spec import default
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import DTypeError, message
from rushlight.ops.arithmetic import checked_division, div, mul, neg, rsub, sub
from rushlight.ops.elementwise import abs, clamp, sign, trunc
from rushlight.ops.select import chain, ge, gt, kept, le, lt, ne, where

__all__ = [
    "absolute",
    "bitwise_left_shift",
    "bitwise_right_shift",
    "clamp_max",
    "clamp_min",
    "clip",
    "copysign",
    "divide",
    "fix",
    "fmax",
    "fmin",
    "fmod",
    "frac",
    "gcd",
    "greater",
    "greater_equal",
    "heaviside",
    "is_nonzero",
    "isneginf",
    "isposinf",
    "isreal",
    "lcm",
    "less",
    "less_equal",
    "multiply",
    "nan_to_num",
    "negative",
    "nextafter",
    "not_equal",
    "positive",
    "rsub",
    "sgn",
    "signbit",
    "subtract",
    "true_divide",
]

absolute, clip, fix, negative, sgn = abs, clamp, trunc, neg, sign
subtract, multiply, divide, true_divide = sub, mul, div, div
greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne

FMOD = elementwise(
    "fmod",
    lambda m, a, b: m.fmod(a, b),
    (lambda g, out, a, b: g, lambda g, out, a, b: -chain(g, div(a, b, rounding_mode="trunc"))),
)
NEXTAFTER = elementwise(
    "nextafter",
    lambda m, a, b: m.nextafter(a, b),
    (lambda g, out, a, b: kept(~((a <= b) & (a >= b)), g), lambda g, out, a, b: kept(False, g)),
    lower=Opaque(),
    promote="float",
    bits=True,
)
SIGNBIT = elementwise("signbit", lambda m, x: m.signbit(x), result="bool", lower=Opaque())
LEFT_SHIFT = elementwise("bitwise_left_shift", lambda m, a, b: m.left_shift(a, b), lower=Opaque(), wraps=True)
RIGHT_SHIFT = elementwise(
    "bitwise_right_shift", lambda m, a, b: m.right_shift(a, b), lower=Opaque(), wraps=True
)
GCD = elementwise("gcd", lambda m, a, b: m.gcd(a, b), lower=Opaque())
LCM = elementwise("lcm", lambda m, a, b: m.lcm(a, b), lower=Opaque())


@method()
def fmod(input: Any, other: Any) -> Tensor:
    """input - other * trunc(input / other): the remainder with the sign of `input`; whole numbers divided by
    0 raise DivisionError.

    >>> import rushlight as rl
    >>> rl.fmod(rl.tensor([-3, 3]), 2)
    tensor([-1,  1])
    """
    return apply(checked_division(FMOD, input, other), input, other)


@method()
def frac(input: Tensor) -> Tensor:
    """x - trunc(x), with the sign of x."""
    return input - trunc(input)


@method()
def signbit(input: Tensor) -> Tensor:
    """Whether the sign is a minus, of -0.0 too.

    >>> import rushlight as rl
    >>> rl.signbit(rl.tensor([-1.0, -0.0, 0.0]))
    tensor([ True,  True, False])
    """
    return apply(SIGNBIT, input) if input.dtype.kind == "f" else input < 0


@method()
def copysign(input: Any, other: Any) -> Tensor:
    """|input| with the sign of `other`, a tensor or a number; integers become floats.

    >>> import rushlight as rl
    >>> rl.copysign(rl.tensor([1.0, -2.0]), -0.0)
    tensor([-1., -2.])
    """
    sized, signed = _pair("copysign", input, other)
    size = abs(sized)
    return where(signbit(signed.detach()), -size, size)


def _pair(name: str, input: Any, other: Any) -> tuple[Tensor, Tensor]:
    """Both as floating tensors of their common dtype."""
    from rushlight.ops.facts import result_type

    for t in (input, other):
        if not isinstance(t, (Tensor, int, float)):
            raise DTypeError(message(name, f"a {type(t).__name__}", "a Tensor or a number"))
    dtype = result_type(input, other)
    dtype = dtype if dtype.kind == "f" else default.dtype
    like = input if isinstance(input, Tensor) else other
    both = [t if isinstance(t, Tensor) else like.new_full((), t, dtype=dtype) for t in (input, other)]
    return both[0].to(dtype), both[1].to(dtype)


@method()
def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The next float from `input` in the direction of `other`. The gradient passes where they differ."""
    return apply(NEXTAFTER, input, other)


@method()
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 where `input` is negative, 1 where it is positive, `values` where it is 0; it has no gradient.

    >>> import rushlight as rl
    >>> rl.heaviside(rl.tensor([-2.0, 0.0, 3.0]), rl.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    if input.dtype != values.dtype:
        got = f"dtypes {input.dtype} and {values.dtype}"
        raise DTypeError(message("heaviside", got, "one dtype", "Convert one of them."))
    return where(input == 0, values.detach(), (input > 0).to(input.dtype))


@method()
def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two; of a number and nan, the number.

    >>> import rushlight as rl
    >>> rl.fmax(rl.tensor([1.0, float("nan")]), rl.tensor([2.0, 3.0]))
    tensor([2., 3.])
    """
    return where((input >= other) | other.isnan(), input, other)


@method()
def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two; of a number and nan, the number."""
    return where((input <= other) | other.isnan(), input, other)


@method()
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """`input`, and `min` where it is less: a number or a tensor."""
    return clamp(input, min=min)


@method()
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """`input`, and `max` where it is more: a number or a tensor."""
    return clamp(input, max=max)


@method()
def nan_to_num(
    input: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """`input` with numbers for nan and the infinities; these become the largest and the smallest of the
    dtype unless given. There the gradient is 0.

    >>> import rushlight as rl
    >>> rl.nan_to_num(rl.tensor([float("nan"), float("inf"), 1.0]), posinf=9.0)
    tensor([0., 9., 1.])
    """
    if input.dtype.kind != "f":
        return input.clone()
    most = float(xp.finfo(input.dtype).max)
    out = input.masked_fill(input != input, 0.0 if nan is None else float(nan))
    out = out.masked_fill(input == float("inf"), most if posinf is None else float(posinf))
    return out.masked_fill(input == -float("inf"), -most if neginf is None else float(neginf))


@method()
def isposinf(input: Tensor) -> Tensor:
    """Whether each element is infinity."""
    return input == float("inf")


@method()
def isneginf(input: Tensor) -> Tensor:
    """Whether each element is minus infinity."""
    return input == -float("inf")


@method()
def isreal(input: Tensor) -> Tensor:
    """Whether each element is real: all are, as there are no complex tensors."""
    return input.new_full(input.shape, True, dtype=xp.bool_)


@method()
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not 0."""
    return bool(input)


@method("positive", "__pos__")
def positive(input: Tensor) -> Tensor:
    """`input` itself; bools are refused."""
    if input.dtype.kind == "b":
        raise DTypeError(message("positive", "bools", "numbers", "Convert with .int()."))
    return input


def _whole_numbers(op: Op, *given: Any) -> None:
    for t in given:
        kind = t.dtype.kind if isinstance(t, Tensor) else "f" if isinstance(t, float) else "i"
        if kind not in "iu":
            raise DTypeError(message(op.name, f"{getattr(t, 'dtype', 'a float')}", "whole numbers"))


def _whole_only(op: Op, says: str) -> Any:
    def function(input: Any, other: Any) -> Tensor:
        _whole_numbers(op, input, other)
        return apply(op, input, other)

    function.__doc__ = says
    function.__name__ = op.name
    return function


bitwise_left_shift = method("bitwise_left_shift", "__lshift__")(
    _whole_only(LEFT_SHIFT, "input * 2^other: the bits of whole numbers moved to the left.")
)
bitwise_right_shift = method("bitwise_right_shift", "__rshift__")(
    _whole_only(RIGHT_SHIFT, "input / 2^other rounded down: the bits of whole numbers moved to the right.")
)
gcd = method("gcd")(_whole_only(GCD, "The greatest common divisor of whole numbers, never negative."))
lcm = method("lcm")(_whole_only(LCM, "The least common multiple of whole numbers, never negative."))


@method("__rlshift__")
def _shifted_left(input: Tensor, other: Any) -> Tensor:
    return bitwise_left_shift(other, input)


@method("__rrshift__")
def _shifted_right(input: Tensor, other: Any) -> Tensor:
    return bitwise_right_shift(other, input)
