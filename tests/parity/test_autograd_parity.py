"""The same programs in both frameworks: what `backward` leaves behind, in-place updates, DLPack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

Program = Callable[[Any, Any, Any], Any]


def twice(L: Any, x: Any, y: Any) -> Any:
    (x * x * y + x).sum().backward()
    return x.grad, y.grad


def again(L: Any, x: Any, y: Any) -> Any:
    loss = (x * y).exp().sum()
    loss.backward(retain_graph=True)
    loss.backward()
    return x.grad, y.grad


def higher(L: Any, x: Any, y: Any) -> Any:
    out = (x.sin() * y**3).sum()
    gx, gy = L.autograd.grad(out, (x, y), create_graph=True)
    (gxx, gxy) = L.autograd.grad((gx * gx).sum() + gy.sum(), (x, y), create_graph=True)
    (gx * gxy).sum().backward()
    return gx, gy, gxx, gxy, x.grad, y.grad


def chosen_inputs(L: Any, x: Any, y: Any) -> Any:
    h = x * y
    (h * h).sum().backward(inputs=[x])
    return x.grad, y.grad


def chosen_middle(L: Any, x: Any, y: Any) -> Any:
    h = x * y
    (h * h).sum().backward(inputs=[h, y])
    return h.grad, x.grad, y.grad


def retained(L: Any, x: Any, y: Any) -> Any:
    h = x * y
    h.retain_grad()
    (h * h).sum().backward()
    return h.grad, x.grad


def unused(L: Any, x: Any, y: Any) -> Any:
    return L.autograd.grad((x * 2).sum(), (x, y), allow_unused=True)


def materialized(L: Any, x: Any, y: Any) -> Any:
    return L.autograd.grad((x * 2).sum(), (x, y), materialize_grads=True)


def weighted(L: Any, x: Any, y: Any) -> Any:
    (x * y).backward(L.full_like(x, 0.5))
    return x.grad, y.grad


def hooks(L: Any, x: Any, y: Any) -> Any:
    h = x * y
    h.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: g + 1)
    h.sum().backward()
    return x.grad, y.grad


def in_place_chain(L: Any, x: Any, y: Any) -> Any:
    h = x * 1
    h.mul_(y)
    h += x
    h[0] = y[1]
    h[1:] = h[1:] * 2
    h.sum().backward()
    return h, x.grad, y.grad


def in_place_reads_the_old(L: Any, x: Any, y: Any) -> Any:
    h = x * y
    h.pow_(2)
    h.sum().backward()
    return x.grad, y.grad


def buffer_filled(L: Any, x: Any, y: Any) -> Any:
    out = L.zeros(3, 3)
    for i in range(3):
        out[i] = x * float(i) + y
    (out * out).sum().backward()
    return out, x.grad, y.grad


def detached(L: Any, x: Any, y: Any) -> Any:
    (x * y.detach() + y * x.data).sum().backward()
    return x.grad, y.grad


def branches(L: Any, x: Any, y: Any) -> Any:
    parts = (x * y).split([1, 2])
    rows = L.stack([x, y]).unbind(1)
    loss = parts[1].sum() + rows[0].prod() + sum(r.max() for r in rows)
    loss.backward()
    return x.grad, y.grad


def no_grad_part(L: Any, x: Any, y: Any) -> Any:
    with L.no_grad():
        scale = (x * y).sum()
    (x * scale).sum().backward()
    return x.grad, y.grad, scale.requires_grad


def flags(L: Any, x: Any, y: Any) -> Any:
    h = x * y
    return (
        h.is_leaf, x.is_leaf, h.requires_grad, h.detach().requires_grad, h.grad_fn is None, x.grad_fn is None,
        (x > 0).requires_grad, x.long().requires_grad, x.view(3, 1).requires_grad, x.argmax().requires_grad,
    )  # fmt: skip


def sgd(L: Any, x: Any, y: Any) -> Any:
    for _ in range(5):
        loss = ((x * y - 1) ** 2).sum()
        loss.backward()
        with L.no_grad():
            for p in (x, y):
                p -= 0.1 * p.grad
                p.grad.zero_()
    return x, y


def views(L: Any, x: Any, y: Any) -> Any:
    base = L.arange(12.0).reshape(3, 4)
    base[1].add_(10)
    base[:, 0].mul_(-1)
    base.T[3] = 5
    base.view(-1)[6:8].zero_()
    base[base > 9] = 9
    flipped = base.flip(0)
    flipped.zero_()
    first = base[0][1]
    first += 100
    return base


PROGRAMS = [
    twice, again, higher, chosen_inputs, chosen_middle, retained, unused, materialized, weighted, hooks,
    in_place_chain,
    in_place_reads_the_old, buffer_filled, detached, branches, no_grad_part, flags, sgd, views,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_the_same_program(program: Program) -> None:
    results = []
    for L in (rl, torch):
        x = L.tensor([0.5, -1.5, 2.0], requires_grad=True)
        y = L.tensor([1.0, 3.0, -0.5], requires_grad=True)
        out = program(L, x, y)
        results.append(out if isinstance(out, tuple) else (out,))
    for ours, theirs in zip(*results, strict=True):
        if isinstance(theirs, torch.Tensor):
            assert isinstance(ours, rl.Tensor)
            assert ours.requires_grad == theirs.requires_grad
            np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
        else:
            assert ours == theirs


REFUSED = {
    "backward of data": lambda L, x: L.ones(1).backward(),
    "backward of many": lambda L, x: (x * 2).backward(),
    "backward twice": lambda L, x: [(y := (x * x).sum()).backward(), y.backward()],
    "leaf in place": lambda L, x: x.add_(1),
    "view of a leaf in place": lambda L, x: x[0].add_(1),
    "overwritten": lambda L, x: [(h := x * 1), (y := (h * h).sum()), h.add_(1), y.backward()],
    "overwritten result": lambda L, x: [(h := x.exp()), h.add_(1), h.sum().backward()],
    "overwritten through detach": lambda L, x: [
        (h := x * 1),
        (y := h.log().sum()),
        h.detach().add_(1),
        y.backward(),
    ],
    "requires grad of integers": lambda L, x: L.tensor([1], requires_grad=True),
    "requires grad off": lambda L, x: (x * 2).requires_grad_(False),
    "unused": lambda L, x: L.autograd.grad((x * 2).sum(), L.ones(1, requires_grad=True)),
    "numpy": lambda L, x: x.numpy(),
    "wrong gradient": lambda L, x: (x * 2).backward(L.ones(7)),
    "integer result in place": lambda L, x: L.ones(2, dtype=L.int64).add_(0.5),
    "bool of many": lambda L, x: bool(x),
    "item of many": lambda L, x: x.item(),
    "len of a number": lambda L, x: len(L.tensor(1.0)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused(name: str) -> None:
    for L in (rl, torch):
        x = L.tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises((RuntimeError, TypeError, ValueError)):
            REFUSED[name](L, x)


def test_dlpack_with_pytorch_shares_memory() -> None:
    for dtype in ("float32", "float64", "int64", "int32", "uint8", "bool"):
        ours = rl.from_numpy(np.ones((2, 3), dtype))
        theirs = torch.from_dlpack(ours)
        assert theirs.data_ptr() == ours.numpy().ctypes.data
        assert str(theirs.dtype) == f"torch.{dtype}"
        source = torch.ones(2, 3, dtype=getattr(torch, dtype))
        back = rl.from_dlpack(source)
        assert back.numpy().ctypes.data == source.data_ptr()
        assert back.dtype == np.dtype(dtype)
    source = torch.zeros(4)
    back = rl.from_dlpack(source)
    source[1] = 5.0
    assert back.tolist() == [0.0, 5.0, 0.0, 0.0]
    back[2] = 7.0
    assert source.tolist() == [0.0, 5.0, 7.0, 0.0]
    transposed = torch.arange(6).reshape(2, 3).T
    assert rl.from_dlpack(transposed).tolist() == transposed.tolist()
    with pytest.raises((RuntimeError, ValueError, BufferError)):
        torch.from_dlpack(rl.ones(2, requires_grad=True))


def test_numpy_bridge_with_pytorch() -> None:
    assert torch.from_numpy(rl.ones(2).numpy()).tolist() == [1.0, 1.0]
    assert torch.as_tensor(np.asarray(rl.arange(3))).tolist() == [0, 1, 2]
    assert rl.tensor(torch.ones(2).numpy()).tolist() == [1.0, 1.0]
