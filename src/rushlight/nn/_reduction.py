"""How losses are reduced, as the numbers and the older options that PyTorch's own losses translate."""

from __future__ import annotations

from rushlight.errors import ArgumentError, message

__all__ = ["get_enum", "legacy_get_enum", "legacy_get_string"]

_NUMBERS = {"none": 0, "mean": 1, "elementwise_mean": 1, "sum": 2}


def get_enum(reduction: str) -> int:
    """0 for "none", 1 for "mean", 2 for "sum". Raises ArgumentError for others.

    >>> get_enum("mean")
    1
    """
    if reduction not in _NUMBERS:
        raise ArgumentError(message("get_enum", repr(reduction), "'none', 'mean' or 'sum'"))
    return _NUMBERS[reduction]


def legacy_get_string(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> str:
    """The reduction that the two older options stand for; None is True.

    >>> legacy_get_string(False, None), legacy_get_string(None, False)
    ('sum', 'none')
    """
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def legacy_get_enum(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> int:
    """Its number."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))
