"""Transforms of pictures and of tensors (C, H, W), or batches (N, C, H, W), under torchvision's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.errors import namespace
from rushlight.vision.transforms import functional as functional
from rushlight.vision.transforms.base import Compose, Lambda, RandomApply, RandomChoice, RandomOrder
from rushlight.vision.transforms.fixed import (
    CenterCrop,
    ConvertImageDtype,
    FiveCrop,
    Grayscale,
    LinearTransformation,
    Normalize,
    Pad,
    PILToTensor,
    Resize,
    TenCrop,
    ToPILImage,
    ToTensor,
)
from rushlight.vision.transforms.modes import InterpolationMode
from rushlight.vision.transforms.random_colouring import (
    ColorJitter,
    GaussianBlur,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from rushlight.vision.transforms.random_placing import (
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
)
from rushlight.vision.transforms.random_warping import (
    RandomAffine,
    RandomErasing,
    RandomPerspective,
    RandomRotation,
)

if TYPE_CHECKING:
    from rushlight.vision.transforms import v2 as v2

__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "FiveCrop", "GaussianBlur", "Grayscale",
    "InterpolationMode", "Lambda", "LinearTransformation", "Normalize", "PILToTensor", "Pad",
    "RandomAdjustSharpness", "RandomAffine", "RandomApply", "RandomAutocontrast", "RandomChoice",
    "RandomCrop", "RandomEqualize", "RandomErasing", "RandomGrayscale", "RandomHorizontalFlip",
    "RandomInvert", "RandomOrder", "RandomPerspective", "RandomPosterize", "RandomResizedCrop",
    "RandomRotation", "RandomSolarize", "RandomVerticalFlip", "Resize", "TenCrop", "ToPILImage", "ToTensor",
    "functional", "v2",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__, {"v2": ""})
