"""``rushlight summary``: the layers of a saved model, or of the model that options describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rushlight.cli.console import UserError, say
from rushlight.cli.saved import FILE, SavedModel, build_model, load_any
from rushlight.cli.settings import DATASETS, INPUTS, Settings, from_options
from rushlight.train import summary

__all__ = ["summarize"]


def summarize(target: str, given: dict[str, Any], batch_size: int) -> None:
    """Print layers, output shapes, parameters and FLOPs."""
    if batch_size < 1:
        raise UserError(f"--batch {batch_size}: expected a number at least 1", 2)
    model, inputs = _model(target, given)
    say(str(summary(model, inputs, batch_size)))


def _model(target: str, given: dict[str, Any]) -> tuple[Any, Any]:
    """The model, and the shapes of what one sample brings."""
    path = Path(target)
    if target in DATASETS and not path.is_file():
        settings = from_options(target, given)
        return build_model(settings), (INPUTS[settings.dataset],)
    asked = [f"--{name}" for name, value in given.items() if value is not None]
    if asked:
        raise UserError(f"{', '.join(asked)} describe a new model; {target} is a saved one", 2)
    if path.is_dir() and not (path / FILE).exists() and (path / "config.json").exists():
        settings = Settings.read(path / "config.json")
        return build_model(settings), (INPUTS[settings.dataset],)
    if not path.exists():
        raise UserError(
            f"there is no {target}; expected a run's folder, a model file, or one of {', '.join(DATASETS)}"
        )
    saved = load_any(path)
    if isinstance(saved, SavedModel):
        return saved.model, (INPUTS[saved.settings.dataset],)
    return saved.network, (len(saved.encoder.columns),)
