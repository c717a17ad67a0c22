"""The pages of what training found: a history, and the runs of a sweep."""

from __future__ import annotations

from typing import Any

from rushlight.notebook.curves import curves_svg, panel_svg
from rushlight.notebook.markup import GAP, facts, fold, shortened, table

__all__ = ["history_html", "sweep_html"]

ROWS = 20
CURVES = 40
"""So many runs of a sweep have a curve in its picture."""
CLOCKS = ("epoch", "seconds", "lr")


def history_html(history: Any) -> str:
    """The curves of a history, and its table, folded where it is long."""
    rows = history.rows
    if not rows:
        return facts("History", "no epochs yet")
    at = [row.get("epoch", number + 1) for number, row in enumerate(rows)]
    measured = {name: list(zip(at, column, strict=True)) for name, column in history.items()}
    picture = curves_svg({name: points for name, points in measured.items() if name not in CLOCKS})
    names = history.columns
    numbers = _table(names, [[row.get(name) for name in names] for row in rows])
    what = facts("History", f"{len(rows)} epoch{'s' * (len(rows) > 1)}")
    return what + picture + fold("table", numbers, len(rows) <= ROWS // 2)


def sweep_html(sweep: Any) -> str:
    """The table of a sweep, its best run bold, and the losses of its runs."""
    columns = dict(sweep.columns)
    if all(value is None for value in columns["diverged"]):
        del columns["diverged"]
    runs, numbers = sweep.runs, [run.number for run in sweep.runs]
    quantity = "validation_loss" if "validation_loss" in sweep.figures else "train_loss"
    whole = [run for run in runs if run.diverged is None]  # beside the others' losses these would be flat
    lines = {f"run {run.number}": list(enumerate(run.history.get(quantity, []), 1)) for run in whole[:CURVES]}
    picture = panel_svg(quantity.replace("_", " "), lines)
    best = _best(sweep)
    rows = list(zip(numbers, *columns.values(), strict=True))
    marked = next((place for place, run in enumerate(runs) if run is best), -1)
    lost = sum(run.diverged is not None for run in runs)
    programs = f"{sweep.compiled} compiled program{'s' * (sweep.compiled != 1)}"
    what = facts(
        "Sweep",
        f"{len(runs)} runs of {sweep.epochs} epochs",
        f"{sweep.seconds:.3g} s",
        programs if sweep.compiled else "one by one",
        f"{lost} diverged" if lost else "",
        f"best {quantity.replace('_', ' ')}: run {best.number}" if best is not None else "",
    )
    return what + picture + _table(["run", *columns], rows, marked)


def _best(sweep: Any) -> Any:
    try:
        return sweep.best()
    except ValueError:  # all runs diverged
        return None


def _table(names: list[str], rows: list[Any], marked: int = -1) -> str:
    first, last = shortened([[_shown(value) for value in row] for row in rows], ROWS)
    if last and marked >= len(first):
        gone = len(rows) - len(last)
        if marked < gone:  # the best run is seen, wherever it stands
            first, marked = [*first, [GAP] * len(names), [_shown(v) for v in rows[marked]]], len(first) + 1
        else:
            marked += len(first) + 1 - gone
    between = [[GAP] * len(names)] if last else []
    return table(names, [*first, *between, *last], marked=marked)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
