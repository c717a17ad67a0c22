"""The NumPy device: the namespace `m` that formulas are written over, and the host's array services.

Formulas use these names and the operators of the arrays, nothing else; what a new device or a code
generator has to provide is therefore exactly this list.
"""

from __future__ import annotations

import ctypes
import functools
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
    argmax,
    argmin,
    argsort,
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    broadcast_to,
    ceil,
    concatenate,
    copyto,
    cos,
    einsum,
    empty,
    equal,
    exp,
    expm1,
    eye,
    flip,
    floor,
    floor_divide,
    fmod,
    frexp,
    full,
    generic,
    greater,
    greater_equal,
    invert,
    isfinite,
    isinf,
    isnan,
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
    may_share_memory,
    minimum,
    nonzero,
    not_equal,
    put_along_axis,
    remainder,
    reshape,
    round,
    sign,
    sin,
    sort,
    sqrt,
    stack,
    take_along_axis,
    tan,
    tanh,
    transpose,
    trunc,
    where,
    zeros,
)

from rushlight.device.sums import add_at, cumsum, matmul, mean, prod, sum

folder = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
"""Where the array library's own code lies, to be left out when the user's line is looked for."""

ndarray = np.ndarray
dtype = np.dtype
float16 = np.dtype("float16")
float32 = np.dtype("float32")
float64 = np.dtype("float64")
int8 = np.dtype("int8")
int16 = np.dtype("int16")
int32 = np.dtype("int32")
int64 = np.dtype("int64")
uint8 = np.dtype("uint8")
uint32 = np.dtype("uint32")
uint64 = np.dtype("uint64")
bool_ = np.dtype("bool")

# IEEE arithmetic is meant: log(0) is -inf and 0/0 is nan, silently, as in PyTorch. Only warnings that NumPy
# raises from inside this package's modules are silenced; the user's own NumPy code keeps its settings.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"rushlight\.")


def silence() -> Any:
    """A context in which arithmetic does not warn, for programs that turn warnings into errors."""
    return np.errstate(all="ignore")


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


def smallest(dtype: Any) -> Any:
    """The smallest number of a dtype; of floats, minus infinity."""
    return -float("inf") if dtype.kind == "f" else int(np.iinfo(dtype).min)


def largest(dtype: Any) -> Any:
    """The largest number of a dtype; of floats, infinity."""
    return float("inf") if dtype.kind == "f" else int(np.iinfo(dtype).max)


def log10(x: Any) -> Any:
    """The logarithm to base 10; of smaller floats than float64 by way of it: NumPy's own is off at 1000."""
    if getattr(x, "dtype", float64) == float64:
        return np.log10(x)
    return np.log10(x, dtype=float64).astype(x.dtype if x.dtype.kind == "f" else float32)


def svd(x: Any) -> Any:
    """(U, S, V') with x = U diag(S) V' along the last two axes, of the smaller one's size."""
    return np.linalg.svd(x, full_matrices=False)


def trunc_divide(a: Any, b: Any) -> Any:
    """a / b rounded towards 0; of whole numbers exactly, and 0 where b is 0."""
    if result_type(a, b).kind == "f":
        return trunc(a / b)
    return (a - fmod(a, b)) // b


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
    if getattr(x, "dtype", bool_).kind != "f":
        return where(mask, x, 0)
    return (x.view(_BITS[x.itemsize]) * mask).view(x.dtype)


_BITS = {2: int16, 4: int32, 8: int64}


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


def from_front(index: Any, size: int, axis: int) -> Any:
    """`index` itself; raises IndexError where a number of it counts from the end."""
    if index.size and index.dtype.kind == "i" and index.min() < 0:
        first = index.flat[((index < 0) | (index >= size)).argmax()]
        raise IndexError(f"index {first} is out of bounds for axis {axis} with size {size}")
    return index


def add_along_axis(shape: tuple[int, ...], indices: Any, values: Any, axis: int) -> Any:
    """Zeros of `shape` with `values` added along `axis` at `indices`; positions that repeat add up."""
    grid = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    grid[axis] = indices
    return add_at(shape, tuple(grid), values)


def erf(x: Any) -> Any:
    """The error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x, to about 1e-15.

    Source: W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969).
    """
    wide = np.asarray(x, np.float64)
    size = np.abs(wide)
    out = np.where(size <= 0.46875, _erf_small(wide, size), np.sign(wide) * (1.0 - _erfc_tail(size)))
    return np.where(np.isnan(wide), wide, out).astype(x.dtype)


def _ratio(x: Any, top: tuple[float, ...], bottom: tuple[float, ...]) -> Any:
    return np.polyval(top, x) / np.polyval(bottom, x)


def _erf_small(x: Any, size: Any) -> Any:
    top = (
        1.85777706184603153e-1,
        3.16112374387056560,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    )
    bottom = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
    return x * _ratio(np.minimum(size, 0.5) ** 2, top, bottom)


def _erfc_tail(size: Any) -> Any:
    top = (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    )
    bottom = (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    )
    far_top = (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    )
    far_bottom = (
        1.0,
        2.56852019228982242,
        1.87295284992346725,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    )
    near = np.minimum(size, 4.0)
    far = np.clip(size, 4.0, 6.0)
    middle = np.exp(-near * near) * _ratio(near, top, bottom)
    inverse = 1.0 / (far * far)
    tail = np.exp(-far * far) / far * (1.0 / np.sqrt(np.pi) - inverse * _ratio(inverse, far_top, far_bottom))
    return np.where(size <= 4.0, middle, tail)


def philox(state: Any, count: int) -> Any:
    """`count` random 32-bit words of the counter-based generator Philox4x64-10 (Salmon et al., SC 2011).

    `state` holds (key, counter), both uint64: the words of block `counter` onwards. The same state always
    gives the same words, on every machine.
    """
    generator = np.random.Philox(key=int(state[0]), counter=int(state[1]))
    return generator.random_raw((count + 1) // 2).view(np.uint32)[:count]


def philox_blocks(count: int) -> int:
    """How far the counter moves when `count` 32-bit words are drawn: each block holds eight."""
    return (count + 7) // 8


def seed_from_system() -> int:
    """A 64-bit seed that differs from run to run."""
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])


def asarray(data: Any, dtype: Any = None) -> Any:
    """An array of `data`, sharing memory when it already is one."""
    return np.asarray(data, dtype)


def from_dlpack(source: Any) -> Any:
    """An array that shares the memory of `source`, through the DLPack protocol."""
    return np.from_dlpack(source)


def format_array(array: Any, prefix: str) -> str:
    """The numbers of `array` as text, four digits, summarised when long."""
    # Of float32 NumPy would round the shortest decimal, which may round up what lies below the half.
    return np.array2string(
        array.astype(np.float64) if array.dtype.kind == "f" else array,
        separator=", ",
        precision=4,
        threshold=1000,
        edgeitems=3,
        prefix=prefix,
        floatmode="maxprec",
    )


def result_type(*kinds: Any) -> Any:
    """NumPy's promotion of dtypes and arrays."""
    return np.result_type(*kinds)


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape, or ValueError."""
    return np.broadcast_shapes(*shapes)


def ndindex(shape: tuple[int, ...]) -> Any:
    """Every index of `shape`, in row order."""
    return itertools.product(*(range(n) for n in shape))


def indexed_shape(shape: tuple[int, ...], index: Any) -> tuple[int, ...]:
    """The shape of ``x[index]`` for an `x` of `shape`, without an `x`."""
    return np.broadcast_to(np.zeros((), np.bool_), shape)[index].shape


def aligned_bytes(size: int, alignment: int = 64) -> Any:
    """`size` bytes of memory that begin at a multiple of `alignment`."""
    raw = np.zeros(size + alignment, np.uint8)
    start = -address(raw) % alignment
    return raw[start : start + size]


def address(array: Any) -> int:
    """Where the array's memory begins."""
    if _DATA is None:
        return array.__array_interface__["data"][0]
    return _word(id(array) + _DATA).value or 0


def _data_offset() -> int | None:
    """Where in an array's object the pointer to its data lies: right after the head that all objects have, or
    None where that is not so. To read it there takes a seventh of the documented way's time.
    """
    probe = np.zeros(3)[1:]
    offset = object.__basicsize__
    return offset if _word(id(probe) + offset).value == probe.__array_interface__["data"][0] else None


_word = ctypes.c_void_p.from_address
_DATA = _data_offset()


def shares_memory(a: Any, b: Any) -> bool:
    """Whether two arrays have an element in common."""
    return np.may_share_memory(a, b) and np.shares_memory(a, b)


def byte_bounds(array: Any) -> tuple[int, int]:
    """Where the array's memory begins and ends; nothing else is between the two if it is in row order."""
    return np.lib.array_utils.byte_bounds(array)


def contiguous(array: Any) -> Any:
    """The array in row order: itself, or a copy."""
    return np.ascontiguousarray(array)


def view_bytes(memory: Any, offset: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """Part of a stretch of bytes, seen as an array."""
    return np.ndarray(shape, dtype, memory.data, offset)


def strided(
    array: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], writeable: bool = False
) -> Any:
    """`array`, which lies in row order, seen with other strides (in elements) from element `offset` on."""
    flat = np.reshape(array, -1)[offset:] if array.size else array
    steps = tuple(s * array.itemsize for s in strides)
    return np.lib.stride_tricks.as_strided(flat, shape, steps, writeable=writeable)


def array_at(place: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """The memory at an address as an array; somebody else keeps it alive."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.ndarray(shape, dtype, (ctypes.c_char * max(size, 1)).from_address(place))


def coins(shape: tuple[int, ...], seed: Any) -> Any:
    """True or False for each element, at random."""
    return np.random.default_rng(seed).uniform(-1.0, 1.0, shape) > 0.0


def shaken(array: Any, ulps: float, seed: tuple[int, ...]) -> Any:
    """Floats moved by up to so many units in the last place, at random; other numbers as they are."""
    if array.dtype.kind != "f":
        return array
    with silence():
        return array * _spread_over(array, _factors(array.dtype, ulps), seed)


def moved(array: Any, amount: Any, seed: tuple[int, ...]) -> Any:
    """Floats moved by up to `amount` each, at random."""
    with silence():
        return (array + amount * _spread_over(array, _signed(), seed)).astype(array.dtype, copy=False)


DICE = 65521


@functools.cache
def _signed() -> Any:
    """Random numbers of sizes from 1/2 to 1 and either sign, twice the same. None is small: of many elements
    some would be in every run, as if nothing rounded there."""
    some = np.random.default_rng(DICE).uniform(-1.0, 1.0, DICE)
    return np.tile(np.copysign(0.5 + 0.5 * np.abs(some), some).astype(np.float32), 2)


@functools.cache
def _factors(dtype: Any, ulps: float) -> Any:
    """1, moved by up to so many units in the last place."""
    return (1.0 + ulps * np.finfo(dtype).eps * _signed().astype(np.float64)).astype(dtype)


def _spread_over(array: Any, dice: Any, seed: tuple[int, ...]) -> Any:
    """A number of the table for each element, from a place on that the seed chooses; of many elements those
    DICE apart have the same."""
    start = hash(seed) % DICE
    if array.size <= DICE:
        return np.reshape(dice[start : start + array.size], array.shape)
    return np.resize(dice[start : start + DICE], array.shape)


def epsilon(dtype: Any) -> float:
    """The distance from 1 to the next larger number of a floating dtype."""
    return float(np.finfo(dtype).eps)


def distance(a: Any, b: Any) -> Any:
    """|a - b|, in float64 where that costs little."""
    wide = np.float64 if a.size <= 65521 or a.dtype.kind != "f" else a.dtype
    with silence():
        return np.abs(a.astype(wide, copy=False) - b.astype(wide, copy=False))


def save_arrays(path: Any, arrays: Any) -> None:
    """Write a list of arrays to a file."""
    np.savez(path, *arrays)


def load_arrays(path: Any) -> list[Any]:
    """The arrays of such a file; loading runs no code."""
    with np.load(path, allow_pickle=False) as held:
        return [held[f"arr_{i}"] for i in range(len(held.files))]
