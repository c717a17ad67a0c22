"""Normalising by mean and variance: over the batch, a layer, groups of channels, or each instance.

All are one operation, `normalized`, over other axes; scale and shift follow as a product and a sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight.core.apply import apply, one_dtype
from rushlight.core.op import Op, elementwise, register
from rushlight.core.spec import Spec
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops import reduce

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]

Axes = tuple[int, ...]


def _part(shape: tuple[int, ...], dim: Axes) -> float:
    count = math.prod(shape[d] for d in dim)
    return 1 / count if count else math.nan


def _composed_factor(x: Tensor, *middle: Tensor, dim: Axes, eps: float) -> Tensor:
    deviation = x - middle[0] if middle else x
    return (reduce.mean(deviation * deviation, dim, True) + eps).rsqrt()


def _factor_grad(
    g: Tensor, out: Tensor, x: Tensor, *middle: Tensor, dim: Axes, eps: float
) -> list[Tensor | None]:
    deviation = x - middle[0] if middle else x
    of_x = deviation * (g * out * out * out * -_part(x.shape, dim))
    return [of_x, *(-reduce.sum(of_x, dim, True) for _ in middle)]


FACTOR = register(
    Op(
        "inverse_deviation",
        lambda m, x, middle=None, *, dim, eps: m.inverse_deviation(x, middle, dim, eps, _part(x.shape, dim)),
        lambda x, *middle, dim, eps: Spec(reduce.reduced_shape(x.shape, dim, True), x.dtype),
        _factor_grad,
        saves="both",
        decompose=_composed_factor,
    )
)


def _composed_grad(g: Tensor, y: Tensor, factor: Tensor, *, dim: Axes, centred: bool) -> Tensor:
    """(g - mean(g) - y mean(g y)) factor."""
    rest = g - y * reduce.mean(g * y, dim, True)
    return (rest - reduce.mean(g, dim, True) if centred else rest) * factor


def _grad(g: Tensor, y: Tensor, x: Spec, *given: Tensor, dim: Axes) -> list[Tensor | None]:
    """The whole derivative by x: what the mean and the factor owe to it is in it, and not in theirs."""
    attrs: dict[str, Any] = {"dim": dim, "centred": len(given) == 2}
    # Whoever differentiates once more needs it in tensor operations.
    factor = given[-1]
    dx = _composed_grad(g, y, factor, **attrs) if state.grad_enabled else apply(GRAD, g, y, factor, **attrs)
    return [dx, *[None] * len(given)]


def _standard(m: Any, x: Any, *given: Any, dim: Axes) -> Any:
    return m.standard(x, given[0] if len(given) == 2 else None, given[-1])


STANDARD = elementwise("standard", _standard, _grad, saves="both", spare=(0,), promote="none", result="first")
GRAD = register(
    Op(
        "standard_grad",
        lambda m, g, y, factor, *, dim, centred: m.standard_grad(
            g, y, factor, dim, centred, _part(y.shape, dim)
        ),
        lambda g, y, factor, *, dim, centred: y,
        decompose=_composed_grad,
    )
)


def _affine_grad(g: Tensor, out: None, x: Tensor, weight: Tensor, *bias: Tensor) -> list[Tensor | None]:
    if state.grad_enabled:
        return [g * weight, g * x, *(g for _ in bias)]
    of_weight = apply(AFFINE_WEIGHT, g, x, shape=weight.shape)
    return [apply(AFFINE, g, weight), of_weight, *(g for _ in bias)]


AFFINE_WEIGHT = register(
    Op(
        "affine_weight",
        lambda m, g, x, *, shape: m.affine_weight(g, x, shape),
        lambda g, x, *, shape: Spec(shape, x.dtype),
        decompose=lambda g, x, *, shape: (g * x).sum_to_size(shape),
    )
)


def _composed_affine(x: Tensor, weight: Tensor, *bias: Tensor) -> Tensor:
    return x * weight + bias[0] if bias else x * weight


AFFINE = register(
    Op(
        "affine",
        lambda m, x, weight, bias=None: m.affine(x, weight, bias),
        lambda x, *given: x,
        _affine_grad,
        decompose=_composed_affine,
    )
)


def _composed_channel(
    x: Tensor, middle: Tensor, factor: Tensor, weight: Tensor, bias: Tensor, *, dim: Axes
) -> Tensor:
    return apply(STANDARD, x, middle, factor, dim=dim) * weight + bias


def _channel_grad(g: Tensor, out: None, x: Tensor, *given: Tensor, dim: Axes) -> list[Tensor | None]:
    """The derivatives by weight and bias are the sums of which that by x is made."""
    middle, factor, weight, _ = given
    y = apply(STANDARD, x, middle, factor, dim=dim)
    if state.grad_enabled:
        return [_composed_grad(g * weight, y, factor, dim=dim, centred=True), None, None, g * y, g]
    of_weight = apply(AFFINE_WEIGHT, g, y, shape=weight.shape)
    of_bias = g.sum_to_size(weight.shape)
    of_x = apply(CHANNEL_GRAD, g, y, factor, weight, of_weight, of_bias, dim=dim)
    return [of_x, None, None, of_weight, of_bias]


def _composed_channel_grad(
    g: Tensor, y: Tensor, factor: Tensor, weight: Tensor, of_weight: Tensor, of_bias: Tensor, *, dim: Axes
) -> Tensor:
    part = _part(y.shape, dim)
    return (g - (of_bias * part + y * (of_weight * part))) * (factor * weight)


CHANNEL = register(
    Op(
        "channel_standard",
        lambda m, x, *given, dim: m.channel_standard(x, *given),
        lambda x, *given, dim: x,
        _channel_grad,
        decompose=_composed_channel,
    )
)
CHANNEL_GRAD = register(
    Op(
        "channel_standard_grad",
        lambda m, g, y, *given, dim: m.channel_standard_grad(g, y, *given, _part(y.shape, dim)),
        lambda g, y, *given, dim: y,
        decompose=_composed_channel_grad,
    )
)


def normalized(
    x: Tensor, dim: Axes, eps: float, centred: bool = True, middle: Tensor | None = None
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) over the axes `dim`; not centred, x / sqrt(mean(x²) + eps).

    middle  the mean, with axes of 1 for `dim`, where it is known.

    The variance is that of all elements, with 1/n.

    >>> import rushlight as rl
    >>> rl.ops.normalization.normalized(rl.tensor([[1.0, 3.0]]), (1,), 0.0)
    tensor([[-1.,  1.]])
    """
    means = (reduce.mean(x, dim, True) if middle is None else middle,) if centred else ()
    factor = apply(FACTOR, x, *means, dim=dim, eps=float(eps))
    return apply(STANDARD, x, *means, factor, dim=dim)


def _checked(name: str, x: Any, *others: Tensor | None) -> None:
    """Refuse what is no tensor of floats, and parameters of another dtype, but for 16-bit floats: the input
    may have been one too."""
    if not isinstance(x, Tensor) or x.dtype.kind != "f":
        got = str(x.dtype) if isinstance(x, Tensor) else f"a {type(x).__name__}"
        raise DTypeError(message(name, got, "a tensor of floats", "Convert it: x.float()."))
    one_dtype(name, [x, *(t for t in others if t is not None and not xp.is_narrow(t.dtype))])


def _affine(y: Tensor, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    """y weight + bias, both brought to `shape`; the result has the dtype of y."""
    weight, bias = (None if t is None else _brought(t, y.dtype, shape) for t in (weight, bias))
    if weight is None:
        return y if bias is None else y + bias
    return apply(AFFINE, y, weight) if bias is None else apply(AFFINE, y, weight, bias)


def _brought(t: Tensor, dtype: Any, shape: tuple[int, ...]) -> Tensor:
    return t if t.shape == shape and t.dtype == dtype else t.to(dtype).reshape(shape)


def _vectors(name: str, count: int, **given: Tensor | None) -> None:
    for what, t in given.items():
        if t is not None and t.shape != (count,):
            raise ShapeError(message(name, f"{what} of shape {t.shape}", f"({count},), one for each channel"))


@reduce.in_float32
def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) weight + bias over the last axes, whose sizes are `normalized_shape`.

    weight, bias   of the shape `normalized_shape`.

    Raises ShapeError where the last axes, the weight or the bias have other sizes. (Ba et al., 2016.)

    >>> import rushlight as rl
    >>> rl.layer_norm(rl.tensor([[1.0, 3.0], [5.0, 5.0]]), (2,), eps=0.001)
    tensor([[-0.9995,  0.9995],
            [ 0.0000,  0.0000]])
    """
    return _over_last("layer_norm", input, normalized_shape, weight, bias, eps, True)


@reduce.in_float32
def rms_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """x / sqrt(mean(x²) + eps) weight over the last axes, whose sizes are `normalized_shape`.

    eps   by default the distance of 1 to the next number of the dtype.

    Raises ShapeError as `layer_norm` does. (Zhang and Sennrich, 2019.)

    >>> import rushlight as rl
    >>> rl.rms_norm(rl.tensor([[3.0, 4.0], [5.0, 5.0]]), (2,))
    tensor([[0.8485, 1.1314],
            [1.0000, 1.0000]])
    """
    if eps is None:
        eps = xp.epsilon(input.dtype)
    return _over_last("rms_norm", input, normalized_shape, weight, None, eps, False)


def _over_last(
    name: str, x: Tensor, sizes: Any, weight: Tensor | None, bias: Tensor | None, eps: float, centred: bool
) -> Tensor:
    _checked(name, x, weight, bias)
    shape = (int(sizes),) if hasattr(sizes, "__index__") else tuple(int(n) for n in sizes)
    lead = x.ndim - len(shape)
    if not shape or lead < 0 or x.shape[lead:] != shape:
        got = f"an input of shape {x.shape} for normalized_shape={shape}"
        raise ShapeError(message(name, got, "an input whose last axes have those sizes"))
    for what, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.shape != shape:
            raise ShapeError(message(name, f"a {what} of shape {t.shape}", f"normalized_shape={shape}"))
    # Several axes become one, of which rows are made.
    flat = x if len(shape) == 1 else x.reshape((*x.shape[:lead], math.prod(shape)))
    y = normalized(flat, (lead,), eps, centred)
    return _affine(y if len(shape) == 1 else y.reshape(x.shape), weight, bias, shape)


@reduce.in_float32
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """(N, C, *): each sample's channels, cut into `num_groups` groups, are normalised group by group.

    weight, bias   (C,), for each channel.

    Raises ShapeError where C is no multiple of `num_groups`. (Wu and He, 2018.)

    >>> import rushlight as rl
    >>> rl.group_norm(rl.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    name = "group_norm"
    _checked(name, input, weight, bias)
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        got = f"shape {input.shape} for {num_groups} groups"
        raise ShapeError(message(name, got, "(N, C, *) with C a multiple of the groups"))
    _vectors(name, input.shape[1], weight=weight, bias=bias)
    rows = (input.shape[0], num_groups, math.prod(input.shape[1:]) // num_groups)
    y = normalized(input.reshape(rows), (2,), eps).reshape(input.shape)
    return _affine(y, weight, bias, _channels(input))


def _channels(x: Tensor) -> tuple[int, ...]:
    """The shape in which numbers for each channel broadcast against (N, C, *)."""
    return (x.shape[1], *[1] * (x.ndim - 2))


@reduce.in_float32
def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float | Tensor,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """(N, C, *): each channel is normalised over the batch and all other axes; in training by its own mean
    and variance, which the running ones then move towards by `momentum`, otherwise by the running ones.

    weight, bias, running_mean, running_var   (C,); what is None is left out.

    Raises ShapeError for other shapes, ArgumentError without running statistics where they are needed.
    (Ioffe and Szegedy, 2015.)

    >>> import rushlight as rl
    >>> mean, var = rl.zeros(1), rl.ones(1)
    >>> rl.batch_norm(rl.tensor([[1.0], [3.0]]), None, None, mean, var, True, 0.5, 0.0)
    tensor([[-1.],
            [ 1.]])
    >>> mean, var
    (tensor([1.]), tensor([1.5000]))
    """
    name = "batch_norm"
    _checked(name, input, weight, bias)
    if not input.numel() and input.ndim < 2:  # PyTorch looks for the channels later
        return input.clone()
    if input.ndim < 2:
        raise ShapeError(message(name, f"shape {input.shape}", "(N, C, *)"))
    channels = input.shape[1]
    _vectors(name, channels, weight=weight, bias=bias, running_mean=running_mean, running_var=running_var)
    if not training:
        return _by_running(name, input, weight, bias, running_mean, running_var, eps)
    dim = (0, *range(2, input.ndim))
    own = reduce.mean(input, dim, True)
    _track(input, dim, None, running_mean, running_var, momentum, own)
    if weight is None or bias is None:
        return _affine(normalized(input, dim, eps, middle=own), weight, bias, _channels(input))
    # The weight is the same along all that is normalised over: both derivatives need the same two sums.
    factor = apply(FACTOR, input, own, dim=dim, eps=float(eps))
    given = (_brought(t, input.dtype, _channels(input)) for t in (weight, bias))
    return apply(CHANNEL, input, own, factor, *given, dim=dim)


def _by_running(
    name: str,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    eps: float,
) -> Tensor:
    """x normalised by given statistics: a product and a sum."""
    if mean is None or var is None:
        raise ArgumentError(
            message(name, "no running_mean or running_var", "both, where the batch's own are not used")
        )
    shape = _channels(x)
    mean, var = mean.to(x.dtype), var.to(x.dtype)
    scale = (var + eps).rsqrt()
    out = (x - mean.reshape(shape)) * (scale if weight is None else scale * weight).reshape(shape)
    return _affine(out, None, bias, shape).to(x.dtype)


@no_grad()
def _track(
    x: Tensor,
    dim: Axes,
    over: int | None,
    mean: Tensor | None,
    var: Tensor | None,
    momentum: float | Tensor,
    own: Tensor | None = None,
) -> None:
    """Move the running statistics towards those of `x` over the axes `dim`, averaged over the axis `over`;
    `own` is its mean, where it is known.

    The running variance is the unbiased one, with 1/(n - 1).
    """
    if (mean is None and var is None) or not x.numel():
        return
    x = x.detach()
    count = math.prod(x.shape[d] for d in dim)
    own = reduce.mean(x, dim, True) if own is None else own.detach()
    deviation = x - own
    spread = reduce.mean(deviation * deviation, dim, True) * (count / max(count - 1, 1))
    for running, now in ((mean, own), (var, spread)):
        if running is not None:
            now = now if over is None else reduce.mean(now, over)
            now = now.reshape(running.shape)
            now = now if xp.is_narrow(running.dtype) else now.to(running.dtype)
            running.copy_(running.to(now.dtype) * (1 - momentum) + now * momentum)


@reduce.in_float32
def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float | Tensor,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """(N, C, *): each channel of each sample is normalised by itself; the running statistics, where there
    are any, move towards the mean of the samples' ones.

    weight, bias, running_mean, running_var   (C,); what is None is left out.

    Raises errors as `batch_norm` does. (Ulyanov et al., 2016.)

    >>> import rushlight as rl
    >>> rl.instance_norm(rl.tensor([[[1.0, 3.0]], [[10.0, 50.0]]]), None, None, None, None, True, 0.1, 0.0)
    tensor([[[-1.,  1.]],
    <BLANKLINE>
            [[-1.,  1.]]])
    """
    name = "instance_norm"
    _checked(name, input, weight, bias)
    if input.ndim < 3:
        raise ShapeError(message(name, f"shape {input.shape}", "(N, C, *) with an axis after C"))
    channels = input.shape[1]
    _vectors(name, channels, weight=weight, bias=bias, running_mean=running_mean, running_var=running_var)
    if not use_input_stats:
        return _by_running(name, input, weight, bias, running_mean, running_var, eps)
    _track(input, tuple(range(2, input.ndim)), 0, running_mean, running_var, momentum)
    rows = input.reshape(input.shape[0], channels, math.prod(input.shape[2:]))
    return _affine(normalized(rows, (2,), eps).reshape(input.shape), weight, bias, _channels(input))
