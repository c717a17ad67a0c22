"""``rushlight evaluate``: a saved model on a part of its data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rushlight.cli.console import say, table
from rushlight.cli.saved import load_model
from rushlight.cli.tasks import make_loss, part_of
from rushlight.cli.train import heed_threads
from rushlight.train import Trainer

__all__ = ["evaluate"]


def evaluate(target: Path, split: str, data: str | None, threads: int | None) -> None:
    """Print loss, accuracy, error and confusion matrix."""
    saved = load_model(target)
    settings = saved.settings if data is None else replace(saved.settings, data=data)
    heed_threads(threads or settings.threads)
    part = part_of(settings, split)
    trainer = Trainer(saved.model, None, make_loss(settings), metrics=["accuracy", "confusion_matrix"])
    measured = trainer.evaluate(part)
    accuracy, counts = measured["accuracy"], measured["confusion_matrix"]
    say(f"{target} on {len(part):,} {split} samples of {settings.dataset}")
    say(f"loss      {measured['loss']:.6g} ({settings.loss})")
    say(f"accuracy  {accuracy:.4f}")
    say(f"error     {100 * (1 - accuracy):.2f} %")
    say()
    rows = [[name, *(str(n) for n in row)] for name, row in zip(saved.classes, counts.tolist(), strict=True)]
    say(table(("true \\ predicted", *saved.classes), rows, right=range(1, len(saved.classes) + 1)))
