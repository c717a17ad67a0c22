"""Rearrangements between channels and places."""

from __future__ import annotations

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, ShapeError, message

__all__ = ["channel_shuffle", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def _check(name: str, input: Tensor, factor: int) -> None:
    if input.ndim < 3:
        raise ShapeError(message(name, f"an input of shape {input.shape}", "(*, C, H, W)"))
    if factor < 1:
        raise ArgumentError(message(name, f"a factor of {factor}", "at least 1"))


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C r², H, W) becomes (*, C, H r, W r): each pixel of r² channels a square of r times r pixels.

    Raises ShapeError where r² = upscale_factor² does not divide the channels.

    >>> import rushlight as rl
    >>> rl.pixel_shuffle(rl.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = upscale_factor
    _check("pixel_shuffle", input, r)
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        got = f"{channels} channels for a factor of {r}"
        raise ShapeError(message("pixel_shuffle", got, f"a multiple of {r * r}"))
    n = len(lead)
    apart = input.reshape(*lead, channels // (r * r), r, r, height, width)
    apart = apart.permute(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return apart.reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H r, W r) becomes (*, C r², H, W): the inverse of `pixel_shuffle`, r = downscale_factor.

    Raises ShapeError where r does not divide the sizes.

    >>> import rushlight as rl
    >>> rl.pixel_unshuffle(rl.arange(4.0).reshape(1, 2, 2), 2).shape
    Size([4, 1, 1])
    """
    r = downscale_factor
    _check("pixel_unshuffle", input, r)
    *lead, channels, height, width = input.shape
    if height % r or width % r:
        got = f"sizes {(height, width)} for a factor of {r}"
        raise ShapeError(message("pixel_unshuffle", got, f"multiples of {r}"))
    n = len(lead)
    apart = input.reshape(*lead, channels, height // r, r, width // r, r)
    apart = apart.permute(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return apart.reshape(*lead, channels * r * r, height // r, width // r)


def _channel_shuffle(name: str, input: Tensor, groups: int) -> Tensor:
    if input.ndim < 3:
        raise ShapeError(message(name, f"an input of shape {input.shape}", "(N, C, *)"))
    if groups < 1 or input.shape[1] % groups:
        got = f"groups={groups} for {input.shape[1]} channels"
        raise ArgumentError(message(name, got, "a number that divides the channels"))
    apart = input.unflatten(1, (groups, input.shape[1] // groups))
    return apart.transpose(1, 2).reshape(input.shape)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(N, C, *) with its channels in another order: the first of each of `groups` groups, then the second of
    each, and so on. Raises ArgumentError for groups that do not divide C.

    >>> import rushlight as rl
    >>> rl.channel_shuffle(rl.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    return _channel_shuffle("channel_shuffle", input, groups)


def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """`channel_shuffle`.

    >>> import rushlight as rl
    >>> rl.native_channel_shuffle(rl.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    return _channel_shuffle("native_channel_shuffle", input, groups)
