"""ONNX Runtime, inference only. The model's bytes are written here, so the onnx package is not needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.contenders.base import Contender, Step
from benchmarks.workloads import Array, Problem

__all__ = ["OnnxRuntime", "onnx_model"]

Node = tuple[str, str, dict[str, tuple[int, ...]]]
"""An operator, the name of its weight and bias, if it has them, and its attributes."""

POOLED: list[Node] = [("Relu", "", {}), ("MaxPool", "", {"kernel_shape": (2, 2), "strides": (2, 2)})]
LENET: list[Node] = [
    ("Conv", "conv1", {"pads": (2, 2, 2, 2)}),
    *POOLED,
    ("Conv", "conv2", {}),
    *POOLED,
    ("Flatten", "", {}),
    ("Gemm", "fc1", {}),
    ("Relu", "", {}),
    ("Gemm", "fc2", {}),
    ("Relu", "", {}),
    ("Gemm", "fc3", {}),
]


class OnnxRuntime(Contender):
    """``InferenceSession.run`` on a ready array."""

    title = "ONNX Runtime"
    library = "onnxruntime"
    kinds = frozenset({"infer"})
    models = frozenset({"mlp", "lenet"})

    def setup(self, problem: Problem) -> Step:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        shape = problem.batches[0][0].shape
        if problem.workload.model == "lenet":
            model = onnx_model(LENET, problem.model.parameters(), shape, problem.workload.widths[-1])
        else:
            model = onnx_model(*_linear(problem.layers), shape, problem.workload.widths[-1])
        self.session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.batches = problem.batches
        return lambda x: self.session.run(None, {"x": x})[0]


def _linear(layers: list[tuple[Array, Array]]) -> tuple[list[Node], dict[str, Array]]:
    """Gemm and Relu in turn, the last without Relu, with the parameters."""
    nodes: list[Node] = []
    for i in range(len(layers)):
        nodes += [("Gemm", str(i), {}), ("Relu", "", {})]
    named = {f"{i}.{k}": a for i, (w, b) in enumerate(layers) for k, a in (("w", w), ("b", b))}
    return nodes[:-1], named


def onnx_model(
    nodes: list[Node], parameters: dict[str, Array], shape: tuple[int, ...], outputs: int
) -> bytes:
    """A ModelProto of a chain of nodes. Input ``x`` of that shape, output ``y``."""
    written, name = [], "x"
    for i, (op, weight, attributes) in enumerate(nodes):
        out = "y" if i == len(nodes) - 1 else f"h{i}"
        inputs = [name, f"{weight}.w", f"{weight}.b"] if weight else [name]
        told = [_field(5, _ints_attribute(key, value)) for key, value in attributes.items()]
        if op == "Gemm":
            told.append(_field(5, _int_attribute("transB", 1)))
        written.append(_node(op, inputs, out, b"".join(told)))
        name = out
    graph = b"".join(
        [
            *(_field(1, node) for node in written),
            _field(2, b"model"),
            *(_field(5, _tensor(key, array)) for key, array in parameters.items()),
            _field(11, _value_info("x", shape)),
            _field(12, _value_info("y", (shape[0], outputs))),
        ]
    )
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 17))


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def _field(number: int, value: int | bytes) -> bytes:
    """A protobuf field: varint for a number, length-delimited for bytes."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _node(op: str, inputs: Iterable[str], output: str, attribute: bytes = b"") -> bytes:
    names = b"".join(_field(1, name.encode()) for name in inputs)
    return names + _field(2, output.encode()) + _field(4, op.encode()) + attribute


def _int_attribute(name: str, value: int) -> bytes:
    return _field(1, name.encode()) + _field(3, value) + _field(20, 2)


def _ints_attribute(name: str, values: Iterable[int]) -> bytes:
    return _field(1, name.encode()) + b"".join(_field(8, value) for value in values) + _field(20, 7)


def _tensor(name: str, array: Array) -> bytes:
    dims = b"".join(_field(1, size) for size in array.shape)
    return dims + _field(2, 1) + _field(8, name.encode()) + _field(9, np.ascontiguousarray(array).tobytes())


def _value_info(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_field(1, _field(1, size)) for size in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))
