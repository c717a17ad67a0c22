"""What the tests of ONNX compare with: the checker, and ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.capture.results import tensors_of

onnx = pytest.importorskip("onnx", reason="ONNX needs onnx: pip install -e .[dev]")
runtime = pytest.importorskip("onnxruntime", reason="ONNX's tests need onnxruntime: pip install -e .[dev]")

__all__ = ["check", "close", "onnx", "run", "runtime"]


def run(model: Any, *inputs: rl.Tensor) -> list[np.ndarray]:
    """The outputs of ONNX Runtime."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    data = model if isinstance(model, bytes) else model.SerializeToString()
    session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    given = {i.name: t.numpy() for i, t in zip(session.get_inputs(), inputs, strict=True)}
    return session.run(None, given)


def close(found: Any, expected: Any, tolerance: float = 1e-5) -> None:
    """Each output within the tolerance, and of the same dtype and shape."""
    for a, b in zip(found, expected, strict=True):
        a, b = (t.detach().numpy() if isinstance(t, rl.Tensor) else t for t in (a, b))
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def check(model: Any, net: Any, *inputs: rl.Tensor) -> None:
    """A model is sound, and ONNX Runtime and the module that it is read as compute what the net does."""
    onnx.checker.check_model(model, full_check=True)
    with rl.no_grad():
        expected = tensors_of(net(*inputs))
        close(run(model, *inputs), expected)
        close(tensors_of(rl.onnx.load(model)(*inputs)), expected)
