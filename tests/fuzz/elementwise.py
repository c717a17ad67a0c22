"""Steps of random programs that work element by element, reduce, or make numbers from nothing."""

from __future__ import annotations

import random
from typing import Any

import rushlight as rl
from rushlight.core.tensor import Tensor
from tests.fuzz.pool import (
    FLOATS,
    Pool,
    any_tensor,
    broadcasts,
    float_tensor,
    integers,
    pair_of,
    some,
    step,
)

F = rl.nn.functional

# Elementwise

UNARY = [
    "exp",
    "log",
    "sqrt",
    "rsqrt",
    "tanh",
    "sigmoid",
    "relu",
    "erf",
    "sin",
    "cos",
    "tan",
    "neg",
    "abs",
    "square",
    "reciprocal",
    "softplus",
    "floor",
    "ceil",
    "round",
    "trunc",
    "sign",
    "expm1",
    "log1p",
    "log2",
    "log10",
    "leaky_relu",
    "clone",
    "isnan",
    "isinf",
    "isfinite",
    "logical_not",
]


@step(6)
def unary(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = float_tensor(pool, r)
    return None if x is None else getattr(rl, r.choice(UNARY))(x)


@step(2)
def clamped(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = any_tensor(pool, r)
    low, high = r.choice(
        ((1, 3), (0, None), (None, 2), *(() if x.dtype.kind == "u" else ((-3, -2), (-1, 1))))
    )
    if r.random() < 0.3:
        low, high = (None if b is None else rl.tensor(b).to(x.dtype) for b in (low, high))
    return x.clamp(low, high)


BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "maximum",
    "minimum",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "logical_and",
    "logical_or",
    "logical_xor",
]


@step(8)
def binary(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    pair = pair_of(pool, r, lambda t: True)
    name = r.choice(BINARY)
    if pair is None or (name == "sub" and rl.bool in (pair[0].dtype, pair[1].dtype)):
        return None
    return getattr(rl, name)(*pair)


@step(3)
def with_number(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x, n = any_tensor(pool, r), r.choice((2, 0.5, -1.0, 3, 1e-3, 0))
    kind = r.randrange(7)
    if x.dtype == rl.bool:
        return x * n if kind < 3 else x == n
    forms = (
        lambda: x + n,
        lambda: n - x,
        lambda: x * n,
        lambda: x / (n or 1),
        lambda: x > n,
        lambda: n / (x * x + 1),
    )
    return forms[kind]() if kind < 6 else rl.maximum(x, rl.tensor(n).to(x.dtype))


@step(2)
def whole_number_arithmetic(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: t.dtype.kind in "iu")
    if x is None:
        return None
    n = r.choice((2, 3, -3, 7) if x.dtype.kind == "i" else (2, 3, 7))
    kind = r.randrange(6)
    forms = (lambda: x // n, lambda: x % n, lambda: x & n, lambda: x | n, lambda: x ^ n, lambda: ~x)
    return forms[kind]()


@step()
def powers(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = float_tensor(pool, r)
    if x is None:
        return None
    exponent = r.choice((2, 3, 0.5, -1, 1.5, 0))
    return x**exponent if r.random() < 0.7 else (x.abs() + 0.5) ** x.clamp(-2, 2)


@step()
def rounded_division(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    pair = pair_of(pool, r, lambda t: t.dtype.kind in "fi")
    if pair is None:
        return None
    x, y = pair
    divisor = y.abs() + (0.75 if y.dtype.kind == "f" else 1)
    if r.random() < 0.5:
        return rl.div(x, divisor, rounding_mode=r.choice(("floor", "trunc")))
    return r.choice((rl.floor_divide, rl.remainder))(x, divisor)


@step(3)
def chosen(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    pair = pair_of(pool, r, lambda t: str(t.dtype) in FLOATS)
    if pair is None:
        return None
    x, y = pair
    mask = some(pool, r, lambda t: t.dtype == rl.bool and broadcasts(t.shape, x.shape))
    mask = x > y if mask is None else mask
    if r.random() < 0.3 and broadcasts(mask.shape, x.shape):
        return x.masked_fill(mask.expand(x.shape) if mask.ndim <= x.ndim else mask, 0.5)
    return rl.where(mask, x, y)


@step()
def three(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    pair = pair_of(pool, r, lambda t: t.dtype == rl.float32)
    if pair is None:
        return None
    x, y = pair
    kind = r.randrange(3)
    if kind == 2:
        return rl.lerp(x, y, 0.25)
    return rl.addcmul(x, y, y, value=0.5) if kind else rl.addcdiv(x, y, y.abs() + 1, value=2.0)


@step(2)
def converted(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = any_tensor(pool, r)
    dtype = r.choice((rl.float32, rl.float32, rl.float64, rl.int64, rl.int32, rl.uint8, rl.bool))
    if x.dtype.kind == "f" and dtype.kind in "iu":
        x = rl.where(x.isfinite(), x, 0.0).clamp(0, 100)
    if dtype == rl.uint8 and x.dtype.kind == "i":
        x = x.clamp(0, 200)
    return x.to(dtype)


# Reductions

REDUCTIONS = [
    "sum",
    "sum",
    "mean",
    "amax",
    "amin",
    "prod",
    "any",
    "all",
    "argmax",
    "argmin",
    "logsumexp",
    "var",
    "std",
    "norm",
    "max",
    "min",
    "count_nonzero",
]


def _dims(x: Tensor, r: random.Random, several: bool) -> Any:
    if several and r.random() < 0.3:
        return tuple(sorted(r.sample(range(x.ndim), r.randint(1, x.ndim))))
    return r.randrange(-x.ndim, x.ndim)


@step(6)
def reduced(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = any_tensor(pool, r)
    name, keep = r.choice(REDUCTIONS), r.random() < 0.5
    if name in ("mean", "logsumexp", "var", "std", "norm") and str(x.dtype) not in FLOATS:
        return None
    if x.dtype == rl.bool and name in ("amax", "amin", "max", "min", "argmax", "argmin", "prod"):
        return None
    if not x.ndim or r.random() < 0.15:
        return getattr(x, name)() if name not in ("amax", "amin", "logsumexp") else x.sum()
    dim = _dims(x, r, several=name in ("sum", "mean", "amax", "amin", "logsumexp", "var", "std"))
    if name in ("count_nonzero",):
        return x.count_nonzero(dim)
    if name in ("max", "min"):
        return getattr(x, name)(dim, keep)[r.randrange(2)]
    return getattr(x, name)(dim, keepdim=keep)


@step(2)
def along_an_axis(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim > 0)
    if x is None:
        return None
    dim = r.randrange(-x.ndim, x.ndim)
    kind = r.randrange(5)
    if kind == 4:
        return x.sort(dim).values
    return getattr(rl, ("softmax", "log_softmax", "cumsum", "softmax")[kind])(x, dim)


# Losses, random numbers, constants


@step()
def loss(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim == 2 and t.numel() > 0)
    if x is None:
        return None
    kind, how = r.randrange(5), r.choice(("mean", "sum", "none"))
    if kind == 4:
        return F.binary_cross_entropy(x.sigmoid(), (x.detach() * 2).sigmoid(), reduction=how)
    if kind == 0:
        return F.mse_loss(x, x.detach() * 0.5 + 1, reduction=how)
    if kind == 1:
        return F.binary_cross_entropy_with_logits(x, x.detach().sigmoid(), reduction=how)
    target = integers(pool, r, (x.shape[0],), x.shape[1]).long() % x.shape[1]
    if kind == 2:
        return F.nll_loss(F.log_softmax(x, 1), target, reduction=how)
    return F.cross_entropy(x, target, reduction=how, label_smoothing=r.choice((0.0, 0.1)))


@step()
def random_numbers(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = float_tensor(pool, r)
    kind = r.randrange(4)
    if x is None or kind == 0:
        return rl.rand(r.choice(((3,), (2, 5), ())))
    if kind == 1:
        return F.dropout(x, r.choice((0.0, 0.3, 0.9)), training=True)
    if kind == 2:
        return rl.randn(x.shape)
    return rl.randint(0, 5, x.shape)


@step()
def made(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = any_tensor(pool, r)
    forms = (
        lambda: rl.zeros(x.shape),
        lambda: rl.ones_like(x),
        lambda: rl.full((2, 3), -1.5),
        lambda: rl.arange(7),
        lambda: rl.eye(3),
        lambda: rl.full_like(x, 2),
        lambda: x.detach(),
        lambda: rl.linspace(0, 1, 5),
    )
    return r.choice(forms)()
