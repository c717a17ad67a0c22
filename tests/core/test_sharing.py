"""Tensors in memory that several processes see."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import sys
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import NotSupportedError

LINUX = sys.platform.startswith("linux")


def test_what_is_shared() -> None:
    x = rl.arange(6.0).view(2, 3).clone()
    row, turned = x[1], x.t()
    assert not x.is_shared()
    assert x.share_memory_() is x
    assert x.is_shared()
    assert row.is_shared()
    assert turned.is_shared()
    assert x[0].is_shared()
    assert not x.clone().is_shared()
    row.fill_(7.0)
    turned[0].add_(1.0)
    assert x.tolist() == [[1.0, 1.0, 2.0], [8.0, 7.0, 7.0]]
    part = rl.zeros(3, 2)
    part[1:].share_memory_()
    assert part.is_shared()  # all memory of a view moves
    assert rl.zeros(0).share_memory_().is_shared()
    assert pickle.loads(pickle.dumps(x)).tolist() == x.tolist()


def test_a_module() -> None:
    model = nn.BatchNorm1d(3)
    weight = model.weight
    model.share_memory()
    assert model.weight is weight
    assert all(t.is_shared() for t in (*model.parameters(), *model.buffers()))
    assert isinstance(model.weight, nn.Parameter)
    assert model(rl.rand(4, 3)).shape == (4, 3)


def test_compiled_steps_write_into_it() -> None:
    pytest.importorskip("llvmlite")
    x = rl.zeros(3).share_memory_()
    view = x[1:]
    rl.compile(lambda y: x.add_(y))(rl.ones(3))
    assert view.tolist() == [1.0, 1.0]
    assert x.is_shared()
    with pytest.raises(NotSupportedError, match="share_memory_"):
        rl.compile(lambda y: y.share_memory_())(rl.ones(3))


def _work(model: Any, x: rl.Tensor, results: Any, done: Any) -> None:
    with rl.no_grad():
        model.weight.add_(2.0)
        x[1].fill_(7.0)
    results.put((model.weight.tolist(), x[1]))
    done.get()


@pytest.mark.skipif(not LINUX, reason="there only processes that are forked see the memory")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_another_process_writes_into_it(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    model, x = nn.Linear(2, 2), rl.zeros(3, 2).share_memory_()
    with rl.no_grad():
        model.share_memory().weight.zero_()
    results, done = context.SimpleQueue(), context.SimpleQueue()
    process = context.Process(target=_work, args=(model, x, results, done))
    process.start()
    weight, row = results.get()
    done.put(None)
    process.join(60)
    assert process.exitcode == 0
    assert weight == model.weight.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    assert x.tolist() == [[0.0, 0.0], [7.0, 7.0], [0.0, 0.0]]
    row.fill_(9.0)  # what came back is the same memory
    assert x[1].tolist() == [9.0, 9.0]


@pytest.mark.skipif(not LINUX, reason="counts files as Linux shows them")
def test_files_are_closed_with_the_last_tensor() -> None:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    x = rl.zeros(3).share_memory_()
    part = x[1:]
    del x
    assert part.is_shared()
    del part
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
