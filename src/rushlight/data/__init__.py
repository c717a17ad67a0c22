"""Data: sets of samples, the loader that cuts them into batches, and the sets of the five reports."""

from typing import TYPE_CHECKING

from rushlight.data.dataset import Dataset, Subset, TensorDataset, default_collate, random_split
from rushlight.data.disk import Disk
from rushlight.data.idx import encode_idx, parse_idx, read_idx
from rushlight.data.loader import DataLoader
from rushlight.data.mnist import MNIST, FashionMNIST
from rushlight.errors import namespace

__all__ = [
    "MNIST",
    "DataLoader",
    "Dataset",
    "Disk",
    "FashionMNIST",
    "Subset",
    "TensorDataset",
    "default_collate",
    "encode_idx",
    "parse_idx",
    "random_split",
    "read_idx",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
