"""``python -m benchmarks.accuracy [NAME ...]``: how accurate compiled elementary functions are.

The largest error over all 2^32 numbers of float32, in units in the last place of the exact result, for which
float64 is taken. It takes some minutes a function; the tests look at a sample, and at the worst points.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

__all__ = ["FUNCTIONS", "main", "worst"]

FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh", "erf", "sin", "cos", "tan")
PIECE = 1 << 22


def worst(name: str, function: Any, first: int = 0, past: int = 1 << 32) -> tuple[float, float]:
    """(the largest error, where), of the numbers whose bits are those of whole numbers from `first` on."""
    from rushlight import from_numpy
    from rushlight.device import m

    found = (0.0, 0.0)
    for start in range(first, past, PIECE):
        x = np.arange(start, start + PIECE, dtype=np.uint64).astype(np.uint32).view(np.float32)
        got = function(from_numpy(x)).numpy()
        with np.errstate(all="ignore"):
            exact = getattr(m, name)(x.astype(np.float64))
            near = exact.astype(np.float32)
            error = np.abs(got - exact) / np.spacing(np.abs(near)).astype(np.float64)
        same = (got == near) & ~np.isfinite(near) | np.isnan(got) & np.isnan(near)
        error = np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))
        k = int(error.argmax())
        found = max(found, (float(error[k]), float(x[k])))
    return found


def main(names: list[str]) -> None:
    """Measure each, and print what was found."""
    from rushlight.compile.function import compile

    for name in names or FUNCTIONS:
        begin = time.perf_counter()
        most, place = worst(name, compile(lambda x, name=name: getattr(x, name)()))
        print(f"{name:6} {most:.4f} ulp at {place!r}  ({time.perf_counter() - begin:.0f} s)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
