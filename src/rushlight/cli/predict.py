"""``rushlight predict``: classes, probabilities and numbers for tables, points and pictures."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import typer

import rushlight as rl
from rushlight.cli.console import UserError, say, table, warn
from rushlight.cli.saved import SavedModel, load_any
from rushlight.errors import DataError
from rushlight.interop.files import write_atomically
from rushlight.interop.pictures import read_clothing, read_digit
from rushlight.interop.points import read_points

__all__ = ["predict"]


def predict(target: Path, files: list[Path], form: str | None, out: Path | None = None) -> None:
    """Print, or write to `out`, the predictions for every row, point or picture in `files`.

    A file that cannot be read is named, and the others are predicted; then the exit status is 1.
    """
    saved = load_any(target)
    read: Any
    if not isinstance(saved, SavedModel):
        from rushlight.cli.tables import predict_rows as read
    else:
        read = _points if saved.settings.dataset == "disk" else _picture
    rows, bad = [], 0
    for path in files:
        try:
            rows += read(saved, path)
        except DataError as error:
            warn(str(error))
            bad += 1
    if rows:
        _put(rows, form, out)
    if bad and len(files) > 1:
        raise UserError(f"{bad} of {len(files)} files could not be read")
    if bad:
        raise typer.Exit(1)


def _put(rows: list[dict[str, Any]], form: str | None, out: Path | None) -> None:
    if out is None:
        form = form or ("table" if sys.stdout.isatty() else "csv")
        (say if form == "table" else sys.stdout.write)(_text(rows, form))
        return
    form = form or ("json" if out.suffix.lower() == ".json" else "csv")
    try:
        write_atomically(out, _text(rows, form) + ("\n" if form == "table" else ""))
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error
    say(f"{len(rows):,} prediction{'s' * (len(rows) != 1)} in {out}")


def _text(rows: list[dict[str, Any]], form: str) -> str:
    if form == "json":
        return json.dumps(rows, indent=2) + "\n"
    header = list(rows[0])
    cells = [[_number(row[name]) for name in header] for row in rows]
    if form == "table":
        return table(header, cells)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(cells)
    return text.getvalue()


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
