"""Random closures: objects of many makes that hold numbers, changed between calls.

Each case is built twice. One function runs compiled, its twin eager, and after each call both worlds change
in the same way. Results have to be the same to the bit, unless the compiled function refuses aloud.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import rushlight as rl
from rushlight.compile.capture import guards
from rushlight.compile.capture.trace import TraceError
from rushlight.compile.function import compile
from rushlight.core.tensor import Tensor
from tests.fuzz.homes import MAKES, number

__all__ = ["case", "fuzz"]

CALLS = 7


def _uses(k: Any, x: Tensor, way: int) -> Any:
    """What a function does with a number."""
    if way == 0:
        return x * k
    if way == 1:
        return x + k if k > 1 else x - k
    if way == 2:
        return sum((x for _ in range(min(abs(int(k)), 4))), x)
    if way == 3:
        return x.clamp(min=float(k))
    if way == 4:
        return (x / (k * k + 1)) * x.dtype.itemsize
    if way == 5:
        return x.sum() * k + x
    return rl.where(x > k, x, k)


def _function(r: random.Random) -> tuple[Any, list[Any]]:
    makes = [r.choice(MAKES) for _ in range(r.randrange(1, 4))]
    picked = [one(r) for one in makes]
    reads = [read for read, _ in picked]
    ways = [r.randrange(7) for _ in reads]
    one = r.random() < 0.3

    def function(x: Tensor, n: Any) -> Any:
        for read, way in zip(reads, ways, strict=True):
            x = _uses(read(), x, way)
        return (x * n, n + 1) if one else x + n

    function.__doc__ = ", ".join(getattr(m, "__name__", "") for m in makes) + f", used in the ways {ways}"
    return function, [change for _, change in picked]


def _bits(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_bits, value))
    return (
        (str(value.dtype), value.shape, value.array.tobytes())
        if isinstance(value, Tensor)
        else (type(value), value)
    )


def case(seed: int, mode: str = "interpret") -> str:
    """What is wrong with the case of this seed, in words; nothing if each call gives what eager gives."""
    worlds = [_function(random.Random(seed)) for _ in range(2)]
    (function, changes), (twin, twins) = worlds
    compiled = compile(function, mode=mode)
    r = random.Random(seed)
    given = number(r)
    for call in range(CALLS):
        x = rl.tensor([0.5, -2.0, 3.0])
        expected = _outcome(lambda: twin(x, given))  # noqa: B023
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _outcome(lambda: compiled(x, given))  # noqa: B023
        if isinstance(found, TraceError):
            return ""
        if type(found) is not type(expected) or (
            not isinstance(found, Exception) and _bits(found) != _bits(expected)
        ):
            return f"{function.__doc__}: call {call}: {found!r}, eager gives {expected!r}"
        state = r.getstate()
        for change, other in zip(changes, twins, strict=True):
            if r.random() < 0.6:
                state = r.getstate()
                change(r)
                r.setstate(state)
                other(r)
        if r.random() < 0.5:
            given = number(r)
    return ""


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return error


def fuzz(cases: int, seed: int, report: Any = print, mode: str = "interpret") -> int:
    """Try the cases of the seeds from `seed` on; gives how many failed."""
    failed = 0
    for one in range(seed, seed + cases):
        with patch.object(
            guards, "SOON", 1 + 3 * (one % 2)
        ):  # guards as one function, from the first look on
            wrong = case(one, mode)
        if wrong:
            failed += 1
            report(f"closure {one}: {wrong}")
    return failed
