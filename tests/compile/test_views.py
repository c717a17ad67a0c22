"""Views as affine accesses, against NumPy's own strides."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.views import Access, contiguous, look_through
from rushlight.core.op import REGISTRY
from rushlight.core.spec import Spec
from tests.fuzz.fences import Fences

shapes = st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4).map(tuple)


def _view(
    name: str, source: Access, old: tuple[int, ...], **attrs: object
) -> tuple[Access | None, tuple[int, ...]]:
    value = Value(Spec(old, "float32"), "x")
    op = REGISTRY[name]
    out = Value(op.infer(value.spec, **attrs), "y")
    return look_through(Node(op, (value,), dict(attrs), out), source), out.spec.shape


def _read(access: Access, shape: tuple[int, ...], numbers: np.ndarray) -> np.ndarray:
    flat = numbers.reshape(-1)[access.offset :]
    steps = tuple(8 * s for s in access.strides)
    return np.lib.stride_tricks.as_strided(flat, shape, steps)


@given(shapes, st.data())
def test_chains_of_views_read_what_numpy_reads(shape: tuple[int, ...], data: st.DataObject) -> None:
    numbers = np.arange(math.prod(shape), dtype=np.int64).reshape(shape)
    access, expected = contiguous(Value(Spec(shape, "float32"), "x")), numbers
    for _ in range(data.draw(st.integers(1, 4))):
        shape = expected.shape
        kind = data.draw(st.sampled_from(["permute", "flip", "slice", "reshape", "expand"]))
        if kind == "permute":
            dims = tuple(data.draw(st.permutations(range(len(shape)))))
            found, new = _view("permute", access, shape, dims=dims)
            expected = expected.transpose(dims)
        elif kind == "flip":
            dims = (data.draw(st.integers(0, len(shape) - 1)),)
            found, new = _view("flip", access, shape, dims=dims)
            expected = np.flip(expected, dims)
        elif kind == "slice":
            start = data.draw(st.integers(0, shape[0] - 1))
            step = data.draw(st.integers(1, 2))
            found, new = _view("slice", access, shape, pattern=(("slice", start, None, step), None))
            expected = expected[start::step, None]
        elif kind == "expand":
            found, new = _view("expand", access, shape, shape=(2, *shape))
            expected = np.broadcast_to(expected, (2, *shape))
        else:
            size = math.prod(shape)
            first = data.draw(st.sampled_from([d for d in range(1, size + 1) if size % d == 0]))
            found, new = _view("reshape", access, shape, shape=(first, size // first))
            attempt = expected.view()
            try:
                attempt.shape = (first, size // first)
            except AttributeError:
                if found is None:
                    return
            expected = expected.reshape(new)
        assert found is not None
        access = found
        np.testing.assert_array_equal(_read(access, new, numbers), expected)


def test_an_update_with_its_own_numbers_in_reverse_has_room_for_all_of_them() -> None:
    """It is a view backward from the last element, and goes by way of memory of the program's own."""
    s = rl.arange(49.0).reshape(7, 7).clone()

    def step() -> rl.Tensor:
        s.copy_(s.flip(0, 1))
        return s * 2

    expected = s.flip(0, 1).clone()
    with Fences() as fences:
        found = rl.compile(step)()
        assert not fences.broken()
    np.testing.assert_array_equal(s.numpy(), expected.numpy())
    np.testing.assert_array_equal(found.numpy(), 2 * expected.numpy())
