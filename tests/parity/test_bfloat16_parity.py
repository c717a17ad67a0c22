"""Every sample in bfloat16 and float16 against PyTorch: values and derivatives, to a unit of the last place or two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from tests.op_samples import SAMPLES, Sample, as_dtype, flatten

torch = pytest.importorskip("torch")
pytest.importorskip("ml_dtypes")

PEERS = [s for s in SAMPLES if s.peer]
SMOOTH = [s for s in PEERS if s.kind != "plain"]
EPS = {"bfloat16": 2.0**-7, "float16": 2.0**-10}


def run(L: Any, s: Sample, dtype: str, grads: bool) -> tuple[list[Any], list[Any]]:
    """The results, and the derivatives of a weighted sum of them."""
    arrays = [as_dtype(a, "float32") for a in s.arrays]
    made = [L.from_numpy(a) for a in arrays]
    tensors = [t.to(getattr(L, dtype)) if a.dtype.kind == "f" else t for t, a in zip(made, arrays, strict=True)]
    leaves = [t.requires_grad_() for t in tensors if grads and t.is_floating_point()]
    results = flatten(s.call(L, *tensors))
    outputs = [r for r in results if getattr(r, "requires_grad", False)]
    if not outputs:
        return results, []
    weights = [np.cos(np.arange(o.numel()) * 1.3 + 0.4).reshape(tuple(o.shape)) for o in outputs]
    seeds = [L.from_numpy(np.array(w, "float32")).to(o.dtype) for w, o in zip(weights, outputs, strict=True)]
    found = L.autograd.grad(outputs, leaves, seeds, allow_unused=True)
    zeros = [L.zeros(tuple(t.shape), dtype=t.dtype) for t in leaves]
    return results, [z if f is None else f for f, z in zip(found, zeros, strict=True)]


def agree(ours: Any, theirs: Any, units: float) -> None:
    if not isinstance(theirs, torch.Tensor):
        assert ours == theirs or repr(ours) == repr(theirs)
        return
    assert isinstance(ours, rl.Tensor)
    name = str(theirs.dtype).removeprefix("torch.")
    assert str(ours.dtype) == name
    assert tuple(ours.shape) == tuple(theirs.shape)
    if name not in EPS:
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
        return
    a, b = ours.detach().float().numpy(), theirs.detach().float().numpy()
    scale = float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
    np.testing.assert_allclose(a, b, rtol=units * EPS[name], atol=0.25 * units * EPS[name] * scale)


def both(s: Sample, dtype: str, grads: bool) -> Any:
    try:
        theirs = run(torch, s, dtype, grads)
    except (RuntimeError, TypeError, ValueError) as error:
        pytest.skip(f"PyTorch: {error}")
    return run(rl, s, dtype, grads), theirs


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("s", PEERS, ids=repr)
def test_values(s: Sample, dtype: str) -> None:
    (ours, _), (theirs, _) = both(s, dtype, False)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        agree(a, b, 2.0)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("s", SMOOTH, ids=repr)
def test_gradients(s: Sample, dtype: str) -> None:
    (_, ours), (_, theirs) = both(s, dtype, True)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        agree(a, b, 4.0)
