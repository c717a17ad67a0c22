"""Classes as indicators."""

from __future__ import annotations

from rushlight import ops
from rushlight.core.spec import refuse_dtype
from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, NotSupportedError, message

__all__ = ["one_hot"]


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Classes (*) of int64 to int64 indicators (*, num_classes): 1 at the class, 0 elsewhere.

    ``num_classes=-1`` takes the largest class + 1. Raises DTypeError unless the classes are int64,
    and ArgumentError for a class that is negative or not below num_classes.

    >>> import rushlight as rl
    >>> rl.nn.functional.one_hot(rl.tensor([0, 2]), 3).tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    refuse_dtype("one_hot", "classes", tensor.dtype, "int64")
    if num_classes == 0 or (num_classes < 0 and tensor.numel() == 0):
        raise ArgumentError(message("one_hot", "no classes", "num_classes of 1 or more", "Pass num_classes."))
    if state.tracing:
        if num_classes < 0:
            got = "num_classes=-1 in a compiled function"
            raise NotSupportedError(message("one_hot", got, "a number of classes", "Pass num_classes."))
        place = tensor.unsqueeze(-1)
        return ops.zeros(*tensor.shape, num_classes, dtype="int64").scatter(-1, place, 1)
    top = int(tensor.max().item()) if tensor.numel() else -1
    low = int(tensor.min().item()) if tensor.numel() else 0
    if num_classes < 0:
        num_classes = top + 1
    if low < 0 or top >= num_classes:
        got = f"class {low if low < 0 else top}"
        raise ArgumentError(
            message("one_hot", got, f"classes from 0 to {num_classes - 1}", "Check the targets.")
        )
    return (tensor.unsqueeze(-1) == ops.arange(num_classes)).to("int64")
