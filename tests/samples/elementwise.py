"""Samples of arithmetic, of functions of one element, of comparisons and choices."""

from __future__ import annotations

import numpy as np

from tests.samples.record import (
    EXTREME,
    I32,
    INFINITE,
    LARGE,
    U8,
    B,
    I,
    X,
    binary,
    forms,
    inplace,
    pairs,
    sample,
    unary,
)

# A table: an entry costs a line or two.
# fmt: off
# Arithmetic

binary("add")
binary("sub")
binary("mul")
binary("div", 0.3, 2.0)
binary("pow", 0.3, 2.0, plain=[(I(2, 3), I(3)), (I32, X(4)), (EXTREME, EXTREME[::-1].copy())])
sample("floor_divide", lambda L, x, y: L.floor_divide(x, y),
    plain=[*pairs(), (I(2, 3), I(3, low=1)), (I32, np.array([2, -2, 2, 2]))])
binary("remainder", twice=False, plain=[(I(2, 3), I(3, low=1)), (I32, np.array([2, -2, 2, -2]))])
unary("neg", plain=[EXTREME, I(2, 3), I32])
sample("add", lambda L, x, y: L.add(x, y, alpha=3), (X(2, 3), X(3)), plain=[(I(2), I(2, high=5))])
sample("sub", lambda L, x, y: x.sub(y, alpha=0.5), (X(2, 3), X(3)))
sample("add", lambda L, x: (x + 1) + (2.5 + x), *forms(), plain=[I(3), B(3), U8])
sample("sub", lambda L, x: (x - 1) + (2.5 - x) * x, *forms(), plain=[I(3), U8])
sample("mul", lambda L, x: (x * 2) * (0.5 * x), *forms(), plain=[I(3), B(3), U8])
sample("div", lambda L, x: (x / 2) + (3 / x), *forms(0.5, 2.0), plain=[I(3), EXTREME])
for _mode in ("floor", "trunc"):
    sample("div", lambda L, x, y, m=_mode: L.div(x, y, rounding_mode=m), (X(2, 3), X(3)), plain=[
        (I32, I(4, low=1)), (np.array([2**31 + 5, -(2**62)]), np.array([3, 7])), (U8, U8[::-1].copy() | 1)])
sample("floor_divide", lambda L, x: (x // 2) + (7 // x), plain=[X(2, 3), I(3, low=1)])
sample("remainder", lambda L, x: x % 0.7, X(2, 3), X(), plain=[I(3)])
sample("remainder", lambda L, x: 7 % x, plain=[I(3, low=1), X(3, low=0.5)])
for _power in (2, 3, -1, 1, 0):
    sample("pow", lambda L, x, p=_power: x**p, X(2, 3, low=0.3), X(low=0.3), X(0, 2), plain=[EXTREME])
for _power in (0.5, -0.5, 2.5):  # at -inf PyTorch takes a root where IEEE has inf
    sample("pow", lambda L, x, p=_power: x**p, X(2, 3, low=0.3), X(low=0.3), plain=[EXTREME[4:]])
sample("pow", lambda L, x: (x**2) + (x**3) + x**1, X(2, 3), kinks=[np.array([0.0, 1.0, -1.0])], plain=[I32])
sample("pow", lambda L, x: 2**x + 0.5**x, *forms())
sample("pow", lambda L, x, y: L.pow(x, y), kinks=[(np.array([0.0, 0.0, 2.0]), np.array([0.0, 2.0, 0.0]))])
EDGES = np.array([0.0, 0.0, 0.0, 1.5, np.nan, np.inf, 1.0])
sample("pow", lambda L, x, y: L.pow(x, y), kinks=[(EDGES, np.array([0.0, 2.0, -1.0, 0.0, 0.0, 0.0, 3.0]))])
sample("pow", lambda L, x: (x**0 - 1).sqrt(), kinks=[EDGES])
sample("pow", lambda L, x: L.pow(0.0, x) + L.pow(1.0, x), kinks=[np.array([0.0, 1.0, 2.0, 0.5])])
sample("pow", lambda L, x: (L.pow(0.0, x) - L.pow(1.0, x)).sqrt(), kinks=[np.array([0.0, 0.0])], peer=False)
sample("__pow__", lambda L, x: x ** I(3).shape[0], X(2, 3))
sample("__rsub__", lambda L, x: 2.5 - x, X(2, 3), plain=[I(3)])
sample("addcmul", lambda L, x, y, z: L.addcmul(x, y, z, value=0.5), (X(2, 3), X(3), X(2, 1)))
sample("addcdiv", lambda L, x, y, z: L.addcdiv(x, y, z, value=0.5), (X(2, 3), X(3), X(2, 1, low=0.5)))
sample("lerp", lambda L, x, y: L.lerp(x, y, 0.25), (X(2, 3), X(2, 3, high=3.0)))
for _name in ("add_", "sub_", "mul_"):
    inplace(_name, cases=[(X(2, 3), X(3)), (X(3, 2, layout="transposed"), X()), (X(0), X(0))],
        plain=[(I(3), I(3))])
inplace("div_", cases=[(X(2, 3), X(3, low=0.5)), (X(), X(low=0.5))])
for _name in ("floor_divide_", "remainder_"):
    inplace(_name, cases=[],
        plain=[(X(2, 3), X(3, low=0.5)), (I(3), I(3, low=1)), (I32, np.array([2, -2, 3, -3]))])
sample("div_", lambda L, x, y: x.clone().div_(y, rounding_mode="trunc"), (X(2, 3), X(3, low=0.5)),
    plain=[(I32, np.array([2, -2, 3, -3]))])
inplace("pow_", cases=[(X(2, 3, low=0.3), X(3))])
inplace("pow_", 2, cases=[X(2, 3)])
inplace("mul_", 0.5, cases=[X(2, 3), X()], plain=[])
inplace("neg_", cases=[X(2, 3), X()], plain=[I(3)])
inplace("addcmul_", cases=[(X(2, 3), X(3), X(2, 1))])
inplace("addcdiv_", cases=[(X(2, 3), X(3), X(2, 1, low=0.5))])
inplace("lerp_", 0.25, cases=[(X(2, 3), X(2, 3, high=3.0))])

# Elementwise

unary("exp")
unary("expm1")
unary("log", 0.2, 3.0)
unary("log2", 0.2, 3.0)
unary("log10", 0.2, 3.0)
unary("log1p", -0.5, 3.0)
unary("sqrt", 0.2, 3.0)
unary("rsqrt", 0.2, 3.0)
unary("square", plain=[EXTREME, I(2, 3), U8])
unary("reciprocal", 0.3, 2.0)
unary("abs", kinks=[np.array([0.0, -0.0, 1.0])], plain=[EXTREME, I32, U8])
unary("sign", plain=[EXTREME[EXTREME == EXTREME], I32, U8])  # of nan PyTorch says 0, NumPy nan
unary("sin")
unary("cos")
unary("tan", -1.0, 1.0)
unary("tanh")
unary("sigmoid")
unary("erf", -3.0, 3.0)
sample("erf", lambda L, x: L.erf(x),
    plain=[np.linspace(-7, 7, 57), np.array([0.46875, -0.46875, 4.0, -4.0, 6.0])])
KINKS = np.array([-1.0, 0.0, -0.0, 0.5, 1.0, np.nan, np.inf, -np.inf])
unary("relu", kinks=[KINKS], plain=[EXTREME, I32])
sample("relu", lambda L, x: x.relu().sqrt(), kinks=[KINKS[:6]])
for _name in ("floor", "ceil", "trunc", "round", "sign"):
    sample(_name, lambda L, x, n=_name: (getattr(L, n)(x).abs() - 1).sqrt(), kinks=[KINKS[[0, 3, 4]]])
sample("softplus", lambda L, x: L.nn.functional.softplus(x), *forms(), kinks=[LARGE])
for _approximate in ("none", "tanh"):
    sample("gelu", lambda L, x, a=_approximate: L.nn.functional.gelu(x, approximate=a), *forms(),
        plain=[EXTREME[4:]])
sample("silu", lambda L, x: L.nn.functional.silu(x), *forms(), plain=[EXTREME[4:]])
sample("leaky_relu", lambda L, x: L.nn.functional.leaky_relu(x), *forms(), kinks=[np.array([0.0, 1.0])],
    plain=[EXTREME])
sample("leaky_relu", lambda L, x: L.nn.functional.leaky_relu(x, 0.0).sqrt(), kinks=[KINKS[:5]], peer=False)
sample("leaky_relu", lambda L, x: L.nn.functional.leaky_relu(x, 0.3), X(2, 3), kinks=[LARGE])
sample("clamp", lambda L, x: L.clamp(x, -0.5, 0.7), *forms(), kinks=[np.array([-0.5, 0.7, 0.0])],
    plain=[EXTREME])
sample("clamp", lambda L, x: x.clamp(min=0.1) + x.clip(max=1), X(2, 3), X())
sample("clamp", lambda L, x: x.clamp(0.5, 2.5), plain=[I(2, 3), B(3)])
sample("clamp", lambda L, x: x.clamp(1, 5), plain=[I(2, 3), I32, B(3)])
sample("clamp", lambda L, x, a, b: L.clamp(x, a, b),
    (X(2, 3), X(3, low=-1.0, high=-0.5), X(3, low=0.5, high=1.0)),
    kinks=[(KINKS, np.zeros(8), np.full(8, 0.5))])
sample("clamp", lambda L, x: x.clamp(min=0).sqrt() + (-x.clamp(max=0)).sqrt(), kinks=[KINKS[:6]])
sample("clamp", lambda L, x, a: x.clamp(min=a) + x.clamp(max=a) * 2, (X(2, 3), X(3)),
    kinks=[(KINKS, KINKS[::-1].copy()), (KINKS, KINKS)])
sample("clamp", lambda L, x, a: L.clamp(x, min=a, max=0.5), (X(2, 3), X(3, high=0.4)), peer=False)
for _name in ("floor", "ceil", "trunc"):
    unary(_name, plain=[EXTREME, np.array([-1.5, -0.5, 0.5, 1.5, 2.5]), I32])
sample("round", lambda L, x: L.round(x, decimals=1), plain=[X(2, 3)])
unary("round", plain=[EXTREME, np.array([-1.5, -0.5, 0.5, 1.5, 2.5]), I32])
for _name in ("isnan", "isinf", "isfinite"):
    unary(_name, smooth=False, plain=[EXTREME, I(3), INFINITE])
for _name in ("exp_", "tanh_", "sigmoid_", "relu_", "abs_"):
    inplace(_name, cases=[X(2, 3), X(), X(3, 2, layout="transposed")])
inplace("sqrt_", cases=[X(2, 3, low=0.2), X(low=0.2)])
inplace("clamp_", -0.5, 0.7, cases=[X(2, 3), X()], plain=[])
inplace("clamp_", 1, 5, cases=[], plain=[I(2, 3)])
inplace("clamp_", cases=[(X(2, 3), X(3, high=-0.5), X(3, low=0.5))])

# Select

for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    binary(_name, smooth=False,
        plain=[(EXTREME, EXTREME[::-1].copy()), (I(2, 3), I(3)), (B(3), B(3)), (U8, I32)])
sample("lt", lambda L, x: ((x < 1) & (x <= 1) | (x == 0.5)) ^ (x != 2), plain=[X(2, 3), I(4), X()])
for _name in ("logical_and", "logical_or", "logical_xor"):
    binary(_name, smooth=False,
        plain=[(B(2, 3), B(3)), (I(3), B(3)), (I32, X(4)), (EXTREME, EXTREME[::-1].copy())])
unary("logical_not", smooth=False)
sample("bitwise_and", lambda L, x, y: L.bitwise_and(x, y) & x,
    plain=[(B(2, 3), B(3)), (I(3), I(3)), (U8, U8[::-1].copy()), (I(3), B(3))])
sample("bitwise_or", lambda L, x, y: L.bitwise_or(x, y) | x,
    plain=[(B(2, 3), B(3)), (I(3), I(3)), (B(), B(0))])
sample("bitwise_xor", lambda L, x, y: L.bitwise_xor(x, y) ^ x, plain=[(B(2, 3), B(3)), (I(3), I(3))])
sample("bitwise_not", lambda L, x: (L.bitwise_not(x), ~x), plain=[B(2, 3), I32, U8, B()])
sample("where", lambda L, c, x, y: L.where(c, x, y), (B(2, 3), X(2, 3), X(2, 3)), (B(3), X(2, 1), X()),
    (B(), X(2), X(2, high=1.0)), (B(0, 3), X(3), X(0, 3)), (B(2, 3), X(2, 3, layout="strided"), X(3)),
    plain=[(B(3), I(3), I(3)), (B(3), I(3), X(3))])
sample("where", lambda L, c, x: L.where(c, x, 0.0) + x.where(c, L.tensor(1.5, dtype=x.dtype)),
    (B(2, 3), X(2, 3)))
sample("where", lambda L, c: L.where(c), plain=[B(2, 3), B(4), B(0)])
for _name in ("maximum", "minimum"):
    binary(_name, kinks=[(np.array([1.0, 2.0]), np.array([1.0, 1.0])),
        (KINKS, KINKS[::-1].copy()), (KINKS, KINKS)])
    sample(_name, lambda L, x, y, n=_name: (getattr(L, n)(x, y) - 1).abs().sqrt(),
        kinks=[(np.array([1.0, 2.0]), np.array([3.0, 1.0]))])
sample("where", lambda L, c, x, y: (L.where(c, x, y).sqrt() + x.masked_fill(c, 0.0).sqrt()),
    kinks=[(B(3), np.array([4.0, 1.0, 4.0]), np.array([9.0, 4.0, 1.0]))])
sample("masked_fill", lambda L, x, m: x.masked_fill(m, 0.5), (X(2, 3), B(2, 3)), (X(2, 3), B(3)), (X(), B()))
sample("masked_fill", lambda L, x, m: L.masked_fill(x, m, 3), plain=[(I(2, 3), B(3))])
inplace("masked_fill_", 0.5, cases=[(X(2, 3), B(2, 3)), (X(2, 3), B(3))])
inplace("masked_fill_", 3, cases=[], plain=[(I(2, 3), B(3))])
sample("isclose", lambda L, x, y: L.isclose(x, y),
    plain=[(X(3), X(3) + 1e-9), (EXTREME, EXTREME), (I(3), I(3))])
sample("isclose", lambda L, x, y: L.isclose(x, y, equal_nan=True), plain=[(EXTREME, EXTREME)])
sample("allclose", lambda L, x, y: L.allclose(x, y), plain=[(X(3), X(3) + 1e-9), (X(3), X(3) + 1)])
sample("equal", lambda L, x, y: L.equal(x, y), plain=[(X(3), X(3)), (X(3), X(3) + 1), (X(3), X(1, 3))])
# fmt: on
