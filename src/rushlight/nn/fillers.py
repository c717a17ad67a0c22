"""Initialisers that few programs use, and older names without an underscore. ``nn.init`` offers it all."""

from __future__ import annotations

import math
import statistics
from typing import Any

from rushlight import ops
from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.nn import init

__all__ = [
    "constant",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
]


def _check_axes(name: str, tensor: Tensor, *axes: int) -> None:
    if tensor.ndim not in axes:
        expected = " or ".join(str(n) for n in axes) + " axes"
        raise ShapeError(message(name, f"shape {tensor.shape}", expected))


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Fills a matrix with the identity, in place: as many inputs as possible pass unchanged.

    >>> import rushlight as rl
    >>> rl.nn.init.eye_(rl.empty(2, 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    _check_axes("eye_", tensor, 2)
    return tensor.copy_(ops.eye(*tensor.shape, dtype=tensor.dtype))


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fills the weight of a convolution, (out, in, *field), such that as many channels as possible of each
    group pass unchanged, in place.

    >>> import rushlight as rl
    >>> rl.nn.init.dirac_(rl.empty(2, 2, 3)).tolist()
    [[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]
    """
    _check_axes("dirac_", tensor, 3, 4, 5)
    outputs, inputs, *field = tensor.shape
    if outputs % groups:
        got = f"{outputs} output channels and groups={groups}"
        raise ArgumentError(message("dirac_", got, "a multiple of the groups"))
    each = outputs // groups
    tensor.zero_()
    for start in range(0, outputs, each):
        for channel in range(min(each, inputs)):
            tensor[(start + channel, channel, *(n // 2 for n in field))] = 1.0
    return tensor


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Fills with a random orthogonal matrix times `gain`, in place; further axes join the second.

    The rows are orthogonal, or the columns where there are fewer of them. (Saxe et al., 2013.)

    >>> import rushlight as rl
    >>> w = rl.nn.init.orthogonal_(rl.empty(3, 5))
    >>> bool((w @ w.T - rl.eye(3)).abs().max() < 1e-5)
    True
    """
    from rushlight.ops.factors import qr  # the matrices' decompositions load for this one alone

    if tensor.ndim < 2:
        raise ShapeError(message("orthogonal_", f"shape {tensor.shape}", "two axes or more"))
    if not tensor.numel():
        return tensor
    rows, columns = tensor.shape[0], tensor.numel() // tensor.shape[0]
    shape = (max(rows, columns), min(rows, columns))
    q, r = qr(ops.randn(*shape, dtype=tensor.dtype, generator=generator))
    # With the signs of r's diagonal every orthogonal matrix is as likely.
    q = q * ops.einsum("ii->i", r).sign()
    return tensor.copy_((q.T if rows < columns else q).reshape(tensor.shape) * gain)


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fills a matrix with N(0, std²), and in each column a part `sparsity` of the rows, rounded up, with 0.
    (Martens, 2010.)

    >>> import rushlight as rl
    >>> (rl.nn.init.sparse_(rl.empty(10, 3), 0.25) == 0).sum(0).tolist()
    [3, 3, 3]
    """
    _check_axes("sparse_", tensor, 2)
    zeros = math.ceil(sparsity * tensor.shape[0])
    init.normal_(tensor, 0.0, std, generator)
    order = ops.rand(*tensor.shape, generator=generator).argsort(0).argsort(0)
    return tensor.masked_fill_(order < zeros, 0.0)


@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Fills with draws from N(mean, std²) given that they are in [a, b], in place.

    >>> import rushlight as rl
    >>> bool((rl.nn.init.trunc_normal_(rl.empty(100), std=5.0).abs() <= 2.0).all())
    True
    """
    if not a < b:
        raise ArgumentError(message("trunc_normal_", f"a={a} and b={b}", "a below b"))
    if std == 0:
        return tensor.fill_(min(max(mean, a), b))
    law = statistics.NormalDist(mean, std)
    low, high = law.cdf(a), law.cdf(b)
    if high - low < 0.02:
        return tensor.copy_(_inverted(tensor, law, low, high, generator).clamp(a, b))
    init.normal_(tensor, mean, std, generator)
    while bool((outside := (tensor < a) | (tensor > b)).any()):
        again = ops.randn(int(outside.sum().item()), dtype=tensor.dtype, generator=generator)
        tensor[outside] = again * std + mean
    return tensor


def _inverted(tensor: Tensor, law: Any, low: float, high: float, generator: Any) -> Tensor:
    """Draws from a small part of a normal distribution: its inverse, at uniform numbers."""
    tiny = 1e-300
    uniform = (ops.rand(tensor.numel(), dtype=xp.float64, generator=generator) * (high - low) + low).tolist()
    drawn = [law.inv_cdf(min(max(u, tiny), 1 - 1e-16)) for u in uniform]
    return ops.tensor(drawn, dtype=xp.float64).to(tensor.dtype).reshape(tensor.shape)


constant = init.constant_
dirac = dirac_
eye = eye_
kaiming_normal = init.kaiming_normal_
kaiming_uniform = init.kaiming_uniform_
normal = init.normal_
orthogonal = orthogonal_
sparse = sparse_
uniform = init.uniform_
xavier_normal = init.xavier_normal_
xavier_uniform = init.xavier_uniform_
