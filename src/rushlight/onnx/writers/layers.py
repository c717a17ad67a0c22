"""Products, convolutions, pools, normalisations."""

from __future__ import annotations

import math
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.errors import NotSupportedError, message
from rushlight.onnx.sizes import in_each
from rushlight.onnx.writer import GraphWriter
from rushlight.onnx.writers.reductions import reduced
from rushlight.onnx.writers.table import direct, writes

direct(det="Det", matmul="MatMul")


@writes("mm")
def mm(w: GraphWriter, node: Node) -> str:
    a, b = w.operands(node)
    ta, tb = (bool(node.attrs.get(k)) for k in ("ta", "tb"))
    if all(v.spec.ndim == 2 for v in node.inputs):
        return w.add("Gemm", a, b, transA=int(ta), transB=int(tb)) if ta or tb else w.add("MatMul", a, b)
    pairs = zip((a, b), node.inputs, (ta, tb), strict=True)
    names = [
        w.permute(n, [*range(v.spec.ndim)[:-2], v.spec.ndim - 1, v.spec.ndim - 2]) if t else n
        for n, v, t in pairs
    ]
    return w.add("MatMul", *names)


@writes("linear")
def linear(w: GraphWriter, node: Node) -> str:
    x, weight, *bias = node.inputs
    names = w.operands(node)
    if x.spec.ndim == 2 and weight.spec.ndim == 2:
        return w.add("Gemm", *names, transB=1)
    turned = w.permute(names[1], (1, 0)) if weight.spec.ndim == 2 else names[1]
    out = w.add("MatMul", names[0], turned)
    return w.add("Add", out, names[2]) if bias else out


@writes("einsum")
def einsum(w: GraphWriter, node: Node) -> str:
    return w.add("Einsum", *w.operands(node), equation=node.attrs["equation"])


@writes("conv")
def conv(w: GraphWriter, node: Node) -> str:
    kernel, how = node.inputs[1].spec.shape[2:], node.attrs
    return w.add(
        "Conv", *w.operands(node), kernel_shape=kernel, strides=how["stride"], dilations=how["dilation"],
        pads=(*how["padding"], *how["padding"]), group=how["groups"],
    )  # fmt: skip


@writes("conv_input")
def conv_transpose(w: GraphWriter, node: Node) -> str:
    x, weight = node.inputs
    how, kernel = node.attrs, weight.spec.shape[2:]
    rest = {
        tuple(
            m - ((n - 1) * s + d * (k - 1) + 1 - 2 * p)
            for n, m, k, s, p, d in zip(
                old, new, kernel, how["stride"], how["padding"], how["dilation"], strict=True
            )
        )
        for old, new in in_each((w.shape(x)[2:], how["size"]))
    }
    return w.add(
        "ConvTranspose", *w.operands(node), kernel_shape=kernel, strides=how["stride"],
        dilations=how["dilation"], pads=(*how["padding"], *how["padding"]), group=how["groups"],
        output_padding=_only(w, rest, "a transposed convolution whose output_padding"),
    )  # fmt: skip


def _only(w: GraphWriter, found: set[tuple[int, ...]], what: str) -> tuple[int, ...]:
    """The one value that all traces gave."""
    if len(found) > 1:
        got = f"{what} follows a dynamic axis, in {w.scope}"
        raise NotSupportedError(message("onnx.export", got, "the same for all sizes", "Fix the axis."))
    return next(iter(found))


def pool_attributes(w: GraphWriter, size: tuple[int, ...], how: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a pool: with equal pads on both sides where these give the same places, else with as
    much at the end as the last window needs."""
    low, windows = how["low"], [how[name] for name in ("sizes", "steps", "spread", "low")]
    each = in_each((tuple(size), tuple(how["places"])))
    if all(
        count == (n + 2 * p - d * (k - 1) - 1) // s + 1
        for sizes, places in each
        for n, count, k, s, d, p in zip(sizes, places, *windows, strict=True)
    ):
        high = low
    else:
        ends = {
            tuple(
                max((count - 1) * s + (k - 1) * d + 1 - p - n, 0)
                for n, count, k, s, d, p in zip(sizes, places, *windows, strict=True)
            )
            for sizes, places in each
        }
        high = _only(w, ends, "pooling with ceil_mode, whose last window")
    return {
        "kernel_shape": how["sizes"], "strides": how["steps"], "dilations": how["spread"],
        "pads": [*low, *high],
    }  # fmt: skip


def pooled(w: GraphWriter, x: Value, how: dict[str, Any], write: Any) -> Any:
    """What `write(name)` makes of x with a batch, and without one again where x has none."""
    rank = len(how["sizes"]) + 2
    extra = [0] * (rank - x.spec.ndim)
    name = w.name(x)
    if x.spec.ndim > rank:
        lead = x.spec.ndim - rank + 1
        shape = w.shape(x)
        name = w.reshape(name, (-1, *shape[lead:]))
        return w.reshape(write(name), (*shape[: lead + 1], *how["places"]))
    for _ in extra:
        name = w.add("Unsqueeze", name, w.ints([0]))
    found = write(name)
    for _ in extra:
        found = w.add("Squeeze", found, w.ints([0]))
    return found


@writes("max_pool")
def max_pool(w: GraphWriter, node: Node) -> str:
    (x,) = node.inputs
    how = pool_attributes(w, w.shape(x)[-len(node.attrs["sizes"]) :], node.attrs)
    return pooled(w, x, node.attrs, lambda name: w.add("MaxPool", name, **how))


@writes("max_pool_indices")
def max_pool_indices(w: GraphWriter, node: Node) -> str:
    """ONNX counts through all planes, Rushlight within each."""
    x = node.inputs[0]
    size = w.shape(x)[-len(node.attrs["sizes"]) :]
    how = pool_attributes(w, size, node.attrs)
    plane = w.add("ReduceProd", w.sizes(size), keepdims=1)
    return pooled(
        w, x, node.attrs, lambda name: w.add("Mod", w.add("MaxPool", name, outputs=2, **how)[1], plane)
    )


@writes("sum_pool")
def sum_pool(w: GraphWriter, node: Node) -> str:
    (x,) = node.inputs
    count = math.prod(node.attrs["sizes"])
    mean = average_pool(w, x, node.attrs, True)
    return w.add("Mul", mean, w.name(float(count), x.spec.dtype))


def average_pool(w: GraphWriter, x: Value, attrs: dict[str, Any], include_pad: bool) -> str:
    """The mean of each window; with `include_pad` by the size of a whole one."""
    axes = len(attrs["sizes"])
    size = w.shape(x)[-axes:]
    how = pool_attributes(w, size, attrs)
    if all(d == 1 for d in how["dilations"]):
        del how["dilations"]  # operator sets before 19 do not have it
    return pooled(
        w, x, attrs, lambda name: w.add("AveragePool", name, count_include_pad=int(include_pad), **how)
    )


@writes("inverse_deviation")
def inverse_deviation(w: GraphWriter, node: Node) -> str:
    x, *middle = w.operands(node)
    dtype = node.out.spec.dtype
    gap = w.add("Sub", x, middle[0]) if middle else x
    mean = reduced(w, "ReduceMean", w.add("Mul", gap, gap), node.attrs["dim"], True)
    return w.add("Reciprocal", w.add("Sqrt", w.add("Add", mean, w.name(node.attrs["eps"], dtype))))


@writes("standard")
def standard(w: GraphWriter, node: Node) -> str:
    x, *given = w.operands(node)
    return w.add("Mul", w.add("Sub", x, given[0]) if len(given) == 2 else x, given[-1])


@writes("channel_standard")
def channel_standard(w: GraphWriter, node: Node) -> str:
    x, middle, factor, weight, bias = w.operands(node)
    return w.add("Add", w.add("Mul", w.add("Sub", x, middle), w.add("Mul", factor, weight)), bias)


@writes("affine")
def affine(w: GraphWriter, node: Node) -> str:
    x, weight, *bias = w.operands(node)
    out = w.add("Mul", x, weight)
    return w.add("Add", out, bias[0]) if bias else out
