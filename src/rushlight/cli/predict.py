"""``rushlight predict``: classes and probabilities for points in CSV files and pictures of digits."""

from __future__ import annotations

import csv
import json
import math
import sys
from pathlib import Path
from typing import Any

import typer

import rushlight as rl
from rushlight.cli.console import UserError, say, table, warn
from rushlight.cli.saved import SavedModel, load_model
from rushlight.errors import DataError
from rushlight.interop.pictures import read_clothing, read_digit
from rushlight.interop.points import read_points

__all__ = ["predict"]


def predict(target: Path, files: list[Path], form: str | None) -> None:
    """Print the class and the probability of every point or picture in `files`.

    A file that cannot be read is named, and the others are predicted; then the exit status is 1.
    """
    saved = load_model(target)
    read = _points if saved.settings.dataset == "disk" else _picture
    rows, bad = [], 0
    for path in files:
        try:
            rows += read(saved, path)
        except DataError as error:
            warn(str(error))
            bad += 1
    if rows:
        _show(rows, form or ("table" if sys.stdout.isatty() else "csv"))
    if bad and len(files) > 1:
        raise UserError(f"{bad} of {len(files)} files could not be read")
    if bad:
        raise typer.Exit(1)


def _show(rows: list[dict[str, Any]], form: str) -> None:
    if form == "json":
        print(json.dumps(rows, indent=2))  # as it is, however narrow the terminal
        return
    header = list(rows[0])
    text = [[_number(row[name]) for name in header] for row in rows]
    if form == "table":
        say(table(header, text))
    else:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(text)


def _points(saved: SavedModel, path: Path) -> list[dict[str, Any]]:
    points = read_points(path).tolist()
    outside = sum(1 for point in points if not all(0 <= c <= 1 for c in point))
    if outside:
        warn(f"note: {outside} of {len(points)} points are outside the unit square it learned from")
    chances = saved.probabilities(saved.normalise(points)).tolist()
    for (x, y), row in zip(points, chances, strict=True):
        if not all(map(math.isfinite, row)):
            raise DataError(f"{path}: the point {x:g},{y:g} is too far away: the model gives no number there")
    return [{"x": x, "y": y, **_best(saved, row)} for (x, y), row in zip(points, chances, strict=True)]


def _picture(saved: SavedModel, path: Path) -> list[dict[str, Any]]:
    digits = saved.settings.dataset == "mnist"
    kind = rl.data.MNIST if digits else rl.data.FashionMNIST
    pixels, notes = (read_digit if digits else read_clothing)(path)
    for note in notes:
        warn(f"note: {path}: {note}")
    (row,) = saved.probabilities(kind.prepare(pixels)).tolist()
    if not all(map(math.isfinite, row)):
        raise DataError(f"{path}: the model gives no number for it; are its weights finite?")
    return [{"file": str(path), **_best(saved, row)}]


def _best(saved: SavedModel, chances: list[float]) -> dict[str, Any]:
    index = max(range(len(chances)), key=chances.__getitem__)
    return {"class": index, "name": saved.classes[index], "probability": chances[index]}


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
