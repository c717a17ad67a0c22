"""R2's page compares like with like: shared weights and batches give the same curves in both libraries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.reports import r2_search, with_pytorch

torch = pytest.importorskip("torch")


def _task(dtype: Any) -> with_pytorch.Task:
    return replace(r2_search.task(r2_search.points(), 0.04, dtype), epochs=4)


def test_pytorch_is_found() -> None:
    assert with_pytorch.pytorch() is torch


@pytest.mark.parametrize(("dtype", "loss", "weights"), [(rl.float32, 1e-4, 1e-4), (rl.float64, 1e-12, 1e-12)])
def test_the_curves_lie_on_each_other(dtype: Any, loss: float, weights: float) -> None:
    task = _task(dtype)
    ours, theirs = with_pytorch.train_here(task), with_pytorch.train_there(torch, task)
    assert with_pytorch.relative(ours.loss, theirs.loss).max() < loss
    assert with_pytorch.weights_apart(ours, theirs) < weights
    np.testing.assert_allclose(ours.accuracy, theirs.accuracy, atol=0.0021)
    assert ours.loss[-1] < ours.loss[0]
    assert ours.weights["0.weight"].dtype == np.dtype(dtype)


def test_other_weights_or_other_batches_give_other_curves() -> None:
    task = _task(rl.float32)
    ours = with_pytorch.train_here(task)
    own = with_pytorch.train_there(torch, task, own_weights=True)
    assert with_pytorch.relative(ours.loss, own.loss).max() > 1e-3
    shuffled = with_pytorch.train_there(torch, replace(task, seed=1))
    assert with_pytorch.relative(ours.loss, shuffled.loss).max() > 1e-3


def test_their_threads_are_left_as_they_were() -> None:
    before = torch.get_num_threads()
    times = with_pytorch.step_times(torch, _task(rl.float32), rounds=1, epochs=1)
    assert "PyTorch, eager" in times
    assert torch.get_num_threads() == before
