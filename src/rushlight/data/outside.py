"""Numbers from outside, arrays of NumPy, frames of pandas and polars, lists, as the tensors of a data set.

One rule: floats become float32, the default dtype (in a Trainer the dtype of its model); whole numbers and
bools stay as they are; tensors are left alone. `rl.tensor` and `rl.as_tensor`, as PyTorch's, keep the dtype.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from rushlight.core.spec import default
from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import DTypeError, message

__all__ = ["as_data", "holds_numbers", "is_array", "to_array"]


def is_array(value: Any) -> bool:
    """Whether `value` is an array, or knows how to be one, as frames and series of pandas do."""
    return isinstance(value, np.ndarray) or (
        hasattr(value, "__array__") and not isinstance(value, Tensor) and not isinstance(value, type)
    )


def holds_numbers(value: Any) -> bool:
    """Whether `value` is an array or the like, or a list of numbers, nested as it may be.

    >>> holds_numbers([[1, 2], [3, 4]]), holds_numbers([(1, 2)]), holds_numbers(["a"])
    (True, False, False)
    """
    if not isinstance(value, list):
        return is_array(value)
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, int | float | np.generic)


def to_array(op: str, value: Any) -> np.ndarray:
    """The numbers of an array, a frame or a series. Raises DTypeError for what holds no numbers."""
    convert = getattr(value, "to_numpy", None)
    try:
        array = np.asarray(value if convert is None else convert())
    except ValueError:
        got = f"a {type(value).__name__} of rows that differ in length"
        raise DTypeError(message(op, got, "rows of one length")) from None
    if array.dtype.kind == "O" and array.size:  # columns of several dtypes, or pandas's own
        whole = all(issubclass(kind, int | np.integer | np.bool_) for kind in set(map(type, array.flat)))
        with contextlib.suppress(TypeError, ValueError):
            array = array.astype(np.int64 if whole else np.float64)
    if array.dtype.kind not in "biuf":
        got = f"a {type(value).__name__} of {array.dtype}"
        remedy = "Turn words and dates into numbers first."
        raise DTypeError(message(op, got, "numbers or bools", remedy))
    return array


def as_data(op: str, value: Any, dtype: Any = None) -> Any:
    """An array, frame or list of numbers as a Tensor: its floats as `dtype`, or float32. Everything else is
    given back as it is.

    >>> import numpy as np
    >>> as_data("fit", np.array([0.5]))
    tensor([0.5000])
    """
    if not holds_numbers(value):
        return value
    array = to_array(op, value)
    if array.dtype.kind == "f":
        array = array.astype(dtype or default.dtype, copy=False)
    if any(step < 0 for step in array.strides) or not array.dtype.isnative:
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return wrap(array)
