"""One program for many members in one native call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.function import compile
from rushlight.compile.native.family import Family, apart, run_workers
from rushlight.core.tensor import Tensor, wrap

pytest.importorskip("llvmlite")

STEPS, BATCH = 5, 3


def program() -> tuple[Any, Tensor, Tensor]:
    """A step that updates a weight by a rate, and gives a number: its entry, the weight and the rate."""
    weight, rate = rl.zeros(2), rl.tensor(0.5)

    @compile
    def step(x: Tensor) -> Tensor:
        change = (x @ weight - 1.0).reshape(1, -1) @ x
        weight.sub_(rate * change.reshape(-1))
        return (weight * weight).sum()

    step(rl.zeros(BATCH, 2))
    weight.zero_()
    return step.entry(rl.zeros(BATCH, 2)), weight, rate


def members(count: int) -> list[tuple[Tensor, Tensor]]:
    rl.manual_seed(0)
    return [(rl.rand(2), rl.tensor(0.01 * (i + 1))) for i in range(count)]


def lifted(entry: Any, weight: Tensor, rate: Tensor, own: tuple[Tensor, Tensor]) -> list[Tensor]:
    stands = {id(weight.array): own[0], id(rate.array): own[1]}
    return [stands[id(t.array)] for t in entry.lifted[entry.count :]]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_member_runs_as_if_alone(threads: int) -> None:
    entry, weight, rate = program()
    data = rl.rand(20, 2)
    index = np.random.default_rng(0).integers(0, 20, (4, STEPS, BATCH))
    own, twins = members(4), members(4)
    family = Family(entry.program, [lifted(entry, weight, rate, m) for m in own], threads)
    assert family.fits()
    assert apart([t for i in range(4) for t in family.written[i]], [*family.read[0], data])
    family.bind(range(4))
    found = np.full((4, STEPS), np.nan, np.float32)
    who = np.array([0, 1, 3])  # member 2 has a rest
    at = (found.ctypes.data + who * found.strides[0])[:, None]
    rows = index.ctypes.data + who * index.strides[0]
    jobs, (places, _) = family.jobs(who, 1, [data.array], rows, STEPS, at)
    run_workers(jobs, np.arange(4), threads)
    assert places.shape == (3, 3)
    for i, (mine, twin) in enumerate(zip(own, twins, strict=True)):
        if i == 2:
            assert np.isnan(found[i]).all()
            assert mine[0].tolist() == twin[0].tolist()
            continue
        alone = entry.program.apart([None, *lifted(entry, weight, rate, twin)])
        (losses,) = alone.scan([data.array], index[i], STEPS)
        assert found[i].tobytes() == losses.tobytes()
        assert mine[0].array.tobytes() == twin[0].array.tobytes()
        before = mine[0]._written
        family.bind(range(4))
        assert mine[0]._written > before


def test_a_member_does_several_jobs_in_order() -> None:
    """First batches gathered by an index, then a stack of them; the second goes on where the first ended."""
    entry, weight, rate = program()
    data = rl.rand(2 * BATCH, 2)
    (own,), (twin,) = members(1), members(1)
    family = Family(entry.program, [lifted(entry, weight, rate, own)], 1)
    family.bind([0])
    found = np.zeros(2, np.float32)
    index, who = np.arange(BATCH), np.zeros(1, np.int64)
    stack = data.array.reshape(2, BATCH, 2)[1:]
    first, kept = family.jobs(who, 1, [data.array], np.array([index.ctypes.data]), 1, found.ctypes.data)
    second, too = family.jobs(who, 1, [stack], None, 1, found.ctypes.data + 4)
    run_workers(np.concatenate((first, second)), np.array([0, 2]), 1)
    del kept, too
    alone = entry.program.apart([None, *lifted(entry, weight, rate, twin)])
    (losses,) = alone.scan([data.array], np.arange(2 * BATCH).reshape(2, BATCH), 2)
    assert found.tobytes() == losses.tobytes()


def test_what_does_not_fit() -> None:
    entry, weight, rate = program()
    good = lifted(entry, weight, rate, members(1)[0])
    for bad in (rl.zeros(3), rl.zeros(2).double(), wrap(np.zeros((2, 2), np.float32)[:, 0])):
        wrong = lifted(entry, weight, rate, (bad, rl.tensor(0.1)))
        assert not Family(entry.program, [good, wrong], 1).fits()


def test_memory_of_one_s_own() -> None:
    whole = rl.zeros(6)
    left, right = whole[:3], whole[3:]
    assert apart([left, right], [rl.zeros(2)])
    assert not apart([whole, right], [])
    assert not apart([left], [whole])
    assert apart([left], [right])
    assert not apart([left, left], [])
    assert apart([], [whole])
