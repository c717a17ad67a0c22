"""Exponentials over an axis, stable at extreme values: logsumexp, softmax, log_softmax."""

from __future__ import annotations

from functools import partial
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec, normalize_axes, normalize_axis
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.ops import composed
from rushlight.ops.reduce import in_float32, numpy_names, reduced_shape, restore

__all__ = ["log_softmax", "logsumexp", "softmax"]


def _infer_logsumexp(x: Spec, *, dim: tuple[int, ...], keepdim: bool) -> Spec:
    return Spec(reduced_shape(x.shape, dim, keepdim), x.dtype)


def top(m: Any, x: Any, dim: Any) -> Any:
    """The largest along `dim`, to be subtracted before exp; 0 where there is none."""
    largest = m.sum if 0 in x.shape else m.amax  # the sum of nothing is 0
    return largest(x, axis=dim, keepdims=True)


def _logsumexp(m: Any, x: Any, *, dim: tuple[int, ...], keepdim: bool) -> Any:
    largest = top(m, x, dim)
    largest = m.where(m.isfinite(largest), largest, 0.0)
    out = m.log(m.sum(m.exp(x - largest), axis=dim, keepdims=True)) + largest
    return out if keepdim else m.reshape(out, reduced_shape(x.shape, dim, False))


def _softmax(m: Any, x: Any, *, dim: int) -> Any:
    e = m.exp(x - top(m, x, dim))
    return e / m.sum(e, axis=dim, keepdims=True)


def _log_softmax(m: Any, x: Any, *, dim: int) -> Any:
    shifted = x - top(m, x, dim)
    return shifted - m.log(m.sum(m.exp(shifted), axis=dim, keepdims=True))


def _logsumexp_grad(g: Tensor, out: Tensor, x: Tensor, *, dim: tuple[int, ...], keepdim: bool) -> Tensor:
    return restore(g, x.shape, dim, keepdim) * (x - restore(out, x.shape, dim, keepdim)).exp()


LOGSUMEXP = register(
    Op(
        "logsumexp",
        _logsumexp,
        _infer_logsumexp,
        (_logsumexp_grad,),
        saves="both",
        promote="float",
        decompose=partial(_logsumexp, composed),
    )
)
SOFTMAX = register(
    Op(
        "softmax",
        _softmax,
        lambda x, *, dim: x,
        (lambda g, y, x, *, dim: y * (g - (g * y).sum(dim, keepdim=True)),),
        saves="out",
        promote="float",
        decompose=partial(_softmax, composed),
    )
)
LOG_SOFTMAX = register(
    Op(
        "log_softmax",
        _log_softmax,
        lambda x, *, dim: x,
        (lambda g, y, x, *, dim: g - y.exp() * g.sum(dim, keepdim=True),),
        saves="out",
        promote="float",
        decompose=partial(_log_softmax, composed),
    )
)


@method()
@in_float32
def logsumexp(input: Tensor, dim: Any = None, keepdim: bool = False, **numpy: Any) -> Tensor:
    """ln Σ e^x over the axes `dim`, without overflow.

    >>> import rushlight as rl
    >>> rl.logsumexp(rl.tensor([1000.0, 1000.0]), 0)
    tensor(1000.6932)
    """
    if numpy:
        dim, keepdim = numpy_names("logsumexp", numpy, dim, keepdim)
    return apply(LOGSUMEXP, input, dim=normalize_axes("logsumexp", dim, input.ndim), keepdim=keepdim)


@method()
def softmax(input: Tensor, dim: Any = None, *, dtype: Any = None, **numpy: Any) -> Tensor:
    """e^x / Σ e^x along `dim`: positive numbers that add up to 1.

    >>> import rushlight as rl
    >>> rl.softmax(rl.tensor([0.0, 0.0]), 0)
    tensor([0.5000, 0.5000])
    """
    if numpy:
        dim, _ = numpy_names("softmax", numpy, dim)
    x = input if dtype is None else input.to(dtype)
    if not x.ndim:
        return softmax(x.reshape(1), 0).reshape(())
    if xp.is_narrow(x.dtype):
        return softmax(x.to(xp.float32), dim).to(x.dtype)
    return apply(SOFTMAX, x, dim=normalize_axis("softmax", dim, x.ndim))


@method()
def log_softmax(input: Tensor, dim: Any = None, *, dtype: Any = None, **numpy: Any) -> Tensor:
    """ln softmax(x) along `dim`, exact where softmax itself would round to 0.

    >>> import rushlight as rl
    >>> rl.log_softmax(rl.tensor([0.0, -1000.0]), 0)
    tensor([    0., -1000.])
    """
    if numpy:
        dim, _ = numpy_names("log_softmax", numpy, dim)
    x = input if dtype is None else input.to(dtype)
    if not x.ndim:
        return log_softmax(x.reshape(1), 0).reshape(())
    if xp.is_narrow(x.dtype):
        return log_softmax(x.to(xp.float32), dim).to(x.dtype)
    return apply(LOG_SOFTMAX, x, dim=normalize_axis("log_softmax", dim, x.ndim))
