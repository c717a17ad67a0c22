"""Data sets of pictures under torchvision's names, with its arguments and folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.errors import namespace
from rushlight.vision.datasets.base import VisionDataset
from rushlight.vision.datasets.cifar import CIFAR10, CIFAR100
from rushlight.vision.datasets.fake import FakeData
from rushlight.vision.datasets.folder import DatasetFolder, ImageFolder
from rushlight.vision.datasets.mnist import EMNIST, KMNIST, MNIST, FashionMNIST

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "VisionDataset",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
