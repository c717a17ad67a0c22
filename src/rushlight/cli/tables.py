"""``rushlight train data.csv --target price``, and what else is done with tables and their models."""

from __future__ import annotations

import glob
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rushlight import tabular
from rushlight.cli.console import UserError, say, table, undrawn
from rushlight.cli.saved import FILE
from rushlight.cli.settings import DATASETS, widths
from rushlight.cli.table_runs import REPORT, RunFiles, earlier, place_of, refuse_changes
from rushlight.cli.train import (
    CHECKPOINT,
    CONFIG,
    folder,
    free_folder,
    heed_threads,
    how_to_run,
    refuse_used,
    written,
)
from rushlight.errors import DataError
from rushlight.interop.strict import parse_json
from rushlight.tabular.encoder import find_column
from rushlight.tabular.keeping import OtherRun
from rushlight.tabular.measures import SHARES, confusion
from rushlight.tabular.page import Findings, write_page
from rushlight.tabular.sources import SUFFIXES
from rushlight.tabular.weighing import weights_for
from rushlight.tabular.words import network_words, training_words, used_words
from rushlight.train import Interrupted

__all__ = [
    "Prepared", "complete", "evaluate_table", "is_table", "of_task", "other_run", "predict_rows", "report",
    "save_run", "stem", "train_table",
]  # fmt: skip

OWN = ("target", "task", "drop", "categories", "weights", "test", "members", "dropout")
"""Options that only tables take."""
TASKS_ONLY = (
    "output", "outputs", "init", "loss", "optimizer", "momentum", "data", "data_seed", "runs",
)  # fmt: skip
"""Options that only the built-in data sets take."""


def is_table(name: str) -> bool:
    """Whether `name` is a table's; UserError if it is no data set's either."""
    if name in DATASETS:
        return False
    if name.lower().endswith(SUFFIXES) or Path(name).is_file():
        return True
    known = ", ".join(map(repr, DATASETS))
    raise UserError(f"{name!r} is not one of {known}, and no table: a file {', '.join(SUFFIXES[:4])}...", 2)


def complete(begun: str) -> list[str]:
    """What a shell may offer for a data set: names, files and folders."""
    return [name for name in DATASETS if name.startswith(begun)] + sorted(glob.glob(f"{glob.escape(begun)}*"))


def of_task(dataset: str, given: Mapping[str, Any], more: Sequence[str] = ()) -> dict[str, Any]:
    """The options of a built-in data set; UserError for those of tables, and `more`."""
    return _without(
        given, (*OWN, *more), f"is for tables, files such as houses.csv; {dataset} is a data set of its own"
    )


def _without(given: Mapping[str, Any], names: Sequence[str], why: str) -> dict[str, Any]:
    for name in names:
        if given.get(name) not in (None, False):
            raise UserError(f"--{name.replace('_', '-')} {why}", 2)
    return {name: value for name, value in given.items() if name not in names}


class Prepared:
    """A table and what is to be done with it: the rows to train and to test on, the options of `fit`."""

    def __init__(self, path: str, given: Mapping[str, Any]) -> None:
        options = _without(given, TASKS_ONLY, "is for disk, mnist and fashion-mnist, not for tables")
        if options.get("target") is None:
            columns = ", ".join(tabular.read(path).columns)
            raise UserError(f"--target NAME is needed: the column to predict. {path} has {columns}", 2)
        self.path, self.target = path, options.pop("target")
        self.threads = options.pop("threads", None) or 1
        self.compile = options.pop("compile", None)
        self.test = options.pop("test", None) or "0.2"
        self.options = {name: value for name, value in options.items() if value is not None}
        for name in ("drop", "categories"):
            if isinstance(self.options.get(name), str):
                self.options[name] = _names(self.options[name])
        if "hidden" in self.options:
            self.options["hidden"] = widths(self.options["hidden"])
        self.whole = tabular.read(path)
        find_column(self.whole, self.target, path)
        self.train, self.tested = self._parts()
        if (weights := self.options.get("weights")) is not None:
            weights_for(self.whole, weights, self.target, path)  # rows have the numbers of the file here
            if weights in self.tested and self.tested.rows:
                self._check_tested(weights)

    @property
    def seed(self) -> int:
        """What decides the parts, the weights and the batches."""
        return int(self.options.get("seed", 0))

    def _parts(self) -> tuple[tabular.Table, tabular.Table]:
        if Path(self.test).is_file():
            return self.whole, tabular.read(self.test)
        try:
            share = float(self.test)
        except ValueError:
            raise UserError(f"--test {self.test}: expected a share such as 0.2, or a file", 2) from None
        if not 0 < share < 1:
            raise UserError(f"--test {self.test}: expected a share between 0 and 1, or a file", 2)
        return tabular.split(self.whole, self.target, share, self.seed)

    def _check_tested(self, weights: str) -> None:
        """An error now for weights that testing could not use after the training."""
        name = self.test if Path(self.test).is_file() else "the test part"
        weights_for(self.tested, weights, self.target, name)

    def fit_options(self) -> dict[str, Any]:
        """What `fit` takes beside the table and its target."""
        heed_threads(self.threads)
        return {**self.options, "compile": how_to_run(self)}

    def about(self) -> dict[str, Any]:
        """What config.json says of a run: all that it goes on with."""
        return {
            "table": str(Path(self.path).absolute()),
            "target": self.target,
            "test": place_of(self.test),
            "options": self.options,
            "threads": self.threads,
            "compile": self.compile,
        }

    def decides(self) -> dict[str, Any]:
        """The options that decide the model."""
        return {"target": self.target, "test": place_of(self.test), **self.options}

    def introduce(self) -> None:
        """Say what the table is."""
        share = "" if Path(self.test).is_file() else f" ({100 * float(self.test):g} %)"
        whole = f"{self.whole.rows:,} rows, {len(self.whole.columns)} columns"
        parts = f"{self.train.rows:,} to train on, {self.tested.rows:,} to test{share}"
        say(f"data       {self.path}: {whole}; {parts}")
        column = self.whole[self.target]
        if absent := int(column.missing.sum()):
            say(f"           {absent:,} rows without {self.target} are left out")


def train_table(
    path: str,
    given: Mapping[str, Any],
    out: Path | None,
    resume: bool,
    force: bool,
    quiet: bool,
    pictures: bool,
) -> None:
    """Train a model of the table at `path`, and tell the user all about it."""
    began = time.perf_counter()
    before = earlier(out, path, given) if resume else {}
    prepared = Prepared(path, {**before, **{n: value for n, value in given.items() if value is not None}})
    out = out or free_folder(stem(path))
    if resume:
        refuse_changes(before, prepared.decides())
    elif not force:
        refuse_used(out)
    options = prepared.fit_options()
    with folder(out), RunFiles(prepared.about(), out, resume) as files:

        def introduce(model: tabular.TabularModel) -> None:
            files.begin()
            if not quiet:
                _introduce(model)

        if not quiet:
            prepared.introduce()
        options |= {"progress": False if quiet else None, "introduce": introduce}
        options |= {"out": out, "resume": resume, "overwrite": not resume}
        try:
            model = tabular.fit(prepared.train, prepared.target, **options)
            seconds = time.perf_counter() - began
            findings = Findings(model, prepared.tested)
            save_run(files, findings, pictures)
        except OtherRun as error:
            raise other_run(error) from None
        except KeyboardInterrupt as error:
            if not (out / CHECKPOINT).exists():
                raise
            raise _stopped(error, path, out) from None
        report(findings, seconds, out, quiet)


def other_run(error: OtherRun) -> UserError:
    """What a user is told whose table is not the one of before."""
    return UserError(
        f"cannot go on: {error.what}. Nothing was changed. Give the table that the run was begun with, or "
        "start anew in another --out"
    )


def _stopped(error: KeyboardInterrupt, path: str, out: Path) -> Interrupted:
    where = error.where if isinstance(error, Interrupted) else "what follows the training"
    return Interrupted(
        f"stopped by Ctrl-C in {where}. Saved. To go on:\n"
        f"rushlight train {shlex.quote(path)} --out {shlex.quote(str(out))} --resume"
    )


def _introduce(model: tabular.TabularModel) -> None:
    """What is about to be trained."""
    target = model.target
    what = f"one of {len(target.labels)} classes: {_listed(target.classes)}" if target.labels else "a number"
    say(f"target     {target.name}, {what}")
    if model.weights is not None:
        say(f"weights    {model.weights}")
    say(f"columns    {used_words(model)}")
    for name, why in list(model.dropped.items())[:8]:
        say(f"left out   {name}: {why}")
    if len(model.dropped) > 8:
        say(f"           and {len(model.dropped) - 8} more")
    say(f"net        {network_words(model)}")
    say(f"training   {training_words(model.settings)}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def stem(path: str) -> str:
    """The name of a table's file without its suffix."""
    name = Path(path).name
    suffix = next((suffix for suffix in sorted(SUFFIXES, key=len)[::-1] if name.lower().endswith(suffix)), "")
    return name.removesuffix(name[len(name) - len(suffix) :]) or "table"


def save_run(files: RunFiles, findings: Findings, pictures: bool) -> None:
    """Model, history, page and pictures."""
    model, out = findings.model, files.out
    model.save(out / FILE)
    model.history.to_csv(out / "history.csv")
    files.write(measures=findings.measures)
    if not pictures:
        return
    try:
        for name, (figure, _) in findings.figures.items():
            figure.savefig(out / f"{name}.png", dpi=150, metadata={"Software": None})
        write_page(
            findings, out / REPORT, f"{model.target.name}: a model of {Path(files.about['table']).name}"
        )
    except ImportError as error:
        undrawn("no report was written", error)


def report(findings: Findings, seconds: float, out: Path | None, quiet: bool) -> None:
    """Tell the user how good the model is, what matters, and what to do next."""
    model = findings.model
    if not quiet:
        say()
    epochs = f"best epoch {model.history.best('validation_loss')['epoch']} of {len(model.history.rows)}"
    say(f"test       {_measures(findings.measures)}" + (f", in {out}" if quiet and out else ""))
    if quiet:
        return
    say(f"held out   {_measures(model.validation)}, by the members that did not see the rows; {epochs}")
    say(f"trained in {seconds:.1f} s")
    say()
    most = findings.importance[:8]
    rows = [(one.column, f"{one.mean:.4g}", f"{one.std:.2g}") for one in most]
    header = ("column", f"increase of {most[0].measure.replace('_', ' ')} when shuffled", "±")
    say(table(header, rows, right=(1, 2)))
    if len(findings.importance) > 8:
        say(f"and {len(findings.importance) - 8} columns that matter less")
    if out is None:
        return
    say()
    say(f"written to {written(out)}")
    place = shlex.quote(str(out))
    if (out / REPORT).exists():
        say(f"open {out / REPORT}")
    say(f"next: rushlight predict {place} new.csv --out predictions.csv")
    say(f"  or: rushlight evaluate {place} other.csv")


def _measures(measures: Mapping[str, float]) -> str:
    def word(name: str, value: float) -> str:
        text = f"{100 * value:.2f} %" if name in SHARES else f"{value:.4g}"
        return f"{name.replace('_', ' ')} {text}"

    return ", ".join(word(name, value) for name, value in measures.items())


def evaluate_table(model: tabular.TabularModel, target: Path, source: Path | None, split: str) -> None:
    """Print measures on a table, or on the part of the table of training that was held out for testing."""
    if source is None:
        name, rows = _held_out(target, model, split)
    else:
        name, rows = str(source), tabular.read(source)
    x, codes, y, weight = model.encoded_with_target(rows, str(name))
    measured = model.measure(x, codes, y, weight)
    weighed = "" if weight is None else f", weighed by {model.weights}"
    lack = model.target.name if weight is None else f"{model.weights} above 0, or no {model.target.name}"
    left = f"; left out {rows.rows - len(y):,} with no {lack}" if rows.rows > len(y) else ""
    say(f"{target} on {len(y):,} rows of {name}{weighed}{left}")
    for measure, value in measured.items():
        text = f"{100 * value:.2f} %" if measure in SHARES else f"{value:.6g}"
        say(f"{measure.replace('_', ' '):<9} {text}")
    if model.target.labels:
        counts, classes = confusion(model.target, model.answers(x, codes), y), model.target.classes
        say()
        lines = [[n, *(str(count) for count in row)] for n, row in zip(classes, counts.tolist(), strict=True)]
        say(table(("true \\ predicted", *classes), lines, right=range(1, len(classes) + 1)))


def _held_out(target: Path, model: tabular.TabularModel, split: str) -> tuple[str, tabular.Table]:
    """The test or training rows of the run, made again from its table."""
    config = (target if target.is_dir() else target.parent) / CONFIG
    again = f"Pass the table: rushlight evaluate {shlex.quote(str(target))} data.csv"
    try:
        about = parse_json(config.read_bytes())
        path, test, options = str(about["table"]), str(about["test"]), dict(about["options"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{config} does not say which table the model was trained on. {again}") from None
    if not Path(path).is_file():
        raise UserError(f"{path}, on which the model was trained, is not there any more. {again}")
    if split == "validation":
        raise UserError("each row of a table is held out by one network, and others train on it; see test", 2)
    kept = {"target": about["target"], "test": test, "seed": options.get("seed")}
    prepared = Prepared(path, kept)
    rows = prepared.tested if split == "test" else prepared.train
    return f"{path}, {split} part", rows


def predict_rows(model: tabular.TabularModel, path: Path) -> list[dict[str, Any]]:
    """A row for each row of the table at `path`: its identifiers, the prediction, probabilities."""
    rows = tabular.read(path)
    kept = [name for name, why in model.dropped.items() if why.startswith("an identifier") and name in rows]
    columns: dict[str, Sequence[Any]] = {name: _plain(rows[name]) for name in kept}
    try:
        if model.target.labels:
            chances = model.predict_proba(rows)
            columns[model.target.name] = model.target.decode(chances.argmax(axis=1)).tolist()
            for name, chance in zip(model.target.classes, chances.T, strict=True):
                columns[f"p({name})"] = chance.tolist()
        else:
            columns[model.target.name] = model.predict(rows).tolist()
    except DataError as error:
        absent = [name for name in model.encoder.used if name not in rows]
        hint = f" To do without, train with --drop {shlex.quote(','.join(absent))}." if absent else ""
        raise DataError(f"{path}: {error}{hint}") from error
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(column: Any) -> list[Any]:
    from rushlight.tabular.features import as_words

    if column.kind != "number":
        return ["" if word is None else word for word in as_words(column)]
    return [int(v) if v.is_integer() else v for v in np.nan_to_num(column.values).tolist()]
