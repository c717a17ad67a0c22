"""Random pictures, for trials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.core.random import Generator
from rushlight.errors import IndexingError, message
from rushlight.ops.random import randint, randn
from rushlight.vision.datasets.base import VisionDataset
from rushlight.vision.transforms.functional import to_pil_image

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """`size` random pictures of `image_size` (C, H, W), with random targets below `num_classes`.

    Sample i depends on i + `random_offset` alone. Raises IndexingError for an index that is too large.

    >>> from rushlight.vision.transforms import ToTensor
    >>> picture, target = FakeData(10, (3, 4, 5), 2, transform=ToTensor())[0]
    >>> picture.shape, target in (0, 1)
    (Size([3, 4, 5]), True)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.num_classes = size, num_classes
        self.image_size, self.random_offset = image_size, random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexingError(message("FakeData", f"index {index}", f"indices of {len(self)} samples"))
        generator = Generator().manual_seed(index + self.random_offset)
        image = randn(*self.image_size, generator=generator)
        target = int(randint(0, self.num_classes, (1,), generator=generator).item())
        return self._changed(to_pil_image(image), target)

    def __len__(self) -> int:
        return self.size
