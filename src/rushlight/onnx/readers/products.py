"""Matrix products, convolutions, and their forms over whole numbers."""

from __future__ import annotations

from typing import Any

import rushlight as rl
from rushlight.nn import functional as F
from rushlight.onnx.readers.table import reads
from rushlight.ops.conv import convolution
from rushlight.ops.pool import bordered

Tensor = rl.Tensor


@reads("MatMul")
def matmul(a: Tensor, b: Tensor) -> Tensor:
    return rl.matmul(a, b)


@reads("Gemm")
def gemm(
    a: Tensor, b: Tensor, c: Tensor | None = None, *, alpha: float = 1.0, beta: float = 1.0, transA: int = 0,
    transB: int = 0, broadcast: int = 1,
) -> Tensor:  # fmt: skip
    a = a.T if transA else a
    if transB and alpha == beta == 1 and c is not None and c.ndim == 1 and c.shape[0] == b.shape[0]:
        return F.linear(a, b, c)
    out = rl.matmul(a, b.T if transB else b)
    out = out if alpha == 1 else out * alpha
    return out if c is None else out + (c if beta == 1 else c * beta)


@reads("Einsum")
def einsum(*xs: Tensor, equation: str) -> Tensor:
    return rl.einsum(equation, *xs)


def borders(
    sizes: Any, kernel: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str
) -> tuple[list[int], list[int]]:
    """What is added before and after each axis: by `pads`, or as `auto_pad` says."""
    count = len(kernel)
    if auto_pad in ("NOTSET", ""):
        given = list(pads) if pads else [0] * (2 * count)
        return given[:count], given[count:]
    if auto_pad == "VALID":
        return [0] * count, [0] * count
    whole = [
        max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    less = [n // 2 for n in whole]
    more = [n - m for n, m in zip(whole, less, strict=True)]
    return (less, more) if auto_pad == "SAME_UPPER" else (more, less)


@reads("Conv")
def conv(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, kernel_shape: Any = None, strides: Any = None,
    dilations: Any = None, pads: Any = None, auto_pad: str = "NOTSET", group: int = 1,
) -> Tensor:  # fmt: skip
    count = x.ndim - 2
    strides, dilations = strides or [1] * count, dilations or [1] * count
    low, high = borders(x.shape[2:], weight.shape[2:], strides, dilations, pads, auto_pad)
    if low != high:
        x, low = bordered(x, tuple(low), tuple(high)), [0] * count
    return convolution(x, weight, bias, strides, low, dilations, groups=group)


@reads("ConvTranspose")
def conv_transpose(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, kernel_shape: Any = None, strides: Any = None,
    dilations: Any = None, pads: Any = None, auto_pad: str = "NOTSET", group: int = 1,
    output_padding: Any = None, output_shape: Any = None,
) -> Tensor:  # fmt: skip
    count = x.ndim - 2
    strides, dilations = strides or [1] * count, dilations or [1] * count
    more = output_padding or [0] * count
    kernel = weight.shape[2:]
    parts = zip(x.shape[2:], kernel, strides, dilations, more, strict=True)
    whole = [(n - 1) * s + d * (k - 1) + 1 + e for n, k, s, d, e in parts]
    if output_shape is None and auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        output_shape = [n * s for n, s in zip(x.shape[2:], strides, strict=True)]
    if output_shape is not None:
        lost = [w - n for w, n in zip(whole, output_shape[-count:], strict=True)]
        less, rest = [n // 2 for n in lost], [n - n // 2 for n in lost]
        low, high = (less, rest) if auto_pad == "SAME_UPPER" else (rest, less)
    else:
        low, high = borders(x.shape[2:], kernel, strides, dilations, pads, auto_pad)
    out = convolution(x, weight, None, strides, 0, dilations, True, groups=group)
    # The whole result, of which the pads are cut off.
    out = bordered(out, tuple(-n for n in low), tuple(e - n for e, n in zip(more, high, strict=True)))
    return out if bias is None else out + bias.reshape(-1, *(1,) * count)


@reads("MatMulInteger")
def matmul_integer(
    a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None
) -> Tensor:
    a, b = _shifted(a, a_zero, -1), _shifted(b, b_zero, -2)
    return rl.matmul(a.double(), b.double()).to(rl.int32)


def _shifted(x: Tensor, zero: Tensor | None, axis: int) -> Tensor:
    """x minus its zero point, one for all or one for each of what `axis` does not run over."""
    if zero is None:
        return x.to(rl.int32)
    zero = zero.to(rl.int32)
    return x.to(rl.int32) - (zero.unsqueeze(axis) if zero.ndim else zero)


@reads("ConvInteger")
def conv_integer(
    x: Tensor, weight: Tensor, x_zero: Tensor | None = None, weight_zero: Tensor | None = None, **how: Any
) -> Tensor:
    if weight_zero is not None and weight_zero.ndim:
        weight_zero = weight_zero.reshape(-1, *(1,) * (weight.ndim - 1))
    shifted = [
        t.double() - (0 if zero is None else zero.double())
        for t, zero in ((x, x_zero), (weight, weight_zero))
    ]
    return conv(*shifted, **how).to(rl.int32)
