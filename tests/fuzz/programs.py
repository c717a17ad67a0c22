"""Random programs: inputs, states and steps that follow from one seed, and what they compute."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import rushlight as rl
from rushlight.compile.capture.placeholder import TraceError
from rushlight.core.tensor import Tensor
from rushlight.errors import RushlightError
from tests.fuzz.long import many
from tests.fuzz.pool import LARGEST, Step, count
from tests.fuzz.steps import LONG_STEPS, STEPS

__all__ = ["Input", "Random", "make"]

SIZES = (1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 25, 33)
DTYPES = ("float32",) * 7 + ("float64", "float64", "int64", "int64", "int32", "bool", "uint8")
LONG = 0.04
"""How many programs are about long sums: each takes as long as some others."""
LAYOUTS = ("rows", "rows", "rows", "transposed", "strided", "flipped", "spread")


@dataclass(frozen=True)
class Input:
    """A tensor to begin with."""

    shape: tuple[int, ...]
    dtype: str
    layout: str
    seed: int
    requires_grad: bool = False

    def build(self) -> Tensor:
        """The tensor, with the same numbers each time."""
        t = _in_memory(self).clone()
        if not self.shape or self.layout == "rows":
            return t.requires_grad_(self.requires_grad)
        if self.layout == "transposed":
            t = t.permute(*reversed(range(t.ndim)))
        elif self.layout == "strided":
            t = t[..., ::2]
        elif self.layout == "spread":
            t = t.expand(self.shape)
        else:
            t = rl.from_numpy(t.numpy()[::-1])
        return t.requires_grad_(self.requires_grad)


@functools.lru_cache(maxsize=32)  # each is asked for again in every mode
def _in_memory(given: Input) -> Tensor:
    """What lies in the memory of a tensor."""
    r = random.Random(given.seed)
    shape = given.shape
    if shape and given.layout == "transposed":
        shape = shape[::-1]
    elif shape and given.layout == "strided":
        shape = (*shape[:-1], 2 * shape[-1])
    elif shape and given.layout == "spread":
        shape = (1, *shape[1:])
    size = count(shape)
    if size > LARGEST:
        return many(size, given.dtype, r).reshape(shape)
    numbers = [_number(given.dtype, r) for _ in range(size)]
    return rl.tensor(numbers).to(getattr(rl, given.dtype)).reshape(shape)


def _number(dtype: str, r: random.Random) -> float:
    if dtype.startswith("float"):
        if r.random() < 0.01:
            return r.choice((float("inf"), float("-inf"), float("nan"), -0.0, 1e10, 1e-10, 90.0))
        return r.choice((0.0, 1.0, -1.0)) if r.random() < 0.1 else r.uniform(-2.5, 2.5)
    return r.randrange(2) if dtype == "bool" else r.randrange(0 if dtype == "uint8" else -9, 10)


@dataclass(frozen=True)
class Random:
    """A random program. Without one of its steps the others are as before: a failing one can be shrunk.

    long  whether its steps are those for many numbers.
    """

    inputs: tuple[Input, ...]
    states: tuple[Input, ...]
    steps: tuple[tuple[int, int], ...]
    seed: int
    backward: bool
    long: bool = False

    @property
    def _kinds(self) -> list[Step]:
        return LONG_STEPS if self.long else STEPS

    def build(self) -> tuple[list[Tensor], list[Tensor]]:
        """(inputs, states), fresh ones."""
        return [i.build() for i in self.inputs], [s.build() for s in self.states]

    def run(self, inputs: Sequence[Tensor], states: Sequence[Tensor]) -> list[Tensor]:
        """What the program computes: its last values, some inputs and states, and gradients."""
        pool = [*inputs, *states]
        first = len(pool)
        for number, seed in self.steps:
            try:
                out = self._kinds[number](pool, random.Random(seed), states)
            except TraceError:
                raise
            except RushlightError:
                continue  # does not fit, and is refused by the same rule eagerly and traced
            if out is not None:
                pool.append(out)
        r = random.Random(self.seed)
        outputs = [*pool[max(first, len(pool) - 4) :], r.choice(pool), r.choice(pool)]
        return [
            *[t.detach() for t in outputs],
            *(self._gradients(inputs, pool[first:]) if self.backward else []),
        ]

    def _gradients(self, inputs: Sequence[Tensor], made: Sequence[Tensor]) -> list[Tensor]:
        wanted = [t for t in inputs if t.requires_grad]
        ends = [t for t in made if t.requires_grad and t.dtype.kind == "f" and t.grad_fn is not None][-3:]
        if not wanted or not ends:
            return []
        total = sum((t.float() * (0.5 + i)).sum() for i, t in enumerate(ends))
        return list(rl.autograd.grad(total, wanted, materialize_grads=True))

    def without(self, k: int) -> Random:
        """The program without its step `k`."""
        return replace(self, steps=self.steps[:k] + self.steps[k + 1 :])

    def __str__(self) -> str:
        """How to build it again."""
        return f"{self!r}\n  steps: {', '.join(self._kinds[n].__name__ for n, _ in self.steps)}"


def make(seed: int) -> Random:
    """The program of a seed."""
    r = random.Random(seed)
    if random.Random(-1 - seed).random() < LONG:
        return _make_long(r)
    sizes = [r.choice(SIZES) for _ in range(3)]
    if r.random() < 0.04:
        sizes[0] = 0
    inputs = [_input(r, sizes) for _ in range(r.randint(1, 4))]
    if all(not i.dtype.startswith("float") for i in inputs):
        inputs.append(replace(_input(r, sizes), dtype="float32"))
    states = [replace(_input(r, sizes), requires_grad=False) for _ in range(r.choice((0, 1, 1, 2)))]
    states = [replace(s, layout=r.choice(("rows", "rows", "transposed", "strided"))) for s in states]
    steps = tuple((r.randrange(len(STEPS)), r.randrange(1 << 30)) for _ in range(r.randint(3, 12)))
    return Random(tuple(inputs), tuple(states), steps, r.randrange(1 << 30), r.random() < 0.5)


def _make_long(r: random.Random) -> Random:
    """A program over one tensor with a long axis, and a short one beside it."""
    count = round(10 ** r.uniform(4, 6))
    shape = [max(1, count // 4), *r.choice(((), (1,), (2,), (4,), (2, 2)))]
    r.shuffle(shape)
    dtype, wants = r.choice(("float32", "float32", "float32", "float64")), r.random() < 0.5
    x = Input(tuple(shape), dtype, r.choice(LAYOUTS), r.randrange(1 << 30), wants)
    short = Input((r.choice(SIZES),), dtype, "rows", r.randrange(1 << 30), wants)
    steps = tuple((r.randrange(len(LONG_STEPS)), r.randrange(1 << 30)) for _ in range(r.randint(2, 5)))
    return Random((x, short), (), steps, r.randrange(1 << 30), r.random() < 0.5, True)


def _input(r: random.Random, sizes: list[int]) -> Input:
    rank = r.choice((0, 1, 1, 2, 2, 2, 3))
    shape = tuple(1 if r.random() < 0.12 else r.choice(sizes) for _ in range(rank))
    while _size(shape) > 600:
        shape = shape[1:]
    dtype = r.choice(DTYPES)
    wants = dtype.startswith("float") and r.random() < 0.6
    return Input(shape, dtype, r.choice(LAYOUTS), r.randrange(1 << 30), wants)


def _size(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total
