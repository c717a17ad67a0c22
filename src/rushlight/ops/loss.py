"""Losses that are ops of their own, because a composition would be slow or lose digits, and the check of
classes."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.autocast import autocasts
from rushlight.core.lower import View
from rushlight.core.op import Op, elementwise, register
from rushlight.core.spec import Spec, broadcast
from rushlight.core.state import state
from rushlight.core.strides import same
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ArgumentError, IndexingError, ShapeError, message
from rushlight.ops import composed
from rushlight.ops.activation import sigmoid
from rushlight.ops.elementwise import clamp, log, log1p
from rushlight.ops.ranges import arange
from rushlight.ops.select import where
from rushlight.ops.softmax import softmax, top

__all__ = ["are_classes", "bce", "bce_with_logits", "cross_entropy", "in_range", "mse", "probabilities"]


def _mse(m: Any, input: Any, target: Any) -> Any:
    error = input - target
    count = math.prod(error.shape)
    return m.mean(error * error, None, False, 1 / count if count else math.nan)


def _mse_grad(g: Tensor, input: Tensor, target: Tensor) -> Tensor:
    error = input - target
    return error * (g * (2 / max(error.array.size, 1)))


MSE = register(
    Op(
        "mse",
        _mse,
        lambda input, target: (
            Spec((), input.dtype) if broadcast("mse_loss", [input.shape, target.shape]) else input
        ),
        (
            lambda g, out, input, target: _mse_grad(g, input, target),
            lambda g, out, input, target: -_mse_grad(g, input, target),
        ),
        promote="float",
        decompose=partial(_mse, composed),
        label="MseLossBackward0",
    )
)


def mse(input: Tensor, target: Tensor) -> Tensor:
    """The mean of (input - target)² over all elements; ∇input = 2 (input - target) / n.

    >>> import rushlight as rl
    >>> rl.ops.loss.mse(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0]))
    tensor(2.)
    """
    return apply(MSE, input, target)


LOG_FLOOR = -100.0
"""PyTorch's floor under the logarithms of BCE, so that a probability of 0 costs 100 and not infinity."""


def _bce(m: Any, p: Any, y: Any) -> Any:
    return (y - 1) * m.maximum(m.log1p(-p), LOG_FLOOR) - y * m.maximum(m.log(p), LOG_FLOOR)


BCE = elementwise(
    "binary_cross_entropy",
    _bce,
    (
        lambda g, out, p, y: g * ((p - y) / clamp((1 - p) * p, min=1e-12)),
        lambda g, out, p, y: g * (clamp(log1p(-p), min=LOG_FLOOR) - clamp(log(p), min=LOG_FLOOR)),
    ),
    promote="float",
)
BCE_WITH_LOGITS = elementwise(
    "binary_cross_entropy_with_logits",
    lambda m, z, y: m.maximum(z, 0.0) - z * y + m.log1p(m.exp(-m.abs(z))),
    (lambda g, out, z, y: g * (sigmoid(z) - y), lambda g, out, z, y: -(g * z)),
    promote="float",
)


def bce(input: Tensor, target: Tensor) -> Tensor:
    """-(y ln p + (1 - y) ln(1 - p)), element by element, with the logarithms held above -100.

    d/dp = (p - y) / (p(1 - p)), the divisor held above 1e-12.

    >>> import rushlight as rl
    >>> rl.ops.loss.bce(rl.tensor([0.5, 0.0]), rl.tensor([1.0, 1.0]))
    tensor([  0.6931, 100.0000])
    """
    return apply(BCE, input, target)


def bce_with_logits(input: Tensor, target: Tensor) -> Tensor:
    """max(z, 0) - z y + ln(1 + e^-|z|), element by element: BCE of sigmoid(z), exact at both ends.

    d/dz = sigmoid(z) - y.

    >>> import rushlight as rl
    >>> rl.ops.loss.bce_with_logits(rl.tensor([0.0, 1000.0]), rl.tensor([0.5, 1.0]))
    tensor([0.6931, 0.0000])
    """
    return apply(BCE_WITH_LOGITS, input, target)


def _none_outside(m: Any, outside: Any, *, name: str) -> Any:
    if m.any(outside):
        remedy = "Put a sigmoid before it, or use binary_cross_entropy_with_logits."
        raise ArgumentError(message(name, "values outside [0, 1]", "probabilities", remedy))
    return outside


NONE_OUTSIDE = register(
    Op(
        "none_outside",
        _none_outside,
        lambda outside, *, name: outside,
        view=True,
        lower=View(same, limits=lambda attrs: (0, 1, None)),
    )
)


def probabilities(input: Tensor, name: str) -> Tensor:
    """``input``, if nothing in it is less than 0 or more than 1; nan may be. In a compiled program too.

    Raises ArgumentError in the name of the operation ``name``.

    >>> import rushlight as rl
    >>> rl.ops.loss.probabilities(rl.tensor([0.0, 0.5]), "binary_cross_entropy")
    tensor([0.0000, 0.5000])
    """
    outside = ((input < 0.0) | (input > 1.0)).to("int8")  # a compiled program looks at whole numbers
    outside = apply(NONE_OUTSIDE, outside, name=name)
    # Compiled, what is computed has to depend on the check, or it would not be made.
    return where(outside == 1, math.nan, input) if state.tracing else input


def _cross_entropy(m: Any, x: Any, t: Any, *, mean: bool) -> Any:
    largest = top(m, x, 1)
    total = m.sum(m.exp(x - largest), axis=1, keepdims=True)  # compiled, it is the gradient's sum
    losses = m.reshape(m.log(total), t.shape) - (m.pick(x, t) - m.reshape(largest, t.shape))
    return m.mean(losses, None, False, 1 / t.shape[0]) if mean else losses


def _cross_entropy_grad(m: Any, g: Any, x: Any, t: Any, *, mean: bool) -> Any:
    e = m.exp(x - top(m, x, 1))
    share = m.reshape(g * (1 / t.shape[0]) if mean else g, (*g.shape, 1))
    return m.less_at(e * (share / m.sum(e, axis=1, keepdims=True)), t, share)


def _infer(x: Spec, t: Spec, *, mean: bool) -> Spec:
    if x.ndim != 2 or t.shape != x.shape[:1]:
        got = f"logits {x.shape} and classes {t.shape}"
        remedy = "Give one class for each row of logits."
        raise ShapeError(message("cross_entropy", got, "(N, C) and (N,)", remedy))
    return Spec(() if mean else t.shape, x.dtype)


def _share(g: Tensor, t: Any, mean: bool) -> Tensor:
    """What the gradient makes of each row."""
    return g * (1 / t.shape[0]) if mean else g.unsqueeze(1)


def _by_gradient(h: Tensor, out: Tensor, g: Spec, x: Tensor, t: Tensor, *, mean: bool) -> Tensor:
    """h times softmax(x) - onehot(t)."""
    hot = t.unsqueeze(1) == arange(x.shape[1])
    rows = (h * (softmax(x, 1) - hot.to(x.dtype))).sum(1)
    return rows.sum() * (1 / t.shape[0]) if mean else rows


def _by_logits(h: Tensor, out: Tensor, g: Tensor, x: Tensor, t: Spec, *, mean: bool) -> Tensor:
    """The softmax's own derivative, which is all that is left of the classes."""
    s = softmax(x, 1)
    return s * (h - (s * h).sum(1, keepdim=True)) * _share(g, t, mean)


CROSS_ENTROPY_GRAD = register(
    Op(
        "cross_entropy_grad",
        _cross_entropy_grad,
        lambda g, x, t, *, mean: x,
        (_by_gradient, _by_logits, None),
        decompose=partial(_cross_entropy_grad, composed),
    )
)
CROSS_ENTROPY = register(
    Op(
        "cross_entropy",
        _cross_entropy,
        _infer,
        (lambda g, out, x, t, *, mean: apply(CROSS_ENTROPY_GRAD, g, x, t, mean=mean), None),
        decompose=partial(_cross_entropy, composed),
        label="NllLossBackward0",
    )
)


@autocasts("float32")
def cross_entropy(input: Tensor, target: Tensor, mean: bool = False) -> Tensor:
    """-ln softmax(x_n)[t_n] for each row of logits (N, C) and classes (N,), or the mean of that.

    d/dx = softmax(x) - onehot(t). A class outside [0, C) is an error or, counted from the end, another class:
    check with ``in_range``.

    >>> import rushlight as rl
    >>> rl.ops.loss.cross_entropy(rl.zeros(3, 2), rl.tensor([0, 1, 1]))
    tensor([0.6931, 0.6931, 0.6931])
    """
    return apply(CROSS_ENTROPY, input, target, mean=mean)


def are_classes(target: Tensor, classes: int) -> bool:
    """Whether all of ``target`` lies in [0, classes). It reads values, so never ask it while tracing."""
    array = target.array
    return not array.size or bool(xp.amin(array, axis=None) >= 0 and xp.amax(array, axis=None) < classes)


def _in_range(m: Any, t: Any, *, name: str, classes: int, ignore: int) -> Any:
    wrong = (t != ignore) & ((t < 0) | (t >= classes))
    if m.any(wrong):
        first = m.reshape(t, -1)[m.argmax(m.reshape(wrong, -1))]
        expected = f"classes from 0 to {classes - 1}, or ignore_index={ignore}"
        remedy = "Check the targets and the width of the last layer."
        raise IndexingError(message(name, f"class {first}", expected, remedy))
    return t


IN_RANGE = register(
    Op(
        "in_range",
        _in_range,
        lambda t, *, name, classes, ignore: t,
        view=True,
        lower=View(same, limits=lambda attrs: (0, attrs["classes"], attrs["ignore"])),
    )
)


def in_range(target: Tensor, name: str, classes: int, ignore: int) -> Tensor:
    """``target`` itself, if all of it lies in [0, classes) or equals ``ignore``. In a compiled program too.

    Raises IndexingError, in the name of the operation ``name``, with the first class that does not.

    >>> import rushlight as rl
    >>> rl.ops.loss.in_range(rl.tensor([0, 2, -100]), "cross_entropy", 3, -100)
    tensor([   0,    2, -100])
    """
    return apply(IN_RANGE, target, name=name, classes=classes, ignore=ignore)
