"""Large values: cheap ones are computed where they are read, and sums over them go in the order of memory."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight.compile import host, pipeline
from tests.compile.compare import check_same

pytest.importorskip("llvmlite")

SHAPE = (40, 12, 40)


@pytest.fixture(autouse=True)
def small_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large here would be so with these."""
    held = dataclasses.replace(host.describe(), caches=host.Caches(1 << 12, 1 << 14, 1 << 16))
    monkeypatch.setattr(host, "describe", lambda: held)


def given(*shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(1)
    return [rl.from_numpy(rng.standard_normal(s).astype(np.float32)) for s in shapes]


def kernels(compiled: Any) -> str:
    return compiled.stages()["kernels"]


def written(text: str, shape: tuple[int, ...] = SHAPE) -> int:
    """How many values of a shape go to memory."""
    return len(re.findall(rf"write %\S+: float32{re.escape(str([*shape]))}", text))


def centred(x: Any) -> Any:
    """A difference that three kernels need."""
    d = x - x.mean((0, 2), True)
    scale = (d * d).mean((0, 2), True)
    return (d / scale).relu(), d.abs() + scale


def chained(x: Any) -> Any:
    """What follows from a cheap value is cheap too."""
    d = x - x.mean((0, 2), True)
    e = d * d.amax((0, 2), True)
    return (e * e).amin((0, 2), True) * e, e + 1


CASES: dict[str, tuple[Callable[..., Any], int]] = {"centred": (centred, 2), "chained": (chained, 2)}


@pytest.mark.parametrize("name", CASES)
def test_cheap_values_are_not_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    step, stored = CASES[name]
    (x,) = given(SHAPE)
    compiled = rl.compile(step)
    got = compiled(x)
    check_same(list(got), list(step(x)), name)
    assert written(kernels(compiled)) == stored
    monkeypatch.setattr(pipeline, "make_again", lambda graph, cost: graph)
    plain = rl.compile(step)
    for one, other in zip(got, plain(x), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert written(kernels(plain)) > stored


def kept(x: Any, w: Any, b: Any) -> Any:
    """A bias is added where the product is; a gradient has two large values; tanh is not cheap."""
    y = x @ w + b
    z = y * x
    t = z.tanh()
    s = z.sum(0)
    return (y - y.mean(0)).abs().sum(), (z * s).abs(), t * s, t + s, (t * t).sum()


def test_others_are_kept() -> None:
    x, w, b = given((90, 90), (90, 90), (90,))
    compiled = rl.compile(kept)
    for got, expected in zip(compiled(x, w, b), kept(x, w, b), strict=True):
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-3, atol=0.1)
    ((entry,),) = compiled._entries.values()
    assert entry.proved
    text = kernels(compiled)
    assert sum(" = tanh(" in line for line in text.splitlines()) == 1
    assert len(re.findall(r" = add\(%\S+, %in2\)| = add\(%in2, %\S+\)", text)) == 1


def test_what_is_updated_is_not_read_later() -> None:
    """A difference from the old value of a parameter, after the parameter was written."""
    (x,) = given(SHAPE)
    state = rl.zeros(*SHAPE)

    def step(x: Any) -> Any:
        with rl.no_grad():
            d = state - state.mean((0, 2), True) + 0.0
            e = state * 2.0
            state.copy_(x)
            return d.amax((0, 2)), d.amin((0, 2)), (e.sum((0, 2)), e.abs())

    compiled = rl.compile(step)
    for k in range(3):
        before = state.clone()
        found = compiled(x + k)
        state.copy_(before)
        again_found = step(x + k)
        check_same([*found[:2], *found[2]], [*again_found[:2], *again_found[2]], str(k))


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("op", ["sum", "mean", "amax", "amin"])
def test_large_sums_in_order(op: str, keepdim: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    (x,) = given((24, 5, 6, 40))

    def step(x: Any) -> Any:
        return getattr(x.exp() if op == "sum" else x, op)((0, 2, 3), keepdim)

    compiled = rl.compile(step)
    got = compiled(x)
    check_same([got], [step(x)], op)
    assert "[24, 5, 1, 1]" in kernels(compiled)
    exact = step(x.double())
    np.testing.assert_allclose(got.numpy(), exact.numpy(), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "dim"),
    [((24, 5, 240), (1, 2)), ((24, 5, 240), (0, 1)), ((240, 9, 8), (0, 2)), ((4, 5, 40), (0, 2))],
)
def test_others_are_summed_in_one_go(shape: tuple[int, ...], dim: tuple[int, ...]) -> None:
    """No kept axis between; short pieces; little of it."""
    (x,) = given(shape)
    compiled = rl.compile(lambda x: x.sum(dim))
    check_same([compiled(x)], [x.sum(dim)], str(shape))
    assert kernels(compiled).count("reduce over") == 1


def test_batch_norm_keeps_nothing_but_its_result() -> None:
    x, w, b, g = given((32, 6, 8, 8), (6,), (6,), (32, 6, 8, 8))

    def step(x: Any, w: Any, b: Any, g: Any) -> Any:
        x, w, b = (t.detach().requires_grad_() for t in (x, w, b))
        y = F.batch_norm(x, None, None, w, b, True)
        y.backward(g)
        return y.detach(), x.grad, w.grad, b.grad

    compiled = rl.compile(step)
    check_same(list(compiled(x, w, b, g)), list(step(x, w, b, g)), "batch norm")
    assert written(kernels(compiled), (32, 6, 8, 8)) == 2  # the result, and the gradient
