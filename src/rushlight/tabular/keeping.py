"""What a run on a table keeps in its folder beside the Trainer's state: of what table and options it is."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.errors import ArgumentError, message
from rushlight.interop.strict import parse_json
from rushlight.tabular.encoder import Encoder
from rushlight.tabular.settings import Settings
from rushlight.tabular.target import Target
from rushlight.train import Interrupted, Trainer, read_checkpoint
from rushlight.train.folder import CHECKPOINT

__all__ = ["Origin", "OtherRun", "TableTrainer", "stopped_without_folder"]

EVERY = 1.0
"""Seconds between two checkpoints: most tables are trained on within a few."""


class OtherRun(ArgumentError):
    """A run cannot go on with another table or other options; `what` says what differs."""

    what: str = ""


class Origin:
    """What decides the weights of a run: its options, the columns, and the values of the table."""

    def __init__(
        self,
        settings: Settings,
        encoder: Encoder,
        target: Target,
        arrays: Sequence[Any],
        weighed_by: str | None = None,
        weights: Sequence[Any] = (),
    ) -> None:
        options = settings.to_json()
        del options["epochs"]  # a run may go on for longer
        self.facts: dict[str, Any] = {
            "options": options,
            "target": target.name,
            "columns": [feature.name for feature in encoder.features],
            "learned": [encoder.to_json(), target.to_json()],
            "rows": len(arrays[0]),
            "values": [_digest(array) for array in arrays],
        }
        if weights:
            self.facts["weights"] = [weighed_by, *map(_digest, weights)]

    def state_dict(self) -> dict[str, Any]:
        """As a checkpoint keeps it."""
        return {"facts": json.dumps(self.facts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing: `check` was asked before."""

    def check(self, out: Path) -> None:
        """ArgumentError if the run in `out` is of another table or other options, and what differs."""
        saved = read_checkpoint(out / CHECKPOINT).get("origin")
        try:
            before = dict(parse_json(saved.state["facts"])) if saved is not None else {}
        except (ValueError, KeyError, TypeError):
            before = {}
        if before == (now := json.loads(json.dumps(self.facts))):
            return
        what = f"the run in {os.fspath(out)} is {_differences(before, now)}"
        remedy = (
            "Give what the run was begun with, or train anew: another folder, or overwrite in the place of "
            "resume."
        )
        expected = "the table and the options of that run"
        error = OtherRun(message("fit", f"resume=True, but {what}", expected, remedy))
        error.what = what
        raise error


def _differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    if not before:
        return "not one of rl.tabular"
    options = before.get("options", {})
    found = []
    if before.get("target") != now["target"]:
        found.append(f"of the target {before.get('target')!r}, not {now['target']!r}")
    if before.get("rows") != now["rows"]:
        found.append(f"of {before.get('rows')} rows, not {now['rows']}")
    found += [
        f"with {name}={_shown(options.get(name))}, not {_shown(value)}"
        for name, value in now["options"].items()
        if options.get(name) != value
    ]
    if before.get("weights") != now.get("weights"):
        found.append(_other_weights(before.get("weights"), now.get("weights")))
    old, new = before.get("columns", []), now["columns"]
    found += [f"with column {name!r}, which is not there now" for name in old if name not in new]
    found += [f"without column {name!r}" for name in new if name not in old]
    return "; ".join(found) or "of a table with other values, or other held-out rows"


def _other_weights(before: Any, now: Any) -> str:
    if not before or not now:
        return "with weights, of which there are none now" if before else "without weights"
    if before[0] == now[0]:
        return "with other weights"
    return f"with weights of {_source(before[0])}, not of {_source(now[0])}"


def _source(name: Any) -> str:
    return "an array" if name is None else f"the column {name!r}"


def _shown(value: Any) -> str:
    return (",".join(map(str, value)) or "none") if isinstance(value, list) else str(value)


def _digest(array: np.ndarray[Any, Any]) -> str:
    array = np.ascontiguousarray(array)
    total = hashlib.blake2b(f"{array.dtype}{array.shape}".encode(), digest_size=16)
    total.update(array.tobytes())
    return total.hexdigest()


class TableTrainer(Trainer):
    """A Trainer whose checkpoints say of which table they are."""

    def __init__(self, *args: Any, origin: Origin, **options: Any) -> None:
        super().__init__(*args, checkpoint_seconds=EVERY, **options)
        self.origin = origin

    def parts(self, *args: Any) -> dict[str, Any]:
        """What a checkpoint keeps, by name."""
        return {**super().parts(*args), "origin": self.origin}

    def fit(self, *args: Any, resume: bool = False, **options: Any) -> Any:
        """As Trainer's; ArgumentError for a resumed run of another table."""
        if resume and self.out is not None and self.checkpoint_path.exists():
            self.origin.check(self.out)
        try:
            return super().fit(*args, resume=resume, **options)
        except Interrupted as error:
            raise error if self.out is not None else stopped_without_folder(error, "fit") from None


def stopped_without_folder(error: Interrupted, call: str) -> Interrupted:
    """What Ctrl-C says where there is no folder."""
    stopped = Interrupted(
        f"stopped by Ctrl-C in {error.where}. Nothing was kept, as there is no folder for it: a run of "
        f"{call}(..., out=FOLDER) goes on by resume=True."
    )
    stopped.where = error.where
    return stopped
