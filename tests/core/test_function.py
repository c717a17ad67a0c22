"""autograd.Function: operations with a derivative of the user's own."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.autograd import Function, gradcheck, gradgradcheck
from rushlight.errors import DTypeError, GradError, ShapeError


class Square(Function):
    @staticmethod
    def forward(ctx: Any, x: rl.Tensor) -> rl.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
        (x,) = ctx.saved_tensors
        return g * 2.0 * x


class Exp(Function):
    """Saves its result, as exp does."""

    @staticmethod
    def forward(ctx: Any, x: rl.Tensor) -> rl.Tensor:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
        (y,) = ctx.saved_tensors
        return g * y


class SumAndProduct(Function):
    """Two results, a third without a derivative, and an option."""

    @staticmethod
    def forward(ctx: Any, a: rl.Tensor, b: rl.Tensor, scale: float) -> Any:
        ctx.save_for_backward(a, None, b)
        ctx.scale = scale
        order = a > b
        ctx.mark_non_differentiable(order)
        return (a + b) * scale, a * b, order

    @staticmethod
    def backward(ctx: Any, gs: rl.Tensor, gp: rl.Tensor, unused: Any) -> Any:
        a, none, b = ctx.saved_tensors
        assert none is None
        return gs * ctx.scale + gp * b, gs * ctx.scale + gp * a, None


def double(*values: float) -> rl.Tensor:
    return rl.tensor(values, dtype=rl.float64, requires_grad=True)


def test_gradients_that_did_not_come() -> None:
    """Zeros; or None, for who asks for that."""
    for filled in (True, False):
        seen: list[Any] = []

        class Two(rl.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: rl.Tensor, filled: bool = filled) -> tuple[rl.Tensor, rl.Tensor]:
                ctx.set_materialize_grads(filled)
                return x * 2, x * 3

            @staticmethod
            def backward(ctx: Any, a: Any, b: Any, seen: list[Any] = seen) -> Any:
                seen.append(b)
                return a * 2

        x = double(1.0, 2.0)
        first, _ = Two.apply(x)
        first.sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [2.0, 2.0]
        assert (seen[0].tolist() if filled else seen[0]) == ([0.0, 0.0] if filled else None)


def test_one_result_and_second_derivatives() -> None:
    x = double(1.0, -2.0)
    assert gradcheck(Square.apply, x)
    assert gradgradcheck(Square.apply, x)
    y = Square.apply(x)
    assert y.grad_fn.name == "Square"
    assert y.requires_grad


def test_a_saved_result_is_part_of_the_graph() -> None:
    x = double(0.5, -1.0)
    assert gradcheck(Exp.apply, x)
    assert gradgradcheck(Exp.apply, x)


def test_several_results_and_an_option() -> None:
    a, b = double(1.0, 2.0), double(3.0, -4.0)
    assert gradcheck(lambda a, b: SumAndProduct.apply(a, b, 3.0)[:2], [a, b])
    assert gradgradcheck(lambda a, b: SumAndProduct.apply(a, b, 3.0)[:2], [a, b])
    s, p, order = SumAndProduct.apply(a, b, 3.0)
    assert order.dtype == rl.bool
    assert not order.requires_grad
    p.sum().backward()
    assert a.grad is not None
    assert a.grad.tolist() == [3.0, -4.0]
    assert s.requires_grad


def test_a_saved_result_of_several_is_part_of_the_graph() -> None:
    class Both(Function):
        @staticmethod
        def forward(ctx: Any, x: rl.Tensor) -> Any:
            s, c = x.sin(), x.cos()
            ctx.save_for_backward(s, c)
            return s, c

        @staticmethod
        def backward(ctx: Any, gs: rl.Tensor, gc: rl.Tensor) -> rl.Tensor:
            s, c = ctx.saved_tensors
            return gs * c - gc * s

    assert gradcheck(Both.apply, double(0.3, 1.0))
    assert gradgradcheck(Both.apply, double(0.3, 1.0))


def test_needs_input_grad_and_none_gradients() -> None:
    seen = []

    class Scale(Function):
        @staticmethod
        def forward(ctx: Any, x: rl.Tensor, w: rl.Tensor, k: int) -> rl.Tensor:
            ctx.save_for_backward(x, w)
            return x * w

        @staticmethod
        def backward(ctx: Any, g: rl.Tensor) -> Any:
            seen.append(ctx.needs_input_grad)
            x, w = ctx.saved_tensors
            return (g * w if ctx.needs_input_grad[0] else None), g * x, None

    x, w = rl.ones(2), rl.ones(2, requires_grad=True)
    Scale.apply(x, w, 3).sum().backward()
    assert seen == [(False, True, False)]
    assert w.grad is not None
    with rl.no_grad():
        assert not Scale.apply(x, w, 3).requires_grad


def test_in_a_module_the_input_gets_its_gradient() -> None:
    class Layer(nn.Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return Square.apply(x)

    layer = Layer()
    y = layer(rl.tensor([1.0, 3.0]))
    assert layer.backward(rl.ones(2)).tolist() == [2.0, 6.0]
    assert not y.requires_grad


def test_wrong_gradients() -> None:
    def with_backward(give: Any) -> Any:
        class Bad(Function):
            @staticmethod
            def forward(ctx: Any, a: rl.Tensor, b: rl.Tensor) -> rl.Tensor:
                return a * b

            @staticmethod
            def backward(ctx: Any, g: rl.Tensor) -> Any:
                return give(g)

        return Bad.apply(rl.ones(2, requires_grad=True), rl.ones(2)).sum()

    with pytest.raises(GradError, match=r"Bad.backward: got 1 gradients; expected 2"):
        with_backward(lambda g: g).backward()
    with pytest.raises(DTypeError, match="a float as gradient 0"):
        with_backward(lambda g: (1.0, None)).backward()
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        with_backward(lambda g: (rl.ones(3), None)).backward()
    with_backward(lambda g: (rl.ones(5, 2), None)).backward()


def test_without_forward_or_backward() -> None:
    class Empty(Function):
        pass

    with pytest.raises(DTypeError, match="static method forward"):
        Empty.apply(rl.ones(1))


def test_the_input_itself_as_result() -> None:
    class Straight(Function):
        @staticmethod
        def forward(ctx: Any, x: rl.Tensor) -> rl.Tensor:
            return x

        @staticmethod
        def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
            return g * 10.0

    x = rl.ones(2, requires_grad=True)
    y = Straight.apply(x)
    assert y is not x
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [10.0, 10.0]
    assert x.is_leaf


def test_saved_tensors_are_guarded() -> None:
    x = rl.ones(2, requires_grad=True)
    h = x * 1.0
    y = Square.apply(h).sum()
    with rl.no_grad():
        h.zero_()
    with pytest.raises(GradError, match="overwritten"):
        y.backward()
    e = Exp.apply(x)
    with rl.no_grad():
        e.zero_()
    with pytest.raises(GradError, match="overwritten"):
        e.sum().backward()


def test_gradients_are_not_the_users_own_tensors() -> None:
    mask = rl.tensor([1.0, 0.0])

    class Masked(Function):
        @staticmethod
        def forward(ctx: Any, x: rl.Tensor) -> rl.Tensor:
            return x * mask

        @staticmethod
        def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
            return mask

    x = rl.ones(2, requires_grad=True)
    Masked.apply(x).sum().backward()
    assert x.grad is not None
    assert not np.shares_memory(x.grad.array, mask.array)


def test_a_constant_as_result_stays_plain() -> None:
    table = rl.ones(2)

    class Lookup(Function):
        @staticmethod
        def forward(ctx: Any, x: rl.Tensor) -> rl.Tensor:
            return table

        @staticmethod
        def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
            return g

    assert Lookup.apply(rl.ones(2, requires_grad=True)).requires_grad
    assert not table.requires_grad


@pytest.mark.parametrize("f", [Square, Exp], ids=lambda f: f.__name__)
def test_memory_needs_no_garbage_collector(f: type[Function]) -> None:
    gc.collect()
    gc.disable()
    try:
        x = rl.ones(2, requires_grad=True)
        h = x * 1.0
        y = f.apply(h)
        refs = [weakref.ref(t) for t in (h, y, y.node)]
        del h, y
        assert [r() for r in refs] == [None] * 3
    finally:
        gc.enable()


def test_keyword_arguments_reach_forward() -> None:
    class Power(Function):
        @staticmethod
        def forward(ctx: Any, x: rl.Tensor, *, n: int = 2) -> rl.Tensor:
            ctx.n = n
            return x**n

        @staticmethod
        def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
            return g * ctx.n

    x = rl.ones(1, requires_grad=True)
    Power.apply(x, n=5).backward()
    assert x.grad is not None
    assert x.grad.item() == 5.0


class Scaled(rl.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 3 * g


def test_an_argument_written_in_place_is_the_result() -> None:
    x = rl.ones(2, requires_grad=True)
    y = x * 2
    z = Scaled.apply(y)
    assert z is y
    (y * y).sum().backward()
    assert x.grad.tolist() == [72.0, 72.0]
    with pytest.raises(GradError, match="leaf"):
        Scaled.apply(rl.ones(2, requires_grad=True))
    with pytest.raises(GradError, match="view"):
        Scaled.apply((rl.ones(2, requires_grad=True) * 2)[:1])
    plain = rl.ones(2)
    assert Scaled.apply(plain).tolist() == [3.0, 3.0]

    class Lost(Scaled):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.mark_dirty(x)
            return x * 2

    with pytest.raises(GradError, match="marked as dirty"):
        Lost.apply(rl.ones(2))


def test_a_backward_that_is_differentiable_once() -> None:
    class Square(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @rl.autograd.function.once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * ctx.saved_tensors[0] * g

    x = rl.tensor([3.0], requires_grad=True)
    (first,) = rl.autograd.grad(Square.apply(x * 1).square().sum(), x, create_graph=True)
    assert first.item() == 108.0
    with pytest.raises(GradError, match="once_differentiable"):
        rl.autograd.grad((first * first).sum(), x)
