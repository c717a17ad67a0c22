"""The folder that a run writes into: its own for the length of `fit`, and not an earlier run's in silence."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from rushlight.errors import ArgumentError, message
from rushlight.interop.files import check_writable, remove_leftovers
from rushlight.interop.locks import locked, made

__all__ = ["CHECKPOINT", "HISTORY", "Stamp", "run_folder", "stamp"]

CHECKPOINT, HISTORY = "checkpoint.safetensors", "history.csv"
Stamp = tuple[int, int, int] | None


def stamp(path: Path) -> Stamp:
    """What tells a file from one that was written later under its name; None where there is none."""
    try:
        info = os.stat(path)
    except OSError:
        return None
    return info.st_ino, info.st_mtime_ns, info.st_size


@contextlib.contextmanager
def run_folder(out: Path, own: Stamp, take: bool) -> Iterator[None]:
    """Make and lock `out` for the length of a ``with``; an error inside removes the folder if it is empty.

    `own` is the stamp of the checkpoint that the caller itself wrote or loaded. Raises ArgumentError for a
    folder that cannot be written, that another run writes into, or that holds another run, unless `take`.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(made(out))
            check_writable(out)
            stack.enter_context(locked(out, "fit"))
        except OSError as error:
            got = f"out={os.fspath(out)!r} ({error.strerror or error})"
            raise ArgumentError(message("Trainer", got, "a folder to write to")) from error
        if not take:
            _refuse_earlier(out, own)
        for name in (CHECKPOINT, HISTORY):
            remove_leftovers(out / name)
        yield


def _refuse_earlier(out: Path, own: Stamp) -> None:
    found = stamp(out / CHECKPOINT)
    alone = own is None and (out / HISTORY).exists()  # a history whose checkpoint was removed
    if not (alone if found is None else found != own):
        return
    got = f"out={os.fspath(out)!r}, which holds {'another' if own else 'an earlier'} run"
    remedy = (
        "Call fit(..., resume=True) to go on with that run, fit(..., overwrite=True) to train anew over it, "
        "or choose another folder."
    )
    raise ArgumentError(message("fit", got, "a folder without one", remedy))
