"""What the host does with arrays: dtypes, making arrays and looking at them. Formulas have `m`."""

from __future__ import annotations

import itertools
import os
import warnings
from typing import Any

import numpy as np
from numpy import (
    abs,
    all,
    any,
    arange,
    broadcast_shapes,
    concatenate,
    copyto,
    dtype,
    empty,
    equal,
    frombuffer,
    full,
    generic,
    isfinite,
    isnan,
    logical_not,
    maximum,
    ndarray,
    nonzero,
    put_along_axis,
    reshape,
    round,
    stack,
    transpose,
    where,
    zeros,
)

from rushlight.device.bfloat16 import BFloat16, bfloat16, finfo, is_narrow, known

__all__ = [
    "DTYPES",
    "abs",
    "all",
    "amax",
    "amin",
    "any",
    "arange",
    "asarray",
    "bfloat16",
    "bool_",
    "broadcast_shapes",
    "concatenate",
    "copyto",
    "distance",
    "dtype",
    "empty",
    "epsilon",
    "equal",
    "finfo",
    "float16",
    "float32",
    "float64",
    "folder",
    "from_dlpack",
    "frombuffer",
    "full",
    "generic",
    "indexed_shape",
    "int16",
    "int32",
    "int64",
    "int8",
    "is_narrow",
    "isfinite",
    "isnan",
    "known",
    "largest",
    "logical_not",
    "maximum",
    "middle",
    "ndarray",
    "ndindex",
    "nonzero",
    "order_of_rows",
    "put_along_axis",
    "reshape",
    "result_type",
    "round",
    "silence",
    "smallest",
    "stack",
    "to_dlpack",
    "transpose",
    "uint32",
    "uint64",
    "uint8",
    "uint16",
    "where",
    "zeros",
]


folder = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
"""Where the array library's own code lies, to be left out when the user's line is looked for."""

float16 = np.dtype("float16")
float32 = np.dtype("float32")
float64 = np.dtype("float64")
int8 = np.dtype("int8")
int16 = np.dtype("int16")
int32 = np.dtype("int32")
int64 = np.dtype("int64")
uint8 = np.dtype("uint8")
uint16 = np.dtype("uint16")
uint32 = np.dtype("uint32")
uint64 = np.dtype("uint64")
uint32 = np.dtype("uint32")
uint64 = np.dtype("uint64")
bool_ = np.dtype("bool")
DTYPES = (np.dtype, BFloat16)
"""What dtypes are instances of."""

amax = np.maximum.reduce
amin = np.minimum.reduce

# IEEE arithmetic is meant: log(0) is -inf and 0/0 is nan, silently, as in PyTorch. Only warnings that NumPy
# raises from inside this package's modules are silenced; the user's own NumPy code keeps its settings.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"rushlight\.")


def silence() -> Any:
    """A context in which arithmetic does not warn, for programs that turn warnings into errors."""
    return np.errstate(all="ignore")


def asarray(data: Any, dtype: Any = None) -> Any:
    """An array of `data`, sharing memory when it already is one."""
    return np.asarray(data, dtype)


def from_dlpack(source: Any, **options: Any) -> Any:
    """An array that shares the memory of `source`, through the DLPack protocol."""
    if isinstance(source, np.ndarray):
        return np.from_dlpack(source, **options)
    from rushlight.device.dlpack import taken

    return taken(source, **options)


def to_dlpack(array: Any, **options: Any) -> Any:
    """The capsule by which the DLPack protocol gives an array away."""
    if array.dtype.kind != "V":
        return array.__dlpack__(**options)
    from rushlight.device.dlpack import given_away

    return given_away(array, **options)


def smallest(dtype: Any) -> Any:
    """The smallest number of a dtype; of floats, minus infinity."""
    return -float("inf") if dtype.kind == "f" else int(np.iinfo(dtype).min)


def largest(dtype: Any) -> Any:
    """The largest number of a dtype; of floats, infinity."""
    return float("inf") if dtype.kind == "f" else int(np.iinfo(dtype).max)


def epsilon(dtype: Any) -> float:
    """The distance from 1 to the next larger number of a floating dtype."""
    return float(finfo(dtype).eps)


def distance(a: Any, b: Any) -> Any:
    """|a - b|, in float64 where that costs little."""
    wide = np.float64 if a.size <= 65521 or a.dtype.kind != "f" else a.dtype
    with silence():
        return np.abs(a.astype(wide, copy=False) - b.astype(wide, copy=False))


def middle(a: Any) -> Any:
    """The middle one of the numbers in their order; of two the smaller."""
    return np.quantile(a, 0.5, method="lower")


def result_type(*kinds: Any) -> Any:
    """NumPy's promotion of dtypes; of bfloat16 and another float it is that of float32."""
    if True in [k is bfloat16 for k in kinds]:  # asked so that NumPy need not look for a dtype in it
        others = [k for k in kinds if k is not bfloat16 and k.kind == "f"]
        return np.result_type(float32, *others) if others else bfloat16
    return np.result_type(*kinds)


def ndindex(shape: tuple[int, ...]) -> Any:
    """Every index of `shape`, in row-major order."""
    return itertools.product(*(range(n) for n in shape))


def indexed_shape(shape: tuple[int, ...], index: Any) -> tuple[int, ...]:
    """The shape of ``x[index]`` for an `x` of `shape`, without an `x`."""
    return np.broadcast_to(np.zeros((), np.bool_), shape)[index].shape


def order_of_rows(matrix: Any) -> Any:
    """The positions of a matrix's rows in their order, that of the first column first."""
    if not matrix.shape[1]:
        return np.arange(matrix.shape[0])
    return np.lexsort(matrix.T[::-1])
