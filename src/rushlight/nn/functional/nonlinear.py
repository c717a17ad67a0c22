"""More activations as functions, each a composition of other operations."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from rushlight import ops
from rushlight.core.anomaly import warn
from rushlight.core.autocast import autocasts
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.nn.functional.activation import leaky_relu, relu, softmax

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu_",
    "logsigmoid",
    "mish",
    "prelu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "softmin",
    "softshrink",
    "softsign",
    "tanhshrink",
    "threshold",
    "threshold_",
]

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""For these two, layers of weights of mean 0 and variance 1/n keep mean 0 and variance 1."""


def _formula(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function with ``inplace``: its result is then written into the input, whose old values it keeps for
    the derivative.
    """

    @functools.wraps(function)
    def wrapper(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        given = signature.bind(input, *args, **kwargs)
        if not given.arguments.get("inplace"):
            return function(input, *args, **kwargs)
        given.arguments.update(input=input.clone(), inplace=False)
        return input.copy_(function(*given.args, **given.kwargs))

    signature = inspect.signature(function)
    return wrapper


def _twin(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same function in the input's memory."""

    def in_place(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, **{**kwargs, "inplace": True})

    in_place.__name__ = in_place.__qualname__ = f"{function.__name__}_"
    in_place.__doc__ = f"`{function.__name__}` in the memory of its input."
    return in_place


def _below(input: Tensor) -> Tensor:
    """min(x, 0): what an exponential takes that must not overflow where its result is not chosen."""
    return input.clamp(max=0.0)


@_formula
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (exp(x) - 1), element by element (Clevert et al., 2016).

    >>> import rushlight as rl
    >>> rl.nn.functional.elu(rl.tensor([-1000.0, 2.0])).tolist()
    [-1.0, 2.0]
    """
    return ops.where(input > 0, input, _below(input).expm1() * alpha)


@_formula
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507 x where x > 0, else 1.0507 · 1.6733 (exp(x) - 1) (Klambauer et al., 2017).

    >>> import rushlight as rl
    >>> round(rl.nn.functional.selu(rl.tensor(1.0)).item(), 4)
    1.0507
    """
    return elu(input, SELU_ALPHA) * SELU_SCALE


@_formula
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (exp(x / alpha) - 1), whose slope is continuous. Raises ArgumentError for
    alpha = 0.

    >>> import rushlight as rl
    >>> rl.nn.functional.celu(rl.tensor([-1000.0, 2.0]), 0.5).tolist()
    [-0.5, 2.0]
    """
    if alpha == 0:
        raise ArgumentError(message("celu", "alpha=0", "another number"))
    low = (_below(input) * (1.0 / alpha)).expm1() * alpha
    return ops.where(input > 0, input, low)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a sigmoid(b), where a and b are the halves of the input along ``dim`` (Dauphin et al., 2017).

    >>> import rushlight as rl
    >>> rl.nn.functional.glu(rl.tensor([3.0, 0.0])).tolist()
    [1.5]
    """
    if not input.ndim or input.shape[dim] % 2:
        got = f"shape {tuple(input.shape)}, dim={dim}"
        raise ShapeError(message("glu", got, "an even size along dim"))
    a, b = input.chunk(2, dim)
    return a * b.sigmoid()


@_formula
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x, held between ``min_val`` and ``max_val``; the gradient there and beyond is 0.

    >>> import rushlight as rl
    >>> rl.nn.functional.hardtanh(rl.tensor([-2.0, 0.5, 2.0])).tolist()
    [-1.0, 0.5, 1.0]
    """
    if min_val > max_val:
        raise ArgumentError(message("hardtanh", f"{min_val} to {max_val}", "min_val <= max_val"))
    if input.dtype.kind != "f":
        return input.clamp(min_val, max_val).to(input.dtype)
    inside = (input > min_val) & (input < max_val)
    return ops.where(inside, input, input.detach().clamp(min_val, max_val))


@_formula
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """x, held between 0 and 6.

    >>> import rushlight as rl
    >>> rl.nn.functional.relu6(rl.tensor([-2.0, 3.0, 9.0])).tolist()
    [0.0, 3.0, 6.0]
    """
    return hardtanh(input, 0.0, 6.0)


@_formula
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """x / 6 + 1/2, held between 0 and 1.

    >>> import rushlight as rl
    >>> rl.nn.functional.hardsigmoid(rl.tensor([-9.0, 0.0, 9.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return hardtanh(input + 3.0, 0.0, 6.0) / 6.0


@_formula
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x times `hardsigmoid` of x (Howard et al., 2019).

    >>> import rushlight as rl
    >>> rl.nn.functional.hardswish(rl.tensor([-9.0, 0.0, 9.0])).tolist()
    [0.0, 0.0, 9.0]
    """
    between = (input > -3.0) & (input < 3.0)
    outside = ops.where(input <= -3.0, 0.0, input)
    held = ops.where(between, input, 0.0)  # else the gradient of infinity were 0 times infinity
    return ops.where(between, held * (held + 3.0) / 6.0, outside)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where \\|x| > lambd, else 0.

    >>> import rushlight as rl
    >>> rl.nn.functional.hardshrink(rl.tensor([-2.0, 0.3])).tolist()
    [-2.0, 0.0]
    """
    return ops.where((input >= -lambd) & (input <= lambd), 0.0, input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x brought nearer to 0 by lambd, and to 0 where it is nearer than that. Raises ArgumentError for a
    negative lambd.

    >>> import rushlight as rl
    >>> rl.nn.functional.softshrink(rl.tensor([-2.0, 0.3])).tolist()
    [-1.5, 0.0]
    """
    if lambd < 0:
        raise ArgumentError(message("softshrink", f"lambd={lambd}", "0 or more"))
    low = ops.where(input >= -lambd, 0.0, input + lambd)  # nan stays
    return ops.where(input > lambd, input - lambd, low)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x).

    >>> import rushlight as rl
    >>> rl.nn.functional.tanhshrink(rl.zeros(1)).tolist()
    [0.0]
    """
    return input - input.tanh()


def softsign(input: Tensor) -> Tensor:
    """x / (1 + \\|x|).

    >>> import rushlight as rl
    >>> rl.nn.functional.softsign(rl.tensor([-3.0, 1.0])).tolist()
    [-0.75, 0.5]
    """
    return input / (input.abs() + 1.0)


def logsigmoid(input: Tensor) -> Tensor:
    """ln sigmoid(x), exact for every x.

    >>> import rushlight as rl
    >>> rl.nn.functional.logsigmoid(rl.tensor([-1000.0])).tolist()
    [-1000.0]
    """
    return -ops.softplus(-input)


@_formula
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (Misra, 2019).

    >>> import rushlight as rl
    >>> round(rl.nn.functional.mish(rl.tensor(1.0)).item(), 4)
    0.8651
    """
    return input * ops.softplus(input).tanh()


@autocasts("lower")
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight · x, with one weight, or one for each channel (axis 1).

    >>> import rushlight as rl
    >>> rl.nn.functional.prelu(rl.tensor([-2.0, 3.0]), rl.tensor([0.25])).tolist()
    [-0.5, 3.0]
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.numel() not in (1, channels) or weight.ndim > 1:
        got = f"{weight.numel()} weights for {channels} channels"
        raise ShapeError(message("prelu", got, "one weight, or one for each channel"))
    if input.ndim > 2 and weight.numel() > 1:
        weight = weight.reshape(-1, *[1] * (input.ndim - 2))
    elif not input.ndim:
        weight = weight.reshape(())
    return ops.where(input > 0, input, input * weight)


@_formula
def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Any = None,
) -> Tensor:
    """Leaky ReLU with a slope drawn for each element between ``lower`` and ``upper``, or their mean unless
    ``training``.

    >>> import rushlight as rl
    >>> rl.nn.functional.rrelu(rl.tensor([-2.0, 3.0]), 0.25, 0.75).tolist()
    [-1.0, 3.0]
    """
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    slopes = ops.rand(input.shape, dtype=input.dtype, generator=generator) * (upper - lower) + lower
    return ops.where(input > 0, input, input * slopes)


@_formula
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > ``threshold``, else ``value``.

    >>> import rushlight as rl
    >>> rl.nn.functional.threshold(rl.tensor([-2.0, 3.0]), 1.0, 7.0).tolist()
    [7.0, 3.0]
    """
    return ops.where(input <= threshold, value, input)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax(-x) along ``dim``.

    >>> import rushlight as rl
    >>> rl.nn.functional.softmin(rl.tensor([0.0, 0.0]), dim=0).tolist()
    [0.5, 0.5]
    """
    return softmax(-input, dim, dtype=dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A sample of one class as a softmax of (logits + Gumbel noise) / tau; with ``hard`` as 0 and 1, whose
    gradient is that of the soft one (Jang et al., Maddison et al., 2017).

    >>> import rushlight as rl
    >>> _ = rl.manual_seed(0)
    >>> rl.nn.functional.gumbel_softmax(rl.zeros(4, 3), hard=True).sum(1).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    if eps != 1e-10:
        warn("gumbel_softmax: eps has no effect, as in PyTorch")
    # -ln of a draw from (0, 1]: that from [0, 1) may be 0.
    noise = -(-(1.0 - ops.rand(logits.shape, dtype=logits.dtype)).log() + 1e-30).log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    size = logits.shape[dim]
    last = (soft.movedim(dim, -1).argmax(-1).unsqueeze(-1) == ops.arange(size)).movedim(-1, dim)
    return last.to(soft.dtype) - soft.detach() + soft


celu_ = _twin(celu)
elu_ = _twin(elu)
hardtanh_ = _twin(hardtanh)
leaky_relu_ = _twin(leaky_relu)
relu_ = _twin(relu)
rrelu_ = _twin(rrelu)
selu_ = _twin(selu)
threshold_ = _twin(threshold)
