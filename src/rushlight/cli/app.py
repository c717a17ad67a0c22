"""The commands: what they are called, what they take, and the help that teaches them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rushlight.cli import options as o
from rushlight.cli.console import guarded, say
from rushlight.cli.report import report
from rushlight.cli.sweep import sweep

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
@o.takes(*o.TABLE, *o.NET, *o.TRAINING, *o.RUN)
def train(
    data_name: o.DataName,
    given: dict[str, Any],
    out: o.Out = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in --out, exactly where it stopped.",
            rich_help_panel="The run",
        ),
    ] = False,
    force: o.Force = False,
    quiet: o.Quiet = False,
    pictures: o.Pictures = True,
) -> None:
    """Train a net; leave model, history and pictures in a folder.

    Without options it trains a net that does well: 2-25-25-25-1 with two ReLU
    and two tanh on the disk, 784-100-100-10 with ReLU on MNIST and Fashion-MNIST.
    Of a table, --target names the column to predict; kinds of columns, missing
    values and the task are found, and report.html shows how good the model is.

    [bold]Examples[/bold]

      [cyan]rushlight train disk[/cyan]
      The net of the reports, in a second or two.

      [cyan]rushlight train houses.csv --target price --drop address --out runs/houses[/cyan]
      Your own table: a model that predicts one column from the others, and a report.

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
    from rushlight.cli.tables import is_table, of_task, train_table
    from rushlight.cli.train import open_run, train_run

    if is_table(data_name):
        train_table(data_name, given, out, resume, force, quiet, pictures)
        return
    settings, folder = open_run(data_name, of_task(data_name, given), out, resume, force)
    (train_run if settings.runs == 1 else train_runs)(settings, folder, resume, quiet, pictures)


app.command()(sweep)


@app.command()
@guarded
@o.takes("data", "threads")
def evaluate(
    model: o.ModelPath,
    given: dict[str, Any],
    table: Annotated[
        Path | None,
        typer.Argument(help="Of a model of a table: other rows. Left out: those held out for testing."),
    ] = None,
    split: Annotated[o.Split, typer.Option(help="The part of the data to measure on.")] = o.Split.test,
) -> None:
    """Measure a saved model: loss, accuracy, confusion matrix.

    [bold]Examples[/bold]

      [cyan]rushlight evaluate runs/disk-1[/cyan]

      [cyan]rushlight evaluate runs/digits/model.safetensors --split validation --data data[/cyan]

      [cyan]rushlight evaluate runs/houses houses-2027.csv[/cyan]
    """
    from rushlight.cli.evaluate import evaluate as run

    run(model, table, split.value, **given)


@app.command()
@guarded
def predict(
    model: o.ModelPath,
    files: Annotated[
        list[Path],
        typer.Argument(help="Tables (CSV, Parquet), CSV files of points (disk), or pictures (MNIST)."),
    ],
    form: Annotated[
        o.Form | None, typer.Option("--format", help="table on a terminal, else csv, if left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the predictions to this file; JSON if it ends in .json.")
    ] = None,
) -> None:
    """Predict classes and probabilities with a saved model.

    Of a table every row is predicted; columns that the model does not need may
    be missing. Points are pairs x,y in the unit square, one a line; a header line may give
    another order of columns. Pictures are PNG or JPEG, of any size, light or
    dark: what they show is cut out and brought to the form of the training
    pictures, and a note says so. A file that cannot be read is named, and the
    others are predicted; the exit status is then 1.

    [bold]Examples[/bold]

      [cyan]rushlight predict runs/disk-1 points.csv[/cyan]

      [cyan]rushlight predict runs/digits three.png seven.png --format json[/cyan]

      [cyan]rushlight predict runs/houses new.csv --out predictions.csv[/cyan]
    """
    from rushlight.cli.predict import predict as run

    run(model, files, None if form is None else form.value, out)


@app.command()
@guarded
def export(
    model: o.ModelPath,
    to: Annotated[str, typer.Option("--to", help="The format: onnx.")] = "onnx",
    out: Annotated[Path | None, typer.Option(help="The file; else model.onnx beside the model.")] = None,
    force: Annotated[bool, typer.Option("--overwrite", "--force", help="Write over a file.")] = False,
) -> None:
    """Write a saved model for other programs, as ONNX.

    It takes points (n x 2) in the unit square, or pictures (n x 28 x 28) with
    pixels from 0 to 255, white on black, and gives the probability of each
    class: statistics and net are in the file. Any number at once. Of a table it
    takes the columns as they are, one input (n x 1) each, and gives label and
    probabilities, or the number.

    [bold]Examples[/bold]

      [cyan]rushlight export runs/disk-1 --to onnx[/cyan]

      [cyan]rushlight export runs/digits --to onnx --out digits.onnx[/cyan]

      [cyan]rushlight export runs/houses --to onnx[/cyan]
    """
    from rushlight.cli.export import export as run

    run(model, to, out, force)


@app.command()
@guarded
@o.takes("hidden", "activation", "output", "outputs", "loss")
def summary(
    target: Annotated[
        str, typer.Argument(help="A run's folder, a model file, or disk, mnist, fashion-mnist.")
    ],
    given: dict[str, Any],
    batch: Annotated[int, typer.Option(help="Samples to count the operations for.")] = 1,
) -> None:
    """Show a model: layers, output shapes, parameters, operations.

    [bold]Examples[/bold]

      [cyan]rushlight summary runs/disk-1[/cyan]

      [cyan]rushlight summary mnist --hidden 512,512 --batch 128[/cyan]
    """
    from rushlight.cli.summary import summarize

    summarize(target, given, batch)


app.command()(report)
