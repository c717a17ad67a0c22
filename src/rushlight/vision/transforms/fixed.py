"""Transforms that draw nothing: formats, sizes, ranges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.spec import as_dtype
from rushlight.core.tensor import Tensor
from rushlight.errors import ShapeError, message
from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms.base import Transform, shown
from rushlight.vision.transforms.modes import InterpolationMode, interpolation_mode
from rushlight.vision.transforms.placing import pair

__all__ = [
    "CenterCrop", "ConvertImageDtype", "FiveCrop", "Grayscale", "LinearTransformation", "Normalize",
    "PILToTensor", "Pad", "Resize", "TenCrop", "ToPILImage", "ToTensor",
]  # fmt: skip


class ToTensor(Transform):
    """`functional.to_tensor`: a picture, or an array (H, W, C), as a tensor (C, H, W) from 0 to 1.

    >>> import numpy as np
    >>> ToTensor()(np.full((1, 2), 255, np.uint8))
    tensor([[[1., 1.]]])
    """

    def forward(self, pic: Any) -> Tensor:
        return F.to_tensor(pic)


class PILToTensor(Transform):
    """`functional.pil_to_tensor`: a picture as a tensor (C, H, W) with the numbers of its pixels."""

    def forward(self, pic: Any) -> Tensor:
        return F.pil_to_tensor(pic)


class ToPILImage(Transform):
    """`functional.to_pil_image`: a tensor (C, H, W), or an array (H, W, C), as a picture."""

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def forward(self, pic: Any) -> Any:
        return F.to_pil_image(pic, self.mode)

    def extra_repr(self) -> str:
        return "" if self.mode is None else f"mode={self.mode}"


class ConvertImageDtype(Transform):
    """`functional.convert_image_dtype`: pixels of another dtype, in its range."""

    batches = True

    def __init__(self, dtype: Any) -> None:
        super().__init__()
        self.dtype = as_dtype(dtype)

    def forward(self, image: Tensor) -> Tensor:
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Transform):
    """(x - mean) / std, channel by channel: `functional.normalize`.

    >>> import rushlight as rl
    >>> Normalize((0.5,), (0.25,))(rl.ones(1, 1, 2))
    tensor([[[2., 2.]]])
    """

    batches = True

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor: Tensor) -> Tensor:
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def extra_repr(self) -> str:
        return shown(mean=self.mean, std=self.std)


class Resize(Transform):
    """Another number of pixels: `functional.resize`."""

    batches = True

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = interpolation_mode("Resize", interpolation)

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def extra_repr(self) -> str:
        return shown(
            size=self.size,
            interpolation=self.interpolation.value,
            max_size=self.max_size,
            antialias=self.antialias,
        )


class CenterCrop(Transform):
    """The middle: `functional.center_crop`."""

    batches = moves = True

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair("CenterCrop", size)

    def forward(self, img: Any) -> Any:
        return F.center_crop(img, self.size)

    def extra_repr(self) -> str:
        return shown(size=self.size)


class Pad(Transform):
    """A border: `functional.pad`."""

    batches = moves = True

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def extra_repr(self) -> str:
        return shown(padding=self.padding, fill=self.fill, padding_mode=self.padding_mode)


class Grayscale(Transform):
    """The light of the picture, in 1 or 3 channels: `functional.rgb_to_grayscale`."""

    batches = True

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def extra_repr(self) -> str:
        return shown(num_output_channels=self.num_output_channels)


class FiveCrop(Transform):
    """Four corners and the middle, a tuple: `functional.five_crop`."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair("FiveCrop", size)

    def forward(self, img: Any) -> tuple[Any, ...]:
        return F.five_crop(img, self.size)

    def extra_repr(self) -> str:
        return shown(size=self.size)


class TenCrop(Transform):
    """`FiveCrop` of the picture and of its mirror image: `functional.ten_crop`."""

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__()
        self.size, self.vertical_flip = pair("TenCrop", size), vertical_flip

    def forward(self, img: Any) -> tuple[Any, ...]:
        return F.ten_crop(img, self.size, self.vertical_flip)

    def extra_repr(self) -> str:
        return shown(size=self.size, vertical_flip=self.vertical_flip)


class LinearTransformation(Transform):
    """(x - mean) M of a tensor (..., C, H, W) whose C·H·W numbers are taken as a row: whitening, say.

    transformation_matrix  M, of shape (C·H·W, C·H·W).
    mean_vector            of shape (C·H·W,).

    Raises ShapeError for shapes that do not fit.
    """

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        size = mean_vector.shape[0]
        if transformation_matrix.shape != (size, size):
            got = f"a matrix of shape {transformation_matrix.shape} and a mean of {mean_vector.shape}"
            raise ShapeError(message("LinearTransformation", got, "(D, D) and (D,)"))
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def forward(self, tensor: Tensor) -> Tensor:
        size = self.mean_vector.shape[0]
        if tensor.ndim < 3 or int(np.prod(tensor.shape[-3:])) != size:
            got, expected = f"a tensor of shape {tensor.shape}", f"(..., C, H, W) with C·H·W = {size}"
            raise ShapeError(message("LinearTransformation", got, expected))
        rows = tensor.reshape(-1, size) - self.mean_vector
        return (rows @ self.transformation_matrix).reshape(tensor.shape)

    def extra_repr(self) -> str:
        return shown(
            transformation_matrix=self.transformation_matrix.tolist(), mean_vector=self.mean_vector.tolist()
        )
