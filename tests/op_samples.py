"""The samples table: inputs for every operation, read by every suite (derivatives, facts, parity with PyTorch).

An entry names the operation as PyTorch does, calls it in a way that both frameworks understand (`L` is rushlight
or torch), and lists inputs in three kinds:

    smooth   values, and first and second derivatives against finite differences and against PyTorch
    kinks    values, and first derivatives against PyTorch: points where a subgradient is chosen, or extreme numbers
    plain    values only: integers, bools, nan and infinity

A case is an array or a tuple of arrays. Arrays of floats are given in float64 and converted to the dtype under
test; their layout (transposed, strided) survives that. The entries stand in `tests/samples/`, by family; one for a
new op may stand below.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np

import rushlight as rl
import tests.samples
from tests.samples.record import (
    SAMPLES,
    Sample,
    _count,
    as_dtype,
    binary,
    flatten,
    forms,
    inplace,
    pairs,
    sample,
    unary,
)

__all__ = [
    "SAMPLES", "Sample", "_count", "as_dtype", "binary", "flatten", "forms", "inplace", "one_of_each_kind", "pairs",
    "results", "sample", "stacked", "unary",
]  # fmt: skip

for _file in pkgutil.iter_modules(tests.samples.__path__, "tests.samples."):
    importlib.import_module(_file.name)


def one_of_each_kind() -> list[Sample]:
    """A sample with derivatives of every form of every op: one of each shape, and one where a subgradient is
    chosen."""
    seen: dict[Any, Sample] = {}
    for s in SAMPLES:
        if s.kind != "plain" and s.arrays and all(a.size for a in s.arrays):
            seen.setdefault((s.name, s.kind, tuple(a.ndim for a in s.arrays)), s)
    return list(seen.values())


def stacked(array: np.ndarray, count: int) -> np.ndarray:
    """Examples like `array`, no two of floats alike."""
    if array.dtype.kind != "f":
        return np.stack([array] * count)
    return np.stack([array * (1 + 0.01 * i) for i in range(count)])


def results(s: Sample) -> Callable[..., tuple[rl.Tensor, ...]]:
    """The sample's call, whose results are a tuple of tensors."""

    def call(*tensors: rl.Tensor) -> tuple[rl.Tensor, ...]:
        out = s.call(rl, *tensors)
        return tuple(
            t for t in (out if isinstance(out, (tuple, list)) else (out,)) if isinstance(t, rl.Tensor)
        )

    return call
