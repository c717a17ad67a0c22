"""Layers that normalise, look up and drop: bad input, training and not, compiled and not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DTypeError, IndexingError, NotSupportedError, ShapeError

F = nn.functional

NETS: dict[str, tuple[Callable[[], Any], str]] = {
    "LayerNorm": (lambda: [nn.Linear(6, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 2)], "numbers"),
    "LayerNorm of two axes": (
        lambda: [nn.Unflatten(1, (2, 3)), nn.LayerNorm((2, 3)), nn.Flatten(), nn.Linear(6, 2)],
        "numbers",
    ),
    "RMSNorm": (lambda: [nn.Linear(6, 8), nn.RMSNorm(8), nn.Linear(8, 2)], "numbers"),
    "GroupNorm": (lambda: [nn.Linear(6, 8), nn.GroupNorm(4, 8), nn.Linear(8, 2)], "numbers"),
    "BatchNorm1d": (lambda: [nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)], "numbers"),
    "the mean of all batches": (
        lambda: [nn.Linear(6, 8), nn.BatchNorm1d(8, momentum=None), nn.Linear(8, 2)],
        "numbers",
    ),
    "BatchNorm1d of sequences": (
        lambda: [nn.Unflatten(1, (2, 3)), nn.BatchNorm1d(2), nn.Flatten(), nn.Linear(6, 2)],
        "numbers",
    ),
    "InstanceNorm1d": (
        lambda: [
            nn.Unflatten(1, (2, 3)),
            nn.InstanceNorm1d(2, affine=True, track_running_stats=True),
            nn.Flatten(),
            nn.Linear(6, 2),
        ],
        "numbers",
    ),
    "Embedding": (lambda: [nn.Embedding(9, 4, 0), nn.Flatten(), nn.Linear(24, 2)], "classes"),
    "Embedding with options": (
        lambda: [nn.Embedding(9, 4, 0, 1.0, 2.0, True), nn.Flatten(), nn.Linear(24, 2)],
        "classes",
    ),
    "EmbeddingBag": (lambda: [nn.EmbeddingBag(9, 4, padding_idx=0), nn.Linear(4, 2)], "classes"),
    "EmbeddingBag max": (lambda: [nn.EmbeddingBag(9, 4, mode="max"), nn.Linear(4, 2)], "classes"),
    "dropouts": (
        lambda: [nn.Linear(6, 8), nn.AlphaDropout(0.3), nn.Dropout2d(0.3), nn.Linear(8, 2)],
        "numbers",
    ),
}


def states(name: str, compiled: bool) -> tuple[dict[str, np.ndarray], Any]:
    """The state of a net after some steps, and what ran."""
    make, kind = NETS[name]
    rl.manual_seed(0)
    net = nn.Sequential(*make())
    optimizer = rl.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def step(x: Any, t: Any) -> Any:
        optimizer.zero_grad()
        loss = F.mse_loss(net(x), t)
        loss.backward()
        optimizer.step()
        return loss

    run = rl.compile(step) if compiled else step
    rng = np.random.default_rng(0)
    for _ in range(3):
        x = rng.standard_normal((16, 6)).astype("f") if kind == "numbers" else rng.integers(0, 9, (16, 6))
        run(rl.tensor(x), rl.tensor(rng.standard_normal((16, 2)).astype("f")))
    return {k: v.numpy().copy() for k, v in net.state_dict().items()}, run


def kernels(compiled: Any) -> list[str]:
    (entry,) = [e for group in compiled._entries.values() for e in group]
    assert entry.proved, "the program was wrong"
    return [k.kind for k in entry.program.plan.kernels]


@pytest.mark.parametrize("name", NETS)
def test_compiled_steps_leave_the_same_state(name: str) -> None:
    (plain, _), (compiled, run) = states(name, False), states(name, True)
    for key, value in plain.items():
        np.testing.assert_allclose(compiled[key], value, rtol=1e-4, atol=1e-6, err_msg=key)
    # NumPy computes the places of the largest only.
    assert ("callback" in kernels(run)) == (name == "EmbeddingBag max")


@pytest.mark.parametrize("name", ["LayerNorm", "BatchNorm1d", "GroupNorm"])
def test_a_row_is_gone_over_once_each_way(name: str) -> None:
    """One kernel of rows forward, and one backward."""
    assert kernels(states(name, True)[1]).count("rows") == 2


def test_running_statistics_by_hand() -> None:
    layer = nn.BatchNorm1d(1, momentum=0.5)
    layer(rl.tensor([[1.0], [3.0]]))
    assert layer.running_mean is not None
    assert layer.running_var is not None
    assert (layer.running_mean.item(), layer.running_var.item()) == (1.0, 1.5)
    y = layer.eval()(rl.tensor([[1.0]]))
    assert y.item() == 0.0
    assert layer.num_batches_tracked.item() == 1
    layer.reset_running_stats()
    assert (layer.running_mean.item(), layer.num_batches_tracked.item()) == (0.0, 0)


def test_a_mean_far_from_zero_costs_no_digits() -> None:
    x = np.random.default_rng(0).standard_normal((8, 64))
    near, far = (rl.tensor(x + c, dtype=rl.float32) for c in (0.0, 512.0))
    exact = (far.double() - far.double().mean(-1, keepdim=True)) / far.double().std(
        -1, keepdim=True, correction=0
    )
    gap = (F.layer_norm(far, (64,)).double() - exact).abs().max().item()
    assert gap < 1e-4
    assert (F.layer_norm(near, (64,)).double() - exact).abs().max().item() < 1e-3


def test_half_precision_is_worked_out_in_single() -> None:
    x = rl.full((2, 4096), 300.0, dtype=rl.float16)
    x[:, ::2] = 100.0
    y = F.layer_norm(x, (4096,))
    assert y.dtype == rl.float16
    assert y[0, :2].tolist() == [-1.0, 1.0]


WRONG: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "LayerNorm of another size": (ShapeError, lambda: nn.LayerNorm(3)(rl.ones(2, 4))),
    "LayerNorm of integers": (DTypeError, lambda: nn.LayerNorm(3)(rl.ones(2, 3).long())),
    "LayerNorm of two dtypes": (DTypeError, lambda: nn.LayerNorm(3)(rl.ones(2, 3).double())),
    "layer_norm with a wrong weight": (ShapeError, lambda: F.layer_norm(rl.ones(2, 3), (3,), rl.ones(2))),
    "GroupNorm that does not divide": (ArgumentError, lambda: nn.GroupNorm(2, 3)),
    "GroupNorm of other channels": (ShapeError, lambda: nn.GroupNorm(2, 4)(rl.ones(2, 3))),
    "BatchNorm2d of a matrix": (ShapeError, lambda: nn.BatchNorm2d(3)(rl.ones(2, 3))),
    "BatchNorm1d of other features": (ShapeError, lambda: nn.BatchNorm1d(3)(rl.ones(2, 4))),
    "BatchNorm1d of one sample": (ArgumentError, lambda: nn.BatchNorm1d(3)(rl.ones(1, 3))),
    "batch_norm without statistics": (ArgumentError, lambda: F.batch_norm(rl.ones(2, 3), None, None)),
    "InstanceNorm1d of one element": (ArgumentError, lambda: nn.InstanceNorm1d(3)(rl.ones(2, 3, 1))),
    "Embedding beyond the table": (IndexingError, lambda: nn.Embedding(3, 2)(rl.tensor([3]))),
    "Embedding before the table": (IndexingError, lambda: nn.Embedding(3, 2)(rl.tensor([-1]))),
    "Embedding of floats": (DTypeError, lambda: nn.Embedding(3, 2)(rl.ones(2))),
    "Embedding with no such padding": (ArgumentError, lambda: nn.Embedding(3, 2, padding_idx=3)),
    "EmbeddingBag without offsets": (ShapeError, lambda: nn.EmbeddingBag(3, 2)(rl.tensor([1]))),
    "EmbeddingBag of no such mode": (
        ArgumentError,
        lambda: F.embedding_bag(rl.tensor([[1]]), rl.ones(3, 2), mode="min"),
    ),
    "EmbeddingBag mean with weights": (
        NotSupportedError,
        lambda: nn.EmbeddingBag(3, 2)(rl.tensor([[1]]), per_sample_weights=rl.ones(1, 1)),
    ),
    "Dropout1d beyond 1": (ArgumentError, lambda: nn.Dropout1d(1.5)),
    "Dropout2d of a vector": (ShapeError, lambda: nn.Dropout2d()(rl.ones(3))),
    "Bilinear of other sizes": (ShapeError, lambda: nn.Bilinear(2, 3, 1)(rl.ones(1, 3), rl.ones(1, 3))),
    "Unflatten by names": (DTypeError, lambda: nn.Unflatten(1, [("a", 2)])),  # type: ignore[list-item]
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name: str) -> None:
    kind, call = WRONG[name]
    with pytest.raises(kind):
        call()


def test_what_dropouts_keep() -> None:
    rl.manual_seed(0)
    x = rl.randn(200, 50, 4)
    y = nn.AlphaDropout(0.3)(x)
    assert abs(y.mean().item()) < 0.05
    assert abs(y.std().item() - 1) < 0.05
    for layer, shape in (
        (nn.Dropout1d(), x.shape),
        (nn.Dropout2d(), (50, 20, 3, 3)),
        (nn.Dropout3d(), (50, 20, 2, 2, 2)),
    ):
        y = layer(rl.ones(*shape)).flatten(2)
        assert bool((y == y[:, :, :1]).all())
        assert abs(y.mean().item() - 1) < 0.1
        z = rl.ones(*shape)
        inplace = type(layer)(0.5, inplace=True)(z)
        assert bool((inplace == z).all())
        assert bool((layer.eval()(z) == z).all())
        assert set(z.reshape(-1).tolist()) == {0.0, 2.0}


def test_embedding_limits_rows_and_spares_the_padding() -> None:
    layer = nn.Embedding(4, 2, padding_idx=0, max_norm=1.0)
    assert layer.weight[0].tolist() == [0.0, 0.0]
    layer.weight.data = rl.full((4, 2), 3.0)
    layer(rl.tensor([0, 1, 1])).sum().backward()
    assert [round(n, 3) for n in layer.weight.norm(2, 1).tolist()] == [1.0, 1.0, 4.243, 4.243]
    assert layer.weight.grad.tolist() == [[0.0, 0.0], [2.0, 2.0], [0.0, 0.0], [0.0, 0.0]]


def test_batch_normalisation_folds_into_the_layer_before_it() -> None:
    rl.manual_seed(0)
    linear, bn = nn.Linear(3, 4), nn.BatchNorm1d(4)
    bn(linear(rl.randn(16, 3)))
    x = rl.randn(5, 3)
    fused = nn.utils.fuse_linear_bn_eval(linear.eval(), bn.eval())
    np.testing.assert_allclose(
        fused(x).detach().numpy(), bn(linear(x)).detach().numpy(), rtol=1e-5, atol=1e-6
    )
    with pytest.raises(ArgumentError):
        nn.utils.fuse_linear_bn_eval(linear.train(), bn)
