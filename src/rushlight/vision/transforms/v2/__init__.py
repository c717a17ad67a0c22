"""torchvision's second version of transforms: the names that differ, and all of the first version.

A transform here takes a picture or a tensor; targets and boxes beside it are not changed along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rushlight.core.spec import as_dtype
from rushlight.core.tensor import Tensor
from rushlight.errors import namespace
from rushlight.vision.transforms import *
from rushlight.vision.transforms import __all__ as _first
from rushlight.vision.transforms.base import Transform, shown
from rushlight.vision.transforms.v2 import functional as functional  # type: ignore[no-redef]
from rushlight.vision.transforms.v2.functional import to_dtype, to_image

__all__ = [  # noqa: PLE0604
    *(name for name in _first if name != "v2"),
    "Identity",
    "ToDtype",
    "ToImage",
    "ToPureTensor",
    "Transform",
]


class ToImage(Transform):
    """`functional.to_image`: a picture, or an array, as a tensor (C, H, W) with the numbers of its pixels."""

    def forward(self, inpt: Any) -> Tensor:
        return to_image(inpt)


class ToDtype(Transform):
    """A tensor of another dtype; with ``scale=True`` its numbers span the range of that dtype, as
    `functional.convert_image_dtype` has it.

    >>> import rushlight as rl
    >>> ToDtype(rl.float32, scale=True)(rl.tensor([[[0, 255]]], dtype=rl.uint8))
    tensor([[[0., 1.]]])
    """

    batches = True

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        # For several kinds of inputs a dtype each; of these there are tensors only.
        self.dtype = as_dtype(dtype[Tensor] if isinstance(dtype, Mapping) else dtype)
        self.scale = scale

    def forward(self, inpt: Any) -> Any:
        if not isinstance(inpt, Tensor):
            return inpt
        return to_dtype(inpt, self.dtype, self.scale)

    def extra_repr(self) -> str:
        return shown(scale=self.scale)


class Identity(Transform):
    """The input as it is."""

    batches = True

    def forward(self, inpt: Any) -> Any:
        return inpt


class ToPureTensor(Identity):
    """The input as it is: tensors here are plain ones always."""


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
