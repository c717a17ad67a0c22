"""The NumPy device: the namespace `m` that formulas are written over.

Formulas use these names and the operators of the arrays, nothing else; what a new device or a code
generator has to provide is therefore exactly this list.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import (
    abs,
    all,
    any,
    arange,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    argmax,
    argmin,
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    broadcast_to,
    ceil,
    concatenate,
    cos,
    cosh,
    einsum,
    equal,
    exp,
    expm1,
    flip,
    floor,
    floor_divide,
    fmod,
    frexp,
    full,
    gcd,
    greater,
    greater_equal,
    hypot,
    invert,
    isfinite,
    isinf,
    isnan,
    lcm,
    left_shift,
    less,
    less_equal,
    log,
    log1p,
    log2,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    nextafter,
    not_equal,
    remainder,
    reshape,
    right_shift,
    round,
    sign,
    signbit,
    sin,
    sinh,
    sqrt,
    take_along_axis,
    tan,
    tanh,
    transpose,
    trunc,
    where,
    zeros,
)

from rushlight.device.arrays import asarray, float64, uint64
from rushlight.device.erf import erf
from rushlight.device.normal import (
    affine,
    affine_weight,
    channel_standard,
    channel_standard_grad,
    inverse_deviation,
    standard,
    standard_grad,
)
from rushlight.device.picking import slices_at, stable_order, top_places
from rushlight.device.places import diagonal, merge_at, searchsorted, strided
from rushlight.device.random import binomial, philox, poisson
from rushlight.device.sums import add_at, cumsum, matmul, mean, prod, sum
from rushlight.errors import namespace

if TYPE_CHECKING:  # the files of LATER
    from rushlight.device.linalg import (
        cholesky,
        cofactor,
        det,
        eigh,
        eigvalsh,
        inverse,
        lu,
        matrix_exp,
        pinverse,
        qr,
        slogdet,
        solve,
        svd,
        svdvals,
    )
    from rushlight.device.pool import (
        pool_first,
        pool_indices,
        pool_max,
        pool_spread,
        pool_sum,
        resample,
        resample_back,
    )
    from rushlight.device.windows import (
        convolve,
        convolve_input,
        convolve_weight,
        fold,
        pad,
        windows,
    )

LATER = {
    "linalg": """cholesky cofactor det eigh eigvalsh inverse lu matrix_exp pinverse qr slogdet solve svd
        svdvals""",
    "pool": "pool_first pool_indices pool_max pool_spread pool_sum resample resample_back",
    "windows": "convolve convolve_input convolve_weight fold pad windows",
}
"""Files that load when a formula first names one of their functions."""

__all__ = [
    "abs",
    "add_along_axis",
    "add_at",
    "affine",
    "affine_weight",
    "all",
    "amax",
    "amin",
    "any",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "asarray",
    "binomial",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "broadcast_to",
    "cast",
    "ceil",
    "channel_standard",
    "channel_standard_grad",
    "cholesky",
    "cofactor",
    "concatenate",
    "convolve",
    "convolve_input",
    "convolve_weight",
    "cos",
    "cosh",
    "cumsum",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "einsum",
    "equal",
    "erf",
    "exp",
    "expm1",
    "first_top_at",
    "flip",
    "float64",
    "floor",
    "floor_divide",
    "fmod",
    "fold",
    "frexp",
    "from_front",
    "full",
    "gcd",
    "greater",
    "greater_equal",
    "hypot",
    "in_pieces",
    "inverse",
    "inverse_deviation",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "kept",
    "lcm",
    "left_shift",
    "less",
    "less_at",
    "less_equal",
    "log",
    "log10",
    "log1p",
    "log2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lu",
    "matmul",
    "matrix_exp",
    "maximum",
    "mean",
    "merge_at",
    "minimum",
    "nextafter",
    "not_equal",
    "pad",
    "philox",
    "pick",
    "pinverse",
    "poisson",
    "pool_first",
    "pool_indices",
    "pool_max",
    "pool_spread",
    "pool_sum",
    "power",
    "prod",
    "qr",
    "remainder",
    "resample",
    "resample_back",
    "reshape",
    "right_shift",
    "round",
    "searchsorted",
    "sheet",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "slices_at",
    "slogdet",
    "solve",
    "sqrt",
    "stable_order",
    "standard",
    "standard_grad",
    "strided",
    "sum",
    "svd",
    "svdvals",
    "take_along_axis",
    "tan",
    "tanh",
    "top_places",
    "transpose",
    "trunc",
    "trunc_divide",
    "turned",
    "uint64",
    "where",
    "windows",
    "zeros",
]


SHORT = 48
"""Elements of a row up to which it is faster to look for the largest of all rows at once."""


def amax(x: Any, axis: Any, keepdims: bool = False) -> Any:
    """The largest over `axis`: an axis, a tuple of axes, or None for all."""
    if x.ndim == 2 and axis in (1, (1,)) and 0 < x.shape[1] <= SHORT:
        largest = _largest(x.T.copy())
        return largest[:, np.newaxis] if keepdims else largest
    return _largest(x, axis, keepdims=keepdims)


_largest: Any = np.maximum.reduce
amin = np.minimum.reduce


def log10(x: Any) -> Any:
    """The logarithm to base 10; of smaller floats than float64 by way of it: NumPy's own is off at 1000."""
    if getattr(x, "dtype", float64) == float64:
        return np.log10(x)
    return np.log10(x, dtype=float64).astype(x.dtype if x.dtype.kind == "f" else np.float32)


def trunc_divide(a: Any, b: Any) -> Any:
    """a / b rounded towards 0; of whole numbers exactly, and 0 where b is 0."""
    if np.result_type(a, b).kind == "f":
        return trunc(a / b)
    return (a - np.fmod(a, b)) // b


def in_pieces(function: Any, x: Any) -> Any:
    """``function(x)``, element by element, on pieces that stay in the cache through all its steps."""
    piece = 8192
    if x.size <= piece:
        return function(x)
    flat = np.reshape(x, -1)
    found = [function(flat[i : i + piece]) for i in range(0, x.size, piece)]
    return np.reshape(np.concatenate(found), x.shape)


def cast(x: Any, dtype: Any) -> Any:
    """`x` as `dtype`, always in memory of its own."""
    return x.astype(dtype)


def kept(mask: Any, x: Any) -> Any:
    """`x` where `mask` holds, else 0, whatever `x` is there: a product would make nan of 0 * inf.

    The bits of floats are multiplied by 1 or 0 as whole numbers; `where` takes seven times as long.
    """
    if getattr(x, "dtype", np.dtype(bool)).kind != "f":
        return where(mask, x, 0)
    return (x.view(_BITS[x.itemsize]) * mask).view(x.dtype)


_BITS = {2: np.int16, 4: np.int32, 8: np.int64}


def turned(x: Any) -> Any:
    """The transposed matrix, its own rows one after the other in memory."""
    return np.ascontiguousarray(x.T)


class sheet:
    """A matrix that is written some rows at a time, in any order, each once."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self._array = np.empty(shape, dtype)

    def write(self, first: int, rows: Any) -> None:
        """Write `rows` from the row `first` on."""
        self._array[first : first + len(rows)] = rows

    def whole(self) -> Any:
        """The matrix, when all is written."""
        return self._array


def pick(x: Any, place: Any) -> Any:
    """x[n, place[n]] for each row n of a matrix."""
    return x[arange(len(place)), place]


def less_at(x: Any, place: Any, amount: Any) -> Any:
    """x with `amount`, (N, 1) or (1,), taken off x[n, place[n]] in each row n; in the memory of x."""
    x[arange(len(place)), place] -= amount[..., 0]
    return x


def power(a: Any, b: Any) -> Any:
    """a to the power of b; whole numbers to negative powers, which NumPy refuses, are rounded towards 0."""
    try:
        return np.power(a, b)
    except ValueError:
        if not hasattr(b, "dtype"):
            raise
    even = (b & 1) == 0
    return where(b >= 0, np.power(a, maximum(b, 0)), where(abs(a) == 1, where(even, 1, a), 0))


def first_top_at(x: Any, bag: Any, keep: Any, bags: int) -> Any:
    """For each bag and column of x (n, D) the first row of the bag where the largest kept element stands; n
    where there is none. `bag` says of each row in which it is."""
    count = x.shape[0]
    bag, x, rows = bag[keep], x[keep], arange(count)[keep]
    largest = full((bags, x.shape[1]), -np.inf, x.dtype)
    np.maximum.at(largest, bag, x)
    found = full(largest.shape, count, np.int64)
    at_top = (x == largest[bag]) | isnan(x)
    np.minimum.at(found, bag, where(at_top, rows[:, np.newaxis], count))
    return found


def from_front(index: Any, size: int, axis: int) -> Any:
    """`index` itself; raises IndexError where a number of it counts from the end."""
    if index.size and index.dtype.kind == "i" and index.min() < 0:
        first = index.flat[((index < 0) | (index >= size)).argmax()]
        raise IndexError(f"index {first} is out of bounds for axis {axis} with size {size}")
    return index


def add_along_axis(shape: tuple[int, ...], indices: Any, values: Any, axis: int) -> Any:
    """Zeros of `shape` with `values` added along `axis` at `indices`; positions that repeat add up."""
    if indices.size and indices.max() >= shape[axis]:
        raise IndexError(f"index {indices.max()} is out of bounds for axis {axis} with size {shape[axis]}")
    # One number for each element instead of one for each axis: NumPy adds at those much faster.
    grid = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    grid[axis] = indices
    place = zeros(indices.shape, np.int64)
    for n, part in zip(shape, grid, strict=True):
        place *= n
        place += part
    return reshape(add_at((math.prod(shape),), reshape(place, -1), reshape(values, -1)), shape)


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__, LATER, folder="rushlight.device")
