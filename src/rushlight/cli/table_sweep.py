"""``rushlight sweep data.csv --target ...``: settings compared by held-out rows, the best one tested."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rushlight as rl
from rushlight import tabular
from rushlight.cli.console import say
from rushlight.cli.grid import label, numbers, once, read_seeds, text
from rushlight.cli.tables import Prepared, free_for_table, report, save_run, stopped
from rushlight.cli.train import SWEEP, folder
from rushlight.interop.files import write_atomically
from rushlight.tabular.page import Findings
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


def sweep_table(
    path: str, given: dict[str, Any], out: Path | None, force: bool, quiet: bool, pictures: bool
) -> None:
    """Train a model with each combination, and tell the user which is best."""
    began = time.perf_counter()
    axes, rest = _axes(given)
    prepared = Prepared(path, rest)
    if out is not None and not force:
        free_for_table(out)
    options = prepared.fit_options()
    configs = rl.grid(**axes)
    if not quiet:
        prepared.introduce()
        say(f"sweep      {len(configs)} models: {', '.join(f'{n} {_listed(v)}' for n, v in axes.items())}")
        say()

    trained = 0

    def each(count: int, model: tabular.TabularModel) -> None:
        nonlocal trained
        trained = count
        if quiet:
            return
        say(f"{count:>{len(str(len(configs)))}}/{len(configs)}  {_line(configs[count - 1], model)}")

    settings = [_settings(config) for config in configs]
    try:
        found = tabular.search(
            prepared.train, prepared.target, settings, each=each, progress=False, **options
        )
    except Interrupted as error:
        raise stopped(error, f"model {trained + 1} of {len(configs)}, ") from None
    say()
    say(f"By the {found.measure.replace('_', ' ')} of held-out rows, best first")
    say()
    say(str(found).rstrip())
    say()
    for config in found.failed:
        say(f"diverged: {label(config)}")
    findings = Findings(found.best, prepared.tested)
    if out is None:
        report(findings, time.perf_counter() - began, None, quiet)
        return
    with folder(out):
        prepared.options |= found.configs[0]
        save_run(prepared, findings, out, pictures)
        write_atomically(out / SWEEP, _csv(found))
        report(findings, time.perf_counter() - began, out, quiet)


def _axes(given: Mapping[str, Any]) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """The lists of values, by option, and the other options."""
    rest = dict(given)
    seeds = read_seeds(rest.pop("seeds"), rest.pop("seed_list"))
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
