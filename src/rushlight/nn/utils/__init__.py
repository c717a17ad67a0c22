"""Gradient clipping, and a model's parameters as one vector and back.

What few programs use loads when one of its names is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rushlight import ops
from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.errors import AnomalyError, ArgumentError, ShapeError, message, names_of, namespace

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in listed if p.grad is not None]


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The p-norm of all elements of ``tensors`` together, (Σ |x|^p)^(1/p), as a 0-d Tensor; inf gives the
    largest |x|.

    >>> import rushlight as rl
    >>> rl.nn.utils.get_total_norm([rl.tensor([3.0]), rl.tensor([4.0])]).item()
    5.0
    """
    total = _total_norm([tensors] if isinstance(tensors, Tensor) else list(tensors), norm_type)
    if error_if_nonfinite and not bool(ops.isfinite(total)):
        remedy = "Look for the cause with rl.detect_anomaly()."
        raise AnomalyError(message("get_total_norm", f"a norm of {total.item()}", "a finite one", remedy))
    return total


def _total_norm(tensors: list[Tensor], norm_type: float) -> Tensor:
    tensors = [t for t in tensors if t.numel()]
    if not norm_type > 0:
        raise ArgumentError(message("get_total_norm", f"norm_type={norm_type}", "a number above 0", "Use 2."))
    if not tensors:
        return ops.zeros(())
    if norm_type == math.inf:
        return ops.stack([t.abs().max() for t in tensors]).max()
    if norm_type == 2.0:
        return ops.stack([(t * t).sum() for t in tensors]).sum().sqrt()
    return ops.stack([(t.abs() ** norm_type).sum() for t in tensors]).sum() ** (1.0 / norm_type)


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales all gradients in place to a joint norm of at most ``max_norm``; returns the norm before.

    Every gradient is multiplied by min(1, max_norm / (norm + 1e-6)), as in PyTorch. Raises AnomalyError for a
    norm that is no number or infinite, if ``error_if_nonfinite``.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.zeros(2)); p.grad = rl.tensor([3.0, 4.0])
    >>> rl.nn.utils.clip_grad_norm_([p], 1.0).item(), [round(g, 3) for g in p.grad.tolist()]
    (5.0, [0.6, 0.8])
    """
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total = get_total_norm(_grads(parameters), norm_type)
    if error_if_nonfinite and not bool(ops.isfinite(total)):
        remedy = "Look for the cause with rl.detect_anomaly()."
        raise AnomalyError(
            message("clip_grad_norm_", f"a gradient norm of {total.item()}", "a finite one", remedy)
        )
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The older name of `clip_grad_norm_`."""
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Multiplies all gradients in place by min(1, max_norm / (total_norm + 1e-6)).

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.zeros(2)); p.grad = rl.tensor([3.0, 4.0])
    >>> rl.nn.utils.clip_grads_with_norm_([p], 1.0, rl.tensor(10.0))
    >>> [round(g, 3) for g in p.grad.tolist()]
    [0.3, 0.4]
    """
    factor = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
    for grad in _grads(parameters):
        grad.mul_(factor.to(grad.dtype))


@no_grad()
def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limits every element of every gradient, in place, to [-clip_value, clip_value].

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.zeros(2)); p.grad = rl.tensor([3.0, -4.0])
    >>> rl.nn.utils.clip_grad_value_([p], 1.0); p.grad.tolist()
    [1.0, -1.0]
    """
    for grad in _grads(parameters):
        grad.clamp_(-float(clip_value), float(clip_value))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters one after the other as a vector; gradients flow through.

    >>> import rushlight as rl
    >>> rl.nn.utils.parameters_to_vector(rl.nn.Linear(2, 3).parameters()).shape
    Size([9])
    """
    return ops.cat([p.reshape(-1) for p in parameters])


@no_grad()
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Writes the parts of a vector into the parameters, in place. Raises ShapeError unless the lengths agree.

    >>> import rushlight as rl
    >>> layer = rl.nn.Linear(2, 1)
    >>> rl.nn.utils.vector_to_parameters(rl.tensor([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.bias.tolist()
    [3.0]
    """
    parameters = list(parameters)
    total = sum(p.numel() for p in parameters)
    if vec.shape != (total,):
        got = f"a vector of shape {vec.shape}"
        raise ShapeError(
            message("vector_to_parameters", got, f"shape ({total},)", "Make it of the same model.")
        )
    start = 0
    for p in parameters:
        p.copy_(vec[start : start + p.numel()].reshape(p.shape))
        start += p.numel()


LATER: dict[str, str] = {
    "parametrizations": "",
    "parametrize": "",
    "folding": "fuse_conv_bn_eval fuse_conv_bn_weights fuse_linear_bn_eval fuse_linear_bn_weights skip_init",
    "rnn": "",
    "renorm": "remove_spectral_norm remove_weight_norm spectral_norm weight_norm",
}
"""Files that load when used, and their names."""

if not TYPE_CHECKING:
    __all__ += names_of(LATER)  # noqa: PLE0605
    __getattr__, __dir__ = namespace(__name__, __all__, LATER)
