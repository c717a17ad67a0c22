"""``rushlight train --runs N``: the same net from N seeds, and the statistics of its test error."""

from __future__ import annotations

import csv
import io
import shlex
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from rushlight.cli.console import UserError, say, table, undrawn
from rushlight.cli.settings import Settings
from rushlight.cli.tasks import load_parts
from rushlight.cli.train import (
    CONFIG,
    Result,
    folder,
    heed_threads,
    how_to_run,
    run_files,
    train_one,
    written,
)
from rushlight.interop.files import write_atomically
from rushlight.interop.strict import parse_number, read_table
from rushlight.train import History, Interrupted

__all__ = ["train_runs"]

FILE = "runs.csv"


def train_runs(settings: Settings, out: Path, resume: bool, quiet: bool, pictures: bool) -> None:
    """Train `settings.runs` models with seeds from `settings.seed` on, each in a folder of its own."""
    how_to_run(settings)
    heed_threads(settings.threads)
    with folder(out):
        done = _read(out / FILE) if resume else []
        load_parts(settings)  # an error now, before anything is written
        if not resume:
            (out / FILE).unlink(missing_ok=True)
        with run_files(settings, out, resume, kept="run-*"):
            done = _train_all(settings, done, out, resume, quiet)
        if pictures:
            _draw(settings, done, out)
        _report(done, out, quiet)


def _train_all(settings: Settings, done: list[Result], out: Path, resume: bool, quiet: bool) -> list[Result]:
    for number in range(len(done), settings.runs):
        one = replace(settings, seed=settings.seed + number, runs=1)
        place = out / f"run-{number + 1:02d}"
        again = resume and (place / CONFIG).exists()
        try:
            with folder(place), run_files(one, place, again):
                result = train_one(one, load_parts(one), place, again, False)[-1]
        except Interrupted:
            again_with = f"rushlight train {settings.dataset} --out {shlex.quote(str(out))} --resume"
            raise Interrupted(
                f"stopped in run {number + 1} of {settings.runs}. Saved. To go on:\n{again_with}"
            ) from None
        done.append(result)
        _write(out / FILE, done)
        if not quiet:
            say(
                f"run {number + 1:>{len(str(settings.runs))}}/{settings.runs}  seed {result.seed}  "
                f"test error {100 * result.test_error:5.2f} %  {result.seconds:.1f} s"
            )
    return done[: settings.runs]


def statistics(errors: list[float]) -> tuple[float, float, float, float]:
    """Worst, best, mean and standard deviation (dividing by the number of runs)."""
    mean = sum(errors) / len(errors)
    return max(errors), min(errors), mean, (sum((e - mean) ** 2 for e in errors) / len(errors)) ** 0.5


def _report(results: list[Result], out: Path, quiet: bool) -> None:
    names = ("worst", "best", "mean", "deviation")
    rows = []
    for label, values in (
        ("error", [r.test_error for r in results]),
        ("loss", [r.test_loss for r in results]),
    ):
        found = statistics(values)
        rows.append(
            [f"test {label}", *(f"{100 * v:.2f} %" if label == "error" else f"{v:.4g}" for v in found)]
        )
    if not quiet:
        say()
    say(table((f"{len(results)} runs", *names), rows, right=(1, 2, 3, 4)))
    if not quiet:
        say(f"written to {written(out)}")


def _draw(settings: Settings, results: list[Result], out: Path) -> None:
    try:
        from rushlight import plot
        from rushlight.cli.pictures import close_all

        histories = [History.from_csv(out / f"run-{i + 1:02d}" / "history.csv") for i in range(len(results))]
        names = [name for name in histories[0] if name not in ("epoch", "lr", "seconds")]
        together = {name: [history[name] for history in histories] for name in names}
        plot.curves(together, title=f"{settings.dataset}, {len(results)} runs", path=out / "curves.png")
        losses = [name for name in names if name.endswith("loss")]
        plot.curves(together, scale="log", names=losses, path=out / "curves-log.png")
        plot.run_statistics(
            {f"{settings.dataset}, {settings.loss}": [r.test_error for r in results]},
            path=out / "statistics.png",
        )
        close_all()
    except ImportError as error:
        undrawn("pictures were not drawn", error)


def _write(path: Path, results: list[Result]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Result)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(result) for result in results)
    write_atomically(path, text.getvalue())


def _read(path: Path) -> list[Result]:
    if not path.exists():
        return []
    whole = {field.name for field in fields(Result) if field.type == "int"}
    try:
        (_, names), *rows = read_table(path)
        tables = [dict(zip(names, map(parse_number, row), strict=True)) for _, row in rows]
        kept: list[dict[str, Any]] = [{n: int(v) if n in whole else v for n, v in t.items()} for t in tables]
        return [Result(**values) for values in kept]
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(
            f"{path} is damaged: {error}. Remove it; finished runs are then checked again."
        ) from error
