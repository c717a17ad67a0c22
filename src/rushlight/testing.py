"""`assert_close`: for tests of programs, with PyTorch's tolerances."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ArgumentError, message, namespace
from rushlight.ops.creation import as_tensor, tensor
from rushlight.ops.grids import unravel_index

__all__ = ["assert_close"]

TOLERANCES = {
    "bfloat16": (1.6e-2, 1e-5), "float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7),
}  # fmt: skip
"""Relative and absolute, by dtype; other dtypes are to be equal."""


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises AssertionError unless |actual - expected| <= atol + rtol |expected| everywhere.

    Tensors, arrays and numbers, and sequences and mappings of them, item by item; shapes and, unless
    ``check_dtype=False``, dtypes are to be equal too. ``rtol`` and ``atol`` follow the dtypes if both are
    left out, of two the wider. ``msg`` is what the error says, or makes it of what it would say. There is
    one device and one layout, so the options about these are passed over.

    Raises ArgumentError if only one of ``rtol`` and ``atol`` is given.

    >>> import rushlight as rl
    >>> rl.testing.assert_close([rl.ones(2), 3.0], [rl.ones(2) + 1e-6, 3.0])
    >>> rl.testing.assert_close(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 2.5]))
    Traceback (most recent call last):
        ...
    AssertionError: Tensor-likes are not close! ...
    """
    if (rtol is None) != (atol is None):
        raise ArgumentError(message("assert_close", f"rtol={rtol}, atol={atol}", "both of them, or neither"))
    tolerances = None if rtol is None or atol is None else (rtol, atol)
    found = _difference(actual, expected, tolerances, equal_nan, check_dtype, check_stride)
    if found is not None:
        text = found if msg is None else msg(found) if callable(msg) else msg
        raise AssertionError(text)


def _difference(actual: Any, expected: Any, *how: Any) -> str | None:
    """What is different, in words; None if nothing is."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        missing, more = expected.keys() - actual.keys(), actual.keys() - expected.keys()
        if missing or more:
            return (
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(missing, key=str)}\n"
                f"Additional keys in the actual mapping: {sorted(more, key=str)}"
            )
        return _first(((key, actual[key], expected[key]) for key in expected), how)
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
        return _first(zip(range(len(actual)), actual, expected, strict=True), how)
    return _of_tensors(actual, expected, *how)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _first(items: Any, how: Any) -> str | None:
    for key, actual, expected in items:
        found = _difference(actual, expected, *how)
        if found is not None:
            return f"{found}\n\nThe failure occurred for item [{key!r}]"
    return None


def _of_tensors(
    actual: Any, expected: Any, tolerances: Any, equal_nan: bool, check_dtype: bool, check_stride: bool
) -> str | None:
    scalars = isinstance(actual, numbers.Number) and isinstance(expected, numbers.Number)
    a, b = (_as_tensor(value) for value in (actual, expected))
    if a is None or b is None:
        if actual is None and expected is None:
            return None
        return f"{type(actual).__name__} and {type(expected).__name__} cannot be compared."
    if a.shape != b.shape:
        return f"The values for attribute 'shape' do not match: {a.shape} != {b.shape}."
    if check_dtype and a.dtype != b.dtype and not scalars:
        return f"The values for attribute 'dtype' do not match: {a.dtype} != {b.dtype}."
    if check_stride and a.stride() != b.stride():
        return f"The values for attribute 'stride()' do not match: {a.stride()} != {b.stride()}."
    rtol, atol = tolerances or _usual(a, b)
    common = xp.float64 if "f" in (a.dtype.kind, b.dtype.kind) else xp.int64
    a, b = a.to(common), b.to(common)
    gap = (a - b).abs()
    close = (a == b) | ((gap <= atol + rtol * b.abs()) & b.isfinite())
    if equal_nan:
        close = close | ((a != a) & (b != b))
    if bool(close.all()):
        return None
    return _in_words(a, b, gap, close, (rtol, atol), scalars)


def _as_tensor(value: Any) -> Tensor | None:
    if isinstance(value, Tensor):
        return value.detach()
    try:
        return as_tensor(value, dtype=xp.float64 if isinstance(value, float) else None)
    except (TypeError, ValueError):
        return None


def _usual(a: Tensor, b: Tensor) -> tuple[float, float]:
    both = [TOLERANCES.get(str(t.dtype), (0.0, 0.0)) for t in (a, b)]
    return max(r for r, _ in both), max(t for _, t in both)


def _in_words(a: Tensor, b: Tensor, gap: Tensor, close: Tensor, allowed: Any, scalars: bool) -> str:
    rtol, atol = allowed
    share = (gap / b.abs()).masked_fill(close, 0.0)
    gap = gap.masked_fill(close, 0)
    what = "equal" if rtol == atol == 0 else "close"
    if scalars:
        lines = [f"Scalars are not {what}!", "", f"Expected {b.item()} but got {a.item()}."]
    else:
        wrong, total = int((~close).sum()), close.numel()
        lines = [
            f"Tensor-likes are not {what}!",
            "",
            f"Mismatched elements: {wrong} / {total} ({wrong / total:.1%})",
        ]
    for name, size, bound in (("absolute", gap, atol), ("relative", share, rtol)):
        place = int(size.argmax())
        index = tuple(int(i) for i in unravel_index(tensor(place), size.shape))
        line = f"{name.capitalize()} difference: " if scalars else f"Greatest {name} difference: "
        line += f"{size.reshape(-1)[place].item()}" + ("" if scalars else f" at index {index}")
        lines.append(line + (f" (up to {bound} allowed)" if what == "close" else ""))
    return "\n".join(lines)


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
