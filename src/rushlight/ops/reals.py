"""Functions of complex numbers, for real ones: there are no complex tensors, and most change nothing."""

from __future__ import annotations

import math

from rushlight.core.apply import to_dtype
from rushlight.core.spec import as_dtype
from rushlight.core.tensor import Tensor, attribute, method
from rushlight.errors import NotSupportedError, ShapeError, message
from rushlight.ops.movement import transpose
from rushlight.ops.select import where

__all__ = [
    "adjoint",
    "angle",
    "conj",
    "conj_physical",
    "imag",
    "is_conj",
    "is_inference",
    "is_neg",
    "real",
    "resolve_conj",
    "resolve_neg",
]


@method("conj", "resolve_conj", "resolve_neg")
def conj(input: Tensor) -> Tensor:
    """The tensor itself: its numbers are real.

    >>> import rushlight as rl
    >>> rl.conj(rl.tensor([1.0])).tolist()
    [1.0]
    """
    return input


resolve_conj = resolve_neg = conj


@attribute("real")
def real(input: Tensor) -> Tensor:
    """The tensor itself: its numbers are real."""
    return input


def imag(input: Tensor) -> Tensor:
    """Raises NotSupportedError, as PyTorch does for real tensors."""
    raise NotSupportedError(message("imag", "a tensor of real numbers", "a complex one, which there is none"))


@method()
def conj_physical(input: Tensor) -> Tensor:
    """A copy: the numbers are real."""
    return input.clone()


@method()
def angle(input: Tensor) -> Tensor:
    """0 where the number is positive, pi where it is negative, nan where it is nan.

    >>> import rushlight as rl
    >>> [round(v, 4) for v in rl.angle(rl.tensor([1.0, -1.0])).tolist()]
    [0.0, 3.1416]
    """
    x = input if input.dtype.kind == "f" else input.float()
    return where(x != x, x, where(x < 0, math.pi, x.detach() * 0.0))


@method()
def adjoint(input: Tensor) -> Tensor:
    """The last two axes exchanged.

    >>> import rushlight as rl
    >>> rl.adjoint(rl.ones(2, 3)).shape == (3, 2)
    True
    """
    return transpose(input, -2, -1)


@attribute("H")
def _h(input: Tensor) -> Tensor:
    if input.ndim not in (0, 2):
        raise ShapeError(message("H", f"{input.ndim} axes", "a matrix", "Use .mH for stacks of them."))
    return transpose(input, 0, 1) if input.ndim else input


@method()
def is_conj(input: Tensor) -> bool:
    """False: there are no complex tensors."""
    return False


@method()
def is_neg(input: Tensor) -> bool:
    """False: no tensor waits to be negated."""
    return False


@method()
def is_inference(input: Tensor) -> bool:
    """False: tensors made under `inference_mode` are ordinary ones."""
    return False


def _unheld(name: str, dtype: str) -> None:
    def convert(input: Tensor) -> Tensor:
        return to_dtype(input, as_dtype(dtype))

    convert.__doc__ = f"Refused: there is no {dtype}."
    method(name)(convert)


for _name, _dtype in {
    "chalf": "complex32", "cfloat": "complex64", "cdouble": "complex128",
}.items():  # fmt: skip
    _unheld(_name, _dtype)
