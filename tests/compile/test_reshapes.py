"""Reshapes sink below the elementwise nodes that follow them: fewer loops, and the same bits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight.compile import host
from rushlight.nn import functional as F

pytest.importorskip("llvmlite")

N = 256
Function = Callable[..., rl.Tensor]


def loops(function: Function, *args: rl.Tensor) -> int:
    """How many kernels there are, of a function whose results are as eager."""
    expected = function(*args)
    compiled = rl.compile(function)
    for _ in range(2):
        assert rl.equal(compiled(*args), expected)
    return compiled.stages()["kernels"].count("; function f")


def test_elementwise_nodes_on_both_sides_of_a_reshape_are_one_loop() -> None:
    x, y = rl.rand(N, N), rl.rand(N * N)
    assert loops(lambda x, y: (x * 2 + 1).reshape(-1) * y, x, y) == 1
    assert loops(lambda x, y: ((x * 2).flatten() * y).reshape(4, -1).sqrt() * 3, x, y) == 1
    assert loops(lambda x: (x * 2).unsqueeze(1) + 0.5, x) == 1
    assert loops(lambda x: (x + x.T.T).reshape(2, -1).relu().view(N, N) - 1, x) == 1


def test_the_gradient_of_relu_before_pooling() -> None:
    def gradient(x: rl.Tensor, w: rl.Tensor) -> rl.Tensor:
        x = x.detach().requires_grad_()
        return rl.autograd.grad((F.max_pool2d(F.relu(x), 2) * w).sum(), [x])[0]

    x, w = rl.randn(8, 4, 32, 32), rl.randn(8, 4, 16, 16)
    compiled = rl.compile(gradient)
    assert rl.equal(compiled(x, w), gradient(x, w))
    written = [k for k in compiled.stages()["kernels"].split("\nk") if "map over [8, 4, 16, 2, 16, 2]" in k]
    assert len(written) == 1
    assert "relu_grad(" in written[0]


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("other readers", lambda x, y: (z := x * 2).reshape(-1) * y + z.amax()),
        ("a result", lambda x, y: rl.stack([(z := x * 2).reshape(-1), z.reshape(-1) * y])),
        ("turned", lambda x, y: (x * 2).T.reshape(-1) * y),
        ("sliced", lambda x, y: (x * 2)[:, ::2].reshape(-1) * y[::2]),
        ("its beginning", lambda x, y: (x * 2)[0] * y[:N]),
        ("much of it", lambda x, y: (x * 2)[: N // 2].reshape(-1) * y[: N * N // 2]),
        ("spread", lambda x, y: (x * 2).reshape(1, N, N) * y.reshape(N, N)[:2].reshape(2, 1, N)),
        ("spread before", lambda x, y: (x[0] * 2).expand(N, N).reshape(-1) * y),
        ("beyond an end", lambda x, y: F.pad(x * 2, (1, 1)).reshape(-1)[: N * N] * y),
        ("backwards", lambda x, y: (x * 2).flip(0).reshape(-1) * y),
        ("the other turned", lambda x, y: (x * 2).reshape(N, N, 1) * y.reshape(N, N).T.reshape(N, N, 1)),
        ("twice the same", lambda x, y: (z := (x * 2).reshape(-1)) * z + y),
        ("a number between", lambda x, y: rl.where(y > 0.5, (x * 2).reshape(-1), 0.25)),
        ("another dtype", lambda x, y: (x * 2).reshape(-1).to(rl.float64) * y),
        ("a bool", lambda x, y: (x > 0.5).reshape(-1).logical_not() & (y > 0.5)),
    ],
)
def test_bits_are_those_of_eager(name: str, function: Function) -> None:
    rl.manual_seed(3)
    loops(function, rl.rand(N, N), rl.rand(N * N))


def test_an_update_in_place_between() -> None:
    kept = rl.zeros(N, N)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        z = (x + kept).reshape(-1)
        kept.copy_(x)
        return z * y

    x, y = rl.rand(N, N), rl.rand(N * N)
    expected = [step(x, y) for _ in range(3)]
    kept.zero_()
    compiled = rl.compile(step)
    for want in expected:
        assert rl.equal(compiled(x, y), want)


SHAPES = [(N * N,), (N, N), (4, N // 4, N), (N, 1, N), (2, 2, N, N // 4), (N * N, 1)]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_chain(data: st.DataObject) -> None:
    """Reshapes, turns and elementwise nodes in any order."""
    kinds = st.sampled_from(["reshape", "double", "other", "number", "turn", "sum", "relu"])
    steps = data.draw(st.lists(st.tuples(kinds, st.integers(0, 5)), min_size=1, max_size=7))

    def chain(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        out = x * 1.5
        for kind, k in steps:
            if kind == "reshape":
                out = out.reshape(SHAPES[k])
            elif kind == "double":
                out = out + out
            elif kind == "other":
                out = out * y.reshape(out.shape)
            elif kind == "number":
                out = out - k * 0.25
            elif kind == "turn":
                out = out.transpose(0, -1)
            elif kind == "relu":
                out = rl.relu(out)
            else:
                out = out - out.sum(-1, keepdim=True) * 0 if k < 3 else out * out.amax(0, keepdim=True)
        return out

    rl.manual_seed(0)
    x, y = rl.randn(N, N), rl.randn(N, N)
    assert x.numel() * 4 > host.describe().caches.l1
    expected = chain(x, y)
    assert rl.allclose(rl.compile(chain)(x, y), expected, rtol=1e-5, atol=1e-4)
