"""A tensor and its views share one history: in-place updates of either are seen by all, as in PyTorch."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import rushlight as rl
from rushlight.errors import ArgumentError, GradError, NotSupportedError


def ones(n: int = 3) -> tuple[rl.Tensor, rl.Tensor]:
    x = rl.ones(n, requires_grad=True)
    return x, x * 1.0


def gradient(x: rl.Tensor, out: rl.Tensor) -> Any:
    out.sum().backward()
    assert x.grad is not None
    return x.grad.tolist()


PROGRAMS: dict[str, tuple[Any, list[float]]] = {}


def program(*want: float) -> Any:
    """A program on `y`, which is ``x * 1`` with x of three ones; `want` is the gradient of its sum at x."""

    def enter(function: Any) -> Any:
        PROGRAMS[function.__name__] = (function, list(want))
        return function

    return enter


@program(2, 2, 2)
def base_written_after_the_view(y: Any) -> Any:
    v = y.unsqueeze(1)
    y.mul_(2.0)
    return v


@program(0, 4, 4)
def base_written_twice(y: Any) -> Any:
    v = y[1:]
    y.mul_(2.0)
    y.mul_(2.0)
    return v


@program(2, 1, 1)
def view_written(y: Any) -> Any:
    y[0].mul_(2.0)
    return y


@program(6, 3, 0)
def view_of_a_view_written(y: Any) -> Any:
    first = y[:2]
    first[:1].mul_(2.0)
    return first * 3.0


@program(2, 2, 1)
def a_sibling_written(y: Any) -> Any:
    one, other = y[:2], y[None]
    one.mul_(2.0)
    return other


@program(0, 1, 1)
def part_set(y: Any) -> Any:
    v = y[None]
    y[0] = 5.0
    return v


@program(0, 5, 5)
def part_of_a_view_set(y: Any) -> Any:
    y[None][:, 0] = 5.0
    return y * 5.0


@program(1, 0, 1)
def zeros_in_a_view(y: Any) -> Any:
    v = y[1]
    v.zero_()
    return y + v


@program(0, 3, 0)
def masked(y: Any) -> Any:
    v = y[None]
    v.masked_fill_(rl.tensor([[True, False, True]]), 7.0)
    return y * 3.0


@program(1, 4, 1)
def squared_view(y: Any) -> Any:
    y[1].mul_(2.0).pow_(2)
    return y / rl.tensor([1.0, 2.0, 1.0])


@program(3, 3, 3)
def read_before_and_after(y: Any) -> Any:
    v = y[None]
    before = v * 1.0
    y.mul_(2.0)
    return before + v


@program(1, 2, 2)
def copied_from_itself(y: Any) -> Any:
    buffer = rl.zeros(3)
    v = buffer[1:]
    v.copy_(y[1:] * 2.0)
    buffer[0] = y[0]
    return buffer


@program(2, 2, 0)
def plain_data_with_views_gets_a_history(y: Any) -> Any:
    buffer = rl.ones(3)
    v = buffer[:2]
    buffer.mul_(y * 2.0)
    return v


@program(0, 0, 0)
def detached_has_its_own_history(y: Any) -> Any:
    d = y.detach()
    d.mul_(3.0)
    return y * 0.0 + d.sum()


@program(1, 1, 1)
def a_view_written_under_no_grad(y: Any) -> Any:
    v = y[:2]
    with rl.no_grad():
        v.mul_(5.0)
    return y


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients(name: str) -> None:
    function, want = PROGRAMS[name]
    x, y = ones()
    assert gradient(x, function(y)) == want


def test_values() -> None:
    _, y = ones()
    v, column, first = y[1:], y.unsqueeze(1), y[0]
    y.mul_(2.0)
    v[0].add_(3.0)
    column[2].fill_(9.0)
    assert y.tolist() == [2.0, 5.0, 9.0]
    assert (v.tolist(), column.tolist(), first.item()) == ([5.0, 9.0], [[2.0], [5.0], [9.0]], 2.0)


def test_a_detached_tensor_with_views_gets_a_history_of_its_own() -> None:
    x, y = ones()
    d = y.detach()
    v = d[:2]
    d.mul_(x * 4.0)
    assert gradient(x, v) == [4.0, 4.0, 0.0]
    assert y.tolist() == [4.0, 4.0, 4.0]
    assert y.grad_fn is not None
    assert y.grad_fn.name == "mul"


def test_a_view_of_a_leaf_is_written_under_no_grad_only() -> None:
    x = rl.ones(3, requires_grad=True)
    v = x[:2]
    with pytest.raises(GradError, match="view of a leaf"):
        v.mul_(2.0)
    with rl.no_grad():
        v.mul_(2.0)
    assert x.tolist() == [2.0, 2.0, 1.0]
    assert gradient(x, v) == [1.0, 1.0, 0.0]


def test_a_view_made_under_no_grad_is_no_part_of_a_changing_history() -> None:
    _, y = ones()
    with rl.no_grad():
        v = y[:2]
    with pytest.raises(GradError, match="made under no_grad"):
        v.mul_(2.0)
    with pytest.raises(GradError, match="made under no_grad"):
        v[0].mul_(2.0)
    y.mul_(2.0)
    with pytest.raises(GradError, match="updated in place since"):
        v * 1.0
    assert "grad_fn=<Invalid>" in repr(v)
    with rl.no_grad():
        assert (v * 1.0).tolist() == [2.0, 2.0]
    assert v.detach().tolist() == [2.0, 2.0]


SEVERAL: dict[str, Any] = {
    "split": lambda y: y.split(2)[0],
    "chunk": lambda y: y.chunk(1)[0],
    "unbind": lambda y: y.unbind()[0],
    "iteration": lambda y: next(iter(y)),
}


@pytest.mark.parametrize("how", SEVERAL)
def test_one_of_several_views(how: str) -> None:
    x, y = ones()
    part = SEVERAL[how](y)
    with pytest.raises(GradError, match="several views"):
        part.mul_(2.0)
    y.mul_(2.0)
    with pytest.raises(GradError, match="several views"):
        part.sum()
    assert gradient(x, y) == [2.0, 2.0, 2.0]
    plain = rl.ones(3)
    SEVERAL[how](plain).mul_(2.0)
    assert plain[0].item() == 2.0


def test_an_expanded_tensor_is_not_written() -> None:
    x, y = ones()
    with pytest.raises(ArgumentError, match="expanded"):
        y.expand(2, 3).mul_(2.0)
    y.expand(1, 3).mul_(2.0)
    assert gradient(x, y) == [2.0, 2.0, 2.0]


def test_a_reshape_that_copied_is_no_view() -> None:
    x = rl.ones(2, 2, requires_grad=True)
    y = x * 1.0
    flat = y.T.reshape(-1)
    y.mul_(3.0)
    assert flat.tolist() == [1.0] * 4
    assert gradient(x, flat) == [[1.0, 1.0], [1.0, 1.0]]


def test_overwritten_values_are_found_through_views() -> None:
    _, y = ones()
    v = y[:2]
    out = v.log().sum()
    y.mul_(2.0)
    with pytest.raises(GradError, match="overwritten"):
        out.backward()


def test_retain_grad_follows_the_tensor_and_hooks_stay() -> None:
    x, y = ones()
    v = y[:2]
    y.register_hook(lambda g: g * 10.0)
    y.retain_grad()
    v.retain_grad()
    y.mul_(2.0)
    v.sum().backward()
    assert (y.grad.tolist(), v.grad.tolist()) == ([1.0, 1.0, 0.0], [1.0, 1.0])  # type: ignore[union-attr]
    assert x.grad is not None
    assert x.grad.tolist() == [20.0, 20.0, 0.0]


def test_views_are_not_kept_and_not_gathered() -> None:
    base = rl.ones(4)
    kept = weakref.ref(base[0])
    assert kept() is None
    for _ in range(100):
        base[1:]
    assert base._views is not None
    assert len(base._views) < 40
    kept = weakref.ref(base)
    view = base[1:]
    del base
    assert kept() is not None
    del view
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_compiled(name: str) -> None:
    pytest.importorskip("llvmlite")
    function, want = PROGRAMS[name]

    def run(x: Any) -> Any:
        (found,) = rl.autograd.grad(function(x * 1.0).sum(), x, allow_unused=True, materialize_grads=True)
        return found

    compiled = rl.compile(run)
    for _ in range(2):
        assert compiled(rl.ones(3, requires_grad=True)).tolist() == want


def test_compiled_writes_through_views_reach_the_outside() -> None:
    pytest.importorskip("llvmlite")
    buffer = rl.zeros(2, 3)

    @rl.compile
    def step(x: Any) -> Any:
        row = buffer[1]
        column = buffer.T[0]
        row.add_(x)
        column.mul_(2.0)
        x[1:].zero_()
        return row, column

    for want in ([2.0, 1.0, 1.0], [6.0, 2.0, 2.0]):
        x = rl.ones(3)
        row, column = step(x)
        assert (row.tolist(), column.tolist()) == (want, [0.0, want[0]])
        assert buffer.tolist() == [[0.0, 0.0, 0.0], want]
        assert x.tolist() == [1.0, 0.0, 0.0]


REFUSED: dict[str, Any] = {
    "an expanded tensor": lambda y: y.expand(2, 3).mul_(2.0),
    "a reshape": lambda y: (y.unsqueeze(0) * rl.ones(2, 1)).reshape(3, 2).mul_(2.0),
    "a view made under no_grad": lambda y: _made_under_no_grad(y).mul_(2.0),
    "one of several views": lambda y: y.split(2)[0].mul_(2.0),
}


def _made_under_no_grad(y: Any) -> Any:
    with rl.no_grad():
        return y[:2]


@pytest.mark.parametrize("what", REFUSED)
def test_what_compiled_functions_refuse(what: str) -> None:
    pytest.importorskip("llvmlite")
    with pytest.raises((GradError, NotSupportedError), match=what):
        rl.compile(lambda x: REFUSED[what](x * 1.0))(rl.ones(3, requires_grad=True))


def test_a_compiled_function_gives_no_history_to_what_is_outside() -> None:
    pytest.importorskip("llvmlite")
    w, buffer = rl.ones(3, requires_grad=True), rl.zeros(3)
    part = buffer[:2]

    @rl.compile
    def step(x: Any) -> Any:
        buffer.copy_(x * w)
        return buffer.sum()

    with pytest.raises(NotSupportedError, match="with a history"):
        step(rl.ones(3))
    assert buffer.node is None
    assert part.node is None
    assert buffer.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("argument", [True, False])
def test_a_compiled_write_to_a_view_is_a_write_to_its_base(argument: bool) -> None:
    pytest.importorskip("llvmlite")
    x, base = rl.ones(3, requires_grad=True), rl.ones(3)
    part = base[:2]
    step = rl.compile((lambda v: v.mul_(5.0)) if argument else (lambda: part.mul_(5.0)))
    given = (part,) if argument else ()
    for _ in range(2):
        out = (x * base).sum()
        step(*given)
        with pytest.raises(GradError, match="overwritten"):
            out.backward()
