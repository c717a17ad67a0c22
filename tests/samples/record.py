"""How a sample is entered into the table, and the inputs that most entries share."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Case = Any  # an array, or a tuple of arrays


@dataclass(frozen=True)
class Sample:
    """One operation on one set of inputs."""

    name: str
    label: str
    call: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]
    kind: str
    twice: bool
    peer: bool
    exact: bool
    twin: tuple[Any, ...] | None

    def __repr__(self) -> str:
        return self.label


SAMPLES: list[Sample] = []
_count: dict[str, int] = {}


def sample(
    name: str,
    call: Callable[..., Any],
    *smooth: Case,
    kinks: Sequence[Case] = (),
    plain: Sequence[Case] = (),
    twice: bool = True,
    peer: bool = True,
    exact: bool = True,
    twin: tuple[Any, ...] | None = None,
) -> None:
    """Enter `call(L, *tensors)` on the cases into the table.

    twice  the second derivative is checked too.
    peer   PyTorch has it, and means the same.
    exact  the result may differ from PyTorch's by rounding of one operation only, not of a sum.
    twin   for an in-place method its further arguments, to compare it with its out-of-place twin.
    """
    for kind, cases in (("smooth", smooth), ("kink", kinks), ("plain", plain)):
        for case in cases:
            arrays = case if isinstance(case, tuple) else (case,)
            _count[name] = number = _count.get(name, 0) + 1
            shapes = ",".join("x".join(map(str, a.shape)) or "0d" for a in arrays)
            label = f"{name}-{number}-{kind}-{shapes}"
            SAMPLES.append(Sample(name, label, call, arrays, kind, twice, peer, exact, twin))


# Inputs


def X(*shape: int, low: float = -2.0, high: float = 2.0, layout: str = "rows") -> np.ndarray:
    """Distinct floats between `low` and `high`, shuffled; `layout` is rows, transposed or strided."""
    count = int(np.prod(shape))
    rng = np.random.default_rng(zlib.crc32(repr((shape, low, high, layout)).encode()))
    values = low + (high - low) * (rng.permutation(count) + 0.37) / max(count, 1)
    a = values.reshape(shape)
    if layout == "transposed":
        return np.asfortranarray(a)
    return _strided(a) if layout == "strided" else a


def _strided(a: np.ndarray) -> np.ndarray:
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def as_dtype(a: np.ndarray, dtype: str) -> np.ndarray:
    """Floats converted to `dtype` with their layout; integers and bools as they are. Always a copy."""
    if a.dtype != np.float64:
        return a.copy(order="K")
    if a.flags.c_contiguous or a.flags.f_contiguous:
        return a.astype(dtype, order="K")
    return _strided(a.astype(dtype))


def forms(low: float = -2.0, high: float = 2.0) -> list[np.ndarray]:
    """The usual suspects: 0-d, empty, a matrix, transposed, strided."""
    scalar = X(low=low, high=high)
    wide = X(2, 4, low=low, high=high, layout="strided")
    return [
        scalar,
        X(0, 3),
        X(2, 3, low=low, high=high),
        X(3, 2, low=low, high=high, layout="transposed"),
        wide,
    ]


def pairs(low: float = -2.0, high: float = 2.0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two inputs: alike, broadcast both ways, 0-d, empty, in other layouts."""

    def a(*shape: int, **kw: Any) -> np.ndarray:
        return X(*shape, low=low, high=high, **kw)

    def b(*shape: int, **kw: Any) -> np.ndarray:
        return X(*shape, low=low + 0.031, high=high + 0.047, **kw)

    return [
        (a(2, 3), b(2, 3)), (a(3, 1), b(2)), (a(3), b(2, 3)), (a(), b(2)), (a(2), b()), (a(), b()),
        (a(0, 3), b(3)), (a(3, 2, layout="transposed"), b(3, 2, layout="strided")), (a(2, 1, 2), b(3, 1)),
    ]  # fmt: skip


def I(*shape: int, low: int = 0, high: int = 9) -> np.ndarray:  # noqa: E743
    """Integers in [low, high)."""
    return np.random.default_rng(sum(shape) + high).integers(low, high, shape)


def B(*shape: int) -> np.ndarray:
    """Bools, both kinds when there is room."""
    count = int(np.prod(shape))
    return (np.arange(count) % 3 != 1).reshape(shape)


def flatten(result: Any) -> list[Any]:
    """The tensors (and other values) in a result, which may be nested tuples."""
    return [r for part in result for r in flatten(part)] if isinstance(result, (tuple, list)) else [result]


EXTREME = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30, 88.0, -104.0])
LARGE = np.array([[1e4, -1e4, 0.0], [300.0, 300.0, -300.0], [0.0, 1e-8, -1e-8]])
CUBES = [X(2, 3, 4), X(4, 3, layout="transposed"), X(3, 4, layout="strided"), X(3, 1, 2)]
INFINITE = np.array([[np.inf, 0.0, 1.0], [-np.inf, -np.inf, -np.inf], [-np.inf, 2.0, np.nan]])
U8 = np.array([0, 1, 200, 255], np.uint8)
I32 = np.array([-7, -1, 0, 3], np.int32)


def unary(name: str, low: float = -2.0, high: float = 2.0, *, smooth: bool = True, **options: Any) -> None:
    """A function of one element, as `L.name(x)`."""
    usual = forms(low, high)
    plain = [*options.pop("plain", [EXTREME, I(2, 3), B(3), U8]), *([] if smooth else usual)]
    sample(name, lambda L, x: getattr(L, name)(x), *(usual if smooth else []), plain=plain, **options)


def binary(name: str, low: float = -2.0, high: float = 2.0, *, smooth: bool = True, **options: Any) -> None:
    """A function of two elements, as `L.name(x, y)`."""
    usual = pairs(low, high)
    others = [(EXTREME, EXTREME[::-1].copy()), (I(2, 3), I(3, low=1)), (I32, X(4)), (U8, I32)]
    plain = [*options.pop("plain", others), *([] if smooth else usual)]
    sample(name, lambda L, x, y: getattr(L, name)(x, y), *(usual if smooth else []), plain=plain, **options)


def inplace(name: str, *extra: Any, cases: Sequence[Case], **options: Any) -> None:
    """An in-place method on a copy of the first input, as `x.clone().name_(*others, *extra)`."""
    sample(name, lambda L, x, *t: getattr(x.clone(), name)(*t, *extra), *cases, twin=extra, **options)
