"""Batch normalisation put into the layer before it; layers made without drawing their weights."""

from __future__ import annotations

import copy
from typing import Any

from rushlight.core.state import no_grad
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, message
from rushlight.nn.module import Module

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "skip_init",
]


@no_grad()
def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """(weight, bias) of the layer that does what a convolution and a batch normalisation by its running
    statistics do: W s and (b - mean) s + shift with s = scale / sqrt(variance + eps).

    transpose   of a transposed convolution, whose outputs are the second axis.

    >>> import rushlight as rl
    >>> one = rl.ones(1)
    >>> w, b = rl.nn.utils.fuse_conv_bn_weights(rl.ones(1, 1, 1), None, one, 4 * one, 0.0, 2 * one, one)
    >>> w.item(), b.item()
    (1.0, 0.0)
    """
    scale = (bn_rv + bn_eps).rsqrt()
    scale = scale if bn_w is None else scale * bn_w
    shift = -bn_rm if conv_b is None else conv_b - bn_rm
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    weight = conv_w * scale.reshape(shape)
    bias = shift * scale if bn_b is None else shift * scale + bn_b
    return Parameter(weight.to(conv_w.dtype), conv_w.requires_grad), Parameter(bias.to(conv_w.dtype))


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """`fuse_conv_bn_weights` of a Linear.

    >>> import rushlight as rl
    >>> one = rl.ones(1)
    >>> w, b = rl.nn.utils.fuse_linear_bn_weights(rl.ones(1, 1), None, one, 4 * one, 0.0, 2 * one, one)
    >>> w.item(), b.item()
    (1.0, 0.0)
    """
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def _fused(name: str, layer: Any, bn: Any, transpose: bool) -> Any:
    if layer.training or bn.training:
        raise ArgumentError(message(name, "layers in training", "both after eval()", "Call eval() first."))
    if bn.running_mean is None or bn.running_var is None:
        raise ArgumentError(message(name, "no running statistics", "a layer that tracks them"))
    if bn.num_features not in (1, layer.weight.shape[1 if transpose else 0]):
        got = f"num_features={bn.num_features} after a weight of shape {layer.weight.shape}"
        raise ArgumentError(message(name, got, "the number of outputs"))
    fused = copy.deepcopy(layer)
    statistics = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    fused.weight, fused.bias = fuse_conv_bn_weights(fused.weight, fused.bias, *statistics, transpose)
    return fused


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """One convolution that does what `conv` and then `bn` do after ``eval()``.

    Raises ArgumentError in training, and without running statistics.
    """
    return _fused("fuse_conv_bn_eval", conv, bn, transpose)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """One Linear that does what `linear` and then `bn` do after ``eval()``.

    Raises ArgumentError in training, and without running statistics.

    >>> import rushlight as rl
    >>> linear, bn = rl.nn.Linear(2, 3).eval(), rl.nn.BatchNorm1d(3).eval()
    >>> rl.nn.utils.fuse_linear_bn_eval(linear, bn)
    Linear(in_features=2, out_features=3, bias=True)
    """
    return _fused("fuse_linear_bn_eval", linear, bn, False)


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """``module_cls(*args, **kwargs)`` without drawing its weights, whose numbers are then whatever the memory
    held: for what is loaded at once.

    Raises ArgumentError for what is no class of modules.

    >>> import rushlight as rl
    >>> tuple(rl.nn.utils.skip_init(rl.nn.Linear, 3, 1).weight.shape)
    (1, 3)
    """
    if not isinstance(module_cls, type) or not issubclass(module_cls, Module):
        raise ArgumentError(message("skip_init", repr(module_cls), "a class of modules"))
    quiet = type(module_cls.__name__, (module_cls,), {"reset_parameters": lambda self: None})
    module: Module = quiet(*args, **kwargs)
    object.__setattr__(module, "__class__", module_cls)
    return module
