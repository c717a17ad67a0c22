"""Cross-entropies that are ops of their own, because a composition would be slow or lose digits."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply
from rushlight.core.lower import View
from rushlight.core.op import Op, elementwise, register
from rushlight.core.spec import Spec
from rushlight.core.strides import same
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import IndexingError, ShapeError, message
from rushlight.ops.activation import sigmoid
from rushlight.ops.creation import arange
from rushlight.ops.elementwise import clamp, log, log1p
from rushlight.ops.select import eq, where
from rushlight.ops.softmax import log_softmax, softmax

__all__ = ["bce", "bce_with_logits", "classes_in_range", "in_range", "mean_cross_entropy", "mean_nll"]

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
    >>> rl.ops.entropy.bce(rl.tensor([0.5, 0.0]), rl.tensor([1.0, 1.0]))
    tensor([  0.6931, 100.    ])
    """
    return apply(BCE, input, target)


def bce_with_logits(input: Tensor, target: Tensor) -> Tensor:
    """max(z, 0) - z y + ln(1 + e^-|z|), element by element: BCE of sigmoid(z), exact at both ends.

    d/dz = sigmoid(z) - y.

    >>> import rushlight as rl
    >>> rl.ops.entropy.bce_with_logits(rl.tensor([0.0, 1000.0]), rl.tensor([0.5, 1.0]))
    tensor([0.6931, 0.    ])
    """
    return apply(BCE_WITH_LOGITS, input, target)


def _shifted(m: Any, x: Any) -> tuple[Any, Any, Any]:
    """x less its row's largest, its exponentials, and their sums over each row (a product with ones is
    faster).
    """
    x = x - m.amax(x, axis=1, keepdims=True)
    e = m.exp(x)
    return x, e, m.matmul(e, m.full(x.shape[1], 1, x.dtype))


def _cross_entropy(m: Any, x: Any, t: Any) -> Any:
    x, _, total = _shifted(m, x)
    return m.sum(m.log(total) - x[m.arange(x.shape[0]), t]) / x.shape[0]


def _cross_entropy_grad(m: Any, g: Any, x: Any, t: Any) -> Any:
    _, e, total = _shifted(m, x)
    e *= (g / (total * x.shape[0]))[:, None]
    e[m.arange(x.shape[0]), t] -= g / x.shape[0]
    return e


def _second(h: Tensor, g: Tensor, x: Tensor) -> Tensor:
    """The softmax's own derivative, which is all that is left of the classes."""
    s = softmax(x, 1)
    return s * (h - (s * h).sum(1, keepdim=True)) * (g * (1 / x.shape[0]))


def _cross_entropy_infer(x: Spec, t: Spec) -> Spec:
    if x.ndim != 2 or t.shape != x.shape[:1]:
        got = f"logits {x.shape} and classes {t.shape}"
        raise ShapeError(
            message(
                "cross_entropy or nll_loss", got, "(N, C) and (N,)", "Give one class for each row of logits."
            )
        )
    return Spec((), x.dtype)


def _hot(x: Any, t: Tensor) -> Tensor:
    return eq(t.unsqueeze(1), arange(x.shape[1]))


def _residual(x: Tensor, t: Tensor) -> Tensor:
    """softmax(x) - onehot(t)."""
    return softmax(x, 1) - _hot(x, t).to(x.dtype)


CROSS_ENTROPY_GRAD = register(
    Op(
        "cross_entropy_grad",
        _cross_entropy_grad,
        lambda g, x, t: x,
        (
            lambda h, out, g, x, t: (h * _residual(x, t)).sum() * (1 / x.shape[0]),
            lambda h, out, g, x, t: _second(h, g, x),
            None,
        ),
        decompose=lambda g, x, t: _residual(x, t) * (g * (1 / x.shape[0])),
    )
)
CROSS_ENTROPY = register(
    Op(
        "cross_entropy",
        _cross_entropy,
        _cross_entropy_infer,
        (lambda g, out, x, t: apply(CROSS_ENTROPY_GRAD, g, x, t), None),
        decompose=lambda x, t: -where(_hot(x, t), log_softmax(x, 1), 0.0).sum() / x.shape[0],
    )
)


def mean_cross_entropy(input: Tensor, target: Tensor) -> Tensor:
    """Mean over n of -ln softmax(x_n)[t_n] for logits (N, C) and classes (N,).

    d/dx = (softmax(x) - onehot(t)) / N.

    A class outside [0, C) is an error or, counted from the end, another class: check with
    ``classes_in_range``.

    >>> import rushlight as rl
    >>> rl.ops.entropy.mean_cross_entropy(rl.zeros(3, 2), rl.tensor([0, 1, 1]))
    tensor(0.6931)
    """
    return apply(CROSS_ENTROPY, input, target)


NLL = register(
    Op(
        "nll_loss",
        lambda m, x, t: -m.sum(x[m.arange(x.shape[0]), t]) / x.shape[0],
        _cross_entropy_infer,
        (lambda g, out, x, t: where(_hot(x, t), g * (-1 / x.shape[0]), 0.0), None),
        spare=(0,),
        decompose=lambda x, t: -where(_hot(x, t), x, 0.0).sum() / x.shape[0],
    )
)


def mean_nll(input: Tensor, target: Tensor) -> Tensor:
    """Mean over n of -x[n, t_n] for log-probabilities (N, C) and classes (N,); the classes as in
    mean_cross_entropy.

    >>> import rushlight as rl
    >>> rl.ops.entropy.mean_nll(rl.tensor([[-1.0, -2.0], [-3.0, -4.0]]), rl.tensor([0, 1]))
    tensor(2.5000)
    """
    return apply(NLL, input, target)


def classes_in_range(target: Tensor, classes: int) -> bool:
    """Whether all of ``target`` lies in [0, classes). It reads values, so never ask it while tracing."""
    array = target.array
    if not array.size:
        return True
    return bool(xp.amin(array, axis=None) >= 0 and xp.amax(array, axis=None) < classes)


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
    >>> rl.ops.entropy.in_range(rl.tensor([0, 2, -100]), "cross_entropy", 3, -100)
    tensor([   0,    2, -100])
    """
    return apply(IN_RANGE, target, name=name, classes=classes, ignore=ignore)
