"""ONNX's numbers of element types, and the dtypes here."""

from __future__ import annotations

from typing import Any

import rushlight as rl
from rushlight.errors import DTypeError, message

__all__ = ["TYPES", "dtype_of", "number_of"]

TYPES: dict[int, Any] = {
    1: rl.float32, 2: rl.uint8, 3: rl.int8, 4: rl.uint16, 5: rl.int16, 6: rl.int32, 7: rl.int64, 9: rl.bool,
    10: rl.float16, 11: rl.float64, 12: rl.uint32, 13: rl.uint64, 16: rl.bfloat16,
}  # fmt: skip
"""As the enumeration TensorProto.DataType has them."""
OTHERS = {
    0: "undefined", 8: "string", 14: "complex64", 15: "complex128", 17: "float8e4m3fn", 18: "float8e4m3fnuz",
    19: "float8e5m2", 20: "float8e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0",
    25: "uint2", 26: "int2",
}  # fmt: skip


def dtype_of(number: int) -> Any:
    """The dtype of an ONNX type's number; raises DTypeError for one that there is not.

    >>> dtype_of(1)
    dtype('float32')
    """
    found = TYPES.get(number)
    if found is None:
        got = f"a tensor of {OTHERS.get(number, f'type {number}')}"
        raise DTypeError(message("onnx", got, ", ".join(str(d) for d in TYPES.values())))
    return found


def number_of(dtype: Any) -> int:
    """The number that ONNX has for a dtype.

    >>> number_of(rl.int64)
    7
    """
    return next(number for number, known in TYPES.items() if known == dtype)
