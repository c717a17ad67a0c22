"""Names without a place in PyTorch's documentation that programs use all the same: the classes that layers of
one, two and three dimensions share, for `isinstance`, and the helpers that make tuples of sizes.

They are found under PyTorch's paths, such as `rushlight.nn.modules.conv` and `rushlight.nn.modules.utils`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

from rushlight.nn.adaptive import _AvgPool as _AdaptiveAvgPoolNd
from rushlight.nn.adaptive import _MaxPool as _AdaptiveMaxPoolNd
from rushlight.nn.conv import _Backward as _ConvTransposeNd
from rushlight.nn.conv import _Conv as _ConvNd
from rushlight.nn.dropout import Dropout as _DropoutNd
from rushlight.nn.lazy import _LazyNorm as _LazyNormBase
from rushlight.nn.lazy_conv import _LazyConv as _LazyConvXdMixin
from rushlight.nn.loss import Loss as _Loss
from rushlight.nn.loss import WeightedLoss as _WeightedLoss
from rushlight.nn.normalization import BatchNorm as _BatchNorm
from rushlight.nn.normalization import _InstanceNorm
from rushlight.nn.normalization import _Running as _NormBase
from rushlight.nn.padding import CircularPad1d as _CircularPadNd
from rushlight.nn.padding import ConstantPad1d as _ConstantPadNd
from rushlight.nn.padding import ReflectionPad1d as _ReflectionPadNd
from rushlight.nn.padding import ReplicationPad1d as _ReplicationPadNd
from rushlight.nn.pooling import _AvgPool as _AvgPoolNd
from rushlight.nn.pooling import _LPPool as _LPPoolNd
from rushlight.nn.pooling import _MaxPool as _MaxPoolNd

__all__ = [
    "_AdaptiveAvgPoolNd",
    "_AdaptiveMaxPoolNd",
    "_AvgPoolNd",
    "_BatchNorm",
    "_CircularPadNd",
    "_ConstantPadNd",
    "_ConvNd",
    "_ConvTransposeNd",
    "_DropoutNd",
    "_InstanceNorm",
    "_LPPoolNd",
    "_LazyConvXdMixin",
    "_LazyNormBase",
    "_Loss",
    "_MaxPoolNd",
    "_NormBase",
    "_ReflectionPadNd",
    "_ReplicationPadNd",
    "_WeightedLoss",
    "_addindent",
    "_list_with_default",
    "_ntuple",
    "_pair",
    "_quadruple",
    "_reverse_repeat_tuple",
    "_single",
    "_triple",
]


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """A function that gives a tuple of an iterable, and of anything else that thing `n` times.

    >>> _ntuple(2)(3), _ntuple(2)([3, 4])
    ((3, 3), (3, 4))
    """

    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else tuple(repeat(x, n))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: Sequence[Any], n: int) -> tuple[Any, ...]:
    """The entries from the last on, each `n` times: sizes of padding, in the order in which `pad` takes them.

    >>> _reverse_repeat_tuple((1, 2), 2)
    (2, 2, 1, 1)
    """
    return tuple(x for x in reversed(t) for _ in range(n))


def _list_with_default(out_size: Any, defaults: list[int]) -> Any:
    """The sizes, with those of `defaults` in the place of None.

    >>> _list_with_default([None, 3], [5, 6, 7])
    [6, 3]
    """
    if isinstance(out_size, (int, float)):
        return out_size
    last = defaults[len(defaults) - len(out_size) :]
    return [d if size is None else size for size, d in zip(out_size, last, strict=True)]


def _addindent(s_: str, numSpaces: int) -> str:
    """The text with `numSpaces` blanks before every line but the first.

    >>> _addindent("a\\nb", 2)
    'a\\n  b'
    """
    return s_.replace("\n", "\n" + " " * numSpaces)
