"""Element by element: arithmetic, comparisons, activations, conversions."""

from __future__ import annotations

import functools
from typing import Any

import rushlight as rl
from rushlight.nn import functional as F
from rushlight.onnx.dtypes import dtype_of
from rushlight.onnx.readers.table import reads, same_as

Tensor = rl.Tensor

same_as(
    Abs=rl.abs, Acos=rl.acos, Acosh=rl.acosh, Add=rl.add, And=rl.logical_and, Asin=rl.asin, Asinh=rl.asinh,
    Atan=rl.atan, Atanh=rl.atanh, BitwiseAnd=rl.bitwise_and, BitwiseNot=rl.bitwise_not,
    BitwiseOr=rl.bitwise_or, BitwiseXor=rl.bitwise_xor, Ceil=rl.ceil, Cos=rl.cos, Cosh=rl.cosh, Equal=rl.eq,
    Erf=rl.erf, Exp=rl.exp, Floor=rl.floor, Greater=rl.gt, GreaterOrEqual=rl.ge, IsNaN=rl.isnan, Less=rl.lt,
    LessOrEqual=rl.le, Log=rl.log, Mish=F.mish, Mul=rl.mul, Neg=rl.neg, Not=rl.logical_not, Or=rl.logical_or,
    Reciprocal=rl.reciprocal, Relu=rl.relu, Round=rl.round, Sigmoid=rl.sigmoid, Sign=rl.sign, Sin=rl.sin,
    Sinh=rl.sinh, Softplus=F.softplus, Softsign=F.softsign, Sqrt=rl.sqrt, Sub=rl.sub, Tan=rl.tan,
    Tanh=rl.tanh, Where=rl.where, Xor=rl.logical_xor,
)  # fmt: skip


@reads("Identity")
def identity(x: Any) -> Any:
    return x


@reads("Div")
def div(a: Tensor, b: Tensor) -> Tensor:
    return a / b if a.is_floating_point() else rl.div(a, b, rounding_mode="trunc")


@reads("Mod")
def mod(a: Tensor, b: Tensor, *, fmod: int = 0) -> Tensor:
    return rl.fmod(a, b) if fmod else rl.remainder(a, b)


@reads("Pow")
def power(a: Tensor, b: Tensor) -> Tensor:
    if a.is_floating_point() or not b.is_floating_point():
        return rl.pow(a, b.to(a.dtype))
    return rl.pow(a.to(b.dtype), b).to(a.dtype)


@reads("BitShift")
def bit_shift(a: Tensor, b: Tensor, *, direction: str) -> Tensor:
    return rl.bitwise_left_shift(a, b) if direction == "LEFT" else rl.bitwise_right_shift(a, b)


@reads("Sum")
def total(*xs: Tensor) -> Tensor:
    return functools.reduce(rl.add, xs)


@reads("Mean")
def mean(*xs: Tensor) -> Tensor:
    return functools.reduce(rl.add, xs) / len(xs)


@reads("Max")
def largest(*xs: Tensor) -> Tensor:
    return functools.reduce(rl.maximum, xs)


@reads("Min")
def smallest(*xs: Tensor) -> Tensor:
    return functools.reduce(rl.minimum, xs)


@reads("Clip")
def clip(
    x: Tensor, low: Tensor | None = None, high: Tensor | None = None, *, min: Any = None, max: Any = None
) -> Tensor:
    low, high = (min if low is None else low), (max if high is None else high)
    x = x if low is None else rl.maximum(x, rl.as_tensor(low, dtype=x.dtype))
    return x if high is None else rl.minimum(x, rl.as_tensor(high, dtype=x.dtype))


@reads("IsInf")
def isinf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    signs = (x < 0 if detect_negative else x > 0) if detect_negative != detect_positive else None
    if signs is None:
        return rl.isinf(x) if detect_negative else rl.zeros_like(x, dtype=rl.bool)
    return rl.logical_and(rl.isinf(x), signs)


@reads("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    return F.leaky_relu(x, alpha)


@reads("PRelu")
def prelu(x: Tensor, slope: Tensor) -> Tensor:
    return rl.where(x < 0, x * slope, x)


@reads("Elu")
def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.elu(x, alpha)


@reads("Celu")
def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.celu(x, alpha)


@reads("Selu")
def selu(
    x: Tensor, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875
) -> Tensor:
    return gamma * F.elu(x, alpha)


@reads("Gelu")
def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    return F.gelu(x, approximate=approximate)


@reads("Swish")
def swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.silu(x) if alpha == 1 else x * rl.sigmoid(alpha * x)


@reads("HardSigmoid")
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return rl.clamp(alpha * x + beta, 0.0, 1.0)


@reads("HardSwish")
def hard_swish(x: Tensor) -> Tensor:
    return x * rl.clamp(x / 6 + 0.5, 0.0, 1.0)


@reads("ThresholdedRelu")
def thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.threshold(x, alpha, 0.0)


@reads("Shrink")
def shrink(x: Tensor, *, lambd: float = 0.5, bias: float = 0.0) -> Tensor:
    zero = rl.zeros_like(x)
    return rl.where(x < -lambd, x + bias, rl.where(x > lambd, x - bias, zero)).to(x.dtype)


@reads("Cast")
def cast(x: Tensor, *, to: int, saturate: int = 1, round_mode: str = "up") -> Tensor:
    return x.to(dtype_of(to))


@reads("CastLike")
def cast_like(x: Tensor, like: Tensor, *, saturate: int = 1, round_mode: str = "up") -> Tensor:
    return x.to(like.dtype)


@reads("BitCast")
def bit_cast(x: Tensor, *, to: int) -> Tensor:
    return rl.from_numpy(x.detach().numpy().view(dtype_of(to)).copy())


@reads("Dropout", random=True)
def dropout(
    x: Tensor, ratio: Any = 0.5, training_mode: Tensor | None = None, *, seed: int | None = None,
    outputs: int = 1, **old: Any,
) -> Any:  # fmt: skip
    """Drops where the node itself says that it trains."""
    share = float(ratio.item()) if isinstance(ratio, rl.Tensor) else 0.5 if ratio is None else ratio
    if training_mode is None or not training_mode.item() or share == 0:
        return (x, rl.ones_like(x, dtype=rl.bool)) if outputs > 1 else x
    kept = rl.rand(x.shape) >= share
    out = rl.where(kept, x / (1 - share), rl.zeros_like(x))
    return (out, kept) if outputs > 1 else out


@reads("RandomNormal", random=True)
def normal(*, shape: Any, dtype: int = 1, mean: float = 0.0, scale: float = 1.0, seed: float = 0.0) -> Tensor:
    return (rl.randn(shape) * scale + mean).to(dtype_of(dtype))


@reads("RandomNormalLike", random=True)
def normal_like(x: Tensor, *, dtype: int = 0, **how: Any) -> Tensor:
    return normal(shape=x.shape, **how).to(dtype_of(dtype) if dtype else x.dtype)


@reads("RandomUniform", random=True)
def uniform(*, shape: Any, dtype: int = 1, low: float = 0.0, high: float = 1.0, seed: float = 0.0) -> Tensor:
    return (rl.rand(shape) * (high - low) + low).to(dtype_of(dtype))


@reads("RandomUniformLike", random=True)
def uniform_like(x: Tensor, *, dtype: int = 0, **how: Any) -> Tensor:
    return uniform(shape=x.shape, **how).to(dtype_of(dtype) if dtype else x.dtype)


@reads("Bernoulli", random=True)
def bernoulli(x: Tensor, *, dtype: int = 0, seed: float = 0.0) -> Tensor:
    return (rl.rand(x.shape) < x).to(dtype_of(dtype) if dtype else x.dtype)
