"""The commands: what they are called, what they take, and the help that teaches them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from rushlight.cli import options as o
from rushlight.cli.console import guarded, say

__all__ = ["app"]

app = typer.Typer(
    name="rushlight",
    help="Train small neural networks, look at what they do, and use them.",
    epilog="Start with:  rushlight train disk  ·  every command has --help with examples.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class DataSet(StrEnum):
    """What can be trained on."""

    disk = "disk"
    mnist = "mnist"
    fashion_mnist = "fashion-mnist"


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


def _version(wanted: bool) -> None:
    if wanted:
        import rushlight

        say(f"rushlight {rushlight.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train small neural networks, look at what they do, and use them."""


@app.command()
@guarded
def train(
    dataset: Annotated[DataSet, typer.Argument(help="The data to learn from.")],
    hidden: o.Hidden = None,
    activation: o.Activation = None,
    output: o.Output = None,
    outputs: o.Outputs = None,
    init: o.Init = None,
    loss: o.Loss = None,
    optimizer: o.Optimizer = None,
    lr: o.Rate = None,
    momentum: o.Momentum = None,
    weight_decay: o.Decay = None,
    epochs: o.Epochs = None,
    batch_size: o.BatchSize = None,
    patience: o.Patience = None,
    seed: o.Seed = None,
    runs: o.Runs = None,
    threads: o.Threads = None,
    compile: o.Compile = None,
    out: o.Out = None,
    resume: o.Resume = False,
    force: o.Force = False,
    data: o.Data = None,
    quiet: o.Quiet = False,
    pictures: o.Pictures = True,
) -> None:
    """Train a net; leave model, history and pictures in a folder.

    Without options it trains a net that does well: 2-25-25-25-1 with two ReLU
    and two tanh on the disk, 784-100-100-10 with ReLU on MNIST and Fashion-MNIST.

    [bold]Examples[/bold]

      [cyan]rushlight train disk[/cyan]
      The net of the reports, in a second or two.

      [cyan]rushlight train disk --hidden 25,25 --activation tanh --loss bce --lr 0.3 --out runs/bce[/cyan]
      Another net, loss and learning rate.

      [cyan]rushlight train disk --runs 10[/cyan]
      Ten seeds: worst, best, mean and deviation of the test error.

      [cyan]rushlight train mnist --data data --out runs/digits[/cyan]
      Handwritten digits, from the folder data/mnist, fetched if it is not there.

      [cyan]rushlight train mnist --hidden none[/cyan]
      No hidden layer.

      [cyan]rushlight train mnist --out runs/digits --epochs 20 --resume[/cyan]
      Go on after Ctrl-C, a crash or a power cut, or train for longer.
    """
    from rushlight.cli.runs import train_runs
    from rushlight.cli.train import open_run, train_run

    given = _given(
        hidden=hidden,
        activation=activation,
        output=output,
        outputs=outputs,
        init=init,
        loss=loss,
        optimizer=optimizer,
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        epochs=epochs,
        batch_size=batch_size,
        patience=patience,
        seed=seed,
        runs=runs,
        threads=threads,
        compile=compile,
        data=data,
    )
    settings, folder = open_run(dataset.value, given, out, resume, force)
    (train_run if settings.runs == 1 else train_runs)(settings, folder, resume, quiet, pictures)


@app.command()
@guarded
def evaluate(
    model: Annotated[Path, typer.Argument(help="A run's folder, or a model.safetensors.")],
    split: Annotated[Split, typer.Option(help="The part of the data to measure on.")] = Split.test,
    data: o.Data = None,
    threads: o.Threads = None,
) -> None:
    """Measure a saved model: loss, accuracy, confusion matrix.

    [bold]Examples[/bold]

      [cyan]rushlight evaluate runs/disk-1[/cyan]

      [cyan]rushlight evaluate runs/digits/model.safetensors --split validation --data data[/cyan]
    """
    from rushlight.cli.evaluate import evaluate as run

    run(model, split.value, data, threads)


@app.command()
@guarded
def predict(
    model: Annotated[Path, typer.Argument(help="A run's folder, or a model.safetensors.")],
    files: Annotated[list[Path], typer.Argument(help="CSV files of points (disk), or pictures (MNIST).")],
    form: Annotated[
        Form | None, typer.Option("--format", help="table on a terminal, else csv, if left out.")
    ] = None,
) -> None:
    """Predict classes and probabilities with a saved model.

    Points are pairs x,y in the unit square, one a line, with or without a header.
    Pictures may have any size and be light or dark: they are brought to 28 x 28
    pixels, light on dark, and a note says so.

    [bold]Examples[/bold]

      [cyan]rushlight predict runs/disk-1 points.csv[/cyan]

      [cyan]rushlight predict runs/digits three.png seven.png --format json[/cyan]
    """
    from rushlight.cli.predict import predict as run

    run(model, files, None if form is None else form.value)


@app.command()
@guarded
def summary(
    target: Annotated[
        str, typer.Argument(help="A run's folder, a model file, or disk, mnist, fashion-mnist.")
    ],
    hidden: o.Hidden = None,
    activation: o.Activation = None,
    output: o.Output = None,
    outputs: o.Outputs = None,
    loss: o.Loss = None,
    batch: Annotated[int, typer.Option(help="Samples to count the operations for.")] = 1,
) -> None:
    """Show a model: layers, output shapes, parameters, operations.

    [bold]Examples[/bold]

      [cyan]rushlight summary runs/disk-1[/cyan]

      [cyan]rushlight summary mnist --hidden 512,512 --batch 128[/cyan]
    """
    from rushlight.cli.summary import summarize

    given = _given(hidden=hidden, activation=activation, output=output, outputs=outputs, loss=loss)
    summarize(target, given, batch)


def _given(**values: Any) -> dict[str, Any]:
    return values
