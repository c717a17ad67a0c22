"""What views do to strides: where the elements of the result lie in the memory of the input."""

from __future__ import annotations

from typing import Any

__all__ = [
    "can_reshape",
    "expanded",
    "flipped",
    "padded",
    "permuted",
    "reshaped",
    "row_major",
    "same",
    "sliced",
    "windowed",
]

Strides = tuple[int, ...]
Place = tuple[int, Strides]
"""The offset of the first element and the strides, in elements."""


def row_major(shape: tuple[int, ...]) -> Strides:
    """The strides of a C-contiguous array, in elements.

    >>> row_major((2, 3, 4))
    (12, 4, 1)
    """
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def same(offset: int, strides: Strides, shape: Strides, out: Strides, attrs: dict[str, Any]) -> Place:
    """The input as it lies."""
    return offset, strides


def permuted(offset: int, strides: Strides, shape: Strides, out: Strides, attrs: dict[str, Any]) -> Place:
    """The axes in another order."""
    return offset, tuple(strides[d] for d in attrs["dims"])


def expanded(offset: int, strides: Strides, shape: Strides, out: Strides, attrs: dict[str, Any]) -> Place:
    """Axes that are repeated stand still."""
    extra = len(out) - len(shape)
    kept = tuple(s if n == m else 0 for s, n, m in zip(strides, shape, out[extra:], strict=True))
    return offset, (0,) * extra + kept


def flipped(offset: int, strides: Strides, shape: Strides, out: Strides, attrs: dict[str, Any]) -> Place:
    """Backward from the last element."""
    steps = list(strides)
    for d in attrs["dims"]:
        offset += steps[d] * (shape[d] - 1)
        steps[d] = -steps[d]
    return offset, tuple(steps)


def sliced(offset: int, strides: Strides, shape: Strides, out: Strides, attrs: dict[str, Any]) -> Place:
    """The numbers, slices and new axes of an index."""
    steps: list[int] = []
    axis = 0
    for entry in attrs["pattern"]:
        if entry is None:
            steps.append(0)
            continue
        if isinstance(entry, int):
            offset += strides[axis] * (entry % shape[axis])
        else:
            start, _, step = slice(*entry[1:]).indices(shape[axis])
            offset += strides[axis] * start
            steps.append(strides[axis] * step)
        axis += 1
    return offset, (*steps, *strides[axis:])


def padded(
    offset: int, strides: Strides, shape: Strides, out: Strides, attrs: dict[str, Any]
) -> Place | None:
    """From before the first element on; elements that are moved apart have no strides."""
    if any(n for n, size in zip(attrs["inner"], shape, strict=True) if size > 1):
        return None
    return offset - sum(s * n for s, n in zip(strides, attrs["low"], strict=True)), strides


def windowed(offset: int, strides: Strides, shape: Strides, out: Strides, attrs: dict[str, Any]) -> Place:
    """Steps from window to window, and then from element to element within one."""
    steps = [*strides]
    for d, step in zip(attrs["dims"], attrs["steps"], strict=True):
        steps[d] *= step
    within = [strides[d] * apart for d, apart in zip(attrs["dims"], attrs["spread"], strict=True)]
    return offset, (*steps, *within)


def reshaped(
    offset: int, strides: Strides, shape: Strides, out: Strides, attrs: dict[str, Any]
) -> Place | None:
    """Axes of size 1 aside, each run of new axes must split or join a run of old ones without gaps."""
    old = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    if 0 in shape:
        return offset, row_major(out)
    steps: list[int] = []
    i = 0
    group: list[tuple[int, int]] = []
    for n in reversed(out):
        if n == 1:
            steps.append(0)
            continue
        if not group:
            i += 1
            group = [old[-i]]
        size, step = group[-1]
        while size % n and i < len(old):
            i += 1
            outer, outer_step = old[-i]
            if outer_step != size * step:
                return None
            size *= outer
        if size % n:
            return None
        steps.append(step)
        group = [(size // n, step * n)] if size != n else []
        if size < n:
            return None
    return offset, tuple(reversed(steps))


def can_reshape(array: Any, shape: Strides) -> bool:
    """Whether the elements of an array have another shape too as they lie in memory."""
    steps = tuple(step // array.dtype.itemsize for step in array.strides)
    return reshaped(0, steps, array.shape, shape, {}) is not None
