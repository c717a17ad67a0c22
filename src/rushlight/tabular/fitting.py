"""`fit`: from a table to a trained model."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

import rushlight as rl
from rushlight.core.random import fork_rng
from rushlight.errors import ArgumentError, DataError, message, nearest
from rushlight.tabular.encoder import Encoder, find_column, learn
from rushlight.tabular.features import as_words
from rushlight.tabular.keeping import Origin, TableTrainer
from rushlight.tabular.model import TabularModel
from rushlight.tabular.network import FoldLoss, Members
from rushlight.tabular.settings import Settings
from rushlight.tabular.sources import as_table, with_target
from rushlight.tabular.table import Table
from rushlight.tabular.target import Target, are_classes, learn_target
from rushlight.tabular.weighing import mean_one, weights_for
from rushlight.train import EarlyStopping, History

__all__ = ["LEAST_ROWS", "fit", "make_network", "split"]

Array = np.ndarray[Any, Any]
Rows = tuple[Array, Array, Array, Array | None]
"""Numbers, codes, targets and weights."""

LEAST_ROWS = 8
PARTS = 8
"""A member holds out a part of at most so many; of more members than that, each has its own."""


def fit(
    frame: Any,
    target: Any,
    *,
    validation: Any = None,
    task: str | None = None,
    drop: Collection[str] = (),
    categories: Collection[str] = (),
    weights: Any = None,
    progress: Any = None,
    compile: Any = "auto",
    introduce: Callable[[TabularModel], None] | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    **settings: Any,
) -> TabularModel:
    """Train a model that predicts the column `target` of `frame` from its other columns.

    frame       a frame of pandas, polars or pyarrow; a dict of columns; a structured array; an array (N,
                columns); the path of a CSV file, packed by gzip or not, or of a Parquet file.
    target      the name of the column, or its values, an array (N,).
    validation  rows of their own that decide when training stops, a frame or the pair (frame, target), with
                weights (frame, target, weights); else each member of the ensemble holds out a part of the
                rows, another one each.
    task        "classification" or "regression"; left out, words, bools and few whole numbers are classes.
    drop        columns to leave out; categories: columns of numbers that name kinds, such as codes.
    weights     what each row counts: the name of a column, which is no feature then, or one number for each
                row, finite and at least 0. The loss of a row is multiplied by its weight, divided by their
                mean; held-out rows are measured by theirs. A row of weight 0 counts as not there.
    progress, compile   as for `Trainer`.
    introduce   called with the model before it is trained, to say what it is.
    out         a folder that keeps a checkpoint about every second, and at Ctrl-C. With `resume` the run in
                it goes on, to the same bits; a finished one is read. `overwrite` trains anew over it.
    settings    of the network and its training: `Settings` lists them.

    Numbers are scaled by their quartiles, and missing ones filled by the median, with a column that says so;
    words become one-hot columns, or vectors where there are more than 12; dates become days, and places in
    year, week and day. Columns that are constant, empty or number the rows are left out: the model's
    `dropped` says why. Rows without a target are too. The best weights by validation loss are kept.

    Raises DataError for a table from which nothing can be learned, and for weights that are none, naming the
    row; ArgumentError for options out of range,
    for a folder `out` that holds a run, and with `resume` for one of another table or other options.

    >>> import rushlight as rl
    >>> frame = {"x": [i / 50 for i in range(100)], "kind": ["a", "b"] * 50}
    >>> frame["y"] = [x * x if kind == "a" else -x for x, kind in zip(frame["x"], frame["kind"])]
    >>> model = rl.tabular.fit(frame, "y", epochs=60, progress=False)
    >>> model.evaluate(frame)["r2"] > 0.95
    True
    """
    chosen = _settings(settings)
    if resume and out is None:
        raise ArgumentError(message("fit", "resume=True without a folder", "fit(..., out=FOLDER)"))
    table, name = _with_target(frame, target)
    find_column(table, name, "fit")
    weight, weighed_by = weights_for(table, weights, name, "fit")
    known = ~table[name].missing
    if weight is not None:
        known &= weight > 0
        weight = weight[known]
    learned = learn_target(table[name].take(known), task, weights=weight)
    table = _with_rows(table.take(known), name, "fit", weight is not None)
    drop = [column for column in drop if column != weighed_by]
    encoder = learn(table.without([name] if weighed_by is None else [name, weighed_by]), drop, categories)
    chosen = chosen.for_rows(table.rows)
    x, codes = encoder.encode(table, "fit")
    y = learned.encode(table[name], "fit")
    data = (x, codes, y, weight)
    held = None if validation is None else _validation(validation, encoder, learned, weighed_by)
    with fork_rng():
        rl.manual_seed(chosen.seed)
        network = make_network(encoder, learned, chosen)
        fold = _folds(y, learned, chosen) if held is None else None
        model = TabularModel(network, encoder, learned, chosen, History(), weights=weighed_by)
        if introduce is not None:
            introduce(model)
        weighing = [part[3] for part in (data, held) if part is not None and part[3] is not None]
        origin = Origin(chosen, encoder, learned, [x, codes, y, *(held or ())[:3]], weighed_by, weighing)
        options = {"progress": progress, "compile": compile, "out": out, "origin": origin}
        again = {"resume": resume, "overwrite": overwrite}
        model.history = _train(network, data, fold, held, learned, chosen, options, again)
    if held is not None:
        model.validation = model.measure(*held)
    else:
        model.validation = model.measure(*data, fold)
    return model


def split(frame: Any, target: str, test: float = 0.2, seed: int = 0) -> tuple[Table, Table]:
    """Two tables of the rows of `frame` that have a target: to train on, and a share `test` to test on.

    Rows are drawn at random, from each class its share; the order of the rows stays.

    >>> train, test = split({"x": range(100), "y": ["a", "b"] * 50}, "y", test=0.3)
    >>> train.rows, test.rows
    (70, 30)
    """
    if not 0 < test < 1:
        raise ArgumentError(message("split", f"test={test!r}", "a share between 0 and 1"))
    table = as_table(frame, "split")
    column = find_column(table, target, "split")
    table, column = table.take(~column.missing), column.take(~column.missing)
    if table.rows:
        table = _with_rows(table, target, "split")
    random = np.random.default_rng(seed)
    order = random.permutation(table.rows)
    learn_target(column, None, "split")  # an error now for what cannot be predicted
    if are_classes(column):
        words = np.array(as_words(column), dtype=object)[order]
        rank, total = np.zeros(table.rows), np.zeros(table.rows)
        for word in set(words):
            mine = words == word
            rank[mine], total[mine] = np.arange(mine.sum()), mine.sum()
        out = np.sort(order[rank < np.floor(test * total + 0.5)])
    else:
        out = np.sort(order[: round(test * table.rows)])
    rest = np.setdiff1d(np.arange(table.rows), out)
    if not len(rest) or not len(out):
        got = f"test={test} of {table.rows} rows with a value of {target!r}"
        raise DataError(message("split", got, "a share that leaves rows to train on and to test on"))
    return table.take(rest), table.take(out)


def _settings(given: dict[str, Any]) -> Settings:
    known = list(Settings.__dataclass_fields__)
    for name in given:
        if name not in known:
            near = nearest(name, known, 1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."
            raise TypeError(f"fit() got an unexpected keyword argument {name!r}. {remedy}")
    return Settings(**given)


def _with_target(frame: Any, target: Any) -> tuple[Table, str]:
    """The table, and the name of the target in it."""
    table = as_table(frame, "fit")
    if isinstance(target, str):
        return table, target
    if isinstance(target, int):
        raise ArgumentError(message("fit", f"target={target!r}", "the name of a column, or its values"))
    name = str(getattr(target, "name", None) or "target")
    return with_target(table, name, target, "fit"), name


def _with_rows(table: Table, target: str, op: str, weighed: bool = False) -> Table:
    if table.rows < LEAST_ROWS:
        got = f"{table.rows} row{'s' * (table.rows != 1)} with a value of {target!r}"
        got += " and a weight above 0" * weighed
        raise DataError(message(op, got, f"{LEAST_ROWS} or more"))
    return table


def _validation(source: Any, encoder: Encoder, target: Target, weighed_by: str | None) -> Rows:
    weights = None
    if isinstance(source, tuple) and len(source) in (2, 3):
        table = with_target(as_table(source[0], "fit"), target.name, source[1], "fit")
        weights = source[2] if len(source) == 3 else None
    else:
        table = as_table(source, "fit")
    if weights is None and weighed_by is not None and weighed_by in table:
        weights = weighed_by
    y = target.encode(find_column(table, target.name, "fit", "the target, in validation too"), "fit")
    weight, _ = weights_for(table, weights, target.name, "fit")
    there = ~np.isnan(y) if weight is None else ~np.isnan(y) & (weight > 0)
    if not there.any():
        least = "a target" if weight is None else "a target and a weight above 0"
        raise DataError(message("fit", f"validation rows without {least}", "some with it"))
    x, codes = encoder.encode(table, "fit")
    return x[there], codes[there], y[there], None if weight is None else weight[there]


def make_network(encoder: Encoder, target: Target, settings: Settings) -> Members:
    """The network for these columns, its weights drawn from the global generator."""
    return Members(
        len(encoder.columns),
        [(len(feature.words), feature.width) for feature in encoder.embedded],
        len(target.labels) or 1,
        settings.hidden or (),
        settings.activation,
        settings.members or 1,
        settings.dropout,
    )


def _folds(y: Array, target: Target, settings: Settings) -> Array:
    """Which part each row is in, (N,): the classes, or low and high numbers, are spread evenly over them."""
    parts = min(max(settings.members or 1, PARTS), len(y))
    random = np.random.default_rng(settings.seed)
    order = np.lexsort((random.random(len(y)), y if target.labels else np.zeros(len(y))))
    fold = np.empty(len(y), np.int64)
    fold[order] = np.arange(len(y)) % parts
    return fold


def _train(
    network: Members,
    data: Rows,
    fold: Array | None,
    held: Rows | None,
    target: Target,
    settings: Settings,
    options: dict[str, Any],
    again: dict[str, bool],
) -> Any:
    members = settings.members or 1
    if held is not None:
        train = _tensors(data, np.ones((len(data[2]), members)))
        check = _tensors(held, np.ones((len(held[2]), members)))
    else:
        assert fold is not None
        out = (fold[:, None] == np.arange(members)).astype(np.float32)
        asked = out.any(axis=1)
        train = _tensors(data, 1 - out)
        check = _tensors(tuple(None if part is None else part[asked] for part in data), out[asked])
    optimizer = rl.optim.AdamW(network.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    trainer = TableTrainer(
        network,
        optimizer,
        FoldLoss(bool(target.labels)),
        early_stopping=EarlyStopping(patience=settings.patience or 1),
        seed=settings.seed,
        **options,
    )
    batch = settings.batch_size or 32
    return trainer.fit(train, settings.epochs or 1, validation=check, batch_size=batch, **again)


def _tensors(data: Any, share: Array) -> tuple[Any, ...]:
    """Numbers, codes where there are any, and the targets as `FoldLoss` takes them.

    share  (N, members): 1 for the rows that count in a member's loss, 0 for the others.
    """
    x, codes, y, weight = data
    if weight is not None:
        share = share * mean_one(weight)[:, None]
    packed = np.concatenate([y[:, None], share], axis=1).astype(np.float32)
    inputs = [x, codes] if codes.shape[1] else [x]
    return tuple(rl.from_numpy(np.ascontiguousarray(part)) for part in (*inputs, packed))
