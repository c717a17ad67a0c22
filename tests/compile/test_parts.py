"""Every kernel with much to do has parts, always the same ones, and threads that share them change no bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight.compile.native import program
from rushlight.compile.native.threads import get_num_threads, set_num_threads
from tests.compile.compare import check_same

WORK: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "map of a row": (lambda x: x.tanh(), (100_003,)),
    "map of rows": (lambda x: (x * x.t()).exp(), (400, 400)),
    "map of columns": (lambda x: x.t().tanh(), (700, 500)),
    "softmax of rows": (lambda x: F.softmax(x, 1), (300, 300)),
    "softmax of columns": (lambda x: F.softmax(x, 0), (300, 300)),
    "softmax of short rows": (lambda x: F.softmax(x, 1), (20_000, 5)),
    "sum of rows": (lambda x: x.exp().sum(1), (300, 500)),
    "sum of columns": (lambda x: x.exp().sum(0), (500, 300)),
    "largest of rows": (lambda x: x.argmax(1), (600, 501)),
    "largest of columns": (lambda x: x.argmax(0), (501, 600)),
    "running sums of rows": (lambda x: x.cumsum(1), (400, 501)),
    "running sums of columns": (lambda x: x.cumsum(0), (501, 400)),
    "gather": (lambda x: x[(x[:, 0] > 0).long()] * 2, (500, 400)),
    "whole numbers": (lambda x: x.round().long() @ x.round().long(), (120, 120)),
    "product": (lambda x: x @ x, (130, 130)),
}


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(program, "HEAVY", 0)
    before = get_num_threads()
    yield
    set_num_threads(before)


@pytest.mark.parametrize("name", WORK)
def test_parts_change_no_bit(name: str) -> None:
    step, shape = WORK[name]
    x = rl.from_numpy(np.random.default_rng(3).standard_normal(shape).astype("float32"))
    compiled = rl.compile(step)
    check_same([compiled(x)], [step(x)], name)
    (entry,) = [e for group in compiled._entries.values() for e in group]
    assert entry.proved, "the program was wrong"
    assert max(call.parts for call in entry.program.module.calls) > 1
    found = []
    for threads in (1, 2):
        set_num_threads(threads)
        assert entry.program.call_workers == threads
        found.append(compiled(x).numpy())
    np.testing.assert_array_equal(*found)


def test_a_small_step_has_none() -> None:
    compiled = rl.compile(lambda x: F.softmax(x @ x, 1).sum())
    compiled(rl.rand(30, 30))
    (entry,) = [e for group in compiled._entries.values() for e in group]
    assert {call.parts for call in entry.program.module.calls} == {1}
