"""Sweeps: the grid, the table, the runs, and what happens when something goes wrong."""

from __future__ import annotations

import csv
import gc
import math
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError
from rushlight.train import Interrupted, Progress, Status, Trainer
from rushlight.train.sweeping.result import Run
from rushlight.train.sweeping.watch import Watch

X = rl.linspace(-1, 1, 40).reshape(40, 1)
DATA = (X, X * X)


def build(lr: float, width: int = 4) -> Trainer:
    model = nn.MLP(1, width, 1, activation="tanh")
    return Trainer(model, rl.optim.SGD(model.parameters(), lr=lr), nn.MSELoss())


@pytest.fixture(scope="module")
def result() -> rl.Sweep:
    """Four runs, of which the last diverges, without the compiler."""
    configs = [*rl.grid(lr=[0.01, 0.1], seed=range(2))[:3], {"lr": 1e20, "seed": 1, "width": 5}]
    return rl.sweep(build, configs, DATA, 6, batch_size=16, validation=DATA, progress=False, compile=False)


def test_grid() -> None:
    assert rl.grid(a=[1, 2], b="xy", c=range(2)) == [
        {"a": 1, "b": "xy", "c": 0},
        {"a": 1, "b": "xy", "c": 1},
        {"a": 2, "b": "xy", "c": 0},
        {"a": 2, "b": "xy", "c": 1},
    ]
    assert rl.grid(a=None, b=(3, 4)) == [{"a": None, "b": 3}, {"a": None, "b": 4}]
    with pytest.raises(ArgumentError, match="got b without values; expected at least one value"):
        rl.grid(a=1, b=[])
    with pytest.raises(ArgumentError, match="no axes"):
        rl.grid()


def test_runs(result: rl.Sweep) -> None:
    assert len(result) == 4
    assert [run.number for run in result] == [0, 1, 2, 3]
    assert result[-1].diverged is not None
    assert result.models == [run.trainer.model for run in result[:4]]
    assert result[0].final["lr"] == 0.01
    assert result[0].final["epoch"] == 6
    assert result[0].final["train_loss"] == result[0].history["train_loss"][-1]
    assert result.compiled is None
    assert result.why_eager == "compile=False"
    assert result.seconds > 0
    assert repr(result) == "Sweep(4 runs of 6 epochs, 1 diverged)"
    assert repr(result[1]) == "Run(1: lr=0.01, seed=1; 6 epochs)"


def test_tables(result: rl.Sweep, tmp_path: Path) -> None:
    figures = ["train_loss", "validation_loss"]
    columns = result.columns
    assert list(columns) == ["lr", "seed", "width", *figures, "epochs", "diverged"]
    assert columns["lr"] == [0.01, 0.01, 0.1, 1e20]
    assert columns["width"] == [None, None, None, 5]
    assert columns["diverged"][:3] == [None] * 3
    assert [row["train_loss"] for row in result.rows[:3]] == [run.final["train_loss"] for run in result[:3]]
    long = result.per_epoch
    assert list(long) == ["run", "lr", "seed", "width", "epoch", *figures, "seconds"]
    assert len({len(column) for column in long.values()}) == 1
    assert long["epoch"][:7] == [1, 2, 3, 4, 5, 6, 1]
    result.to_csv(tmp_path / "sweep.csv")
    lines = list(csv.DictReader((tmp_path / "sweep.csv").read_text().splitlines()))
    assert [float(line["train_loss"]) for line in lines[:3]] == columns["train_loss"][:3]
    assert [line["run"] for line in lines] == ["0", "1", "2", "3"]
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.csv"]


def test_the_printed_table(result: rl.Sweep) -> None:
    lines = str(result).splitlines()
    assert lines[0].split() == ["run", *result.columns]
    assert len({len(line) for line in lines}) == 1
    many = rl.Sweep(result.runs * 10, 6)
    shown = str(many).splitlines()
    assert len(shown) == 1 + 20 + 1
    assert set(shown[11].split()) == {"..."}
    assert "diverged" not in str(result.where(lr=0.1))


def test_curves(result: rl.Sweep) -> None:
    curves = result.curves("validation_loss")
    assert curves.shape == (4, 6)
    assert np.isfinite(curves[:3]).all()
    assert np.isnan(curves[3]).any()
    assert result.curves("train_loss", lr=0.01, seed=1).tolist() == [result[1].history["train_loss"]]
    with pytest.raises(ArgumentError, match="expected one of train_loss, validation_loss"):
        result.curves("loss")


def test_where(result: rl.Sweep) -> None:
    assert [run.number for run in result.where(seed=0)] == [0, 2]
    assert [run.number for run in result.where(seed=0, lr=0.1)] == [2]
    with pytest.raises(ArgumentError, match="got 'rate'; expected one of lr, seed, width"):
        result.where(rate=0.1)
    with pytest.raises(ArgumentError, match="got lr=0.2; expected one of 0.01, 0.1, 1e"):
        result.where(lr=0.2)


def test_best(result: rl.Sweep) -> None:
    finals = [run.history["validation_loss"][-1] for run in result[:3]]
    assert result.best().number == finals.index(min(finals))
    assert result.best("train_loss", mode="max").number != 3
    with pytest.raises(ArgumentError, match="validation_accuracy"):
        result.best("validation_accuracy")
    with pytest.raises(ArgumentError, match="all diverged"):
        result.where(width=5).best()


def test_best_before_anything_ended_an_epoch() -> None:
    fresh = rl.Sweep([Run(0, {"lr": 0.1}, build(lr=0.1))], 6)
    with pytest.raises(ArgumentError, match="no run that has ended an epoch.*resume=True"):
        fresh.best()


def test_the_random_state_is_left_alone() -> None:
    rl.manual_seed(11)
    before = rl.rand(3).tolist()
    rl.manual_seed(11)
    rl.sweep(build, rl.grid(lr=[0.1], seed=range(2)), DATA, 1, progress=False, compile=False)
    assert rl.rand(3).tolist() == before


def test_the_garbage_collector_is_left_as_it_was() -> None:
    before, seen = gc.get_threshold(), []

    def watched(lr: float, seed: int) -> Trainer:
        seen.append(gc.get_threshold())
        if lr > 1.0:
            raise ZeroDivisionError
        return build(lr)

    rl.sweep(watched, rl.grid(lr=0.1, seed=0), DATA, 1, progress=False, compile=False)
    assert gc.get_threshold() == before
    with pytest.raises(ZeroDivisionError):
        rl.sweep(watched, rl.grid(lr=2.0, seed=0), DATA, 1, progress=False)
    assert gc.get_threshold() == before
    assert all(during[:2] == before[:2] and during != before for during in seen)


def test_seeds() -> None:
    def seeded(seed: int, own: int | None) -> Trainer:
        trainer = build(0.1)
        trainer.seed = own
        return trainer

    found = rl.sweep(seeded, rl.grid(seed=3, own=[None, 4]), DATA, 1, progress=False, compile=False)
    assert [run.trainer.seed for run in found] == [3, 4]
    # Without the key it is 0, and a build that takes no seed is not given one.
    first, second = rl.sweep(
        build, [{"lr": 0.1}, {"lr": 0.1, "seed": 0}], DATA, 1, progress=False, compile=False
    )
    assert first.trainer.seed == 0
    assert first.history["train_loss"] == second.history["train_loss"]


def test_what_is_refused() -> None:
    def shared() -> Any:
        model = nn.Linear(1, 1)
        return lambda lr: Trainer(model, rl.optim.SGD(model.parameters(), lr=lr), nn.MSELoss())

    ones = [{"lr": 1.0}]
    with pytest.raises(ArgumentError, match="no configs"):
        rl.sweep(build, [], DATA, 1)
    with pytest.raises(DTypeError, match="a list of dicts"):
        rl.sweep(build, {"lr": 1.0}, DATA, 1)
    with pytest.raises(DTypeError, match="a config 3"):
        rl.sweep(build, [3], DATA, 1)
    with pytest.raises(DTypeError, match="a build that returns 1.0; expected a Trainer"):
        rl.sweep(lambda lr: lr, ones, DATA, 1)
    with pytest.raises(ArgumentError, match="epochs=0"):
        rl.sweep(build, ones, DATA, 0)
    with pytest.raises(ArgumentError, match="compile='yes'"):
        rl.sweep(build, ones, DATA, 1, compile="yes")
    with pytest.raises(ArgumentError, match="one model in two trainers"):
        rl.sweep(shared(), ones * 2, DATA, 1)
    with pytest.raises(DTypeError, match="fit: got data of type int"):
        rl.sweep(build, ones, 3, 1, compile=False)
    with pytest.raises(TypeError, match=r"build\(\) got an unexpected .* 'lrr'. A config has its arguments"):
        rl.sweep(build, [{"lr": 0.1, "lrr": 1}], DATA, 1)
    with pytest.raises(TypeError, match=r"missing a required argument: 'lr'\); expected .* build\(lr: "):
        rl.sweep(build, [{"seed": 0}], DATA, 1)
    with pytest.raises(TypeError, match="build='net'; expected a function"):
        rl.sweep("net", [{}], DATA, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Call sweep\(build, configs, \(x, y\), epochs\)"):
        rl.sweep(build, [{}], *DATA, 1)  # type: ignore[misc]


def test_eager_is_close_to_compiled(result: rl.Sweep) -> None:
    pytest.importorskip("llvmlite")
    configs = [run.config for run in result]
    compiled = rl.sweep(build, configs, DATA, 6, batch_size=16, validation=DATA, progress=False)
    assert compiled.compiled == 6
    assert compiled.why_eager is None
    np.testing.assert_allclose(
        compiled.curves("validation_loss")[:3], result.curves("validation_loss")[:3], rtol=1e-5
    )
    assert compiled[3].diverged == result[3].diverged


def test_networks_that_cannot_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.train.eligible.find_spec", lambda name: None)
    configs = rl.grid(lr=[0.1], seed=range(2))
    with pytest.warns(
        RuntimeWarning, match="its networks one after the other: llvmlite is not installed"
    ) as seen:
        found = rl.sweep(build, configs, DATA, 2, progress=False)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    assert found.compiled is None
    assert found.why_eager is not None
    assert [len(run.history.rows) for run in found] == [2, 2]
    with pytest.raises(NotSupportedError, match="llvmlite"):
        rl.sweep(build, configs, DATA, 2, progress=False, compile=True)


class Shown(Progress):
    """Keeps what it is told; presses Ctrl-C at the first sight of an epoch."""

    interval = 1e-9

    def __init__(self, press: bool = False) -> None:
        self.seen: list[Status] = []
        self.press, self.stopped = press, False

    def epoch(self, status: Status) -> None:
        self.seen.append(status)
        if self.press and len(self.seen) == 1:
            signal.raise_signal(signal.SIGINT)

    def stop(self) -> None:
        self.stopped = True


@pytest.mark.parametrize("compile", [False, "auto"])
def test_one_bar_for_all(compile: Any) -> None:
    shown = Shown()
    rl.sweep(build, rl.grid(lr=[0.1, 0.2]), DATA, 40, progress=shown, compile=compile)
    percents = [status.epoch for status in shown.seen]
    assert percents == sorted(percents)
    assert all(percent % 5 == 0 for percent in percents)
    assert percents[-1] == 100
    last = shown.seen[-1]
    assert "2 models" in last.label
    assert last.label.startswith("100 %")
    assert last.unit == "steps"
    assert last.samples_per_second > 0
    assert last.values["best"] <= last.values["median loss"]
    assert shown.stopped


def test_in_waves_the_bar_counts_the_networks_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setattr("rushlight.train.sweeping.lockstep.MEMBERS", 1)
    shown, count = Shown(), 12 * rl.get_num_threads()  # three waves
    rl.sweep(build, rl.grid(lr=[0.1], seed=range(count)), DATA, 4, progress=shown)
    places = [int(status.label.split("%")[1].split(f" of {count} models done")[0]) for status in shown.seen]
    assert places == sorted(places)
    assert places[-1] == count
    assert {count // 3, 2 * count // 3} <= set(places)


def test_what_was_done_before_counts_no_time() -> None:
    shown, runs = Shown(), [Run(n, {"seed": n}, build(lr=0.1)) for n in range(4)]
    for run in runs[:2]:
        run.over = True
    watch = Watch(shown, rl.Sweep(runs, 6))
    watch.start()
    watch.began -= 100.0
    runs[2].over = True
    watch.look(6, 10)
    (status,) = shown.seen
    assert status.label == " 75 %  3 of 4 models done"
    assert status.seconds_left == pytest.approx(100.0, rel=0.05)  # a network took 100 s, another one is left


@pytest.mark.parametrize("compile", [False, "auto"])
def test_ctrl_c_leaves_what_was_done(ctrl_c: None, compile: Any) -> None:
    with pytest.raises(Interrupted) as caught:
        rl.sweep(build, rl.grid(lr=[0.1, 0.2]), DATA, 400, progress=Shown(press=True), compile=compile)
    partial = caught.value.sweep
    assert len(partial) == 2
    # On a busy machine the first network may be done by then.
    assert 0 < len(partial[0].history.rows) <= 400
    assert sum(len(run.history.rows) for run in partial) < 800
    assert not math.isnan(partial.curves("train_loss")[0, 0])
