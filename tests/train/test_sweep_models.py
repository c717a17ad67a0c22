"""Sweeps of convolutional and physics-informed networks, and of more networks than train side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.native import threads
from rushlight.train import EarlyStopping, Trainer
from rushlight.train.sweeping import lockstep
from tests.train.test_sweep_family import TEST, TRAIN, alone, assert_alone_is_the_same, bits, disk
from tests.train.test_sweep_kept import Press

pytest.importorskip("llvmlite")


def pictures(count: int, seed: int) -> tuple[rl.Tensor, rl.Tensor]:
    """Noise, brighter in the half that the class says."""
    rl.manual_seed(seed)
    classes = rl.randint(0, 2, (count,))
    x = rl.rand(count, 1, 12, 12)
    x[:, :, :6] += classes.reshape(count, 1, 1, 1)
    return x, classes


def lenet(lr: float, seed: int, dropout: float = 0.0) -> Trainer:
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(16, 8),
        nn.ReLU(),
        nn.Linear(8, 2),
    )
    optimizer = rl.optim.Adam(model.parameters(), lr=lr)
    return Trainer(model, optimizer, nn.CrossEntropyLoss(), metrics=["accuracy"])


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_lenets(dropout: float) -> None:
    train, validation = pictures(60, 1), pictures(30, 2)
    configs = rl.grid(lr=[0.003, 0.01], seed=range(3), dropout=dropout)
    result = assert_alone_is_the_same(
        lenet, configs, 6, train, families=3, batch_size=25, validation=validation
    )
    losses = result.curves("train_loss")
    assert (losses[:, -1] < losses[:, 0]).all()


class Burgers(nn.Module):
    """What Burgers' equation leaves over at points (x, t): u_t + u u_x - nu u_xx."""

    def __init__(self) -> None:
        self.net = nn.MLP(2, [7, 7], 1, activation="tanh")

    def forward(self, points: rl.Tensor) -> rl.Tensor:
        x, t = (points[:, i : i + 1].detach().requires_grad_() for i in (0, 1))
        u = self.net(rl.cat((x, t), 1))
        u_x, u_t = rl.autograd.grad(u.sum(), (x, t), create_graph=True)
        (u_xx,) = rl.autograd.grad(u_x.sum(), x, create_graph=True)
        start = self.net(rl.cat((x, 0.0 * t), 1)) + rl.sin(math.pi * x)
        return rl.cat((u_t + u * u_x - 0.01 / math.pi * u_xx, start), 1)


def pinn(lr: float, seed: int) -> Trainer:
    model = Burgers()
    return Trainer(model, rl.optim.Adam(model.parameters(), lr=lr), nn.MSELoss())


def test_networks_that_solve_an_equation() -> None:
    rl.manual_seed(4)
    points = rl.rand(70, 2) * rl.tensor([2.0, 1.0]) - rl.tensor([1.0, 0.0])
    train = points, rl.zeros(70, 2)
    result = assert_alone_is_the_same(
        pinn, rl.grid(lr=[0.003, 0.01], seed=range(3)), 6, train, families=2, batch_size=32
    )
    losses = result.curves("train_loss")
    assert (losses[:, -1] < losses[:, 0]).all()


@pytest.fixture
def small_waves(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four networks at a time."""
    counts: list[int] = []

    def few(groups: Any, data: Any) -> Any:
        found = made(groups, data)
        counts.append(len(found))
        return found

    made = lockstep.waves
    monkeypatch.setattr(threads, "_chosen", 1)
    monkeypatch.setattr(lockstep, "MEMBERS", 1)
    monkeypatch.setattr("rushlight.train.sweeping.loop.waves", few)
    yield
    assert counts[0] == 3


@pytest.mark.usefixtures("small_waves")
def test_more_networks_than_train_side_by_side() -> None:
    configs = rl.grid(activation=["tanh", "relu"], lr=0.05, seed=range(6))
    configs[3]["lr"] = 1e12
    result = rl.sweep(disk, configs, TRAIN, 9, batch_size=40, validation=TEST, progress=False)
    assert result.why_eager is None
    assert result.compiled == 6
    assert [run.number for run in result if run.diverged is not None] == [3]
    for run in result:
        if run.number != 3:
            assert bits(run.trainer) == bits(
                alone(disk, run.config, TRAIN, 9, batch_size=40, validation=TEST)
            )


@pytest.mark.usefixtures("small_waves")
def test_each_wave_has_its_own_schedules_and_stops() -> None:
    def build(lr: float, seed: int) -> Trainer:
        model = nn.MLP(2, [5], 1)
        optimizer = rl.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        rate = rl.optim.lr_scheduler.StepLR(optimizer, 2, 0.5) if seed % 3 == 0 else None
        stop = EarlyStopping("validation_loss", patience=2) if seed % 3 == 1 else None
        return Trainer(
            model, optimizer, nn.MSELoss(), scheduler=rate, early_stopping=stop, metrics=["error", "mae"]
        )

    configs = rl.grid(lr=0.2, seed=range(9))
    result = assert_alone_is_the_same(build, configs, 8, families=6, batch_size=40, validation=TEST)
    assert result[0].history["lr"][-1] < result[2].history["lr"][-1]


@pytest.mark.usefixtures("small_waves")
def test_ctrl_c_between_waves_and_going_on(
    tmp_path: Any, ctrl_c: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rushlight.train.sweeping.watch.COST", 0)
    configs: list[dict[str, Any]] = rl.grid(lr=0.05, seed=range(9))
    with pytest.raises(rl.train.Interrupted) as caught:
        rl.sweep(disk, configs, TRAIN, 40, batch_size=40, progress=Press(240), out=tmp_path)
    partial = caught.value.sweep
    assert [run.over for run in partial] == [True] * 3 + [False] * 6
    assert 0 < partial[3].history.count < 40
    assert [run.history.count for run in partial[6:]] == [0] * 3
    resumed = rl.sweep(disk, configs, TRAIN, 40, batch_size=40, progress=False, out=tmp_path, resume=True)
    for run in resumed:
        assert bits(run.trainer) == bits(alone(disk, run.config, TRAIN, 40, batch_size=40))
