"""The second version's functions: those of the first, and two more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.core.spec import as_dtype
from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import ShapeError, message, namespace
from rushlight.vision.transforms.formats import convert_image_dtype, pil_to_tensor
from rushlight.vision.transforms.functional import *  # noqa: F403
from rushlight.vision.transforms.functional import __all__ as _first

__all__ = [*_first, "to_dtype", "to_image"]  # noqa: PLE0604


def to_image(inpt: Any) -> Tensor:
    """A picture, or an array (H, W) or (H, W, C), as a tensor (C, H, W) with the numbers of its pixels.

    Raises ShapeError for an array of other axes.

    >>> import numpy as np
    >>> to_image(np.array([[0, 255]], np.uint8))
    tensor([[[  0, 255]]], dtype=rushlight.uint8)
    """
    if isinstance(inpt, Tensor):
        return inpt
    if not isinstance(inpt, np.ndarray):
        return pil_to_tensor(inpt)
    if inpt.ndim not in (2, 3):
        got = f"an array of shape {inpt.shape}"
        raise ShapeError(message("to_image", got, "an array (H, W) or (H, W, C)"))
    array = inpt[None] if inpt.ndim == 2 else inpt.transpose(2, 0, 1)
    return wrap(np.array(array, order="C"))


def to_dtype(inpt: Tensor, dtype: Any = None, scale: bool = False) -> Tensor:
    """A tensor of another dtype, float32 if left out; with `scale` its numbers span the range of that dtype,
    as `convert_image_dtype` has it.

    >>> import rushlight as rl
    >>> to_dtype(rl.tensor([[[0, 255]]], dtype=rl.uint8), rl.float32, scale=True)
    tensor([[[0., 1.]]])
    """
    target = as_dtype("float32" if dtype is None else dtype)
    return convert_image_dtype(inpt, target) if scale else inpt.to(target)


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
