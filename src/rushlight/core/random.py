"""Counter-based random numbers: a generator is a key and a counter, held in one Tensor.

Because the state is a Tensor and the words are a pure function of it, a seed gives the same numbers eager
and compiled, and saving the state is saving two integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rushlight.core.apply import apply, assign
from rushlight.core.atomic import make_lock
from rushlight.core.lower import Draw
from rushlight.core.op import Op, register
from rushlight.core.placement import check_device
from rushlight.core.spec import Spec
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp
from rushlight.device.random import philox_blocks, seed_from_system
from rushlight.errors import ShapeError, message

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


def _infer_philox(state: Spec, *, count: int) -> Spec:
    if state.shape != (2,):
        raise ShapeError(
            message("philox", f"a state of shape {state.shape}", "(2,): the key and the counter")
        )
    return Spec((count,), xp.uint32)


PHILOX = register(
    Op("philox", lambda m, state, *, count: m.philox(state, count), _infer_philox, lower=Draw())
)
PHILOX_ADVANCE = register(
    Op(
        "philox_advance",
        lambda m, state, *, blocks: state + m.asarray([0, blocks], m.uint64),
        lambda state, *, blocks: Spec(state.shape, state.dtype),
        lower=Draw(moves=True),
    )
)


class Generator:
    """A stream of random numbers; the same seed gives the same stream on every machine.

    >>> import rushlight as rl
    >>> a, b = rl.Generator().manual_seed(7), rl.Generator().manual_seed(7)
    >>> bool((rl.rand(3, generator=a) == rl.rand(3, generator=b)).all())
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        check_device(device)
        self._lock = make_lock()
        self.state = wrap(xp.asarray([0, 0], xp.uint64))

    def __repr__(self) -> str:
        return f"Generator(seed={self.initial_seed()})"

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of `seed` (any integer) from its beginning."""
        assign(self.state, xp.asarray([int(seed) % 2**64, 0], xp.uint64))
        return self

    def seed(self) -> int:
        """Start a stream that the operating system chooses; returns its seed."""
        chosen = seed_from_system()
        self.manual_seed(chosen)
        return chosen

    def initial_seed(self) -> int:
        """The seed of the stream."""
        return int(self.state.array[0])

    def get_state(self) -> Tensor:
        """Key and counter, a copy."""
        return self.state.clone()

    def set_state(self, state: Tensor) -> Generator:
        """Continue from a state that `get_state` gave."""
        if state.shape != (2,) or state.dtype != xp.uint64:
            raise ShapeError(message("set_state", repr(state.spec), "what get_state() gave: two uint64"))
        assign(self.state, state.array)
        return self

    def bits(self, count: int) -> Tensor:
        """The stream's next `count` 32-bit words."""
        with self._lock:
            words = apply(PHILOX, self.state, count=count)
            advanced = apply(PHILOX_ADVANCE, self.state, blocks=philox_blocks(count))
            assign(self.state, advanced.array)
        return words


default_generator = Generator().manual_seed(67280421310721)
"""Seeded as PyTorch's is, so that a program that never seeds still repeats itself."""


def manual_seed(seed: int) -> Generator:
    """Seed the generator that is used where none is given.

    >>> import rushlight as rl
    >>> _ = rl.manual_seed(0)
    >>> first = rl.rand(2)
    >>> _ = rl.manual_seed(0)
    >>> bool((rl.rand(2) == first).all())
    True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Let the operating system choose the default generator's seed; returns it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state, a copy."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Continue the default generator from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(
    devices: Any = None, enabled: bool = True, device_type: str = "cpu", **options: Any
) -> Iterator[None]:
    """What is drawn inside leaves no trace: the default generator then goes on from where it was.

    enabled  False: nothing of this. The other arguments say which GPUs, of which there are none.

    >>> import rushlight as rl
    >>> _ = rl.manual_seed(0)
    >>> with rl.random.fork_rng():
    ...     inside = rl.rand(2)
    >>> bool((rl.rand(2) == inside).all())
    True
    """
    before = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if before is not None:
            set_rng_state(before)
