"""The folder of a training under way: what it trains on, beside the Trainer's checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.errors import ArgumentError, DataError, message
from rushlight.interop.files import remove_leftovers, write_atomically
from rushlight.interop.strict import parse_json
from rushlight.tabular.settings import Settings
from rushlight.train.folder import CHECKPOINT

__all__ = ["NAME", "begin", "facts_of"]

NAME = "table.json"
FREE = ("epochs",)
"""Settings that may be others when a run goes on."""


def facts_of(settings: Settings, columns: Any, arrays: Sequence[Any]) -> dict[str, Any]:
    """What decides the training: settings, what was learned of the columns, and the encoded rows."""
    sums = hashlib.sha256(json.dumps(columns, sort_keys=True).encode())
    for array in arrays:
        sums.update(repr((array.shape, array.dtype.str)).encode())
        sums.update(np.ascontiguousarray(array).data)
    chosen = {name: value for name, value in settings.to_json().items() if name not in FREE}
    return {"settings": chosen, "rows": sums.hexdigest()}


def begin(out: Path, facts: dict[str, Any], resume: bool, overwrite: bool) -> None:
    """Note the facts in the folder; with `resume`, of a run that is there, compare them.

    Raises ArgumentError where they are others than before, DataError where the note cannot be read.
    """
    path = out / NAME
    if (out / CHECKPOINT).exists() and not overwrite:
        if resume:
            _compare(path, facts)
        return  # Trainer.fit refuses a folder that holds a run
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    write_atomically(path, json.dumps(facts, indent=2) + "\n")


def _compare(path: Path, facts: dict[str, Any]) -> None:
    try:
        before = parse_json(path.read_bytes())
        settings, rows = dict(before["settings"]), str(before["rows"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{os.fspath(path)} is missing or damaged: {error}") from error
    remedy = "Leave resume out and give another folder, or overwrite=True to train anew."
    for name, value in facts["settings"].items():
        if settings.get(name) != value:
            got = f"{name}={value!r}, which was {settings.get(name)!r}"
            raise ArgumentError(message("fit", got, f"the run in {path.parent} as it was", remedy))
    if rows != facts["rows"]:
        got = "a table of other rows, columns or values"
        raise ArgumentError(message("fit", got, f"that of the run in {path.parent}", remedy))
