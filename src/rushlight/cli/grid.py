"""What a sweep trains: lists of values from the command line, every combination of them, and the seeds."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from rushlight.cli.console import UserError
from rushlight.cli.settings import Settings, from_options

__all__ = ["AXES", "Grid", "Point", "label", "numbers", "once", "read_grid", "read_seeds", "text"]

AXES = ("hidden", "activation", "init", "lr", "momentum")
"""The options that take several values."""
Point = dict[str, Any]


@dataclass(frozen=True)
class Grid:
    """`axes` are the options with several values, `given` all others; every combination gets every seed."""

    dataset: str
    given: dict[str, Any]
    axes: dict[str, list[Any]]
    seeds: list[int]

    def points(self) -> Iterator[Point]:
        """The configurations, by the values that tell them apart."""
        for values in product(*self.axes.values()):
            yield dict(zip(self.axes, values, strict=True))

    def settings(self, point: Point, seed: int | None = None) -> Settings:
        """Those of one configuration with one seed, the first if left out."""
        return from_options(
            self.dataset, {**self.given, **point, "seed": self.seeds[0] if seed is None else seed}
        )

    def command(self, settings: Settings, point: Point) -> str:
        """The `rushlight train` line that trains this configuration alone, to the same weights."""
        options = {**self.given, **point, "seed": settings.seed}
        if self.dataset != "disk" or settings.data_seed == settings.seed:
            del options["data_seed"]
        usual = from_options(self.dataset, {name: v for name, v in options.items() if name != "epochs"})
        if usual.epochs == settings.epochs:
            options.pop("epochs", None)
        compiled = options.pop("compile", None)
        words = ["rushlight", "train", self.dataset]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        return shlex.join(words + ([] if compiled is None else ["--compile" if compiled else "--no-compile"]))


def label(point: Point) -> str:
    """A configuration in a few words: ``lr 0.04, tanh``."""
    return ", ".join(
        text(value) if name in ("activation", "init") else f"{name} {text(value)}"
        for name, value in point.items()
    )


def text(value: Any) -> str:
    """A value of an axis as people write it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_grid(dataset: str, given: dict[str, Any], seeds: int | None, seed_list: str | None) -> Grid:
    """The grid that options describe; UserError for what does not fit, before anything is trained."""
    chosen = read_seeds(seeds, seed_list)
    values = {name: _values(name, given[name]) for name in AXES if given.get(name) is not None}
    rest = {name: value for name, value in given.items() if name not in AXES and value is not None}
    rest |= {name: found[0] for name, found in values.items() if len(found) == 1}
    rest.setdefault("data_seed", chosen[0])
    if "weight_decay" in rest:
        rest["weight_decay"] = _one_number("weight-decay", rest["weight_decay"])
    grid = Grid(dataset, rest, {name: found for name, found in values.items() if len(found) > 1}, chosen)
    found = [grid.settings(point) for point in grid.points()]
    for seed in chosen:
        grid.settings(next(grid.points()), seed)
    if len(set(found)) < len(found):
        raise UserError("two configurations of the sweep are the same; give each value once", 2)
    # The number of epochs may follow from the net; in one sweep all train equally long.
    rest.setdefault("epochs", max(one.epochs for one in found))
    return grid


def read_seeds(count: int | None, listed: str | None) -> list[int]:
    """The seeds: so many from 0 on, or those of a list."""
    if count is not None and listed is not None:
        raise UserError("--seeds and --seed-list exclude each other: give a number of seeds, or the seeds", 2)
    if listed is None:
        if count is not None and count < 1:
            raise UserError(f"--seeds {count}: expected a number at least 1", 2)
        return list(range(count or 1))
    try:
        found = [int(part) for part in listed.split(",")]
    except ValueError:
        raise UserError(f"--seed-list {listed!r}: expected whole numbers such as 3,5,8", 2) from None
    if len(set(found)) < len(found):
        raise UserError(f"--seed-list {listed}: a seed stands there twice", 2)
    return found


def _values(name: str, given: str) -> list[Any]:
    """The values in a list from the command line."""
    if name in ("lr", "momentum"):
        return once(name, given, numbers(name, given))
    apart = "/" if name == "hidden" or "/" in given else ","
    return once(name, given, [part.strip().lower() for part in given.split(apart) if part.strip()] or [given])


def numbers(name: str, given: str) -> list[float]:
    """Numbers parted by commas."""
    try:
        return [float(part) for part in given.split(",")]
    except ValueError:
        raise UserError(f"--{name} {given!r}: expected a number, or several such as 0.01,0.04", 2) from None


def _one_number(name: str, given: str) -> float:
    found = numbers(name, given)
    if len(found) > 1:
        raise UserError(f"--{name} {given}: one number, but for tables", 2)
    return found[0]


def once(name: str, given: str, values: list[Any]) -> list[Any]:
    """The values, if each stands there once."""
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is None:
        return values
    hint = ""
    if name == "activation" and "/" not in given:
        hint = f"; for one net with a function for each layer, end it with a slash: {given}/"
    raise UserError(f"--{name} {given}: {text(twice)} stands there twice{hint}", 2)
