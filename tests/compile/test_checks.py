"""Indices out of range: told as eager code tells them, and nothing is half-changed."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.function import compile
from rushlight.compile.native.threads import get_num_threads, set_num_threads
from rushlight.errors import ArgumentError, IndexingError, RushlightError
from tests.compile.compare import check_same
from tests.compile.indexed_cases import MODES, Case, array, by_numpy, inputs, ints, kinds, put

pytest.importorskip("llvmlite")

WRONG: dict[str, Case] = {
    "rows": (lambda x, i: x[i], ((4, 3),), (ints(1, 9, -8),)),
    "below": (lambda x, i: x[i], ((4, 3),), (ints(1, -5, 9),)),
    "late": (lambda x, i: x[i], ((4, 3),), (np.append(np.zeros(50, np.int64), [4, 7]),)),
    "reversed": (lambda x, i: x[i.flip(0).T], ((4, 3),), (ints([1, 9], [-8, 2]),)),
    "one": (lambda x, i: x[i], ((4, 3),), (np.array(4),)),
    "no rows": (lambda x, i: x[i], ((0, 3),), (ints(0),)),
    "no columns": (lambda x, i: x[i], ((3, 0),), (ints(1, 3),)),
    "columns": (lambda x, i: x[:, i], ((3, 4),), (ints(1, 4),)),
    "second": (lambda x, i, j: x[i, j], ((3, 4),), (ints(2, 0), ints(3, -5))),
    "both": (lambda x, i, j: x[i, j], ((3, 4),), (ints(2, 3), ints(4, -5))),
    "apart": (lambda x, i: x[0, :, i], ((3, 4, 2),), (ints(2, 0),)),
    "gather": (lambda x, i: x.gather(1, i), ((2, 3),), (ints([0, 3], [1, 1]),)),
    "scatter": (lambda x, i: x.scatter(1, i, 0), ((2, 3),), (ints([0, 3], [1, 1]),)),
    "scatter_add": (lambda x, s, i: x.scatter_add(0, i, s), ((2, 3), (1, 3)), (ints([0, 1, -3]),)),
    "gather, below": (lambda x, i: x.gather(1, i), ((2, 3),), (ints([0, 2], [-1, 3]),)),
    "scatter, below": (lambda x, i: x.scatter(1, i, 0), ((2, 3),), (ints([0, 2], [-1, 1]),)),
    "scatter_add, below": (lambda x, s, i: x.scatter_add(0, i, s), ((2, 3), (1, 3)), (ints([0, 1, -1]),)),
    "index_select": (lambda x, i: x.index_select(1, i), ((2, 3),), (ints(0, 3),)),
    "index_select, below": (lambda x, i: x.index_select(1, i), ((2, 3),), (ints(0, -1),)),
    "take_along_dim, below": (lambda x, i: x.take_along_dim(i, 1), ((2, 3),), (ints([0, -4]),)),
    "put": (lambda x, i: put(x, i, 0), ((2, 3),), (ints(0, 2),)),
    "put a row": (lambda x, i: put(x, (1, i), 0), ((2, 3),), (ints(0, 3),)),
    "small": (lambda x, i: x[i], ((4, 3),), (ints(100, 1, dtype="int32"),)),
    "small, below": (lambda x, i: x.index_select(0, i), ((4, 3),), (ints(1, -(2**31), dtype="int32"),)),
    "far": (lambda x, i: x[i], ((4, 3),), (ints(2**63 - 1),)),
    "far below": (lambda x, i: x[i], ((4, 3),), (ints(-(2**63)),)),
    "two": (lambda x, i, j: x[i] + x[j], ((4, 3),), (ints(1), ints(8))),
    "computed": (lambda x, i: x[i * 2 + 1], ((4, 3),), (ints(1, 2),)),
    "constant": (lambda x, i: rl.ones(3)[i] + x.sum(), ((4, 3),), (ints(1, 3),)),
}


def checks(compiled: Any) -> int:
    """How many kernels look whether an index is in range."""
    entries = [e for group in compiled._entries.values() for e in group]
    return sum(k.check is not None for e in entries for k in e.program.plan.kernels)


@pytest.mark.parametrize("name", WRONG)
def test_an_index_out_of_range_is_told_as_eagerly(name: str) -> None:
    case = WRONG[name]
    function = case[0]
    wrong = inputs(case, "float32")
    right = [t * 0 if t.dtype.kind in "iu" else t for t in inputs(case, "float32")]
    with pytest.raises(IndexingError) as eager:
        function(*wrong)
    for mode in MODES:
        compiled = compile(function, mode=mode)
        empty = name == "no rows"
        for given in (wrong, wrong) if empty else (right, wrong, right, wrong):
            if given is right:
                check_same([compiled(*given)], [function(*given)], name)
                continue
            with pytest.raises(IndexingError) as found:
                compiled(*given)
            assert str(found.value) == str(eager.value)
            assert repr(found.value.__cause__) == repr(eager.value.__cause__)
        if mode != "interpret" and not empty:
            assert "callback" not in kinds(compiled)


class Counting:
    """A step that counts before it looks at its index, and adds to a table after."""

    def __init__(self) -> None:
        self.count, self.table = rl.zeros(3), rl.ones(5, 20)

    def __call__(self, i: Any, x: Any) -> Any:
        self.count.add_(1)
        seen = self.table[i] * self.count[0]
        self.table[i] = seen + x
        return seen.sum()

    def state(self) -> list[Any]:
        return [self.count.numpy().copy(), self.table.numpy().copy()]


def test_nothing_is_half_changed() -> None:
    plain, native = Counting(), Counting()
    step = compile(native)
    x = rl.ones(2, 20)
    for i in ([0, 1], [3, -5], [4, 4]):
        index = rl.tensor(i)
        check_same([step(index, x)], [plain(index, x)], "step")
        before = native.state()
        for a, b in zip(before, plain.state(), strict=True):
            assert np.array_equal(a, b)
        with pytest.raises(IndexingError, match="index 5 on axis 0 of size 5"):
            step(rl.tensor([0, 5]), x)
        for a, b in zip(native.state(), before, strict=True):
            assert np.array_equal(a, b)
    assert "callback" not in kinds(step)


def test_scan() -> None:
    plain, native = Counting(), Counting()
    step = compile(native)
    index, x = rl.tensor([[0, 1], [1, 1], [-1, 2], [3, 0]]), rl.ones(4, 2, 20)
    expected = rl.stack([plain(index[s], x[s]) for s in range(4)])
    check_same([step.scan(index, x)], [expected], "scan")
    check_same([native.table, native.count], [plain.table, plain.count], "states")
    before = native.state()
    with pytest.raises(IndexingError, match="index 7 on axis 0"):
        step.scan(rl.tensor([[0, 1], [7, 1], [1, 1], [-9, 2]]), x)
    for a, b in zip(native.state(), before, strict=True):
        assert np.array_equal(a, b)
    check_same([step.scan(index, x)], [rl.stack([plain(index[s], x[s]) for s in range(4)])], "again")


def test_threads_in_one_step_stop_together() -> None:
    """Kernels in parts before, between and after the checks; one of them fails now and then."""
    big = rl.ones(1 << 16)

    def run(i: Any, j: Any) -> Any:
        a = big * 2
        b = a[i] + big.sum()
        c = (a * b.sum()) * 2
        return c[j].sum() + (c * 3).sum()

    compiled = compile(run)
    before = get_num_threads()
    set_num_threads(2)
    try:
        good, bad = rl.tensor([1, 2]), rl.tensor([1, 1 << 20])
        expected = run(good, good)
        for turn in range(12):
            i, j = (good, bad)[turn % 3 == 1], (good, bad)[turn % 3 == 2]
            if turn % 3:
                with pytest.raises(IndexingError):
                    compiled(i, j)
                stack = rl.stack([good, i, good]), rl.stack([good, j, good])
                with pytest.raises(IndexingError):
                    compiled.scan(*stack)
            else:
                check_same([compiled(i, j)], [expected], "good")
                check_same([compiled.scan(good[None], good[None])[0]], [expected], "good")
    finally:
        set_num_threads(before)
    assert "callback" not in kinds(compiled)


def test_two_threads_at_once() -> None:
    compiled = compile(lambda x, i: (x[i] * 2, rl.cat([x, x[i]])))
    x = rl.from_numpy(array((50, 40), "float32", 5))
    compiled(x, rl.tensor([0, 1, 2]))
    failures: list[str] = []

    def work(seed: int) -> None:
        r = np.random.default_rng(seed)
        for _ in range(60):
            i = r.integers(-50, 50, 3)
            bad = bool(r.random() < 0.3)
            if bad:
                i[1] = 50 + seed
            try:
                doubled, joined = compiled(x, rl.from_numpy(i))
                right = np.array_equal(doubled.numpy(), x.numpy()[i] * 2) and joined.shape == (53, 40)
                if bad or not right:
                    failures.append(f"{i}")
            except RushlightError as error:
                if not bad or f"index {50 + seed} on" not in str(error):
                    failures.append(str(error))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []


@pytest.mark.parametrize("dtype", ["int64", "uint8"])
@pytest.mark.parametrize(("ignore", "wrong"), [(-100, [0, 7, 3, 9]), (-1, [2, -1, 8, -1]), (9, [9, 3, 4, 9])])
def test_a_class_out_of_range_is_told_as_eagerly(dtype: str, ignore: int, wrong: list[int]) -> None:
    if dtype == "uint8":
        wrong = [abs(c) for c in wrong]
    net = rl.nn.Linear(5, 4)
    optimizer = rl.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def step(x: Any, t: Any) -> Any:
        optimizer.zero_grad()
        loss = rl.nn.functional.cross_entropy(net(x), t, ignore_index=ignore)
        loss.backward()
        optimizer.step()
        return loss.detach()

    bad = rl.from_numpy(np.array(wrong, dtype))
    good = rl.from_numpy(np.array([0, 3, 1, 2], dtype))
    x, before = rl.ones(4, 5), [p.detach().clone() for p in net.parameters()]
    with pytest.raises(IndexingError, match="class") as eager:
        step(x, bad)
    compiled = compile(step)
    compiled(x, good)
    after = [p.detach().clone() for p in net.parameters()]
    assert not np.array_equal(after[0].numpy(), before[0].numpy())
    batches = rl.stack([x, x, x]), rl.stack([good, bad, good])
    for run in (lambda: compiled(x, bad), lambda: compiled.scan(*batches)):
        with pytest.raises(IndexingError) as native:
            run()
        assert str(native.value) == str(eager.value)
        check_same([p.detach() for p in net.parameters()], after, "parameters")
    compiled.scan(batches[0], rl.stack([good] * 3))
    assert checks(compiled)
    assert not by_numpy(compiled)


def test_what_is_no_probability_is_told_as_eagerly() -> None:
    def step(p: Any, y: Any) -> Any:
        return rl.nn.functional.binary_cross_entropy(p, y)

    good, y = rl.tensor([0.0, 0.25, 1.0, math.nan]), rl.ones(4)
    compiled = compile(step)
    compiled(good, y)
    for wrong in (-0.5, 1.5, math.inf):
        bad = rl.where(good == 0.25, wrong, good)
        with pytest.raises(ArgumentError) as eager:
            step(bad, y)
        with pytest.raises(ArgumentError) as native:
            compiled(bad, y)
        assert str(native.value) == str(eager.value)
    assert checks(compiled)
    assert not by_numpy(compiled)
