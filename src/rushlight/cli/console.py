"""How the command line speaks: results to stdout, what went wrong to stderr, never a traceback for either."""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO, TypeVar

import typer

from rushlight.errors import RushlightError
from rushlight.optional import install
from rushlight.train import Interrupted

__all__ = ["UserError", "guarded", "say", "table", "undrawn", "warn", "width"]

INDENT = " " * 4
"""Of a line that goes on with the one above."""
COMMAND = re.compile(r"(^|: )rushlight \w")
"""A line with a command stays one line, so that it can be copied."""
F = TypeVar("F", bound=Callable[..., Any])


class UserError(RushlightError):
    """Something that the user can put right; `code` is the exit status."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def say(text: str = "") -> None:
    """A line for the user, or several; on a terminal, long ones are broken between words."""
    print(_wrapped(text, sys.stdout), flush=True)


def warn(text: str) -> None:
    """A line that is no result."""
    print(_wrapped(f"rushlight: {text}", sys.stderr), file=sys.stderr, flush=True)


def undrawn(what: str, error: ImportError) -> None:
    """Say that something was left out, since a package that draws it is missing."""
    warn(f"{what}, as {error.name} is missing: {install('matplotlib')}")


def _wrapped(text: str, stream: TextIO) -> str:
    if not stream.isatty():
        return text
    columns = shutil.get_terminal_size().columns
    fill = functools.partial(
        textwrap.fill, width=columns, break_long_words=False, break_on_hyphens=False, subsequent_indent=INDENT
    )
    lines = text.splitlines() or [""]
    return "\n".join(line if len(line) <= columns or COMMAND.search(line) else fill(line) for line in lines)


def guarded(command: F) -> F:
    """`command` with the errors that users can cause turned into one message and an exit status."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except RushlightError as error:
            warn(str(error))
            raise typer.Exit(getattr(error, "code", 1)) from None
        except BrokenPipeError:  # the reader of our output has gone, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            warn(f"{where}{error.strerror or error}")
            raise typer.Exit(1) from None
        except MemoryError:
            warn("not enough memory; try a smaller --batch-size or --hidden")
            raise typer.Exit(1) from None
        except Interrupted as stopped:
            warn(str(stopped))
            raise typer.Exit(130) from None
        except KeyboardInterrupt:
            warn("interrupted")
            raise typer.Exit(130) from None

    return run  # type: ignore[return-value]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Aligned columns of text; the columns numbered in `right` are flush right."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]

    def cell(i: int, text: str) -> str:
        return text.rjust(widths[i]) if i in right else text.ljust(widths[i])

    return "\n".join("  ".join(cell(i, text) for i, text in enumerate(line)).rstrip() for line in lines)


def width() -> int | None:
    """How many characters a line of the terminal holds; None where the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
