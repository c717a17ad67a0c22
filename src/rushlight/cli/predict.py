"""``rushlight predict``: classes and probabilities for points in CSV files and pictures of digits."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import rushlight as rl
from rushlight.cli.console import say, table, warn
from rushlight.cli.saved import SavedModel, load_model
from rushlight.interop.pictures import read_digit
from rushlight.interop.points import read_points

__all__ = ["predict"]


def predict(target: Path, files: list[Path], form: str | None) -> None:
    """Print the class and the probability of every point or picture in `files`."""
    saved = load_model(target)
    rows = _points(saved, files) if saved.settings.dataset == "disk" else _pictures(saved, files)
    form = form or ("table" if sys.stdout.isatty() else "csv")
    if form == "json":
        say(json.dumps(rows, indent=2))
        return
    header = list(rows[0]) if rows else []
    text = [[_number(row[name]) for name in header] for row in rows]
    if form == "table":
        say(table(header, text))
    else:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(text)


def _points(saved: SavedModel, files: list[Path]) -> list[dict[str, Any]]:
    points = [point for path in files for point in read_points(path).tolist()]
    outside = sum(1 for point in points if not all(0 <= c <= 1 for c in point))
    if outside:
        warn(f"note: {outside} of {len(points)} points are outside the unit square it learned from")
    chances = saved.probabilities(saved.normalise(points))
    return [
        {"x": x, "y": y, **_best(saved, row)} for (x, y), row in zip(points, chances.tolist(), strict=True)
    ]


def _pictures(saved: SavedModel, files: list[Path]) -> list[dict[str, Any]]:
    kind = rl.data.MNIST if saved.settings.dataset == "mnist" else rl.data.FashionMNIST
    inputs = []
    for path in files:
        pixels, notes = read_digit(path)
        for note in notes:
            warn(f"note: {path}: {note}")
        inputs.append(kind.prepare(pixels))
    chances = saved.probabilities(rl.cat(inputs))
    return [
        {"file": str(path), **_best(saved, row)} for path, row in zip(files, chances.tolist(), strict=True)
    ]


def _best(saved: SavedModel, chances: list[float]) -> dict[str, Any]:
    index = max(range(len(chances)), key=chances.__getitem__)
    return {"class": index, "name": saved.classes[index], "probability": chances[index]}


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
