"""What a sweep was asked for, as a file that says how it goes on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rushlight.cli.console import UserError
from rushlight.cli.grid import Grid, read_grid
from rushlight.cli.settings import DATASETS
from rushlight.cli.table_runs import checked_options
from rushlight.cli.train import PLAN, SWEEP
from rushlight.interop.files import remove_leftovers, write_atomically
from rushlight.interop.strict import parse_json

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """A data set, and the options of the command by their names."""

    dataset: str
    given: dict[str, Any]

    @classmethod
    def asked(cls, dataset: str | None, given: dict[str, Any]) -> Plan:
        """From the command line; UserError without a data set."""
        if dataset is None:
            names = f"{', '.join(DATASETS)}, or a table"
            raise UserError(
                f"name the data to learn from ({names}), or a sweep to go on with: --resume RUN", 2
            )
        return cls(dataset, {name: value for name, value in given.items() if value is not None})

    @classmethod
    def resumed(cls, folder: Path, dataset: str | None, given: dict[str, Any], out: Path | None) -> Plan:
        """That of the sweep in `folder`; UserError where there is none, or for what would change it."""
        changes = [
            f"--{name.replace('_', '-')}" for name, value in given.items() if value not in (None, False)
        ]
        changes += [] if out is None else ["--out"]
        changes += [] if dataset is None else [dataset]
        if changes:
            text = f"--resume goes on with the sweep as it was asked for; leave out {', '.join(changes)}"
            raise UserError(text, 2)
        path = folder / PLAN
        if not path.exists():
            if (folder / SWEEP).exists():
                raise UserError(f"the sweep in {folder} is finished")
            raise UserError(f"there is no sweep to resume in {folder}: no {PLAN}")
        try:
            found = parse_json(path.read_bytes())
            plan = cls(str(found["dataset"]), dict(found["given"]))
            _ = checked_options(plan.given) if plan.of_table else plan.grid
        except (UserError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} is damaged, or was written by another program: {error}") from error
        return plan

    @property
    def of_table(self) -> bool:
        """Whether the data set is a file."""
        return self.dataset not in DATASETS

    @cached_property
    def grid(self) -> Grid:
        """What it trains; UserError for options that do not fit."""
        given = dict(self.given)
        seeds, seed_list = given.pop("seeds", None), given.pop("seed_list", None)
        return read_grid(self.dataset, given, seeds, seed_list)

    def write(self, folder: Path) -> None:
        """Write it, in a folder that is there."""
        remove_leftovers(folder / PLAN)
        text = json.dumps({"dataset": self.dataset, "given": self.given}, indent=2)
        write_atomically(folder / PLAN, text + "\n")
