"""Mixed precision: what `rl.autocast` changes about operations while it is entered.

Products take their tensors in the lower dtype; losses, and what is delicate, in float32; all else goes by
promotion. Conversions are ordinary operations, so gradients come back in the dtypes of the tensors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from rushlight.core.state import state
from rushlight.core.tensor import Tensor, base_of
from rushlight.device import xp

__all__ = ["Policy", "Region", "autocasts", "casting", "lower_dtype", "lowered", "within"]

F = TypeVar("F", bound=Callable[..., Any])
Policy = Literal["lower", "float32", "widest", "as it is"]


class Casting:
    """How many autocasts are entered, in all threads: operations look no further where it is 0."""

    __slots__ = ("active",)

    def __init__(self) -> None:
        self.active = 0


casting = Casting()


class Region:
    """An autocast that is entered: its dtype, and converted parameters, or None where they are not kept."""

    __slots__ = ("cache", "dtype")

    def __init__(self, dtype: Any, cache: dict[int, tuple[Tensor, int, Tensor]] | None) -> None:
        self.dtype, self.cache = dtype, cache

    def __call__(self, value: Any) -> Any:
        """`value` in the lower dtype, if it is a tensor of floats other than float64; lists of such too."""
        if isinstance(value, (list, tuple)) and any(isinstance(v, Tensor) for v in value):
            return type(value)(map(self, value))
        if not _casts(value) or value.dtype == self.dtype:
            return value
        leaf = value.requires_grad and value.is_leaf and value._view is None and value.dtype == xp.float32
        if self.cache is None or not leaf or not state.grad_enabled or state.run is not None:
            return value.to(self.dtype)
        source, written, found = self.cache.get(id(value), (None, 0, value))
        now = base_of(value)._written
        if source is not value or written != now:
            found = value.to(self.dtype)
            self.cache[id(value)] = value, now, found
        return found


def _casts(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype.kind == "f" and value.dtype != xp.float64


def _float32(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and any(isinstance(v, Tensor) for v in value):
        return type(value)(map(_float32, value))
    return value.float() if _casts(value) else value


def _has_float32(args: tuple[Any, ...]) -> bool:
    return any(isinstance(a, Tensor) and a.dtype == xp.float32 for a in args)


def lower_dtype() -> Any:
    """The dtype of the autocast that is entered in this thread, or None."""
    return None if state.cast is None else state.cast.dtype


class within:
    """Another region for a while; None for no autocast, as within an operation."""

    def __init__(self, region: Region | None) -> None:
        self._region = region

    def __enter__(self) -> None:
        casting.active += 1
        self._before, state.cast = state.cast, self._region

    def __exit__(self, *error: object) -> None:
        state.cast = self._before
        casting.active -= 1


def lowered(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs of a product as the autocast that is entered here, if any, wants them."""
    region = state.cast
    return inputs if region is None else tuple(map(region, inputs))


def autocasts(policy: Policy) -> Callable[[F], F]:
    """Within autocast a function takes its tensors in the lower dtype, or in float32, or in that if one is,
    or as they are; what it is made of does not convert again."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            region = state.cast if casting.active else None
            if region is None:
                return function(*args, **options)
            with within(None):
                wide = policy == "float32" or (policy == "widest" and _has_float32(args))
                if wide or policy == "lower":
                    cast = _float32 if wide else region
                    args, options = tuple(map(cast, args)), {k: cast(v) for k, v in options.items()}
                return function(*args, **options)

        return run  # type: ignore[return-value]

    return decorate
