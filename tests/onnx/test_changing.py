"""rl.onnx.export of functions that draw random numbers, or write into tensors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import NotSupportedError
from tests.onnx.peers import close, onnx, run

F = nn.functional
TRAINING = rl.onnx.TrainingMode.TRAINING
AXES = [None, {"x": {0: "n"}}]


class Function(nn.Module):
    """A function of one tensor as a module."""

    def __init__(self, function: Callable[[rl.Tensor], rl.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.function(x)


def nodes(program: Any) -> list[str]:
    return [node.op_type for node in program.model_proto.graph.node]


def twice(x: rl.Tensor) -> rl.Tensor:
    """Two draws, and one of them read by two operations."""
    a, b = rl.randn_like(x), rl.randn_like(x)
    return a - b + a.reshape(-1).reshape(x.shape) - a


# What is drawn, and the operators that there have to be.
DRAWS: dict[str, tuple[Callable[[rl.Tensor], rl.Tensor], tuple[str, ...]]] = {
    "dropout": (lambda x: F.dropout(x, 0.3, True), ("Dropout",)),
    "dropout of float64": (lambda x: F.dropout(x.double(), 0.3, True), ("Dropout",)),
    "dropout of channels": (lambda x: F.dropout2d(x.reshape(-1, 20, 2, 1), 0.3, True), ("Where",)),
    "alpha dropout": (lambda x: F.alpha_dropout(x, 0.3, True), ("RandomUniform",)),
    "rand": (rl.rand_like, ("RandomUniform",)),
    "rand of float64": (lambda x: rl.rand_like(x.double()), ("RandomUniform",)),
    "randn": (rl.randn_like, ("RandomNormal",)),
    "randn of float64": (lambda x: rl.randn_like(x.double()), ("RandomNormal",)),
    "an odd number": (lambda x: rl.randn(x.shape[0], 7, 3), ("RandomNormal",)),
    "bernoulli": (rl.bernoulli, ("Bernoulli",)),
    "randint": (lambda x: rl.randint_like(x, -3, 5), ("RandomUniform", "Floor")),
    "normal_": (lambda x: x.clone().normal_(2, 3), ("RandomNormal",)),
    "uniform_": (lambda x: x.clone().uniform_(2, 3), ("RandomUniform",)),
    "normal": (lambda x: rl.normal(x, x), ("RandomNormal",)),
    "exponential_": (lambda x: x.clone().exponential_(2.0), ("Log",)),
    "rrelu": (lambda x: F.rrelu(x - 0.5, training=True), ("RandomUniform",)),
    "gumbel": (lambda x: F.gumbel_softmax(x.reshape(-1, 4)).argmax(1), ("Softmax",)),
    "multinomial": (lambda x: rl.multinomial(x, 3).float(), ("TopK",)),
    "two": (twice, ("RandomNormal",)),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("axes", AXES)
def test_draws_are_of_the_same_distribution(name: str, axes: Any) -> None:
    """Mean and deviation of 4,000 numbers; another run draws others."""
    function, expected = DRAWS[name]
    rl.manual_seed(0)
    x = rl.rand(100, 40)
    before = rl.get_rng_state()
    program = rl.onnx.export(Function(function), x, dynamic_axes=axes, verify=True)
    assert rl.get_rng_state().tolist() == before.tolist()  # nothing is drawn to write a file
    assert all(any(op.startswith(kind) for op in nodes(program)) for kind in expected), nodes(program)
    assert not any("philox" in op for op in nodes(program))
    right = function(x).numpy().astype(np.float64)
    for found in (run(program.model_proto, x)[0], program(x).numpy(), program(x).numpy()):
        assert found.shape == right.shape
        scale = right.std() / np.sqrt(right.size)
        assert abs(found.mean() - right.mean()) < 8 * scale
        assert abs(found.std() - right.std()) < max(0.15, 4 / np.sqrt(right.size)) * right.std()
        assert (found != right).any()
    assert (program(x).numpy() != found).any()


def test_draws_that_have_no_axes_and_permutations() -> None:
    program = rl.onnx.export(Function(lambda x: x * 0 + rl.rand(())), rl.zeros(3))
    (found,) = run(program.model_proto, rl.zeros(3))
    assert found[0] == found[1] == found[2]
    assert 0 <= found[0] < 1
    program = rl.onnx.export(Function(lambda x: x * 0 + rl.randperm(10)), rl.zeros(10))
    assert sorted(run(program.model_proto, rl.zeros(10))[0]) == list(range(10))
    with pytest.raises(NotSupportedError, match="'poisson'"):
        rl.onnx.export(Function(rl.poisson), rl.ones(3))


def test_a_loaded_dropout_trains_and_draws_anew_when_compiled() -> None:
    net = nn.Sequential(nn.Linear(4, 50), nn.Dropout(0.5), nn.Linear(50, 1))
    loaded = rl.onnx.load(rl.onnx.export(net, rl.ones(8, 4), training=TRAINING).model_proto)
    x = rl.ones(8, 4)
    compiled = rl.compile(lambda x: loaded(x))
    with rl.no_grad():
        assert (loaded(x) != loaded(x)).any()
        assert (compiled(x) != compiled(x)).any()
    loaded(x).sum().backward()
    assert all(p.grad is not None for p in loaded.parameters())


def parts(x: rl.Tensor) -> rl.Tensor:
    y = x * 2
    y[0] = 1
    y.add_(3)
    y[:, 1].mul_(2)
    y[1:3, 1:3] = rl.ones(2, 2) * 3
    y[..., -1] += 1
    y[0, 1] = x[2, 3]
    y.t()[0].zero_()
    return y


def filled(x: rl.Tensor) -> rl.Tensor:
    out = rl.zeros(x.shape[0], 4)
    out[:, :2] = x[:, 2:]
    out[:, 2:] = x[:, :2]
    out[:, [0, 2]] += 5.0
    return out


def columns(x: rl.Tensor) -> rl.Tensor:
    y = x.clone()
    for k in range(4):
        y[:, k] = y[:, k] * k + y.sum(1)
    return y


def by_index(x: rl.Tensor) -> rl.Tensor:
    y = x.clone()
    y[y < 0] = 0
    y.masked_fill_(x > 0.3, 7.0)
    y.index_add_(1, rl.tensor([0, 1]), x[:, :2])
    y.index_fill_(1, rl.tensor([1]), 3.0)
    y.index_copy_(1, rl.tensor([2]), x[:, 1:2])
    y.scatter_(1, rl.zeros(x.shape[0], 1, dtype=rl.int64), 1.0)
    return y


def through_views(x: rl.Tensor) -> rl.Tensor:
    y = x.clone()
    flat = y.view(-1)
    flat[0] = 9
    flat[-1].add_(3)
    y.tril_()
    return y


def one_hot(x: rl.Tensor) -> rl.Tensor:
    y = rl.zeros(x.shape[0], 4)
    y[rl.arange(x.shape[0]), x.argmax(1)] = 1
    return y


def chain(x: rl.Tensor) -> rl.Tensor:
    x.add_(1)  # what the caller passed
    y = x.clamp(0, 0.3).sqrt_()
    y /= 2
    y -= 1
    y **= 2
    return y


@pytest.mark.parametrize(
    "function", [parts, filled, columns, by_index, through_views, one_hot, chain, lambda x: F.relu_(x) + 1]
)
@pytest.mark.parametrize("axes", AXES)
def test_updates_in_place(function: Callable[[rl.Tensor], rl.Tensor], axes: Any) -> None:
    rl.manual_seed(1)
    x = rl.rand(5, 4) - 0.5
    program = rl.onnx.export(Function(function), x.clone(), dynamic_axes=axes, verify=True)
    onnx.checker.check_model(program.model_proto, full_check=True)
    for given in (x, *([rl.cat([x, x, x[:1]])] if axes else [])):
        expected = [function(given.clone())]
        close(run(program.model_proto, given), expected)
        close([program(given)], expected)


class Counts(nn.Module):
    """Writes its buffers; what it gives follows from them, if it `reads` them."""

    def __init__(self, reads: str) -> None:
        super().__init__()
        self.reads = reads
        self.register_buffer("calls", rl.zeros(()))
        self.register_buffer("mean", rl.zeros(4))

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        self.calls.add_(1)
        self.mean.copy_(x.mean(0))
        return {"no": x * 2, "what it wrote": x - self.mean, "the last call's": x * self.calls}[self.reads]


@pytest.mark.parametrize("axes", AXES)
def test_buffers_that_are_written(axes: Any) -> None:
    x = rl.rand(5, 4)
    for reads in ("no", "what it wrote"):
        net = Counts(reads)
        with pytest.warns(UserWarning, match="does not update the module's buffers"):
            program = rl.onnx.export(net, x, dynamic_axes=axes)
        assert net.calls == 0
        close(run(program.model_proto, x), [net(x)])
    with pytest.raises(NotSupportedError, match=r"wrote into its buffers before \(shape \(\)\)"):
        rl.onnx.export(Counts("the last call's"), x, dynamic_axes=axes)


@pytest.mark.parametrize("dynamic", [False, True])
def test_batch_norm_in_training(dynamic: bool) -> None:
    """By the mean and the variance of the batch, whatever its size."""
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 5), nn.BatchNorm1d(5)
    )
    x = rl.randn(6, 2, 4, 4)
    axes = {"input": {0: "n"}} if dynamic else None
    with pytest.warns(UserWarning, match="does not update"):
        program = rl.onnx.export(net, x, training=TRAINING, dynamic_axes=axes)
    for given in (x, *([x[:4]] if dynamic else [])):
        close(run(program.model_proto, given), [net(given)], 1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rl.onnx.export(net, x)
