"""``rushlight sweep``: train the grid, rank it by validation error, test the best."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rushlight as rl
from rushlight.cli.console import UserError, say, width
from rushlight.cli.describe import describe
from rushlight.cli.grid import Grid, label, text
from rushlight.cli.runs import statistics
from rushlight.cli.saved import SavedModel
from rushlight.cli.settings import Settings
from rushlight.cli.standings import Standing, compare, show
from rushlight.cli.sweep_files import draw, write
from rushlight.cli.tasks import Parts, load_parts
from rushlight.cli.threads import set_threads
from rushlight.cli.train import folder, how_to_run, make_trainer, refuse_used, written
from rushlight.compile.native.threads import get_num_threads, set_num_threads
from rushlight.train import Interrupted, Trainer

__all__ = ["run_sweep"]


def run_sweep(
    grid: Grid, threads: int | None, out: Path | None, force: bool, quiet: bool, pictures: bool
) -> None:
    """Train every net of `grid` and tell the user which is best."""
    _heed_threads(threads)
    first = grid.settings(next(grid.points()))
    reason = _why_eager(grid)
    if out is not None and not force:
        refuse_used(out)
    with contextlib.nullcontext() if out is None else folder(out):
        _run(grid, first, reason, out, quiet, pictures)


def _run(
    grid: Grid, first: Settings, reason: str | None, out: Path | None, quiet: bool, pictures: bool
) -> None:
    data = load_parts(first)
    if not quiet:
        _introduce(grid, data, reason)
    result = _train(grid, data, quiet, False if reason else how_to_run(first))
    standings = compare(list(grid.points()), result.runs)
    if not standings[0].finished:
        raise UserError(
            f"all {len(result)} nets diverged: their losses grew without bound. Try a smaller --lr"
        )
    _report(grid, standings, quiet)
    settings = _report_best(grid, standings[0], data)
    if not quiet:
        say(f"{_nets(len(result))} in {result.seconds:.1f} s")
    if out is not None:
        write(result, SavedModel(standings[0].best.model, settings, data.facts), out)
        if pictures:
            draw(grid.dataset, standings, out)
        if not quiet:
            say(f"written to {written(out)}")
            say(f"next: rushlight evaluate {shlex.quote(str(out))}")
    say(f"to train it alone: {grid.command(settings, standings[0].point)}")


def _nets(count: int) -> str:
    return f"{count} net{'s' * (count != 1)}"


def _train(grid: Grid, data: Parts, quiet: bool, compile: Any) -> Any:
    settings = grid.settings(next(grid.points()))
    try:
        return rl.sweep(
            _builder(grid),
            [{**point, "seed": seed} for point in grid.points() for seed in grid.seeds],
            data.train,
            settings.epochs,
            validation=data.validation,
            batch_size=settings.batch_size,
            progress=False if quiet else None,
            compile=compile,
        )
    except Interrupted:
        raise Interrupted("interrupted; a sweep is not saved before its end") from None


def _builder(grid: Grid) -> Callable[..., Trainer]:
    def build(seed: int, **point: Any) -> Trainer:
        return make_trainer(grid.settings(point, seed), metrics=["error"])

    return build


def _heed_threads(count: int | None) -> None:
    """Nets are spread over the threads; NumPy's products keep to one, as results depend on their number."""
    if count is not None and count < 1:
        raise UserError(f"--threads {count}: expected a number at least 1", 2)
    set_num_threads(get_num_threads() if count is None else count)  # which is asked of the environment
    set_threads(1)  # and this writes there


def _why_eager(grid: Grid) -> str | None:
    settings = grid.settings(next(grid.points()))
    if settings.compile is False:
        return "--no-compile"
    return make_trainer(settings, compile=how_to_run(settings)).why_eager()


def _introduce(grid: Grid, data: Parts, reason: str | None) -> None:
    for line in describe(grid.settings(next(grid.points())), data, grid.axes):
        say(line)
    count = len(list(grid.points()))
    nets = _nets(count * len(grid.seeds))
    if count > 1 and len(grid.seeds) > 1:
        nets += f": {count} configurations, each with {len(grid.seeds)} seeds"
    elif len(grid.seeds) > 1:
        nets += ", one for each seed"
    say(f"sweep      {nets}")
    for name, values in grid.axes.items():
        say(f"           {name} {' | '.join(text(value) for value in values)}")
    threads = get_num_threads()
    together = f"compiled, {threads} nets at a time" if threads > 1 else "compiled"
    say(f"running    {together if reason is None else f'eager ({reason})'}")


def _report(grid: Grid, standings: list[Standing], quiet: bool) -> None:
    epochs = grid.settings(standings[0].point).epochs
    over = f" with {len(grid.seeds)} seeds" if len(grid.seeds) > 1 else ""
    if not quiet:
        say()
    say(f"Validation error in % after {epochs} epochs{over}, best first")
    say()
    say(show(standings, width()))


def _report_best(grid: Grid, best: Standing, data: Parts) -> Any:
    """Test the best configuration, which was chosen without the test data; the settings of its best net."""
    errors = [100 * run.trainer.evaluate(data.test)["error"] for run in best.finished]
    found = grid.settings(best.point, best.best.config["seed"])
    one = errors[best.finished.index(best.best)]
    say()
    if best.point:
        say(f"best: {label(best.point)}")
    if len(errors) > 1:
        worst, least, mean, deviation = statistics(errors)
        say(f"test error {mean:.2f} % on average, {least:.2f} to {worst:.2f} %, deviation {deviation:.2f}")
        say(f"test error {one:.2f} % of seed {found.seed}, the best by validation")
    else:
        say(f"test error {one:.2f} %")
    return found
