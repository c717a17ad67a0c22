"""The steps of random programs: each takes tensors that are there and gives a new one, or updates a state tensor.

A step is a function of (pool, r, states): the tensors so far, a random generator, the tensors that may be written
in place. It looks at shapes and dtypes only, so that it does the same eagerly and traced. It may find nothing to
do, and gives None.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import rushlight as rl
from rushlight.core.tensor import Tensor

__all__ = ["STEPS"]

F = rl.nn.functional
Pool = Sequence[Tensor]
Step = Callable[[Pool, random.Random, Pool], "Tensor | None"]
STEPS: list[Step] = []

FLOATS = ("float32", "float64")
LARGEST = 4000


def step(times: int = 1) -> Callable[[Step], Step]:
    """Enter a step, as many times as it shall be likely."""

    def enter(function: Step) -> Step:
        STEPS.extend([function] * times)
        return function

    return enter


def _some(pool: Pool, r: random.Random, fits: Callable[[Tensor], bool]) -> Tensor | None:
    found = [t for t in pool if fits(t)]
    # What came last is likelier, so that programs grow deep.
    return found[max(r.randrange(len(found)), r.randrange(len(found)))] if found else None


def _float(pool: Pool, r: random.Random) -> Tensor | None:
    return _some(pool, r, lambda t: str(t.dtype) in FLOATS)


def _any(pool: Pool, r: random.Random) -> Tensor:
    return pool[max(r.randrange(len(pool)), r.randrange(len(pool)))]


def _integers(pool: Pool, r: random.Random, shape: tuple[int, ...], below: int) -> Tensor:
    """Indices below a bound: a constant, or computed."""
    base = _some(pool, r, lambda t: t.dtype == rl.int64 and t.shape == shape)
    if base is not None and r.random() < 0.5:
        return base % below
    values = rl.arange(max(1, _count(shape)))[: _count(shape)].reshape(shape)
    return (values * r.choice((1, 3, 7)) + r.randrange(5)) % below


def _count(shape: Sequence[int]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


# Elementwise

UNARY = (
    "exp log sqrt rsqrt tanh sigmoid relu erf sin cos tan neg abs square reciprocal softplus floor ceil round trunc "
    "sign expm1 log1p log2 leaky_relu clone isnan isinf isfinite logical_not"
).split()


@step(6)
def unary(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _float(pool, r)
    return None if x is None else getattr(rl, r.choice(UNARY))(x)


@step(2)
def clamped(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _any(pool, r)
    if x.dtype == rl.bool:
        return None
    low, high = r.choice(((1, 3), (0, None), (None, 2), *(() if x.dtype.kind == "u" else ((-3, -2), (-1, 1)))))
    return x.clamp(low, high)


BINARY = "add sub mul div maximum minimum eq ne lt le gt ge logical_and logical_or logical_xor".split()


def _pair(pool: Pool, r: random.Random, fits: Callable[[Tensor], bool]) -> tuple[Tensor, Tensor] | None:
    x = _some(pool, r, fits)
    if x is None:
        return None
    shape = x.shape
    y = _some(pool, r, lambda t: fits(t) and _broadcasts(t.shape, shape))
    return (x, y) if y is None or r.random() < 0.5 else (y, x)  # type: ignore[return-value]


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    fits = all(n == m or 1 in (n, m) for n, m in zip(a[::-1], b[::-1], strict=False))
    return fits and _count([max(n, m) for n, m in zip(a[::-1], b[::-1], strict=False)]) <= LARGEST


@step(8)
def binary(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    pair = _pair(pool, r, lambda t: True)
    name = r.choice(BINARY)
    if pair is None or (name == "sub" and rl.bool in (pair[0].dtype, pair[1].dtype)):
        return None
    return getattr(rl, name)(*pair)


@step(3)
def with_number(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x, n = _any(pool, r), r.choice((2, 0.5, -1.0, 3, 1e-3, 0))
    kind = r.randrange(7)
    if x.dtype == rl.bool:
        return x * n if kind < 3 else x == n
    forms = (lambda: x + n, lambda: n - x, lambda: x * n, lambda: x / (n or 1), lambda: x > n, lambda: n / (x * x + 1))
    return forms[kind]() if kind < 6 else rl.maximum(x, rl.tensor(n).to(x.dtype))


@step(2)
def whole_number_arithmetic(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _some(pool, r, lambda t: t.dtype.kind in "iu")
    if x is None:
        return None
    n = r.choice((2, 3, -3, 7) if x.dtype.kind == "i" else (2, 3, 7))
    kind = r.randrange(6)
    forms = (lambda: x // n, lambda: x % n, lambda: x & n, lambda: x | n, lambda: x ^ n, lambda: ~x)
    return forms[kind]()


@step()
def powers(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _float(pool, r)
    if x is None:
        return None
    exponent = r.choice((2, 3, 0.5, -1, 1.5, 0))
    return x**exponent if r.random() < 0.7 else (x.abs() + 0.5) ** x.clamp(-2, 2)


@step()
def rounded_division(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    pair = _pair(pool, r, lambda t: str(t.dtype) in FLOATS)
    if pair is None:
        return None
    x, y = pair
    return r.choice((rl.floor_divide, rl.remainder))(x, y.abs() + 0.75)


@step(3)
def chosen(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    pair = _pair(pool, r, lambda t: str(t.dtype) in FLOATS)
    if pair is None:
        return None
    x, y = pair
    mask = _some(pool, r, lambda t: t.dtype == rl.bool and _broadcasts(t.shape, x.shape))
    mask = x > y if mask is None else mask
    if r.random() < 0.3 and _broadcasts(mask.shape, x.shape):
        return x.masked_fill(mask.expand(x.shape) if mask.ndim <= x.ndim else mask, 0.5)
    return rl.where(mask, x, y)


@step()
def three(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    pair = _pair(pool, r, lambda t: t.dtype == rl.float32)
    if pair is None:
        return None
    x, y = pair
    kind = r.randrange(3)
    if kind == 2:
        return rl.lerp(x, y, 0.25)
    return rl.addcmul(x, y, y, value=0.5) if kind else rl.addcdiv(x, y, y.abs() + 1, value=2.0)


@step(2)
def converted(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _any(pool, r)
    dtype = r.choice((rl.float32, rl.float32, rl.float64, rl.int64, rl.int32, rl.uint8, rl.bool))
    if x.dtype.kind == "f" and dtype.kind in "iu":
        x = rl.where(x.isfinite(), x, 0.0).clamp(0, 100)
    if dtype == rl.uint8 and x.dtype.kind == "i":
        x = x.clamp(0, 200)
    return x.to(dtype)


# Reductions

REDUCTIONS = "sum sum mean amax amin prod any all argmax argmin logsumexp var std norm max min count_nonzero".split()


def _dims(x: Tensor, r: random.Random, several: bool) -> Any:
    if several and r.random() < 0.3:
        return tuple(sorted(r.sample(range(x.ndim), r.randint(1, x.ndim))))
    return r.randrange(-x.ndim, x.ndim)


@step(6)
def reduced(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _any(pool, r)
    name, keep = r.choice(REDUCTIONS), r.random() < 0.5
    if name in ("mean", "logsumexp", "var", "std", "norm") and str(x.dtype) not in FLOATS:
        return None
    if x.dtype == rl.bool and name in ("amax", "amin", "max", "min", "argmax", "argmin", "prod"):
        return None
    if not x.ndim or r.random() < 0.15:
        return getattr(x, name)() if name not in ("amax", "amin", "logsumexp") or not x.ndim else x.sum()
    dim = _dims(x, r, several=name in ("sum", "mean", "amax", "amin", "logsumexp", "var", "std"))
    if name in ("count_nonzero",):
        return x.count_nonzero(dim)
    if name in ("max", "min"):
        return getattr(x, name)(dim, keep)[r.randrange(2)]
    return getattr(x, name)(dim, keepdim=keep)


@step(2)
def along_an_axis(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim > 0)
    if x is None:
        return None
    dim = r.randrange(-x.ndim, x.ndim)
    kind = r.randrange(5)
    if kind == 4:
        return x.sort(dim).values
    return getattr(rl, ("softmax", "log_softmax", "cumsum", "softmax")[kind])(x, dim)


# Movement


@step(7)
def moved(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _some(pool, r, lambda t: t.ndim > 0)
    if x is None:
        return None
    kind = r.randrange(10)
    if kind == 0:
        return x.permute(*r.sample(range(x.ndim), x.ndim))
    if kind == 1:
        return x.flip(r.sample(range(x.ndim), r.randint(1, x.ndim)))
    if kind == 2:
        return x.unsqueeze(r.randrange(-x.ndim - 1, x.ndim + 1))
    if kind == 3:
        return x.squeeze() if r.random() < 0.5 else x.squeeze(r.randrange(x.ndim))
    if kind == 4:
        return x.transpose(r.randrange(x.ndim), r.randrange(x.ndim))
    if kind == 5:
        return x.reshape(_other_shape(x, r))
    if kind == 6:
        return x.flatten()
    if kind == 7 and x.numel() * 2 <= LARGEST:
        return x.tile(*[r.randint(1, 2) for _ in range(x.ndim)])
    if kind == 8 and x.ndim < 4:
        return _spread(x, r)
    return x[tuple(_part(n, r) for n in x.shape[: r.randint(1, x.ndim)])]


def _other_shape(x: Tensor, r: random.Random) -> tuple[int, ...]:
    n, shape = x.numel(), []
    for d in (2, 3, 4, 5):
        if n and n % d == 0 and r.random() < 0.5:
            shape.append(d)
            n //= d
    shape.append(n)
    r.shuffle(shape)
    return tuple(shape)


def _spread(x: Tensor, r: random.Random) -> Tensor:
    shape = tuple(r.choice((2, 3)) if n == 1 else n for n in x.shape)
    shape = (r.choice((1, 2, 3)), *shape)
    return x.expand(shape) if _count(shape) <= LARGEST else x


def _part(n: int, r: random.Random) -> Any:
    if n and r.random() < 0.3:
        return r.randrange(-n, n)
    start = r.randint(0, n)
    return r.choice((slice(None), slice(start, None), slice(None, start), slice(start % 3, None, r.randint(1, 3))))


@step(2)
def joined(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _some(pool, r, lambda t: t.ndim > 0 and t.numel() * 3 <= LARGEST)
    if x is None:
        return None
    others = [t for t in pool if t.shape == x.shape and t.dtype == x.dtype]
    parts = [x, *r.sample(others, min(len(others), 2))]
    dim = r.randrange(x.ndim)
    if r.random() < 0.3:
        return rl.stack(parts, dim)
    if r.random() < 0.4:
        parts.append(x.narrow(dim, 0, x.shape[dim] // 2))
    return rl.cat(parts, dim)


@step()
def triangular(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _some(pool, r, lambda t: t.ndim >= 2)
    return None if x is None else r.choice((rl.tril, rl.triu))(x, r.randint(-2, 2))


# Indexing


@step(3)
def indexed(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _some(pool, r, lambda t: t.ndim > 0 and t.numel() > 0)
    if x is None:
        return None
    dim = r.randrange(x.ndim)
    n = x.shape[dim]
    kind = r.randrange(4)
    if kind == 0:
        return x.index_select(dim, _integers(pool, r, (r.randint(1, 5),), n))
    if kind == 1:
        return x.gather(dim, _integers(pool, r, x.shape, n))
    if kind == 2:
        shape = r.choice(((3,), (2, 2), ()))
        return x[(*[slice(None)] * dim, _integers(pool, r, shape, n))]
    return x[_integers(pool, r, (2, 1), x.shape[0])]


@step(2)
def scattered(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _some(pool, r, lambda t: t.ndim > 0 and t.numel() > 0 and t.dtype != rl.bool)
    if x is None:
        return None
    dim = r.randrange(x.ndim)
    index = _integers(pool, r, x.shape, x.shape[dim])
    kind = r.randrange(3)
    if kind == 0:
        return x.scatter_add(dim, index, x)
    out = x.clone()
    if kind == 1:
        out[_integers(pool, r, (2,), x.shape[0])] = 1
    else:
        out[_part(x.shape[0], r)] = x.flatten()[0]
    return out


# Products


@step(6)
def multiplied(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim > 0)
    if x is None:
        return None
    k, dtype = x.shape[-1], x.dtype
    y = _some(pool, r, lambda t: t.dtype == dtype and t.ndim > 0 and k in t.shape[-2:])
    assert y is not None
    if y.ndim >= 2 and (y.shape[-2] != k or r.random() < 0.3):
        y = y.transpose(-1, -2)
    if y.shape[-2:][0] != k:
        return None
    lead = zip(x.shape[:-2][::-1], y.shape[:-2][::-1], strict=False)
    if not all(n == m or 1 in (n, m) for n, m in lead) or x.numel() * y.numel() > 200_000:
        return None
    return x @ y


@step(2)
def linear(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim > 0)
    if x is None:
        return None
    shape, dtype = x.shape, x.dtype
    w = _some(pool, r, lambda t: t.dtype == dtype and t.ndim == 2 and t.shape[1] == shape[-1])
    if w is None:
        return None
    rows = w.shape[0]
    b = _some(pool, r, lambda t: t.dtype == dtype and t.shape == (rows,))
    return F.linear(x, w, b)


@step()
def einsum(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim == 2)
    if x is None:
        return None
    form = r.choice(("ij,ij->i", "ij,ij->", "ij,kj->ik", "ij,ij->ji", "ij,ik->jk"))
    return rl.einsum(form, x, x)


# Losses, random numbers, constants


@step()
def loss(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim == 2 and t.numel() > 0)
    if x is None:
        return None
    kind, how = r.randrange(4), r.choice(("mean", "sum", "none"))
    if kind == 0:
        return F.mse_loss(x, x.detach() * 0.5 + 1, reduction=how)
    if kind == 1:
        return F.binary_cross_entropy_with_logits(x, x.detach().sigmoid(), reduction=how)
    target = _integers(pool, r, (x.shape[0],), x.shape[1])
    if kind == 2:
        return F.nll_loss(F.log_softmax(x, 1), target, reduction=how)
    return F.cross_entropy(x, target, reduction=how, label_smoothing=r.choice((0.0, 0.1)))


@step()
def random_numbers(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _float(pool, r)
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
    x = _any(pool, r)
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


# State


@step(5)
def updated(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    if not states:
        return None
    s = r.choice(states)
    source = _some(pool, r, lambda t: t.dtype == s.dtype and _into(t.shape, s.shape))
    with rl.no_grad():
        _update(s, None if source is None else source.detach(), r)
    return r.choice((s, s * 1, None))


def _into(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return len(a) <= len(b) and all(n in (1, m) for n, m in zip(a[::-1], b[::-1], strict=False))


def _update(s: Tensor, source: Tensor | None, r: random.Random) -> None:
    kind = r.randrange(9)
    if source is None or kind == 0:
        s.mul_(2)
    elif kind == 1:
        s.copy_(source)
    elif kind == 2 and s.dtype.kind == "f":
        s.lerp_(source, 0.5) if source.shape == s.shape else s.sub_(source)
    elif kind == 3 and s.ndim and s.shape[0]:
        s[r.randrange(s.shape[0])] = 3
    elif kind == 4 and s.ndim and source.shape == s.shape:
        s[::2] = source[::2]
    elif kind == 5:
        s.zero_()
    elif kind == 6 and s.dtype != rl.bool:
        s.clamp_(0, 1)
    elif kind == 7:
        s.copy_(s.flip(list(range(s.ndim)))) if s.ndim else s.fill_(1)
    else:
        s.add_(source)
