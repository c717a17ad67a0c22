"""Which data sets lie in memory as whole tensors, so that batches can be gathered in native code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.core.tensor import Tensor
from rushlight.data.dataset import Subset, TensorDataset
from rushlight.data.loader import DataLoader

__all__ = ["InMemory", "in_memory", "in_memory_set"]


@dataclass(frozen=True)
class InMemory:
    """Tensors whose rows are samples, and which of the rows the data set has (None: all, in order)."""

    tensors: tuple[Tensor, ...]
    rows: np.ndarray | None

    def index(self, indices: np.ndarray) -> np.ndarray:
        """Indices of the data set as rows of the tensors, int64, C-contiguous."""
        return np.ascontiguousarray(indices if self.rows is None else self.rows[indices], dtype=np.int64)


def in_memory(loader: Any) -> InMemory | None:
    """The tensors behind a DataLoader whose batches are rows of them and nothing else; else None.

    >>> import rushlight as rl
    >>> data = rl.data.TensorDataset(rl.arange(5), rl.arange(5) ** 2)
    >>> in_memory(rl.data.DataLoader(rl.data.Subset(data, [4, 2]))).rows
    array([4, 2])
    """
    if type(loader) is not DataLoader or loader.collate_fn is not None or not loader.plain:
        return None
    return in_memory_set(loader.dataset)


def in_memory_set(data: Any) -> InMemory | None:
    """The tensors behind a data set whose batches are rows of them and nothing else; else None."""
    rows = None
    while type(data) is Subset:
        own = np.asarray(data.indices, dtype=np.int64)
        data, rows = data.dataset, own if rows is None else own[rows]
    kind = type(data)
    if not isinstance(data, TensorDataset) or any(
        getattr(kind, name) is not getattr(TensorDataset, name) for name in ("__len__", "gather", "slice")
    ):
        return None
    if any(t.requires_grad for t in data.tensors):
        return None
    return InMemory(tuple(t.contiguous() for t in data.tensors), rows)
