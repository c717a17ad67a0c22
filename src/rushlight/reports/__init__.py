"""The experiments of five student reports, run again: a page of Markdown with pictures for each report.

    from rushlight.reports import write_report
    write_report("R1", "gallery")           # gallery/R1.md and gallery/R1/*.png

A report is a module with a ``TITLE`` and a function ``write(page)``, which trains what the report trained
and puts tables, code and pictures on the `Page`. It holds the numbers that its authors reported, and none of
ours: those come from the run. matplotlib draws the pictures (``pip install "rushlight[app]"``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from rushlight.errors import ArgumentError, RushlightError, message
from rushlight.interop.files import write_atomically
from rushlight.plot._figure import require_matplotlib
from rushlight.reports.page import Page, duration

__all__ = ["REPORTS", "Page", "write_all", "write_report"]

REPORTS = {name: f"rushlight.reports.{name.lower()}" for name in ("R1", "R2", "R3", "R4", "R5")}
"""The module of each report; it is imported when the report is written."""

INDEX = """\
# The five reports, reproduced

Each page runs every experiment of one report with Rushlight, and puts our numbers beside the reported ones:
what agrees, what differs, and why. `rushlight report all --out DIR` writes all of it again.
"""

Folder = str | os.PathLike[str]


def write_report(
    name: str, out: Folder, data: Folder | None = None, say: Callable[[str], None] = print
) -> Path:
    """Run the experiments of one report and write its page ``out/name.md``; returns the page's path.

    ``data`` is a folder with data sets (R4 reads MNIST), by default where `rushlight.data` looks. ``say``
    takes lines of progress. Raises ArgumentError for an unknown report.

    >>> from rushlight.reports import REPORTS, write_report
    >>> list(REPORTS)
    ['R1', 'R2', 'R3', 'R4', 'R5']
    """
    return _written(name, out, data, say)[0]


def write_all(out: Folder, data: Folder | None = None, say: Callable[[str], None] = print) -> Path:
    """Write every report, and an index ``out/README.md`` with a picture of each; returns the index's path.

    A report that cannot be written (its data are missing, say) does not stop the others: the index names it,
    and its error is raised at the end.
    """
    blocks, problems = [INDEX.strip()], []
    for name in REPORTS:
        try:
            path, page = _written(name, out, data, say)
        except RushlightError as problem:
            problems.append(problem)
            say(f"{name}: {problem}")
            blocks.append(f"## {name}\n\nNot written: {problem}")
            continue
        blocks.append(f"## [{name}. {page.title}]({path.name})")
        if page.cover is not None:
            blocks.append(f"[![{page.cover.caption}]({page.cover.address})]({path.name})")
    index = Path(out) / "README.md"
    index.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(index, "\n\n".join(blocks) + "\n")
    if problems:
        raise problems[0]
    return index


def _written(name: str, out: Folder, data: Folder | None, say: Callable[[str], None]) -> tuple[Path, Page]:
    if name not in REPORTS:
        raise ArgumentError(message("write_report", repr(name), "one of: " + ", ".join(REPORTS)))
    require_matplotlib("reports")  # now, not after minutes of training
    report = import_module(REPORTS[name])
    page = Page(name, report.TITLE, Path(out), None if data is None else Path(data), say)
    report.write(page)
    page.text(f"---\n\n*Written by `rushlight report {name}` in {duration(page.seconds)}.*")
    return page.write(), page
