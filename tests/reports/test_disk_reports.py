"""R1, R3 and R5: the parts that their findings rest on, and each page written once with few short runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import rushlight as rl
from rushlight import nn
from rushlight.reports import disk, layerwise, r1, r1_readings, r3, r3_entropy, r5, write_report

TRAIN, TEST = disk.disk()
X, Y = TRAIN[:50]
Z = rl.tensor([[-3.0], [-0.5], [0.2], [2.0]])
LABELS = rl.tensor([[1.0], [0.0], [1.0], [0.0]])


@pytest.mark.parametrize("activation", [layerwise.Tanh, layerwise.ReLU])
def test_layers_give_the_gradients_of_autograd(activation):
    rl.manual_seed(1)
    ours = layerwise.Module(5, 4, activation=activation)
    theirs = nn.MLP(2, [5, 4], 1, activation=activation.__name__.lower(), output=activation.__name__.lower())
    for (mine, _), parameter in zip(ours.param(), theirs.parameters(), strict=True):
        mine.copy_(parameter.detach())
    criterion = layerwise.MSE()
    assert criterion(Y, ours(X)).item() == pytest.approx(nn.functional.mse_loss(theirs(X), Y).item())
    for _ in range(2):  # gradients add up
        criterion(Y, ours(X))
        ours.backward(criterion.backward())
        nn.functional.mse_loss(theirs(X), Y).backward()
    for (_, gradient), parameter in zip(ours.param(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(gradient.numpy(), parameter.grad.numpy(), rtol=1e-4, atol=1e-7)
    ours.zero_grad()
    assert all(gradient.abs().max().item() == 0 for _, gradient in ours.param())


def test_both_ways_of_r1_arrive_at_the_same_weights():
    assert r1._difference() < 1e-6


def test_a_new_layer_of_r1():
    layer = layerwise.Linear(4, 1000)
    assert layer.bias.abs().max().item() == 0
    assert 0.49 < layer.weight.abs().max().item() <= 0.5


def test_added_gradients_are_too_long_a_step():
    for reduction, learns in (("mean", True), ("sum", False)):
        runs = r1_readings.train(
            rl.grid(activation=["tanh", "relu"], lr=0.1, last=False, reduction=reduction, seed=range(2))
        )
        assert (disk.errors(runs) < 0.4).all() == learns
        assert (r1_readings.lost(runs) == "4 of 4") != learns


def test_smaller_steps_are_smoother_and_slower():
    runs = r1_readings.train(rl.grid(activation="tanh", lr=r1.RATES, seed=range(3)))
    curves = [runs.curves("validation_loss", lr=lr) for lr in r1.RATES]
    rises = [disk.rising(curve) for curve in curves]
    ends = [curve[:, -1].mean() for curve in curves]
    assert rises == sorted(rises, reverse=True)
    assert rises[0] > rises[-1] == 0
    assert ends == sorted(ends)


def gradient(loss, z=Z):
    """The derivative of a loss with respect to z, for each sample."""
    z = z.clone().requires_grad_()
    (found,) = rl.autograd.grad(loss(z), [z])
    return found.numpy()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_slips_of_the_cross_entropy(reduction):
    share = 0.25 if reduction == "mean" else 1.0
    p, y = rl.sigmoid(Z).numpy(), LABELS.numpy()
    right = gradient(lambda z: nn.functional.binary_cross_entropy_with_logits(z, LABELS, reduction=reduction))
    squared = gradient(lambda z: nn.functional.mse_loss(rl.sigmoid(z), LABELS, reduction=reduction))
    both = gradient(
        lambda z: nn.functional.binary_cross_entropy(rl.sigmoid(rl.sigmoid(z)), LABELS, reduction=reduction)
    )
    q = rl.sigmoid(rl.sigmoid(Z)).numpy()
    expected = {
        "right: p - y": right,
        "sigmoid forgotten": share * (p - y) / (p * (1 - p)),
        "sigmoid twice": squared / 2,
        # The true derivative has the loss's own factor q(1-q) as well, which this slip leaves out.
        "sigmoid in layer and loss": both / (q * (1 - q)),
    }
    assert list(expected) == list(r3_entropy.GRADIENTS)
    for name, values in expected.items():
        found = gradient(lambda z, name=name: r3_entropy.CrossEntropy(name, reduction)(z, LABELS))
        np.testing.assert_allclose(found, values, rtol=1e-5)


def test_printed_sign_of_the_squared_error_climbs():
    down = gradient(lambda z: nn.functional.mse_loss(z, LABELS))
    np.testing.assert_allclose(gradient(lambda z: r3.AsPrinted.apply(z, LABELS)), -down, rtol=1e-6)
    assert r3._ascent()[0] == 10


def test_only_the_forgotten_sigmoid_fails_from_everywhere():
    configs = rl.grid(
        gradient=["right: p - y", "sigmoid forgotten"], init=list(r3_entropy.INITS),
        activation="tanh", reduction="mean", lr=0.1, seed=range(2),
    )  # fmt: skip
    runs = r3_entropy.train(configs, 30)
    assert np.isnan(disk.errors(runs.where(gradient="sigmoid forgotten"))).all()
    assert (disk.errors(runs.where(gradient="right: p - y")) < 0.1).all()


def test_tanh_ends_lower_on_average_and_higher_than_relu_networks_that_live():
    runs = r3.train(rl.grid(**r3.MAIN, activation=list(r3.NAMES), seed=range(8)))
    ends = {key: runs.where(activation=key).curves("train_loss")[:, -1] for key in r3.NAMES}
    dead = r3._dead(runs.where(activation="relu"))
    assert 0 < dead.sum() < 8
    assert np.log(ends["tanh"]).mean() < np.log(ends["relu"]).mean()
    assert np.log(ends["tanh"]).mean() > np.log(ends["relu"][~dead]).mean()


def test_error_of_r5():
    runs = r5.train(rl.grid(**r5.MAIN, seed=range(6)))
    assert disk.errors(runs).mean() <= r5.REPORTED[1]
    _, test = disk.disk("signed")
    wrong = disk.classes(runs[0].model, test.inputs, threshold=0.0) != test.labels.numpy()
    assert wrong.mean() == pytest.approx(disk.errors(runs)[0])


def test_where_wrong():
    predicted = TEST.labels.numpy().copy()
    centre = np.abs(TEST.points.numpy() - 0.5).sum(axis=1).argmin()
    predicted[centre] ^= 1
    row = r3._where_wrong(TEST, predicted)
    assert row["test error"] == "0.1 %"
    assert row["largest"] == row["mean distance of wrong points"]
    assert 0.3 < float(row["largest"]) < TEST.RADIUS


@pytest.fixture
def short(monkeypatch):
    """Sweeps of one seed, two epochs and one batch, without compiling."""
    real = rl.sweep

    def sweep(build, configs, data, epochs, **options):
        configs = [config for config in configs if config["seed"] == 0]
        return real(build, configs, data, 2, **options | {"compile": False, "batch_size": 1000})

    monkeypatch.setattr(rl, "sweep", sweep, raising=False)
    monkeypatch.setattr(r1, "EPOCHS", 2)
    monkeypatch.setattr(r1, "SHOWN", 1)
    monkeypatch.setattr(r3, "_dead", lambda runs: np.zeros(len(runs), bool))


PICTURES = {
    "R1": ["architecture", "r1a-mse", "r1b-rates", "r1c-statistics"],
    "R3": ["architecture", "r3a-log-loss", "r3b-maps", "r3c-suspects", "r3c-trained"],
    "R5": ["architecture", "classes", "r5a-errors", "r5b-boundary", "r5b-classes"],
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # means over networks of which none is left
@pytest.mark.parametrize("name", PICTURES)
def test_pages_have_every_experiment(name, short, tmp_path: Path):
    path = write_report(name, tmp_path, say=lambda line: None)
    text = path.read_text()
    drawn = sorted(picture.stem for picture in (tmp_path / name).iterdir())
    assert drawn == PICTURES[name]
    assert all(f"({name}/{picture}.png)" in text for picture in drawn)
    experiments = {"R1": "abc", "R3": "abc", "R5": "ab"}[name]
    assert all(f"## {name}-{letter}. " in text for letter in experiments)
    assert f"{name} reports" in text
    assert " networks × " in text
    for line in text.split("```")[::2]:
        assert "{" not in line  # nothing left to be filled in
