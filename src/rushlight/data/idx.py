"""The IDX format of MNIST, read strictly: what does not fit its own header is refused.

A file is: two zero bytes, a type code, the number of dimensions, one big-endian 32-bit size for each, then
the elements in row-major order, big-endian. It may be gzipped, which its first bytes tell, not its name.
Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from rushlight.errors import DataError, DTypeError, message

__all__ = ["encode_idx", "parse_idx", "read_idx", "unpack"]

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CODES = {np.dtype(name).newbyteorder("="): code for code, name in _DTYPES.items()}
_GZIP = b"\x1f\x8b"
_MOST_DIMENSIONS, _LARGEST = 64, 2**62
"""What an ndarray can have."""
_LONGEST_HEADER = 4 + 4 * 255
_BEST_RATIO = 1100
"""Deflate packs at most 1032 to 1, so no more than this can come out, whatever a header promises."""
REPLACE = "Replace the file by a whole copy; it was left as it is."


def encode_idx(array: np.ndarray) -> bytes:
    """The bytes of `array` as an IDX file, not gzipped; raises DTypeError for a dtype that IDX lacks.

    >>> import numpy as np
    >>> encode_idx(np.array([7, 9], np.uint8)).hex(" ")
    '00 00 08 01 00 00 00 02 07 09'
    """
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        kinds = ", ".join(str(d) for d in _CODES)
        raise DTypeError(
            message("encode_idx", f"dtype {array.dtype}", f"one of {kinds}", "Cast it with astype.")
        )
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(_DTYPES[code]).tobytes()


def parse_idx(data: bytes, name: str = "IDX data") -> np.ndarray:
    """The array that the bytes of an IDX file (not gzipped) hold; raises DataError naming `name`.

    >>> parse_idx(bytes.fromhex("00000801 00000002 07 09"))
    array([7, 9], dtype=uint8)
    """
    dtype, shape, offset = _header(data, name)
    _check_length(len(data), dtype, shape, offset, name)
    if math.prod(max(size, 1) for size in shape) * dtype.itemsize > _LARGEST:  # beside a size of 0
        raise DataError(message(name, f"a header of shape {shape}", "sizes that fit an array", REPLACE))
    array = np.frombuffer(data, dtype, offset=offset).reshape(shape)
    return array.astype(dtype.type)


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array in the IDX file at `path`, gzipped or not; raises DataError if it is damaged or absent."""
    return parse_idx(unpack(read_file(path), os.fspath(path)), os.fspath(path))


def read_file(path: str | os.PathLike[str]) -> bytes:
    """All bytes of the file at `path`; raises DataError when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(
            message(os.fspath(path), reason, "a readable file", "Check the path and rights.")
        ) from error


def unpack(data: bytes, name: str = "IDX data") -> bytes:
    """`data`, without gzip if it is gzipped; raises DataError when the gzip stream is cut short or damaged.

    Never unpacks more than the IDX header inside asks for, so a small hostile file cannot fill the memory.
    """
    if not data.startswith(_GZIP):
        return data
    stream = zlib.decompressobj(wbits=31)
    try:
        head = stream.decompress(data, _LONGEST_HEADER)
        dtype, shape, offset = _header(head, name, packed_size=len(data))
        wanted = offset + dtype.itemsize * math.prod(shape)
        most = min(max(wanted - len(head), 0) + 1, _BEST_RATIO * len(data))
        body = stream.decompress(stream.unconsumed_tail, most)
    except zlib.error as error:
        raise DataError(
            message(name, f"damaged gzip data ({error})", "a whole gzip file", REPLACE)
        ) from error
    found = len(head) + len(body)
    if found > wanted or stream.unused_data.strip(b"\0"):
        extra = (
            "more data than its header says"
            if found > wanted
            else f"{len(stream.unused_data)} bytes after its end"
        )
        raise DataError(
            message(name, f"a gzip file with {extra}", f"exactly {wanted} bytes unpacked", REPLACE)
        )
    if not stream.eof:
        got = f"a truncated gzip file ({len(data)} bytes, which unpack to {found})"
        raise DataError(message(name, got, f"{wanted} bytes unpacked", REPLACE))
    return head + body


def _header(data: bytes, name: str, packed_size: int | None = None) -> tuple[np.dtype, tuple[int, ...], int]:
    """dtype, shape, and where the elements start."""
    if len(data) < 4:
        inside = "" if packed_size is None else f" in a gzip file of {packed_size}, truncated or empty"
        raise DataError(message(name, f"{len(data)} bytes{inside}", "an IDX header of at least 4", REPLACE))
    zeros, code, ndim = data[:2], data[2], data[3]
    if zeros != b"\0\0" or code not in _DTYPES:
        expected = "0x0000, then a type code of " + ", ".join(f"0x{c:02x}" for c in _DTYPES)
        got = f"magic number 0x{data[:4].hex()}"
        raise DataError(message(name, got, expected, "This is no IDX file: put the right one in its place."))
    if ndim > _MOST_DIMENSIONS:
        raise DataError(message(name, f"{ndim} dimensions", f"at most {_MOST_DIMENSIONS}", REPLACE))
    offset = 4 + 4 * ndim
    if len(data) < offset:
        got = f"a header cut short after {len(data)} bytes"
        raise DataError(message(name, got, f"{offset} bytes for {ndim} dimensions", REPLACE))
    return np.dtype(_DTYPES[code]), struct.unpack_from(f">{ndim}I", data, 4), offset


def _check_length(found: int, dtype: np.dtype, shape: tuple[int, ...], offset: int, name: str) -> None:
    wanted = offset + dtype.itemsize * math.prod(shape)
    if found == wanted:
        return
    verdict = "truncated" if found < wanted else "followed by something else"
    expected = f"{wanted} bytes for shape {shape} of {dtype.newbyteorder('=')}"
    raise DataError(message(name, f"{found} bytes: the file is {verdict}", expected, REPLACE))
