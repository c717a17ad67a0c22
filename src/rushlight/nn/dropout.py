"""Dropout."""

from __future__ import annotations

from rushlight.core.tensor import Tensor
from rushlight.nn import functional as F
from rushlight.nn.module import Module
from rushlight.ops.random import check_probability

__all__ = ["Dropout"]


class Dropout(Module):
    """In training mode each element becomes 0 with probability ``p``, else x/(1 - p); otherwise x itself.

    The mask comes from the global generator, so that ``rl.manual_seed`` repeats it. Any shape. ``inplace``:
    the result is written into the input's memory. Raises ArgumentError unless 0 <= p <= 1. (Srivastava et
    al., 2014.)

    >>> import rushlight as rl
    >>> rl.nn.Dropout(0.5).eval()(rl.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability("Dropout", p)
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
