"""Data: sets of samples, the loader that cuts them into batches, and the sets of the five reports."""

from typing import TYPE_CHECKING

from rushlight.data.collate import default_collate, default_convert
from rushlight.data.combined import ChainDataset, ConcatDataset, IterableDataset, StackDataset
from rushlight.data.dataset import Dataset, Subset, TensorDataset, random_split
from rushlight.data.disk import Disk
from rushlight.data.idx import encode_idx, parse_idx, read_idx
from rushlight.data.loader import DataLoader
from rushlight.data.mnist import MNIST, FashionMNIST
from rushlight.data.sampler import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from rushlight.errors import names_of, namespace

__all__ = [
    "MNIST",
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "Disk",
    "DistributedSampler",
    "FashionMNIST",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "encode_idx",
    "parse_idx",
    "random_split",
    "read_idx",
]

LATER = {"workers": "WorkerInfo get_worker_info"}
"""Files that load when used, and their names: processes, which most programs start none of."""

if TYPE_CHECKING:
    from rushlight.data.workers import WorkerInfo as WorkerInfo
    from rushlight.data.workers import get_worker_info as get_worker_info
else:
    __all__ += names_of(LATER)  # noqa: PLE0605
    __getattr__, __dir__ = namespace(__name__, __all__, LATER)
