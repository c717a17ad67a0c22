"""The names of torch.fft, so that programs which name them and seldom call them are imported. A call raises
NotSupportedError, as there are no complex tensors; `rushlight.port` names each.
"""

from __future__ import annotations

from typing import Any

from rushlight.errors import NotSupportedError, message, missing, names_of

NAMES = """
    fft fft2 fftfreq fftn fftshift hfft hfft2 hfftn ifft ifft2 ifftn ifftshift ihfft ihfft2 ihfftn irfft
    irfft2 irfftn rfft rfft2 rfftfreq rfftn
"""
__all__ = names_of({"": NAMES})  # noqa: PLE0605
_REMEDY = "numpy.fft takes x.numpy(); keep real and imaginary parts side by side."


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
    if name not in __all__:
        raise missing(__name__, name, __all__)
    return Refused(name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__all__", "__doc__", "__file__", "__name__"])
