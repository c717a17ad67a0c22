"""What programs around Rushlight use of NumPy: arrays as plain data, and its random generators."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "ARRAY",
    "FIXED",
    "GENERATORS",
    "READERS",
    "READS_NATIVELY",
    "fingerprint",
    "global_random",
    "random_state",
    "restore",
    "set_random_state",
]

ARRAY = np.ndarray
GENERATORS = (np.random.Generator, np.random.RandomState, np.random.BitGenerator)
READERS = (np.load, np.loadtxt, np.genfromtxt, np.memmap.__new__)
"""Functions, written in Python, that read files."""
READS_NATIVELY = np.fromfile
FIXED = (np.generic, np.dtype, np.ufunc, type(np.mean), np.random.SeedSequence, *GENERATORS)
"""Types whose objects cannot change, or whose changes are looked for elsewhere."""


def fingerprint(array: Any) -> tuple[Any, ...]:
    """All that an array holds, to be compared: its elements where they are objects, else its bytes."""
    facts = (array.dtype.str, array.shape)
    if array.dtype.hasobject:
        return (*facts, *np.ndarray.ravel(array).tolist())
    return (*facts, np.ndarray.tobytes(array))


def global_random() -> Any:
    """The generator behind np.random.rand and the like."""
    return np.random.mtrand._rand


class _State:
    """A state to be compared as a whole."""

    def __init__(self, state: Any) -> None:
        self.state = state
        self.text = repr(_plain(state))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _State) and self.text == other.text

    __hash__ = None  # type: ignore[assignment]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.tolist() if isinstance(value, np.ndarray) else value


def random_state(generator: Any) -> Any:
    """The state of a generator of NumPy's."""
    if isinstance(generator, np.random.RandomState):
        return _State(generator.get_state())
    return _State(getattr(generator, "bit_generator", generator).state)


def set_random_state(generator: Any, then: Any) -> None:
    """Make a generator go on from there."""
    if isinstance(generator, np.random.RandomState):
        generator.set_state(then.state)
    else:
        getattr(generator, "bit_generator", generator).state = then.state


def restore(array: Any, held: tuple[Any, ...]) -> None:
    """Give an array back what `fingerprint` said that it held."""
    dtype, shape, data = held
    array[...] = np.frombuffer(data, dtype).reshape(shape)
