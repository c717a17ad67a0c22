"""Arithmetic with broadcasting: the four operations, powers, and their operators.

The gradient with respect to a broadcast input is summed back by the engine, so every rule here is the
scalar one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import frexp
from typing import Any

from rushlight.core.anomaly import warn
from rushlight.core.apply import apply, apply_, to_dtype
from rushlight.core.fold import Operand, adds_nothing, of
from rushlight.core.op import Op, elementwise
from rushlight.core.spec import Spec, as_held
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, DivisionError, DTypeError, message
from rushlight.ops.select import chain, kept

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "div",
    "floor_divide",
    "lerp",
    "mul",
    "neg",
    "pow",
    "remainder",
    "sub",
]


def _fold_add(a: Operand, b: Operand) -> Any:
    """x + -0.0 and x + -y."""
    for x, y in ((a, b), (b, a)):
        if adds_nothing(y, x, -1.0):
            return x
        if (negated := of(y, NEG)) is not None:
            return SUB, (x, negated), {}
    return None


def _fold_sub(a: Operand, b: Operand) -> Any:
    """x - 0.0 and x - -y."""
    negated = of(b, NEG)
    if negated is not None:
        return ADD, (a, negated), {}
    return a if adds_nothing(b, a, 1.0) else None


def _fold_mul(a: Operand, b: Operand) -> Any:
    """x * 1, and the signs of a product."""
    for x, y in ((a, b), (b, a)):
        if y.number == 1:
            return x
        if y.number == -1 and x.spec is not None and x.spec.dtype.kind == "f":
            return NEG, (x,), {}
    return _without_signs(MUL, a, b)


def _fold_div(a: Operand, b: Operand) -> Any:
    """x / 1, x / 2^n and -x / -y."""
    if b.number == 1:
        return a
    exact = b.number is not None and 2**-14 <= abs(b.number) <= 2**14 and abs(frexp(b.number)[0]) == 0.5
    if exact and a.spec is not None:
        return MUL, (a, 1 / b.number), {}
    return _without_signs(DIV, a, b)


def _without_signs(op: Op, a: Operand, b: Operand) -> Any:
    signs = of(a, NEG), of(b, NEG)
    return None if None in signs else (op, signs, {})


ADD = elementwise(
    "add",
    lambda m, a, b: a + b,
    (lambda g, out, a, b: g, lambda g, out, a, b: g),
    saves="specs",
    wraps=True,
    inplace=operator.iadd,
    rounding="once",
    follows="smoothly",
    adds=True,
    fold=_fold_add,
)


def _refuse_bools(name: str, remedy: str) -> Callable[..., None]:
    def check(*operands: Any) -> None:
        if all(t.dtype.kind == "b" for t in operands if isinstance(t, Spec)):
            raise DTypeError(message(name, "truth values (bool)", "numbers", remedy))

    return check


SUB = elementwise(
    "sub",
    lambda m, a, b: a - b,
    (lambda g, out, a, b: g, lambda g, out, a, b: -g),
    check=_refuse_bools("sub", "Use a ^ b, or a & ~b; x.int() makes numbers of bools."),
    saves="specs",
    wraps=True,
    inplace=operator.isub,
    rounding="once",
    follows="smoothly",
    fold=_fold_sub,
)
MUL = elementwise(
    "mul",
    lambda m, a, b: a * b,
    (lambda g, out, a, b: g * b, lambda g, out, a, b: g * a),
    wraps=True,
    inplace=operator.imul,
    rounding="once",
    follows="smoothly",
    fold=_fold_mul,
)
DIV = elementwise(
    "div",
    lambda m, a, b: a / b,
    (lambda g, out, a, b: g / b, lambda g, out, a, b: -(g * out) / b),
    saves="both",
    spare=(0,),
    promote="float",
    inplace=operator.itruediv,
    rounding="once",
    fold=_fold_div,
)
NEG: Op = elementwise(
    "neg",
    lambda m, a: -a,
    (lambda g, out, a: -g,),
    check=_refuse_bools("neg", "Use ~x for its opposite; x.int() makes numbers of bools."),
    saves="specs",
    rounding="none",
    follows="smoothly",
    fold=lambda a: of(a, NEG),
)
FLOOR_DIVIDE = elementwise(
    "floor_divide", lambda m, a, b: m.floor_divide(a, b), rounding="once", follows="in steps"
)


def _flat(g: Tensor, out: Any, a: Any, b: Any) -> Tensor:
    """The derivative of a staircase."""
    return kept(False, g)


# As PyTorch has it, div has the derivative 0 where floor_divide has none.
DIV_FLOOR = elementwise(
    "div_floor",
    lambda m, a, b: m.floor_divide(a, b),
    (_flat, _flat),
    saves="specs",
    rounding="once",
    follows="in steps",
    label="DivBackward2",
)
DIV_TRUNC = elementwise(
    "div_trunc",
    lambda m, a, b: m.trunc_divide(a, b),
    (_flat, _flat),
    saves="specs",
    rounding="once",
    follows="in steps",
    label="DivBackward2",
)


def _other_is_tensor(node: Any) -> int:
    """1 where the second operand is a tensor: PyTorch numbers such forms."""
    return int(node.kept is not None and not isinstance(node.kept[1], (bool, int, float)))


REMAINDER = elementwise(
    "remainder",
    lambda m, a, b: m.remainder(a, b),
    (lambda g, out, a, b: g, lambda g, out, a, b: -chain(g, a // b)),
    rounding="once",
    label=lambda node: f"RemainderBackward{_other_is_tensor(node)}",
)


def _pow_base(g: Tensor, out: Tensor, a: Any, b: Any) -> Tensor:
    if isinstance(b, Tensor):
        # To the power of 0 it is 1 even of 0 and nan, whose power of -1 is neither.
        safe = a.masked_fill((b == 0) & ((a == 0) | (a != a)), 1.0)
        return chain(g, b * pow(safe, b - 1))
    return kept(False, g) if b == 0 else g * (b * pow(a, b - 1))


def _pow_exponent(g: Tensor, out: Tensor, a: Any, b: Any) -> Tensor:
    # At base 0 the result does not change with a positive exponent, though log(0) is infinite.
    base = a if isinstance(a, Tensor) else out.new_full((), a)
    return chain(g, out * base.masked_fill((base == 0) & (b >= 0), 1.0).log())


def _refuse_fractions(a: Any, b: Any) -> None:
    if isinstance(b, int) and b < 0 and a.dtype.kind in "iub":
        got, expected = f"{a.dtype} to the power of {b}", "a power of 0 or more of whole numbers"
        raise ArgumentError(message("pow", got, expected, "Use x.float(), whose powers are fractions."))


POW = elementwise(
    "pow",
    lambda m, a, b: m.power(a, b),
    (_pow_base, _pow_exponent),
    check=_refuse_fractions,
    saves="both",
    fold=lambda a, b: a if b.number == 1 else None,
    label=lambda node: f"PowBackward{_other_is_tensor(node)}",
)


def _scaled(other: Any, alpha: Any) -> Any:
    if alpha.__class__ is int and alpha == 1:
        return other
    if not isinstance(other, Tensor) or other.dtype.kind == "f" or isinstance(alpha, float):
        return other * alpha
    # Of bools and whole numbers it keeps their dtype.
    return to_dtype(other * as_held("alpha", alpha, other.dtype), other.dtype)


def _old_form(name: str, number: Any, rest: tuple[Any, ...], tensors: int = 1) -> tuple[Any, ...]:
    """PyTorch's older order, with the number before the last `tensors` tensors."""
    if len(rest) != tensors or isinstance(number, Tensor):
        raise TypeError(f"{name}() takes a number only before its last tensors, or as a keyword")
    warn(f"{name}(number, tensor) is deprecated, as in PyTorch: name the number, after the tensors.")
    return (number, *rest)


@method("add", "__add__", "__radd__")
def add(input: Any, other: Any, *old: Any, alpha: Any = 1) -> Tensor:
    """input + alpha * other. The older form ``add(input, alpha, other)`` is understood, here and by the
    functions that follow.

    >>> import rushlight as rl
    >>> rl.add(rl.tensor([1.0, 2.0]), 1, alpha=10)
    tensor([11., 12.])
    """
    if old:
        alpha, other = _old_form("add", other, old)
    return apply(ADD, input, _scaled(other, alpha))


@method("sub", "subtract", "__sub__")
def sub(input: Any, other: Any, *old: Any, alpha: Any = 1) -> Tensor:
    """input - alpha * other."""
    if old:
        alpha, other = _old_form("sub", other, old)
    return apply(SUB, input, _scaled(other, alpha))


@method("mul", "multiply", "__mul__", "__rmul__")
def mul(input: Any, other: Any) -> Tensor:
    """input * other, element by element.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0]) * rl.tensor([[1.0], [10.0]])
    tensor([[ 1.,  2.],
            [10., 20.]])
    """
    return apply(MUL, input, other)


_ROUNDED = {"floor": DIV_FLOOR, "trunc": DIV_TRUNC}


def checked_division(op: Op, input: Any, other: Any) -> Op:
    """`op`, a division in whole numbers, where it can divide these."""
    kinds = [t.dtype.kind if isinstance(t, Tensor) else type(t).__name__[:1] for t in (input, other)]
    if kinds == ["b", "b"]:
        raise DTypeError(message(op.name, "bools", "numbers", "Convert one of them with .int()."))
    if "f" in kinds or state.tracing or (isinstance(input, Tensor) and not input.array.size):
        return op
    if not xp.all(other.array if isinstance(other, Tensor) else other):
        expected = "divisors other than 0, for whole numbers have no infinity"
        raise DivisionError(message(op.name, "a division by 0", expected, "Use div() for floats."))
    return op


def _rounded(rounding_mode: str | None) -> Op:
    if rounding_mode is None:
        return DIV
    if rounding_mode not in _ROUNDED:
        raise ArgumentError(message("div", f"rounding_mode={rounding_mode!r}", "None, 'floor' or 'trunc'"))
    return _ROUNDED[rounding_mode]


@method("div", "divide", "true_divide", "__truediv__")
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; integers divide to floats. `rounding_mode` "floor" or "trunc" rounds the quotient, and
    integers then divide to integers, exactly: by 0 as in `floor_divide`.

    >>> import rushlight as rl
    >>> rl.tensor([7, -7]) / 2, rl.div(rl.tensor([7, -7]), 2, rounding_mode="trunc")
    (tensor([ 3.5000, -3.5000]), tensor([ 3, -3]))
    """
    if rounding_mode is None:
        return apply(DIV, input, other)
    return apply(checked_division(_rounded(rounding_mode), input, other), input, other)


@method("neg", "negative", "__neg__")
def neg(input: Tensor) -> Tensor:
    """-input."""
    return apply(NEG, input)


@method("pow", "__pow__")
def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent; the gradient at base 0 is 0 where the exponent is 0.

    >>> import rushlight as rl
    >>> rl.tensor([2.0, 3.0]) ** 2
    tensor([4., 9.])
    """
    return apply(POW, input, exponent)


@method("floor_divide", "__floordiv__")
def floor_divide(input: Any, other: Any) -> Tensor:
    """The quotient rounded towards minus infinity; it has no gradient.

    Whole numbers divided by 0 raise DivisionError; in a compiled function, which looks at none, they give 0.

    >>> import rushlight as rl
    >>> rl.tensor([7, -7]) // 2
    tensor([ 3, -4])
    """
    return apply(checked_division(FLOOR_DIVIDE, input, other), input, other)


@method("remainder", "__mod__")
def remainder(input: Any, other: Any) -> Tensor:
    """input - other * floor(input / other): the remainder with the sign of the divisor; by 0 as in
    `floor_divide`.
    """
    return apply(checked_division(REMAINDER, input, other), input, other)


@method("__rsub__")
def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input."""
    return apply(SUB, other, _scaled(input, alpha))


@method("__rtruediv__")
def _rdiv(input: Tensor, other: Any) -> Tensor:
    return apply(DIV, other, input)


@method("__rpow__")
def _rpow(input: Tensor, other: Any) -> Tensor:
    return apply(POW, other, input)


@method("__rfloordiv__")
def _rfloordiv(input: Tensor, other: Any) -> Tensor:
    return floor_divide(other, input)


@method("__rmod__")
def _rmod(input: Tensor, other: Any) -> Tensor:
    return remainder(other, input)


# In place


@method("add_", "__iadd__")
def add_(input: Tensor, other: Any, *old: Any, alpha: Any = 1) -> Tensor:
    """input += alpha * other, in the input's memory."""
    if old:
        alpha, other = _old_form("add_", other, old)
    return apply_(ADD, input, _scaled(other, alpha))


@method("sub_", "__isub__")
def sub_(input: Tensor, other: Any, *old: Any, alpha: Any = 1) -> Tensor:
    """input -= alpha * other, in the input's memory."""
    if old:
        alpha, other = _old_form("sub_", other, old)
    return apply_(SUB, input, _scaled(other, alpha))


@method("mul_", "__imul__")
def mul_(input: Tensor, other: Any) -> Tensor:
    """input *= other, in the input's memory."""
    return apply_(MUL, input, other)


@method("div_", "divide_", "true_divide_", "__itruediv__")
def div_(input: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input /= other, in the input's memory."""
    op = _rounded(rounding_mode)
    return apply_(op if op is DIV else checked_division(op, input, other), input, other)


@method("floor_divide_", "__ifloordiv__")
def floor_divide_(input: Tensor, other: Any) -> Tensor:
    """input //= other, in the input's memory."""
    return apply_(checked_division(FLOOR_DIVIDE, input, other), input, other)


@method("remainder_", "__imod__")
def remainder_(input: Tensor, other: Any) -> Tensor:
    """input %= other, in the input's memory."""
    return apply_(checked_division(REMAINDER, input, other), input, other)


@method("pow_", "__ipow__")
def pow_(input: Tensor, exponent: Any) -> Tensor:
    """input **= exponent, in the input's memory."""
    return apply_(POW, input, exponent)


@method()
def neg_(input: Tensor) -> Tensor:
    """input = -input, in the input's memory."""
    return apply_(NEG, input)


@method()
def addcmul(input: Tensor, tensor1: Any, tensor2: Any, *old: Any, value: Any = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    if old:
        value, tensor1, tensor2 = _old_form("addcmul", tensor1, (tensor2, *old), 2)
    return input + tensor1 * tensor2 * value


@method()
def addcdiv(input: Tensor, tensor1: Any, tensor2: Any, *old: Any, value: Any = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""
    if old:
        value, tensor1, tensor2 = _old_form("addcdiv", tensor1, (tensor2, *old), 2)
    return input + tensor1 / tensor2 * value


@method()
def addcmul_(input: Tensor, tensor1: Any, tensor2: Any, *old: Any, value: Any = 1) -> Tensor:
    """input += value * tensor1 * tensor2, in the input's memory."""
    if old:
        value, tensor1, tensor2 = _old_form("addcmul_", tensor1, (tensor2, *old), 2)
    return input.add_(tensor1 * tensor2 * value)


@method()
def addcdiv_(input: Tensor, tensor1: Any, tensor2: Any, *old: Any, value: Any = 1) -> Tensor:
    """input += value * tensor1 / tensor2, in the input's memory."""
    if old:
        value, tensor1, tensor2 = _old_form("addcdiv_", tensor1, (tensor2, *old), 2)
    return input.add_(tensor1 / tensor2 * value)


@method()
def lerp(input: Tensor, end: Any, weight: Any) -> Tensor:
    """input + weight * (end - input)."""
    return input + (end - input) * weight


@method()
def lerp_(input: Tensor, end: Any, weight: Any) -> Tensor:
    """input += weight * (end - input), in the input's memory."""
    return input.add_((end - input) * weight)
