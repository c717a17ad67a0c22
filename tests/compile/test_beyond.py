"""Borders, windows and convolutions as native code: what is read beyond an end, and what is not written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight import nn
from rushlight.compile.function import compile
from rushlight.core.apply import apply
from rushlight.ops.conv import convolution
from rushlight.ops.pad import WINDOWS, constant_pad
from tests.compile.lowered import check_lowered, kinds, threads

pytest.importorskip("llvmlite")

F = nn.functional
X = rl.arange(35.0).reshape(5, 7).sin()


def windows(x: rl.Tensor, size: int, step: int) -> rl.Tensor:
    facts = {"sizes": (size, size), "steps": (step, step), "spread": (1, 1)}
    return apply(WINDOWS, x, dims=(x.ndim - 2, x.ndim - 1), **facts)


READ_IN_PLACE: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "map": (lambda x: constant_pad(x, (3, 1, 2, 0), 0.5) * 2, ["map"]),
    "map through views": (lambda x: constant_pad(x, (3, 1))[:, ::2].flip(1).t() + 1, ["map"]),
    "reduction": (lambda x: constant_pad(x, (1, 20), -1.0).sum(1), ["reduce"]),
    "reduction over rows": (lambda x: constant_pad(x, (0, 0, 1, 2), 7.0).amax(0), ["reduce"]),
    "rows": (lambda x: constant_pad(x, (2, 3)).softmax(1), ["rows"]),
    "sum of borders": (lambda x: constant_pad(x, (1, 0)) + constant_pad(x, (0, 1)), ["map"]),
    "product": (
        lambda x: constant_pad(x, (1, 2)) @ x.new_ones(10, 3).cumsum(0),
        ["cumulative", "product"],
    ),
    "product around one element": (
        lambda x: rl.einsum("ij,kj->ik", constant_pad(x.sin()[:1, :1], (2, 2, 1, 1)), x[:, :5]),
        ["map", "product"],
    ),
    "product around a repeated element": (
        lambda x: rl.einsum("ij,kj->ik", constant_pad(x.sin()[:1].expand(3, 7), (0, 0, 1, 1)), x),
        ["map", "map", "product"],
    ),
    "crop": (lambda x: constant_pad(x, (-1, -2, -1, 0)) * 3, ["map"]),
    "windows": (lambda x: windows(x, 3, 2).amax((2, 3)), ["reduce"]),
    "bools": (lambda x: constant_pad(x > 0, (1, 1), True) & True, ["map", "map"]),
}


@pytest.mark.parametrize("name", READ_IN_PLACE)
def test_loops_read_borders_in_place(name: str) -> None:
    function, expected = READ_IN_PLACE[name]
    check_lowered(function, X)
    compiled = compile(function)
    compiled(X)
    assert kinds(compiled) == expected


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8"])
@pytest.mark.parametrize("right", [1, 3, 9, 17])
@pytest.mark.parametrize("left", [1, 2, 9])
def test_vectors_half_of_which_is_never_inside(left: int, right: int, dtype: str) -> None:
    """LLVM 22 reads such a half of several loads as it lies, or aborts the process, if it is wider than a
    register."""
    x = rl.arange(288).to(getattr(rl, dtype)).reshape(1, 8, 6, 6)
    want = constant_pad(x, (left, right, -1, -1, 1, 0), 1)
    for mode in ("full", "nofuse"):
        found = compile(lambda x: constant_pad(x, (left, right, -1, -1, 1, 0), 1), mode=mode)(x)
        np.testing.assert_array_equal(found.numpy(), want.numpy())


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 12)),
    st.tuples(*[st.integers(-1, 9)] * 2, *[st.integers(-1, 2)] * 4),
    st.sampled_from([rl.float32, rl.float64]),
)
def test_paddings_and_crops(shape: tuple[int, ...], pad: tuple[int, ...], dtype: Any) -> None:
    sizes = [n + pad[2 * d] + pad[2 * d + 1] for d, n in enumerate(reversed(shape))]
    assume(min(sizes) > 0)
    x = rl.arange(float(np.prod(shape))).reshape(shape).to(dtype)
    found = compile(lambda x: constant_pad(x, pad, 7), mode="nofuse")(x)
    np.testing.assert_array_equal(found.numpy(), constant_pad(x, pad, 7).numpy())


WRITTEN = {
    "a result": lambda x: constant_pad(x, (1, 2), 3.0),
    "an updated border": lambda x: constant_pad(constant_pad(x, (1, 1), 1.0), (2, 2), 2.0) + 1,
    "a border that is sorted": lambda x: constant_pad(x, (1, 1)).sort(1).values,
    "a border that is gathered": lambda x: constant_pad(x, (1, 1))[rl.tensor([0, 3]), 1:],
    "a border that is joined": lambda x: rl.cat([constant_pad(x, (1, 1)), x], 1),
    "a reshaped border": lambda x: constant_pad(x, (1, 1)).reshape(9, 5) * 2,
    "a border of whole numbers in a product": lambda x: (
        constant_pad((x * 9).long(), (1, 1)) @ rl.ones(9, 2).long()
    ),
    "a border of nothing": lambda x: constant_pad(x[:0], (0, 0, 2, 1), 4.0) * 1,
    "a border of a constant": lambda x: (
        constant_pad(rl.ones(2, 3), (1, 1), 2.0) + constant_pad(x[:2, :3], (1, 1))
    ),
    "minus zero": lambda x: 1 / constant_pad(x.abs() + 1, (1, 1), -0.0),
    "nan": lambda x: constant_pad(x, (1, 1), float("nan")).isnan(),
    "the place of the largest": lambda x: constant_pad(x, (1, 1), 2.0).argmax(1),
    "running totals": lambda x: constant_pad(x, (2, 0)).cumsum(1) * 2,
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_others_read_is_written(name: str) -> None:
    check_lowered(WRITTEN[name], X)


def test_a_state_is_updated_from_its_own_border() -> None:
    state = rl.arange(12.0).reshape(3, 4).clone()

    def step() -> rl.Tensor:
        with rl.no_grad():
            state.copy_(constant_pad(state, (1, -1)) + constant_pad(state, (-1, 1)))
        return state.sum()

    again = state.clone()
    compiled = compile(step)
    for _ in range(3):
        compiled()
        again = constant_pad(again, (1, -1)) + constant_pad(again, (-1, 1))
        np.testing.assert_array_equal(state.numpy(), again.numpy())


CONVOLUTIONS = [
    ((3, 2, 11), (4, 2, 3), {"padding": 1}),
    ((2, 4, 9), (6, 2, 2), {"stride": 2, "dilation": 2, "groups": 2}),
    ((2, 3, 12, 10), (8, 3, 3, 3), {"padding": 1}),
    ((2, 3, 13, 9), (5, 3, 3, 2), {"stride": (2, 3), "padding": (1, 2)}),
    ((2, 4, 7, 7), (4, 1, 3, 3), {"padding": 1, "groups": 4}),
    ((2, 2, 5, 6, 4), (3, 2, 2, 3, 2), {"stride": (1, 2, 1), "padding": (1, 0, 1)}),
    ((2, 4, 5, 6), (4, 3, 3, 2), {"stride": 2, "padding": 1, "transposed": True, "output_padding": 1}),
    ((2, 2, 5, 6), (2, 3, 3, 2), {"padding": (2, 1), "transposed": True}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolutions_and_their_gradients_are_native(case: Any, dtype: str) -> None:
    shapes, how = case[:2], case[2]
    x, w = (rl.randn(s).to(getattr(rl, dtype)).requires_grad_() for s in shapes)
    b = rl.randn(w.shape[1] if how.get("transposed") else w.shape[0]).to(x.dtype).requires_grad_()

    def step(x: rl.Tensor, w: rl.Tensor, b: rl.Tensor) -> Any:
        y = convolution(x, w, b, **how)
        return (y.detach(), *rl.autograd.grad((y.float() * y.float()).sum() / 200, [x, w, b]))

    check_lowered(step, x, w, b, modes=("full", "nofuse"))


def _lenet_step() -> tuple[Any, list[rl.Tensor]]:
    shapes = (6, 1, 5, 5), (16, 6, 5, 5), (10, 400)
    weights = [nn.Parameter(rl.randn(s) * 0.1) for s in shapes]

    def step(x: rl.Tensor, y: rl.Tensor) -> Any:
        h = windows(convolution(x, weights[0], None, padding=2).relu(), 2, 2).mean((4, 5))
        h = windows(convolution(h, weights[1]).relu(), 2, 2).amax((4, 5))
        loss = F.cross_entropy(F.linear(h.flatten(1), weights[2]), y)
        return (loss.detach(), *rl.autograd.grad(loss, weights))

    return step, [rl.randn(8, 1, 28, 28), rl.randint(0, 10, (8,))]


def test_a_convolutional_net_is_native_and_makes_no_columns() -> None:
    step, batch = _lenet_step()
    check_lowered(step, *batch, modes=("full",))
    compiled: Any = compile(step)
    compiled(*batch)
    program = compiled._explained().program
    largest = max(v.spec.size for k in program.plan.kernels for v in k.stores)
    assert largest <= 8 * 16 * 18 * 18  # the border around a gradient; columns would be 8 * 150 * 100


def test_it_gives_the_same_bits_with_two_threads() -> None:
    step, batch = _lenet_step()
    found = []
    for count in (1, 2):
        with threads(count):
            found.append([t.numpy().tobytes() for t in compile(step)(*batch)])
    assert found[0] == found[1]


# Sums of parts


def test_the_gradient_of_what_was_taken_apart_is_joined() -> None:
    x = rl.randn(4, 9, 5, requires_grad=True)

    def step(x: rl.Tensor) -> Any:
        total = sum((x[:, t] * (t + 1.5)).tanh().sum() for t in range(9) if t != 4)
        return rl.autograd.grad(total, [x])[0]

    check_lowered(step, x)
    compiled = compile(step)
    compiled(x)
    assert Counter(kinds(compiled))["cat"] == 1
    assert not {"scatter", "callback"} & {*kinds(compiled)}


def test_joined_parts_have_the_signs_of_sums() -> None:
    """-0.0 + 0 is 0."""
    x = rl.ones(6, requires_grad=True)

    def step(x: rl.Tensor) -> Any:
        return 1 / rl.autograd.grad(sum(x[k : k + 1].sum() * -0.0 for k in range(6)), [x])[0]

    np.testing.assert_array_equal(compile(step)(x).numpy(), step(x).numpy())


def test_few_parts_are_added_in_one_loop() -> None:
    x = rl.randn(4, 12, requires_grad=True)

    def step(x: rl.Tensor) -> Any:
        a, b = x.chunk(2, 1)
        return rl.autograd.grad((a.tanh() * b.exp()).sum(), [x])[0] * 2

    check_lowered(step, x)
    compiled = compile(step)
    compiled(x)
    assert set(kinds(compiled)) == {"map"}


def test_the_parts_of_steps_do_not_overlap() -> None:
    """Overlapping ones are added."""
    x = rl.randn(9, 3, requires_grad=True)

    def step(x: rl.Tensor) -> Any:
        return rl.autograd.grad(sum((x[t : t + 3] * (t + 1.0)).sum() for t in range(7)), [x])[0]

    check_lowered(step, x)


def test_a_long_recurrence_has_few_kernels() -> None:
    """A cell of four gates: products for each step, and loops over gates; no sum over all steps."""
    steps, width = 8, 4
    wi, wh = (nn.Parameter(rl.randn(4 * width, width) * 0.3) for _ in range(2))
    x = rl.randn(3, steps, width, requires_grad=True)

    def step(x: rl.Tensor) -> Any:
        h = c = rl.zeros(3, width)
        for t in range(steps):
            i, f, g, o = (F.linear(x[:, t], wi) + F.linear(h, wh)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        return rl.autograd.grad((h * h).sum(), [wi, wh, x])

    check_lowered(step, x, modes=("full",))
    compiled = compile(step)
    compiled(x)
    found = Counter(kinds(compiled))
    assert found["cat"] == steps + 1
    assert not found["scatter"]
    assert sum(found.values()) < 14 * steps
