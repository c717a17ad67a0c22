"""Steps of random programs over many numbers, most of which add them up."""

from __future__ import annotations

import random
from typing import Any

import rushlight as rl
from rushlight.core.tensor import Tensor
from tests.fuzz.pool import FLOATS, LARGEST, LONG_STEPS, Pool, some, step

__all__ = ["many"]

F = rl.nn.functional


def many(count: int, dtype: str, r: random.Random) -> Tensor:
    """So many numbers: all alike, of one sign, of both, with a large mean; of some the second half is the
    negative of the first."""
    low, high = r.choice(((0.1, 0.1), (0.0, 1.0), (-1.0, 1.0), (0.1, 0.1001), (100.0, 101.0)))
    pattern = [r.uniform(low, high) for _ in range(r.choice((1, 2, 997)))]
    x = rl.tensor(pattern, dtype=getattr(rl, dtype)).tile(-(-count // len(pattern)))[:count]
    if r.random() < 0.3:
        half = x[: count // 2]
        x = rl.cat([half, r.choice((-half, -half.flip(0))), x[2 * (count // 2) :]])
    return x


def _long(pool: Pool, r: random.Random) -> Tensor | None:
    return some(pool, r, lambda t: t.numel() > LARGEST and str(t.dtype) in FLOATS)


@step(3, LONG_STEPS)
def mapped(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _long(pool, r)
    if x is None:
        return None
    forms = (
        lambda: x * 0.7,
        lambda: x - 0.1,
        lambda: x * x,
        lambda: (x * 3).tanh(),
        lambda: (-x * x).exp(),
        lambda: x.relu() + 0.1,
        lambda: x + x.flip(0),
        lambda: x.abs().sqrt(),
        lambda: rl.where(x > x.detach().mean(), x, 0.5),
    )
    return r.choice(forms)()


@step(3, LONG_STEPS)
def turned(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _long(pool, r)
    if x is None:
        return None
    if x.ndim > 1 and r.random() < 0.5:
        return x.permute(*r.sample(range(x.ndim), x.ndim))
    return r.choice((x.flip(0), x[::2], x[1:], x.unsqueeze(r.randrange(x.ndim + 1)), x.flatten()))


SUMS = ("sum", "mean", "sum", "mean", "var", "std", "norm", "logsumexp", "amax")


def _dims(x: Tensor, r: random.Random) -> Any:
    return tuple(sorted(r.sample(range(x.ndim), r.randint(1, x.ndim))))


@step(8, LONG_STEPS)
def added_up(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _long(pool, r)
    return None if x is None else getattr(x, r.choice(SUMS))(dim=_dims(x, r), keepdim=r.random() < 0.5)


@step(3, LONG_STEPS)
def centred(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    """What has no mean: its sums are nothing but rounding."""
    x = _long(pool, r)
    if x is None:
        return None
    dim = _dims(x, r)
    kind = r.randrange(3)
    if kind == 0:
        return (x - x.mean(dim, keepdim=True)).sum(dim)
    return x - x.mean(dim, keepdim=True) if kind == 1 else x.softmax(dim[0])


@step(2, LONG_STEPS)
def running(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _long(pool, r)
    return None if x is None else x.cumsum(r.randrange(x.ndim))


@step(3, LONG_STEPS)
def multiplied_out(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: t.numel() > LARGEST and str(t.dtype) in FLOATS and t.ndim == 2)
    if x is None:
        return None
    x = x if x.shape[0] > x.shape[1] else x.T
    if x.shape[1] > 40:
        return None
    forms = (
        lambda: x.T @ x,
        lambda: rl.ones(2, x.shape[0], dtype=x.dtype) @ x,
        lambda: x[:, 0] @ x[:, -1],
        lambda: rl.einsum("ij->j", x),
        lambda: rl.einsum("ij,ij->j", x, x * 0.5),
        lambda: F.linear(x, x[: x.shape[1]], x[0, :1].expand(x.shape[1])),
    )
    return r.choice(forms)() if x.shape[0] >= x.shape[1] else None


@step(1, LONG_STEPS)
def mean_loss(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = _long(pool, r)
    if x is None:
        return None
    return r.choice((F.mse_loss, F.l1_loss))(x, x.detach() * 0.5 + 1)
