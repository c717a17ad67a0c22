"""The permutations of many random streams, made by native code."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from rushlight.compile.native import jit
from rushlight.compile.write.shuffles import shuffles_text
from rushlight.device import xp
from rushlight.device.memory import address

__all__ = ["shuffles"]

_Shuffles = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 5, *[ctypes.c_void_p] * 3)


@functools.cache
def _native() -> jit.Native:
    return jit.build(shuffles_text(), {})


def shuffles(keys: Any, total: int) -> Any:
    """The order that `data.streams.permutations` gives for streams with these keys of Philox, uint64
    (streams, 2): int64 (streams, total), for fewer than 2**31 numbers.
    """
    out = xp.empty((len(keys), total), xp.int64)
    if not out.size:
        return out
    bits = (total - 1).bit_length()
    spread = bits + 1  # two to four buckets for each number
    counts, scratch = xp.empty(1 << spread, xp.int32), xp.empty(total + 3, xp.int64)
    _Shuffles(_native().address("shuffles"))(
        address(keys),
        len(keys),
        total,
        (1 << bits) - 1,
        64 - spread,
        1 << spread,
        address(counts),
        address(scratch),
        address(out),
    )
    return out
