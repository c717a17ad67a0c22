"""EarlyStopping alone and in a Trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

import rushlight as rl
from rushlight.errors import ArgumentError
from rushlight.train import EarlyStopping, Trainer


def stops_at(values: list[float], **options: object) -> int | None:
    stopping = EarlyStopping("value", **{"mode": "min", **options})  # type: ignore[arg-type]
    for epoch, value in enumerate(values):
        if stopping.update({"epoch": epoch, "value": value}, rl.nn.Linear(1, 1)):
            return epoch
    return None


def test_patience_and_min_delta() -> None:
    assert stops_at([3, 2, 2.5, 2.1], patience=2) == 3
    assert stops_at([3, 2, 2.5, 1.9, 2, 2], patience=2) == 5
    assert stops_at([3, 2.95, 2.91], patience=2, min_delta=0.1) == 2
    assert stops_at([1, 2, 3], patience=2, mode="max") is None
    assert stops_at([1.0, float("nan"), float("nan")], patience=2) == 2


def test_wrong_options() -> None:
    with pytest.raises(ArgumentError, match="patience"):
        EarlyStopping(patience=0)
    with pytest.raises(ArgumentError, match="mode"):
        EarlyStopping(mode="best")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="one of the columns loss"):
        EarlyStopping("validation_loss").update({"epoch": 1, "loss": 1.0}, None)


def diverging(out: Path | None) -> Trainer:
    """A learning rate so large that the loss soon grows; clipping keeps it finite."""
    rl.manual_seed(0)
    model = rl.nn.Linear(1, 1)
    optimizer = rl.optim.SGD(model.parameters(), lr=0.5)
    schedule = rl.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1.0 if epoch < 3 else 8.0)
    return Trainer(
        model, optimizer, rl.nn.MSELoss(), scheduler=schedule, early_stopping=EarlyStopping(patience=2),
        clip_grad_norm=1.0, out=out, progress=False,
    )  # fmt: skip


def test_trainer_stops_and_gives_back_the_best_weights(tmp_path: Path) -> None:
    x = rl.linspace(-1, 1, 32).reshape(32, 1)
    data = rl.data.DataLoader(rl.data.TensorDataset(x, 2 * x), batch_size=8)
    trainer = diverging(tmp_path)
    history = trainer.fit(data, 50, validation=(x, 2 * x))
    best = history.best("validation_loss")
    assert len(history.rows) < 50
    assert len(history.rows) == best["epoch"] + 2
    assert trainer.evaluate((x, 2 * x))["loss"] == pytest.approx(best["validation_loss"])

    again = diverging(tmp_path)
    again.fit(data, 50, validation=(x, 2 * x), resume=True)
    assert again.history.rows == history.rows
    assert again.model.weight.tolist() == trainer.model.weight.tolist()
