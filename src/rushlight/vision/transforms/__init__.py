"""Transforms of pictures and of tensors (C, H, W), or batches (N, C, H, W), under torchvision's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.errors import names_of, namespace
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
    ElasticTransform,
    RandomAffine,
    RandomErasing,
    RandomPerspective,
    RandomRotation,
)

if TYPE_CHECKING:
    from rushlight.vision.transforms import v2 as v2
    from rushlight.vision.transforms.auto import *

__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "ElasticTransform", "FiveCrop",
    "GaussianBlur", "Grayscale", "InterpolationMode", "Lambda", "LinearTransformation", "Normalize",
    "PILToTensor", "Pad", "RandomAdjustSharpness", "RandomAffine", "RandomApply", "RandomAutocontrast",
    "RandomChoice", "RandomCrop", "RandomEqualize", "RandomErasing", "RandomGrayscale",
    "RandomHorizontalFlip", "RandomInvert", "RandomOrder", "RandomPerspective", "RandomPosterize",
    "RandomResizedCrop", "RandomRotation", "RandomSolarize", "RandomVerticalFlip", "Resize", "TenCrop",
    "ToPILImage", "ToTensor", "functional", "v2",
]  # fmt: skip

LATER = {"auto": "AugMix AutoAugment AutoAugmentPolicy RandAugment TrivialAugmentWide", "v2": ""}
"""Files that load when used, and their names; one without names is asked for by its own."""

if not TYPE_CHECKING:
    __all__ += [name for name in names_of(LATER) if name != "v2"]
    __getattr__, __dir__ = namespace(__name__, __all__, LATER)
