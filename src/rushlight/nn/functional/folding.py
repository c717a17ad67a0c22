"""Patches of planes as columns, and columns added up as planes."""

from __future__ import annotations

import math

from rushlight.core.tensor import Tensor
from rushlight.errors import ShapeError, message
from rushlight.ops.pool import Numbers, bordered, overlaid, per_axis, windows

__all__ = ["fold", "unfold"]

Sizes = tuple[int, ...]


def _facts(
    name: str, kernel_size: Numbers, dilation: Numbers, padding: Numbers, stride: Numbers
) -> tuple[Sizes, Sizes, Sizes, Sizes]:
    return (
        per_axis(name, "kernel_size", kernel_size, 2, 1),
        per_axis(name, "dilation", dilation, 2, 1),
        per_axis(name, "padding", padding, 2, 0),
        per_axis(name, "stride", stride, 2, 1),
    )


def _places(name: str, size: Sizes, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Sizes:
    found = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True)
    )
    if any(n < 1 for n in found):
        got = f"sizes {size} with padding {padding} for patches of {kernel}"
        raise ShapeError(message(name, got, "room for one patch"))
    return found


def unfold(
    input: Tensor, kernel_size: Numbers, dilation: Numbers = 1, padding: Numbers = 0, stride: Numbers = 1
) -> Tensor:
    """The patches of an input (N, C, H, W) or (C, H, W) as columns (N, C KH KW, patches).

    Patches of ``kernel_size`` elements, ``dilation`` apart, move by ``stride`` over the input with zeros
    around it. Raises ShapeError without room for one.

    >>> import rushlight as rl
    >>> rl.nn.functional.unfold(rl.arange(6.0).reshape(1, 2, 3), (1, 2))
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.]])
    """
    name = "unfold"
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        got = f"an input of shape {input.shape}"
        raise ShapeError(message(name, got, "(N, C, H, W) or (C, H, W), not empty but for the batch"))
    kernel, dilation, padding, stride = _facts(name, kernel_size, dilation, padding, stride)
    places = _places(name, input.shape[-2:], kernel, dilation, padding, stride)
    seen = windows(bordered(input, padding, padding), kernel, stride, dilation)
    lead = seen.ndim - 5
    seen = seen.permute(*range(lead + 1), lead + 3, lead + 4, lead + 1, lead + 2)
    return seen.reshape(*input.shape[:-3], input.shape[-3] * math.prod(kernel), math.prod(places))


def fold(
    input: Tensor,
    output_size: Numbers,
    kernel_size: Numbers,
    dilation: Numbers = 1,
    padding: Numbers = 0,
    stride: Numbers = 1,
) -> Tensor:
    """The transpose of `unfold`: columns (N, C KH KW, patches) or (C KH KW, patches) added up to a result
    (N, C, H, W) of ``output_size`` (H, W), in which each element is the sum over the patches that have it.

    Raises ShapeError for columns that are not those of patches of such a result.

    >>> import rushlight as rl
    >>> rl.nn.functional.fold(rl.ones(2, 2), (1, 3), (1, 2))
    tensor([[[1., 2., 1.]]])
    """
    name = "fold"
    kernel, dilation, padding, stride = _facts(name, kernel_size, dilation, padding, stride)
    size = per_axis(name, "output_size", output_size, 2, 1)
    places = _places(name, size, kernel, dilation, padding, stride)
    elements = math.prod(kernel)
    if input.ndim not in (2, 3) or not input.shape[-2] or input.shape[-2] % elements:
        got = f"an input of shape {input.shape} for patches of {kernel}"
        raise ShapeError(message(name, got, f"(N, C * {elements}, patches) or (C * {elements}, patches)"))
    if input.shape[-1] != math.prod(places):
        got = f"{input.shape[-1]} patches"
        raise ShapeError(message(name, got, f"{places[0]} x {places[1]} in a result of {size}"))
    lead = (*input.shape[:-2], input.shape[-2] // elements)
    n = len(lead)
    apart = input.reshape(*lead, *kernel, *places).permute(*range(n), n + 2, n + 3, n, n + 1)
    wide = tuple(a + 2 * p for a, p in zip(size, padding, strict=True))
    less = tuple(-p for p in padding)
    return bordered(overlaid(apart, wide, kernel, stride, dilation), less, less)
