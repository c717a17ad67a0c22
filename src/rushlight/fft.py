"""Frequencies and shifts of torch.fft, and the names of its transforms, so that programs which name them and
seldom call them are imported: a call raises NotSupportedError, as there are no complex tensors.
"""

from __future__ import annotations

from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import NotSupportedError, message, missing, names_of
from rushlight.ops.arranging import roll
from rushlight.ops.creation import zeros
from rushlight.ops.join import cat
from rushlight.ops.ranges import arange

NAMES = """
    fft fft2 fftn hfft hfft2 hfftn ifft ifft2 ifftn ihfft ihfft2 ihfftn irfft irfft2 irfftn rfft rfft2 rfftn
"""
"""What is named here and not computed."""
__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]
__all__ += names_of({"": NAMES})  # noqa: PLE0605
_REMEDY = "numpy.fft takes x.numpy(); keep real and imaginary parts side by side."


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of a transform of `n` samples at distance `d`: 0, 1, ..., -2, -1, by n d.

    >>> fftfreq(5)
    tensor([ 0.0000,  0.2000,  0.4000, -0.4000, -0.2000])
    """
    half = (n + 1) // 2
    numbers = cat([arange(half), arange(-(n // 2), 0)])
    return _by(numbers, n * d, dtype, requires_grad)


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of a transform of `n` real samples at distance `d`: 0, 1, ..., n // 2, by n d.

    >>> rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    return _by(arange(n // 2 + 1), n * d, dtype, requires_grad)


def _by(numbers: Tensor, span: float, dtype: Any, requires_grad: bool) -> Tensor:
    found = numbers.to(zeros((), dtype=dtype).dtype) * (1.0 / span)
    return found.requires_grad_() if requires_grad else found


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The elements with frequency 0 in the middle of the axes `dim`, or of all.

    >>> fftshift(fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    axes = _axes(input, dim)
    return roll(input, [input.shape[axis] // 2 for axis in axes], axes)


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of `fftshift`."""
    axes = _axes(input, dim)
    return roll(input, [-(input.shape[axis] // 2) for axis in axes], axes)


def _axes(input: Tensor, dim: Any) -> list[int]:
    if dim is None:
        return list(range(input.ndim))
    return [dim] if isinstance(dim, int) else list(dim)


class Refused:
    """A function of PyTorch's that is named here and not computed."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self.absent = f"rushlight.fft has no {name!r}: there are no complex tensors. {_REMEDY}"

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Raises NotSupportedError."""
        raise NotSupportedError(message(f"fft.{self.__name__}", "a call", "real tensors only", _REMEDY))

    def __repr__(self) -> str:
        return f"<rushlight.fft.{self.__name__}: not computed>"


def __getattr__(name: str) -> Refused:
    if name not in NAMES.split():
        raise missing(__name__, name, __all__)
    return Refused(name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__all__", "__doc__", "__file__", "__name__"])
