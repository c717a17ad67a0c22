"""Borders as layers."""

from __future__ import annotations

from rushlight.core.tensor import Tensor
from rushlight.nn.functional.padding import pad
from rushlight.nn.module import Module
from rushlight.ops.pool import Numbers, per_axis

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    _axes: int
    _mode = "constant"
    padding: tuple[int, ...]

    def __init__(self, padding: Numbers) -> None:
        super().__init__()
        self.padding = per_axis(type(self).__name__, "padding", padding, 2 * self._axes)

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return str(self.padding)


class ConstantPad1d(_Pad):
    """The input with elements of ``value`` around its last axis: ``padding`` is (before, after), or one
    number for both; negative numbers crop.

    >>> import rushlight as rl
    >>> rl.nn.ConstantPad1d((1, 2), 7.0)(rl.zeros(1, 1))
    tensor([[7., 0., 7., 7.]])
    """

    _axes = 1

    def __init__(self, padding: Numbers, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad2d(ConstantPad1d):
    """`ConstantPad1d` over the last two axes: ``padding`` is (before, after) of the last axis, then of the
    one before it, or one number for all.

    >>> import rushlight as rl
    >>> rl.nn.ConstantPad2d((0, 1, 1, 0), 7.0)(rl.zeros(1, 1))
    tensor([[7., 7.],
            [0., 7.]])
    """

    _axes = 2


class ConstantPad3d(ConstantPad1d):
    """`ConstantPad1d` over the last three axes: ``padding`` is (before, after) of the last axis, then of the
    one before it, and so on, or one number for all.

    >>> import rushlight as rl
    >>> rl.nn.ConstantPad3d((0, 1, 0, 0, 0, 0), 7.0)(rl.zeros(1, 1, 1))
    tensor([[[0., 7.]]])
    """

    _axes = 3


class ZeroPad1d(_Pad):
    """The input with zeros around its last axis: ``padding`` is (before, after), or one number for both;
    negative numbers crop.

    >>> import rushlight as rl
    >>> rl.nn.ZeroPad1d((1, 2))(rl.ones(1, 1))
    tensor([[0., 1., 0., 0.]])
    """

    _axes = 1


class ZeroPad2d(ZeroPad1d):
    """`ZeroPad1d` over the last two axes: ``padding`` is (before, after) of the last axis, then of the
    one before it, or one number for all.

    >>> import rushlight as rl
    >>> rl.nn.ZeroPad2d((0, 1, 1, 0))(rl.ones(1, 1))
    tensor([[0., 0.],
            [1., 0.]])
    """

    _axes = 2


class ZeroPad3d(ZeroPad1d):
    """`ZeroPad1d` over the last three axes: ``padding`` is (before, after) of the last axis, then of the
    one before it, and so on, or one number for all.

    >>> import rushlight as rl
    >>> rl.nn.ZeroPad3d((0, 1, 0, 0, 0, 0))(rl.ones(1, 1, 1))
    tensor([[[1., 0.]]])
    """

    _axes = 3


class ReflectionPad1d(_Pad):
    """The input (N, C, L) or (C, L) with the elements next to the edge, mirrored, around its last axis:
    ``padding`` is (before, after), or one number for both; negative numbers crop.

    >>> import rushlight as rl
    >>> rl.nn.ReflectionPad1d((2, 1))(rl.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1., 2., 3., 2.]])
    """

    _axes = 1
    _mode = "reflect"


class ReflectionPad2d(ReflectionPad1d):
    """`ReflectionPad1d` over the last two axes: ``padding`` is (before, after) of the last axis, then of
    the one before it, or one number for all.

    >>> import rushlight as rl
    >>> rl.nn.ReflectionPad2d((2, 1, 0, 0))(rl.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 2., 1., 2., 3., 2.]]])
    """

    _axes = 2


class ReflectionPad3d(ReflectionPad1d):
    """`ReflectionPad1d` over the last three axes: ``padding`` is (before, after) of the last axis, then
    of the one before it, and so on, or one number for all.

    >>> import rushlight as rl
    >>> rl.nn.ReflectionPad3d((2, 1, 0, 0, 0, 0))(rl.tensor([[[[1.0, 2.0, 3.0]]]]))
    tensor([[[[3., 2., 1., 2., 3., 2.]]]])
    """

    _axes = 3


class ReplicationPad1d(_Pad):
    """The input (N, C, L) or (C, L) with the element of the edge around its last axis: ``padding`` is
    (before, after), or one number for both; negative numbers crop.

    >>> import rushlight as rl
    >>> rl.nn.ReplicationPad1d((2, 1))(rl.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 1., 1., 2., 3., 3.]])
    """

    _axes = 1
    _mode = "replicate"


class ReplicationPad2d(ReplicationPad1d):
    """`ReplicationPad1d` over the last two axes: ``padding`` is (before, after) of the last axis, then of
    the one before it, or one number for all.

    >>> import rushlight as rl
    >>> rl.nn.ReplicationPad2d((2, 1, 0, 0))(rl.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[1., 1., 1., 2., 3., 3.]]])
    """

    _axes = 2


class ReplicationPad3d(ReplicationPad1d):
    """`ReplicationPad1d` over the last three axes: ``padding`` is (before, after) of the last axis, then
    of the one before it, and so on, or one number for all.

    >>> import rushlight as rl
    >>> rl.nn.ReplicationPad3d((2, 1, 0, 0, 0, 0))(rl.tensor([[[[1.0, 2.0, 3.0]]]]))
    tensor([[[[1., 1., 1., 2., 3., 3.]]]])
    """

    _axes = 3


class CircularPad1d(_Pad):
    """The input (N, C, L) or (C, L) with the elements at the other end around its last axis: ``padding``
    is (before, after), or one number for both; negative numbers crop.

    >>> import rushlight as rl
    >>> rl.nn.CircularPad1d((2, 1))(rl.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 3., 1., 2., 3., 1.]])
    """

    _axes = 1
    _mode = "circular"


class CircularPad2d(CircularPad1d):
    """`CircularPad1d` over the last two axes: ``padding`` is (before, after) of the last axis, then of
    the one before it, or one number for all.

    >>> import rushlight as rl
    >>> rl.nn.CircularPad2d((2, 1, 0, 0))(rl.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[2., 3., 1., 2., 3., 1.]]])
    """

    _axes = 2


class CircularPad3d(CircularPad1d):
    """`CircularPad1d` over the last three axes: ``padding`` is (before, after) of the last axis, then of
    the one before it, and so on, or one number for all.

    >>> import rushlight as rl
    >>> rl.nn.CircularPad3d((2, 1, 0, 0, 0, 0))(rl.tensor([[[[1.0, 2.0, 3.0]]]]))
    tensor([[[[2., 3., 1., 2., 3., 1.]]]])
    """

    _axes = 3
