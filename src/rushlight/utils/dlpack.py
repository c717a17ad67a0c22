"""PyTorch's path to the DLPack protocol: capsules, which a library takes once.

`rl.from_dlpack` takes tensors and arrays of other libraries themselves, and their `from_dlpack` takes
Rushlight's.
"""

from __future__ import annotations

from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.ops.creation import from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule that shares the tensor's memory, for libraries that take no objects.

    >>> import rushlight as rl
    >>> from rushlight.utils.dlpack import from_dlpack, to_dlpack
    >>> x = rl.zeros(2)
    >>> _ = from_dlpack(to_dlpack(x)).add_(1)
    >>> x
    tensor([1., 1.])
    """
    return tensor.__dlpack__()
