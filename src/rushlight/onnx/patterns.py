"""Operations that ONNX has as one and Rushlight as several: found in the graph, and written whole.

A pattern looks at a node, from its result back, and gives a `Fused` or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.compile.graph import Node, Value
from rushlight.onnx.sizes import Dim, in_each
from rushlight.onnx.writer import Fused, GraphWriter
from rushlight.onnx.writers import random
from rushlight.onnx.writers.layers import average_pool
from rushlight.onnx.writers.recurrent import fused_recurrent, fused_states

__all__ = ["PATTERNS", "find"]


def _seen_through(w: GraphWriter, value: Any) -> Any:
    """What a reshape was made of."""
    node = w.source(value, "reshape")
    return value if node is None else node.inputs[0]


def _vector(w: GraphWriter, value: Any) -> Value | None:
    """Numbers for each channel, which a reshape may have given more axes."""
    found = _seen_through(w, value)
    return found if isinstance(found, Value) and found.spec.ndim == 1 else None


def _standard(w: GraphWriter, value: Any) -> tuple[Value, float] | None:
    """(x, eps) of x standardised along its last axis."""
    node = w.source(value, "standard")
    if node is None or len(node.inputs) != 3:
        return None
    x, mean, factor = node.inputs
    of_mean, of_factor = w.source(mean, "mean"), w.source(factor, "inverse_deviation")
    last = (x.spec.ndim - 1,)
    if of_mean is None or of_factor is None or node.attrs["dim"] != last or of_mean.inputs[0] is not x:
        return None
    return x, float(of_factor.attrs["eps"])


def layer_norm(w: GraphWriter, node: Node) -> Fused | None:
    """LayerNormalization with weight and bias, over one axis or several."""
    y, weight, *bias = node.inputs
    found = _standard(w, y) or _standard(w, _seen_through(w, y))
    if found is None:
        return None
    x, eps = found
    if w.source(y, "reshape") is not None:
        x = _seen_through(w, x)
    axes = weight.spec.ndim
    if x.spec.shape != node.out.spec.shape or weight.spec.shape != x.spec.shape[-axes:]:
        return None
    if math.prod(weight.spec.shape) != found[0].spec.shape[-1]:
        return None

    def write(w: GraphWriter, node: Node) -> str:
        names = [w.name(v) for v in (x, weight, *bias)]
        return w.add("LayerNormalization", *names, axis=-axes, epsilon=eps)

    return Fused((x, weight, *bias), write)


def rms_norm(w: GraphWriter, node: Node) -> Fused | None:
    """RMSNormalization, which operator set 23 brought."""
    y, weight, *bias = node.inputs
    of_y = w.source(_seen_through(w, y), "standard") or w.source(y, "standard")
    if w.version < 23 or bias or of_y is None or len(of_y.inputs) != 2:
        return None
    x, factor = of_y.inputs
    of_factor = w.source(factor, "inverse_deviation")
    if of_factor is None or of_factor.inputs[0] is not x or of_y.attrs["dim"] != (x.spec.ndim - 1,):
        return None
    source = x if of_y.out is y else _seen_through(w, x)
    axes, eps = weight.spec.ndim, float(of_factor.attrs["eps"])
    if source.spec.shape != node.out.spec.shape or weight.spec.shape != source.spec.shape[-axes:]:
        return None
    if math.prod(weight.spec.shape) != x.spec.shape[-1]:
        return None
    return Fused(
        (source, weight),
        lambda w, _: w.add("RMSNormalization", w.name(source), w.name(weight), axis=-axes, epsilon=eps),
    )


def group_norm(w: GraphWriter, node: Node) -> Fused | None:
    """GroupNormalization with a weight for each channel, as operator set 21 has it."""
    y, *given = node.inputs
    inner = w.source(y, "reshape")
    found = None if inner is None else _standard(w, inner.inputs[0])
    vectors = [_vector(w, v) for v in given]
    if w.version < 21 or found is None or len(vectors) != 2 or None in vectors:
        return None
    groups, eps = found
    x = _seen_through(w, groups)
    if groups is x or groups.spec.ndim != 3 or x.spec.shape != node.out.spec.shape:
        return None
    if groups.spec.shape[0] != x.spec.shape[0] or any(
        v.spec.shape != x.spec.shape[1:2] for v in vectors if v
    ):
        return None
    reads = (x, *[v for v in vectors if v is not None])

    def write(w: GraphWriter, node: Node) -> str:
        names = [w.name(v) for v in reads]
        return w.add("GroupNormalization", *names, num_groups=groups.spec.shape[1], epsilon=eps)

    return Fused(reads, write)


def standard(w: GraphWriter, node: Node) -> Fused | None:
    """The same without weight: LayerNormalization, or InstanceNormalization where the axis is not fixed."""
    found = _standard(w, node.out)
    if found is None:
        return None
    x, eps = found
    *_, middle, last = (None, *w.shape(x))
    dtype = x.spec.dtype
    by_groups = x.spec.ndim == 3 and not isinstance(middle, Dim)
    if isinstance(last, Dim) and not by_groups:
        return None

    def write(w: GraphWriter, node: Node) -> str:
        if not by_groups:
            ones = w.constant(np.ones((last,)), dtype)
            return w.add("LayerNormalization", w.name(x), ones, axis=-1, epsilon=eps)
        ones, zeros = w.constant(np.ones((middle,)), dtype), w.constant(np.zeros((middle,)), dtype)
        return w.add("InstanceNormalization", w.name(x), ones, zeros, epsilon=eps)

    return Fused((x,), write)


def batch_norm(w: GraphWriter, node: Node) -> Fused | None:
    """(x - mean) * (weight / sqrt(var + eps)) + bias, channel by channel."""
    bias, product = None, node
    if node.op.name == "add":
        bias = _vector(w, node.inputs[1])
        inner = w.source(node.inputs[0], "mul")
        if bias is None or inner is None:
            return None
        product = inner
    deviation = w.source(product.inputs[0], "sub")
    scale = _vector(w, product.inputs[1])
    if deviation is None or scale is None:
        return None
    x, mean = deviation.inputs[0], _vector(w, deviation.inputs[1])
    weight, factor = None, w.source(scale, "div")
    if factor is None and (times := w.source(scale, "mul")) is not None:
        factor, weight = w.source(times.inputs[0], "div"), times.inputs[1]
    if factor is None or factor.inputs[0] != 1 or mean is None or not isinstance(x, Value):
        return None
    root = w.source(factor.inputs[1], "sqrt")
    total = None if root is None else w.source(root.inputs[0], "add")
    if total is None or not isinstance(total.inputs[1], float) or x.spec.ndim < 2:
        return None
    var, eps = total.inputs
    vectors = [v for v in (weight, bias, mean, var) if v is not None]
    if any(not isinstance(v, Value) or v.spec.shape != (x.spec.shape[1],) for v in vectors):
        return None

    def write(w: GraphWriter, node: Node) -> str:
        count, dtype = x.spec.shape[1], x.spec.dtype
        ones = w.constant(np.ones(count), dtype) if weight is None else w.name(weight)
        zeros = w.constant(np.zeros(count), dtype) if bias is None else w.name(bias)
        return w.add("BatchNormalization", w.name(x), ones, zeros, w.name(mean), w.name(var), epsilon=eps)

    return Fused((x, *vectors), write)


def mean_of_windows(w: GraphWriter, node: Node) -> Fused | None:
    """AveragePool: the sum of each window by how many elements it has."""
    total, divisor = node.inputs
    pool = w.source(total, "sum_pool")
    if pool is None:
        return None
    (x,), how = pool.inputs, pool.attrs
    if (
        isinstance(divisor, int | float)
        and _is_whole(x, how, w.shape(x))
        and int(divisor) == math.prod(map(int, how["sizes"]))
    ):
        return Fused((x,), lambda w, _: w.add("GlobalAveragePool", w.name(x)))
    if any(isinstance(n, Dim) for n in how["sizes"]):
        return None
    if divisor == math.prod(how["sizes"]) and not isinstance(divisor, Value):
        return Fused((x,), lambda w, _: average_pool(w, x, how, True))
    cast = w.source(divisor, "to")
    counts = w.array(divisor if cast is None else cast.inputs[0])
    if counts is None or any(isinstance(n, Dim) for n in (*w.shape(x)[2:], *how["places"])):
        return None
    inside = [
        [sum(0 <= p * s - low + k < n for k in range(size)) for p in range(places)]
        for n, size, s, low, places in zip(
            x.spec.shape[-len(how["sizes"]) :],
            how["sizes"],
            how["steps"],
            how["low"],
            how["places"],
            strict=True,
        )
    ]
    expected = np.asarray(inside[0])
    for row in inside[1:]:
        expected = expected[..., None] * np.asarray(row)
    if expected.shape != counts.shape or not (expected == counts).all():
        return None
    return Fused((x,), lambda w, _: average_pool(w, x, how, False))


def _is_whole(x: Value, how: dict[str, Any], shape: tuple[int, ...]) -> bool:
    """Whether one window sees all of each plane, in every trace."""
    count = len(how["sizes"])
    whole = all(
        n == k
        for sizes, kernel in in_each((shape[-count:], how["sizes"]))
        for n, k in zip(sizes, kernel, strict=True)
    )
    return (
        whole and x.spec.ndim == count + 2 and all(n == 1 and not isinstance(n, Dim) for n in how["places"])
    )


def max_of_all(w: GraphWriter, node: Node) -> Fused | None:
    """GlobalMaxPool."""
    (x,) = node.inputs
    return (
        Fused((x,), lambda w, _: w.add("GlobalMaxPool", w.name(x)))
        if _is_whole(x, node.attrs, w.shape(x))
        else None
    )


PATTERNS: dict[str, tuple[Callable[[GraphWriter, Node], Fused | None], ...]] = {
    "affine": (layer_norm, rms_norm, group_norm),
    "standard": (standard,),
    "add": (batch_norm,),
    "mul": (random.uniform, random.dropout, batch_norm),
    "philox": (random.words,),
    "to": (random.gaussian, random.bernoulli),
    "reshape": (random.gaussian,),
    "cat": (random.gaussian,),
    "div": (mean_of_windows,),
    "max_pool": (max_of_all,),
    "slice": (random.gaussian, fused_states),
    "gru": (fused_recurrent,),
    "rnn": (fused_recurrent,),
}
"""For each operation's name the patterns whose last node it may be."""


def find(w: GraphWriter, node: Node) -> Fused | None:
    """What a node is written as together with those before it; None where it is written alone."""
    for pattern in PATTERNS.get(node.op.name, ()):
        found = pattern(w, node)
        if found is not None:
            return found
    return None
