"""Normalisations, and what else works on channels."""

from __future__ import annotations

import math
from typing import Any

import rushlight as rl
from rushlight.nn import functional as F
from rushlight.onnx.dtypes import dtype_of
from rushlight.onnx.readers.table import reads
from rushlight.ops.normalization import normalized

Tensor = rl.Tensor


def _channels(x: Tensor, like: Tensor) -> Tensor:
    return x.reshape(-1, *(1,) * (like.ndim - 2))


@reads("BatchNormalization")
def batch_norm(
    x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0, spatial: int = 1, outputs: int = 1,
) -> Any:  # fmt: skip
    if not training_mode:
        dtypes = {t.dtype for t in (x, scale, bias, mean, var)}
        if len(dtypes) == 1:
            return F.batch_norm(x, mean, var, scale, bias, False, 0.0, epsilon)
        factor = (var + epsilon).rsqrt().to(scale.dtype) * scale
        shift = bias - mean.to(bias.dtype) * factor
        return (x * _channels(factor, x) + _channels(shift, x)).to(x.dtype)
    dims = (0, *range(2, x.ndim))
    own = x.mean(dims)
    spread = ((x - _channels(own, x)) ** 2).mean(dims)
    y = (x - _channels(own, x)) * _channels((spread + epsilon).rsqrt() * scale, x) + _channels(bias, x)
    if outputs == 1:
        return y
    return y, mean * momentum + own * (1 - momentum), var * momentum + spread * (1 - momentum)


@reads("InstanceNormalization")
def instance_norm(x: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    return F.instance_norm(x, None, None, scale, bias, True, 0.0, epsilon)


@reads("GroupNormalization", since=21)
def group_norm(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    return F.group_norm(x, num_groups, scale, bias, epsilon)


@reads("GroupNormalization", since=18)
def group_norm_of_groups(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5
) -> Tensor:
    each = x.shape[1] // num_groups
    return F.group_norm(x, num_groups, scale.repeat_interleave(each), bias.repeat_interleave(each), epsilon)


@reads("LayerNormalization")
def layer_norm(
    x: Tensor, scale: Tensor, bias: Tensor | None = None, *, axis: int = -1, epsilon: float = 1e-5,
    stash_type: int = 1, outputs: int = 1,
) -> Any:  # fmt: skip
    shape = tuple(x.shape[axis % x.ndim :])
    dtype = x.dtype
    if outputs == 1 and scale.shape == shape and (bias is None or bias.shape == shape):
        return F.layer_norm(x, shape, scale, bias, epsilon)
    dims = tuple(range(axis % x.ndim, x.ndim))
    wide = x.to(dtype_of(stash_type))
    mean = wide.mean(dims, keepdim=True)
    factor = (((wide - mean) ** 2).mean(dims, keepdim=True) + epsilon).rsqrt()
    y = ((wide - mean) * factor).to(dtype) * scale
    return (y if bias is None else y + bias), mean, factor


@reads("RMSNormalization")
def rms_norm(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    wide = x.to(dtype_of(stash_type))
    dims = tuple(range(axis % x.ndim, x.ndim))
    return normalized(wide, dims, epsilon, False).to(x.dtype) * scale


@reads("LpNormalization")
def lp_norm(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    size = x.abs().sum(axis, keepdim=True) if p == 1 else (x * x).sum(axis, keepdim=True).sqrt()
    return rl.where(size == 0, rl.zeros_like(x), x / rl.where(size == 0, rl.ones_like(size), size))


@reads("LRN")
def local_response_norm(
    x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    before, after = (size - 1) // 2, math.ceil((size - 1) / 2)
    squares = F.pad(x * x, [*[0, 0] * (x.ndim - 2), before, after])
    around = rl.stack([rl.narrow(squares, 1, k, x.shape[1]) for k in range(size)]).sum(0)
    return x / (bias + alpha / size * around) ** beta


@reads("GridSample")
def grid_sample(
    x: Tensor, grid: Tensor, *, mode: str = "linear", padding_mode: str = "zeros", align_corners: int = 0
) -> Tensor:
    names = {"linear": "bilinear", "cubic": "bicubic"}
    return F.grid_sample(x, grid, names.get(mode, mode), padding_mode, bool(align_corners))
