"""Folders that one run at a time writes into.

The lock is the operating system's, on a small file in the folder, so it ends with its process however that
dies. The file says who holds it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rushlight.errors import ArgumentError, message

__all__ = ["LOCK", "locked", "made", "try_lock"]

LOCK = ".rushlight.lock"
"""The name of the file; it is gone when the run is over, and one that a killed run left holds nothing."""

_open: dict[str, Any] = {}
"""The lock files that this process holds, by folder."""
_mine = threading.local()
"""The folders that this thread holds, as attributes."""


@contextlib.contextmanager
def locked(folder: str | os.PathLike[str], op: str) -> Iterator[None]:
    """Hold `folder` alone for the length of a ``with``; inside another one in the same thread, it is held.

    Raises ArgumentError, which says who holds it, if another process or thread does. On file systems that
    know no locks, nothing is held.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with locked(folder, "fit"):
    ...     os.listdir(folder)
    ['.rushlight.lock']
    >>> os.listdir(folder)
    []
    """
    place = os.path.realpath(folder)
    if place in _mine.__dict__:
        yield
        return
    file = _take(Path(place), op)
    _open[place] = _mine.__dict__[place] = file
    try:
        yield
    finally:
        if _mine.__dict__.pop(place, None) is file:  # in a forked child it is not
            del _open[place]
            _release(file)


@contextlib.contextmanager
def made(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Make a folder for the length of a ``with``; an error inside removes what was made and is empty."""
    folder = Path(folder).absolute()
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for place in new:
                place.rmdir()
        raise


def try_lock(file: Any) -> bool:
    """Whether the open `file` could be locked for this process alone; OSError where there are no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(2**30)  # others can still read what stands before this byte
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True


def _take(folder: Path, op: str) -> Any:
    path = folder / LOCK
    while True:
        file = open(path, "a+b", buffering=0)  # noqa: SIM115 (open for as long as it is held)
        try:
            if not try_lock(file):
                raise _in_use(folder, _holder(path), op)
        except OSError:
            return file
        except ArgumentError:
            file.close()
            raise
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                break
        file.close()  # the run that held it has just removed it
    began = time.strftime("%Y-%m-%d %H:%M:%S")
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}, since {began}".encode())
    return file


def _in_use(folder: Path, holder: str, op: str) -> ArgumentError:
    got = f"the folder {folder}, which another run writes into ({holder})"
    remedy = "Wait for that run, end it, or choose another folder."
    return ArgumentError(message(op, got, "a folder of its own", remedy))


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(200).decode(errors="replace") or "it has just begun"
    return "it has just ended"


def _release(file: Any) -> None:
    """The file goes first: whoever locks it then sees that it is not the folder's any more."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.unlink(file.name)
        file.close()
    else:  # there an open file cannot be removed
        file.close()
        with contextlib.suppress(OSError):
            os.unlink(file.name)


def _forget() -> None:
    """In a forked child: the locks are its parent's, and must not outlive it."""
    for file in _open.values():
        file.close()
    _open.clear()
    _mine.__dict__.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
