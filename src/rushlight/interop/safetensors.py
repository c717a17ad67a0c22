"""The safetensors format: named tensors and a table of strings in one file. Loading runs no code.

Format: https://github.com/huggingface/safetensors#format. Files written here open in every library that
reads the format, and the other way round.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.errors import DataError, DTypeError, NotSupportedError, message
from rushlight.interop.files import write_atomically

__all__ = ["dump", "load_file", "load_metadata", "parse", "save_file"]

DTYPES = ("float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32")
SUPPORTED = frozenset(np.dtype(name) for name in (*DTYPES, "uint64", "bool"))


def save_file(
    tensors: Mapping[str, Any], path: str | os.PathLike[str], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write `tensors` (Tensors or arrays, by name) and `metadata` to `path`, atomically.

    The format keeps metadata as strings: values that are not strings are stored as JSON text.
    Raises DTypeError for what the format cannot hold, DataError where the file cannot be written.

    >>> import tempfile
    >>> import rushlight as rl
    >>> from rushlight.interop import load_file, load_metadata, save_file
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> save_file({"weight": rl.ones(2, 3)}, path, metadata={"classes": [0, 1]})
    >>> load_file(path)["weight"].shape, load_metadata(path)
    ((2, 3), {'classes': '[0, 1]'})
    """
    data = dump(tensors, metadata)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise DataError(f"save_file: cannot write {os.fspath(path)}: {error.strerror or error}.") from error


def load_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tensors of a safetensors file, by name. Raises DataError for a missing or damaged file."""
    from rushlight import from_numpy

    arrays, _ = parse(_read(path), str(path))
    return {name: from_numpy(array) for name, array in arrays.items()}


def load_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The strings stored beside the tensors of a safetensors file."""
    return parse(_read(path), str(path))[1]


def dump(tensors: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a safetensors file that holds `tensors` and `metadata`."""
    arrays = {name: _array(name, value) for name, value in tensors.items()}
    strings = {key: v if isinstance(v, str) else json.dumps(v) for key, v in (metadata or {}).items()}
    return _ordered(_library().save(arrays, strings or None))


def parse(data: bytes, name: str) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    """Arrays and metadata in the bytes of a safetensors file; `name` stands in error messages."""
    library = _library()
    try:
        arrays = {key: np.array(array) for key, array in library.load(data).items()}
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
    except Exception as error:  # the library has error types of its own; all of them mean the same here
        raise DataError(
            f"{name} is damaged, or not a safetensors file ({error}). Copy or create it again."
        ) from error
    return arrays, metadata


def _ordered(data: bytes) -> bytes:
    """The same file with its metadata sorted: the library's order changes from call to call."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the format wants the data aligned
    return len(text).to_bytes(8, "little") + text + data[end:]


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {os.fspath(path)}: {error.strerror or error}.") from error


def _array(name: str, value: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(value.detach().numpy() if hasattr(value, "detach") else value, order="C")
    if array.dtype not in SUPPORTED:
        known = ", ".join(sorted(str(dtype) for dtype in SUPPORTED))
        raise DTypeError(message("save_file", f"{name!r} of dtype {array.dtype}", f"one of {known}"))
    return array


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise NotSupportedError(
            'Saving and loading files needs the safetensors library: pip install "rushlight[app]"'
        ) from error
    return safetensors.numpy
