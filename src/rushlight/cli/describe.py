"""What a run is about to do, in a few lines."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rushlight.cli.saved import build_model
from rushlight.cli.settings import Settings
from rushlight.cli.tasks import Parts
from rushlight.train import summary

__all__ = ["describe"]


def describe(settings: Settings, data: Parts, vary: Collection[str] = ()) -> list[str]:
    """Lines about data, net and training; of a sweep, with the names of settings that `vary` in brackets."""
    sizes = (
        f"{len(data.train):,} training, {len(data.validation):,} validation, {len(data.test):,} test samples"
    )
    return [
        f"data       {settings.dataset}: {sizes}",
        f"net        {_net(settings, data.train[0][0].shape, vary)}",
        f"training   {_training(settings, vary)}",
    ]


def _net(settings: Settings, inputs: Any, vary: Collection[str]) -> str:
    hidden = ["[hidden]"] if "hidden" in vary else [str(n) for n in settings.hidden]
    widths = "-".join((str(inputs[-1]), *hidden, str(settings.outputs)))
    functions = list(settings.activation)
    if "activation" in vary:
        functions = ["[activation]"]
    elif "hidden" in vary:  # each net has as many as it has layers
        functions = list(dict.fromkeys(functions))
    found = f"{widths} ({', '.join((*functions, settings.output))})"
    if "hidden" not in vary:
        found += f", {summary(build_model(settings), inputs).parameters:,} parameters"
    return found if "init" in vary else f"{found}, init {settings.init}"


def _training(settings: Settings, vary: Collection[str]) -> str:
    parts = [f"loss {settings.loss}", settings.optimizer]
    parts += [] if "lr" in vary else [f"lr {settings.lr:g}"]
    if settings.optimizer == "sgd" and "momentum" not in vary:
        parts.append(f"momentum {settings.momentum:g}")
    if settings.weight_decay:
        parts.append(f"weight decay {settings.weight_decay:g}")
    return ", ".join((*parts, f"{settings.epochs} epochs", f"batches of {settings.batch_size}"))
