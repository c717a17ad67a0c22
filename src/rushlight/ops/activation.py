"""Activations: tanh, sigmoid, ReLU and its kin. Each op stands with its formula and its derivative."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply, apply_
from rushlight.core.op import Op, elementwise
from rushlight.core.spec import plain_number
from rushlight.core.tensor import Tensor, method
from rushlight.ops.select import kept, where

__all__ = ["leaky_relu", "relu", "sigmoid", "softplus", "tanh"]


# The derivatives of the common activations are one op each: eager code then makes one array instead of three.
TANH_GRAD: Op = elementwise(
    "tanh_grad",
    lambda m, g, y: g * (1 - y * y),
    (lambda h, out, g, y: apply(TANH_GRAD, h, y), lambda h, out, g, y: h * g * y * -2),
)


TANH = elementwise(
    "tanh",
    lambda m, x: m.tanh(x),
    (lambda g, y, x: apply(TANH_GRAD, g, y),),
    saves="out",
    promote="float",
)


def _sigmoid(m: Any, x: Any) -> Any:
    # exp of a negative number never overflows, and the quotient keeps its digits in both tails.
    e = m.exp(-m.abs(x))
    return m.where(x >= 0, 1.0, e) / (1.0 + e)


SIGMOID_GRAD: Op = elementwise(
    "sigmoid_grad",
    lambda m, g, y: g * (y * (1 - y)),
    (lambda h, out, g, y: apply(SIGMOID_GRAD, h, y), lambda h, out, g, y: h * g * (1 - 2 * y)),
)


SIGMOID = elementwise(
    "sigmoid", _sigmoid, (lambda g, y, x: apply(SIGMOID_GRAD, g, y),), saves="out", promote="float"
)


SOFTPLUS = elementwise(
    "softplus",
    lambda m, x: m.maximum(x, 0.0) + m.log1p(m.exp(-m.abs(x))),
    (lambda g, y, x: g * x.sigmoid(),),
    promote="float",
)


# The derivative of ReLU reads the result, so the input need not stay alive. At 0 it is 0; a nan lets it pass.
RELU_GRAD: Op = elementwise(
    "relu_grad",
    lambda m, g, y: m.kept(y != 0, g),
    (lambda h, out, g, y: apply(RELU_GRAD, h, y), None),
)


RELU = elementwise(
    "relu",
    lambda m, x: m.maximum(0, x),
    (lambda g, y, x: apply(RELU_GRAD, g, y),),
    saves="out",
    rounding="none",
    follows="smoothly",
)


LEAKY_RELU = elementwise(
    "leaky_relu",
    lambda m, x, *, negative_slope: m.where(x > 0, x, x * negative_slope),
    (lambda g, y, x, *, negative_slope: _leaky_grad(g, x, negative_slope),),
    promote="float",
)


def _leaky_grad(g: Tensor, x: Tensor, negative_slope: float) -> Tensor:
    return where(x > 0, g, g * negative_slope) if negative_slope else kept(x > 0, g)


# x Φ(x), Φ the normal distribution's; or with the approximation that the first GPT and BERT used.
_ROOT_HALF = 0.7071067811865476  # sqrt(1/2)
_PEAK = 0.3989422804014327  # the normal density at 0, 1/sqrt(2π)
_SLOPE, _CUBE = 0.7978845608028654, 0.044715  # tanh(sqrt(2/π) (x + 0.044715 x³)) for erf(x/sqrt(2))


def _gelu(m: Any, x: Any, *, tanh: bool) -> Any:
    if tanh:
        return x * 0.5 * (1 + m.tanh(x * (_SLOPE + _SLOPE * _CUBE * (x * x))))
    return x * 0.5 * (1 + m.erf(x * _ROOT_HALF))


def _gelu_grad(m: Any, g: Any, x: Any, *, tanh: bool) -> Any:
    if tanh:
        square = x * x
        t = m.tanh(x * (_SLOPE + _SLOPE * _CUBE * square))
        return g * (0.5 * (1 + t) + 0.5 * x * ((1 - t * t) * (_SLOPE + 3 * _SLOPE * _CUBE * square)))
    return g * (0.5 * (1 + m.erf(x * _ROOT_HALF)) + x * (_PEAK * m.exp(-0.5 * (x * x))))


def _gelu_bend(x: Tensor, tanh: bool) -> Tensor:
    """The second derivative."""
    square = x * x
    if not tanh:
        return (2 - square) * (square * -0.5).exp() * _PEAK
    t, slope = (x * (_SLOPE + _SLOPE * _CUBE * square)).tanh(), _SLOPE + 3 * _SLOPE * _CUBE * square
    return (1 - t * t) * (slope + x * (x * (3 * _SLOPE * _CUBE) - t * slope * slope))


GELU_GRAD: Op = elementwise(
    "gelu_grad",
    _gelu_grad,
    (
        lambda h, out, g, x, *, tanh: apply(GELU_GRAD, h, x, tanh=tanh),
        lambda h, out, g, x, *, tanh: h * g * _gelu_bend(x, tanh),
    ),
    promote="float",
)
GELU = elementwise(
    "gelu", _gelu, (lambda g, y, x, *, tanh: apply(GELU_GRAD, g, x, tanh=tanh),), promote="float"
)


def _silu_grad(m: Any, g: Any, x: Any) -> Any:
    s = _sigmoid(m, x)
    return g * (s * (1 + x * (1 - s)))


def _silu_bend(x: Tensor) -> Tensor:
    s = sigmoid(x)
    return s * (1 - s) * (2 + x * (1 - 2 * s))


SILU_GRAD: Op = elementwise(
    "silu_grad",
    _silu_grad,
    (lambda h, out, g, x: apply(SILU_GRAD, h, x), lambda h, out, g, x: h * g * _silu_bend(x)),
    promote="float",
)
SILU = elementwise(
    "silu", lambda m, x: x * _sigmoid(m, x), (lambda g, y, x: apply(SILU_GRAD, g, x),), promote="float"
)


@method()
def tanh(input: Tensor) -> Tensor:
    """(e^x - e^-x) / (e^x + e^-x); with y the result, d/dx = 1 - y^2.

    >>> import rushlight as rl
    >>> rl.tanh(rl.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.7616,  0.0000,  0.7616])
    """
    return apply(TANH, input)


@method()
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-x), stable in both tails; with y the result, d/dx = y (1 - y).

    >>> import rushlight as rl
    >>> rl.sigmoid(rl.tensor([0.0, 100.0]))
    tensor([0.5000, 1.0000])
    """
    return apply(SIGMOID, input)


@method()
def relu(input: Tensor) -> Tensor:
    """max(0, x); the subgradient at 0 is 0.

    >>> import rushlight as rl
    >>> rl.relu(rl.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return apply(RELU, input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where positive, else negative_slope * x.

    >>> import rushlight as rl
    >>> rl.nn.functional.leaky_relu(rl.tensor([-1.0, 2.0]))
    tensor([-0.0100,  2.0000])
    """
    return apply(LEAKY_RELU, input, negative_slope=plain_number(negative_slope))


def softplus(input: Tensor) -> Tensor:
    """log(1 + e^x), stable in both tails; d/dx = sigmoid(x)."""
    return apply(SOFTPLUS, input)


@method()
def tanh_(input: Tensor) -> Tensor:
    """x = tanh(x), in its memory."""
    return apply_(TANH, input)


@method()
def sigmoid_(input: Tensor) -> Tensor:
    """x = sigmoid(x), in its memory."""
    return apply_(SIGMOID, input)


@method()
def relu_(input: Tensor) -> Tensor:
    """x = max(0, x), in its memory."""
    return apply_(RELU, input)
