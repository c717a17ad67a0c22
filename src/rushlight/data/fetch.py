"""Fetching a file from its public mirrors: checked before it gets its name, so a kill leaves no half file."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from rushlight.errors import DataError, message

__all__ = ["Progress", "ProgressBar", "fetch"]

Progress = Callable[[str, int, "int | None"], None]
"""Called with (file name, bytes so far, bytes in all or None when the mirror does not say)."""

_CHUNK = 1 << 16


class ProgressBar:
    """A bar on a terminal, one line per file elsewhere.

    >>> import sys
    >>> bar = ProgressBar(sys.stdout)
    >>> bar("train-images.gz", 5_000_000, 10_000_000); bar("train-images.gz", 10_000_000, 10_000_000)
    fetched train-images.gz, 10.0 MB
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def __call__(self, name: str, done: int, total: int | None) -> None:
        stream = self._stream or sys.stderr
        finished = total is not None and done >= total
        if stream.isatty():
            share = done / total if total else 0.0
            bar = ("#" * int(20 * share)).ljust(20, ".")
            stream.write(f"\r{name} [{bar}] {share:4.0%} {done / 1e6:.1f} MB" + ("\n" if finished else ""))
            stream.flush()
        elif finished:
            stream.write(f"fetched {name}, {done / 1e6:.1f} MB\n")


def fetch(
    urls: Sequence[str],
    target: Path,
    check: Callable[[Any], object],
    progress: Progress | None = None,
    timeout: float = 10.0,
    limit: int = 1 << 26,
    whole: bool = True,
) -> None:
    """Put the first of `urls` that answers, and whose bytes pass `check`, at `target`.

    The bytes go to a temporary file in the same folder, are checked, synced and only then renamed: an
    existing `target` is replaced whole or not at all. `check` raises DataError for bytes that it does not
    accept; then the next mirror is tried. At most `limit` bytes are read. With ``whole=False``, for files
    that need not fit into memory, `check` takes the open file.

    Raises DataError when no mirror has it, naming each and what went wrong, or when the folder cannot be
    written.
    """
    failures = []
    for url in urls:
        try:
            with contextlib.closing(_open(url, timeout)) as response, _temporary(target) as out:
                _copy(response, target.name, out, progress, limit)
                out.seek(0)
                check(out.read() if whole else out)
                os.fsync(out.fileno())
                os.replace(out.name, target)
            _sync_folder(target.parent)
            return
        except (_MirrorError, DataError) as error:
            failures.append(f"{url}: {error}")
        except OSError as error:
            raise _cannot_write(target.parent, error) from error
    tried = "\n  ".join(failures) if failures else "no mirror is known"
    raise DataError(f"{target.name}: could not be fetched.\n  {tried}")


class _MirrorError(Exception):
    """This mirror failed; another may not."""


def _copy(response: Any, name: str, out: BinaryIO, progress: Progress | None, limit: int) -> None:
    """Copy what the mirror sends to `out`; raises _MirrorError, or OSError when `out` cannot be written."""
    done = 0
    length = response.headers.get("Content-Length")
    total = int(length) if length and length.isdigit() else None
    while chunk := _read(response):
        done += len(chunk)
        if done > limit:
            raise _MirrorError(f"it sends more than {limit} bytes")
        out.write(chunk)
        if progress is not None:
            progress(name, done, total)
    if total is not None and done < total:
        raise _MirrorError(f"the connection ended after {done} of {total} bytes")
    if total is None and progress is not None:
        progress(name, done, done)
    out.flush()


def _open(url: str, timeout: float) -> Any:
    # Loaded here because the two take a fifth of the time that importing rushlight may take.
    import http.client
    import urllib.request

    request = urllib.request.Request(url, headers={"User-Agent": "rushlight"})
    try:
        return urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        raise _MirrorError(f"HTTP status {error.code}") from error
    except urllib.error.URLError as error:
        raise _MirrorError(str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(str(error) or type(error).__name__) from error


def _read(response: Any) -> bytes:
    import http.client

    try:
        chunk: bytes = response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(str(error) or type(error).__name__) from error
    return chunk


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[BinaryIO]:
    """An open file beside `target`, gone at the end unless it was renamed; its rights follow the umask."""
    new = [place for place in (target.parent, *target.parent.parents) if not place.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f".{target.name}.{os.urandom(4).hex()}.part")
    try:
        with path.open("x+b") as out:
            yield out
    finally:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # what was made for nothing is still empty, and goes
            for place in new:
                place.rmdir()


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _cannot_write(folder: Path, error: OSError) -> DataError:
    reason = error.strerror or str(error)
    remedy = "Name another with the root argument or the variable RUSHLIGHT_DATA, or make room."
    return DataError(message("fetch", f"{reason} while writing", f"a writable folder at {folder}", remedy))
