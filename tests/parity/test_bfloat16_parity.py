"""Every sample in both 16-bit floats against PyTorch: values and derivatives, to units in the last place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from tests.op_samples import SAMPLES, Sample, as_dtype, flatten

torch = pytest.importorskip("torch")
pytest.importorskip("ml_dtypes")

PEERS = [s for s in SAMPLES if s.peer]
CASES = [*[(s, "bfloat16") for s in PEERS], *[(s, "float16") for s in PEERS[::4]]]
"""Both take the same way, so that of float16 every fourth sample is enough."""
EPS = {"bfloat16": 2.0**-7, "float16": 2.0**-10}


def run(L: Any, s: Sample, dtype: str, grads: bool) -> tuple[list[Any], list[Any]]:
    """The results, and the derivatives of a weighted sum of them."""
    arrays = [as_dtype(a, "float32") for a in s.arrays]
    made = [L.from_numpy(a) for a in arrays]
    tensors = [
        t.to(getattr(L, dtype)) if a.dtype.kind == "f" else t for t, a in zip(made, arrays, strict=True)
    ]
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
        a, b = (t.detach().numpy(force=True) for t in (ours, theirs))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        return
    a, b = (t.detach().float().numpy(force=True) for t in (ours, theirs))
    scale = float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
    np.testing.assert_allclose(a, b, rtol=units * EPS[name], atol=0.25 * units * EPS[name] * scale)


LEFT_OUT = {
    ("matrix_exp", ""): "PyTorch's gives nan",
    ("linalg.matrix_exp", ""): "the same",
    ("grid_sampler", ""): "a point that is rounded may lie in another cell",
    ("clamp-6-kink-3", "float16"): "PyTorch rounds the bound too",
    ("pow-35-plain-6", "float16"): "the root of -inf, which has no sign there",
    ("polygamma-22-plain-12", "float16"): "PyTorch gives nan where it overflows",
    ("gelu-6-plain-6", "float16"): "PyTorch gives nan of infinity",
}


def gap(x: Any, right: Any) -> float:
    """How far the farthest element is from what float64 gives, where that is finite."""
    a, b = (t.detach().double().numpy(force=True) for t in (x, right))
    with np.errstate(invalid="ignore"):
        far = np.nan_to_num(np.abs(a - b), nan=np.inf, posinf=np.inf)[np.isfinite(b)]
    return float(far.max(initial=0.0))


def both(s: Sample, dtype: str) -> Any:
    """What `run` gives for Rushlight and PyTorch; without derivatives where PyTorch has none."""
    refused = ""
    for grads in (True, False) if s.kind != "plain" else (False,):
        try:
            return run(rl, s, dtype, grads), run(torch, s, dtype, grads)
        except RuntimeError as error:
            if isinstance(error, rl.errors.RushlightError):
                with pytest.raises((RuntimeError, TypeError, ValueError)):
                    run(torch, s, dtype, grads)
            refused = str(error)
        except (TypeError, ValueError) as error:
            refused = str(error)
    return pytest.skip(refused)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(("s", "dtype"), CASES, ids=repr)
def test_samples(s: Sample, dtype: str) -> None:
    why = LEFT_OUT.get((s.name, "")) or LEFT_OUT.get((s.label, dtype))
    if why is not None:
        pytest.skip(why)
    (ours, our_grads), (theirs, their_grads) = both(s, dtype)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        agree(a, b, 2.0)
    assert len(our_grads) == len(their_grads)
    _, right = run(torch, s, "float64", True) if our_grads else (None, [])
    for a, b, c in zip(our_grads, their_grads, right, strict=True):
        if gap(a, c) > gap(b, c):  # nearer to the truth than PyTorch's is right anyway
            agree(a, b, 4.0)


def test_conversions_and_what_numpy_sees() -> None:
    """DLPack both ways, in the same memory; NumPy has no bfloat16."""
    x, y = rl.ones(2, 3, dtype=rl.bfloat16), torch.ones(2, 3).bfloat16()
    seen, taken = torch.from_dlpack(x), rl.from_dlpack(y)
    assert (seen.dtype, taken.dtype) == (torch.bfloat16, rl.bfloat16)
    x[0, 1] = y[0, 1] = 2.5
    assert seen.tolist() == taken.tolist() == [[1.0, 2.5, 1.0], [1.0, 1.0, 1.0]]
    assert torch.from_dlpack(x.t()).stride() == (1, 3)
    for t in (x, y):
        with pytest.raises(TypeError):
            t.numpy()
        with pytest.raises(TypeError):
            np.asarray(t)
    for name in ("eps", "max", "min", "tiny", "smallest_normal", "resolution", "bits"):
        assert getattr(rl.finfo(rl.bfloat16), name) == getattr(torch.finfo(torch.bfloat16), name)


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "RAdam", "Adamax", "Adafactor"]
)
def test_ten_steps_of(name: str) -> None:
    found = []
    for L in (rl, torch):
        p = L.nn.Parameter(L.tensor([[0.5, -1.0, 2.0], [0.25, 0.3, 1.0]]).bfloat16())
        optimizer = getattr(L.optim, name)([p], lr=0.05)
        for _ in range(10):
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()
        state = {k: str(v.dtype).removeprefix("torch.") for k, v in optimizer.state[p].items() if k != "step"}
        found.append((p.detach().float().tolist(), state))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=0.04)
    assert found[0][1] == {k: v for k, v in found[1][1].items() if k in found[0][1]}
