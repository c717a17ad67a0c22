"""Trainer: what it does is what the plain loop does; what it refuses; what it leaves."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.errors import AnomalyError, ArgumentError, DataError, DTypeError, ShapeError
from rushlight.train import ConfusionMatrix, History, Progress, Status, Trainer


def line() -> tuple[rl.Tensor, rl.Tensor]:
    x = rl.linspace(-1, 1, 40).reshape(40, 1)
    return x, 3 * x + 1


def make(**options: Any) -> Trainer:
    rl.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    options.setdefault("progress", False)
    rate = options.pop("lr", 0.1)
    return Trainer(model, optim.SGD(model.parameters(), lr=rate, momentum=0.9), nn.MSELoss(), **options)


def test_equals_the_loop_written_by_hand() -> None:
    trainer = make(clip_grad_norm=0.5, compile=False)
    trainer.fit(rl.data.DataLoader(rl.data.TensorDataset(*line()), 7, shuffle=True, seed=5), 3)
    by_hand = make()
    for _ in range(3):
        loader = rl.data.DataLoader(rl.data.TensorDataset(*line()), 7, shuffle=True, seed=5)
        loader.set_epoch(_)
        for x, y in loader:
            loss = by_hand.loss(by_hand.model(x), y)
            by_hand.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(by_hand.model.parameters(), 0.5)
            by_hand.optimizer.step()
    for ours, theirs in zip(trainer.model.parameters(), by_hand.model.parameters(), strict=True):
        assert ours.tolist() == theirs.tolist()


def test_history_and_evaluate() -> None:
    x, y = line()
    trainer = make(metrics=[lambda output, target: (output - target).abs().max()])
    trainer.metrics.items[0].name = "gap"
    history = trainer.fit((x, y), 4, validation=(x, y), batch_size=10)
    assert history.columns == [
        "epoch", "train_loss", "train_gap", "validation_loss", "validation_gap", "lr", "seconds",
    ]  # fmt: skip
    assert history["epoch"] == [1, 2, 3, 4]
    measured = trainer.evaluate((x, y))
    assert measured["loss"] == history["validation_loss"][-1]
    assert measured["gap"] == history["validation_gap"][-1]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_epoch_loss_weighs_batches_of_unequal_size(reduction: str) -> None:
    x, y = line()
    trainer = make(lr=0.0)
    trainer.loss = nn.MSELoss(reduction=reduction)
    history = trainer.fit((x, y), 1, batch_size=33)
    expected = float(((trainer.predict(x) - y) ** 2).mean())
    assert history["train_loss"][0] == pytest.approx(expected, rel=1e-6)
    assert trainer.evaluate((x, y), batch_size=7)["loss"] == pytest.approx(expected, rel=1e-6)


def test_epochs_count_in_all_and_nothing_to_do_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = make(progress=True)
    trainer.fit(line(), 2)
    assert len(trainer.fit(line(), 3).rows) == 3
    capsys.readouterr()
    assert len(trainer.fit(line(), 3).rows) == 3
    assert "nothing to train: after epoch 3" in capsys.readouterr().out


def test_a_set_is_shuffled_anew_each_epoch_and_equal_for_equal_seeds() -> None:
    first = make(seed=1).fit(line(), 3)["train_loss"]
    assert make(seed=1).fit(line(), 3)["train_loss"] == first
    assert make(seed=2).fit(line(), 3)["train_loss"] != first


@pytest.mark.parametrize("cut", range(1, 9))
def test_any_iterable_of_batches_resumes(tmp_path: Path, cut: int) -> None:
    x, y = line()
    batches = [(x[i : i + 10], y[i : i + 10]) for i in range(0, 40, 10)]
    whole = make(compile=False)
    whole.fit(batches, 2)

    trainer, count = make(out=tmp_path, checkpoint_every=1), 0
    step = trainer.train_step

    def breaks(batch: Any) -> Any:
        nonlocal count
        count += 1
        if count > cut:
            raise RuntimeError("power cut")
        return step(batch)

    trainer.train_step = breaks  # type: ignore[method-assign]
    if cut < 8:
        with pytest.raises(RuntimeError, match="power cut"):
            trainer.fit(batches, 2)
    else:
        trainer.fit(batches, 2)
    resumed = make(out=tmp_path, compile=False)
    resumed.fit(batches, 2, resume=True)
    assert resumed.model[0].weight.tolist() == whole.model[0].weight.tolist()
    assert resumed.history["train_loss"] == whole.history["train_loss"]


def test_files_in_out(tmp_path: Path) -> None:
    trainer = make(out=tmp_path / "deep" / "folder")
    history = trainer.fit(line(), 2)
    names = sorted(path.name for path in (tmp_path / "deep" / "folder").iterdir())
    assert names == ["checkpoint.safetensors", "history.csv"]
    assert History.from_csv(tmp_path / "deep" / "folder" / "history.csv").rows == history.rows


def test_nan_stops_and_leaves_the_checkpoint(tmp_path: Path) -> None:
    make(out=tmp_path).fit(line(), 1)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    x, y = line()
    trainer = make(out=tmp_path, lr=1e30)
    with pytest.raises(AnomalyError) as stopped:
        trainer.fit((x, y), 50, batch_size=20, overwrite=True)
    text = str(stopped.value)
    assert "epoch 1, batch" in text
    assert "smaller learning rate (it is 1e+30)" in text
    assert "rl.detect_anomaly()" in text
    assert "left as it is" in text
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before

    x[25] = float("nan")
    with pytest.raises(AnomalyError, match=r"epoch 1, batch 2\. The inputs of this batch"):
        make().fit((x, y), 1, batch_size=20, shuffle=False)


def test_modes_and_gradients_are_left_as_they_were() -> None:
    x, y = line()
    trainer = make()
    trainer.model.append(nn.Dropout())
    trainer.model[1].eval()
    trainer.predict(x)
    trainer.evaluate((x, y))
    assert [module.training for module in trainer.model] == [True, False, True, True]
    assert rl.is_grad_enabled()
    assert not trainer.predict(x).requires_grad
    assert rl.allclose(trainer.predict(x, batch_size=7), trainer.predict((x, y)))


def test_scheduler_and_learning_rate_column() -> None:
    trainer = make()
    trainer.scheduler = optim.lr_scheduler.StepLR(trainer.optimizer, 1, 0.5)
    assert trainer.fit(line(), 3)["lr"] == pytest.approx([0.1, 0.05, 0.025])
    trainer = make(schedule="batch")
    trainer.scheduler = optim.lr_scheduler.StepLR(trainer.optimizer, 4, 0.5)
    assert trainer.fit(line(), 2, batch_size=10)["lr"] == pytest.approx([0.05, 0.025])


def test_a_metric_that_is_no_number_stays_out_of_the_history() -> None:
    x = rl.randn(20, 1)
    trainer = make(metrics=["accuracy", "error", ConfusionMatrix(2)])
    history = trainer.fit((x, (x > 0).float()), 1, validation=(x, (x > 0).float()))
    assert "train_error" in history
    assert "train_confusion_matrix" not in history
    assert trainer.evaluate((x, (x > 0).float()))["confusion_matrix"].sum() == 20


def test_logits_have_their_border_at_zero() -> None:
    trainer = make()
    for loss in (nn.BCEWithLogitsLoss(), nn.functional.binary_cross_entropy_with_logits):
        other = Trainer(trainer.model, trainer.optimizer, loss, metrics=["accuracy"])
        assert other.metrics.items[0].threshold == 0.0  # type: ignore[attr-defined]


def test_a_file_lost_to_a_kill_between_two_writes_comes_back(tmp_path: Path) -> None:
    make(out=tmp_path).fit(line(), 2)
    (tmp_path / "history.csv").unlink()
    make(out=tmp_path).fit(line(), 2, resume=True)
    assert len(History.from_csv(tmp_path / "history.csv").rows) == 2


def test_detect_anomaly_names_what_came_first() -> None:
    trainer = make(lr=1e30)
    with pytest.raises(AnomalyError, match=r"^\w+: got -?(inf|nan) at index"), rl.detect_anomaly():
        trainer.fit(line(), 5)
    with rl.detect_anomaly():
        make().fit(line(), 1)


def test_own_progress_is_told_where_the_run_stands() -> None:
    class Log(Progress):
        interval = 0.0

        def __init__(self) -> None:
            self.seen: list[tuple[int, int]] = []

        def update(self, status: Status) -> None:
            self.seen.append((status.epoch, status.batch))

    log = Log()
    make(progress=log).fit(line(), 2, batch_size=20)
    assert log.seen == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_what_is_refused(tmp_path: Path) -> None:
    x, y = line()
    with pytest.raises(DTypeError, match="can be used only once"):
        make().fit(iter([(x, y)]), 1)
    with pytest.raises(DTypeError, match="type Tensor"):
        make().fit(x, 1)
    with pytest.raises(ArgumentError, match=r"out=FOLDER"):
        make().fit((x, y), 1, resume=True)
    with pytest.raises(ArgumentError, match="metric 'speed'"):
        make(metrics=["speed"])
    with pytest.raises(ArgumentError, match="a name for each"):
        make(metrics=["accuracy", "accuracy"])
    with pytest.raises(ArgumentError, match="checkpoint_every=0"):
        make(checkpoint_every=0)
    with pytest.raises(ArgumentError, match="schedule='hour'"):
        make(schedule="hour")
    with pytest.raises(DTypeError, match=r"expected \(\*inputs, target\)"):
        make().fit([x], 1)
    with pytest.raises(DataError, match="without a batch"):
        make().fit(rl.data.DataLoader(rl.data.TensorDataset(x, y), 64, drop_last=True), 1)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ArgumentError, match="folder to write to"):
        make(out=tmp_path / "file").fit((x, y), 1)
    assert (tmp_path / "file").read_text() == "mine"
    trainer = make()
    trainer.loss = nn.MSELoss(reduction="none")
    with pytest.raises(Exception, match="shape"):
        trainer.fit((x, y), 1)
    with pytest.raises(ShapeError):
        make().fit((rl.zeros(4, 3), rl.zeros(4, 1)), 1)
    with pytest.raises(ShapeError, match="no samples"):
        make().predict(rl.zeros(0, 1))


@pytest.mark.parametrize("compile", ["auto", False])
def test_calls_with_other_arguments_say_what_is_taken(compile: Any) -> None:
    x, y = line()
    trainer: Any = make(compile=compile)
    for call in (lambda: trainer.fit(x, y, 1), lambda: trainer.fit((x, y))):
        with pytest.raises(TypeError, match=r"Call fit\(\(x, y\), epochs\)"):
            call()
    with pytest.raises(TypeError, match="'epoch'. Did you mean 'epochs'"):
        trainer.fit((x, y), epoch=1)
    with pytest.raises(TypeError, match=r"Call evaluate\(\(x, y\)\)"):
        trainer.evaluate(x, y, 32, 1)
    for call in (lambda: trainer.fit((x, y, y), 1), lambda: trainer.evaluate((x, y, y))):
        with pytest.raises(DTypeError, match=r"batches with 2 inputs; expected those that Sequential takes"):
            call()

    for size in (0, y, "x"):
        with pytest.raises(ArgumentError, match="predict: got batch_size="):
            trainer.predict(x, size)

    def broken(output: Any, target: Any) -> Any:
        return output + object()

    trainer.loss = broken
    with pytest.raises(TypeError) as caught:  # what comes from within is left as it is
        trainer.fit((x, y), 1)
    assert "Call fit" not in str(caught.value)


def test_a_second_run_into_a_folder_is_refused(tmp_path: Path) -> None:
    first = make(out=tmp_path)
    first.fit(line(), 2)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ArgumentError, match=r"an earlier run.*resume=True.*overwrite=True"):
        make(out=tmp_path).fit(line(), 2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
    first.fit(line(), 3)  # its own
    again = make(out=tmp_path)
    again.fit(line(), 1, overwrite=True)
    assert len(History.from_csv(tmp_path / "history.csv").rows) == 1
    with pytest.raises(ArgumentError, match="which holds another run"):
        first.fit(line(), 4)
    make(out=tmp_path).fit(line(), 3, resume=True)
    assert len(History.from_csv(tmp_path / "history.csv").rows) == 3
    (tmp_path / "checkpoint.safetensors").unlink()
    with pytest.raises(ArgumentError, match="an earlier run"):
        make(out=tmp_path).fit(line(), 2)


def test_two_trainers_cannot_write_into_one_folder(tmp_path: Path) -> None:
    trainer, told = make(out=tmp_path, checkpoint_every=1, compile=False), list[str]()
    step = trainer.train_step

    def other() -> None:
        with pytest.raises(ArgumentError) as refused:
            make(out=tmp_path).fit(line(), 1, overwrite=True)
        told.append(str(refused.value))

    def meanwhile(batch: Any) -> Any:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return step(batch)

    trainer.train_step = meanwhile  # type: ignore[method-assign]
    trainer.fit(line(), 1, batch_size=20)
    assert len(told) == 2
    assert f"another run writes into (process {os.getpid()} on" in told[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.safetensors", "history.csv"]


def test_a_fit_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DTypeError):
        make(out=tmp_path / "deep" / "folder").fit(line()[0], 1)
    assert list(tmp_path.iterdir()) == []
