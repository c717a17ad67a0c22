"""Convolution over any number of axes, and its transpose.

A convolution is a sum of products of three things: its input, its weight, and what its result is multiplied
with. Leaving out one of them gives the result, and the gradients of the weight and of the input; each of the
three is the derivative of the two others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.ops.conv_as_product import conv_input_product, conv_product, conv_weight_product
from rushlight.ops.pad import constant_pad

__all__ = ["convolution"]

Sizes = tuple[int, ...]


def _check(name: str, x: Spec, weight: Spec, channels: int, groups: int) -> None:
    """What a convolution and its transpose refuse; `channels` is what x is to have."""
    if weight.ndim < 3 or x.ndim != weight.ndim:
        got = f"an input of shape {x.shape} for a weight of shape {weight.shape}"
        raise ShapeError(message(name, got, "an input (N, C, *sizes) of as many axes as the weight"))
    if groups < 1 or weight.shape[0] % groups:
        got = f"groups={groups} for a weight of shape {weight.shape}"
        raise ArgumentError(message(name, got, f"a number that divides {weight.shape[0]}"))
    if x.shape[1] != channels:
        got = f"an input of {x.shape[1]} channels for a weight of shape {weight.shape} and groups={groups}"
        raise ShapeError(
            message(name, got, f"{channels} channels", "Check in_channels, and which axis holds them.")
        )


def _infer_conv(
    x: Spec,
    weight: Spec,
    bias: Spec | None = None,
    *,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Spec:
    _check("conv", x, weight, weight.shape[1] * groups if weight.ndim > 1 else 0, groups)
    _check_bias("conv", bias, weight.shape[0])
    sizes = []
    for n, k, s, p, d in zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        if n + 2 * p < reach or not k:
            got = (
                f"an input of sizes {x.shape[2:]}, with padding {padding}, for windows of {weight.shape[2:]}"
            )
            raise ShapeError(
                message("conv", got, f"at least {reach} elements", "Pad more, or use a smaller kernel.")
            )
        sizes.append((n + 2 * p - reach) // s + 1)
    return Spec((x.shape[0], weight.shape[0], *sizes), x.dtype)


def _check_bias(name: str, bias: Spec | None, channels: int) -> None:
    if bias is not None and bias.shape != (channels,):
        raise ShapeError(message(name, f"a bias of shape {bias.shape}", f"({channels},)"))


def _infer_input(
    g: Spec, weight: Spec, *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Spec:
    _check("conv_transpose", g, weight, weight.shape[0] if weight.ndim else 0, groups)
    if any(n < 0 for n in size):
        got = f"sizes {g.shape[2:]} with padding {padding}"
        raise ShapeError(message("conv_transpose", got, "at least nothing to be left", "Use less padding."))
    return Spec((g.shape[0], weight.shape[1] * groups, *size), g.dtype)


def _infer_weight(
    x: Spec, g: Spec, *, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Spec:
    return Spec((g.shape[1], x.shape[1] // groups, *kernel), x.dtype)


def _conv(m: Any, x: Any, weight: Any, bias: Any = None, **how: Any) -> Any:
    if weight.ndim < 3 or x.ndim != weight.ndim or x.shape[1] != weight.shape[1] * how["groups"]:
        _infer_conv(_spec(x), _spec(weight), **how)
    out = m.convolve(x, weight, **how)
    if 0 in out.shape[2:]:
        _infer_conv(_spec(x), _spec(weight), **how)
    if bias is not None:
        out += m.reshape(bias, (-1, *(1,) * (x.ndim - 2)))
    return out


def _spec(x: Any) -> Spec:
    return Spec(x.shape, x.dtype)


def _bias_grad(g: Tensor, out: Any, x: Any, weight: Any, bias: Any = None, **how: Any) -> Tensor:
    return g.sum((0, *range(2, g.ndim)))


CONV: Op = register(
    Op(
        "conv",
        _conv,
        _infer_conv,
        (
            lambda g, out, x, weight, bias=None, **how: apply(CONV_INPUT, g, weight, size=x.shape[2:], **how),
            lambda g, out, x, weight, bias=None, **how: apply(
                CONV_WEIGHT, x, g, kernel=weight.shape[2:], **how
            ),
            _bias_grad,
        ),
        promote="same",
        decompose=conv_product,
    )
)
CONV_INPUT: Op = register(
    Op(
        "conv_input",
        lambda m, g, weight, **how: m.convolve_input(g, weight, **how),
        _infer_input,
        (
            lambda h, out, g, weight, *, size, **how: apply(CONV, h, weight, **how),
            lambda h, out, g, weight, *, size, **how: apply(
                CONV_WEIGHT, h, g, kernel=weight.shape[2:], **how
            ),
        ),
        promote="same",
        decompose=conv_input_product,
    )
)
CONV_WEIGHT: Op = register(
    Op(
        "conv_weight",
        lambda m, x, g, **how: m.convolve_weight(x, g, **how),
        _infer_weight,
        (
            lambda v, out, x, g, *, kernel, **how: apply(CONV_INPUT, g, v, size=x.shape[2:], **how),
            lambda v, out, x, g, *, kernel, **how: apply(CONV, x, v, **how),
        ),
        promote="same",
        decompose=conv_weight_product,
    )
)


def _numbers(name: str, what: str, given: int | Sequence[int], count: int, least: int) -> Sizes:
    """One number for each axis, given as such or as one for all."""
    found = (given,) * count if isinstance(given, int) else tuple(n.__index__() for n in given)
    found = found * count if len(found) == 1 else found
    if len(found) != count or any(n < least for n in found):
        raise ArgumentError(
            message(name, f"{what}={given}", f"a number of at least {least} for each of {count} axes")
        )
    return found


def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    transposed: bool = False,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
) -> Tensor:
    """y[n, o, i] = b[o] + Σ w[o, c, k] x[n, c, stride i + dilation k - padding], over the channels c of the
    group of o and the elements k of the window; x is 0 outside.

    input (N, C, *sizes), weight (O, C/groups, *kernel), any number of axes; the result (N, O, *places), with
    (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1 places along an axis. With `transposed`, its
    transpose: weight (C, O/groups, *kernel), and (size - 1) stride - 2 padding + dilation (kernel - 1) +
    output_padding + 1 places.

    >>> import rushlight as rl
    >>> from rushlight.ops.conv import convolution
    >>> convolution(rl.tensor([[[1.0, 2.0, 4.0]]]), rl.tensor([[[1.0, -1.0]]]))
    tensor([[[-1., -2.]]])
    """
    name = "conv_transpose" if transposed else "conv"
    count = max(weight.ndim - 2, 1)
    how: dict[str, Any] = {
        "stride": _numbers(name, "stride", stride, count, 1),
        "padding": _numbers(name, "padding", padding, count, 0),
        "dilation": _numbers(name, "dilation", dilation, count, 1),
        "groups": groups,
    }
    if not transposed:
        return apply(CONV, input, weight, **how) if bias is None else apply(CONV, input, weight, bias, **how)
    more = _numbers(name, "output_padding", output_padding, count, 0)
    _check(name, input.spec, weight.spec, weight.shape[0] if weight.ndim else 0, groups)
    return _transposed(input, weight, bias, more, how)


def _transposed(
    input: Tensor, weight: Tensor, bias: Tensor | None, more: Sizes, how: dict[str, Any]
) -> Tensor:
    stride, padding, dilation = how["stride"], how["padding"], how["dilation"]
    if any(n >= max(s, d) for n, s, d in zip(more, stride, dilation, strict=True)):
        got = f"output_padding={more} with stride {stride} and dilation {dilation}"
        raise ArgumentError(message("conv_transpose", got, "numbers smaller than the stride or the dilation"))
    reach = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    whole = tuple((n - 1) * s + r for n, s, r in zip(input.shape[2:], stride, reach, strict=True))
    size = tuple(n - 2 * p + e for n, p, e in zip(whole, padding, more, strict=True))
    if any(n < 1 for n in size):
        got = f"sizes {input.shape[2:]} with padding {padding}, so that {size} are left"
        raise ShapeError(message("conv_transpose", got, "at least one element", "Use less padding."))
    if all(n < s for n, s in zip(more, stride, strict=True)):
        out = apply(CONV_INPUT, input, weight, size=size, **how)
    else:
        # A convolution of an input of that size would have more places.
        none = {**how, "padding": (0,) * len(size)}
        border = [n for p, e in zip(padding, more, strict=True) for n in (e - p, -p)]
        out = constant_pad(apply(CONV_INPUT, input, weight, size=whole, **none), border[::-1])
    if bias is not None:
        _check_bias("conv_transpose", bias.spec, out.shape[1])
        out = out + bias.reshape(-1, *(1,) * (out.ndim - 2))
    return out
