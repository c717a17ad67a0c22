"""Handles of hooks, on tensors and on modules."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import rushlight as rl
from rushlight import nn


def test_a_tensors_hook_is_removed_once_and_alone() -> None:
    x = rl.ones(1, requires_grad=True)

    def tenfold(grad: rl.Tensor) -> rl.Tensor:
        return grad * 10.0

    first, second = x.register_hook(tenfold), x.register_hook(tenfold)
    first.remove()
    first.remove()
    x.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [10.0]
    second.remove()
    x.grad = None
    x.sum().backward()
    assert x.grad.tolist() == [1.0]  # type: ignore[attr-defined]


def test_handles_are_context_managers() -> None:
    seen: list[Any] = []
    x, layer = rl.ones(1, requires_grad=True), nn.Identity()
    with x.register_hook(seen.append), layer.register_forward_hook(lambda *call: seen.append("forward")):
        layer(x).sum().backward()
    layer(x).sum().backward()
    assert len(seen) == 2


def test_a_handle_does_not_keep_the_graph() -> None:
    x = rl.ones(1, requires_grad=True)
    y = x * 2.0
    handle = y.register_hook(lambda grad: None)
    node = weakref.ref(y.grad_fn)
    del y
    gc.collect()
    assert node() is None
    handle.remove()
