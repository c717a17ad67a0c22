"""Steps of random programs that move and index elements, multiply matrices, and update state."""

from __future__ import annotations

import random
from typing import Any

import rushlight as rl
from rushlight.core.tensor import Tensor
from rushlight.ops.conv import convolution
from rushlight.ops.pad import constant_pad
from tests.fuzz.pool import (
    FLOATS,
    LARGEST,
    Pool,
    count,
    indices,
    some,
    step,
)

F = rl.nn.functional

# Movement


@step(7)
def moved(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: t.ndim > 0)
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
    return x.expand(shape) if count(shape) <= LARGEST else x


def _part(n: int, r: random.Random) -> Any:
    if n and r.random() < 0.3:
        return r.randrange(-n, n)
    start = r.randint(0, n)
    return r.choice(
        (slice(None), slice(start, None), slice(None, start), slice(start % 3, None, r.randint(1, 3)))
    )


@step(2)
def joined(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: t.ndim > 0 and t.numel() * 3 <= LARGEST)
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


@step(3)
def bordered(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: t.ndim > 0)
    if x is None:
        return None
    amounts = [r.choice((-1, 0, 0, 1, 2, 3)) for _ in range(2 * r.randint(1, x.ndim))]
    value = r.choice((0, 0, 1, -0.0, 2.5)) if x.dtype.kind == "f" else r.choice((0, 1))
    out = constant_pad(x, amounts, value)
    return out if out.numel() <= LARGEST else x


@step(3)
def windowed(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: 0 < t.ndim < 4 and t.numel() * 3 <= LARGEST)
    if x is None:
        return None
    dim = r.randrange(x.ndim)
    out = x.unfold(dim, r.randint(1, 3), r.randint(1, 3))
    kind = r.randrange(4)
    if kind == 0:
        return out.amax(-1)
    if kind == 1 and x.dtype.kind == "f":
        return out.mean((dim, -1))
    return out


@step(2)
def parts(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    """What was taken apart: its gradient is a sum of parts."""
    x = some(pool, r, lambda t: t.ndim > 0 and t.dtype.kind == "f")
    if x is None:
        return None
    dim = r.randrange(x.ndim)
    taken = [x.select(dim, k) for k in r.sample(range(x.shape[dim]), min(x.shape[dim], r.randint(1, 7)))]
    return sum((t * (0.5 + k) for k, t in enumerate(taken)), x.narrow(dim, 0, 0).sum())


@step()
def triangular(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: t.ndim >= 2)
    return None if x is None else r.choice((rl.tril, rl.triu))(x, r.randint(-2, 2))


# Indexing


@step(3)
def indexed(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: t.ndim > 0 and t.numel() > 0)
    if x is None:
        return None
    dim = r.randrange(x.ndim)
    n = x.shape[dim]
    kind = r.randrange(6)
    if kind == 4 and x.ndim > 1:
        shapes = r.choice((((3,), (3,)), ((2, 1), (3,)), ((), (2,))))
        first, second = (indices(pool, r, s, n) for s, n in zip(shapes, x.shape, strict=False))
        if x.ndim == 2 or r.random() < 0.5:
            return x[first, second]
        return x[first, 1:, indices(pool, r, (3,), x.shape[2])]
    if kind == 5 and x.ndim > 1:
        first = indices(pool, r, (2,), x.shape[0])
        return x[first, ..., r.randrange(x.shape[-1])] if r.random() < 0.5 else x[first, None, ::2]
    if kind == 0:
        return x.index_select(dim, indices(pool, r, (r.randint(1, 5),), n) % n)
    if kind == 1:
        return x.gather(dim, indices(pool, r, x.shape, n) % n)
    if kind == 2:
        shape = r.choice(((3,), (2, 2), ()))
        return x[(*[slice(None)] * dim, indices(pool, r, shape, n))]
    return x[indices(pool, r, (2, 1), x.shape[0])]


@step(2)
def scattered(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: t.ndim > 0 and t.numel() > 0 and t.dtype != rl.bool)
    if x is None:
        return None
    dim = r.randrange(x.ndim)
    index = indices(pool, r, x.shape, x.shape[dim]) % x.shape[dim]
    kind = r.randrange(4)
    if kind == 0:
        return x.scatter_add(dim, index, x)
    if r.random() < 0.3:
        return x.scatter(dim, index, r.choice((1, x.flip(dim))))
    out = x.clone()
    if kind == 1:
        out[indices(pool, r, (2,), x.shape[0])] = r.choice((1, x[0]))
    elif kind == 2:
        shape = r.choice(((2,), (2, 2), ()))
        value = x.narrow(dim, 0, 1) if len(shape) == 1 else x.flatten()[-1]
        out[(*[slice(None)] * dim, indices(pool, r, shape, x.shape[dim]))] = value
    else:
        out[_part(x.shape[0], r)] = x.flatten()[0]
    return out


# Products


@step(6)
def multiplied(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim > 0)
    if x is None:
        return None
    k, dtype = x.shape[-1], x.dtype
    y = some(pool, r, lambda t: t.dtype == dtype and t.ndim > 0 and k in t.shape[-2:])
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
    x = some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim > 0)
    if x is None:
        return None
    shape, dtype = x.shape, x.dtype
    w = some(pool, r, lambda t: t.dtype == dtype and t.ndim == 2 and t.shape[1] == shape[-1])
    if w is None:
        return None
    rows = w.shape[0]
    b = some(pool, r, lambda t: t.dtype == dtype and t.shape == (rows,))
    return F.linear(x, w, b)


@step()
def einsum(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim == 2)
    if x is None:
        return None
    form = r.choice(("ij,ij->i", "ij,ij->", "ij,kj->ik", "ij,ij->ji", "ij,ik->jk"))
    return rl.einsum(form, x, x)


@step(3)
def convolved(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    x = some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim > 0 and 0 < t.numel() <= 300)
    if x is None:
        return None
    dtype = x.dtype
    w = some(pool, r, lambda t: t.dtype == dtype and t.ndim > 0 and 0 < t.numel() <= 60)
    if w is None:
        return None
    axes, transposed = r.randint(1, 2), r.random() < 0.3
    # Zeros times infinity are nan, and which zeros there are is not the same everywhere.
    x, w = (_with_axes(rl.where(t.isfinite(), t, 0.5), axes + 2) for t in (x, w))
    groups = x.shape[1] if r.random() < 0.3 else 1
    channels = (x.shape[1], 1) if groups > 1 or transposed else (r.randint(1, 2), x.shape[1])
    if w.shape[:2] != channels:
        w = w[:1, :1].expand(*channels, *w.shape[2:]) * rl.arange(1.0, 1 + channels[0]).to(dtype).reshape(
            -1, *(1,) * (axes + 1)
        )
    stride, padding, dilation = ([r.randint(low, 2) for _ in range(axes)] for low in (1, 0, 1))
    return convolution(x, w, None, stride, padding, dilation, transposed, 0, groups)


@step(2)
def pooled(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    """Windows, or the same enlarged: what lies between each other in memory."""
    x = some(pool, r, lambda t: str(t.dtype) in FLOATS and t.ndim > 1 and 0 < t.numel() <= 300)
    if x is None:
        return None
    x, size = _with_axes(x, 4), r.choice((2, 2, 3))
    kind = r.randrange(5)
    if kind == 0:
        return F.interpolate(x, scale_factor=size, mode="nearest")
    if kind == 1:
        return x.repeat_interleave(size, r.randrange(4))
    if kind == 2:
        return F.pixel_shuffle(x.tile(1, size * size, 1, 1), size)
    x = constant_pad(x, (0, -x.shape[3] % size, 0, -x.shape[2] % size), 0)
    return F.max_pool2d(x, size) if kind == 3 else F.avg_pool2d(x, size)


def _with_axes(x: Tensor, count: int) -> Tensor:
    """`x` with so many axes: new ones in front, or the first ones as one."""
    return x.flatten(0, x.ndim - count) if x.ndim > count else x.reshape((*(1,) * (count - x.ndim), *x.shape))


# State


@step(5)
def updated(pool: Pool, r: random.Random, states: Pool) -> Tensor | None:
    if not states:
        return None
    s = r.choice(states)
    source = some(pool, r, lambda t: t.dtype == s.dtype and _into(t.shape, s.shape))
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
