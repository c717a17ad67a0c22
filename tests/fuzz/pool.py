"""The steps of random programs: each takes tensors that are there and gives one more, or updates a state.

A step is a function of (pool, r, states): the tensors so far, a random generator, the tensors that may be
written in place. It looks at shapes and dtypes only, so that it does the same eagerly and traced. It may
find nothing to do, and gives None.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import rushlight as rl
from rushlight.core.tensor import Tensor

__all__ = [
    "FLOATS",
    "LARGEST",
    "LONG_STEPS",
    "STEPS",
    "Pool",
    "Step",
    "any_tensor",
    "broadcasts",
    "count",
    "float_tensor",
    "indices",
    "integers",
    "pair_of",
    "some",
    "step",
]

Pool = Sequence[Tensor]
Step = Callable[[Pool, random.Random, Pool], "Tensor | None"]
STEPS: list[Step] = []
LONG_STEPS: list[Step] = []
"""Of programs over many numbers."""

FLOATS = ("float32", "float64")
LARGEST = 4000


def step(times: int = 1, steps: list[Step] = STEPS) -> Callable[[Step], Step]:
    """Enter a step among `steps`, as many times as it shall be likely."""

    def enter(function: Step) -> Step:
        steps.extend([function] * times)
        return function

    return enter


def some(pool: Pool, r: random.Random, fits: Callable[[Tensor], bool]) -> Tensor | None:
    found = [t for t in pool if fits(t)]
    # What came last is likelier, so that programs grow deep.
    return found[max(r.randrange(len(found)), r.randrange(len(found)))] if found else None


def float_tensor(pool: Pool, r: random.Random) -> Tensor | None:
    return some(pool, r, lambda t: str(t.dtype) in FLOATS)


def any_tensor(pool: Pool, r: random.Random) -> Tensor:
    return pool[max(r.randrange(len(pool)), r.randrange(len(pool)))]


def integers(pool: Pool, r: random.Random, shape: tuple[int, ...], below: int) -> Tensor:
    """Whole numbers below a bound: a constant, or computed."""
    base = some(pool, r, lambda t: t.dtype == rl.int64 and t.shape == shape)
    if base is not None and r.random() < 0.5:
        return base % below
    values = rl.arange(max(1, count(shape)))[: count(shape)].reshape(shape)
    return (values * r.choice((1, 3, 7)) + r.randrange(5)) % below


def indices(pool: Pool, r: random.Random, shape: tuple[int, ...], below: int) -> Tensor:
    """The same as indices: some count from the end, some lie transposed, some are of another dtype."""
    if len(shape) > 1 and r.random() < 0.2:
        return indices(pool, r, shape[::-1], below).permute(*range(len(shape))[::-1])
    values, kind = integers(pool, r, shape, below), r.random()
    if kind < 0.3:
        return values - r.choice((1, below))  # -1 is the last
    return values.to(r.choice(("int32", "int16"))) if kind < 0.4 and below < 200 else values


def count(shape: Sequence[int]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


def pair_of(pool: Pool, r: random.Random, fits: Callable[[Tensor], bool]) -> tuple[Tensor, Tensor] | None:
    x = some(pool, r, fits)
    if x is None:
        return None
    shape = x.shape
    y = some(pool, r, lambda t: fits(t) and broadcasts(t.shape, shape))
    if y is None:
        return None  # not even itself, where that is a large one
    return (x, y) if r.random() < 0.5 else (y, x)


def broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    fits = all(n == m or 1 in (n, m) for n, m in zip(a[::-1], b[::-1], strict=False))
    return fits and count([max(n, m) for n, m in zip(a[::-1], b[::-1], strict=False)]) <= LARGEST
