"""Whole numbers that stand for floats: q = round(x / scale) + zero."""

from __future__ import annotations

from typing import Any

import rushlight as rl
from rushlight.onnx.dtypes import dtype_of
from rushlight.onnx.readers.products import conv, matmul
from rushlight.onnx.readers.table import reads

Tensor = rl.Tensor


def _spread(t: Tensor, x: Tensor, axis: int, block: int) -> Tensor:
    """A scale or a zero point as it broadcasts against x: one for all, for each slice, or for each block."""
    if not t.ndim or (t.ndim == 1 and not block and t.shape[0] == 1):
        return t.reshape(())
    axis %= x.ndim
    if block:
        return rl.narrow(t.repeat_interleave(block, axis), axis, 0, x.shape[axis])
    return t.reshape(-1, *(1,) * (x.ndim - axis - 1)) if t.ndim == 1 else t


@reads("QuantizeLinear")
def quantize(
    x: Tensor, scale: Tensor, zero: Tensor | None = None, *, axis: int = 1, block_size: int = 0,
    output_dtype: int = 0, saturate: int = 1, precision: int = 0,
) -> Tensor:  # fmt: skip
    dtype = zero.dtype if zero is not None else dtype_of(output_dtype or 2)
    ends = rl.iinfo(dtype)
    scaled = rl.round(x / _spread(scale, x, axis, block_size).to(x.dtype)).to(rl.float64)
    shift = 0 if zero is None else _spread(zero, x, axis, block_size).to(rl.float64)
    return rl.clamp(scaled + shift, ends.min, ends.max).to(dtype)


@reads("DequantizeLinear")
def dequantize(
    x: Tensor, scale: Tensor, zero: Tensor | None = None, *, axis: int = 1, block_size: int = 0,
    output_dtype: int = 0,
) -> Tensor:  # fmt: skip
    shift = 0 if zero is None else _spread(zero, x, axis, block_size).to(rl.int32)
    dtype = dtype_of(output_dtype) if output_dtype else scale.dtype
    return (x.to(rl.int32) - shift).to(scale.dtype).mul(_spread(scale, x, axis, block_size)).to(dtype)


@reads("DynamicQuantizeLinear")
def dynamic_quantize(x: Tensor) -> Any:
    low, high = rl.clamp(x.amin(), max=0.0), rl.clamp(x.amax(), min=0.0)
    scale = (high - low) / 255
    zero = rl.clamp(rl.round(-low / scale), 0, 255).to(rl.uint8)
    return quantize(x, scale, zero), scale, zero


@reads("QLinearMatMul")
def quantized_matmul(
    a: Tensor, a_scale: Tensor, a_zero: Tensor, b: Tensor, b_scale: Tensor, b_zero: Tensor, scale: Tensor,
    zero: Tensor,
) -> Tensor:  # fmt: skip
    product = matmul(a.double() - _column(a_zero, -1).double(), b.double() - _column(b_zero, -2).double())
    return _requantized(product * (_column(a_scale, -1) * _column(b_scale, -2)).double(), scale, zero)


def _column(t: Tensor, axis: int) -> Tensor:
    return t.unsqueeze(axis) if t.ndim == 1 and t.shape[0] > 1 else t


def _requantized(x: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    ends = rl.iinfo(zero.dtype)
    return rl.clamp(rl.round(x / scale.double()) + zero.double(), ends.min, ends.max).to(zero.dtype)


@reads("QLinearConv")
def quantized_conv(
    x: Tensor, x_scale: Tensor, x_zero: Tensor, w: Tensor, w_scale: Tensor, w_zero: Tensor, scale: Tensor,
    zero: Tensor, bias: Tensor | None = None, **how: Any,
) -> Tensor:  # fmt: skip
    rows = (-1, *(1,) * (w.ndim - 1))
    weight = w.double() - (w_zero.double().reshape(rows) if w_zero.ndim else w_zero.double())
    out = conv(x.double() - x_zero.double(), weight, None if bias is None else bias.double(), **how)
    factor = (w_scale.double().reshape(rows[:-1]) if w_scale.ndim else w_scale.double()) * x_scale.double()
    return _requantized(out * factor, scale, zero)
