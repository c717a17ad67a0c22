"""Convolutions as sums of products over windows, which are views, as borders are.

That is how they are compiled: the windows' overlapping elements are read where they lie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.ops.einsum import EINSUM
from rushlight.ops.join import cat
from rushlight.ops.pad import PAD, WINDOWS, constant_pad

__all__ = ["conv_input_product", "conv_product", "conv_weight_product"]

Sizes = tuple[int, ...]
PLACES, INSIDE, RESTS = "xyzuvw", "klmhij", "pqrabd"
"""Letters: where a window is, what is where in it, and how far an element is from where strides lead."""


def _wide(product: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Of 16-bit floats the product in float32, rounded at the end."""

    def rounded(*inputs: Tensor, **how: Any) -> Tensor:
        if not xp.is_narrow(inputs[0].dtype):
            return product(*inputs, **how)
        return product(*[x.float() for x in inputs], **how).to(inputs[0].dtype)

    return rounded


def _bordered(x: Tensor, low: Sequence[int], high: Sequence[int]) -> Tensor:
    """`x` with zeros around its last axes."""
    if not any(low) and not any(high):
        return x
    return constant_pad(x, [n for pair in zip(reversed(low), reversed(high), strict=True) for n in pair], 0)


def _parted(x: Tensor, axis: int, groups: int) -> Tensor:
    """`x` with its channels, along that axis, as two axes, if there are groups."""
    return x if groups == 1 else x.reshape(*x.shape[:axis], groups, -1, *x.shape[axis + 1 :])


def _joined(x: Tensor, axis: int, groups: int) -> Tensor:
    return x if groups == 1 else x.flatten(axis, axis + 1)


def _windows(x: Tensor, sizes: Sizes, steps: Sizes, spread: Sizes) -> Tensor:
    """Windows along the last axes."""
    axes = tuple(range(x.ndim - len(sizes), x.ndim))
    return apply(WINDOWS, x, dims=axes, sizes=sizes, steps=steps, spread=spread)


@_wide
def conv_product(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Tensor:
    """Of each window and the weight, over the channels and what is in the window."""
    kernel, g = weight.shape[2:], "g" * (groups > 1)
    k, places = INSIDE[: len(kernel)], PLACES[: len(kernel)]
    seen = _windows(_parted(_bordered(x, padding, padding), 1, groups), kernel, stride, dilation)
    equation = f"n{g}c{places}{k},{g}oc{k}->n{g}o{places}"
    y = apply(EINSUM, seen, _parted(weight, 0, groups), equation=equation)
    if bias is not None:
        bias = _parted(bias, 0, groups)
        y = y + bias.reshape(*bias.shape, *(1,) * len(kernel))
    return _joined(y, 1, groups)


@_wide
def conv_weight_product(
    x: Tensor, g: Tensor, *, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Tensor:
    """Of each window and the gradient there, over the samples and the places."""
    group, k, places = "g" * (groups > 1), INSIDE[: len(kernel)], PLACES[: len(kernel)]
    seen = _windows(_parted(_bordered(x, padding, padding), 1, groups), kernel, stride, dilation)
    equation = f"n{group}c{places}{k},n{group}o{places}->{group}oc{k}"
    return _joined(apply(EINSUM, seen, _parted(g, 1, groups), equation=equation), 0, groups)


@_wide
def conv_input_product(
    g: Tensor, weight: Tensor, *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Tensor:
    """Counted from the border's beginning, element stride q + r of the input meets g[q - m] with the weight
    at stride m + r: for each q and r a sum over m, along windows of g."""
    count = len(stride)
    if any(s > 1 and d > 1 for s, d in zip(stride, dilation, strict=True)):
        # Then no strides lead from one element to the next; with zeros between those of g they do.
        none = (0,) * g.ndim
        g = apply(PAD, g, low=none, high=none, inner=(0, 0, *[s - 1 for s in stride]), value=0)
        stride = (1,) * count
    cut = [p % s for p, s in zip(padding, stride, strict=True)]
    places = [-(-(n + c) // s) for n, c, s in zip(size, cut, stride, strict=True)]
    before = tuple(p // s for p, s in zip(padding, stride, strict=True))
    x = _Transposed(g, weight, stride, dilation, groups, places, before).all()
    x = x.reshape(*x.shape[:2], *[n * s for n, s in zip(places, stride, strict=True)])
    for d, (c, n) in enumerate(zip(cut, size, strict=True), start=2):
        x = x if n == x.shape[d] else x.narrow(d, c, n)
    return x


@dataclass(frozen=True)
class _Transposed:
    """The sums for all q and r. `places` says how many q there are along each axis, `before` how many come
    before the first."""

    g: Tensor
    weight: Tensor
    stride: Sizes
    dilation: Sizes
    groups: int
    places: Sequence[int]
    before: Sizes

    def all(self, rests: tuple[range, ...] = (), rounds: Sizes = ()) -> Tensor:
        """Those of these r along the first axes, for which there are so many m, and all along the others.

        Where the stride does not divide the window, the last r have one m less than the first.
        """
        axis = len(rests)
        if axis == len(self.stride):
            return self._sums(rests, rounds)
        step, size = self.stride[axis], self.weight.shape[2 + axis]
        most, more = -(-size // step), size % step or step
        first = self.all((*rests, range(more)), (*rounds, most))
        if more == step:
            return first
        dim = 3 + 2 * axis
        if most == 1:
            rest = [step - more if d == dim else 0 for d in range(first.ndim)]
            return _bordered(first, [0] * first.ndim, rest)
        return cat([first, self.all((*rests, range(more, step)), (*rounds, most - 1))], dim)

    def _sums(self, rests: tuple[range, ...], rounds: Sizes) -> Tensor:
        count, groups = len(rests), self.groups
        low = [d * (m - 1) - b for d, m, b in zip(self.dilation, rounds, self.before, strict=True)]
        sizes = zip(self.places, self.before, self.g.shape[2:], strict=True)
        g = _parted(_bordered(self.g, low, [q + b - n for q, b, n in sizes]), 1, groups)
        weight = _parted(self._weight(rests, rounds), 0, groups)
        q, m, r = (letters[:count] for letters in (PLACES, INSIDE, RESTS))
        group = "g" * (groups > 1)
        inside, found = ("".join(map("".join, zip(first, r, strict=True))) for first in (m, q))
        equation = f"n{group}o{q}{m},{group}oc{inside}->n{group}c{found}"
        seen = _windows(g, rounds, (1,) * count, self.dilation)
        return _joined(apply(EINSUM, seen, weight, equation=equation), 1, groups)

    def _weight(self, rests: tuple[range, ...], rounds: Sizes) -> Tensor:
        """The weight at stride m + r, over m, from the last to the first, and r."""
        count, weight = len(rests), self.weight
        ends = [m * s - k for m, s, k in zip(rounds, self.stride, weight.shape[2:], strict=True)]
        weight = _bordered(weight, [0] * count, ends)
        pairs = [n for pair in zip(rounds, self.stride, strict=True) for n in pair]
        weight = weight.reshape(*weight.shape[:2], *pairs)
        for i, r in enumerate(rests):
            if len(r) != self.stride[i]:
                weight = weight.narrow(3 + 2 * i, r.start, len(r))
        return weight.flip([2 + 2 * i for i in range(count)])
