"""Normalising as functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rushlight import ops
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message
from rushlight.ops import normalization
from rushlight.ops.normalization import rms_norm

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "normalize", "rms_norm"]


def _check_several(name: str, what: str, count: int) -> None:
    if count == 1:
        got = f"a single {what} for each channel"
        remedy = "Its variance is 0: take a larger batch, or eval()."
        raise ArgumentError(message(name, got, f"more than one {what}", remedy))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) weight + bias for each channel of (N, C, *).

    In training mean and variance are the batch's, and the running ones move towards them: r becomes
    (1 - momentum) r + momentum new, of the variance with 1/(n - 1). Otherwise they are the running ones.

    weight, bias, running_mean, running_var   (C,), or None to leave them out.

    Raises ShapeError for other shapes; ArgumentError in training for one number a channel, and without
    running statistics where they are needed.

    >>> import rushlight as rl
    >>> x = rl.tensor([[1.0], [3.0]])
    >>> rl.nn.functional.batch_norm(x, None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
    """
    if training and input.ndim > 1:
        _check_several("batch_norm", "value", input.shape[0] * math.prod(input.shape[2:]))
    return normalization.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) weight + bias over the last axes, whose sizes are `normalized_shape`.

    Raises ShapeError where the last axes, the weight or the bias have other sizes.

    >>> import rushlight as rl
    >>> rl.nn.functional.layer_norm(rl.tensor([[1.0, 3.0], [5.0, 7.0]]), (2,), eps=0.0)
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    return normalization.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(N, C, *): each sample's channels, cut into `num_groups` groups, are normalised group by group.

    Raises ShapeError where C is no multiple of `num_groups`; ArgumentError for groups of one number.

    >>> import rushlight as rl
    >>> rl.nn.functional.group_norm(rl.tensor([[1.0, 3.0, 10.0, 30.0]]), 2, eps=0.0)
    tensor([[-1.,  1., -1.,  1.]])
    """
    if input.ndim > 1 and num_groups > 0:
        groups = input.shape[0] * input.shape[1] // num_groups  # PyTorch counts the batch too
        _check_several("group_norm", "value", groups * math.prod(input.shape[2:]))
    return normalization.group_norm(input, num_groups, weight, bias, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(N, C, *): each channel of each sample is normalised by itself, or by the running statistics.

    Raises ShapeError for other shapes; ArgumentError for one number a channel, and without running
    statistics where they are needed.

    >>> import rushlight as rl
    >>> rl.nn.functional.instance_norm(rl.tensor([[[1.0, 3.0], [10.0, 50.0]]]), eps=0.0)
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    if use_input_stats and input.ndim > 2:
        _check_several("instance_norm", "spatial element", math.prod(input.shape[2:]))
    return normalization.instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps
    )


def normalize(
    input: Tensor, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """x / max(‖x‖_p, eps) along `dim`; with `out` written there.

    >>> import rushlight as rl
    >>> rl.nn.functional.normalize(rl.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    if out is not None:
        return ops.out.into("normalize", out, normalize, input, p, dim, eps)
    return input / ops.norm(input, p, dim, True).clamp(min=eps)
