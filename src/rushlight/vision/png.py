"""Pictures as PNG files, written without a library.

Source: Portable Network Graphics (PNG) Specification, W3C (2003).
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from rushlight.errors import DTypeError, message

__all__ = ["encode_png"]

COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
"""The format's number for so many channels: grey, grey and alpha, colour, colour and alpha."""


def encode_png(pixels: np.ndarray) -> bytes:
    """The bytes of a PNG file of uint8 pixels, (height, width) or (height, width, 1 to 4 channels).

    Raises DTypeError for other arrays.

    >>> import numpy as np
    >>> encode_png(np.zeros((2, 2), np.uint8))[:4]
    b'\\x89PNG'
    """
    array = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in COLOURS or not array.size:
        got = f"shape {pixels.shape} of {pixels.dtype}"
        raise DTypeError(message("encode_png", got, "uint8 (height, width), or with 1 to 4 channels"))
    height, width, channels = array.shape
    header = struct.pack(">IIBBBBB", width, height, 8, COLOURS[channels], 0, 0, 0)
    rows = np.ascontiguousarray(array).reshape(height, width * channels)
    # Each row begins with its filter: each byte less the one above it (2), which packs well.
    differences = np.diff(rows, axis=0, prepend=np.zeros((1, rows.shape[1]), np.uint8))
    filtered = np.concatenate([np.full((height, 1), 2, np.uint8), differences], axis=1)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6))
    return b"\x89PNG\r\n\x1a\n" + body + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
