"""Draws. A file has no seed: each run draws anew, from the distribution, by the engine's own generator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.compile.graph import Node
from rushlight.onnx.dtypes import number_of
from rushlight.onnx.sizes import Dim
from rushlight.onnx.writer import Fused, GraphWriter
from rushlight.onnx.writers.table import writes

__all__ = ["bernoulli", "dropout", "gaussian", "uniform", "words"]

TWO_PI = 2 * math.pi


def _draw(w: GraphWriter, op: str, shape: tuple[int, ...], dtype: Any, **how: Any) -> str:
    """RandomUniform or RandomNormal, or what draws in the shape of a tensor where an axis is dynamic."""
    if shape and not any(isinstance(n, Dim) for n in shape):
        return str(w.add(op, shape=[int(n) for n in shape], dtype=number_of(dtype), **how))
    like = w.add("ConstantOfShape", w.sizes(shape))
    return str(w.add(f"{op}Like", like, dtype=number_of(dtype), **how))


def words(w: GraphWriter, node: Node) -> Fused:
    """32 random bits each, as whole numbers; the state they follow from is none of the model's."""

    def write(w: GraphWriter, node: Node) -> str:
        drawn = _draw(w, "RandomUniform", w.shape(node.out), np.dtype(np.float64), low=0.0, high=2.0**32)
        return w.cast(w.add("Floor", drawn), node.out.spec.dtype)

    return Fused((), write)


def _through(w: GraphWriter, value: Any, *ops: str) -> Any:
    """What a value is made of by these operations, if nothing else reads what lies between."""
    while (node := w.source(value, *ops)) is not None and w.uses(value) == 1:
        value = node.inputs[0]
    return value


def _is_uniform(w: GraphWriter, node: Node) -> bool:
    """Whether a product is uniform in [0, 1), of nothing that is read elsewhere."""
    inner, scale = node.inputs
    if isinstance(scale, float) and scale == 2.0**-24:
        return w.source(_through(w, inner, "to", "floor_divide", "reshape"), "philox") is not None
    total = w.source(inner, "add")
    if scale != 2.0**-53 or total is None or w.uses(inner) != 1:
        return False
    high = w.source(total.inputs[0], "mul")
    found = {id(_through(w, v, "to", "floor_divide", "slice")) for v in total.inputs[1:]}
    if high is None or w.uses(total.inputs[0]) != 1:
        return False
    found.add(id(_through(w, high.inputs[0], "to", "floor_divide", "slice")))
    (drawn,) = found if len(found) == 1 else (None,)
    between = None if drawn is None else w.made.get(drawn)
    if between is None or w.uses(between.out) != 2:
        return False
    inner = _through(w, between.inputs[0], "reshape") if between.op.name == "reshape" else between.out
    return w.source(inner, "philox") is not None


def uniform(w: GraphWriter, node: Node) -> Fused | None:
    """RandomUniform."""
    if not _is_uniform(w, node):
        return None
    return Fused((), lambda w, node: _draw(w, "RandomUniform", w.shape(node.out), node.out.spec.dtype))


def gaussian(w: GraphWriter, node: Node) -> Fused | None:
    """RandomNormal."""
    inside = _through(w, node.inputs[0], "reshape", "to", "slice")
    both = w.source(node.out, "cat") or w.source(inside, "cat")
    if both is None or (both is not node and w.uses(both.out) != 1):
        return None
    products = [w.source(v, "mul") for v in both.inputs]
    if len(products) != 2 or any(
        p is None or w.source(p.inputs[0], "normal_radius") is None for p in products
    ):
        return None
    return Fused((), lambda w, node: _draw(w, "RandomNormal", w.shape(node.out), node.out.spec.dtype))


def dropout(w: GraphWriter, node: Node) -> Fused | None:
    """Dropout that drops."""
    chosen, scale = node.inputs
    kept = w.source(chosen, "kept")
    if kept is None or w.uses(chosen) != 1 or not isinstance(scale, float):
        return None
    mask, x = kept.inputs
    compared = w.source(mask, "ge")
    if compared is None or w.uses(mask) != 1 or not isinstance(p := compared.inputs[1], float):
        return None
    drawn = w.source(compared.inputs[0], "mul")
    if (
        drawn is None
        or w.uses(drawn.out) != 1
        or not _is_uniform(w, drawn)
        or abs(scale * (1 - p) - 1) > 1e-6
    ):
        return None

    def write(w: GraphWriter, node: Node) -> str:
        ratio, on = w.constant(p, np.float32), w.constant(True, np.bool_)
        return str(w.add("Dropout", w.name(x), ratio, on))

    return Fused((x,), write)


def bernoulli(w: GraphWriter, node: Node) -> Fused | None:
    """Bernoulli, of probabilities that are a tensor."""
    compared = w.source(node.inputs[0], "lt")
    if compared is None or w.uses(compared.out) != 1:
        return None
    drawn, p = w.source(compared.inputs[0], "mul"), compared.inputs[1]
    if drawn is None or w.uses(drawn.out) != 1 or not _is_uniform(w, drawn) or not hasattr(p, "spec"):
        return None
    if p.spec.dtype != drawn.out.spec.dtype or w.shape(p) != w.shape(node.out):
        return None
    return Fused((p,), lambda w, node: w.add("Bernoulli", w.name(p), dtype=number_of(node.out.spec.dtype)))


@writes("normal_radius")
def radius(w: GraphWriter, node: Node) -> str:
    """sqrt(-2 log(1 - u))"""
    (u,) = node.inputs
    rest = w.add("Sub", w.constant(1.0, u.spec.dtype), w.name(u))
    return str(w.add("Sqrt", w.add("Mul", w.add("Log", rest), w.constant(-2.0, u.spec.dtype))))


@writes("normal_turn")
def turn(w: GraphWriter, node: Node) -> str:
    """cos(2 pi u), or a quarter of a turn behind."""
    (u,) = node.inputs
    angle = w.add("Mul", w.name(u), w.constant(TWO_PI, u.spec.dtype))
    if node.attrs["quarter"]:
        angle = w.add("Sub", angle, w.constant(node.attrs["quarter"] * math.pi / 2, u.spec.dtype))
    return str(w.add("Cos", angle))
