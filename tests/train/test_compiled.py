"""Compiled training: eager's curves, the same bits however it is cut, and eager where it must be."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.compile.function import compile
from rushlight.errors import AnomalyError, ArgumentError, GradError, NotSupportedError, ShapeError
from rushlight.train import Accuracy, ConfusionMatrix, Interrupted, Progress, Trainer, read_checkpoint
from rushlight.train.compiled import CompiledSteps
from rushlight.train.feed import make_feed
from rushlight.train.steps import EagerSteps
from tests.train.kill_worker import fit, make_trainer, outcome

pytest.importorskip("llvmlite")


def disk(**options: Any) -> tuple[Trainer, Any]:
    rl.manual_seed(0)
    model = nn.MLP(2, [25, 25, 25], 1, activation="tanh")
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return Trainer(model, optimizer, nn.MSELoss(), progress=False, **options), rl.data.Disk(1000, seed=1)


def digits(**options: Any) -> tuple[Trainer, Any]:
    """Noisy copies of ten pictures; every fifth label is wrong."""
    rl.manual_seed(0)
    model = nn.MLP(784, [100, 100], 10, activation="relu")
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    labels = rl.arange(1280) % 10
    pixels = (rl.rand(10, 784) < 0.2).float()[labels] * (0.5 + 0.5 * rl.rand(1280, 784))
    labels = rl.where(rl.rand(1280) < 0.2, rl.randint(0, 10, (1280,)), labels)
    data = rl.data.TensorDataset(pixels, labels)
    return Trainer(model, optimizer, nn.CrossEntropyLoss(), progress=False, **options), data


def losses(make: Callable[..., tuple[Trainer, Any]], batch: int, count: int, **options: Any) -> list[float]:
    """The losses of the first `count` steps."""
    trainer, data = make(**options)
    steps = EagerSteps(trainer) if trainer.why_eager() else CompiledSteps(trainer)
    feed = make_feed("fit", data, batch, shuffle=True, seed=3)
    found: list[float] = []
    while len(found) < count:
        for done in steps.epoch(feed, lambda: None):
            found += done.shares
    assert getattr(steps, "failure", None) is None
    return found[:count]


@pytest.mark.parametrize(("make", "batch"), [(disk, 100), (digits, 128)])
def test_curves_are_those_of_eager(make: Any, batch: int) -> None:
    eager = losses(make, batch, 100, compile=False)
    assert losses(make, batch, 100, compile=True) == pytest.approx(eager, rel=1e-4)
    assert eager[-1] < eager[0]


def weights(trainer: Trainer) -> list[bytes]:
    return [value.detach().numpy().tobytes() for value in trainer.model.state_dict().values()]


def test_the_cut_into_calls_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout, Adam, clipping, an odd last batch; calls of one batch, of three, of as many as there are."""
    found = []
    for size in (1, 3, 1000):
        monkeypatch.setattr("rushlight.train.compiled.Pace.batches", lambda self, size=size: size)
        trainer = make_trainer(None, compile=True)
        trainer.clip_grad_norm, trainer.clip_grad_value = 0.3, 0.2
        found.append(outcome(fit(trainer, epochs=3, resume=False)))
    assert found[0] == found[1]
    assert found[0] == found[2]


class Press(Progress):
    """Presses Ctrl-C at the update number `at`; the batches after it, up to the next look, are still done."""

    interval = 1e-9

    def __init__(self, at: int) -> None:
        self.at, self.seen = at, 0

    def update(self, status: object) -> None:
        self.seen += 1
        if self.seen == self.at:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_ctrl_c_saves_and_resumes(
    tmp_path: Path, ctrl_c: None, monkeypatch: pytest.MonkeyPatch, at: int, size: int
) -> None:
    monkeypatch.setattr("rushlight.train.compiled.Pace.batches", lambda self: size)
    trainer = make_trainer(tmp_path, every=1000, compile=True)
    trainer.progress = Press(at)
    with pytest.raises(Interrupted, match=r"resume=True"):
        fit(trainer, epochs=4)
    random = rl.get_rng_state()
    position = read_checkpoint(tmp_path / "checkpoint.safetensors")["position"].state
    assert (position["epoch"], position["batch"]) < (4, 0)
    whole = outcome(fit(make_trainer(None, compile=True), epochs=4, resume=False))
    assert outcome(fit(make_trainer(tmp_path, seed=77, compile=True), epochs=4)) == whole
    trainer.progress = False
    rl.set_rng_state(random)
    assert outcome(fit(trainer, epochs=4, resume=False, overwrite=True)) == whole


def test_a_checkpoint_within_an_epoch_is_batch_exact(tmp_path: Path) -> None:
    trainer, data = disk(out=tmp_path, checkpoint_every=3, compile=True)
    saved = []
    save = trainer.save
    trainer.save = lambda *a: (saved.append(trainer.position.batch), save(*a))  # type: ignore[method-assign,assign]
    trainer.fit(data, 2, batch_size=100)
    assert saved == [3, 6, 9, 3, 6, 9, 0]


@pytest.mark.parametrize("shuffle", [True, False])
def test_metrics_and_history_are_those_of_eager(shuffle: bool) -> None:
    def gap(output: Any, target: Any) -> Any:
        return (output - target.reshape(-1, 1)).abs().max()

    rows = []
    for how in (True, False):
        trainer, data = digits(compile=how, metrics=["accuracy", ConfusionMatrix(10), gap])
        half = rl.data.Subset(data, range(0, 700, 2))
        trainer.fit(half, 2, batch_size=40, shuffle=shuffle, validation=data)
        rows += [trainer.history.rows, trainer.evaluate(half)["confusion_matrix"].tolist()]
    for ours, theirs in zip(rows[0], rows[2], strict=True):
        assert ours.keys() == theirs.keys()
        assert ours["train_accuracy"] == theirs["train_accuracy"]
        assert {k: v for k, v in ours.items() if k != "seconds"} == pytest.approx(
            {k: v for k, v in theirs.items() if k != "seconds"}, rel=1e-4
        )
    assert rows[1] == rows[3]


def test_a_metric_of_ones_own_sees_batch_after_batch() -> None:
    class Sizes(Accuracy):
        counts = False

        def update(self, output: Any, target: Any) -> None:
            seen.append((output.shape, target.shape))
            super().update(output, target)

    seen: list[Any] = []
    trainer, data = disk(compile=True, metrics=[Sizes()])
    trainer.fit(data, 1, batch_size=300)
    assert seen == [((300, 1), (300, 1))] * 3 + [((100, 1), (100, 1))]


def test_learning_rates_change_without_a_new_program() -> None:
    rates, curves = [], []
    for how in (True, False):
        trainer, data = disk(compile=how)
        trainer.scheduler = optim.lr_scheduler.StepLR(trainer.optimizer, 1, 0.5)
        trainer.fit(data, 3, batch_size=100, shuffle=False)
        trainer.schedule = "batch"
        trainer.fit(data, 4, batch_size=100, shuffle=False)
        rates.append(trainer.history["lr"])
        curves.append(trainer.history["train_loss"])
        if how:
            assert trainer._compiled is not None
            assert sum(map(len, trainer._compiled.step._entries.values())) == 1
    assert rates[0] == rates[1]
    assert curves[0] == pytest.approx(curves[1], rel=1e-4)


def test_any_iterable_of_batches_compiles() -> None:
    trainer, data = disk(compile=True)
    x, y = data.tensors
    batches = [(x[i : i + 250], y[i : i + 250]) for i in range(0, 1000, 250)]
    found = trainer.fit(batches, 3)["train_loss"]
    trainer, _ = disk(compile=False)
    assert found == pytest.approx(trainer.fit(batches, 3)["train_loss"], rel=1e-4)


def test_fit_goes_on_and_notices_another_optimiser() -> None:
    whole, data = disk(compile=True, seed=1)
    whole.fit(data, 4, batch_size=200)
    parts, _ = disk(compile=True, seed=1)
    parts.fit(data, 2, batch_size=200)
    steps = parts._compiled
    parts.fit(data, 3, batch_size=200)
    assert parts._compiled is steps
    state = parts.optimizer.state_dict()
    parts.optimizer = optim.SGD(parts.model.parameters(), lr=0.05, momentum=0.9)
    parts.optimizer.load_state_dict(state)
    parts.fit(data, 4, batch_size=200)
    assert parts._compiled is not steps
    assert weights(parts) == weights(whole)


def test_nan_stops_at_its_batch(tmp_path: Path) -> None:
    trainer, data = disk(compile=True, out=tmp_path)
    trainer.fit(data, 1, batch_size=100, shuffle=False)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    data.tensors[0][650] = float("nan")
    with pytest.raises(AnomalyError, match=r"epoch 2, batch 7\. The inputs of this batch"):
        trainer.fit(data, 2, batch_size=100, shuffle=False)
    assert trainer.position.batch == 6
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


class Branch(nn.Module):
    """Looks at numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 1)

    def forward(self, x: Any) -> Any:
        y = self.inner(x)
        return y * 2 if y.sum().item() > 0 else y


class Counting(nn.Module):
    """Counts its calls, and uses the number."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.calls = nn.Linear(2, 1), 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return self.inner(x) * (1.0 + self.calls % 2)


def small(model: Any, **options: Any) -> Trainer:
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    return Trainer(model, optimizer, nn.MSELoss(), progress=False, seed=5, **options)


@pytest.mark.parametrize(("kind", "reason"), [(Branch, r"item"), (Counting, r"Counting\.calls changes")])
def test_what_cannot_be_compiled_runs_eager_and_says_so(kind: Any, reason: str) -> None:
    data = rl.data.Disk(60, seed=1)
    found = []
    for how in ("auto", False):
        rl.manual_seed(2)
        trainer = small(kind(), compile=how)
        if how == "auto":
            with pytest.warns(RuntimeWarning, match=f"eager, not compiled: .*{reason}") as given:
                trainer.fit(data, 2, batch_size=20)
            assert len(given) == 1
            assert trainer.why_eager() is not None
            trainer.fit(data, 3, batch_size=20)  # no second warning
        else:
            trainer.fit(data, 3, batch_size=20)
        found.append(weights(trainer))
    if kind is Branch:  # of the other, the first step was compiled, so that it is equal up to rounding
        assert found[0] == found[1]
    with pytest.raises(NotSupportedError, match=reason):
        small(kind(), compile=True).fit(data, 1, batch_size=20)


def test_hooks_own_steps_and_looking_for_anomalies_are_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, data = disk(compile=True)
    handle = trainer.model[0].register_forward_hook(lambda module, inputs, output: None)
    assert "module 0 has hooks" in str(trainer.why_eager())
    with pytest.raises(NotSupportedError, match="has hooks"):
        trainer.fit(data, 1)
    handle.remove()
    handle = trainer.model[0].weight.register_hook(lambda g: g)
    assert "0.weight has a hook" in str(trainer.why_eager())
    handle.remove()
    with rl.detect_anomaly():
        assert "detect_anomaly" in str(trainer.why_eager())
    assert trainer.why_eager() is None
    monkeypatch.setenv("RUSHLIGHT_COMPILE", "off")
    assert "RUSHLIGHT_COMPILE" in str(trainer.why_eager())
    monkeypatch.delenv("RUSHLIGHT_COMPILE")
    trainer.train_step = lambda batch: None  # type: ignore[method-assign,assign,return-value]
    assert trainer.why_eager() == "train_step is overridden"


def test_without_llvmlite_training_is_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.train.eligible.find_spec", lambda name: None)
    trainer, data = disk()
    trainer.fit(data, 1, batch_size=500)
    assert "pip install" in str(trainer.why_eager())
    with pytest.raises(NotSupportedError, match="pip install"):
        disk(compile=True)[0].fit(data, 1)


def test_faults_of_the_program_are_those_of_eager() -> None:
    with pytest.raises(ArgumentError, match="compile='fast'"):
        disk(compile="fast")
    trainer, data = disk()
    with pytest.raises(ShapeError):
        trainer.fit((rl.zeros(40, 3), rl.zeros(40, 1)), 1)
    trainer.loss = nn.MSELoss(reduction="none")
    with pytest.raises((GradError, ShapeError), match="shape"):
        trainer.fit(data, 1)


def test_a_step_that_trains_is_the_same_written_by_hand() -> None:
    trainer, data = disk(compile=True, clip_grad_norm=0.5)
    trainer.fit(data, 1, batch_size=100, shuffle=False)
    by_hand, _ = disk()

    @compile
    def step(x: Any, y: Any) -> Any:
        loss = by_hand.loss(by_hand.model(x), y)
        by_hand.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(by_hand.model.parameters(), 0.5)
        by_hand.optimizer.step()
        return loss

    for x, y in rl.data.DataLoader(data, 100):
        step(x, y)
    assert weights(by_hand) == weights(trainer)


def test_figures_are_the_same_whenever_they_are_measured() -> None:
    trainer, data = disk(compile=True, metrics=["error"])
    test = rl.data.Disk(1100, seed=1, split="test")  # one whole batch, and a rest
    history = trainer.fit(data, 2, batch_size=100, validation=test)
    measured = trainer.evaluate(test)
    assert measured == {"loss": history["validation_loss"][-1], "error": history["validation_error"][-1]}
    assert trainer._compiled is not None
    assert trainer._compiled.judge is not None
    trainer.compile, trainer._compiled = False, None
    assert trainer.evaluate(test)["loss"] == pytest.approx(measured["loss"], rel=1e-5)


def test_what_cannot_be_measured_compiled_is_measured_eager() -> None:
    def doubtful(output: rl.Tensor, target: rl.Tensor) -> rl.Tensor:
        loss = nn.functional.mse_loss(output, target)
        return loss if output.requires_grad else loss * float(loss.item() > -1)

    trainer, data = disk(compile=True)
    trainer.loss = doubtful
    history = trainer.fit(data, 1, batch_size=100, validation=data)
    assert trainer._compiled is not None
    assert trainer._compiled.judge is None
    assert trainer.evaluate(data)["loss"] == history["validation_loss"][-1]


@pytest.mark.parametrize("change", ["betas", "dropout"])
def test_changes_between_two_fits_are_noticed(change: str) -> None:
    found = []
    for native in (False, True):
        rl.manual_seed(0)
        dropout = nn.Dropout(0.2)
        model = nn.Sequential(nn.Linear(2, 9), nn.Tanh(), dropout, nn.Linear(9, 1))
        optimizer = optim.Adam(model.parameters(), lr=0.02)
        trainer = Trainer(model, optimizer, nn.MSELoss(), seed=3, progress=False, compile=native)
        data = rl.data.Disk(200, seed=1)
        trainer.fit(data, 2, batch_size=50)
        if change == "betas":
            optimizer.param_groups[0]["betas"] = (0.1, 0.3)
        else:
            dropout.p = 0.7
        found.append(trainer.fit(data, 4, batch_size=50)["train_loss"])
    assert found[1] == pytest.approx(found[0], rel=1e-4)
