"""Patches as columns, rearranged channels, and normalisation across channels, as layers."""

from __future__ import annotations

from rushlight.core.tensor import Tensor
from rushlight.nn.functional.folding import fold, unfold
from rushlight.nn.functional.local_response import local_response_norm
from rushlight.nn.module import Module
from rushlight.ops.pool import Numbers
from rushlight.ops.shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle

__all__ = ["ChannelShuffle", "Fold", "LocalResponseNorm", "PixelShuffle", "PixelUnshuffle", "Unfold"]


class Unfold(Module):
    """The patches of an input (N, C, H, W) or (C, H, W) as columns (N, C KH KW, patches).

    Patches of ``kernel_size`` elements, ``dilation`` apart, move by ``stride`` over the input with zeros
    around it. Raises ShapeError without room for one.

    >>> import rushlight as rl
    >>> rl.nn.Unfold((1, 2))(rl.arange(6.0).reshape(1, 2, 3))
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.]])
    """

    def __init__(
        self, kernel_size: Numbers, dilation: Numbers = 1, padding: Numbers = 0, stride: Numbers = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Unfold):
    """The transpose of `Unfold`: columns (N, C KH KW, patches) or (C KH KW, patches) added up to a result
    (N, C, H, W) of ``output_size`` (H, W), in which each element is the sum over the patches that have it.

    Raises ShapeError for columns that are not those of patches of such a result.

    >>> import rushlight as rl
    >>> rl.nn.Fold((1, 3), (1, 2))(rl.ones(2, 2))
    tensor([[[1., 2., 1.]]])
    """

    def __init__(
        self,
        output_size: Numbers,
        kernel_size: Numbers,
        dilation: Numbers = 1,
        padding: Numbers = 0,
        stride: Numbers = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"


class PixelShuffle(Module):
    """(*, C r², H, W) becomes (*, C, H r, W r): each pixel of r² channels a square of r times r pixels, r =
    ``upscale_factor``. Raises ShapeError where r² does not divide the channels.

    >>> import rushlight as rl
    >>> rl.nn.PixelShuffle(2)(rl.arange(4.0).reshape(4, 1, 1))
    tensor([[[0., 1.],
             [2., 3.]]])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(*, C, H r, W r) becomes (*, C r², H, W): the inverse of `PixelShuffle`, r = ``downscale_factor``.
    Raises ShapeError where r does not divide the sizes.

    >>> import rushlight as rl
    >>> rl.nn.PixelUnshuffle(2)(rl.arange(4.0).reshape(1, 2, 2)).shape
    Size([4, 1, 1])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """(N, C, *) with its channels in another order: the first of each of ``groups`` groups, then the second
    of each, and so on. Raises ArgumentError for groups that do not divide C.

    >>> import rushlight as rl
    >>> rl.nn.ChannelShuffle(2)(rl.arange(4).reshape(1, 4, 1)).flatten()
    tensor([0, 2, 1, 3])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


class LocalResponseNorm(Module):
    """x / (k + alpha/size Σ x²)^beta, the sum over ``size`` channels around each one (Krizhevsky et al.,
    2012), of an input (N, C, *). Raises ShapeError for fewer than three axes.

    >>> import rushlight as rl
    >>> rl.nn.LocalResponseNorm(2, alpha=2.0, beta=1.0)(rl.ones(1, 2, 1)).flatten()
    tensor([0.5000, 0.3333])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
