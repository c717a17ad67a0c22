"""The layers of einops, as `einops.layers.torch` has them; the port tool changes imports of that to this."""

from __future__ import annotations

from typing import Any

from einops.layers import RearrangeMixin, ReduceMixin
from einops.layers._einmix import _EinmixMixin

import rushlight as rl

__all__ = ["EinMix", "Rearrange", "Reduce"]


class Rearrange(RearrangeMixin, rl.nn.Module):
    """`einops.rearrange` as a layer."""

    def forward(self, input: Any) -> Any:
        """The tensor rearranged."""
        return self._apply_recipe(input)


class Reduce(ReduceMixin, rl.nn.Module):
    """`einops.reduce` as a layer."""

    def forward(self, input: Any) -> Any:
        """The tensor reduced."""
        return self._apply_recipe(input)


class EinMix(_EinmixMixin, rl.nn.Module):
    """A linear layer whose axes a pattern names, as `einops.layers.torch.EinMix`."""

    def _create_parameters(
        self, weight_shape: Any, weight_bound: float, bias_shape: Any, bias_bound: float
    ) -> None:
        self.weight = rl.nn.Parameter(rl.empty(weight_shape).uniform_(-weight_bound, weight_bound))
        self.bias = None
        if bias_shape is not None:
            self.bias = rl.nn.Parameter(rl.empty(bias_shape).uniform_(-bias_bound, bias_bound))

    def _create_rearrange_layers(self, before: Any, sizes_before: Any, after: Any, sizes_after: Any) -> None:
        self.pre_rearrange = None if before is None else Rearrange(before, **sizes_before)  # type: ignore[call-arg]
        self.post_rearrange = None if after is None else Rearrange(after, **sizes_after)  # type: ignore[call-arg]

    def forward(self, input: Any) -> Any:
        """The sums of products that the pattern names."""
        if self.pre_rearrange is not None:
            input = self.pre_rearrange(input)
        found = rl.einsum(self.einsum_pattern, input, self.weight)
        if self.bias is not None:
            found = found + self.bias
        return found if self.post_rearrange is None else self.post_rearrange(found)
