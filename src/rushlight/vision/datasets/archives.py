"""Archives of files: fetched, checked, and only the files that are known taken out."""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from rushlight.data.fetch import Progress, ProgressBar, fetch
from rushlight.errors import DataError, message
from rushlight.interop.files import write_atomically

__all__ = ["fetch_archive", "md5", "unpack_archive"]

LARGEST = 1 << 30
"""No file of a data set has more bytes."""
DAMAGED = (
    OSError,
    EOFError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    NotImplementedError,
)
"""What the readers of archives raise."""


def md5(file: BinaryIO | bytes) -> str:
    """The MD5 sum of bytes, or of an open file."""
    # OpenSSL takes several milliseconds to load: not at import.
    import hashlib

    found = hashlib.md5(usedforsecurity=False)
    if isinstance(file, bytes):
        found.update(file)
        return found.hexdigest()
    while chunk := file.read(1 << 20):
        found.update(chunk)
    return found.hexdigest()


def fetch_archive(
    urls: Sequence[str], target: Path, sum_: str, limit: int, progress: Progress | None = None
) -> None:
    """Put the archive of this MD5 sum at `target`, unless it is there. Raises DataError if it cannot."""

    def check(file: Any) -> None:
        found = md5(file)
        if found != sum_:
            raise DataError(message(target.name, f"MD5 {found}", f"MD5 {sum_}"))

    if target.is_file():
        with open(target, "rb") as file:
            if md5(file) == sum_:
                return
    fetch(urls, target, check, progress or ProgressBar(), limit=limit, whole=False)


def unpack_archive(path: Path, wanted: Mapping[str, Path]) -> None:
    """Write the members `wanted`, names in the archive at `path` with where they go; whole or not at all.

    Nothing else is taken out, and no name of the archive becomes a path. Raises DataError for an archive that
    is damaged, or lacks one.
    """
    read = _zip_members if path.suffix == ".zip" else _tar_members
    try:
        found = read(path, wanted)
    except DAMAGED as error:
        raise DataError(f"{path} is damaged: {error}. Delete it, so that it is fetched again.") from error
    if missing := sorted(wanted.keys() - found):
        raise DataError(f"{path} lacks {', '.join(missing)}")


def _tar_members(path: Path, wanted: Mapping[str, Path]) -> set[str]:
    found = set()
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name in wanted and member.isreg():
                file = archive.extractfile(member)
                if file is not None:
                    _write(wanted[name], file.read(LARGEST + 1), name)
                    found.add(name)
    return found


def _zip_members(path: Path, wanted: Mapping[str, Path]) -> set[str]:
    found = set()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name in wanted:
                with archive.open(name) as file:
                    _write(wanted[name], file.read(LARGEST + 1), name)
                found.add(name)
    return found


def _write(target: Path, data: bytes, name: str) -> None:
    if len(data) > LARGEST:
        raise ValueError(f"{name} has more than {LARGEST} bytes")
    try:
        os.makedirs(target.parent, exist_ok=True)
        write_atomically(target, data)
    except OSError as error:
        raise DataError(message(str(target), f"{error.strerror}", "a folder that can be written")) from error
