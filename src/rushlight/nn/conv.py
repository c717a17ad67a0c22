"""Convolutions and their transposes as layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from rushlight import ops
from rushlight.core.placement import check_device
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, message
from rushlight.nn.functional.padding import pad
from rushlight.nn.init import Initializer, PyTorchDefault, as_initializer
from rushlight.nn.module import Module
from rushlight.ops import convs
from rushlight.ops.pool import Numbers, per_axis

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

Sizes = tuple[int, ...]
MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What all convolutions share: their options, and parameters drawn as PyTorch draws them, uniform in
    ±1/sqrt(fan_in). ``init`` and ``bias_init`` are initialisers or their names, as of Linear."""

    _axes: int
    _transposed = False
    _function: Callable[..., Tensor]

    in_channels: int
    out_channels: int
    kernel_size: Sizes
    stride: Sizes
    padding: Any
    dilation: Sizes
    output_padding: Sizes
    weight: Parameter
    bias: Parameter | None

    def _set_up(
        self,
        channels: tuple[int, int],
        kernel_size: Numbers,
        stride: Numbers,
        padding: Numbers | str,
        dilation: Numbers,
        output_padding: Numbers,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
        init: Initializer | str | None,
        bias_init: Initializer | str | None,
    ) -> None:
        super().__init__()
        name, count = type(self).__name__, self._axes
        check_device(device)
        _check(name, channels, groups, padding, padding_mode)
        self.in_channels, self.out_channels = channels
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, count, 1)
        self.stride = per_axis(name, "stride", stride, count, 1)
        self.padding = padding if isinstance(padding, str) else per_axis(name, "padding", padding, count, 0)
        self.dilation = per_axis(name, "dilation", dilation, count, 1)
        if padding == "same" and any(s != 1 for s in self.stride):
            got = f"padding='same' with stride {self.stride}"
            raise ArgumentError(message(name, got, "a stride of 1", "Give the padding as a number."))
        self.output_padding = per_axis(name, "output_padding", output_padding, count, 0)
        self.groups = groups
        self.padding_mode = padding_mode
        self.init = as_initializer(init) if init is not None else PyTorchDefault()
        self.bias_init = None if bias_init is None else as_initializer(bias_init)
        first, second = channels if self._transposed else channels[::-1]
        self.weight = Parameter(ops.empty(first, second // groups, *self.kernel_size, dtype=dtype))
        if bias:
            self.bias = Parameter(ops.empty(self.out_channels, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew by the layer's initialiser."""
        field = math.prod(self.kernel_size)
        fan_in, fan_out = self.weight.shape[1] * field, self.weight.shape[0] * field
        self.init(self.weight, fan_in, fan_out)
        if self.bias is None:
            return
        if self.bias_init is not None:
            self.bias_init(self.bias, fan_in, fan_out)
        else:
            self.init.bias(self.bias, fan_in, fan_out)

    def extra_repr(self) -> str:
        parts = [str(self.in_channels), str(self.out_channels)]
        parts += [f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        for option, usual in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            value = getattr(self, option)
            if value != (usual,) * self._axes:
                parts.append(f"{option}={value}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


def _check(
    name: str, channels: tuple[int, int], groups: int, padding: Numbers | str, padding_mode: str
) -> None:
    for which, n in zip(("in_channels", "out_channels"), channels, strict=True):
        if isinstance(n, bool) or not hasattr(n, "__index__") or n < 0:
            raise ArgumentError(message(name, f"{which}={n!r}", "a whole number, 0 or more"))
        if groups < 1 or n % groups:
            raise ArgumentError(message(name, f"groups={groups} for {which}={n}", "a number that divides it"))
    if isinstance(padding, str) and padding not in ("valid", "same"):
        raise ArgumentError(message(name, f"padding={padding!r}", "numbers, 'valid' or 'same'"))
    if padding_mode not in MODES:
        raise ArgumentError(message(name, f"padding_mode={padding_mode!r}", f"one of: {', '.join(MODES)}"))


class _Forward(_Conv):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers = 1,
        padding: Numbers | str = 0,
        dilation: Numbers = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        init: Initializer | str | None = None,
        bias_init: Initializer | str | None = None,
    ) -> None:
        channels = in_channels, out_channels
        self._set_up(channels, kernel_size, stride, padding, dilation, 0, groups, bias, padding_mode, device,
                     dtype, init, bias_init)  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """`forward` with other weights: layers that adapt them call it, or override it."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = pad(input, self._border(), self.padding_mode), 0
        return type(self)._function(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def _border(self) -> list[int]:
        """The padding as `pad` has it: before and after, the last axis first."""
        if self.padding == "valid":
            return [0, 0] * self._axes
        pairs = [(p, p) for p in self.padding]
        if self.padding == "same":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            pairs = [(t // 2, t - t // 2) for t in total]
        return [n for pair in reversed(pairs) for n in pair]


class Conv1d(_Forward):
    """y[n, o, i] = b[o] + Σ w[o, c, k] x[n, c, stride i + dilation k - padding], over the channels c of the
    group of o and the elements k of the window; beyond the edges x is 0.

    Input (N, C, L) or (C, L), weight (out_channels, in_channels/groups, kernel_size), bias (out_channels,);
    the result (N, out_channels, (L + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1).
    ``padding`` "same" keeps L, "valid" is none. ``padding_mode``: what stands beyond the edges, "zeros",
    "reflect", "replicate" or "circular". Weight and bias are uniform in ±1/sqrt(fan_in), as in PyTorch, or
    drawn by ``init`` and ``bias_init``. Raises ArgumentError for options out of range, ShapeError for
    inputs that do not fit.

    >>> import rushlight as rl
    >>> layer = rl.nn.Conv1d(2, 4, 3, padding=1)
    >>> layer(rl.ones(5, 2, 8)).shape, layer
    (Size([5, 4, 8]), Conv1d(2, 4, kernel_size=(3,), stride=(1,), padding=(1,)))
    """

    _axes = 1
    _function = convs.conv1d


class Conv2d(_Forward):
    """`Conv1d` over two axes: input (N, C, H, W) or (C, H, W), weight (out_channels, in_channels/groups,
    *kernel_size); numbers may be pairs.

    >>> import rushlight as rl
    >>> layer = rl.nn.Conv2d(1, 6, 5, padding=2)
    >>> layer(rl.ones(8, 1, 28, 28)).shape, layer
    (Size([8, 6, 28, 28]), Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2)))
    """

    _axes = 2
    _function = convs.conv2d


class Conv3d(_Forward):
    """`Conv1d` over three axes: input (N, C, D, H, W) or (C, D, H, W); numbers may be triples.

    >>> import rushlight as rl
    >>> rl.nn.Conv3d(1, 2, 2)(rl.ones(1, 1, 3, 3, 3)).shape
    Size([1, 2, 2, 2, 2])
    """

    _axes = 3
    _function = convs.conv3d


class _Backward(_Conv):
    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers = 1,
        padding: Numbers = 0,
        output_padding: Numbers = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Numbers = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        init: Initializer | str | None = None,
        bias_init: Initializer | str | None = None,
    ) -> None:
        if padding_mode != "zeros" or isinstance(padding, str):
            name, got = type(self).__name__, f"padding={padding!r}, padding_mode={padding_mode!r}"
            raise ArgumentError(message(name, got, "numbers, and 'zeros'"))
        channels = in_channels, out_channels
        self._set_up(channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
                     padding_mode, device, dtype, init, bias_init)  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        more = self.output_padding if output_size is None else self._more(input, output_size)
        return type(self)._function(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )

    def _more(self, input: Tensor, output_size: Sequence[int]) -> Sizes:
        """The output_padding that makes the result of that size."""
        count = self._axes
        wanted = tuple(output_size)[-count:]
        least = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                input.shape[-count:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        )
        if len(output_size) not in (count, input.ndim) or not all(
            m <= n < m + s for m, n, s in zip(least, wanted, self.stride, strict=False)
        ):
            most = tuple(m + s - 1 for m, s in zip(least, self.stride, strict=True))
            got = f"output_size={tuple(output_size)} for an input of shape {input.shape}"
            raise ArgumentError(message(type(self).__name__, got, f"sizes from {least} to {most}"))
        return tuple(n - m for n, m in zip(wanted, least, strict=True))


class ConvTranspose1d(_Backward):
    """The transpose of `Conv1d`, which is its gradient: each element of the input adds the weight, times
    itself, to the places that it would have been computed from.

    Input (N, C, L) or (C, L), weight (in_channels, out_channels/groups, kernel_size), bias (out_channels,);
    the result (N, out_channels, (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding +
    1). A call may name another ``output_size``, for several sizes are convolved to one. Parameters as of
    `Conv1d`. Raises ArgumentError for options out of range, ShapeError for inputs that do not fit.

    >>> import rushlight as rl
    >>> layer = rl.nn.ConvTranspose1d(2, 4, 3, stride=2)
    >>> layer(rl.ones(5, 2, 8)).shape, layer(rl.ones(5, 2, 8), output_size=[18]).shape
    (Size([5, 4, 17]), Size([5, 4, 18]))
    """

    _axes = 1
    _function = convs.conv_transpose1d


class ConvTranspose2d(_Backward):
    """`ConvTranspose1d` over two axes: input (N, C, H, W) or (C, H, W), weight (in_channels,
    out_channels/groups, *kernel_size); numbers may be pairs.

    >>> import rushlight as rl
    >>> rl.nn.ConvTranspose2d(4, 2, 2, stride=2)(rl.ones(1, 4, 3, 5)).shape
    Size([1, 2, 6, 10])
    """

    _axes = 2
    _function = convs.conv_transpose2d


class ConvTranspose3d(_Backward):
    """`ConvTranspose1d` over three axes: input (N, C, D, H, W) or (C, D, H, W); numbers may be triples.

    >>> import rushlight as rl
    >>> rl.nn.ConvTranspose3d(4, 2, 2, stride=2)(rl.ones(1, 4, 3, 1, 2)).shape
    Size([1, 2, 6, 2, 4])
    """

    _axes = 3
    _function = convs.conv_transpose3d
