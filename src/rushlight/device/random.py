"""Random words, and the dice that shake numbers where rounding is measured."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from rushlight.device.arrays import silence

__all__ = [
    "binomial",
    "coins",
    "moved",
    "philox",
    "philox_blocks",
    "poisson",
    "seed_from_system",
    "shaken",
    "words",
]

_NOTHING = np.zeros(4, np.uint64)


def philox(state: Any, count: int) -> Any:
    """`count` random 32-bit words of the counter-based generator Philox4x64-10 (Salmon et al., SC 2011).

    `state` holds (key, counter), both uint64: the words of block `counter` onwards. The same state always
    gives the same words, on every machine.
    """
    return words((int(state[0]), 0), (count + 1) // 2, int(state[1])).view(np.uint32)[:count]


_idle: list[np.random.Philox] = []
"""Generators that nobody uses now: to make one takes ten times as long as to set its state."""


def words(key: tuple[int, int], count: int, block: int = 0) -> Any:
    """`count` raw 64-bit words of Philox4x64-10 with this key, from the one after block number `block` on."""
    try:
        generator = _idle.pop()  # taken out: a signal's handler, or another thread, may draw in between
    except IndexError:
        generator = np.random.Philox(key=0)
    state: Any = {"counter": np.array([block, 0, 0, 0], np.uint64), "key": np.array(key, np.uint64)}
    generator.state = {
        "bit_generator": "Philox", "state": state, "buffer": _NOTHING, "buffer_pos": 4, "has_uint32": 0,
        "uinteger": 0,
    }  # fmt: skip
    found = generator.random_raw(count)
    _idle.append(generator)
    return found


def philox_blocks(count: int) -> int:
    """How far the counter moves when `count` 32-bit words are drawn: each block holds eight."""
    return (count + 7) // 8


def _from_words(words: Any) -> Any:
    """NumPy's generator of the stream that the words, of 32 bits, name."""
    return np.random.Generator(np.random.Philox(key=[int(w) for w in words.view(np.uint64)]))


def poisson(words: Any, rate: Any) -> Any:
    """Numbers of events, of a Poisson distribution with these rates; equal words give equal numbers."""
    return np.asarray(_from_words(words).poisson(rate), rate.dtype)


def binomial(words: Any, count: Any, prob: Any) -> Any:
    """Numbers of successes in so many trials; equal words give equal numbers."""
    return np.asarray(_from_words(words).binomial(count.astype(np.int64), prob), count.dtype)


def seed_from_system() -> int:
    """A 64-bit seed that differs from run to run."""
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])


DICE = 65521


def coins(shape: tuple[int, ...], seed: Any) -> Any:
    """True or False for each element, at random."""
    return np.random.default_rng(seed).uniform(-1.0, 1.0, shape) > 0.0


def shaken(array: Any, ulps: float, seed: tuple[int, ...]) -> Any:
    """Floats moved by up to so many units in the last place, at random; other numbers as they are."""
    if array.dtype.kind != "f":
        return array
    with silence():
        return array * _spread_over(array, _factors(array.dtype, ulps), seed)


def moved(array: Any, amount: Any, seed: tuple[int, ...]) -> Any:
    """Floats moved by up to `amount` each, at random."""
    with silence():
        return (array + amount * _spread_over(array, _signed(), seed)).astype(array.dtype, copy=False)


@functools.cache
def _signed() -> Any:
    """Random numbers of sizes from 1/2 to 1 and either sign, twice the same. None is small: of many elements
    some would be in every run, as if nothing rounded there."""
    some = np.random.default_rng(DICE).uniform(-1.0, 1.0, DICE)
    return np.tile(np.copysign(0.5 + 0.5 * np.abs(some), some).astype(np.float32), 2)


@functools.cache
def _factors(dtype: Any, ulps: float) -> Any:
    """1, moved by up to so many units in the last place."""
    return (1.0 + ulps * np.finfo(dtype).eps * _signed().astype(np.float64)).astype(dtype)


def _spread_over(array: Any, dice: Any, seed: tuple[int, ...]) -> Any:
    """A number of the table for each element, from a place on that the seed chooses; of many elements those
    DICE apart have the same."""
    start = hash(seed) % DICE
    if array.size <= DICE:
        return np.reshape(dice[start : start + array.size], array.shape)
    return np.resize(dice[start : start + DICE], array.shape)
