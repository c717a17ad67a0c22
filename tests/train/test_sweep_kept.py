"""Sweeps that were stopped: by Ctrl-C or SIGKILL, and gone on with, to the bits of a sweep left alone."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, CheckpointError
from rushlight.train import Interrupted, Progress, Status, Trainer
from tests.train.kill_sweeps import check
from tests.train.killed_sweep import outcome, run

X = rl.linspace(-1, 1, 40).reshape(40, 1)
DATA = (X, X * X)


def build(lr: float, seed: int) -> Trainer:
    model = nn.MLP(1, 4, 1, activation="tanh")
    return Trainer(model, rl.optim.SGD(model.parameters(), lr=lr), nn.MSELoss(), metrics=["mae"])


class Press(Progress):
    """Presses Ctrl-C when it was called so many times."""

    interval = 1e-9

    def __init__(self, count: int) -> None:
        self.count = count
        self.first: Status | None = None

    def update(self, status: Status) -> None:
        self.first = self.first or status
        self.count -= 1
        if self.count == 0:
            signal.raise_signal(signal.SIGINT)

    epoch = update


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize(("how", "epochs"), [("auto", 200), ("plain", 40), ("eager", 20)])
def test_killed_and_resumed_equals_one_sweep(how: str, epochs: int) -> None:
    """Takes some seconds: each kill is a new process that compiles. RUSHLIGHT_KILLS asks for more of them."""
    kills = int(os.environ.get("RUSHLIGHT_KILLS", "1"))
    assert check(kills, epochs * kills, 5, how) >= 1


@pytest.mark.parametrize("how", ["auto", "plain", "eager"])
@pytest.mark.parametrize("count", [1, 3])
def test_ctrl_c_saves_and_resumes(tmp_path: Path, ctrl_c: None, how: str, count: int) -> None:
    with pytest.raises(Interrupted, match=r"with 0 of 4 networks done.*resume=True") as caught:
        run(tmp_path, 12, how, Press(count))
    assert len(caught.value.sweep) == 4
    assert caught.value.keep is None
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"plan.json", "running.safetensors" if caught.value.sweep.compiled else "run-0"}
    watch = Press(0)
    resumed = run(tmp_path, 12, how, watch)
    assert outcome(resumed) == outcome(run(None, 12, how))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("run")]


def test_in_the_middle_of_an_epoch(tmp_path: Path, ctrl_c: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts of metrics go on where they stood, whether they are joined or not."""
    pytest.importorskip("llvmlite")
    monkeypatch.setattr("rushlight.train.sweeping.watch.COST", 0)  # every look counts, on a busy machine too

    def both(lr: float, seed: int, metric: str) -> Trainer:
        trainer = build(lr, seed)
        return Trainer(trainer.model, trainer.optimizer, trainer.loss, metrics=[metric])

    class Slowly(rl.train.Callback):
        def on_batch_end(self, trainer: Any, loss: float) -> None:
            """Have every batch be a call of its own."""

    def slow(**config: Any) -> Trainer:
        trainer = both(**config)
        trainer.callbacks.items.append(Slowly())
        return trainer

    for metric in ("error", "mae"):
        configs, out = rl.grid(lr=[0.1], seed=range(2), metric=metric), tmp_path / metric
        data = (X, (X > 0).float())
        options: dict[str, Any] = {"batch_size": 8, "validation": data}
        with pytest.raises(Interrupted) as caught:
            rl.sweep(slow, configs, data, 3, out=out, progress=Press(9), **options)
        assert caught.value.sweep[0].trainer.position.batch > 0
        resumed = rl.sweep(slow, configs, data, 3, out=out, resume=True, progress=False, **options)
        whole = rl.sweep(slow, configs, data, 3, progress=False, **options)
        for one, other in zip(resumed, whole, strict=True):
            pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
            assert all(rl.equal(a, b) for a, b in pairs)
            figures = [name for name in one.history.columns if name != "seconds"]
            assert f"train_{metric}" in figures
            assert [one.history[n] for n in figures] == [other.history[n] for n in figures]


def test_a_sweep_without_a_folder_can_be_kept_after_ctrl_c(tmp_path: Path, ctrl_c: None) -> None:
    pytest.importorskip("llvmlite")
    configs = rl.grid(lr=[0.1, 0.2], seed=0)
    with pytest.raises(Interrupted, match=r"this exception's `sweep`, and its keep\(FOLDER\)") as caught:
        rl.sweep(build, configs, DATA, 400, progress=Press(2))
    caught.value.keep(tmp_path / "kept")
    watch = Press(0)
    resumed = rl.sweep(build, configs, DATA, 400, out=tmp_path / "kept", resume=True, progress=watch)
    whole = rl.sweep(build, configs, DATA, 400, progress=False)
    assert resumed.curves("train_loss").tolist() == whole.curves("train_loss").tolist()


def test_a_finished_sweep_is_there_at_once(tmp_path: Path) -> None:
    configs, options = rl.grid(lr=[0.1, 1e20], seed=0), {"compile": False, "progress": False}
    done = rl.sweep(build, configs, DATA, 3, out=tmp_path, **options)
    calls = []

    def watched(**config: Any) -> Trainer:
        trainer = build(**config)
        trainer.train_step = lambda batch: calls.append(1)  # type: ignore[assignment,method-assign]
        return trainer

    again = rl.sweep(watched, configs, DATA, 3, out=tmp_path, resume=True, **options)
    assert not calls
    assert again.rows == done.rows
    assert again[1].diverged == done[1].diverged == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["done-0001.safetensors", "plan.json"]


def test_folders_that_do_not_fit(tmp_path: Path) -> None:
    configs, options = rl.grid(lr=[0.1], seed=0), {"compile": False, "progress": False, "out": tmp_path}
    rl.sweep(build, configs, DATA, 2, **options)
    with pytest.raises(ArgumentError, match="holds an earlier sweep"):
        rl.sweep(build, configs, DATA, 2, **options)
    with pytest.raises(ArgumentError, match="other epochs and configs"):
        rl.sweep(build, configs * 2, DATA, 3, resume=True, **options)
    with pytest.raises(ArgumentError, match="other data"):
        rl.sweep(build, configs, (X, X), 2, resume=True, **options)
    with pytest.raises(ArgumentError, match="resume=True without a folder"):
        rl.sweep(build, configs, DATA, 2, resume=True)
    (kept,) = tmp_path.glob("done-*")
    contents = kept.read_bytes()
    kept.write_bytes(contents[:-5])
    with pytest.raises(CheckpointError, match="done-0001"):
        rl.sweep(build, configs, DATA, 2, resume=True, **options)
    rl.train.save_checkpoint(kept, epoch=3)
    with pytest.raises(CheckpointError, match="no states of a sweep"):
        rl.sweep(build, configs, DATA, 2, resume=True, **options)
    plan = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps({**plan, "configs": 3})[:-7])
    with pytest.raises(CheckpointError, match=r"plan\.json is damaged"):
        rl.sweep(build, configs, DATA, 2, resume=True, **options)
    assert len(rl.sweep(build, configs, DATA, 3, overwrite=True, **options)[0].history.rows) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["done-0001.safetensors", "plan.json"]
    (tmp_path / "other" / "run-3").mkdir(parents=True)
    for overwrite in (False, True):
        elsewhere = {**options, "out": tmp_path / "other", "overwrite": overwrite}
        with pytest.raises(ArgumentError, match=r"holds run-3 and no plan\.json"):
            rl.sweep(build, configs, DATA, 2, **elsewhere)
    assert (tmp_path / "other" / "run-3").exists()
    with pytest.raises(ArgumentError, match="a folder to write to"):
        rl.sweep(build, configs, DATA, 2, **{**options, "out": tmp_path / "plan.json"})
