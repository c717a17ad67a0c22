"""Size: the shape of a tensor, a tuple of its sizes."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex

__all__ = ["Size", "size_of"]

_item = tuple.__getitem__  # every `x.shape[0]` goes by here


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
        found = _item(self, index)
        return Size(found) if found.__class__ is tuple else found

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


class _Sizes(dict[tuple[int, ...], Size]):
    """Those that were asked for, by shape: looking one up takes half the time of making it."""

    def __missing__(self, shape: tuple[int, ...]) -> Size:
        if len(self) >= 4096:
            self.clear()
        self[shape] = size = Size(shape)
        return size


size_of = _Sizes().__getitem__
"""The Size of a shape."""
