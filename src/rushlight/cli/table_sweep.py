"""``rushlight sweep data.csv --target ...``: settings compared by held-out rows, the best one tested."""

from __future__ import annotations

import csv
import io
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rushlight as rl
from rushlight import tabular
from rushlight.cli.console import say
from rushlight.cli.grid import label, numbers, once, read_seeds, text
from rushlight.cli.sweep_plan import Plan
from rushlight.cli.tables import Prepared, clear, report, save_run
from rushlight.cli.train import PLAN, SWEEP, folder, refuse_used
from rushlight.interop.files import write_atomically
from rushlight.tabular.page import Findings
from rushlight.train import Interrupted

__all__ = ["sweep_table"]

AXES = ("hidden", "activation", "lr", "weight_decay", "dropout")
"""The options that take several values."""
MODELS = "models"
"""Where a sweep keeps its models until the best one is known."""
USUAL: dict[str, list[Any]] = {
    "hidden": ["64", "128,128"],
    "lr": [5e-4, 2e-3],
    "dropout": [0.0, 0.2],
}
"""What is tried where no list is given."""


def sweep_table(plan: Plan, out: Path | None, resume: bool, force: bool, quiet: bool, pictures: bool) -> None:
    """Train a model with each combination, and tell the user which is best."""
    began = time.perf_counter()
    axes, rest = _axes(plan.given)
    prepared = Prepared(plan.dataset, rest)
    if out is not None and not force and not resume:
        refuse_used(out)
    configs = rl.grid(**axes)
    if not quiet:
        prepared.introduce()
        say(f"sweep      {len(configs)} models: {', '.join(f'{n} {_listed(v)}' for n, v in axes.items())}")
        say()
    if out is None:
        found = _search(prepared, configs, quiet, None, {})
        _tell(found, quiet, prepared, out, pictures, began)
        return
    with folder(out):
        if not resume:
            clear(out)
            shutil.rmtree(out / MODELS, ignore_errors=True)
        plan.write(out)
        found = _search(prepared, configs, quiet, out, {"out": out / MODELS, "resume": resume})
        prepared.options |= found.configs[0]
        _tell(found, quiet, prepared, out, pictures, began)


def _search(
    prepared: Prepared,
    configs: Sequence[Mapping[str, Any]],
    quiet: bool,
    out: Path | None,
    keep: Mapping[str, Any],
) -> tabular.Search:
    """The models of all configs, a line for each."""
    trained = 0

    def each(count: int, model: tabular.TabularModel) -> None:
        nonlocal trained
        trained = count
        if not quiet:
            say(f"{count:>{len(str(len(configs)))}}/{len(configs)}  {_line(configs[count - 1], model)}")

    settings, options = [_settings(config) for config in configs], prepared.fit_options()
    try:
        return tabular.search(
            prepared.train, prepared.target, settings, each=each, progress=False, **keep, **options
        )
    except Interrupted as error:
        kept = "Nothing was written: with --out FOLDER it could go on from here."
        if out is not None:
            kept = f"Saved. To go on:\nrushlight sweep --resume {shlex.quote(str(out))}"
        where = f"model {trained + 1} of {len(configs)}, {error.where}"
        raise Interrupted(f"stopped by Ctrl-C in {where}. {kept}") from None


def _tell(
    found: tabular.Search, quiet: bool, prepared: Prepared, out: Path | None, pictures: bool, began: float
) -> None:
    """Tell the user how all models compare, and how good the best one is; keep it in `out`."""
    say()
    say(f"By the {found.measure.replace('_', ' ')} of held-out rows, best first")
    say()
    say(str(found).rstrip())
    if found.failed:
        say()
    for config in found.failed:
        say(f"diverged: {label(config)}")
    findings = Findings(found.best, prepared.tested)
    if out is not None:
        save_run(prepared, findings, out, pictures)
        write_atomically(out / SWEEP, _csv(found))
        (out / PLAN).unlink()
        shutil.rmtree(out / MODELS, ignore_errors=True)
    report(findings, time.perf_counter() - began, out, quiet)


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
