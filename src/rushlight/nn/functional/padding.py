"""Borders as a function."""

from __future__ import annotations

from collections.abc import Sequence

from rushlight.core.autocast import autocasts
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message
from rushlight.ops.border import border
from rushlight.ops.pad import constant_pad

__all__ = ["pad"]

MODES = ("constant", "reflect", "replicate", "circular")


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """`input` with a border: pad = (before, after) of the last axis, then of the one before it, and so on;
    negative numbers crop.

    mode  "constant": elements of ``value``, 0 by default, any number of axes; "reflect": the elements next to
          the edge, mirrored; "replicate": that of the edge; "circular": those at the other end. The latter
          three take pairs for the last one, two or three axes of an input (N, C, ...) or (C, ...).

    Raises ArgumentError for other modes or numbers that are no pairs, ShapeError for borders that the
    elements do not suffice for.

    >>> import rushlight as rl
    >>> rl.nn.functional.pad(rl.tensor([[1.0, 2.0, 3.0]]), (2, 1), "reflect")
    tensor([[3., 2., 1., 2., 3., 2.]])
    """
    if mode not in MODES:
        raise ArgumentError(message("pad", f"mode={mode!r}", f"one of: {', '.join(MODES)}"))
    if mode == "constant":
        return constant_pad(input, pad, 0 if value is None else value)
    if value:
        got = f"value={value} with mode={mode!r}"
        raise ArgumentError(message("pad", got, "no value", "Only mode='constant' takes one."))
    wide = mode == "replicate" or (mode == "reflect" and len(pad) < 6)
    return autocasts("float32")(border)(input, pad, mode) if wide else border(input, pad, mode)
