"""Layers that learn how many inputs they have from their first input."""

from __future__ import annotations

from typing import Any

from rushlight.core.state import made_ready
from rushlight.core.state import state as thread
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import NotSupportedError, ShapeError, message
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module
from rushlight.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from rushlight.nn.uninitialized import Uninitialized, UninitializedBuffer, UninitializedParameter

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
    "LazyModuleMixin",
]


class LazyModuleMixin(Module):
    """Stands before a layer's class among the bases: its parameters get their shapes with the first input.

    A class writes `initialize_parameters(*inputs)`, which materialises them, and names in `cls_to_become`
    what it is from then on. Until then an optimiser may hold the parameters, and `load_state_dict` takes any
    shape.
    """

    cls_to_become: type[Module] | None = None
    _inside = False
    """Whether a traced function made it: each call of that makes it anew, and so its parameters."""

    def _wait(self, *names: str, dtype: Any = None) -> None:
        """The parameters of these names, and the buffers, wait for the first input."""
        self._inside = thread.tracing
        for name in names:
            held = self.__dict__.get(name)
            if isinstance(held, Parameter):
                setattr(self, name, UninitializedParameter(dtype=dtype))
            elif isinstance(held, Tensor):
                setattr(self, name, UninitializedBuffer(dtype=dtype))

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters that wait their shapes, which the inputs of forward tell."""
        raise NotSupportedError(
            message(type(self).__name__, "no initialize_parameters", "one that materialises", "Write it.")
        )

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer still waits for its shape."""
        own = (*self._parameters.values(), *self._buffers.values())
        return any(isinstance(tensor, Uninitialized) for tensor in own)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        # What it makes is to exist before a traced program runs.
        with made_ready(self._inside):
            self.initialize_parameters(*inputs, **options)
        if self.has_uninitialized_params():
            got = "parameters without a shape after initialize_parameters"
            raise ShapeError(message(type(self).__name__, got, "all with one"))
        if self.cls_to_become is not None:
            object.__setattr__(self, "__class__", self.cls_to_become)
            return self(*inputs, **options)
        return super().__call__(*inputs, **options)

    def _before_loading(self, state: dict[str, Any], prefix: str) -> None:
        """What waits takes the shape of what is loaded."""
        super()._before_loading(state, prefix)
        for name, tensor in {**self._parameters, **self._buffers}.items():
            given = state.get(prefix + name, tensor)
            if isinstance(tensor, Uninitialized) and not isinstance(given, Uninitialized):
                tensor.materialize(tuple(given.shape))


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` that takes `in_features` from its first input, and is a `Linear` from then on.

    >>> import rushlight as rl
    >>> layer = rl.nn.LazyLinear(3)
    >>> tuple(layer(rl.zeros(5, 2)).shape), layer
    ((5, 3), Linear(in_features=2, out_features=3, bias=True))
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, out_features, bias, device=device, dtype=dtype)
        self._wait("weight", "bias", dtype=dtype)

    def reset_parameters(self) -> None:
        """Draws weight and bias anew, once they have a shape."""
        if not self.has_uninitialized_params() and self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """The weight becomes (out_features, in_features), the bias (out_features,), drawn as in `Linear`."""
        waiting = self.has_uninitialized_params()
        self.in_features = input.shape[-1] if waiting else self.weight.shape[-1]
        if waiting:
            self.weight.materialize((self.out_features, self.in_features))
            if self.bias is not None:
                self.bias.materialize((self.out_features,))
            self.reset_parameters()


class _LazyNorm(LazyModuleMixin):
    """Layers whose features are the channels of the first input."""

    num_features: int

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        args = 0, eps, momentum, affine, track_running_stats, device, dtype
        super().__init__(*args, bias=bias)  # type: ignore[call-arg]
        self._wait("weight", "bias", "running_mean", "running_var", dtype=dtype)

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, and running statistics as at the start, once they have a shape."""
        if not self.has_uninitialized_params() and self.num_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """All become (num_features,)."""
        own = {**self._parameters, **self._buffers}
        own.pop("num_batches_tracked", None)
        waiting = [t for t in own.values() if isinstance(t, Uninitialized)]
        known = [t for t in own.values() if not isinstance(t, Uninitialized)]
        self.num_features = known[0].shape[0] if known else self._channels(input)
        for tensor in waiting:
            tensor.materialize((self.num_features,))
        if waiting:
            self.reset_parameters()

    def _channels(self, input: Tensor) -> int:
        """Of one sample, where the layer takes such, the channels come first."""
        self._check(input)
        alone = isinstance(self, (InstanceNorm1d, InstanceNorm2d, InstanceNorm3d))
        return input.shape[0 if alone and input.ndim == self.ndims[0] else 1]


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A `BatchNorm1d` that takes `num_features` from its first input, and is a `BatchNorm1d` from then on.

    >>> import rushlight as rl
    >>> layer = rl.nn.LazyBatchNorm1d()
    >>> _ = layer(rl.rand(8, 3, 5))
    >>> layer.num_features, type(layer).__name__
    (3, 'BatchNorm1d')
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """`LazyBatchNorm1d` with a `BatchNorm2d`."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """`LazyBatchNorm1d` with a `BatchNorm3d`."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """An `InstanceNorm1d` that takes `num_features` from its first input, and is one from then on.

    >>> import rushlight as rl
    >>> layer = rl.nn.LazyInstanceNorm1d()
    >>> _ = layer(rl.rand(8, 3, 5))
    >>> layer.num_features, type(layer).__name__
    (3, 'InstanceNorm1d')
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """`LazyInstanceNorm1d` with an `InstanceNorm2d`."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """`LazyInstanceNorm1d` with an `InstanceNorm3d`."""

    cls_to_become = InstanceNorm3d
