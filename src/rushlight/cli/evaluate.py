"""``rushlight evaluate``: a saved model on a part of its data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rushlight.cli.console import UserError, say, table
from rushlight.cli.saved import SavedModel, load_any
from rushlight.cli.tasks import make_loss, part_of
from rushlight.cli.train import heed_threads
from rushlight.train import Trainer

__all__ = ["evaluate"]


def evaluate(
    target: Path, table_file: Path | None, split: str, data: str | None, threads: int | None
) -> None:
    """Print loss, accuracy, error and confusion matrix."""
    saved = load_any(target)
    if not isinstance(saved, SavedModel):
        from rushlight.cli.tables import evaluate_table

        heed_threads(threads or 1)
        evaluate_table(saved, target, table_file, split)
        return
    if table_file is not None:
        raise UserError(f"{target} is a model of {saved.settings.dataset}, which takes no table", 2)
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
