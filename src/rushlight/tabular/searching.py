"""`search`: several settings, compared by rows that were held out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rushlight.errors import AnomalyError, ArgumentError, message
from rushlight.tabular.fitting import fit
from rushlight.tabular.measures import JUDGED_BY
from rushlight.tabular.model import TabularModel
from rushlight.tabular.sources import as_table
from rushlight.train.tables import as_table as as_text

__all__ = ["Search", "search"]


@dataclass
class Search:
    """Settings and their models, best first; those whose loss was no longer finite are in `failed`."""

    configs: Sequence[dict[str, Any]]
    models: Sequence[TabularModel]
    failed: Sequence[dict[str, Any]] = ()

    @property
    def best(self) -> TabularModel:
        """Of the best config the model with the lowest loss on the rows that it held out."""
        return self.models[0]

    @property
    def measure(self) -> str:
        """What the models are ordered by: "log_loss" or "rmse"."""
        return JUDGED_BY[self.best.task]

    def __str__(self) -> str:
        names = list(self.configs[0])
        measures = [name for name in self.best.validation if name != "accuracy"]
        rows = [
            [*(_shown(config[n]) for n in names), *(model.validation[m] for m in measures)]
            for config, model in zip(self.configs, self.models, strict=True)
        ]
        return as_text([*names, *measures], rows)


def search(
    frame: Any,
    target: Any,
    configs: Iterable[Mapping[str, Any]],
    *,
    each: Callable[[int, TabularModel], None] | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    **options: Any,
) -> Search:
    """`fit` a model for each of `configs`, such as `rl.grid` makes, and order them by their held-out rows:
    those that differ in `seed` alone stand together, by their mean.

    each      called after each model with how many there are by then.
    out       a folder that keeps each model, and the one under way, until it is removed: with `resume` the
              search goes on there, to the same models, bit for bit; `overwrite` begins anew over it.
    options   as for `fit`, for all models.

    Test the best one on other rows still: being the best of many flatters it.

    >>> import rushlight as rl
    >>> frame = {"x": [i / 20 for i in range(60)], "y": [(i / 20) ** 2 for i in range(60)]}
    >>> found = rl.tabular.search(frame, "y", rl.grid(hidden=[(), (16,)]), epochs=40, progress=False)
    >>> found.best.settings.hidden
    (16,)
    """
    todo = [dict(config) for config in configs]
    if resume and out is None:
        raise ArgumentError(message("search", "resume=True without a folder", "out=FOLDER"))
    if not todo:
        raise ArgumentError(message("search", "no configs", "at least one, as rl.grid makes them"))
    table = as_table(frame, "search")
    done: list[tuple[float, dict[str, Any], TabularModel]] = []
    failed = []
    for number, config in enumerate(todo):
        keep = {} if out is None else _kept(Path(out), number, resume, overwrite)
        try:
            model = fit(table, target, **{**options, **config, **keep})
        except AnomalyError:
            failed.append(config)
            continue
        done.append((model.validation[JUDGED_BY[model.task]], config, model))
        if each is not None:
            each(len(done) + len(failed), model)
    if not done:
        raise AnomalyError("search: every loss became infinite. Try a smaller lr.")
    means = _means(done)
    done.sort(key=lambda item: (means[key := _apart_from_seed(item[1])], key, item[0]))
    return Search([config for _, config, _ in done], [model for *_, model in done], failed)


def _kept(out: Path, number: int, resume: bool, overwrite: bool) -> dict[str, Any]:
    """Where the model of a config keeps what it needs to go on, and whether it does."""
    return {"out": out / f"model-{number + 1:03d}", "resume": resume, "overwrite": overwrite}


def _means(done: list[tuple[float, dict[str, Any], TabularModel]]) -> dict[str, float]:
    """The mean measure of each config over its seeds: the luckiest seed of a worse one does not win."""
    found: dict[str, list[float]] = {}
    for value, config, _ in done:
        found.setdefault(_apart_from_seed(config), []).append(value)
    return {config: sum(values) / len(values) for config, values in found.items()}


def _apart_from_seed(config: Mapping[str, Any]) -> str:
    return repr(sorted((name, value) for name, value in config.items() if name != "seed"))


def _shown(value: Any) -> Any:
    return ",".join(map(str, value)) or "none" if isinstance(value, tuple | list) else value
