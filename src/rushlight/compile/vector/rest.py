"""Operations on Vecs that take several instructions: maxima, whole division, remainders, powers."""

from __future__ import annotations

import math
from typing import Any

from rushlight.compile.vector.registers import (
    Unsupported,
    Vec,
    bitcast,
    cast,
    compare,
    constant,
    intrinsic,
    ones,
    pair,
    quotient,
    select,
    vec,
)
from rushlight.device import xp

__all__ = [
    "absolute",
    "floor_divide",
    "fmod",
    "frexp",
    "maximum",
    "minimum",
    "power",
    "remainder",
    "trunc_divide",
]


def absolute(x: Vec) -> Vec:
    """|x|; of the smallest int, itself."""
    if x.dtype.kind == "f":
        return intrinsic("fabs", x)
    return intrinsic("abs", x, extra=(("i1", "false"),)) if x.dtype.kind == "i" else x


def maximum(a: Any, b: Any) -> Vec:
    """The larger of two; a nan wins."""
    return _extreme("gt", a, b)


def minimum(a: Any, b: Any) -> Vec:
    """The smaller of two; a nan wins."""
    return _extreme("lt", a, b)


def _extreme(order: str, a: Any, b: Any) -> Vec:
    a, b = pair(a, b)
    if b.value is not None and b.value == b.value:
        a, b, order = b, a, {"gt": "ge", "lt": "le"}[order]  # of equals, 0 and -0 say, the second
    # `a if a > b else b` is one instruction, and gives b when either is nan: enough when a is a plain number.
    best = select(compare(order, a, b), a, b)
    if a.dtype.kind != "f" or (a.value is not None and a.value == a.value):
        return best
    return select(compare("ne", a, a), a, best)


def frexp(x: Vec) -> tuple[Vec, Vec]:
    """(f, e) with x = f * 2**e and 0.5 <= |f| < 1, for x neither 0 nor subnormal, infinite or nan."""
    single = x.dtype == xp.float32
    if x.dtype not in (xp.float32, xp.float64):
        raise Unsupported(f"frexp of {x.dtype}")
    width, half, word = (23, 126, xp.uint32) if single else (52, 1022, xp.uint64)
    bits = bitcast(x, word)
    places = constant(x.emitter, width, word, x.lanes)
    raised = vec(bits, f"lshr {bits.kind} {bits.name}, {places.name}")
    exponent = cast(raised & (255 if single else 2047), xp.int32) - half
    kept = ones(bits.dtype) ^ ((255 if single else 2047) << width)
    return bitcast((bits & kept) | (half << width), x.dtype), exponent


# Whole division


def floor_divide(a: Any, b: Any) -> Vec:
    """floor(a / b), with NumPy's choices: ints give 0 on division by 0."""
    a, b = pair(a, b)
    if a.dtype.kind == "f":
        return _float_floor_divide(a, b)
    return _int_divide(a, b)[0]


def remainder(a: Any, b: Any) -> Vec:
    """a - floor(a / b) * b, with the sign of `b`; ints give 0 on division by 0."""
    a, b = pair(a, b)
    if a.dtype.kind == "f":
        return _float_remainder(a, b)
    return _int_divide(a, b)[1]


def fmod(a: Any, b: Any) -> Vec:
    """a - trunc(a / b) * b, with the sign of `a`; ints give 0 on division by 0, as NumPy's do."""
    a, b = pair(a, b)
    if a.dtype.kind == "f":
        return quotient("frem", a, b)
    return select(compare("eq", b, 0), 0, a - _int_divide(a, b, floor=False)[0] * b)


def trunc_divide(a: Any, b: Any) -> Vec:
    """a / b rounded towards 0; ints give 0 on division by 0."""
    a, b = pair(a, b)
    return intrinsic("trunc", a / b) if a.dtype.kind == "f" else _int_divide(a, b, floor=False)[0]


def _int_divide(a: Vec, b: Vec, floor: bool = True) -> tuple[Vec, Vec]:
    zero = compare("eq", b, 0)
    if a.dtype.kind == "u":
        safe = select(zero, 1, b)
        quotient = vec(a, f"udiv {a.kind} {a.name}, {safe.name}")
        return select(zero, 0, quotient), select(zero, 0, a - quotient * safe)
    # The smallest int divided by -1 stops the processor, so -1 takes a way of its own.
    minus = compare("eq", b, -1)
    safe = select(zero | minus, 1, b)
    quotient = vec(a, f"sdiv {a.kind} {a.name}, {safe.name}")
    rest = a - quotient * safe
    if not floor:
        return select(zero, 0, select(minus, -a, quotient)), rest
    low = (rest != 0) & ((rest ^ safe) < 0)
    floored = select(zero, 0, select(minus, -a, select(low, quotient - 1, quotient)))
    return floored, select(low, rest + safe, rest)


def _float_remainder(a: Vec, b: Vec) -> Vec:
    rest = quotient("frem", a, b)
    moved = select((rest != 0) & ((rest < 0) ^ (b < 0)), rest + b, rest)
    signed = select(rest == 0, intrinsic("copysign", constant(a.emitter, 0.0, a.dtype, a.lanes), b), moved)
    return select(b == 0, rest, signed)


def _float_floor_divide(a: Vec, b: Vec) -> Vec:
    """As NumPy: the remainder first, then a quotient that is whole but for rounding."""
    rest = quotient("frem", a, b)
    plain = a / b
    found = (a - rest) / b
    found = select((rest != 0) & ((rest < 0) ^ (b < 0)), found - 1, found)
    whole = intrinsic("floor", found)
    whole = select((found - whole) > 0.5, whole + 1, whole)
    zero = intrinsic("copysign", constant(a.emitter, 0.0, a.dtype, a.lanes), plain)
    return select(b == 0, plain, select(found == 0, zero, whole))


# Powers


def power(a: Any, b: Any) -> Vec:
    """a to the power of b; small constant exponents become products, roots and quotients."""
    known = b.value if isinstance(b, Vec) else b
    if isinstance(a, Vec) and known is not None:
        a = pair(a, b)[0]
        short = _short_power(a, known)
        if short is not None:
            return short
    a, b = pair(a, b)
    if a.dtype.kind != "f":
        raise Unsupported(f"{a.dtype} to the power of {a.dtype}")
    return intrinsic("pow", a, b)


def _short_power(a: Vec, exponent: float) -> Vec | None:
    if a.dtype.kind == "f":
        return _float_power(a, exponent)
    return _int_power(a, int(exponent)) if exponent >= 0 and a.dtype.kind != "b" else None


def _float_power(a: Vec, exponent: float) -> Vec | None:
    if exponent == 0:
        return constant(a.emitter, 1.0, a.dtype, a.lanes)
    if abs(exponent) == 0.5:
        # pow knows no sign of 0 and infinity. NumPy takes the root, which does, for all but float16 to 0.5.
        root = exponent > 0 and a.dtype != xp.float16
        x = a if root else select(a == 0, 0.0, select(a == -math.inf, math.inf, a))
        return intrinsic("sqrt", x) if exponent > 0 else 1.0 / intrinsic("sqrt", x)
    size = abs(exponent)
    if size not in (1, 2, 3, 4):
        return None
    square = a * a if size > 1 else a
    value = {1: a, 2: square, 3: square * a if size == 3 else a, 4: square * square if size == 4 else a}[
        int(size)
    ]
    return value if exponent > 0 else 1.0 / value


def _int_power(a: Vec, exponent: int) -> Vec:
    """By squaring, wrapping round as ints do."""
    out = constant(a.emitter, 1, a.dtype, a.lanes)
    first = True
    while exponent:
        if exponent & 1:
            out, first = (a if first else out * a), False
        exponent >>= 1
        if exponent:
            a = a * a
    return out
