"""What a loop's body may do: where one round is not like the others, or histories differ, each is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.capture.placeholder import TraceError
from rushlight.compile.capture.trace import trace
from rushlight.compile.function import compile
from rushlight.compile.loops import is_loop
from rushlight.func import scan
from rushlight.utils.checkpoint import checkpoint
from tests.op_samples import Sample, one_of_each_kind, results, stacked

pytest.importorskip("llvmlite")

Body = Callable[[Any, Any, Any], Any]


class Step(rl.autograd.Function):
    """No derivative, but passed on as if it had one."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return (x > 2).float()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 3


class Reversed(rl.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return -g


def hooked(kind: str) -> nn.Module:
    rl.manual_seed(0)
    layer = nn.Linear(2, 2)
    hooks: dict[str, Any] = {
        "register_full_backward_hook": lambda m, i, o: (i[0] * 10,),
        "register_full_backward_pre_hook": lambda m, o: (o[0] * 10,),
        "register_forward_hook": lambda m, i, o: o * 2,
        "register_forward_pre_hook": lambda m, i: (i[0] * 2,),
    }
    getattr(layer, kind)(hooks[kind])
    return layer


BACKWARD, BACKWARD_PRE = hooked("register_full_backward_hook"), hooked("register_full_backward_pre_hook")
FORWARD, FORWARD_PRE = hooked("register_forward_hook"), hooked("register_forward_pre_hook")
LAYER = nn.Linear(2, 2)


def ten_times(t: Any) -> Any:
    t.register_hook(lambda g: g * 10)
    return t


def ten_times_while(t: Any, use: Callable[[Any], Any]) -> Any:
    with t.register_hook(lambda g: g * 10):
        return use(t)


def gradient(y: Any, x: Any) -> Any:
    return rl.autograd.grad(y, [x], create_graph=True)[0] * 0.1


def nested(c: Any, w: Any, cut: bool) -> Any:
    last, _ = scan(lambda a, b: (a * w + b, a), c, rl.ones(2, 2))
    return last.detach() if cut else last


BODIES: dict[str, tuple[Body, bool]] = {
    "plain": (lambda c, v, w: c * w + v, True),
    "layer": (lambda c, v, w: LAYER(c) * w + v, True),
    "a part that is constant": (lambda c, v, w: c * w.detach() + v * w, True),
    "loop in a loop": (lambda c, v, w: nested(c, w, False) * w + v, True),
    "loop in a loop, cut": (lambda c, v, w: nested(c, w, True) * c + v, True),
    "checkpoint": (lambda c, v, w: checkpoint(lambda a, b, w: a * w + b, c, v, w), False),
    "new leaf of the carry": (lambda c, v, w: c.detach().requires_grad_() * w + v, False),
    "new leaf from outside": (lambda c, v, w: c * w.detach().requires_grad_() + v * w, False),
    "new leaf from inside": (lambda c, v, w: (c * 2).detach().requires_grad_() * w + v, False),
    "function without a history": (lambda c, v, w: Step.apply(c) * w + v, False),
    "function of the carry": (lambda c, v, w: Reversed.apply(c) * w + v, False),
    "function of what is made": (lambda c, v, w: Reversed.apply(c * v) * w + v, False),
    "function of a weight": (lambda c, v, w: c * Reversed.apply(w) + v, False),
    "a gradient by the carry": (lambda c, v, w: c - gradient((c * c * w).sum(), c) + v, True),
    "a gradient by a weight": (lambda c, v, w: c - gradient((v * v * w * w).sum() + w.sum(), w), False),
    "a gradient through the carry": (lambda c, v, w: c - gradient((c * w * w).sum(), w) + v, False),
    "hook": (lambda c, v, w: ten_times(c * w) + v, False),
    "hook of a view": (lambda c, v, w: ten_times(w.view(2)) * c + v, False),
    "hook of a weight": (lambda c, v, w: ten_times_while(w, lambda w: c * w) + v, False),
    "retain_grad": (lambda c, v, w: (lambda t: (t.retain_grad(), t)[1])(c * w) + v, False),
    "backward hook": (lambda c, v, w: BACKWARD(c) * w + v, False),
    "backward pre-hook": (lambda c, v, w: BACKWARD_PRE(c) * w + v, False),
    "forward hook": (lambda c, v, w: FORWARD(c) * w + v, False),
    "forward pre-hook": (lambda c, v, w: FORWARD_PRE(c) * w + v, False),
}


@pytest.mark.parametrize("name", BODIES)
def test_gradients_of_a_body(name: str) -> None:
    body, loops = BODIES[name]
    x = rl.tensor([[1.0, 2.0], [3.0, 4.0]])

    def function(x: Any, w: Any) -> Any:
        return rl.autograd.grad(scan(lambda c, v: (body(c, v, w), c), w * 1, x)[0].sum(), [w])[0]

    def leaf() -> Any:
        return rl.tensor([2.0, 3.0], requires_grad=True)

    expected = function(x, leaf())
    assert rl.allclose(compile(function)(x, leaf()), expected)
    nodes = trace(function, [x, leaf()]).graph.nodes
    assert any(map(is_loop, nodes)) is loops


def counted(x: Any) -> Any:
    n = x[0] * 0

    def step(c: Any, v: Any) -> Any:
        nonlocal n
        n = n + 1
        return c + v * n, c

    return *scan(step, rl.zeros(3), x), n


def numbered(x: Any) -> Any:
    n = 0

    def step(c: Any, v: Any) -> Any:
        nonlocal n
        n += 1
        return c + v * n, c

    return *scan(step, rl.zeros(3), x), n


def listed(x: Any) -> Any:
    seen: list[Any] = []

    def step(c: Any, v: Any) -> Any:
        seen.append(c * 2)
        return c + v * len(seen), c

    return *scan(step, rl.zeros(3), x), *seen


def written(x: Any, body: Callable[..., Any]) -> Any:
    w, x = x[0] * 1, x * 1
    return *scan(lambda c, v: (body(c, v, w), c * 1), x[0] * 1, x), w, x


CHANGES: dict[str, Callable[[Any], Any]] = {
    "a tensor under a name": counted,
    "a number under a name": numbered,
    "a list": listed,
    "what is read besides": lambda x: written(x, lambda c, v, w: c + v * w.add_(1)),
    "a view of that": lambda x: written(x, lambda c, v, w: c + v * w[0].mul_(2)),
    "the carry": lambda x: written(x, lambda c, v, w: c.mul_(2) + v),
    "a view of the carry": lambda x: written(x, lambda c, v, w: c.view(3).mul_(2) + v),
    "the slice": lambda x: written(x, lambda c, v, w: c + v.mul_(2)),
    "what the body made": lambda x: written(x, lambda c, v, w: (c * 2).add_(v).mul_(w)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_body_changes(name: str) -> None:
    function = CHANGES[name]
    expected, compiled = function(rl.ones(2, 3)), compile(function)
    for _ in range(2):
        for a, b in zip(compiled(rl.ones(2, 3)), expected, strict=True):
            assert rl.allclose(a, b) if isinstance(b, rl.Tensor) else a == b


def test_an_argument_is_written_round_by_round() -> None:
    def function(x: Any, w: Any) -> Any:
        return scan(lambda c, v: (c + v * w.add_(1), c), rl.zeros(3), x)[0]

    w = rl.zeros(3)
    assert compile(function)(rl.ones(2, 3), w).tolist() == [3.0] * 3
    assert w.tolist() == [2.0] * 3


@pytest.mark.parametrize("s", {(s.name, s.kind): s for s in one_of_each_kind()}.values(), ids=repr)
def test_every_op_in_a_round(s: Sample) -> None:
    """Values and gradients are those of the rounds in Python."""
    call = results(s)

    def function(*given: rl.Tensor) -> list[Any]:
        made = scan(lambda c, part: (c, call(*part)), rl.zeros(()), given)[1]
        ends, wanted = [t for t in made if t.requires_grad], [t for t in given if t.requires_grad]
        if not ends:
            return list(made)
        found = rl.autograd.grad(sum((t * t).sum() for t in ends), wanted, materialize_grads=True)
        return [*made, *found]

    def inputs() -> list[rl.Tensor]:
        rl.manual_seed(0)
        return [rl.tensor(stacked(a, 3), requires_grad=a.dtype.kind == "f") for a in s.arrays]

    try:
        found = compile(function, mode="interpret")(*inputs())
    except TraceError:
        pytest.skip(f"{s.name} needs numbers, as under compile")
    for a, b in zip(found, function(*inputs()), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-10)
