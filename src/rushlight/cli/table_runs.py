"""What a run on a table leaves to go on from: config.json says of what it is, before it is finished too."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rushlight.cli.console import UserError
from rushlight.cli.saved import FILE
from rushlight.cli.train import CHECKPOINT, CONFIG, PLAN, SWEEP, versions
from rushlight.interop.files import remove_leftovers, write_atomically
from rushlight.interop.strict import parse_json
from rushlight.train import read_checkpoint

__all__ = ["REPORT", "RunFiles", "checked_options", "clear", "earlier", "place_of", "refuse_changes"]

REPORT = "report.html"
ASIDE = (CONFIG, CHECKPOINT, SWEEP, FILE, REPORT, "history.csv")
WHOLE = ("epochs", "batch_size", "members", "patience", "seed", "seeds", "threads")
NUMBERS = ("lr", "weight_decay", "dropout")
WORDS = (
    "target", "task", "activation", "drop", "categories", "weights", "hidden", "test", "seed_list", *NUMBERS,
)  # fmt: skip
LISTS = {"drop": str, "categories": str, "hidden": int}
FREE_ON_RESUME = ("epochs", "threads", "compile")


def place_of(test: str) -> str:
    """A share as it is; the whole path of a file."""
    return str(Path(test).absolute()) if Path(test).is_file() else test


def checked_options(found: Any) -> dict[str, Any]:
    """The options of a command that a file holds; ValueError for what no command line gives."""
    if not isinstance(found, dict):
        raise ValueError("its options")
    for name, value in found.items():
        fits = [
            name in WORDS and isinstance(value, str),
            name in WHOLE and type(value) is int,
            name in NUMBERS and type(value) in (int, float),
            name in LISTS and isinstance(value, list) and all(type(v) is LISTS[name] for v in value),
            name == "compile" and isinstance(value, bool),
        ]
        if not any(fits):
            raise ValueError(f"its option {name}")
    return dict(found)


def earlier(out: Path | None, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the run in `out`, which is to go on; UserError if there is none, or a finished one."""
    if out is None:
        raise UserError("--resume needs --out DIR, the folder of the run to go on with", 2)
    if (out / PLAN).exists():
        place = shlex.quote(str(out))
        raise UserError(f"{out} holds a sweep; go on with it by rushlight sweep --resume {place}", 2)
    if (out / SWEEP).exists():
        raise UserError(f"the sweep in {out} is finished; nothing was changed")
    if not (out / CONFIG).exists():
        raise UserError(f"there is no run to resume in {out}: no {CONFIG}")
    try:
        about = parse_json((out / CONFIG).read_bytes())
        if not isinstance(about, dict):
            raise ValueError("no table of values")
        if "table" not in about:
            raise UserError(f"{out} holds a run on {about.get('dataset')}, not on {path}", 2)
        also = ("target", "test", "threads", "compile")
        options = {**about["options"], **{n: about[n] for n in also if about.get(n) is not None}}
        options = checked_options(options)
        _ = options["target"], options["test"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{out / CONFIG} is damaged, or was written by another program: {error}") from error
    longer = given.get("epochs") is not None and given["epochs"] != options.get("epochs")
    if "measures" in about and not longer:
        raise UserError(
            f"the run in {out} is finished; nothing was changed. To train it for longer, add --epochs N; to "
            f"use it: rushlight predict {shlex.quote(str(out))} new.csv"
        )
    return options


def refuse_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """UserError for options of a resumed run that differ from those it was begun with."""
    now = json.loads(json.dumps(now))
    wrong = [
        f"--{name.replace('_', '-')} {_text(now.get(name))} (was {_text(before.get(name))})"
        for name in dict.fromkeys([*now, *before])
        if name not in FREE_ON_RESUME and now.get(name) != before.get(name)
    ]
    if wrong:
        raise UserError(
            f"a resumed run cannot change {', '.join(wrong)}. "
            "Leave that out, or start anew in another --out.",
            2,
        )


def _text(value: Any) -> str:
    if value is None:
        return "left out"
    return ",".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def clear(out: Path) -> None:
    """Remove what the folder holds of another run."""
    for name in ASIDE:
        (out / name).unlink(missing_ok=True)
        remove_leftovers(out / name)


class RunFiles:
    """The folder of one run, from its beginning on: ``with`` takes back what a run that failed began.

    about   what config.json says.
    """

    def __init__(self, about: Mapping[str, Any], out: Path, resume: bool) -> None:
        self.about, self.out, self.resume = {**about, "versions": versions()}, out, resume
        self._before: bytes | None = None
        self._began = False

    def begin(self) -> None:
        """Everything was checked, and training begins."""
        config = self.out / CONFIG
        if self.resume:
            if (self.out / CHECKPOINT).exists():
                read_checkpoint(self.out / CHECKPOINT)  # a damaged one is refused before anything is written
            self._before = config.read_bytes()
        else:
            clear(self.out)
        self._began = True
        self.write()

    def write(self, **more: Any) -> None:
        """Write config.json, with `more` that is known by now."""
        write_atomically(self.out / CONFIG, json.dumps({**self.about, **more}, indent=2) + "\n")

    def __enter__(self) -> RunFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None or not self._began:
            return
        if self._before is not None and issubclass(kind, Exception):
            write_atomically(self.out / CONFIG, self._before)
        elif self._before is None and not (self.out / CHECKPOINT).exists():
            (self.out / CONFIG).unlink(missing_ok=True)
