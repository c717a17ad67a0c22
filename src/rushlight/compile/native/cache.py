"""Compiled objects on disk, so that a program is compiled once and not at every start.

An entry is a file named by a hash of all that its machine code depends on. It begins with a check sum, and
one that is damaged counts as absent. The files hold code that will run, so the folder must be the user's own,
and writable by nobody else; otherwise there is no cache, and a warning says so.

The folder is $XDG_CACHE_HOME/rushlight/objects, or ~/.cache/rushlight/objects. The environment variable
RUSHLIGHT_CACHE names another one in the place of .../rushlight; set to nothing it turns the cache off.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

__all__ = ["LIMIT", "folder", "key_of", "load", "store"]

LIMIT = 256 * 2**20
"""Bytes of all entries together; when there are more, those not used for the longest time go."""

MAGIC = b"rushlight object 1\n"
ENDING = ".object"
STALE = 3600.0
"""Seconds after which an unfinished file was left by a process that died."""

_grown: dict[Path, int] = {}
"""Bytes that this process wrote into a folder since it last tidied up there."""


def key_of(*parts: str) -> str:
    """A name for what is made from `parts`: equal for equal parts, in this order, and only for them."""
    sums = hashlib.sha256()
    for part in parts:
        data = part.encode()
        sums.update(len(data).to_bytes(8, "little"))
        sums.update(data)
    return sums.hexdigest()


def folder() -> Path | None:
    """Where the entries are, made if need be; None where there is no cache."""
    path = _chosen()
    if path is None:
        return None
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = os.lstat(path)
        problem = _problem(info)
    except OSError as error:
        if not os.environ.get("RUSHLIGHT_CACHE"):
            return None
        problem = f"cannot be made ({error.strerror})"  # and the user asked for it
    if problem:
        _refuse(str(path), problem)
        return None
    return path


def load(key: str) -> bytes | None:
    """The entry of this name, or None where there is none, or a damaged one."""
    place = folder()
    if place is None:
        return None
    path = place / f"{key}{ENDING}"
    try:
        with open(path, "rb") as file:
            if _problem(os.fstat(file.fileno()), directory=False):
                return None
            content = file.read()
    except OSError:
        return None
    head = len(MAGIC) + 32
    data = content[head:]
    if content[:head] != _head(key, data):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return data


def store(key: str, data: bytes) -> None:
    """Keep `data` under this name, whole or not at all; where it cannot be kept, nothing happens."""
    place = folder()
    if place is None:
        return
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(prefix="new-", dir=place)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_head(key, data) + data)
            os.replace(name, place / f"{key}{ENDING}")
        except BaseException:
            with contextlib.suppress(OSError):  # else its absence would take the place of a Ctrl-C
                os.unlink(name)
            raise
        _tidy(place, len(data))


def _chosen() -> Path | None:
    """The folder that the environment names."""
    named = os.environ.get("RUSHLIGHT_CACHE")
    if named is not None:
        return Path(named).expanduser().absolute() / "objects" if named else None
    general = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(general):
        return Path(general) / "rushlight" / "objects"
    try:
        return Path.home() / ".cache" / "rushlight" / "objects"
    except RuntimeError:
        return None


def _problem(info: os.stat_result, directory: bool = True) -> str:
    """Why a folder or a file may not be trusted; nothing if it may."""
    if not (stat.S_ISDIR if directory else stat.S_ISREG)(info.st_mode):
        return "is not a folder"
    if hasattr(os, "getuid"):
        if info.st_uid != os.getuid():
            return "belongs to another user"
        if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return "can be written by other users"
    return ""


@functools.cache
def _refuse(path: str, problem: str) -> None:
    warnings.warn(
        f"rl.compile: {path} {problem}, so compiled programs are not kept there. Make it yours alone "
        "(chmod 700), or name another folder in RUSHLIGHT_CACHE.",
        RuntimeWarning,
        stacklevel=2,
    )


def _head(key: str, data: bytes) -> bytes:
    return MAGIC + hashlib.sha256(key.encode() + data).digest()


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[bool]:
    """Whether this process is the only one that tidies up; no process waits for another."""
    try:
        import fcntl
    except ImportError:
        yield True
        return
    with open(place / "lock", "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _tidy(place: Path, size: int) -> None:
    """Keep the folder below its limit. Looking at every file takes longer than to compile a small program, so
    it is done for the first entry, and then whenever the folder may have grown by a hundredth."""
    grown = _grown.get(place, LIMIT) + size
    _grown[place] = grown
    if grown * 100 >= LIMIT:
        with _alone(place) as alone:
            if alone:
                _shrink(place)
                _grown[place] = 0


def _shrink(place: Path) -> None:
    """Remove what dead processes left, and of too many entries the oldest, until three quarters remain."""
    entries: list[tuple[float, int, str]] = []
    for item in os.scandir(place):
        with contextlib.suppress(OSError):
            info = item.stat(follow_symlinks=False)
            if item.name.endswith(ENDING):
                entries.append((info.st_mtime, info.st_size, item.path))
            elif item.name.startswith("new-") and info.st_mtime < time.time() - STALE:
                os.unlink(item.path)
    total = sum(size for _, size, _ in entries)
    if total <= LIMIT:
        return
    for _, size, path in sorted(entries):
        if total <= LIMIT * 3 // 4:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
            total -= size
