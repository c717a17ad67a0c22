"""backward and grad: what PyTorch documents of them."""

from __future__ import annotations

import contextlib
import gc
import weakref

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import DTypeError, GradError, ShapeError


def leaf(*values: float) -> rl.Tensor:
    return rl.tensor(values if len(values) != 1 else values[0], requires_grad=True)


def test_a_tensor_used_twice_accumulates() -> None:
    x = leaf(3.0)
    (x * x + x).backward()
    assert x.grad is not None
    assert x.grad.item() == 7.0


def test_a_diamond() -> None:
    x = leaf(2.0)
    a = x * 3.0
    b, c = a.exp(), a * a
    (b * c).backward()
    e = np.exp(6.0)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.item(), 3 * (e * 36 + e * 12), rtol=1e-6)


def test_every_node_runs_once() -> None:
    runs = []

    class Counted(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]
            return x * 1.0

        @staticmethod
        def backward(ctx, g):  # type: ignore[no-untyped-def]
            runs.append(1)
            return g

    x = leaf(1.0)
    y = Counted.apply(x)
    for _ in range(12):
        y = y + y
    y.backward()
    assert len(runs) == 1
    assert x.grad is not None
    assert x.grad.item() == 2.0**12


def test_grad_accumulates_over_calls_in_its_memory() -> None:
    x = leaf(1.0, 2.0)
    (x * 2.0).sum().backward()
    first = x.grad
    assert first is not None
    (x * 3.0).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [5.0, 5.0]
    assert x.grad is first


def test_a_long_chain_needs_no_recursion_nor_does_its_end() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    y.backward(retain_graph=True)
    assert x.grad is not None
    assert x.grad.item() == 1.0
    assert rl.autograd.grad(y, x)[0].item() == 1.0  # type: ignore[union-attr]
    y = x
    for _ in range(20_000):
        y = y + x
    del y  # never walked: freed as a chain


def test_second_backward_is_an_error_that_says_what_to_do() -> None:
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(GradError, match=r"earlier backward used up.*retain_graph=True"):
        y.backward()


def test_retain_graph_allows_it() -> None:
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 8.0


def test_create_graph_gives_higher_derivatives() -> None:
    x = leaf(2.0)
    y = x**4
    derivatives = []
    for _ in range(4):
        (y,) = rl.autograd.grad(y, x, create_graph=True)  # type: ignore[assignment]
        derivatives.append(y.item())
    assert derivatives == [32.0, 48.0, 48.0, 24.0]


def test_backward_with_create_graph_keeps_the_graph() -> None:
    x = leaf(2.0)
    y = x**3
    y.backward(create_graph=True)
    assert x.grad is not None
    assert x.grad.requires_grad
    (second,) = rl.autograd.grad(x.grad, x)
    assert second is not None
    assert second.item() == 12.0
    y.backward()
    x.grad = None


def test_grad_leaves_grad_alone() -> None:
    x = leaf(2.0)
    (g,) = rl.autograd.grad(x * x, x)
    assert g is not None
    assert g.item() == 4.0
    assert x.grad is None
    assert not g.requires_grad


def test_grad_of_non_leaf_inputs() -> None:
    x = leaf(2.0)
    y = x * 3.0
    z = y * y
    gy, gx = rl.autograd.grad(z, [y, x])
    assert (gy.item(), gx.item()) == (12.0, 36.0)  # type: ignore[union-attr]


def test_grad_of_the_output_itself() -> None:
    x = leaf(2.0)
    y = x * x
    gy, gx = rl.autograd.grad(y, (y, x))
    assert (gy.item(), gx.item()) == (1.0, 4.0)  # type: ignore[union-attr]


def test_grad_does_not_walk_where_no_input_is() -> None:
    calls = []
    a, b = leaf(1.0), leaf(1.0)
    left = a * 2.0
    left.register_hook(lambda g: calls.append("left"))
    right = b * 2.0
    rl.autograd.grad(left + right, b)
    assert calls == []


def test_unused_inputs() -> None:
    x, other = leaf(2.0), leaf(1.0, 1.0)
    with pytest.raises(GradError, match="allow_unused=True"):
        rl.autograd.grad(x * x, [x, other])
    found = rl.autograd.grad(x * x, [x, other], allow_unused=True)
    assert found[1] is None
    found = rl.autograd.grad(x * x, [x, other], materialize_grads=True)
    assert found[1] is not None
    assert found[1].tolist() == [0.0, 0.0]


def test_several_outputs_and_their_gradients() -> None:
    x = leaf(1.0, 2.0)
    a, b = x * 2.0, (x * x).sum()
    (g,) = rl.autograd.grad([a, b], x, [rl.tensor([1.0, 10.0]), None])
    assert g is not None
    assert g.tolist() == [4.0, 24.0]
    rl.autograd.backward([x * 1.0, x * 2.0], [rl.ones(2), rl.ones(2)])
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]


def test_backward_into_chosen_inputs_only() -> None:
    a, b = leaf(2.0), leaf(3.0)
    middle = a * b
    (middle * middle).backward(inputs=[a], retain_graph=True)
    assert a.grad is not None
    assert a.grad.item() == 36.0
    assert b.grad is None
    (middle * middle).backward(inputs=middle)
    assert middle.grad is not None
    assert middle.grad.item() == 12.0
    assert a.grad.item() == 36.0


def test_a_loss_must_be_one_number() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(GradError, match=r"shape \(2,\).*mean\(\) or sum\(\)"):
        (x * 2.0).backward()
    (x * 2.0).backward(rl.tensor([1.0, 0.5]))
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 1.0]
    with pytest.raises(ShapeError, match=r"\(3,\).*\(2,\)"):
        (x * 2.0).backward(rl.ones(3))
    with pytest.raises(DTypeError, match="a list"):
        (x * 2.0).backward([1.0, 1.0])  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="2 gradients for 1 outputs"):
        rl.autograd.grad(x.sum(), x, [rl.tensor(1.0), rl.tensor(1.0)])


def test_backward_of_plain_data_is_an_error() -> None:
    with pytest.raises(GradError, match="does not require grad"):
        rl.tensor(1.0).backward()
    with pytest.raises(GradError, match="does not require grad"):
        rl.autograd.grad(leaf(1.0) * 1.0, rl.tensor(1.0))
    with pytest.raises(DTypeError, match="a float"):
        rl.autograd.grad(leaf(1.0) * 1.0, 3.0)  # type: ignore[arg-type, list-item]


def test_gradients_go_only_where_required() -> None:
    x, w = rl.tensor([1.0]), leaf(2.0)
    y = x * w
    assert y.requires_grad
    y.backward(rl.ones(1))
    assert x.grad is None
    assert not (x * 2.0).requires_grad
    assert (x * 2.0).grad_fn is None
    frozen = w.detach()
    assert not (frozen * 2.0).requires_grad


def test_broadcast_gradients_are_summed_back_in_the_leafs_dtype() -> None:
    small = rl.tensor(2.0, requires_grad=True)
    row = rl.ones(1, 3, requires_grad=True)
    wide = rl.ones(4, 3, dtype=rl.float64)
    (small * row * wide).sum().backward()
    assert small.grad is not None
    assert row.grad is not None
    assert (small.grad.dtype, row.grad.dtype) == (rl.float32, rl.float32)
    assert small.grad.item() == 12.0
    assert row.grad.tolist() == [[8.0, 8.0, 8.0]]


def test_integers_have_no_gradient() -> None:
    with pytest.raises(DTypeError, match="int64"):
        rl.tensor([1, 2], requires_grad=True)
    x = leaf(1.5, 2.5)
    assert not x.long().requires_grad
    assert not (x > 2.0).requires_grad
    assert not x.argmax().requires_grad


def test_leaf_grads_share_no_memory() -> None:
    a, b, c = leaf(1.0, 2.0), leaf(3.0, 4.0), rl.ones(2, 2, requires_grad=True)
    seed = rl.ones(2, 2)
    (a + b + c).backward(seed)
    grads = [a.grad, b.grad, c.grad, seed]
    (a + b).sum().backward(inputs=[a])
    for i, x in enumerate(grads):
        for y in grads[i + 1 :]:
            assert x is not None
            assert y is not None
            assert not np.shares_memory(x.array, y.array)
    p, q = rl.ones(3, requires_grad=True), rl.ones(3, requires_grad=True)
    (p + q).backward(g := rl.ones(3))
    assert p.grad is not None
    assert q.grad is not None
    p.grad.mul_(5.0)
    assert q.grad.tolist() == [1.0] * 3
    assert g.tolist() == [1.0] * 3
    (p.reshape(3, 1) + 0.0).sum().backward(inputs=p)
    p.grad.mul_(2.0)


def test_gradient_of_an_expanded_sum_can_be_written() -> None:
    x = rl.ones(3, requires_grad=True)
    x.sum().backward()
    assert x.grad is not None
    x.grad.add_(rl.tensor([1.0, 2.0, 3.0]))
    assert x.grad.tolist() == [2.0, 3.0, 4.0]


def test_hooks_see_and_replace_the_gradient() -> None:
    x = leaf(2.0)
    y = x * 3.0
    seen = []
    handle = y.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: g * 10.0)
    (y * y).backward()
    assert seen == [12.0]
    assert x.grad is not None
    assert x.grad.item() == 360.0
    handle.remove()
    x.grad = None
    (x * 3.0).backward()
    assert seen == [12.0]
    with pytest.raises(GradError, match="register_hook"):
        rl.tensor(1.0).register_hook(lambda g: g)


def test_hook_sees_the_whole_gradient_once() -> None:
    x = leaf(1.0)
    y = x * 1.0
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    (y + y + y).backward()
    assert seen == [3.0]


def test_retain_grad_keeps_a_middle_gradient() -> None:
    x = leaf(2.0)
    y = x * 3.0
    y.retain_grad()
    y.retain_grad()
    (y * y).backward()
    assert y.grad is not None
    assert y.grad.item() == 12.0
    x.retain_grad()  # a leaf has it in any case


def test_detach_shares_memory_and_stops_gradients() -> None:
    x = leaf(1.0, 2.0)
    d = x.detach()
    assert not d.requires_grad
    assert d.array is x.array
    (x * d).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 2.0]
    assert x.data.array is x.array


def test_requires_grad_can_be_set_on_leaves_only() -> None:
    x = rl.ones(2)
    x.requires_grad = True
    assert x.is_leaf
    y = x * 2.0
    assert not y.is_leaf
    assert y.requires_grad_() is y
    with pytest.raises(GradError, match=r"detach\(\)"):
        y.requires_grad = False
    x.requires_grad_(False)
    assert not (x * 2.0).requires_grad


def test_a_replaced_array_keeps_history_and_shape_of_gradients() -> None:
    x = rl.ones(2, requires_grad=True)
    x.data = rl.ones(3, dtype=rl.float64)
    (x * 2.0).sum().backward()
    assert x.grad is not None
    assert x.grad.spec == rl.ones(3, dtype=rl.float64).spec


def test_graph_memory_needs_no_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        for use in (_walked, _dropped, _twice_differentiated, _kept_by_hooks, _with_errors):
            gone = use()
            assert [r() for r in gone] == [None] * len(gone), use.__name__
    finally:
        gc.enable()


def _program() -> tuple[rl.Tensor, rl.Tensor, list[weakref.ref]]:
    x = rl.rand(4, 3, requires_grad=True)
    h = (x @ rl.rand(3, 5)).tanh()
    s = h.softmax(1)
    z = s[:, rl.tensor([0, 1])] * h.exp()[:, :2]
    loss = (z / (z.sum() + 1.0)).relu().log1p().std()
    return x, loss, [weakref.ref(t) for t in (x, h, s, z, loss, h.node, z.node, x.node)]


def _walked() -> list[weakref.ref]:
    _, loss, refs = _program()
    loss.backward()
    return refs


def _dropped() -> list[weakref.ref]:
    return _program()[2]


def _twice_differentiated() -> list[weakref.ref]:
    x, loss, refs = _program()
    (g,) = rl.autograd.grad(loss, x, create_graph=True)
    assert g is not None
    (g * g).sum().backward()
    refs.append(weakref.ref(g))
    return refs


def _kept_by_hooks() -> list[weakref.ref]:
    x, loss, refs = _program()
    loss.retain_grad()
    x.register_hook(lambda g: g * 2.0)
    loss.backward()
    return refs


def _with_errors() -> list[weakref.ref]:
    _, loss, refs = _program()
    loss.backward()
    with contextlib.suppress(GradError):
        loss.backward()
    return refs


def test_a_walked_graph_lets_go_of_what_it_saved() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2.0
    y = h.log()
    saved = weakref.ref(h)
    del h
    assert saved() is not None
    y.sum().backward()
    assert saved() is None
    assert y.grad_fn is not None
