"""Every sample against PyTorch: values, dtypes, shapes, derivatives; dtypes in combination."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rushlight as rl
from tests.op_samples import SAMPLES, Sample, as_dtype, flatten

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

PEERS = [s for s in SAMPLES if s.peer]
SMOOTH = [s for s in PEERS if s.kind != "plain"]


def dtype_of(t: Any) -> str:
    return str(t.dtype).removeprefix("torch.")


def agree(ours: Any, theirs: Any, exact: bool, slack: float = 1.0) -> None:
    """Same kind of thing, dtype, shape, and numbers to a few units in the last place."""
    if not isinstance(theirs, torch.Tensor):
        assert ours == theirs
        return
    assert isinstance(ours, rl.Tensor)
    assert dtype_of(ours) == dtype_of(theirs)
    assert tuple(ours.shape) == tuple(theirs.shape)
    a, b = ours.detach().numpy(), theirs.detach().numpy(force=True)
    if a.dtype.kind != "f":
        np.testing.assert_array_equal(a, b)
        return
    eps = np.finfo(a.dtype).eps
    rtol, atol = (8 * eps, 2 * eps) if exact else (64 * eps, 16 * eps)
    np.testing.assert_allclose(a, b, rtol=slack * rtol, atol=slack * atol, equal_nan=True)


def run(L: Any, s: Sample, dtype: str, grads: int) -> tuple[list[Any], list[Any]]:
    """The results, and with `grads` the derivatives of that order of a weighted sum of them."""
    L.manual_seed(0)  # some begin at random, and round by where they began
    arrays = [as_dtype(a, dtype) for a in s.arrays]
    tensors = [L.from_numpy(a) for a in arrays]
    leaves = [
        t.requires_grad_() for t, a in zip(tensors, arrays, strict=True) if grads and a.dtype.kind == "f"
    ]
    results = flatten(s.call(L, *tensors))
    outputs = [r for r in results if getattr(r, "requires_grad", False)]
    if not outputs:
        return results, []
    found = derivative(L, outputs, leaves, create_graph=grads > 1)
    if grads > 1:
        found = [f for f in found if f.requires_grad]
        found = derivative(L, found, leaves, create_graph=False) if found else []
    return results, found


def derivative(L: Any, outputs: list[Any], leaves: list[Any], create_graph: bool) -> list[Any]:
    weights = [np.cos(np.arange(o.numel()) * 1.3 + 0.4).reshape(tuple(o.shape)) for o in outputs]
    seeds = [L.from_numpy(np.array(w, dtype_of(o))) for w, o in zip(weights, outputs, strict=True)]
    found = L.autograd.grad(outputs, leaves, seeds, create_graph=create_graph, allow_unused=True)
    zeros = [L.zeros(tuple(t.shape), dtype=t.dtype) for t in leaves]
    return [z if f is None else f for f, z in zip(found, zeros, strict=True)]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # PyTorch's own
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("s", PEERS, ids=repr)
def test_values(s: Sample, dtype: str) -> None:
    ours, _ = run(rl, s, dtype, 0)
    theirs, _ = run(torch, s, dtype, 0)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        agree(a, b, s.exact)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("s", SMOOTH, ids=repr)
def test_gradients(s: Sample, dtype: str) -> None:
    _, ours = run(rl, s, dtype, 1)
    _, theirs = run(torch, s, dtype, 1)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        agree(a, b, s.exact, 4.0)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("s", [s for s in SMOOTH if s.kind == "smooth" and s.twice], ids=repr)
def test_second_gradients(s: Sample) -> None:
    _, ours = run(rl, s, "float64", 2)
    _, theirs = run(torch, s, "float64", 2)
    if len(ours) != len(theirs):  # one of the two knows that the first derivative is constant
        known = ours or theirs
        assert all(not g.any() for g in known)
        return
    for a, b in zip(ours, theirs, strict=True):
        agree(a, b, False, 2e5)  # PyTorch adds small numbers to the divisors of some


# Promotion

DTYPES = ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
SCALARS = [True, 2, 0.5]
OPERATORS = {
    "add": operator.add,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "lt": operator.lt,
    "eq": operator.eq,
}


def operands(L: Any) -> list[Any]:
    """One-dimensional and 0-d tensors of every dtype, and Python numbers."""
    tensors = [L.ones(shape, dtype=getattr(L, dtype)) for dtype in DTYPES for shape in ((2,), ())]
    return [*tensors, *SCALARS]


def outcome(function: Any) -> Any:
    """The dtype and shape, "refused", or "other" where PyTorch refuses what needs no refusal."""
    try:
        out = function()
    except (TypeError, ValueError, RuntimeError) as error:
        return "other" if "bool" in str(error) and "cast" not in str(error) else "refused"
    return dtype_of(out), tuple(out.shape)


@pytest.mark.parametrize("name", OPERATORS)
def test_promotion(name: str) -> None:
    f = OPERATORS[name]
    ours, theirs = operands(rl), operands(torch)
    for i, a in enumerate(ours):
        for j, b in enumerate(ours):
            if not (isinstance(a, rl.Tensor) or isinstance(b, rl.Tensor)):
                continue
            want = outcome(lambda i=i, j=j: f(theirs[i], theirs[j]))
            bools = name == "pow" and want[0] == "bool"  # NumPy raises bools to int8
            if want not in ("refused", "other") and not bools:
                assert outcome(lambda a=a, b=b: f(a, b)) == want, (name, a, b)


def test_promotion_of_where_and_cat() -> None:
    ours, theirs = operands(rl), operands(torch)
    yes, ja = rl.tensor([True, False]), torch.tensor([True, False])
    for i, a in enumerate(ours):
        for j, b in enumerate(ours):
            if not (isinstance(a, rl.Tensor) or isinstance(b, rl.Tensor)):
                continue
            want = outcome(lambda i=i, j=j: torch.where(ja, theirs[i], theirs[j]))
            assert outcome(lambda a=a, b=b: rl.where(yes, a, b)) == want, ("where", a, b)
            if i < 2 * len(DTYPES) and j < 2 * len(DTYPES) and a.ndim and b.ndim:
                want = outcome(lambda i=i, j=j: torch.cat([theirs[i], theirs[j]]))
                assert outcome(lambda a=a, b=b: rl.cat([a, b])) == want, ("cat", a, b)


@pytest.mark.parametrize("name", ["add_", "mul_", "div_", "copy_", "sub_"])
def test_in_place_keeps_the_dtype_or_refuses(name: str) -> None:
    ours, theirs = operands(rl), operands(torch)
    for i, a in enumerate(ours[: 2 * len(DTYPES)]):
        for j, b in enumerate(ours):
            if name == "copy_" and not isinstance(b, rl.Tensor):
                continue
            want = outcome(lambda i=i, j=j: getattr(theirs[i].clone(), name)(theirs[j]))
            got = outcome(lambda a=a, b=b: getattr(a.clone(), name)(b))
            got = "refused" if got == "other" else got
            assert want == "other" or got == want, (name, a, b)


# Shapes and indices drawn at random

BINARY = ["add", "sub", "mul", "maximum", "where"]


@given(
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=3),
    st.sampled_from(BINARY),
)
def test_random_broadcasts(shapes: Any, name: str) -> None:
    arrays = [np.random.default_rng(k).standard_normal(s) for k, s in enumerate(shapes.input_shapes)]
    results = []
    for L in (rl, torch):
        a, b = (L.from_numpy(x.copy()).requires_grad_() for x in arrays)
        out = L.where(a > b, a, b * 2) if name == "where" else getattr(L, name)(a, b)
        (out * out).sum().backward()
        results.append([out, a.grad, b.grad])
    for x, y in zip(*results, strict=True):
        agree(x, y, False, 8.0)


@st.composite
def arrays_with_axes(draw: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=3))
    axes = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    signed = tuple(a - len(shape) if draw(st.booleans()) else a for a in axes)
    x = np.random.default_rng(len(shape)).standard_normal(shape)
    return (np.asfortranarray(x) if draw(st.booleans()) else x), signed


@given(
    arrays_with_axes(), st.sampled_from(["sum", "mean", "amax", "logsumexp", "norm", "std"]), st.booleans()
)
def test_random_reductions(case: Any, name: str, keepdim: bool) -> None:
    x, axes = case
    if name == "std" and np.prod([x.shape[a] for a in axes]) == 1:
        return  # PyTorch warns, both give nan
    results = []
    for L in (rl, torch):
        t = L.from_numpy(x.copy(order="K")).requires_grad_()
        options = {"dim": axes, "keepdim": keepdim}
        out = t.norm(2, **options) if name == "norm" else getattr(t, name)(**options)
        out.sum().backward()
        results.append([out, t.grad])
    for a, b in zip(*results, strict=True):
        agree(a, b, False, 8.0)


@st.composite
def indexed(draw: Any) -> tuple[tuple[int, ...], Any]:
    """A shape and an index that NumPy and PyTorch read alike: positive steps, one array of integers."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    basic = draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    entries = list(basic) if isinstance(basic, tuple) else [basic]
    entries = [slice(e.start, e.stop, abs(e.step or 1)) if isinstance(e, slice) else e for e in entries]
    if draw(st.booleans()) and entries and not any(e is Ellipsis or e is None for e in entries):
        at = draw(st.integers(0, len(entries) - 1))
        side = shape[at]
        count = draw(st.integers(0, 4))
        picks = [draw(st.integers(-side, side - 1)) for _ in range(count)]
        entries = [e if isinstance(e, slice) else slice(None) for e in entries]
        entries[at] = np.array(picks, np.int64)
    return shape, tuple(entries)


def _for(L: Any, index: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(L.from_numpy(i) if isinstance(i, np.ndarray) else i for i in index)


@settings(max_examples=60)
@given(indexed())
def test_random_reads(case: Any) -> None:
    shape, index = case
    x = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    t = rl.from_numpy(x.copy()).requires_grad_()
    out = t[_for(rl, index)]
    np.testing.assert_array_equal(out.detach().numpy(), x[index])
    (out * 2).sum().backward()
    want = np.zeros(shape)
    np.add.at(want, index, 2.0)
    np.testing.assert_array_equal(t.grad.numpy(), want)


@settings(max_examples=60)
@given(indexed(), st.booleans())
def test_random_writes(case: Any, scalar: bool) -> None:
    shape, index = case
    if any(
        isinstance(i, np.ndarray) and len({int(k) % shape[n] for k in i}) < len(i)
        for n, i in enumerate(index)
    ):
        scalar = True  # with repeated places the last value wins or not: nobody promises
    x = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    value = 0.5 if scalar else np.random.default_rng(0).standard_normal(x[index].shape)
    ours, theirs = rl.from_numpy(x.copy()), torch.from_numpy(x.copy())
    ours[_for(rl, index)] = 0.5 if scalar else rl.from_numpy(np.array(value))
    theirs[_for(torch, index)] = 0.5 if scalar else torch.from_numpy(np.array(value))
    x[index] = value
    np.testing.assert_array_equal(ours.numpy(), x)
    np.testing.assert_array_equal(theirs.numpy(), x)
