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
    "SAMPLES", "Sample", "_count", "as_dtype", "binary", "flatten", "forms", "inplace", "pairs", "sample", "unary",
]  # fmt: skip

for _file in pkgutil.iter_modules(tests.samples.__path__, "tests.samples."):
    importlib.import_module(_file.name)
