"""Comparing and choosing: comparisons, logic, where, maximum, minimum."""

from __future__ import annotations

import operator
from typing import Any

from rushlight.core.apply import apply, apply_, to_dtype
from rushlight.core.fold import chosen, is_zero
from rushlight.core.op import Op, elementwise
from rushlight.core.spec import as_held, plain_number
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import DTypeError, message

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "eq",
    "equal",
    "ge",
    "gt",
    "isclose",
    "le",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "masked_fill",
    "maximum",
    "minimum",
    "ne",
    "where",
]

EQ = elementwise("eq", lambda m, a, b: m.equal(a, b), result="bool", follows="by comparing")
NE = elementwise("ne", lambda m, a, b: m.not_equal(a, b), result="bool", follows="by comparing")
LT = elementwise("lt", lambda m, a, b: m.less(a, b), result="bool", follows="by comparing")
LE = elementwise("le", lambda m, a, b: m.less_equal(a, b), result="bool", follows="by comparing")
GT = elementwise("gt", lambda m, a, b: m.greater(a, b), result="bool", follows="by comparing")
GE = elementwise("ge", lambda m, a, b: m.greater_equal(a, b), result="bool", follows="by comparing")
LOGICAL_AND = elementwise("logical_and", lambda m, a, b: m.logical_and(a, b), result="bool")
LOGICAL_OR = elementwise("logical_or", lambda m, a, b: m.logical_or(a, b), result="bool")
LOGICAL_XOR = elementwise("logical_xor", lambda m, a, b: m.logical_xor(a, b), result="bool")
LOGICAL_NOT = elementwise("logical_not", lambda m, a: m.logical_not(a), result="bool")
BITWISE_AND = elementwise(
    "bitwise_and", lambda m, a, b: m.bitwise_and(a, b), wraps=True, inplace=operator.iand
)
BITWISE_OR = elementwise("bitwise_or", lambda m, a, b: m.bitwise_or(a, b), wraps=True, inplace=operator.ior)
BITWISE_XOR = elementwise(
    "bitwise_xor", lambda m, a, b: m.bitwise_xor(a, b), wraps=True, inplace=operator.ixor
)
BITWISE_NOT = elementwise("bitwise_not", lambda m, a: m.invert(a))

# The ops of derivatives that are 0 in places. There the gradient is 0 whatever comes in: the result does not
# depend on the input, and a product would make nan of 0 * inf.
KEPT: Op = elementwise(
    "kept",
    lambda m, c, g: m.kept(c, g),
    (None, lambda h, out, c, g: kept(c, h)),
    spare=(1,),
    first=1,
    rounding="none",
    follows="smoothly",
    fold=lambda c, g: 0 if is_zero(g) else chosen(c, g, 0),
)
DROPPED: Op = elementwise(
    "dropped",
    lambda m, c, g: m.kept(m.invert(c), g),
    (None, lambda h, out, c, g: dropped(c, h)),
    spare=(1,),
    first=1,
    rounding="none",
    follows="smoothly",
    fold=lambda c, g: 0 if is_zero(g) else chosen(c, 0, g),
)
CHAIN: Op = elementwise(
    "chain",
    lambda m, g, slope: m.kept(slope != 0, g * slope),
    (lambda h, out, g, slope: chain(h, slope), lambda h, out, g, slope: h * g),
    fold=lambda g, slope: {0: 0, 1: g}.get(slope.number),
)


def kept(condition: Any, g: Tensor) -> Tensor:
    """The gradient where the condition holds, else 0."""
    return apply(KEPT, condition, g)


def dropped(condition: Any, g: Tensor) -> Tensor:
    """0 where the condition holds, else the gradient."""
    return apply(DROPPED, condition, g)


def chain(g: Tensor, slope: Tensor) -> Tensor:
    """g * slope, and 0 where the slope is 0."""
    return apply(CHAIN, g, slope)


WHERE = elementwise(
    "where",
    lambda m, c, a, b: m.where(c, a, b),
    (None, lambda g, out, c, a, b: kept(c, g), lambda g, out, c, a, b: dropped(c, g)),
    spare=(1, 2),
    first=1,
    rounding="none",
    follows="smoothly",
    fold=lambda c, a, b: a if a is b else chosen(c, a, b),
)


def _share(g: Tensor, loses: Tensor, ties: Tensor) -> Tensor:
    """The gradient of a maximum: half to each where both are equal, none to the loser; to nan, as to any
    other, the whole."""
    return where(ties, g * 0.5, dropped(loses, g))


MAXIMUM = elementwise(
    "maximum",
    lambda m, a, b: m.maximum(a, b),
    (
        lambda g, out, a, b: _share(g, a < b, a == b),
        lambda g, out, a, b: _share(g, b < a, b == a),
    ),
    rounding="none",
    follows="smoothly",
)
MINIMUM = elementwise(
    "minimum",
    lambda m, a, b: m.minimum(a, b),
    (
        lambda g, out, a, b: _share(g, a > b, a == b),
        lambda g, out, a, b: _share(g, b > a, b == a),
    ),
    rounding="none",
    follows="smoothly",
)


@method()
def eq(input: Any, other: Any) -> Tensor:
    """input == other, element by element.

    >>> import rushlight as rl
    >>> rl.tensor([1, 2]) == 2
    tensor([False,  True])
    """
    return apply(EQ, input, other)


@method("ne", "not_equal")
def ne(input: Any, other: Any) -> Tensor:
    """input != other, element by element."""
    return apply(NE, input, other)


@method("__eq__")
def _equals(input: Tensor, other: Any) -> Any:
    """input == other; None, strings and other strangers are unequal, as in PyTorch."""
    try:
        return apply(EQ, input, other)
    except DTypeError:
        return NotImplemented


@method("__ne__")
def _differs(input: Tensor, other: Any) -> Any:
    """input != other, likewise."""
    try:
        return apply(NE, input, other)
    except DTypeError:
        return NotImplemented


@method("lt", "less", "__lt__")
def lt(input: Any, other: Any) -> Tensor:
    """input < other, element by element."""
    return apply(LT, input, other)


@method("le", "less_equal", "__le__")
def le(input: Any, other: Any) -> Tensor:
    """input <= other, element by element."""
    return apply(LE, input, other)


@method("gt", "greater", "__gt__")
def gt(input: Any, other: Any) -> Tensor:
    """input > other, element by element."""
    return apply(GT, input, other)


@method("ge", "greater_equal", "__ge__")
def ge(input: Any, other: Any) -> Tensor:
    """input >= other, element by element."""
    return apply(GE, input, other)


@method()
def logical_and(input: Any, other: Any) -> Tensor:
    """Whether both are nonzero."""
    return apply(LOGICAL_AND, input, other)


@method()
def logical_or(input: Any, other: Any) -> Tensor:
    """Whether either is nonzero."""
    return apply(LOGICAL_OR, input, other)


@method()
def logical_xor(input: Any, other: Any) -> Tensor:
    """Whether just one is nonzero."""
    return apply(LOGICAL_XOR, input, other)


@method()
def logical_not(input: Tensor) -> Tensor:
    """Whether it is zero."""
    return apply(LOGICAL_NOT, input)


def _bitwise(op: Op) -> Any:
    def function(input: Any, other: Any) -> Tensor:
        out = [input, other]
        for t in out:
            if (isinstance(t, Tensor) and t.dtype.kind == "f") or isinstance(t, float):
                raise DTypeError(
                    message(op.name, "floats", "bool or integer tensors", "Compare first: (x > 0) & ...")
                )
        return apply(op, input, other)

    function.__doc__ = f"{op.name} of bool or integer tensors."
    return function


bitwise_and = method("bitwise_and", "__and__", "__rand__")(_bitwise(BITWISE_AND))
bitwise_or = method("bitwise_or", "__or__", "__ror__")(_bitwise(BITWISE_OR))
bitwise_xor = method("bitwise_xor", "__xor__", "__rxor__")(_bitwise(BITWISE_XOR))


@method("bitwise_not", "__invert__")
def bitwise_not(input: Tensor) -> Tensor:
    """Every bit flipped; logical not for bool."""
    if input.dtype.kind == "f":
        raise DTypeError(message("bitwise_not", "floats", "bool or integers", "Compare first: ~(x > 0)."))
    return apply(BITWISE_NOT, input)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, else `other`; with the condition alone, the indices where it holds.

    >>> import rushlight as rl
    >>> rl.where(rl.tensor([True, False]), rl.tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    if input is None and other is None:
        return tuple(condition.nonzero(as_tuple=True))
    if isinstance(condition, Tensor) and condition.dtype == xp.uint8:  # the masks of older programs
        condition = condition.to(xp.bool_)
    if not isinstance(condition, Tensor) or condition.dtype != xp.bool_:
        got = condition.dtype if isinstance(condition, Tensor) else type(condition).__name__
        raise DTypeError(message("where", f"a condition of {got}", "a bool tensor", "Compare first: x > 0."))
    pair = [input, other]
    for i, (number, tensor) in enumerate((pair, pair[::-1])):
        if number.__class__ is int and isinstance(tensor, Tensor) and tensor.dtype.kind in "iu":
            pair[i] = as_held("where", number, tensor.dtype)
    return apply(WHERE, condition, *pair)


@method("where")
def _where(input: Tensor, condition: Tensor, other: Any) -> Tensor:
    return where(condition, input, other)


@method()
def maximum(input: Any, other: Any) -> Tensor:
    """The larger of two, element by element; nan wins. Where they are equal each gets half the gradient."""
    return apply(MAXIMUM, input, other)


@method()
def minimum(input: Any, other: Any) -> Tensor:
    """The smaller of two, element by element; nan wins. Where they are equal each gets half the gradient."""
    return apply(MINIMUM, input, other)


@method()
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`input` with `value`, a number or a tensor of one, where the mask holds; the dtype stays, and the value
    must be one that it holds.
    """
    return apply(_MASKED_FILL, input, _as_mask(mask), _filling(input, value))


@method()
def masked_fill_(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """Write `value` where the mask holds, in place."""
    return apply_(_MASKED_FILL, input, _as_mask(mask), _filling(input, value))


def _as_mask(mask: Tensor) -> Tensor:
    """A mask of bools; bytes may be one too, as they were before there were bools."""
    if mask.array.dtype is xp.bool_ or mask.array.dtype == xp.bool_:
        return mask
    if mask.array.dtype != xp.uint8:
        raise DTypeError(message("masked_fill", f"a mask of {mask.dtype}", "a bool tensor", "Use x.bool()."))
    return to_dtype(mask, xp.bool_)


def _filling(input: Tensor, value: Any) -> Any:
    """`value` in the dtype of `input`."""
    if not isinstance(value, Tensor):
        return as_held("masked_fill", plain_number(value), input.dtype)
    if value.dtype != input.dtype and value.dtype.kind in "iu" and not value.ndim and not state.tracing:
        as_held("masked_fill", value.item(), input.dtype)
    return to_dtype(value, input.dtype)


_MASKED_FILL = elementwise(
    "masked_fill",
    lambda m, x, c, v: m.where(c, v, x),
    (
        lambda g, out, x, c, v: dropped(c, g),
        None,
        lambda g, out, x, c, v: kept(c, g),
    ),
    spare=(0, 2),
    promote="none",
    result="first",
    rounding="none",
    follows="smoothly",
    fold=lambda x, c, v: chosen(c, v, x),
)


@method()
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """|input - other| <= atol + rtol * |other|, element by element."""
    if input.dtype != other.dtype:
        got = f"dtypes {input.dtype} and {other.dtype}"
        raise DTypeError(message("isclose", got, "one dtype", "Convert one of them."))
    same = input == other
    if input.dtype == xp.bool_ or (input.dtype.kind != "f" and not rtol and not atol):
        return same
    gap = (input - other).abs()
    near = same | ((gap <= (other * rtol).abs() + atol) & gap.isfinite())
    return near | (input.isnan() & other.isnan()) if equal_nan else near


@method()
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are close; see `isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@method()
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all elements are the same."""
    return input.shape == other.shape and bool((input == other).all())
