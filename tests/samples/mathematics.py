"""Samples of functions of one or two numbers that load later, and of their in-place twins."""

from __future__ import annotations

import numpy as np

from tests.samples.record import EXTREME, I32, INFINITE, U8, B, I, X, binary, forms, inplace, sample, unary

# A table: an entry costs a line or two.
# fmt: off
# Trigonometry

FEW = [I(2, 3), B(3), U8]
for _name, _low, _high in (
    ("acos", -0.9, 0.9), ("asin", -0.9, 0.9), ("atanh", -0.9, 0.9), ("acosh", 1.2, 3.0), ("asinh", -2.0, 2.0),
    ("atan", -2.0, 2.0), ("cosh", -2.0, 2.0), ("sinh", -2.0, 2.0), ("arccos", -0.9, 0.9), ("arcsin", -0.9,
        0.9),
    ("arctanh", -0.9, 0.9), ("arccosh", 1.2, 3.0), ("arcsinh", -2.0, 2.0), ("arctan", -2.0, 2.0),
):
    unary(_name, _low, _high, exact=False)
    inplace(f"{_name}_", cases=[X(2, 3, low=_low, high=_high)], exact=False,
        peer=_name[-1] != "h" or _name in ("cosh", "sinh"))
for _name in ("atan2", "arctan2", "hypot"):
    binary(_name, 0.2, 2.0, exact=False, plain=[(EXTREME, EXTREME[::-1].copy())] if _name != "hypot" else
        [(np.array([3e30, np.inf, 0.0]), np.array([4e30, np.nan, 0.0]))])
    inplace(f"{_name}_", cases=[(X(2, 3, low=0.2), X(3, low=0.3))])
sample("atan2", lambda L, x, y: L.atan2(x, y), (X(2, 3), X(3, low=-1.9)), plain=[(I(3), I32[:3])],
    exact=False)
unary("sinc", exact=False, kinks=[np.array([0.0, 1.0])], plain=[I(2, 3), np.array([0.0, np.nan, 0.5])],
    twice=False)
unary("deg2rad")
unary("rad2deg", plain=[I(2, 3), EXTREME[:5]])
for _name in ("sinc_", "deg2rad_", "rad2deg_", "cos_", "sin_", "tan_", "erf_", "expm1_", "exp2_", "square_",
    "absolute_", "negative_", "ceil_", "floor_", "frac_", "trunc_", "fix_", "round_", "sgn_", "sign_"):
    inplace(_name, cases=[X(2, 3), X(), X(3, 2, layout="transposed")])
for _name in ("log_", "log2_", "log10_", "log1p_", "rsqrt_", "reciprocal_"):
    inplace(_name, cases=[X(2, 3, low=0.2), X(low=0.2)])
for _name in ("clip_", "clamp_"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x.clone(), -0.5, 0.7), X(2, 3))
for _name in ("sqrt_", "exp_", "abs_", "neg_", "relu_", "sigmoid_", "tanh_", "zero_"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x.clone()), X(2, 3, low=0.2))
sample("fill_", lambda L, x: L.fill_(x.clone(), 2), X(2, 3))
sample("detach", lambda L, x: L.detach(x) + x, kinks=[X(2, 3)])
sample("detach_", lambda L, x: L.detach_(x * 2) + x, kinks=[X(2, 3)])

# Exponentials

unary("exp2")
for _name in ("logaddexp", "logaddexp2"):
    sample(_name, lambda L, a, b, n=_name: getattr(L, n)(a, b), (X(3), X(3)), exact=False)
    binary(_name, exact=False, plain=[(INFINITE, INFINITE.T.copy())],
        kinks=[(np.array([np.inf, -np.inf, 900.0]), np.array([0.0, 0.0, -900.0]))])
binary("xlogy", 0.3, 2.0, plain=[(EXTREME, EXTREME[::-1].copy()), (I(3), I(3, low=1))],
    kinks=[(np.array([0.0, 0.0, 1.0]), np.array([0.0, 2.0, 3.0]))])
sample("xlogy", lambda L, x: L.xlogy(x, 2.0) + L.xlogy(1.5, x), X(2, 3, low=0.3), exact=False)
inplace("xlogy_", cases=[(X(2, 3, low=0.3), X(3, low=0.3))])
unary("logit", 0.1, 0.9, exact=False, plain=[np.array([0.0, 1.0, 2.0, np.nan])])
sample("logit", lambda L, x: L.logit(x, 0.2), X(2, 3, low=0.25, high=0.75), kinks=[np.array([0.0, 0.1, 0.9])],
    exact=False)
inplace("logit_", cases=[X(2, 3, low=0.1, high=0.9)])
sample("float_power", lambda L, x, y: L.float_power(x, y), plain=[(X(2, 3, low=0.3), X(3)), (I(3, low=1),
    I32[:3])])
sample("float_power", lambda L, x: L.float_power(x, 2) + L.float_power(2, x), X(2, 3), twice=False,
    exact=False)
sample("float_power_", lambda L, x: x.clone().double().float_power_(2), X(2, 3), twice=False)
sample("ldexp", lambda L, x, y: L.ldexp(x, y), (X(2, 3), np.array([1, 2, 0])), plain=[(I(3), I(3)), (X(3),
    np.array([1, -2, 0]))])
inplace("ldexp_", cases=[(X(2, 3), np.array([1, 2, 0]))])
sample("frexp", lambda L, x: L.frexp(x), X(2, 3), X(), plain=[EXTREME, np.array([1e-40, 3e38])])

# Rounding, signs, bits

for _name in ("fmod",):
    binary(_name, 0.3, 2.0, twice=False, plain=[(I(2, 3), I(3, low=1)), (I32, np.array([2, -2, 2, -2])),
        (EXTREME, EXTREME[::-1].copy()), (I32, np.array([-1, -1, 3, 3]))])
    sample(_name, lambda L, x: L.fmod(x, 0.7) + x.fmod(-2), X(2, 3), plain=[X(4)])
    inplace("fmod_", cases=[(X(2, 3), X(3, low=0.4))], plain=[(I(3), I(3, low=1))])
unary("frac", plain=[np.array([1.5, -1.5, 0.0, -0.0])])
unary("signbit", smooth=False, plain=[EXTREME[EXTREME == EXTREME], I32, U8, B(2)])
binary("copysign", 0.3, 2.0, plain=[(EXTREME[:4], EXTREME[[3, 2, 1, 0]]), (I32, X(4))])
sample("copysign", lambda L, x: L.copysign(x, -1.0) * 3 + x.copysign(2), X(2, 3), plain=[I(3)])
inplace("copysign_", cases=[(X(2, 3), X(3))])
binary("nextafter", twice=False, smooth=False, plain=[(X(2, 3), X(3)), (EXTREME, EXTREME[::-1].copy())])
inplace("nextafter_", cases=[], plain=[(X(2, 3), X(3))])
sample("nextafter", lambda L, x, y: L.nextafter(x, y) * x, kinks=[(X(3), X(3, high=3.0))], twice=False)
binary("heaviside", smooth=False, plain=[(EXTREME, EXTREME[::-1].copy()), (I32, I32), (X(2, 3), X(3))])
inplace("heaviside_", cases=[], plain=[(X(2, 3), X(3))])
for _name in ("fmax", "fmin"):
    binary(_name, kinks=[(np.array([1.0, np.nan, np.nan]), np.array([1.0, 2.0, np.nan]))],
        plain=[(EXTREME, EXTREME[::-1].copy()), (I(3), X(3)), (I(3), I(3))])
for _name in ("clamp_min", "clamp_max"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, 0.1) + getattr(x, n)(1), *forms(), plain=[I(2, 3)])
    sample(_name, lambda L, x, y, n=_name: getattr(L, n)(x, y), (X(2, 3), X(3)))
    inplace(f"{_name}_", 0.1, cases=[X(2, 3)])
unary("nan_to_num", plain=[INFINITE, I(3), B(2)])
sample("nan_to_num", lambda L, x: x.nan_to_num(1.0, posinf=2.0, neginf=-3), plain=[INFINITE],
    kinks=[INFINITE])
inplace("nan_to_num_", cases=[X(2, 3)], plain=[INFINITE])
for _name in ("isposinf", "isneginf", "isreal"):
    unary(_name, smooth=False, plain=[EXTREME, I(3), INFINITE])
sample("is_nonzero", lambda L, x: L.is_nonzero(x) or x.is_nonzero(), plain=[X(), I(1), np.zeros(1)])
sample("positive", lambda L, x: L.positive(x) * (+x), X(2, 3), plain=[I(3)])
for _name in ("bitwise_left_shift", "bitwise_right_shift"):
    sample(_name, lambda L, x, y, n=_name: getattr(L, n)(x, y),
        plain=[(I(2, 3), I(3)), (I32, I(4)), (U8, I(4)), (I(3), np.array([0, 63, 64]))])
    inplace(f"{_name}_", cases=[], plain=[(I(2, 3), I(3))])
sample("bitwise_left_shift", lambda L, x: (x << 2) + (x >> 1) + (2 << x) + (100 >> x), plain=[I(2, 3),
    U8 % 7])
for _name in ("gcd", "lcm"):
    sample(_name, lambda L, x, y, n=_name: getattr(L, n)(x, y),
        plain=[(I(2, 3), I(3)), (I32, np.array([6, 4, 0, 12])), (U8, U8[::-1].copy())])
    inplace(f"{_name}_", cases=[], plain=[(I(2, 3), I(3))])
for _name in ("bitwise_and_", "bitwise_or_", "bitwise_xor_"):
    inplace(_name, cases=[], plain=[(I(2, 3), I(3)), (B(2, 3), B(3))])
inplace("bitwise_not_", cases=[], plain=[I(2, 3), B(2, 3)])
for _name in ("logical_and_", "logical_or_", "logical_xor_"):
    sample(_name, lambda L, x, y, n=_name: getattr(x.clone(), n)(y), plain=[(I(2, 3), I(3)), (X(3), X(3)),
        (B(3), B(3))])
sample("logical_not_", lambda L, x: x.clone().logical_not_(), plain=[I(2, 3), X(3), B(3)])

# Second names

for _name in ("absolute", "negative", "fix", "sgn"):
    unary(_name, plain=[I(2, 3), I32])
sample("clip", lambda L, x: L.clip(x, -0.5, 0.7), X(2, 3))
for _name in ("subtract", "multiply", "divide", "true_divide", "rsub"):
    binary(_name, 0.3, 2.0, plain=[(I(2, 3), I(3, low=1))])
sample("rsub", lambda L, x, y: L.rsub(x, y, alpha=2), (X(2, 3), X(3)))
for _name in ("subtract_", "multiply_"):
    inplace(_name, cases=[(X(2, 3), X(3))], plain=[(I(2, 3), I(3))])
for _name in ("greater", "greater_equal", "less", "less_equal", "not_equal"):
    binary(_name, smooth=False, plain=[(EXTREME, EXTREME[::-1].copy()), (I(2, 3), I(3))])
for _name in ("eq", "ge", "gt", "le", "lt", "ne", "greater", "greater_equal", "less", "less_equal",
    "not_equal"):
    sample(f"{_name}_", lambda L, x, y, n=f"{_name}_": getattr(x.clone(), n)(y), plain=[(I(2, 3), I(3)),
        (X(3), X(3))])
# PyTorch has these as functions too.
for _name in ("abs_", "acos_", "arccos_", "asin_", "arcsin_", "atan_", "arctan_", "atanh_", "arctanh_",
    "asinh_", "arcsinh_",
    "ceil_", "cos_", "cosh_", "deg2rad_", "erf_", "exp2_", "expm1_", "fix_", "floor_", "frac_", "log1p_",
        "negative_",
    "rad2deg_", "round_", "sin_", "sinc_", "sinh_", "square_", "tan_", "trunc_"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x.clone()), X(2, low=0.1, high=0.8), twice=False,
        exact=False,
        peer=_name[-2] != "h" or _name in ("cosh_", "sinh_"))
# fmt: on
