"""What a sweep leaves in its folder: tables, the best model, pictures."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rushlight import plot
from rushlight.cli.console import undrawn
from rushlight.cli.grid import label
from rushlight.cli.saved import FILE, SavedModel
from rushlight.cli.standings import FIGURE, Standing
from rushlight.cli.train import CHECKPOINT, CONFIG, PLAN, SWEEP
from rushlight.interop.files import remove_leftovers, write_atomically
from rushlight.train.sweeping.kept import Kept

__all__ = ["STATE", "done", "draw", "write"]

EPOCHS, STATE = "epochs.csv", "sweep-state"
LINES, ROWS = 6, 16
"""So many configurations, the best, are drawn as curves, and as rows of statistics."""


def write(result: Any, saved: SavedModel, out: Path) -> None:
    """The tables and the model, in the place of whatever run or sweep the folder held."""
    for name in (CONFIG, CHECKPOINT, "history.csv", SWEEP, FILE):
        (out / name).unlink(missing_ok=True)
    for name in (SWEEP, EPOCHS, FILE):
        remove_leftovers(out / name)
    saved.save(out / FILE)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(result.per_epoch)
    writer.writerows(zip(*result.per_epoch.values(), strict=True))
    write_atomically(out / EPOCHS, text.getvalue())
    result.to_csv(out / SWEEP)
    done(out)


def done(out: Path) -> None:
    """Remove what a sweep goes on from: it has come to its end."""
    (out / PLAN).unlink(missing_ok=True)
    Kept(out / STATE, resume=False, overwrite=True).clear()
    with contextlib.suppress(OSError):  # it holds something of somebody else's
        (out / STATE).rmdir()


def draw(title: str, standings: Sequence[Standing], out: Path) -> None:
    """Mean curves with bands, and every run's error, of the configurations that did best."""
    drawn = [one for one in standings if one.finished]
    try:
        _curves(title, drawn[:LINES], len(standings), out)
        _statistics(title, drawn[:ROWS], out)
    except ImportError as error:
        undrawn("pictures were not drawn", error)


def _curves(title: str, drawn: Sequence[Standing], count: int, out: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 4.0 + 0.2 * len(drawn)), dpi=150, layout="constrained")
    plot.curves(
        {
            label(one.point) or "validation": [run.history["validation_loss"] for run in one.finished]
            for one in drawn
        },
        scale="log",
        ylabel="validation loss",
        title=title if count == len(drawn) else f"{title}, the best {len(drawn)} of {count}",
        ax=figure.add_subplot(),
        path=out / "curves.png",
    )


def _statistics(title: str, drawn: Sequence[Standing], out: Path) -> None:
    errors = {label(one.point) or title: [run.final[FIGURE] for run in one.finished] for one in drawn}
    plot.run_statistics(errors, xlabel="validation error (%)", path=out / "statistics.png")
