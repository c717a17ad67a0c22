"""The safetensors format: named tensors and a table of strings in one file. Loading runs no code.

Format: https://github.com/huggingface/safetensors#format. Files written here open in every library that
reads the format, and the other way round.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.core.state import READERS
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import DataError, DTypeError, message
from rushlight.interop.files import write_atomically
from rushlight.interop.recognise import recognise
from rushlight.interop.storages import as_bfloat16
from rushlight.interop.strict import parse_json
from rushlight.optional import load

__all__ = ["dump", "load_file", "load_metadata", "parse", "save_file"]

DTYPES = ("float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32")
SUPPORTED = frozenset(np.dtype(name) for name in (*DTYPES, "uint64", "bool"))
READS = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "u1",
}  # fmt: skip
LONGEST_HEADER = 100_000_000
"""The format's own limit."""


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
    (Size([2, 3]), {'classes': '[0, 1]'})
    """
    data = dump(tensors, metadata)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise DataError(f"save_file: cannot write {os.fspath(path)}: {error.strerror or error}.") from error


def load_file(path: str | os.PathLike[str], widen: bool = False) -> dict[str, Any]:
    """The tensors of a safetensors file, by name; no library is needed, but for bfloat16 ml_dtypes.

    widen  read bfloat16 as float32, which holds the same numbers and needs no library.

    Raises DataError for a missing or damaged file, DTypeError for a dtype that Rushlight lacks. A folder of
    several files is read by `rl.hub.load_model`.
    """
    from rushlight import from_numpy

    arrays, _ = parse(_read(path), str(path), widen)
    return {name: from_numpy(array) for name, array in arrays.items()}


READERS.add(load_file.__code__)


def load_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The strings stored beside the tensors of a safetensors file."""
    return parse(_read(path), str(path))[1]


def dump(tensors: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a safetensors file that holds `tensors` and `metadata`."""
    if odd := [name for name in (*tensors, *(metadata or {})) if not isinstance(name, str)]:
        raise DTypeError(message("save_file", f"the name {odd[0]!r}", "names that are strings"))
    if "__metadata__" in tensors:
        raise DTypeError(message("save_file", "a tensor named '__metadata__'", "another name"))
    arrays = {name: _array(name, value) for name, value in tensors.items()}
    strings = {key: v if isinstance(v, str) else json.dumps(v) for key, v in (metadata or {}).items()}
    return _ordered(_library().save(arrays, strings or None))


def parse(
    data: bytes, name: str, widen: bool = False
) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    """Arrays and metadata in the bytes of a safetensors file; `name` stands in error messages. With `widen`
    bfloat16 becomes float32.

    Every size is checked before it is believed. Raises
    DataError for a damaged file or one of another format, DTypeError for a dtype that NumPy lacks.
    """
    try:
        header, metadata, start = _header(data)
        return _arrays(header, data, start, widen), metadata
    except ValueError as error:
        what, remedy = recognise(data)
        if what:
            raise DataError(f"{name} is {what}, not a safetensors file. {remedy}") from error
        raise DataError(
            f"{name} is damaged, or not a safetensors file ({error}). Copy or create it again."
        ) from error
    except _UnknownError as error:
        got, expected = f"{name}: {error.args[0]}", f"one of {', '.join(READS)}"
        raise DTypeError(
            message("load_file", got, expected, "Convert it where it comes from, to F32 say.")
        ) from None


class _UnknownError(Exception):
    """A dtype that is not read."""


def _header(data: bytes) -> tuple[dict[str, Any], dict[str, str], int]:
    """What is said of the tensors, the metadata, and where the tensors start."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(len(data) - 8, LONGEST_HEADER):
        raise ValueError(f"{len(data)} bytes, with a header of {length}")
    header = parse_json(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its header is no table of tensors and metadata")
    return header, metadata, 8 + length


def _arrays(header: dict[str, Any], data: bytes, start: int, widen: bool) -> dict[str, np.ndarray[Any, Any]]:
    spans = {name: _span(name, entry) for name, entry in header.items()}
    at = 0
    for begin, end in sorted(spans.values()):
        if begin != at:
            raise ValueError("its tensors overlap, or leave gaps")
        at = end
    if at != len(data) - start:
        raise ValueError(f"its tensors take {at} bytes of {len(data) - start}")
    return {
        name: _value(
            np.ndarray(entry["shape"], READS[entry["dtype"]], data, start + spans[name][0]), entry, widen
        )
        for name, entry in header.items()
    }


def _span(name: str, entry: Any) -> tuple[int, int]:
    """Where a tensor lies, if what the header says of it fits together."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"the entry of {name!r}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"the entry of {name!r}")
    if dtype not in READS and re.fullmatch(r"[A-Z][A-Z0-9_]{1,15}", dtype):
        raise _UnknownError(f"{name!r} of dtype {dtype}")
    begin, end = offsets
    if dtype not in READS or end - begin != np.dtype(READS[dtype]).itemsize * math.prod(shape):
        raise ValueError(f"the size of {name!r}")
    return begin, end


def _sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _value(raw: np.ndarray[Any, Any], entry: dict[str, Any], widen: bool) -> np.ndarray[Any, Any]:
    """A copy that can be written to, in the machine's byte order."""
    dtype, value = entry["dtype"], raw.astype(raw.dtype.type)  # the type, so that the dtype is NumPy's own
    if dtype == "BF16" and widen:
        words = value.astype(np.uint32)
        words <<= 16
        return words.view(np.float32)
    if dtype == "BF16":
        return as_bfloat16(value)
    return np.not_equal(value, 0, out=np.empty(raw.shape, bool)) if dtype == "BOOL" else value


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
    array = np.asarray(value.detach()._seen() if isinstance(value, Tensor) else value, order="C")
    if array.dtype not in SUPPORTED and xp.known(array.dtype) is not xp.bfloat16:
        known = ", ".join(sorted(str(dtype) for dtype in (*SUPPORTED, "bfloat16")))
        raise DTypeError(message("save_file", f"{name!r} of dtype {array.dtype}", f"one of {known}"))
    return array


def _library() -> Any:
    return load("safetensors.numpy", "Saving files")
