"""Layers that normalise: over the batch, the layer, groups of channels, or each instance."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rushlight import ops
from rushlight.core.placement import check_device
from rushlight.core.state import no_grad
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.nn.functional.normalization import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from rushlight.nn.init import ones_, zeros_
from rushlight.nn.module import Module

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "SyncBatchNorm",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "RMSNorm",
]


class _Affine(Module):
    """What the layers share: a scale that starts at 1 and a shift that starts at 0."""

    weight: Parameter | None
    bias: Parameter | None

    def _make(self, shape: tuple[int, ...], weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        check_device(device)
        for name, wanted in (("weight", weight), ("bias", bias)):
            self.register_parameter(name, Parameter(ops.empty(shape, dtype=dtype)) if wanted else None)

    def reset_parameters(self) -> None:
        """The scale becomes 1 and the shift 0."""
        if self.weight is not None:
            ones_(self.weight)
        bias = self.__dict__.get("bias")
        if bias is not None:
            zeros_(bias)


class _Running(_Affine):
    """What layers with running statistics share."""

    ndims: tuple[int, ...]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make((num_features,), affine, affine and bias, device, dtype)
        kept = track_running_stats
        self.register_buffer("running_mean", ops.zeros(num_features, dtype=dtype) if kept else None)
        self.register_buffer("running_var", ops.ones(num_features, dtype=dtype) if kept else None)
        self.register_buffer("num_batches_tracked", ops.zeros((), dtype="int64") if kept else None)
        self.reset_parameters()

    @no_grad()
    def reset_running_stats(self) -> None:
        """The running mean becomes 0, the running variance 1, and no batch has been counted."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, and running statistics as at the start."""
        self.reset_running_stats()
        super().reset_parameters()

    def _before_loading(self, state: dict[str, Any], prefix: str) -> None:
        """States that were saved before batches were counted have no count."""
        super()._before_loading(state, prefix)
        if self.num_batches_tracked is not None:
            state.setdefault(f"{prefix}num_batches_tracked", self.num_batches_tracked)

    def _check(self, input: Tensor) -> None:
        if input.ndim not in self.ndims:
            got = f"an input of {input.ndim} axes"
            expected = " or ".join(str(n) for n in self.ndims)
            raise ShapeError(message(type(self).__name__, got, f"{expected} axes"))

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm(_Running):
    """What the layers that normalise over the batch share."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        momentum: float | Tensor = 0.0 if self.momentum is None else self.momentum
        mean, var = self.running_mean, self.running_var
        own = self.training or (mean is None and var is None)
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            with no_grad():
                self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the mean of all batches
                momentum = 1.0 / self.num_batches_tracked.to(input.dtype)
        if self.training and not self.track_running_stats:
            mean = var = None
        return self._normalised(input, mean, var, own, momentum)

    def _normalised(
        self, input: Tensor, mean: Tensor | None, var: Tensor | None, own: bool, momentum: float | Tensor
    ) -> Tensor:
        """By the batch's `own` mean and variance, towards which the given ones move, or by these."""
        return batch_norm(input, mean, var, self.weight, self.bias, own, momentum, self.eps)


class BatchNorm1d(BatchNorm):
    """Each channel of (N, C) or (N, C, L) is brought to mean 0 and variance 1 over the batch, then
    y = x̂ weight + bias.

    In training by the batch's statistics, towards which `running_mean` and `running_var` move by `momentum`
    (None: they are the mean over all batches); with ``eval()`` by those. Without `track_running_stats` always
    by the batch's. `affine`: whether there are weight and bias. Raises ShapeError for other inputs,
    ArgumentError in training for one number a channel. (Ioffe and Szegedy, 2015.)

    >>> import rushlight as rl
    >>> layer = rl.nn.BatchNorm1d(2)
    >>> layer(rl.tensor([[1.0, 10.0], [3.0, 30.0]])).detach(), layer.running_mean
    (tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]]), tensor([0.2000, 2.0000]))
    """

    ndims = (2, 3)


class BatchNorm2d(BatchNorm):
    """`BatchNorm1d` of images (N, C, H, W).

    >>> import rushlight as rl
    >>> tuple(rl.nn.BatchNorm2d(3)(rl.rand(2, 3, 4, 4)).shape)
    (2, 3, 4, 4)
    """

    ndims = (4,)


class BatchNorm3d(BatchNorm):
    """`BatchNorm1d` of volumes (N, C, D, H, W).

    >>> import rushlight as rl
    >>> tuple(rl.nn.BatchNorm3d(3)(rl.rand(2, 3, 2, 2, 2)).shape)
    (2, 3, 2, 2, 2)
    """

    ndims = (5,)


class SyncBatchNorm(BatchNorm):
    """`BatchNorm1d` of inputs (N, C, *) of any number of axes, in training over the batches of all processes
    of `process_group`, which is the whole one of `rl.distributed` if left out; of this process alone where
    there is none.

    >>> import rushlight as rl
    >>> tuple(rl.nn.SyncBatchNorm(3)(rl.rand(2, 3, 4, 4)).shape)
    (2, 3, 4, 4)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ShapeError(message("SyncBatchNorm", f"an input of {input.ndim} axes", "2 or more"))

    def _normalised(
        self, input: Tensor, mean: Tensor | None, var: Tensor | None, own: bool, momentum: float | Tensor
    ) -> Tensor:
        if own and self.training and "rushlight.distributed" in sys.modules:
            from rushlight.nn.synchronized import several, sync_batch_norm

            if (group := several(self.process_group)) is not None:
                tensors = self.weight, self.bias, mean, var
                return sync_batch_norm(input, *tensors, momentum, self.eps, group)
        return super()._normalised(input, mean, var, own, momentum)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with a SyncBatchNorm, of the same tensors, in the place of every other batch norm.

        >>> import rushlight as rl
        >>> net = rl.nn.Sequential(rl.nn.Conv2d(1, 2, 3), rl.nn.BatchNorm2d(2))
        >>> type(rl.nn.SyncBatchNorm.convert_sync_batchnorm(net)[1]).__name__
        'SyncBatchNorm'
        """
        if isinstance(module, BatchNorm):
            if type(module) is cls:
                return module
            made = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                if getattr(module, name) is not None:
                    setattr(made, name, getattr(module, name))
            return made.train(module.training)
        for name, child in list(module.named_children()):
            setattr(module, name, cls.convert_sync_batchnorm(child, process_group))
        return module


class _InstanceNorm(_Running):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        alone = input.ndim == self.ndims[0]
        x = input.unsqueeze(0) if alone else input
        if self.affine and x.shape[1] != self.num_features:
            got = f"{x.shape[1]} channels"
            raise ArgumentError(message(type(self).__name__, got, f"num_features={self.num_features}"))
        own = self.training or not self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        running = self.running_mean, self.running_var
        y = instance_norm(x, *running, self.weight, self.bias, own, momentum, self.eps)
        return y.squeeze(0) if alone else y


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample of (N, C, L), or of one sample (C, L), is brought to mean 0 and variance 1.

    `affine`: then y = x̂ weight + bias. With `track_running_stats` running statistics are kept, as in
    `BatchNorm1d`, and used after ``eval()``. Raises ShapeError for other inputs, ArgumentError for channels
    of one number. (Ulyanov et al., 2016.)

    >>> import rushlight as rl
    >>> rl.nn.InstanceNorm1d(2, eps=0.0)(rl.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """

    ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` of images (N, C, H, W) or (C, H, W).

    >>> import rushlight as rl
    >>> tuple(rl.nn.InstanceNorm2d(3)(rl.rand(2, 3, 4, 4)).shape)
    (2, 3, 4, 4)
    """

    ndims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` of volumes (N, C, D, H, W) or (C, D, H, W).

    >>> import rushlight as rl
    >>> tuple(rl.nn.InstanceNorm3d(3)(rl.rand(2, 3, 2, 2, 2)).shape)
    (2, 3, 2, 2, 2)
    """

    ndims = (4, 5)


def _sizes(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    if hasattr(normalized_shape, "__index__"):
        return (int(normalized_shape),)
    return tuple(normalized_shape)


class LayerNorm(_Affine):
    """(x - mean) / sqrt(variance + eps) weight + bias over the last axes, whose sizes are `normalized_shape`.

    `elementwise_affine`: whether there is a weight, and with `bias` a bias, of that shape. Raises ShapeError
    for an input whose last axes have other sizes. (Ba et al., 2016.)

    >>> import rushlight as rl
    >>> rl.nn.LayerNorm(2, eps=0.0, elementwise_affine=False)(rl.tensor([[1.0, 3.0], [5.0, 9.0]]))
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        bias = self.bias is not None
        affine = self.elementwise_affine
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}, bias={bias}"


class RMSNorm(_Affine):
    """x / sqrt(mean(x²) + eps) weight over the last axes, whose sizes are `normalized_shape`.

    eps   None: the distance of 1 to the next number of the input's dtype.

    `elementwise_affine`: whether there is a weight. Raises ShapeError for an input whose last axes have other
    sizes. (Zhang and Sennrich, 2019.)

    >>> import rushlight as rl
    >>> rl.nn.RMSNorm(2)(rl.tensor([[3.0, 3.0]])).tolist()
    [[1.0, 1.0]]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        check_device(device)
        weight = Parameter(ops.empty(self.normalized_shape, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """(N, C, *): each sample's channels, cut into `num_groups` groups, are brought to mean 0 and variance 1
    group by group; `affine`: then y = x̂ weight + bias with a number for each channel.

    Raises ArgumentError where `num_channels` is no multiple of `num_groups`, ShapeError for an input of other
    channels. (Wu and He, 2018.)

    >>> import rushlight as rl
    >>> tuple(rl.nn.GroupNorm(2, 4, affine=False)(rl.rand(3, 4, 5)).shape)
    (3, 4, 5)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            got = f"num_channels={num_channels} and num_groups={num_groups}"
            raise ArgumentError(message("GroupNorm", got, "a multiple of the groups"))
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make((num_channels,), affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        bias = self.bias is not None
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={bias}"
