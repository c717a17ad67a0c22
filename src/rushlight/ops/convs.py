"""Convolutions along one, two and three axes, and their transposes, with PyTorch's names."""

from __future__ import annotations

from collections.abc import Sequence

from rushlight.core.autocast import autocasts
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.ops.conv import convolution
from rushlight.ops.pad import constant_pad
from rushlight.ops.pool import Numbers, per_axis

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]


def _batched(name: str, input: Tensor, weight: Tensor, count: int) -> Tensor:
    """The input with a batch axis, which may be missing."""
    if weight.ndim != count + 2 or input.ndim not in (count + 1, count + 2):
        got = f"an input of {input.ndim} axes and a weight of {weight.ndim}"
        sizes = ", ".join("DHW"[-count:]) if count > 1 else "L"
        expected = f"an input (N, C, {sizes}) or (C, {sizes}) and a weight of {count + 2} axes"
        raise ShapeError(message(name, got, expected))
    return input if input.ndim == count + 2 else input.unsqueeze(0)


def _conv(
    name: str,
    count: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Numbers,
    padding: Numbers | str,
    dilation: Numbers,
    groups: int,
) -> Tensor:
    x = _batched(name, input, weight, count)
    stride = per_axis(name, "stride", stride, count, 1)
    dilation = per_axis(name, "dilation", dilation, count, 1)
    if isinstance(padding, str):
        x, padding = _named_padding(name, padding, x, weight.shape[2:], stride, dilation)
    out = convolution(x, weight, bias, stride, per_axis(name, "padding", padding, count, 0), dilation,
                      groups=groups)  # fmt: skip
    return out if x.ndim == input.ndim else out.squeeze(0)


def _named_padding(
    name: str, padding: str, x: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[Tensor, tuple[int, ...]]:
    """What "valid" and "same" mean; where the latter is odd, the element more stands behind the input."""
    if padding == "valid":
        return x, (0,) * len(kernel)
    if padding != "same":
        raise ArgumentError(message(name, f"padding={padding!r}", "numbers, 'valid' or 'same'"))
    if any(s != 1 for s in stride):
        got = f"padding='same' with stride {tuple(stride)}"
        raise ArgumentError(message(name, got, "a stride of 1", "Give the padding as a number."))
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if any(n % 2 for n in total):
        x = constant_pad(x, [n for t in reversed(total) for n in (0, t % 2)])
    return x, tuple(t // 2 for t in total)


def _transposed(
    name: str,
    count: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Numbers,
    padding: Numbers,
    output_padding: Numbers,
    groups: int,
    dilation: Numbers,
) -> Tensor:
    x = _batched(name, input, weight, count)
    stride, padding, dilation, more = (
        per_axis(name, what, given, count, least)
        for what, given, least in (
            ("stride", stride, 1),
            ("padding", padding, 0),
            ("dilation", dilation, 1),
            ("output_padding", output_padding, 0),
        )
    )
    out = convolution(x, weight, bias, stride, padding, dilation, True, more, groups)
    return out if x.ndim == input.ndim else out.squeeze(0)


@autocasts("lower")
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """y[n, o, i] = b[o] + Σ w[o, c, k] x[n, c, stride i + dilation k - padding], over the channels c of the
    group of o and the elements k of the window; x is 0 outside.

    input (N, C, L) or (C, L), weight (O, C/groups, K), bias (O,). The result (N, O, places) with (L + 2
    padding - dilation (K - 1) - 1) // stride + 1 places. ``padding`` "valid" is none, "same" keeps L.
    Raises ShapeError where shapes do not fit, ArgumentError for options out of range.

    >>> import rushlight as rl
    >>> rl.conv1d(rl.tensor([[[1.0, 2.0, 4.0]]]), rl.tensor([[[1.0, -1.0]]]))
    tensor([[[-1., -2.]]])
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@autocasts("lower")
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """`conv1d` over two axes: input (N, C, H, W) or (C, H, W), weight (O, C/groups, KH, KW); numbers may be
    pairs.

    >>> import rushlight as rl
    >>> rl.conv2d(rl.ones(1, 1, 2, 3), rl.ones(1, 1, 2, 2))
    tensor([[[[4., 4.]]]])
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@autocasts("lower")
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """`conv1d` over three axes: input (N, C, D, H, W) or (C, D, H, W), weight (O, C/groups, KD, KH, KW);
    numbers may be triples.

    >>> import rushlight as rl
    >>> rl.conv3d(rl.ones(1, 1, 2, 2, 3), rl.ones(1, 1, 2, 2, 2))
    tensor([[[[[8., 8.]]]]])
    """
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@autocasts("lower")
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """The transpose of `conv1d`, which is its gradient: each element of the input adds the weight, times
    itself, to the places that it would have been computed from.

    input (N, C, L) or (C, L), weight (C, O/groups, K), bias (O,). The result (N, O, places) with (L - 1)
    stride - 2 padding + dilation (K - 1) + output_padding + 1 places. Raises ShapeError where shapes do not
    fit, ArgumentError for an output_padding that is not smaller than the stride or the dilation.

    >>> import rushlight as rl
    >>> rl.conv_transpose1d(rl.tensor([[[1.0, 2.0]]]), rl.tensor([[[1.0, 10.0]]]))
    tensor([[[ 1., 12., 20.]]])
    """
    return _transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups,
                       dilation)  # fmt: skip


@autocasts("lower")
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """`conv_transpose1d` over two axes: input (N, C, H, W) or (C, H, W), weight (C, O/groups, KH, KW).

    >>> import rushlight as rl
    >>> rl.conv_transpose2d(rl.ones(1, 1, 1, 2), rl.ones(1, 1, 1, 2))
    tensor([[[[1., 2., 1.]]]])
    """
    return _transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups,
                       dilation)  # fmt: skip


@autocasts("lower")
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """`conv_transpose1d` over three axes: input (N, C, D, H, W) or (C, D, H, W), weight (C, O/groups, KD, KH,
    KW).

    >>> import rushlight as rl
    >>> rl.conv_transpose3d(rl.ones(1, 1, 1, 1, 2), rl.ones(1, 1, 1, 1, 2))
    tensor([[[[[1., 2., 1.]]]]])
    """
    return _transposed("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups,
                       dilation)  # fmt: skip


@autocasts("lower")
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """`conv1d` with the axes in another order: input (L, N, C), weight (K, C, O), bias (O,), the result
    (places, N, O). ``pad`` zeros stand at both ends.

    >>> import rushlight as rl
    >>> rl.conv_tbc(rl.ones(3, 1, 2), rl.ones(2, 2, 1), rl.zeros(1)).shape
    Size([2, 1, 1])
    """
    if input.ndim != 3 or weight.ndim != 3:
        got = f"shapes {input.shape} and {weight.shape}"
        raise ShapeError(message("conv_tbc", got, "an input (L, N, C) and a weight (K, C, O)"))
    out = _conv("conv_tbc", 1, input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad, 1, 1)
    return out.permute(2, 0, 1)
