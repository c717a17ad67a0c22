"""Random streams of the data layer: what is drawn depends only on (seed, purpose, number).

They come from NumPy's Philox4x64-10 as raw words, whose sequence NumPy promises never to change, and not from
its higher-level samplers, which may change between versions: a shuffle made today can be made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from rushlight.core.random import Generator, default_generator
from rushlight.device import random

__all__ = ["Purpose", "draw_seed", "key_of", "permutation", "permutations", "uniform", "words"]

_MASK = (1 << 64) - 1


class Purpose(IntEnum):
    """What a stream is for; streams of one seed but different purposes never meet."""

    SHUFFLE = 1
    SPLIT = 2
    DISK_TRAIN = 3
    DISK_TEST = 4
    SAMPLE = 5
    WORKERS = 6


def draw_seed(generator: Generator | None = None) -> int:
    """A seed of 63 bits drawn from `generator`, the global one if left out."""
    low, high = (default_generator if generator is None else generator).bits(2).tolist()
    return int(low) | (int(high) >> 1) << 32


def words(seed: int, purpose: Purpose, count: int, number: int = 0) -> np.ndarray:
    """`count` random 64-bit words of the stream (seed, purpose, number).

    Philox's key has two words: the seed, and the purpose above the number (an epoch, say).
    """
    found: np.ndarray = random.words(key_of(seed, purpose, number), count)
    return found


def key_of(seed: int, purpose: Purpose, number: int) -> tuple[int, int]:
    """Philox's key of a stream."""
    return seed & _MASK, (int(purpose) << 48) | number


def permutation(seed: int, purpose: Purpose, count: int, number: int = 0) -> np.ndarray:
    """A random order of 0 .. count-1, as int64.

    Sorts random words whose lowest bits are replaced by the index: no two are equal, so the order does not
    depend on how the machine sorts.

    >>> permutation(0, Purpose.SHUFFLE, 6).tolist()
    [0, 5, 2, 3, 1, 4]
    """
    return permutations([(seed, number)], purpose, count)[0]


def permutations(streams: Sequence[tuple[int, int]], purpose: Purpose, count: int) -> np.ndarray:
    """The permutation of each of the streams (seed, number), int64 of shape (streams, count)."""
    low = (1 << max(count - 1, 0).bit_length()) - 1
    keys = np.empty((len(streams), count), np.uint64)
    for line, (seed, number) in zip(keys, streams, strict=True):
        line[:] = words(seed, purpose, count, number)
    keys &= np.uint64(_MASK ^ low)
    keys |= np.arange(count, dtype=np.uint64)
    keys.sort(axis=1)
    keys &= np.uint64(low)
    return keys.view(np.int64)


def uniform(seed: int, purpose: Purpose, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform numbers in [0, 1) on a grid of 2**-24, as float64: float32 holds every one exactly."""
    count = int(np.prod(shape))
    return ((words(seed, purpose, count) >> np.uint64(40)) * 2.0**-24).reshape(shape)
