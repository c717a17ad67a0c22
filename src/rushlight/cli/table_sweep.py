"""``rushlight sweep data.csv --target ...``: settings compared by held-out rows, the best one tested."""

from __future__ import annotations

import csv
import io
import shlex
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rushlight as rl
from rushlight import tabular
from rushlight.cli.console import say
from rushlight.cli.grid import label, numbers, once, read_seeds, text
from rushlight.cli.sweep_files import STATE, done
from rushlight.cli.sweep_plan import Plan
from rushlight.cli.sweep_run import Where
from rushlight.cli.table_runs import RunFiles, place_of
from rushlight.cli.tables import Prepared, other_run, report, save_run, stem
from rushlight.cli.train import SWEEP, folder, free_folder, refuse_used
from rushlight.errors import AnomalyError
from rushlight.interop.files import write_atomically
from rushlight.interop.locks import LOCK
from rushlight.tabular.keeping import OtherRun
from rushlight.tabular.page import Findings
from rushlight.tabular.searching import forget
from rushlight.train import Interrupted

__all__ = ["sweep_table"]

AXES = ("hidden", "activation", "lr", "weight_decay", "dropout")
"""The options that take several values."""
USUAL: dict[str, list[Any]] = {
    "hidden": ["64", "128,128"],
    "lr": [5e-4, 2e-3],
    "dropout": [0.0, 0.2],
}
"""What is tried where no list is given."""


def sweep_table(plan: Plan, where: Where, quiet: bool, pictures: bool) -> None:
    """Train a model with each combination, and tell the user which is best."""
    out = where.out
    axes, rest = _axes(plan.given)
    threads = rest.pop("threads", None) if where.threads is None else where.threads
    prepared = Prepared(plan.dataset, {**rest, "threads": threads})
    plan = _anywhere(plan, threads)
    if out is not None and not where.force and not where.resume:
        refuse_used(out)
    options = prepared.fit_options()
    configs = rl.grid(**axes)
    if not quiet:
        prepared.introduce()
        say(f"sweep      {len(configs)} models: {', '.join(f'{n} {_listed(v)}' for n, v in axes.items())}")
        say()
    with ExitStack() as stack:
        if out is not None:
            stack.enter_context(folder(out))
            state = out / STATE
        else:
            state = Path(stack.enter_context(TemporaryDirectory())) / STATE
        options |= {"out": state, "resume": where.resume, "overwrite": not where.resume}
        try:
            _run(plan, where, prepared, configs, options, quiet, pictures)
        except OtherRun as error:
            raise other_run(error) from None
        except KeyboardInterrupt as error:
            if not state.is_dir():
                raise
            if out is None:
                out = free_folder(stem(plan.dataset))
                with folder(out):
                    plan.write(out)
                    shutil.copytree(state, out / STATE, ignore=shutil.ignore_patterns(LOCK))
            raise _stopped(error, out) from None


def _stopped(error: KeyboardInterrupt, out: Path) -> Interrupted:
    place = f" in {error.where}" if isinstance(error, Interrupted) else ""
    return Interrupted(
        f"stopped by Ctrl-C{place}. Saved. To go on:\nrushlight sweep --resume {shlex.quote(str(out))}"
    )


def _anywhere(plan: Plan, threads: int | None) -> Plan:
    """The plan with whole paths, to be resumed from any folder."""
    given = {**plan.given, "threads": threads}
    if "test" in given:
        given["test"] = place_of(given["test"])
    return Plan(
        str(Path(plan.dataset).absolute()), {n: value for n, value in given.items() if value is not None}
    )


def _run(
    plan: Plan,
    where: Where,
    prepared: Prepared,
    configs: list[dict[str, Any]],
    options: dict[str, Any],
    quiet: bool,
    pictures: bool,
) -> None:
    began, out = time.perf_counter(), where.out
    begun = where.resume

    def introduce(model: tabular.TabularModel) -> None:
        nonlocal begun
        if not begun and out is not None:  # the first model's table and options were checked
            _done(out)
            plan.write(out)
        begun = True

    def each(count: int, model: tabular.TabularModel) -> None:
        if not quiet:
            say(f"{count:>{len(str(len(configs)))}}/{len(configs)}  {_line(configs[count - 1], model)}")

    settings = [_settings(config) for config in configs]
    options |= {"each": each, "introduce": introduce, "progress": False}
    try:
        found = tabular.search(prepared.train, prepared.target, settings, **options)
    except AnomalyError:
        if out is not None:
            _done(out)
        raise
    say()
    say(f"By the {found.measure.replace('_', ' ')} of held-out rows, best first")
    say()
    say(str(found).rstrip())
    say()
    for config in found.failed:
        say(f"diverged: {label(config)}")
    findings = Findings(found.best, prepared.tested)
    if out is not None:
        prepared.options |= found.configs[0]
        files = RunFiles(prepared.about(), out, False)
        files.begin()
        save_run(files, findings, pictures)
        write_atomically(out / SWEEP, _csv(found))
        _done(out)
    report(findings, time.perf_counter() - began, out, quiet)


def _done(out: Path) -> None:
    """Remove what a sweep goes on from, whatever it was of."""
    done(out)
    forget(out / STATE)


def _axes(given: Mapping[str, Any]) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """The lists of values, by option, and the other options."""
    rest = dict(given)
    seeds = read_seeds(rest.pop("seeds", None), rest.pop("seed_list", None))
    axes: dict[str, list[Any]] = {}
    for name in AXES:
        value = rest.pop(name, None)
        if value is None:
            continue
        if name in ("hidden", "activation"):
            apart = "/" if name == "hidden" else ","
            values: list[Any] = [part.strip() for part in value.split(apart) if part.strip()]
        else:
            values = numbers(name, value)
        axes[name] = once(name, value, values)
    if all(len(values) == 1 for values in axes.values()) and len(seeds) == 1:
        axes = {**axes, **{name: values for name, values in USUAL.items() if name not in axes}}
    if len(seeds) == 1:
        return axes, {**rest, "seed": seeds[0]}
    return {**axes, "seed": seeds}, rest


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    from rushlight.cli.settings import widths

    return {**config, "hidden": widths(config["hidden"])} if "hidden" in config else dict(config)


def _listed(values: list[Any]) -> str:
    return " | ".join(text(value) for value in values)


def _line(config: Mapping[str, Any], model: tabular.TabularModel) -> str:
    measured = list(model.validation.items())[:3]
    return f"{label(dict(config))}: {', '.join(f'{n} {v:.4g}' for n, v in measured)}"


def _csv(found: tabular.Search) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*found.configs[0], *found.best.validation, "epochs"])
    for config, model in zip(found.configs, found.models, strict=True):
        cells = [",".join(map(str, v)) or "none" if isinstance(v, tuple) else v for v in config.values()]
        writer.writerow([*cells, *model.validation.values(), len(model.history.rows)])
    return written.getvalue()
