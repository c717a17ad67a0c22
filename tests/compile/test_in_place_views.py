"""In-place writes to views of views, and tensors that change their shape in place: compiled as eager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight.errors import NotSupportedError

Function = Callable[[rl.Tensor], Any]


def view_of_a_clone(x: rl.Tensor) -> Any:
    y = x.clone()
    y.view(4, 3)[0].zero_()
    return y, x.clone().view(4, 3)[0].zero_()


def views_of_zeros(x: rl.Tensor) -> Any:
    y = rl.zeros(3, 4)
    v = y.reshape(4, 3)  # surely a view: fresh zeros lie in rows
    v[0].add_(1)
    v[1][2].mul_(0).add_(x[0, 0])
    y.mul_(2)
    y.flatten()[3:5] = x[0, 1:3]
    return y, v


def views_of_an_argument(x: rl.Tensor) -> Any:
    x.view(-1)[3:].view(3, 3)[1].zero_()
    return x.sum()


def axes_that_are_cut(x: rl.Tensor) -> Any:
    y = x.clone()
    a, b = y.view(-1).chunk(2)
    a.unflatten(0, (2, 3))[1].zero_()
    b.add_(1)
    x.t().unflatten(0, (2, 2))[1, 0].mul_(3)  # a view whatever the layout
    return y


def transposed_in_place(x: rl.Tensor) -> Any:
    y = x * 2
    v = y[0]
    y.t_()
    y.add_(1)
    v.mul_(3)
    return y, v, y.unsqueeze_(0).squeeze_(0).transpose_(0, 1).swapaxes_(0, 1).swapdims_(1, 0)


def of_another_size(x: rl.Tensor) -> Any:
    y = x.clone()
    y.resize_(2, 3)[0].zero_()
    z, w = x.clone().resize_(4, 4), rl.empty(0).resize_as_(x).copy_(x)
    return y, z, w, rl.empty(0).resize_(2).fill_(1)


def other_memory(x: rl.Tensor) -> Any:
    y, z = x.clone(), rl.empty(0)
    z.set_(y).add_(1)
    y[0].mul_(2)
    return y, z, x.clone().set_()


def strides_of_its_own(x: rl.Tensor) -> Any:
    y = x * 1
    y.as_strided_((2, 2), (1, 2)).add_(5)
    return y


def with_a_gradient(x: rl.Tensor) -> Any:
    w = (x * 1).requires_grad_()
    y = (w * w).t_()
    y.t().view(2, 6)[1].view(3, 2)[:, 1].mul_(3)
    (y * y).sum().backward()
    return w.grad


FUNCTIONS: list[Function] = [
    view_of_a_clone,
    views_of_zeros,
    views_of_an_argument,
    axes_that_are_cut,
    transposed_in_place,
    of_another_size,
    other_memory,
    strides_of_its_own,
    with_a_gradient,
]


def check(function: Function, compiled: Any) -> None:
    given, same = (rl.arange(12.0).view(3, 4).clone() for _ in range(2))
    found, expected = ([r] if isinstance(r, rl.Tensor) else [*r] for r in (compiled(given), function(same)))
    for a, b in zip([given, *found], [same, *expected], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_compiled_as_eager(function: Function) -> None:
    compiled = rl.compile(function)
    for _ in range(2):
        check(function, compiled)


KEPT = rl.ones(3, 4)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.t_(),
        lambda x: x.resize_(2),
        lambda x: x.set_(rl.ones(2)),
        lambda x: KEPT.unsqueeze_(0) + x,
        lambda x: KEPT.resize_(2),
    ],
)
def test_tensors_from_outside_keep_their_shape(function: Function) -> None:
    with pytest.raises(NotSupportedError, match="from outside a compiled function"):
        rl.compile(function)(rl.ones(3, 4))
    assert KEPT.shape == (3, 4)


def test_what_depends_on_layout_is_refused() -> None:
    def function(x: rl.Tensor) -> rl.Tensor:
        y = x.clone()
        y.reshape(4, 3)[0].zero_()
        return y

    with pytest.raises(NotSupportedError, match=r"Use view\(\)"):
        rl.compile(function)(rl.ones(3, 4))


def looks(draw: Any, tensors: list[tuple[int, ...]]) -> tuple[int, str, Any]:
    """A way to look at one of several tensors of these shapes: which, how, and the new shape."""
    i = draw(st.integers(0, len(tensors) - 1))
    shape = tensors[i]
    ways: list[tuple[str, Any]] = [("view", (-1,))] if shape else []
    for axis, n in enumerate(shape):
        ways.append(("select", (axis, draw(st.integers(0, n - 1)))))
        if n % 2 == 0 and n > 2:
            ways += [("unflatten", (axis, (2, n // 2))), ("narrow", (axis, 1, n - 2))]
    if len(shape) > 1:
        ways += [("transpose", (0, 1)), ("transpose_", (0, 1)), ("unsqueeze_", (0,))]
    ways.append(("unsqueeze", (0,)))
    name, args = draw(st.sampled_from(ways))
    return i, name, args


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_chains(data: st.DataObject) -> None:
    """Views of views of what the function made, some reshaped in place, and writes through any of them."""
    tensors = [rl.zeros(4, 6)]
    program: list[tuple[int, str, Any]] = []
    for _ in range(data.draw(st.integers(2, 6))):
        i, name, args = looks(data.draw, [tuple(t.shape) for t in tensors])
        if name == "view" and not tensors[i].is_contiguous():
            continue
        program += [(i, name, args), (data.draw(st.integers(0, len(tensors) - 1)), "add_", (1.5,))]
        tensors.append(getattr(tensors[i], name)(*args))
    program.append((len(tensors) - 1, "mul_", (-2.0,)))

    def function(x: rl.Tensor) -> Any:
        made = [x * 1]
        for i, name, args in program:
            found = getattr(made[i], name)(*args)
            if name not in ("add_", "mul_"):
                made.append(found)
        return [t.clone() for t in made]

    x = rl.arange(24.0).view(4, 6).clone()
    for a, b in zip(rl.compile(function)(x), function(x), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
