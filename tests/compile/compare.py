"""Running one sample of the table eagerly and compiled, with its gradients, and comparing the results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rushlight as rl
from tests.op_samples import Sample, as_dtype, flatten

__all__ = ["check_same", "inputs_of", "with_gradients"]

RTOL = {"float32": 3e-5, "float64": 1e-10, "float16": 1e-2, "bfloat16": 5e-2}


def with_gradients(sample: Sample) -> Callable[..., tuple[Any, ...]]:
    """A function that gives a sample's results and the gradients of all its inputs that require them."""

    def run(*tensors: rl.Tensor) -> tuple[Any, ...]:
        results = flatten(sample.call(rl, *tensors))
        plain = [r.detach() if isinstance(r, rl.Tensor) else r for r in results]
        wanted = [t for t in tensors if t.requires_grad]
        totals = [(r * 1.5).sum() for r in results if isinstance(r, rl.Tensor) and r.requires_grad]
        if wanted and totals:
            plain += rl.autograd.grad(sum(totals[1:], totals[0]), wanted, materialize_grads=True)
        return tuple(plain)

    return run


def inputs_of(sample: Sample, dtype: str) -> list[rl.Tensor]:
    """A sample's inputs as tensors; floats require grad where the sample has derivatives."""
    kind: Any = rl.bfloat16.load() if dtype == "bfloat16" else dtype
    tensors = [rl.from_numpy(as_dtype(a, kind)) for a in sample.arrays]
    return [t.requires_grad_(sample.kind != "plain" and t.dtype.kind == "f") for t in tensors]


def check_same(found: Any, expected: Any, what: str) -> None:
    """Two results of one program: equal, floats up to rounding."""
    assert len(found) == len(expected), what
    for a, b in zip(found, expected, strict=True):
        if not isinstance(b, rl.Tensor):
            assert a == b, what
            continue
        assert (a.shape, a.dtype) == (b.shape, b.dtype), what
        x, y = (t.detach().float().numpy() if t.dtype == rl.bfloat16 else t.detach().numpy() for t in (a, b))
        tolerance = RTOL.get(str(a.dtype), 0.0)
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, equal_nan=True, err_msg=what)
