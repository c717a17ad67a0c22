"""`search`: several settings, compared by rows that were held out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rushlight.errors import AnomalyError, ArgumentError, message
from rushlight.interop.files import remove_leftovers
from rushlight.tabular.fitting import fit
from rushlight.tabular.keeping import stopped_without_folder
from rushlight.tabular.measures import JUDGED_BY
from rushlight.tabular.model import TabularModel
from rushlight.tabular.sources import as_table
from rushlight.train import Interrupted
from rushlight.train.folder import CHECKPOINT, HISTORY
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
    out       a folder that keeps each model in one of its own, `model-001` and so on, as `fit` does. With
              `resume` finished models are read, the one that was interrupted goes on from its last
              checkpoint, and others are trained: to the same bits. `overwrite` trains anew over them.
    options   as for `fit`, for all models; with `weights` they are compared by weighed measures.

    Test the best one on other rows still: being the best of many flatters it.

    >>> import rushlight as rl
    >>> frame = {"x": [i / 20 for i in range(60)], "y": [(i / 20) ** 2 for i in range(60)]}
    >>> found = rl.tabular.search(frame, "y", rl.grid(hidden=[(), (16,)]), epochs=40, progress=False)
    >>> found.best.settings.hidden
    (16,)
    """
    todo = [dict(config) for config in configs]
    if not todo:
        raise ArgumentError(message("search", "no configs", "at least one, as rl.grid makes them"))
    if resume and out is None:
        raise ArgumentError(message("search", "resume=True without a folder", "search(..., out=FOLDER)"))
    table = as_table(frame, "search")
    done: list[tuple[float, dict[str, Any], TabularModel]] = []
    failed = []
    for number, config in enumerate(todo, 1):
        if out is not None:
            options |= {"out": place(out, number), "resume": resume, "overwrite": overwrite}
        try:
            model = fit(table, target, **{**options, **config})
        except AnomalyError:
            failed.append(config)
            continue
        except Interrupted as error:
            raise _stopped(error, f"model {number} of {len(todo)}", out) from None
        done.append((model.validation[JUDGED_BY[model.task]], config, model))
        if each is not None:
            each(len(done) + len(failed), model)
    if not done:
        raise AnomalyError("search: every loss became infinite. Try a smaller lr.")
    means = _means(done)
    done.sort(key=lambda item: (means[key := _apart_from_seed(item[1])], key, item[0]))
    return Search([config for _, config, _ in done], [model for *_, model in done], failed)


def place(out: str | os.PathLike[str], number: int) -> Path:
    """The folder of model `number`, counted from 1."""
    return Path(out) / f"model-{number:03d}"


def forget(out: Path) -> None:
    """Remove the models that a search left in `out`, and the folder if it is empty then."""
    for folder in sorted(out.glob("model-*")):
        for name in (CHECKPOINT, HISTORY):
            (folder / name).unlink(missing_ok=True)
            remove_leftovers(folder / name)
        with contextlib.suppress(OSError):  # it holds something of somebody else's
            folder.rmdir()
    with contextlib.suppress(OSError):
        out.rmdir()


def _stopped(error: Interrupted, model: str, out: Any) -> Interrupted:
    error.where = f"{model}, {error.where}"
    if out is None:
        return stopped_without_folder(error, "search")
    stopped = Interrupted(
        f"stopped by Ctrl-C in {error.where}. Saved in {os.fspath(out)}. To go on, call "
        "search(..., resume=True)."
    )
    stopped.where = error.where
    return stopped


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
