"""Batch normalisation over the batches of several processes."""

from __future__ import annotations

from typing import Any

from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.distributed.collectives import summed
from rushlight.distributed.groups import group as groups
from rushlight.ops.join import cat

__all__ = ["several", "sync_batch_norm"]


def several(group: Any) -> Any:
    """The group, the whole one if it is None, where it has several processes; else None."""
    found = group or groups.WORLD
    return found if found is not None and found.size() > 1 else None


def sync_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    momentum: float | Tensor,
    eps: float,
    group: Any,
) -> Tensor:
    """`batch_norm` in training by mean and variance of all processes' batches, which may differ in size: two
    messages, and two in its derivative."""
    dim, shape = (0, *range(2, input.ndim)), (1, -1) + (1,) * (input.ndim - 2)
    own = input.new_full((1,), input.numel() / max(input.shape[1], 1))
    sums = summed(cat([input.sum(dim), own]), group)
    count = sums[-1:].detach()
    mean = sums[:-1] / count
    away = input - mean.reshape(shape)
    var = summed((away * away).sum(dim), group) / count
    with no_grad():
        for running, new in ((running_mean, mean), (running_var, var * (count / (count - 1)))):
            if running is not None:
                running.copy_(running + (new.detach() - running) * momentum)
    found = away * (var + eps).rsqrt().reshape(shape)
    found = found if weight is None else found * weight.reshape(shape)
    return found if bias is None else found + bias.reshape(shape)
