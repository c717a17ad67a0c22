"""Dropout as a function."""

from __future__ import annotations

from rushlight.core.tensor import Tensor
from rushlight.ops.random import check_probability, keep_mask
from rushlight.ops.select import kept

__all__ = ["dropout"]


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element zeroed with probability ``p``, else scaled by 1/(1 - p); x itself unless ``training``.

    The mask comes from the global generator: ``rl.manual_seed`` repeats it. Raises ArgumentError
    unless 0 <= p <= 1. ``inplace``: in the input's memory.

    >>> import rushlight as rl
    >>> _ = rl.manual_seed(0)
    >>> sorted(set(rl.nn.functional.dropout(rl.ones(100), 0.5).tolist()))
    [0.0, 2.0]
    """
    check_probability("dropout", p)
    if not training or p == 0.0:
        return input
    out = kept(keep_mask(input, p), input) * (1 / (1 - p)) if p < 1.0 else kept(False, input)
    return input.copy_(out) if inplace else out
