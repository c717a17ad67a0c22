"""``rushlight sweep``: train the grid, rank it by validation error, test the best."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rushlight as rl
from rushlight.cli.console import UserError, say, width
from rushlight.cli.describe import describe
from rushlight.cli.grid import Grid, label, text
from rushlight.cli.runs import statistics
from rushlight.cli.saved import SavedModel
from rushlight.cli.standings import Standing, compare, show
from rushlight.cli.sweep_files import STATE, done, draw, write
from rushlight.cli.sweep_plan import Plan
from rushlight.cli.tasks import Parts, load_parts
from rushlight.cli.threads import set_threads
from rushlight.cli.train import folder, free_folder, how_to_run, make_trainer, refuse_used, written
from rushlight.compile.native.threads import get_num_threads, set_num_threads
from rushlight.optional import load
from rushlight.train import Interrupted, Trainer

__all__ = ["Where", "run_sweep"]


@dataclass(frozen=True)
class Where:
    """Where a sweep trains and writes: out its folder, resume whether to go on with what that holds, force
    whether to write over it; threads; dask the address of a scheduler."""

    out: Path | None
    resume: bool
    force: bool
    threads: int | None
    dask: str | None


def run_sweep(plan: Plan, where: Where, quiet: bool, pictures: bool) -> None:
    """Train every net of the plan's grid and tell the user which is best."""
    grid, out = plan.grid, where.out
    _heed_threads(where.threads)
    reason = _why_eager(grid)
    if out is not None and not where.force and not where.resume:
        refuse_used(out)
    with ExitStack() as stack:
        if out is not None:
            stack.enter_context(folder(out))
        executor = None if where.dask is None else stack.enter_context(_dask(where.dask))
        _run(plan, where, reason, executor, quiet, pictures)


@contextmanager
def _dask(address: str) -> Iterator[Any]:
    """The executor of the Dask scheduler at an address; UserError where there is none."""
    distributed = load("distributed", "--dask")
    try:
        client = distributed.Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise UserError(f"--dask {address}: no scheduler answers there ({error})") from error
    with client:
        yield client.get_executor()


def _run(plan: Plan, where: Where, reason: str | None, executor: Any, quiet: bool, pictures: bool) -> None:
    grid, out = plan.grid, where.out
    first = grid.settings(next(grid.points()))
    data = load_parts(first)
    if not quiet:
        _introduce(grid, data, reason, where.dask)
    options = {"executor": executor, "compile": False if reason else how_to_run(first)}
    if out is not None:
        options |= {"out": out / STATE, "resume": where.resume, "overwrite": not where.resume}
        plan.write(out)
    result = _train(plan, data, quiet, out, options)
    standings = compare(list(grid.points()), result.runs)
    if not standings[0].finished:
        if out is not None:
            done(out)
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


def _train(plan: Plan, data: Parts, quiet: bool, out: Path | None, options: dict[str, Any]) -> Any:
    grid = plan.grid
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
            **options,
        )
    except Interrupted as stopped:
        if out is None:
            out = free_folder(grid.dataset)
            with folder(out):
                plan.write(out)
                stopped.keep(out / STATE)
        over = sum(run.over for run in stopped.sweep)
        raise Interrupted(
            f"interrupted, with {over} of {_nets(len(stopped.sweep))} done. Saved. To go on:\n"
            f"rushlight sweep --resume {shlex.quote(str(out))}"
        ) from None


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


def _introduce(grid: Grid, data: Parts, reason: str | None, dask: str | None) -> None:
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
    if dask is not None:
        together = "compiled"
    where = "" if dask is None else f", by the workers of Dask at {dask}"
    say(f"running    {together if reason is None else f'eager ({reason})'}{where}")


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
