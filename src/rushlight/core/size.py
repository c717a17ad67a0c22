"""Size: the shape of a tensor, a tuple of its sizes."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex

__all__ = ["Size"]


class Size(tuple[int, ...]):
    """The sizes of a tensor's axes: a tuple that prints as PyTorch's and counts the elements.

    >>> size = Size([3, 4])
    >>> size, size == (3, 4), size[1:], size.numel()
    (Size([3, 4]), True, Size([4]), 12)
    """

    __slots__ = ()

    def numel(self) -> int:
        """How many elements a tensor of this shape has: the product of the sizes."""
        return math.prod(self)

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if index.__class__ is slice else found

    def __add__(self, other: Any) -> Any:
        return Size(tuple.__add__(self, other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return Size(other + tuple(self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> Size:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"Size({list(self)})"

    def __reduce__(self) -> Any:
        return Size, (tuple(self),)
