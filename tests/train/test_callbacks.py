"""Callbacks: when they are called, alone and in sweeps; what those that come with the package do."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import ArgumentError, DTypeError
from rushlight.train import Callback, EarlyStopping, Trainer, find_lr
from rushlight.train.callbacks import EMA, GradientNorms, MLflow, ModelCheckpoint, TensorBoard, WandB

X = rl.linspace(-1, 1, 40).reshape(40, 1)
DATA = (X, 2 * X + 1)


def trainer(*callbacks: Any, lr: float = 0.1, seed: int = 0, **options: Any) -> Trainer:
    rl.manual_seed(seed)
    model = rl.nn.Sequential(rl.nn.Linear(1, 4), rl.nn.Tanh(), rl.nn.Linear(4, 1))
    optimizer = rl.optim.SGD(model.parameters(), lr=lr)
    options |= {"progress": False, "seed": seed, "callbacks": callbacks}
    return Trainer(model, optimizer, rl.nn.MSELoss(), **options)


class Notes(Callback):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_fit_start(self, trainer: Any) -> None:
        self.events.append("start")

    def on_epoch_start(self, trainer: Any) -> None:
        self.events.append(f"epoch {trainer.position.epoch}")

    def on_epoch_end(self, trainer: Any, row: Any) -> None:
        assert row == trainer.history.rows[-1]
        self.events.append(f"end {row['epoch']}")

    def on_fit_end(self, trainer: Any) -> None:
        self.events.append("over")


class Batches(Notes):
    def on_batch_end(self, trainer: Any, loss: float) -> None:
        self.events.append(trainer.position.batch)
        assert math.isfinite(loss)


@pytest.mark.parametrize("compile", ["auto", False])
def test_when_they_are_called(compile: Any) -> None:
    notes, batches = Notes(), Batches()
    made = trainer(notes, batches, compile=compile)
    made.fit(DATA, epochs=2, batch_size=20)
    assert notes.events == ["start", "epoch 0", "end 1", "epoch 1", "end 2", "over"]
    assert batches.events == ["start", "epoch 0", 1, 2, "end 1", "epoch 1", 1, 2, "end 2", "over"]
    made.fit(DATA, epochs=2, batch_size=20)
    assert notes.events[-1] == "over", "nothing was left to train"
    assert len(notes.events) == 6


@pytest.mark.parametrize("kind", [Notes, Batches])
def test_training_is_the_same_to_the_bit(kind: Any) -> None:
    plain, watched = trainer(), trainer(kind())
    for each in (plain, watched):
        each.fit(DATA, epochs=5, batch_size=16)
    pairs = zip(plain.model.parameters(), watched.model.parameters(), strict=True)
    assert all((a == b).all() for a, b in pairs)
    assert plain.history["train_loss"] == watched.history["train_loss"]


def test_mean_loss_of_a_batch_of_weighted_samples() -> None:
    seen: list[float] = []

    class Look(Callback):
        def on_batch_end(self, trainer: Any, loss: float) -> None:
            seen.append(loss)

    model = rl.nn.Linear(1, 2)
    loss = rl.nn.CrossEntropyLoss(weight=rl.tensor([1.0, 3.0]))
    target = (X[:, 0] > 0).long()
    expected = loss(model(X), target).item()
    made = Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), loss, progress=False, callbacks=[Look()])
    made.fit((X, target), epochs=1, batch_size=40, shuffle=False)
    assert seen == [pytest.approx(expected, rel=1e-6)]


def test_what_would_never_be_called_is_refused() -> None:
    class Slip(Callback):
        def on_epoch_ends(self, trainer: Any, row: Any) -> None:
            raise AssertionError

    class Own(Callback):
        def on_thursdays(self) -> None:
            """Of the program's."""

    with pytest.raises(ArgumentError, match="Slip.on_epoch_ends, .* Did you mean 'on_epoch_end'"):
        trainer(Slip())
    trainer(Own())
    model = rl.nn.Linear(1, 1)
    for given in (Own(), 3, None):
        with pytest.raises(DTypeError, match=r"expected a list of callbacks"):
            Trainer(model, "sgd", "mse", callbacks=given)


def test_they_may_stop_the_training() -> None:
    class Enough(Callback):
        def on_epoch_end(self, trainer: Any, row: Any) -> None:
            if row["epoch"] == 3:
                trainer.stop()

    patient = EarlyStopping("train_loss", patience=100)
    made = trainer(Enough(), early_stopping=patient)
    assert len(made.fit(DATA, epochs=10).rows) == 3


def test_the_end_is_told_after_an_error_too() -> None:
    class Fails(Notes):
        def on_epoch_end(self, trainer: Any, row: Any) -> None:
            raise RuntimeError("full disk")

    notes, fails = Notes(), Fails()
    with pytest.raises(RuntimeError, match="full disk"):
        trainer(notes, fails).fit(DATA, epochs=2)
    assert notes.events[-1] == fails.events[-1] == "over"
    diverging = Notes()
    with pytest.raises(rl.errors.AnomalyError):
        trainer(diverging, lr=1e30).fit(DATA, epochs=5)
    assert diverging.events[-1] == "over"


def test_an_epoch_is_closed_once_whatever_callbacks_raise() -> None:
    class Once(Callback):
        failed = False

        def on_epoch_end(self, trainer: Any, row: Any) -> None:
            if not self.failed:
                self.failed = True
                raise RuntimeError("full disk")

    def made(*callbacks: Any) -> Trainer:
        found = trainer(*callbacks, metrics=["mae"])
        found.scheduler = rl.optim.lr_scheduler.StepLR(found.optimizer, 1, 0.5)
        return found

    whole, broken = made(), made(Once())
    whole.fit(DATA, epochs=3, batch_size=20)
    with pytest.raises(RuntimeError, match="full disk"):
        broken.fit(DATA, epochs=3, batch_size=20)
    broken.fit(DATA, epochs=3, batch_size=20)
    columns = ("epoch", "train_loss", "train_mae", "lr")
    assert [whole.history[c] for c in columns] == [broken.history[c] for c in columns]


def test_every_callback_that_began_is_told_of_the_end() -> None:
    class NoStart(Notes):
        def on_fit_start(self, trainer: Any) -> None:
            raise RuntimeError("no server")

    class NoEnd(Notes):
        def on_fit_end(self, trainer: Any) -> None:
            raise RuntimeError("lost")

    first, last = Notes(), Notes()
    with pytest.raises(RuntimeError, match="no server"):
        trainer(first, NoStart(), last).fit(DATA, epochs=1)
    assert first.events == ["start", "over"]
    assert last.events == []
    first, last = Notes(), Notes()
    with pytest.raises(RuntimeError, match="lost"):
        trainer(first, NoEnd(), last).fit(DATA, epochs=1)
    assert first.events[-1] == last.events[-1] == "over"


def test_a_sweep_that_ends_with_an_error_tells_all_of_the_end() -> None:
    class Fails(Notes):
        def on_epoch_end(self, trainer: Any, row: Any) -> None:
            raise RuntimeError("full disk")

    made: list[Notes] = []

    def build(kind: Any) -> Trainer:
        made.append(kind())
        return trainer(made[-1])

    with pytest.raises(RuntimeError, match="full disk"):
        rl.sweep(build, [{"kind": k} for k in (Notes, Fails, Notes)], DATA, epochs=3, progress=False)
    assert {notes.events[-1] for notes in made if notes.events} == {"over"}
    assert all(notes.events for notes in made[:3])


@pytest.mark.parametrize("kind", [Notes, Batches])
def test_a_sweep_calls_those_of_each_network(kind: Any) -> None:
    made: dict[float, Any] = {}

    def build(lr: float) -> Trainer:
        made[lr] = kind()
        return trainer(made[lr], lr=lr)

    rates = [{"lr": 0.1}, {"lr": 0.2}, {"lr": 1e30}]
    swept = rl.sweep(build, rates, DATA, epochs=3, batch_size=20, progress=False)
    alone = trainer(kind())
    alone.fit(DATA, epochs=3, batch_size=20)
    assert made[0.1].events == made[0.2].events == alone.callbacks.items[0].events
    assert made[1e30].events[-1] == "over"
    assert swept.runs[0].history["train_loss"] == alone.history["train_loss"]
    assert swept.why_eager is None


def test_the_best_weights_are_kept(tmp_path: Path) -> None:
    best = ModelCheckpoint(tmp_path / "at-{epoch}-{train_loss:.4f}.safetensors", "train_loss", keep=2)
    made = trainer(best)
    history = made.fit(DATA, epochs=4)
    assert best.best == min(history["train_loss"])
    files = sorted(tmp_path.iterdir())
    assert [f.name.split("-")[1] for f in files] == ["3", "4"]
    kept = rl.interop.load_file(best.best_path)
    assert all((kept[name] == value).all() for name, value in made.model.state_dict().items())


def test_a_checkpoint_that_gets_no_better_stays(tmp_path: Path) -> None:
    best = ModelCheckpoint(tmp_path / "best.safetensors", "train_loss", mode="max")
    history = trainer(best).fit(DATA, epochs=4)
    assert best.best == history["train_loss"][0] == max(history["train_loss"])
    with pytest.raises(ValueError, match=r"monitor 'validation_loss'.*train_loss"):
        trainer(ModelCheckpoint(tmp_path / "x")).fit(DATA, epochs=1)


def test_files_of_equal_names_are_numbered(tmp_path: Path) -> None:
    best = ModelCheckpoint(tmp_path / "best.safetensors", "value", mode="min", keep=2)
    made, values = trainer(), [3.0, 1.0, 2.0, 4.0]
    for epoch, value in enumerate(values):
        with rl.no_grad():
            made.model[0].weight.fill_(value)
        best.on_epoch_end(made, {"epoch": epoch, "value": value})
    assert [value for value, _ in best.kept] == [1.0, 2.0]
    assert len(list(tmp_path.iterdir())) == 2
    for value, path in best.kept:
        assert (rl.interop.load_file(path)["0.weight"] == value).all()


@pytest.mark.parametrize("by", ["batch", "epoch"])
def test_the_average_is_the_formula(by: Any) -> None:
    average, seen = EMA(0.8, by), []

    class Look(Callback):
        def _note(self, trainer: Any) -> None:
            seen.append(trainer.model[0].weight.detach().clone().numpy().astype(np.float64))

        def on_epoch_end(self, trainer: Any, row: Any) -> None:
            if by == "epoch":
                self._note(trainer)

        def on_batch_end(self, trainer: Any, loss: float) -> None:
            if by == "batch":
                self._note(trainer)

    trainer(average, Look()).fit(DATA, epochs=3, batch_size=20)
    expected = seen[0]
    for value in seen[1:]:
        expected = 0.8 * expected + 0.2 * value
    np.testing.assert_allclose(average.model[0].weight.detach().numpy(), expected, rtol=1e-5)


def test_what_they_keep_goes_on_with_a_resumed_run(tmp_path: Path) -> None:
    def run(folder: str, *epochs: int) -> tuple[Any, ModelCheckpoint]:
        for last in epochs:
            average = EMA(0.9)
            best = ModelCheckpoint(tmp_path / folder / "best", "train_loss")
            made = trainer(average, best, out=tmp_path / folder)
            made.fit(DATA, epochs=last, resume=True)
        return average, best

    (whole, best), (parts, best_of_parts) = run("whole", 6), run("parts", 2, 4, 6)
    pairs = zip(whole.model.parameters(), parts.model.parameters(), strict=True)
    assert all((a == b).all() for a, b in pairs)
    assert best.best == best_of_parts.best


def test_gradients_are_those_of_the_batch_and_training_is_left_alone() -> None:
    norms = GradientNorms(DATA)
    made, plain = trainer(norms), trainer()
    made.fit(DATA, epochs=2)
    plain.fit(DATA, epochs=2)
    made.model.zero_grad()
    rl.nn.MSELoss()(made.model(DATA[0]), DATA[1]).backward()
    for name, parameter in made.model.named_parameters():
        assert norms.rows[-1][f"{name}.grad"] == pytest.approx(parameter.grad.norm().item())
    assert made.history["train_loss"] == plain.history["train_loss"]


def test_the_range_test_leaves_all_as_it_was() -> None:
    made = trainer()
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    drawn = rl.get_rng_state()
    found = find_lr(made, DATA, start=1e-4, end=100.0, batch_size=40)
    assert (rl.get_rng_state() == drawn).all()
    assert all((value == before[name]).all() for name, value in made.model.state_dict().items())
    assert made.optimizer.param_groups[0]["lr"] == 0.1
    assert found.lrs[0] == 1e-4
    assert found.lrs[-1] < 100.0, "it ended where the loss was lost"
    assert 0.003 < found.suggestion < 3.0
    for wrong in ({"start": 1.0, "end": 0.1}, {"end": math.inf}, {"steps": 3.5}):
        with pytest.raises(ValueError, match="0 < start < end"):
            find_lr(made, DATA, **wrong)  # type: ignore[arg-type]


def test_the_range_test_leaves_loaders_where_they_were() -> None:
    found = []
    for tries in (0, 1):
        loader = rl.data.DataLoader(rl.data.TensorDataset(*DATA), batch_size=8, shuffle=True, seed=3)
        made = trainer()
        for _ in range(tries):
            find_lr(made, loader, start=1e-4, steps=7)
        found.append(made.fit(loader, epochs=2)["train_loss"])
    assert found[0] == found[1]


@pytest.mark.parametrize("empty", [(rl.zeros(0, 1), rl.zeros(0, 1)), []])
def test_the_range_test_of_no_data(empty: Any) -> None:
    with pytest.raises(rl.errors.DataError, match="without a batch"):
        find_lr(trainer(), empty)


def test_the_range_test_knows_no_steps_of_ones_own() -> None:
    made = trainer()
    made.train_step = lambda batch: (rl.zeros(()), rl.zeros(1))  # type: ignore[method-assign]
    with pytest.raises(rl.errors.NotSupportedError, match="train_step"):
        find_lr(made, DATA)


def test_the_range_test_draws(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figure = find_lr(trainer(), DATA, start=1e-4).plot(tmp_path / "lr.png")
    assert figure.axes[0].get_xscale() == "log"
    assert (tmp_path / "lr.png").stat().st_size > 5000


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    trainer(TensorBoard(tmp_path, histograms=True)).fit(DATA, epochs=2)
    written = b"".join(f.read_bytes() for f in tmp_path.glob("events*"))
    assert b"train_loss" in written
    assert b"0.weight" in written


@pytest.mark.filterwarnings("ignore")
def test_mlflow(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/runs.db"
    logger = MLflow({"lr": 0.1}, tracking_uri=uri, experiment="lines")
    history = trainer(logger).fit(DATA, epochs=3)
    client = mlflow.MlflowClient(uri)
    logged = client.get_metric_history(logger.run_id, "train_loss")
    assert [m.value for m in logged] == history["train_loss"]
    assert client.get_run(logger.run_id).data.params == {"lr": "0.1"}
    assert client.get_run(logger.run_id).info.status == "FINISHED"


@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases(tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb")
    trainer(WandB(mode="offline", project="lines", dir=str(tmp_path))).fit(DATA, epochs=2)
    assert wandb.run is None
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


def test_without_the_libraries_one_line_says_what_to_install() -> None:
    program = """
import sys
sys.modules.update(dict.fromkeys(["mlflow", "wandb", "tensorboardX"]))
from rushlight.train import callbacks
for kind in (callbacks.TensorBoard, callbacks.MLflow, callbacks.WandB):
    try:
        kind().on_fit_start(None)
    except Exception as error:
        print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = [line.rsplit(" ", 1)[1] for line in run.stdout.splitlines()]
    assert names == ["tensorboardX", "mlflow", "wandb"]


@pytest.mark.parametrize("wrong", [Notes, object(), print])
def test_what_is_no_callback_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="callback"):
        trainer(wrong)
