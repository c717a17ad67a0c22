"""Borders of a tensor's own elements: mirrored, repeated, or taken from the other end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core.tensor import Tensor, wrap
from rushlight.device import m, xp
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.ops.pad import constant_pad
from rushlight.ops.resample import resample

__all__ = ["constant_pad_nd"]


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: Any = 0) -> Tensor:
    """`input` with elements of `value` around it: pad = (before, after) of the last axis, then of the one
    before it, and so on; negative numbers crop. Raises ArgumentError for numbers that are no pairs.

    >>> import rushlight as rl
    >>> rl.constant_pad_nd(rl.ones(1, 2), (0, 1, -1, 1), 7.0)
    tensor([[7., 7., 7.]])
    """
    return constant_pad(input, pad, value)


def _index(mode: str, n: int, before: int, after: int) -> Any:
    """Which elements stand along an axis of n with its borders."""
    if mode == "circular":  # of what is left where elements are cropped
        kept = xp.arange(max(-before, 0), n - max(-after, 0))
        return kept[(xp.arange(len(kept) + max(before, 0) + max(after, 0)) - max(before, 0)) % len(kept)]
    place = xp.arange(n + before + after) - before
    if mode == "reflect":
        place = m.abs(place)
        return (n - 1) - m.abs((n - 1) - place)
    return m.minimum(m.maximum(place, 0), n - 1)


def border(input: Tensor, pad: Sequence[int], mode: str) -> Tensor:
    """`input` with a border of its own elements; pad = (before, after) of the last axis, then of the one
    before it.

    mode  "reflect": the elements next to the edge, mirrored; "replicate": that of the edge; "circular":
          those at the other end.
    """
    amounts = [n.__index__() for n in pad]
    count = len(amounts) // 2
    if len(amounts) % 2 or not 1 <= count <= 3 or input.ndim not in (count + 1, count + 2):
        got = f"{len(amounts)} numbers for an input of shape {input.shape}, mode={mode!r}"
        expected = "a pair for each of the last axes but that of channels, and that of the batch"
        raise ArgumentError(message("pad", got, expected))
    for axis, before, after in zip(range(-1, -count - 1, -1), amounts[::2], amounts[1::2], strict=True):
        if before or after:
            n = input.shape[axis]
            _check(mode, n, before, after)
            input = resample(input, axis + input.ndim, wrap(_index(mode, n, before, after)).unsqueeze(0))
    return input


def _check(mode: str, n: int, before: int, after: int) -> None:
    most = {"reflect": n - 1, "circular": n}.get(mode)
    if most is not None and max(before, after) > most:
        got = f"({before}, {after}) for an axis of {n} elements, mode={mode!r}"
        raise ShapeError(message("pad", got, f"at most {most} on each side"))
    if not n or n + before + after < 1:
        got = f"({before}, {after}) for an axis of {n} elements, mode={mode!r}"
        raise ShapeError(message("pad", got, "at least one element before and after"))
