"""Pixels that several tests change, as arrays and as tensors."""

from __future__ import annotations

import numpy as np

import rushlight as rl

COLOUR = np.random.default_rng(5).integers(0, 256, (9, 12, 3), np.uint8)
GREY = COLOUR[..., 0]


def chw(array: np.ndarray) -> np.ndarray:
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def tensor(array: np.ndarray) -> rl.Tensor:
    return rl.tensor(np.ascontiguousarray(chw(array)))
