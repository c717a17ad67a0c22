"""Reductions, softmax, sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

import rushlight as rl
from rushlight.compile.graph import Node
from rushlight.onnx.writer import GraphWriter
from rushlight.onnx.writers.table import writes


def reduced(w: GraphWriter, op: str, x: str, dims: Any, keep: bool) -> str:
    """A reduction over axes, all where `dims` is None."""
    axes = None if dims is None else w.ints((dims,) if isinstance(dims, int) else dims)
    if dims is not None and not isinstance(dims, int) and not len(dims):
        return w.add(op, x, axes, keepdims=int(keep), noop_with_empty_axes=1)
    return w.add(op, x, axes, keepdims=int(keep))


def _reduction(op: str) -> Any:
    def write(w: GraphWriter, node: Node) -> str:
        (x,) = node.inputs
        name, dtype = w.name(x), node.out.spec.dtype
        if x.spec.dtype != dtype:
            name = w.cast(name, dtype)
        return reduced(w, op, name, node.attrs["dim"], node.attrs["keepdim"])

    return write


for _name, _op in {
    "sum": "ReduceSum", "mean": "ReduceMean", "prod": "ReduceProd", "amax": "ReduceMax", "amin": "ReduceMin",
    "logsumexp": "ReduceLogSumExp",
}.items():  # fmt: skip
    writes(_name)(_reduction(_op))


@writes("any", "all")
def truth(w: GraphWriter, node: Node) -> str:
    (x,) = node.inputs
    as_bool = w.name(x) if x.spec.dtype == rl.bool else w.cast(w.name(x), np.bool_)
    op = "ReduceMax" if node.op.name == "any" else "ReduceMin"
    found = reduced(w, op, w.cast(as_bool, np.int32), node.attrs["dim"], node.attrs["keepdim"])
    return w.cast(found, node.out.spec.dtype)


@writes("argmax", "argmin")
def place(w: GraphWriter, node: Node) -> str:
    x, dim = w.name(node.inputs[0]), node.attrs["dim"]
    op = "ArgMax" if node.op.name == "argmax" else "ArgMin"
    if dim is not None:
        return w.add(op, x, axis=dim, keepdims=int(node.attrs["keepdim"]))
    found = w.add(op, w.add("Reshape", x, w.ints([-1])), axis=0, keepdims=0)
    return w.reshape(found, w.shape(node.out)) if node.out.spec.shape else found


@writes("max_values", "min_values")
def values_at(w: GraphWriter, node: Node) -> str:
    x, index = (w.name(v) for v in node.inputs)
    dim, keep = node.attrs["dim"], node.attrs["keepdim"]
    index = index if keep else w.add("Unsqueeze", index, w.ints([dim]))
    found = w.add("GatherElements", x, index, axis=dim)
    return found if keep else w.add("Squeeze", found, w.ints([dim]))


@writes("softmax", "log_softmax")
def softmax(w: GraphWriter, node: Node) -> str:
    op = "Softmax" if node.op.name == "softmax" else "LogSoftmax"
    return w.add(op, *w.operands(node), axis=node.attrs["dim"])


@writes("cumsum")
def cumsum(w: GraphWriter, node: Node) -> str:
    (x,) = node.inputs
    name, dtype = w.name(x), node.out.spec.dtype
    name = name if x.spec.dtype == dtype else w.cast(name, dtype)
    return w.add("CumSum", name, w.constant(node.attrs["dim"], np.int64))


@writes("topk")
def topk(w: GraphWriter, node: Node) -> str:
    x, attrs = w.name(node.inputs[0]), node.attrs
    count = w.sizes([attrs["k"]])
    return w.add("TopK", x, count, outputs=2, axis=attrs["dim"], largest=int(attrs["largest"]), sorted=1)[1]


@writes("argsort")
def argsort(w: GraphWriter, node: Node) -> str:
    (x,) = node.inputs
    dim = node.attrs["dim"]
    count = w.sizes([w.shape(x)[dim]])
    largest = int(node.attrs["descending"])
    return w.add("TopK", w.name(x), count, outputs=2, axis=dim, largest=largest, sorted=1)[1]
