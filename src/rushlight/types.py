"""The types that PyTorch's `torch.types` names, for annotations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeAlias

from rushlight.core.placement import device
from rushlight.core.tensor import Tensor

__all__ = ["Device", "FileLike", "Number", "Storage"]

Number: TypeAlias = int | float | bool
Device: TypeAlias = device | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | Any
Storage: TypeAlias = Any
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
MAP_LOCATION: TypeAlias = Any
FILE_LIKE: TypeAlias = FileLike
_size: TypeAlias = tuple[int, ...] | list[int]
_int, _float, _bool, _dtype, _device = int, float, bool, Any, device
