"""Networks trained side by side: bit for bit what each is alone, whatever it is made of."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.native import threads
from rushlight.train import EarlyStopping, Trainer
from rushlight.train.sweeping.fingerprint import Fingerprint

pytest.importorskip("llvmlite")

Build = Callable[..., Trainer]
TRAIN, TEST = rl.data.Disk(150, seed=1), rl.data.Disk(70, seed=1, split="test")


@pytest.fixture(params=[1, 2])
def cores(request: pytest.FixtureRequest) -> Iterator[int]:
    """Results do not depend on the number of threads."""
    before = threads._chosen
    threads.set_num_threads(request.param)
    yield request.param
    threads._chosen = before


def bits(trainer: Trainer) -> Any:
    """Weights, optimiser state and history, but for the seconds."""
    state = trainer.optimizer.state_dict()["state"]
    return (
        [(name, value.numpy().tobytes()) for name, value in trainer.model.state_dict().items()],
        [
            (i, key, rl.tensor(v).numpy().tobytes())
            for i, entries in state.items()
            for key, v in entries.items()
        ],
        [{k: v for k, v in row.items() if k != "seconds"} for row in trainer.history.rows],
    )


def alone(build: Build, config: dict[str, Any], train: Any, epochs: int, **options: Any) -> Trainer:
    seed = config.get("seed", 0)
    rl.manual_seed(seed)
    trainer = build(**config)
    trainer.seed, trainer.progress = seed, False
    trainer.fit(train, epochs, **options)
    return trainer


def assert_alone_is_the_same(
    build: Build,
    configs: Any,
    epochs: int = 4,
    train: Any = TRAIN,
    families: int | None = None,
    **options: Any,
) -> rl.Sweep:
    with warnings.catch_warnings():
        if families is None:
            warnings.simplefilter("ignore", RuntimeWarning)
        result = rl.sweep(build, configs, train, epochs, progress=False, **options)
    if families is not None:
        assert result.why_eager is None
        assert result.compiled == families
    for run in result:
        assert bits(run.trainer) == bits(alone(build, run.config, train, epochs, **options)), run
    return result


def disk(lr: float, seed: int, activation: str = "tanh", momentum: float = 0.9) -> Trainer:
    model = nn.MLP(2, [6, 5], 1, activation=activation)
    optimizer = rl.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    return Trainer(model, optimizer, nn.MSELoss(), metrics=["error"])


def test_sixteen_networks(cores: int) -> None:
    configs = rl.grid(activation=["tanh", "relu"], momentum=[0.5, 0.9], seed=range(4), lr=0.05)
    # For each activation: whole batches, the rest of the batches, and the two sizes of validation batch.
    result = assert_alone_is_the_same(disk, configs, epochs=12, families=6, batch_size=40, validation=TEST)
    assert [len(run.history.rows) for run in result] == [12] * 16
    assert result.best().history["validation_loss"][-1] < 0.25


def test_a_network_that_diverges_harms_no_other() -> None:
    configs = [{"lr": 0.05, "seed": 0}, {"lr": 1e12, "seed": 1}, {"lr": 0.02, "seed": 2}]
    result = rl.sweep(disk, configs, TRAIN, 5, batch_size=50, progress=False)
    assert [run.diverged is None for run in result] == [True, False, True]
    lost = result[1]
    assert len(lost.history.rows) == lost.diverged - 1 < 5
    assert all(math.isfinite(row["train_loss"]) for row in lost.history.rows)
    for run in (result[0], result[2]):
        assert bits(run.trainer) == bits(alone(disk, run.config, TRAIN, 5, batch_size=50))
    with pytest.raises(rl.errors.AnomalyError, match=f"epoch {lost.diverged}"):
        alone(disk, lost.config, TRAIN, 5, batch_size=50)


def dropout(p: float, seed: int) -> Trainer:
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(p), nn.Linear(8, 1))
    return Trainer(model, rl.optim.Adam(model.parameters(), lr=0.01), nn.MSELoss())


def test_dropout_has_each_network_s_own_numbers() -> None:
    assert_alone_is_the_same(
        dropout, rl.grid(p=[0.2, 0.5], seed=range(2)), families=6, batch_size=40, validation=TEST
    )


def scheduled(lr: float, seed: int, schedule: Any = "epoch") -> Trainer:
    model = nn.MLP(2, [6], 1)
    optimizer = rl.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=lr / 100, nesterov=True)
    scheduler = rl.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    return Trainer(model, optimizer, nn.MSELoss(), scheduler=scheduler, schedule=schedule, clip_grad_norm=0.5)


def test_a_scheduler() -> None:
    configs = rl.grid(lr=[0.1, 0.2], seed=range(2))
    result = assert_alone_is_the_same(scheduled, configs, epochs=5, families=1, batch_size=50)
    assert result[0].history["lr"] == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_a_scheduler_for_every_batch(cores: int) -> None:
    """It holds the others to a batch at a time, and changes nothing for them."""
    configs = [{"lr": 0.1, "seed": 0}, {"lr": 0.1, "seed": 1, "schedule": "batch"}]
    result = assert_alone_is_the_same(scheduled, configs, families=3, batch_size=40, validation=TEST)
    assert [run.trainer.scheduler.last_epoch for run in result] == [4, 16]


def stopping(patience: int, seed: int) -> Trainer:
    trainer = disk(0.3, seed)
    trainer.early_stopping = EarlyStopping("validation_error", patience)
    return trainer


def test_early_stopping_stops_each_for_itself() -> None:
    configs = rl.grid(patience=[1, 4], seed=range(3))
    result = assert_alone_is_the_same(
        stopping, configs, epochs=15, families=2, batch_size=50, validation=TEST
    )
    assert len(set(result.columns["epochs"])) > 1


def widths(hidden: int, seed: int, optimizer: str = "SGD", **options: Any) -> Trainer:
    model = nn.MLP(2, hidden, 1)
    made = getattr(rl.optim, optimizer)(model.parameters(), lr=0.01, **options)
    return Trainer(model, made, nn.MSELoss(), metrics=["accuracy", "confusion_matrix", gap])


def gap(output: rl.Tensor, target: rl.Tensor) -> rl.Tensor:
    return (output - target).abs().mean()


def test_several_families_and_metrics_of_other_kinds() -> None:
    configs = [
        {"hidden": 3, "seed": 0},
        {"hidden": 4, "seed": 1},
        {"hidden": 3, "seed": 2, "optimizer": "Adam"},
        {"hidden": 3, "seed": 3, "optimizer": "Adam", "betas": (0.8, 0.99)},
        {"hidden": 3, "seed": 4, "momentum": 0.5},
        {"hidden": 3, "seed": 5, "momentum": 0.8, "dampening": 0.3},
        {"hidden": 3, "seed": 6, "momentum": 0.7, "dampening": 0.2, "weight_decay": 0.1},
        {"hidden": 4, "seed": 7, "momentum": 0.0},
        {"hidden": 4, "seed": 7, "momentum": 0.6, "nesterov": True},
    ]
    assert_alone_is_the_same(widths, configs, families=2 * 8, batch_size=50, validation=TEST)


def test_classes_signs_and_data_sets_of_all_kinds() -> None:
    def classes(seed: int) -> Trainer:
        model = nn.MLP(2, [5], 2)
        return Trainer(
            model, rl.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss(), metrics="error"
        )

    for targets in ("class", "one_hot"):
        data, test = (rl.data.Disk(90, targets=targets, split=s) for s in ("train", "test"))
        train = rl.data.Subset(data, list(range(70))[::-1])
        assert_alone_is_the_same(classes, rl.grid(seed=range(2)), 3, train, batch_size=32, validation=test)
    signed = rl.data.Disk(90, targets="signed")
    part = (signed.inputs.contiguous(), signed.targets)
    loader = rl.data.DataLoader(rl.data.TensorDataset(*part), batch_size=32, shuffle=True, drop_last=True)
    for data in (part, loader):
        fresh = rl.sweep(disk, rl.grid(lr=0.1, seed=range(2)), data, 3, progress=False, validation=part)
        for run in fresh:
            mine = alone(disk, run.config, unused(data), 3, validation=part)
            assert bits(run.trainer) == bits(mine)


def unused(data: Any) -> Any:
    """A loader that has not begun."""
    if isinstance(data, rl.data.DataLoader):
        return rl.data.DataLoader(data.dataset, batch_size=32, shuffle=True, drop_last=True)
    return data


def test_long_epochs_are_cut_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.train.sweeping.lockstep.SECONDS", 1e-9)
    configs = rl.grid(lr=[0.05, 0.1], seed=range(2))
    assert_alone_is_the_same(disk, configs, 2, families=3, batch_size=7, validation=TEST)


def test_a_network_that_diverges_within_an_epoch_leaves_the_others_their_metrics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rushlight.train.sweeping.lockstep.SECONDS", 1e-9)
    configs = [{"lr": 0.05, "seed": 0}, {"lr": 1e30, "seed": 1}, {"lr": 0.02, "seed": 2}]
    result = rl.sweep(disk, configs, TRAIN, 2, batch_size=7, validation=TEST, progress=False)
    assert [run.diverged for run in result] == [None, 1, None]
    for run in (result[0], result[2]):
        assert bits(run.trainer) == bits(alone(disk, run.config, TRAIN, 2, batch_size=7, validation=TEST))


def measured(metric: Any, seed: int) -> Trainer:
    trainer = disk(0.05, seed)
    return Trainer(trainer.model, trainer.optimizer, trainer.loss, metrics=metric, clip_grad_value=0.1)


def test_networks_of_one_program_may_be_measured_differently() -> None:
    metrics = [["error"], ["mae", "r2"], [rl.train.Accuracy(0.3)], [rl.train.Accuracy(0.6)]]
    configs = [{"metric": metric, "seed": seed} for seed, metric in enumerate(metrics)]
    result = assert_alone_is_the_same(measured, configs, 3, families=2, batch_size=50, validation=TEST)
    assert "train_mae" in result[1].history
    assert "train_mae" not in result[0].history


def test_what_a_sweep_trained_trains_on() -> None:
    run = rl.sweep(disk, [{"lr": 0.05, "seed": 3}], TRAIN, 3, batch_size=50, progress=False)[0]
    run.trainer.progress = False
    run.trainer.fit(TRAIN, 6, batch_size=50)
    assert bits(run.trainer) == bits(alone(disk, run.config, TRAIN, 6, batch_size=50))


def test_fingerprints_tell_apart_what_freezes() -> None:
    class Scaled(nn.Module):
        def __init__(self, factor: float, function: Any) -> None:
            self.layer, self.factor, self.function = nn.Linear(2, 1), factor, function

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return self.function(self.layer(x)) * self.factor

    def trainer(factor: float, function: Any, **options: Any) -> Trainer:
        model = Scaled(factor, function)
        return Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss(), **options)

    def shift(by: float) -> Any:
        return lambda x: x + by

    def facts(*args: Any, **options: Any) -> Any:
        return Fingerprint(trainer(*args, **options)).facts

    same = facts(2.0, rl.tanh)
    assert facts(2.0, rl.tanh) == same
    assert facts(2, rl.tanh) != same
    assert facts(2.0, rl.sigmoid) != same
    assert facts(2.0, rl.tanh, clip_grad_norm=1.0) != same
    assert facts(2.0, shift(1.0)) == facts(2.0, shift(1.0)) != facts(2.0, shift(2.0))
    assert facts(2.0, [rl.tanh, rl.tanh]) != facts(2.0, [rl.tanh, rl.sigmoid])
    assert facts(0.0, rl.tanh) != facts(-0.0, rl.tanh)


def test_a_step_that_writes_what_others_hold_goes_alone() -> None:
    total = rl.zeros(1)

    class Counting(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 1)

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            with rl.no_grad():
                total.add_(1.0)
            return self.layer(x)

    def build(seed: int) -> Trainer:
        model = Counting()
        return Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())

    with pytest.warns(RuntimeWarning, match="one after the other"):
        result = rl.sweep(build, rl.grid(seed=range(2)), TRAIN, 2, batch_size=50, progress=False)
    assert result.compiled is None
    assert total.item() == 2 * 2 * 3


def test_a_graph_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.compile import pipeline

    configs = rl.grid(lr=[0.05, 0.1], seed=range(2))
    assert_alone_is_the_same(disk, configs, 2, batch_size=50)
    monkeypatch.setattr(pipeline, "render", lambda *args: 1 / 0)
    again = rl.sweep(disk, configs, TRAIN, 2, batch_size=50, progress=False)
    monkeypatch.undo()
    assert bits(again[1].trainer) == bits(alone(disk, configs[1], TRAIN, 2, batch_size=50))
    # Another number in the graph is another program.
    assert_alone_is_the_same(scheduled, [{"lr": 0.1, "seed": 0}], 2, batch_size=50)
    strict = [{"lr": 0.1, "seed": 0, "norm": 0.01}]
    assert_alone_is_the_same(clipped, [{**strict[0], "norm": 0.5}], 2, batch_size=50)
    assert_alone_is_the_same(clipped, strict, 2, batch_size=50)


def clipped(lr: float, seed: int, norm: float) -> Trainer:
    trainer = scheduled(lr, seed)
    trainer.clip_grad_norm = norm
    return trainer


def test_large_and_small_parameters() -> None:
    def build(seed: int) -> Trainer:
        model = nn.MLP(2, [70, 70], 1)
        return Trainer(model, rl.optim.SGD(model.parameters(), lr=0.05, momentum=0.9), nn.MSELoss())

    assert_alone_is_the_same(build, rl.grid(seed=range(2)), 2, families=1, batch_size=50)


class SignSGD(rl.optim.Optimizer):
    """A rule that reads its rate as a Python number, which freezes."""

    def update(self, param: Any, grad: Any, state: Any, group: Any) -> Any:
        return group["lr"] * rl.sign(grad)


def test_a_rule_that_reads_numbers_has_a_family_for_each() -> None:
    def build(lr: float, seed: int) -> Trainer:
        model = nn.Linear(2, 1)
        optimizer = SignSGD(model.parameters(), {"lr": lr})
        scheduler = rl.optim.lr_scheduler.StepLR(optimizer, 1, 0.5) if seed == 5 else None
        return Trainer(model, optimizer, nn.MSELoss(), scheduler=scheduler)

    assert_alone_is_the_same(build, rl.grid(lr=[0.01, 0.02], seed=range(2)), 3, families=2, batch_size=50)
    scheduled = [{"lr": 0.01, "seed": 5}]
    found = assert_alone_is_the_same(build, scheduled, 3, batch_size=50)[0]
    (plain,) = rl.sweep(build, scheduled, TRAIN, 3, batch_size=50, progress=False, compile=False)
    assert found.history["train_loss"] == pytest.approx(plain.history["train_loss"], rel=1e-5)
