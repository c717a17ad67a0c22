"""``rushlight sweep``: what it takes, and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rushlight.cli import options as o
from rushlight.cli.console import UserError, guarded

__all__ = ["sweep"]

_OWN: dict[str, Any] = {
    "hidden": o.option(
        str, "The net", "Widths of the hidden layers, such as 25,25,25; several nets: 25,25/50,50/none."
    ),
    "activation": o.option(
        str,
        "The net",
        "relu, tanh, sigmoid, leaky_relu, or several: tanh,relu. With a function for each layer, / parts "
        "the nets: relu,relu,tanh/tanh.",
    ),
    "init": o.option(
        str, "The net", "How weights start, or several ways: xavier_normal,kaiming_normal (as for train)."
    ),
    "lr": o.option(str, "Training", "Learning rate, or several: 0.01,0.04."),
    "momentum": o.option(str, "Training", "Momentum of sgd, or several: 0,0.9."),
    "weight_decay": o.option(str, "Training", "Weight decay; of tables several: 0.01,0.1."),
    "dropout": o.option(str, "Tables", "Share of the hidden units left out at each step, or several: 0,0.2."),
    "patience": o.option(int, "Training", "Tables only: as for train."),
    "seeds": o.option(
        int, "The run", "Train every combination with so many seeds, from 0 on: 1 if left out."
    ),
    "seed_list": o.option(str, "The run", "Or with these seeds: 3,5,8."),
    "data_seed": o.option(
        int, "The run", "disk only: decides the points, which all nets share; left out: the first seed."
    ),
    "threads": o.option(int, "The run", "Nets that train side by side: one on each core if left out."),
}
"""What a sweep takes, or words, otherwise than `train`."""


@guarded
@o.takes(
    *o.TABLE,
    *o.NET,
    *o.TRAINING,
    *("seeds", "seed_list", "data_seed", "threads", "compile", "data"),
    **_OWN,
)
def sweep(
    data_name: o.MaybeData = None,
    *,
    given: dict[str, Any],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for tables, pictures and the best model, and for what is done before the end. Left "
            "out: nothing is written, unless Ctrl-C stops the sweep.",
            rich_help_panel="The run",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with the sweep in this folder, which was stopped or killed.",
            rich_help_panel="The run",
        ),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Train on the workers of this Dask scheduler, such as tcp://host:8786.",
            rich_help_panel="The run",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--overwrite", "--force", help="Write over what --out holds.", rich_help_panel="The run"
        ),
    ] = False,
    quiet: o.Quiet = False,
    pictures: Annotated[
        bool, typer.Option(help="Draw curves and statistics into --out.", rich_help_panel="The run")
    ] = True,
) -> None:
    """Train a grid of nets in one call; find the best by validation error.

    Lists of values make the grid, and every combination is trained with every
    seed. Seeds decide weights and batches; all nets see the same data. The best
    configuration has the lowest mean validation error, and only it is tested.
    Settings of a table are compared by rows that each network holds out.

    [bold]Examples[/bold]

      [cyan]rushlight sweep disk --lr 0.01,0.015,0.04 --seeds 10 --activation tanh,relu[/cyan]
      Sixty nets: three learning rates, two activations, ten seeds.

      [cyan]rushlight sweep disk --hidden 10/25,25/25,25,25 --seeds 5 --out runs/depths[/cyan]
      Nets of several depths. Leaves tables, curves and the best model.

      [cyan]rushlight sweep mnist --hidden 100,100/none --lr 0.01,0.05 --epochs 5[/cyan]
      Handwritten digits, one seed.

      [cyan]rushlight sweep houses.csv --target price --dropout 0,0.2 --out runs/houses[/cyan]
      Your own table. Without lists it tries eight settings of its own choice.

      [cyan]rushlight sweep --resume runs/depths[/cyan]
      Goes on with a sweep that was stopped.
    """
    from rushlight.cli.sweep_plan import Plan
    from rushlight.cli.sweep_run import Where, run_sweep
    from rushlight.cli.tables import is_table, of_task

    threads = given.pop("threads")
    if resume is None:
        if data_name is not None and not is_table(data_name):
            given = of_task(data_name, given, ("patience",))
        plan = Plan.asked(data_name, given)
    else:
        plan = Plan.resumed(resume, data_name, given, out)
    where = Where(resume or out, resume is not None, force, threads, dask)
    if plan.of_table:
        from rushlight.cli.table_sweep import sweep_table

        if dask is not None:
            raise UserError("--dask is for sweeps of disk, mnist and fashion-mnist, not of tables", 2)
        sweep_table(plan, where, quiet, pictures)
        return
    run_sweep(plan, where, quiet, pictures)
