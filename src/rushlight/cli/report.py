"""``rushlight report``: the experiments of the five reports, run again, as pages with tables and pictures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from rushlight.cli import options as o
from rushlight.cli.console import UserError, guarded, say

__all__ = ["report"]


@guarded
@o.takes("data")
def report(
    name: Annotated[str, typer.Argument(help="R1, R2, R3, R4 or R5, or all of them: all.")],
    given: dict[str, Any],
    out: Annotated[
        Path, typer.Option(help="Folder for the pages and their pictures.", rich_help_panel="The run")
    ] = Path("reports"),
) -> None:
    """Run the experiments of a report again, and write a page about them.

    Five student reports describe frameworks of their own and what they measured.
    Each page puts the figures of a report beside ours: what agrees, what differs,
    and why. R4 needs MNIST; the part of R2 that compares with PyTorch needs PyTorch.

    [bold]Examples[/bold]

      [cyan]rushlight report R1[/cyan]
      Tanh against ReLU on the disk: reports/R1.md and its pictures.

      [cyan]rushlight report all --out gallery --data data[/cyan]
      All five, with an index, in a few minutes; MNIST in data/mnist.
    """
    from rushlight.cli.train import folder
    from rushlight.reports import REPORTS, write_all, write_report

    if name.lower() != "all" and name.upper() not in REPORTS:
        raise UserError(f"there is no report {name!r}; there are {', '.join(REPORTS)}, and all", 2)
    began = time.perf_counter()
    with folder(out, alone=False):
        if name.lower() == "all":
            page = write_all(out, given["data"], say)
        else:
            page = write_report(name.upper(), out, given["data"], say)
    say(f"done in {time.perf_counter() - began:.1f} s; the page is {page}")
