"""What transforms are, and transforms made of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from rushlight.core.random import default_generator
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.nn.containers import ModuleList
from rushlight.nn.module import Module

__all__ = [
    "Compose", "Lambda", "RandomApply", "RandomChoice", "RandomOrder", "Transform", "chance", "draw",
    "draw_index", "draw_many", "draw_order", "shown",
]  # fmt: skip


class Transform(Module):
    """Base of transforms: a module whose `forward` takes a picture or a tensor (..., C, H, W).

    A data set transforms a whole batch at once where the classes say how. What they say holds for the
    `forward` beside it: a subclass with another is asked sample by sample.

    batches  `forward` treats each picture of a batch (N, C, H, W) as it would alone: it draws nothing.
    each     does so for those that draw: a method that draws for each picture of a batch anew; or None.
    moves    pixels are moved only, so that the bytes of a picture and those of a tensor come out alike.
    """

    batches: ClassVar[bool] = False
    each: ClassVar[Callable[..., Tensor] | None] = None
    moves: ClassVar[bool] = False

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        # No layer: nothing is remembered for `backward`, and no hooks are looked for.
        return self.forward(*inputs, **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"


def draw(low: float = 0.0, high: float = 1.0) -> float:
    """A number from `low` to `high`, from the global generator."""
    return low + (high - low) * (_word() >> 11) * 2.0**-53


def draw_many(count: int) -> np.ndarray:
    """`count` numbers from 0 to 1 (float64), from the global generator."""
    words = default_generator.bits(2 * count).array.reshape(count, 2)
    high, low = (words[:, at].astype(np.float64) for at in (0, 1))
    numbers: np.ndarray = (high * 2.0**21 + np.floor(low * 2.0**-11)) * 2.0**-53
    return numbers


def draw_index(low: int, high: int) -> int:
    """A whole number from `low` to `high` - 1, from the global generator."""
    return low + (_word() * (high - low) >> 64)


def _word() -> int:
    """The generator's next 64 bits."""
    first, second = default_generator.bits(2).tolist()
    return int(first) << 32 | int(second)


def draw_order(count: int) -> list[int]:
    """0 .. `count` - 1 in a random order, from the global generator."""
    return sorted(range(count), key=lambda at: _word())


def chance(p: float) -> bool:
    """True with probability `p`."""
    return draw() < p


def shown(**options: Any) -> str:
    """Options as a repr shows them."""
    return ", ".join(f"{name}={value}" for name, value in options.items())


class Compose:
    """The transforms one after another.

    >>> import rushlight as rl
    >>> from rushlight.vision import transforms
    >>> both = transforms.Compose([transforms.CenterCrop(2), transforms.Normalize([0.5], [0.5])])
    >>> both(rl.ones(1, 4, 4)).tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"{type(self).__name__}({lines}\n)"


class Lambda:
    """A function as a transform. Raises DTypeError for what cannot be called.

    >>> Lambda(lambda x: x + 1)(1)
    2
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise DTypeError(message("Lambda", f"a {type(lambd).__name__}", "a function"))
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class RandomApply(Transform):
    """With probability `p` all of the transforms, one after another, else none."""

    def __init__(self, transforms: Sequence[Callable[..., Any]], p: float = 0.5) -> None:
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img: Any) -> Any:
        if not chance(self.p):
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"{type(self).__name__}(\n    p={self.p}{lines}\n)"


class RandomOrder:
    """All of the transforms, in a random order."""

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        self.transforms = _several("RandomOrder", transforms)

    def __call__(self, img: Any) -> Any:
        for at in draw_order(len(self.transforms)):
            img = self.transforms[at](img)
        return img

    __repr__ = Compose.__repr__


class RandomChoice:
    """One of the transforms; `p` are weights of theirs, equal ones if left out.

    Raises ArgumentError for weights that do not fit.
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]], p: Sequence[float] | None = None) -> None:
        self.transforms = _several("RandomChoice", transforms)
        if p is not None and (len(p) != len(transforms) or min(p) < 0 or not sum(p) > 0):
            got = f"p={list(p)} for {len(transforms)} transforms"
            raise ArgumentError(message("RandomChoice", got, "a weight for each, not all of them 0"))
        self.p = p

    def __call__(self, *args: Any) -> Any:
        weights = np.cumsum([1.0] * len(self.transforms) if self.p is None else self.p)
        at = int(np.searchsorted(weights, draw() * weights[-1], side="right"))
        return self.transforms[min(at, len(weights) - 1)](*args)

    def __repr__(self) -> str:
        return f"{Compose.__repr__(self)}(p={self.p})"  # type: ignore[arg-type]


def _several(name: str, transforms: Any) -> Any:
    if not isinstance(transforms, (list, tuple, ModuleList)):
        raise DTypeError(message(name, f"a {type(transforms).__name__}", "a list of transforms"))
    return transforms
