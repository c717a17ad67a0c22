"""What einops needs to work on tensors: how they are permuted, reduced and repeated.

einops asks classes derived from its `AbstractBackend`. The one for Rushlight is made when einops has loaded,
by a finder that `import rushlight` enters (`aliases.py`); Rushlight itself never imports einops.
"""

from __future__ import annotations

from typing import Any

from einops._backends import AbstractBackend

import rushlight as rl

__all__ = ["RushlightBackend"]


class RushlightBackend(AbstractBackend):
    """Rushlight's tensors, as einops asks for them."""

    framework_name = "rushlight"

    def is_appropriate_type(self, tensor: Any) -> bool:
        """Whether it is a tensor of Rushlight's."""
        return isinstance(tensor, rl.Tensor)

    def from_numpy(self, x: Any) -> Any:
        """The array as a tensor; one of floats requires grad."""
        found = rl.from_numpy(x)
        return found.requires_grad_() if found.is_floating_point() else found

    def to_numpy(self, x: Any) -> Any:
        """The tensor as an array."""
        return x.detach().numpy()

    def arange(self, start: int, stop: int) -> Any:
        """Whole numbers."""
        return rl.arange(start, stop, dtype=rl.int64)

    def reduce(self, x: Any, operation: str, axes: Any) -> Any:
        """min, max, sum, mean, prod, any or all over the axes."""
        if operation in ("min", "max"):
            return getattr(x, f"a{operation}")(dim=tuple(axes))
        if operation in ("sum", "mean"):
            return getattr(x, operation)(dim=tuple(axes))
        for axis in sorted(axes, reverse=True):
            x = getattr(x, operation)(dim=axis)
        return x

    def transpose(self, x: Any, axes: Any) -> Any:
        """The axes in an order."""
        return x.permute(axes)

    def stack_on_zeroth_dimension(self, tensors: list[Any]) -> Any:
        """The tensors behind a new first axis."""
        return rl.stack(tensors)

    def add_axis(self, x: Any, new_position: int) -> Any:
        """A new axis of length 1."""
        return x.unsqueeze(new_position)

    def add_axes(self, x: Any, n_axes: int, pos2len: dict[int, int]) -> Any:
        """New axes, along which the tensor repeats."""
        sizes = [-1] * n_axes
        for position, length in pos2len.items():
            x = x.unsqueeze(position)
            sizes[position] = length
        return x.expand(sizes)

    def tile(self, x: Any, repeats: Any) -> Any:
        """The tensor again and again."""
        return x.repeat(repeats)

    def concat(self, tensors: list[Any], axis: int) -> Any:
        """The tensors one after the other."""
        return rl.cat(tensors, dim=axis)

    def is_float_type(self, x: Any) -> bool:
        """Whether it has floats."""
        return bool(x.is_floating_point())

    def einsum(self, pattern: str, *x: Any) -> Any:
        """Einstein's sum."""
        return rl.einsum(pattern, *x)
