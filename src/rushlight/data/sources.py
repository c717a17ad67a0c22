"""Where the files of MNIST and Fashion-MNIST lie, on this machine or on a mirror, and how they are known."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from rushlight.data.fetch import Progress, ProgressBar, fetch
from rushlight.data.idx import parse_idx, read_file, unpack
from rushlight.errors import DataError, message

__all__ = ["FASHION_MNIST", "MNIST_DIGITS", "DataFile", "Source", "folders", "load"]

ENVIRONMENT = "RUSHLIGHT_DATA"


@dataclass(frozen=True)
class DataFile:
    """One IDX file: its name without .gz, the shape inside, and the MD5 sum of its bytes, not gzipped.

    The sum is that of the unpacked file because gzip may pack the same file in many ways. Where only the sum
    of the gzipped file is published, `packed_md5` is that, and a file that is not gzipped has no sum.
    """

    name: str
    shape: tuple[int, ...]
    md5: str
    packed_md5: str = ""


@dataclass(frozen=True)
class Source:
    """One data set: its name, folders it may lie in (the first is made on fetching), mirrors, and files."""

    name: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: Mapping[str, DataFile]


def _files(sums: tuple[str, str, str, str]) -> dict[str, DataFile]:
    return {
        "train-images": DataFile("train-images-idx3-ubyte", (60000, 28, 28), sums[0]),
        "train-labels": DataFile("train-labels-idx1-ubyte", (60000,), sums[1]),
        "test-images": DataFile("t10k-images-idx3-ubyte", (10000, 28, 28), sums[2]),
        "test-labels": DataFile("t10k-labels-idx1-ubyte", (10000,), sums[3]),
    }


MNIST_DIGITS = Source(
    name="mnist",
    folders=("mnist", "MNIST/raw", ""),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    files=_files(
        (
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        )
    ),
)

FASHION_MNIST = Source(
    name="fashion-mnist",
    folders=("fashion-mnist", "FashionMNIST/raw", ""),
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    files=_files(
        (
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        )
    ),
)


def load(
    source: Source,
    keys: tuple[str, ...],
    root: str | os.PathLike[str] | None = None,
    download: bool = True,
    progress: Progress | None = None,
    shared: bool = False,
) -> list[np.ndarray]:
    """The arrays of the files `keys` of `source`, found or fetched, each checked against its shape and sum.

    shared  look also, after `root`, where files are looked for without one.

    Raises DataError when a file is absent and cannot be fetched, damaged, or another file under the same
    name; files that were there are left as they are.
    """
    places = folders(source, root)
    if shared and root is not None:
        places += [place for place in folders(source) if place not in places]
    wanted = [source.files[key] for key in keys]
    found = {file.name: _find(file, places) for file in wanted}
    missing = [file for file in wanted if found[file.name] is None]
    if missing and download:
        _fetch_all(source, missing, _home(source, root), places, progress or ProgressBar())
        found = {file.name: _find(file, places) for file in wanted}
    elif missing:
        raise _absent(source, missing, places, "download=False forbids fetching")
    arrays = []
    for file in wanted:
        path = found[file.name]
        if path is None:
            raise _absent(source, [file], places, "it vanished after it was fetched")
        arrays.append(_checked(read_file(path), file, str(path)))
    return arrays


def folders(source: Source, root: str | os.PathLike[str] | None = None) -> list[Path]:
    """Where files are looked for: under `root` if given, else RUSHLIGHT_DATA, then the user's cache."""
    if root is not None:
        bases = [Path(root).expanduser()]
    else:
        bases = [Path(named).expanduser()] if (named := os.environ.get(ENVIRONMENT)) else []
        bases.append(_cache())
    return [base / folder for base in bases for folder in source.folders]


def _cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if os.path.isabs(named) else Path.home() / ".cache") / "rushlight"


def _home(source: Source, root: str | os.PathLike[str] | None) -> Path:
    """Where fetched files go: the first place looked at, or the cache if RUSHLIGHT_DATA is read-only."""
    first = folders(source, root)[0]
    named = os.environ.get(ENVIRONMENT)
    if root is None and named and not os.access(Path(named).expanduser(), os.W_OK):
        return _cache() / source.folders[0]
    return first


def _find(file: DataFile, places: list[Path]) -> Path | None:
    for place in places:
        for name in (file.name, file.name + ".gz"):
            if (place / name).is_file():
                return place / name
    return None


def _fetch_all(
    source: Source, missing: list[DataFile], home: Path, places: list[Path], progress: Progress
) -> None:
    for file in missing:
        name = file.name + ".gz"
        try:
            fetch(
                [mirror + name for mirror in source.mirrors],
                home / name,
                partial(_checked, file=file, name=name),
                progress,
            )
        except DataError as error:
            raise _absent(source, missing, places, str(error)) from error


def _checked(data: bytes, file: DataFile, name: str) -> np.ndarray:
    """The array in `data`, which must be `file`, gzipped or not."""
    plain = unpack(data, name)
    array = parse_idx(plain, name)
    if array.shape != file.shape or array.dtype != np.uint8:
        got = f"an array of shape {array.shape} of {array.dtype}"
        raise DataError(message(name, got, f"shape {file.shape} of uint8", _remedy(plain)))
    found = _md5(plain) if file.md5 else ""
    if found != file.md5:
        raise DataError(message(name, f"MD5 {found} unpacked", f"MD5 {file.md5}", _remedy(plain)))
    if file.packed_md5 and plain is not data and _md5(data) != file.packed_md5:
        raise DataError(message(name, f"MD5 {_md5(data)}", f"MD5 {file.packed_md5}", _remedy(plain)))
    return array


def _md5(data: bytes) -> str:
    # OpenSSL takes several milliseconds to load: not at import.
    import hashlib

    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _remedy(plain: bytes) -> str:
    """What to do with a whole IDX file that is not the wanted one: say so if it is another that we know."""
    found = _md5(plain)
    for source in (MNIST_DIGITS, FASHION_MNIST):
        for file in source.files.values():
            if file.md5 == found:
                return f"This is {file.name} of {source.name}: give each set a folder of its own."
    return "Delete the file, or replace it by a whole copy; it was left as it is."


def _absent(source: Source, missing: list[DataFile], places: list[Path], reason: str) -> DataError:
    names = "\n".join(f"  {file.name}.gz (or {file.name})" for file in missing)
    where = "\n".join(f"  {place}" for place in places)
    return DataError(
        f"{source.name}: {len(missing)} file{'s' * (len(missing) > 1)} missing, and not fetched: {reason}\n"
        f"Put\n{names}\ninto one of\n{where}\n"
        f"or name their folder with the root argument or the environment variable {ENVIRONMENT}.\n"
        f"Mirrors: {', '.join(source.mirrors) or 'none'}"
    )
