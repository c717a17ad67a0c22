"""ONNX Runtime, inference only. The model's bytes are written here, so the onnx package is not needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.contenders.base import Contender, Step
from benchmarks.workloads import Array, Problem

__all__ = ["OnnxRuntime", "mlp_model"]


class OnnxRuntime(Contender):
    """``InferenceSession.run`` on a ready array."""

    title = "ONNX Runtime"
    library = "onnxruntime"
    kinds = frozenset({"infer"})

    def setup(self, problem: Problem) -> Step:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        model = mlp_model(problem.layers, problem.workload.batch)
        self.session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.batches = problem.batches
        return lambda x: self.session.run(None, {"x": x})[0]


def mlp_model(layers: list[tuple[Array, Array]], batch: int) -> bytes:
    """A ModelProto: Gemm and Relu in turn, the last without Relu. Input ``x``, output ``y``."""
    nodes, tensors, name = [], [], "x"
    for i, (weight, bias) in enumerate(layers):
        last = i == len(layers) - 1
        tensors += [_tensor(f"w{i}", weight), _tensor(f"b{i}", bias)]
        out = "y" if last else f"z{i}"
        nodes.append(_node("Gemm", [name, f"w{i}", f"b{i}"], out, _field(5, _int_attribute("transB", 1))))
        name = out
        if not last:
            nodes.append(_node("Relu", [name], f"h{i}"))
            name = f"h{i}"
    graph = b"".join(
        [
            *(_field(1, node) for node in nodes),
            _field(2, b"mlp"),
            *(_field(5, tensor) for tensor in tensors),
            _field(11, _value_info("x", (batch, layers[0][0].shape[1]))),
            _field(12, _value_info("y", (batch, layers[-1][0].shape[0]))),
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


def _tensor(name: str, array: Array) -> bytes:
    dims = b"".join(_field(1, size) for size in array.shape)
    return dims + _field(2, 1) + _field(8, name.encode()) + _field(9, np.ascontiguousarray(array).tobytes())


def _value_info(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_field(1, _field(1, size)) for size in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))
