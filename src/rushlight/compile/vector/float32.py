"""Elementary functions of float32 as a few instructions on every lane at once.

Each docstring states the largest error, in units in the last place of the exact result: the tests look at a
sample of every exponent and at the worst points, ``python -m benchmarks.accuracy`` measures all numbers.
Infinities and nans give what mathematics gives; results below the smallest normal number keep their
digits. The coefficients are minimax fits for the intervals named.

Source of the techniques: J.-M. Muller, Elementary Functions (2016), chapters 4 and 11.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rushlight.compile import host
from rushlight.compile.vector.registers import Vec, bitcast, cast, constant, intrinsic, select, vec
from rushlight.compile.vector.rest import absolute, maximum, minimum
from rushlight.device import xp
from rushlight.device.erf import ERF_FAR, ERF_NEAR

__all__ = ["cos", "erf", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "tan", "tanh"]

# Added to a number below 2^22, it leaves the nearest whole number in the lowest bits.
MAGIC = 1.5 * 2.0**23
BIAS = 127
LN2_HIGH = 0.693147182464599609375
LN2_LOW = math.log(2) - LN2_HIGH
SQRT_HALF_BITS = 0x3F3504F3
EXPONENT_BITS = -0x800000

EXP = (
    1.0,
    1.0,
    0.4999999403953552,
    0.1666652113199234,
    0.04166838899254799,
    0.008368716575205326,
    0.0013814597623422742,
)
EXPM1 = (
    0.4999999701976776,
    0.1666654348373413,
    0.04166720062494278,
    0.008366520516574383,
    0.0013882520142942667,
)
TANH = tuple(c * 2.0 ** (k + 1) for k, c in enumerate(EXPM1))
LOG = (
    -0.5,
    0.3333333134651184,
    -0.2500081956386566,
    0.20001226663589478,
    -0.16623356938362122,
    0.14201760292053223,
    -0.13160189986228943,
    0.12761563062667847,
    -0.07634460180997849,
)


def fma(a: Vec, b: Vec | float, c: Vec | float) -> Vec:
    """a * b + c, rounded once; without an instruction for it by way of float64, where products are exact and
    a second rounding of the sum hardly ever shows."""
    b, c = _like(a, b), _like(a, c)
    if host.describe().fused:
        return intrinsic("fma", a, b, c)
    wide = [cast(v, xp.float64) for v in (a, b, c)]
    return cast(wide[0] * wide[1] + wide[2], xp.float32)


def _like(a: Vec, value: Vec | float) -> Vec:
    return value if isinstance(value, Vec) else constant(a.emitter, value, a.dtype, a.lanes)


def _horner(x: Vec, coefficients: Sequence[float]) -> Vec:
    """The polynomial with these coefficients, that of the lowest power first."""
    out: Vec | float = coefficients[-1]
    for c in coefficients[-2::-1]:
        out = fma(x, out, c)
    return _like(x, out)


def _bits(x: Vec) -> Vec:
    return bitcast(x, xp.int32)


def _float(x: Vec) -> Vec:
    return bitcast(x, xp.float32)


def _shift(word: str, x: Vec, count: int) -> Vec:
    return vec(x, f"{word} {x.kind} {x.name}, {constant(x.emitter, count, x.dtype, x.lanes).name}")


def _clamp(x: Vec, low: float, high: float) -> Vec:
    return maximum(minimum(x, high), low)


# Exponentials


def exp(x: Vec) -> Vec:
    """e^x, to 1 ulp: 2^n e^r with |r| <= ln(2)/2. Two factors make 2^n, which may lie outside the range."""
    t, p = _exp_parts(_clamp(x, -104.0, 89.0), MAGIC + 2 * BIAS)
    half = _shift("shl", t, 22) & EXPONENT_BITS
    return p * _float(half) * _float(_shift("shl", t, 23) - half)


def _exp_parts(x: Vec, magic: float) -> tuple[Vec, Vec]:
    """n + magic, in the lowest bits, and e^r of x = n ln(2) + r."""
    t = fma(x, 1 / math.log(2), magic)
    n = t - magic
    return _bits(t), _horner(fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x)), EXP)


def expm1(x: Vec) -> Vec:
    """e^x - 1, to 1.7 ulp: 2^n (e^r - 1) + (2^n - 1), halved as long as 2^n might overflow.

    Subnormal numbers, whose last digit halving would lose, are their own results.
    """
    limited = _clamp(x, -20.0, 89.0)
    t = fma(limited, 1 / math.log(2), MAGIC + BIAS - 1)
    n = t - (MAGIC + BIAS - 1)
    r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, limited))
    half = _float(_shift("shl", _bits(t), 23))
    out = fma(half, fma(r * r, _horner(r, EXPM1), r), half - 0.5)
    return select(absolute(x) < 2.0**-126, x, intrinsic("copysign", out + out, x))


def tanh(x: Vec) -> Vec:
    """(e^2x - 1) / (e^2x + 1), to 2.6 ulp, with the sign of zero, and exactly 1 or -1 from |x| = 9.02 on.

    With u = (e^2x - 1) / 2 it is u / (u + 1): one division, and an error of u matters less the larger u is.
    All is done in x itself, the 2 being in the coefficients.
    """
    size = minimum(absolute(x), 15.0)
    t = fma(size, 2 / math.log(2), MAGIC + BIAS)
    r = fma(t - (MAGIC + BIAS), -math.log(2) / 2, size)
    power = _float(_shift("shl", _bits(t), 23))
    u = fma(power, fma(r * r, _horner(r, TANH), r), fma(power, 0.5, -0.5))
    return intrinsic("copysign", u / (u + 1.0), x)


# Logarithms


def log(x: Vec) -> Vec:
    """ln(x), to 1 ulp: of 2^e m with sqrt(1/2) <= m < sqrt(2) it is e ln(2) + ln(m)."""
    exponent, f = _split(x)
    return _log_edges(_log_sum(exponent, f), x)


def _split(x: Vec) -> tuple[Vec, Vec]:
    """(e, f) with x = 2^e (1 + f) and sqrt(1/2) <= 1 + f < sqrt(2)."""
    small = x < 2.0**-126
    scaled = _bits(select(small, x * 2.0**23, x)) - SQRT_HALF_BITS
    exponent = cast(_shift("ashr", scaled, 23), xp.float32)
    exponent = select(small, exponent - 23.0, exponent)
    mantissa = _float((scaled & ~EXPONENT_BITS) + SQRT_HALF_BITS)
    return exponent, mantissa - 1.0


def log1p(x: Vec) -> Vec:
    """ln(1 + x), to 1.5 ulp: as `log`, with what 1 + x loses kept in the mantissa."""
    total = x + 1.0
    scaled = _bits(total) - SQRT_HALF_BITS
    power = scaled & EXPONENT_BITS
    # 2^-e may lie below the normal numbers, where exponent bits cannot make it: 4 * 2^-e does not.
    inverse = _float(((BIAS + 2) << 23) - power) * 0.25
    exponent = cast(_shift("ashr", scaled, 23), xp.float32)
    out = _log_sum(exponent, fma(inverse, x, inverse - 1.0))
    return intrinsic("copysign", _log_edges(out, total), x)


def log2(x: Vec) -> Vec:
    """The logarithm to base 2, to 1.1 ulp, and exact of powers of 2."""
    return _other_log(x, 1.0, 1 / math.log(2))


def log10(x: Vec) -> Vec:
    """The logarithm to base 10, to 1 ulp, and exact of powers of 10."""
    return _other_log(x, math.log10(2), 1 / math.log(10))


def _other_log(x: Vec, octave: float, scale: float) -> Vec:
    """Of 2^e (1 + f) it is e octave + ln(1 + f) scale; what the leading terms lose is added last."""
    exponent, f = _split(x)
    high = math.floor(octave * 2.0**16) / 2.0**16  # times an exponent it is exact
    whole = exponent * high
    part = f * scale
    lost = fma(f, scale, -part)
    total = whole + part
    lost = lost + (part - (total - whole))
    near = float(xp.full((), scale, xp.float32))
    tail = fma(f, scale - near, exponent * (octave - high))
    return _log_edges(total + (lost + fma(f * f * _horner(f, LOG), scale, tail)), x)


def _log_sum(exponent: Vec, f: Vec) -> Vec:
    tail = fma(exponent, LN2_LOW, f * f * _horner(f, LOG))
    return fma(exponent, LN2_HIGH, f + tail)


def _log_edges(out: Vec, x: Vec) -> Vec:
    out = select(x < math.inf, out, x)
    out = select(x < 0.0, math.nan, out)
    return select(x == 0.0, -math.inf, out)


# The error function


def erf(x: Vec) -> Vec:
    """2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, to 1.2 ulp.

    Below 0.92 a polynomial; above, 1 - exp(g) with a polynomial g for the logarithm of the rest.
    """
    size = absolute(x)
    near = fma(x, _horner(x * x, ERF_NEAR), x)
    t = minimum(size, 4.0)
    rest = fma(t, _horner(t, ERF_FAR), -t)
    n, p = _exp_parts(rest, MAGIC + BIAS)
    far = intrinsic("copysign", fma(p, -_float(_shift("shl", n, 23)), 1.0), x)
    return select(size > 0.92, far, near)


# Trigonometry

TWO_OVER_PI = 2 / math.pi
HALF_PI = (1.57079637050628662109375, -4.37113882867379e-8, -1.71512451e-15)
SIN = (-0.16666655242443085, 0.008332155644893646, -0.0001951463200384751)
COS = (0.04166664555668831, -0.0013887309469282627, 2.443241282890085e-05)
FAR = 50000.0


def sin(x: Vec) -> Vec:
    """sin(x), to 1.6 ulp; beyond |x| = 50000 lane by lane in the C library."""
    return _near_or_far("sinf", x, lambda x: _keep_zero(x, _wave(x, 0)))


def cos(x: Vec) -> Vec:
    """cos(x), to 1.6 ulp; beyond |x| = 50000 lane by lane in the C library."""
    return _near_or_far("cosf", x, lambda x: _wave(x, 1))


def tan(x: Vec) -> Vec:
    """tan(x), to 3.5 ulp; beyond |x| = 50000 lane by lane in the C library."""
    return _near_or_far("tanf", x, lambda x: _keep_zero(x, _tangent(x)))


def _keep_zero(x: Vec, value: Vec) -> Vec:
    """Of -0 it is -0, whose sign the reduction loses."""
    return select(x == 0.0, x, value)


def _quadrant(x: Vec) -> tuple[Vec, Vec, Vec]:
    """(n, sin r, cos r) of x = n pi/2 + r with |r| <= pi/4; the first subtraction is exact."""
    t = fma(x, TWO_OVER_PI, MAGIC)
    n = t - MAGIC
    r = x
    for part in HALF_PI:
        r = fma(n, -part, r)
    z = r * r
    sine = fma(r * z, _horner(z, SIN), r)
    cosine = fma(z * z, _horner(z, COS), fma(z, -0.5, 1.0))
    return _bits(t), sine, cosine


def _wave(x: Vec, ahead: int) -> Vec:
    n, sine, cosine = _quadrant(x)
    n = n + ahead if ahead else n
    value = select((n & 1) == 0, sine, cosine)
    return _float(_bits(value) ^ _shift("shl", n & 2, 30))


def _tangent(x: Vec) -> Vec:
    n, sine, cosine = _quadrant(x)
    even = (n & 1) == 0
    return select(even, sine, cosine) / select(even, cosine, -sine)


def _near_or_far(name: str, x: Vec, near: Callable[[Vec], Vec]) -> Vec:
    emitter = x.emitter
    mark = emitter.fresh("F")
    emitter.line(f"br label %{mark}.near")
    emitter.label(f"{mark}.near")
    fast = near(x)
    far = absolute(x) > FAR
    some = far.name
    if x.lanes > 1:
        some = emitter.call(f"llvm.vector.reduce.or.v{x.lanes}i1", "i1", [(far.kind, far.name)])
    emitter.line(f"br i1 {some}, label %{mark}.far, label %{mark}.end")
    emitter.label(f"{mark}.far")
    slow = by_lane(name, x)
    emitter.line(f"br label %{mark}.end")
    emitter.label(f"{mark}.end")
    return vec(x, f"phi {x.kind} [ {fast.name}, %{mark}.near ], [ {slow.name}, %{mark}.far ]")


def by_lane(name: str, *operands: Vec) -> Vec:
    """A function of the C library, called for every lane."""
    from rushlight.compile.vector.transfer import lane

    x = operands[0]
    results = []
    for i in range(x.lanes):
        ones = [lane(v, i) for v in operands]
        results.append(x.emitter.call(name, ones[0].kind, [(v.kind, v.name) for v in ones]))
    if x.lanes == 1:
        return Vec(x.emitter, results[0], x.dtype, 1)
    whole = "poison"
    for i, result in enumerate(results):
        whole = vec(x, f"insertelement {x.kind} {whole}, {ones[0].kind} {result}, i64 {i}").name
    return Vec(x.emitter, whole, x.dtype, x.lanes)
