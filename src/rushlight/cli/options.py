"""The options that commands share, with their help, and how a command takes many of them in one argument."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "NET", "RUN", "TABLE", "TRAINING", "DataName", "Force", "Form", "MaybeData", "ModelPath", "Out",
    "Pictures", "Quiet", "Split", "option", "takes",
]  # fmt: skip


class Split(StrEnum):
    """Parts of a data set."""

    train = "train"
    validation = "validation"
    test = "test"


class Form(StrEnum):
    """How predictions are printed."""

    table = "table"
    csv = "csv"
    json = "json"


def option(kind: Any, panel: str | None, help: str, *names: str) -> Any:
    """An option that is None if left out."""
    return Annotated[kind | None, typer.Option(*names, help=help, rich_help_panel=panel, show_default=False)]


_net = functools.partial(option, panel="The net")
_training = functools.partial(option, panel="Training")
_run = functools.partial(option, panel="The run")

NET: dict[str, Any] = {
    "hidden": _net(str, help="Widths of the hidden layers, such as 25,25,25; none for no hidden layer."),
    "activation": _net(
        str,
        help="relu, tanh, sigmoid or leaky_relu: one for all hidden layers, or a list "
        "such as relu,relu,tanh. Tables: one, silu if left out.",
    ),
    "output": _net(
        str,
        help="Function on the last layer: none, tanh, sigmoid, relu, softmax, log_softmax. "
        "Left out: what the loss needs.",
    ),
    "outputs": _net(int, help="disk only: 1 output, or 2 with one-hot targets."),
    "init": _net(
        str,
        help="pytorch, uniform, normal, xavier_uniform, xavier_normal, kaiming_uniform, "
        "kaiming_normal, zeros, ones; auto: Kaiming with ReLU, else Xavier.",
    ),
}
"""What describes a net."""

TRAINING: dict[str, Any] = {
    "loss": _training(
        str, help="mse (disk), nll (mnist), l1, bce, bce-logits or cross-entropy; not for tables."
    ),
    "optimizer": _training(str, help="sgd (if left out), adam or adamw; tables: adamw."),
    "lr": _training(
        float,
        help="Learning rate: for sgd 0.05 (disk), 0.02 (mnist), 0.002 (mnist, --hidden none), 0.1 (mnist, "
        "mse, l1 or bce); for adam and adamw 0.01 (disk), 0.001 (mnist), 0.001 (tables).",
    ),
    "momentum": _training(float, help="Momentum of sgd: 0.9."),
    "weight_decay": _training(float, help="Weight decay: 0; tables: 0.01."),
    "epochs": _training(
        int, help="Epochs in all: 100 (disk), 10 (mnist), 20 (mnist, --hidden none); tables: by rows."
    ),
    "batch_size": _training(int, help="Samples in a batch: 100; tables: by rows."),
    "patience": _training(
        int,
        help="Stop early after so many epochs without a better validation loss, and keep the best weights. "
        "Tables do so in any case.",
    ),
}
"""How a net is trained."""

RUN: dict[str, Any] = {
    "seed": _run(int, help="Decides data, weights and batches; the same seed gives the same model."),
    "data_seed": _run(int, help="disk only: another seed for the points. Left out: that of --seed."),
    "runs": _run(int, help="Train so many models, with seeds from --seed on, and print statistics."),
    "threads": _run(int, help="Threads of the matrix products (1 if left out)."),
    "compile": Annotated[
        bool | None,
        typer.Option(
            "--compile/--no-compile",
            help="Train by native code, or plainly. Left out: compiled where llvmlite is installed.",
            show_default=False,
            rich_help_panel="The run",
        ),
    ],
    "data": _run(str, help="Folder with the files of the data set (else $RUSHLIGHT_DATA)."),
}
"""Seeds, data and machine."""

_table = functools.partial(option, panel="Tables")

TABLE: dict[str, Any] = {
    "target": _table(str, help="The column to predict."),
    "task": _table(
        str,
        help="classification or regression. Left out: words, bools and few whole numbers are classes.",
    ),
    "drop": _table(str, help="Columns to leave out, such as id,name."),
    "categories": _table(str, help="Columns of numbers that name kinds, such as codes."),
    "weights": _table(str, help="The column that says what each row counts, in the loss and the measures."),
    "test": _table(
        str, help="Rows to test on: a share of the table, 0.2 if left out, or the file of another table."
    ),
    "members": _table(
        int, help="Networks to train side by side, whose answers are averaged: 8, or 4 of many rows."
    ),
    "dropout": _table(float, help="Share of the hidden units left out at each step."),
}
"""What only tables take."""

_ALL = NET | TRAINING | RUN | TABLE


def _complete(incomplete: str) -> list[str]:
    from rushlight.cli.tables import complete

    return complete(incomplete)


_DATA = typer.Argument(
    metavar="DATA",
    help="disk, mnist, fashion-mnist, or a table: a CSV file, packed by gzip or not, or a Parquet file.",
    autocompletion=_complete,
    show_default=False,
)
DataName = Annotated[str, _DATA]
MaybeData = Annotated[str | None, _DATA]
ModelPath = Annotated[Path, typer.Argument(help="A run's folder, or a model.safetensors.")]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Folder for the results; runs/NAME-1, -2 and so on if left out.", rich_help_panel="The run"
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        "--force",
        help="Train anew over the run that --out holds.",
        rich_help_panel="The run",
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the result only.", rich_help_panel="The run")
]
Pictures = Annotated[
    bool, typer.Option(help="Draw pictures of data, training and result.", rich_help_panel="The run")
]


def takes(*names: str, **own: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of these names, each None if left out; it gets them in its argument `given`.

    `own` are options that the command words otherwise than others do. So an option is declared once, however
    many commands have it, and a command does not list what it only hands on.
    """
    options = {name: own.get(name, _ALL.get(name)) for name in (*names, *own)}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in options}
            command(given=given, **values)

        parameters = _parameters(command, options)
        functools.update_wrapper(run, command)
        run.__dict__.pop("__wrapped__")  # it has other parameters
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _parameters(command: Callable[..., None], options: Mapping[str, Any]) -> list[inspect.Parameter]:
    """Those of `command`, with the options in the place of `given`."""
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, kind, default=None, annotation=annotation)
        for name, annotation in options.items()
    ]
    found: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        found += added if parameter.name == "given" else [parameter.replace(kind=kind)]
    return found
