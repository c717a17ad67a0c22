"""Files that are whole or not there: a kill at any moment leaves the old content or the new one."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from rushlight.interop.locks import try_lock

__all__ = ["check_writable", "remove_leftovers", "write_atomically"]


def write_atomically(path: str | os.PathLike[str], data: bytes | memoryview | str | Iterable[bytes]) -> None:
    """Replace the file at `path` by one that holds `data` (text as UTF-8), or leave it as it was.

    The data go to a temporary file of this call alone in the same folder, which is synced and renamed over
    `path`; then the folder is synced, so that the new name too survives a power cut. Of several writers at
    once, threads or processes, the last to end wins, and readers see one of their files, whole. Raises
    OSError as `open` does.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_atomically(folder / "note.txt", "a light")
    >>> [p.name for p in folder.iterdir()], (folder / "note.txt").read_text()
    (['note.txt'], 'a light')
    """
    path = Path(path)
    file = _temporary(path)
    temporary = Path(file.name)
    try:
        with file:
            if isinstance(data, str):
                data = data.encode()
            file.writelines([data] if isinstance(data, bytes | bytearray | memoryview) else data)
            file.flush()
            os.fsync(file.fileno())
            if os.name == "posix":  # elsewhere an open file cannot be renamed, nor removed by others
                os.replace(temporary, path)
        if os.name != "posix":
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove the temporary files that killed writers of `path` left beside it; those of living ones stay."""
    path = Path(path)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError):
            if os.name != "posix":
                leftover.unlink()  # refused while a writer has it open
                continue
            with open(leftover, "rb+") as file:
                if try_lock(file):
                    leftover.unlink()


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Create `folder` if needed and write one byte there, so that an OSError comes now, not hours later."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".probe.{os.urandom(6).hex()}.tmp"
    try:
        probe.write_bytes(b"\n")
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def _temporary(path: Path) -> BinaryIO:
    """A new file beside `path`, locked, which tells `remove_leftovers` that its writer lives."""
    if not path.parent.is_dir():  # `open` would name the temporary file, of which nobody knows
        raise FileNotFoundError(errno.ENOENT, "No such folder", os.fspath(path.parent))
    while True:
        name = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
        file = open(name, "xb")  # noqa: SIM115 (its caller closes it)
        try:
            held = try_lock(file)
        except OSError:  # no locks here: then leftovers are not removed either
            return file
        if held and name.exists():
            return file
        file.close()  # before it was locked, it was taken for a leftover, and who did so removes it


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
