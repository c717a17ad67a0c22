"""Tensors print as PyTorch's, to the letter."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rushlight as rl

torch = pytest.importorskip("torch")

INF, NAN = float("inf"), float("nan")


def same_text(array: Any, dtype: str | None = None) -> None:
    ours, theirs = rl.from_numpy(array), torch.from_numpy(array)
    if dtype is not None:
        ours, theirs = ours.to(dtype), theirs.to(getattr(torch, dtype))
    assert repr(ours).replace("rushlight.", "torch.") == repr(theirs)


@pytest.fixture(autouse=True)
def usual_options() -> Iterator[None]:
    yield
    for L in (rl, torch):
        L.set_printoptions(profile="default", sci_mode=None)


VALUES: list[Any] = [
    [0.0], [1.0], [0.5], [1.0, 2.5], [-1.0, 2.0], [-1.5, 100.25], [0.1, 1000.0], [0.1, 100.0], [1e-5, 1.0],
    [1e-5], [1e-4], [1e8], [1e9], [123456789.0], [1.0, 1001.0], [1.0, 1000.0], [1.0, 1e10], [NAN], [INF],
    [-INF], [NAN, 1.0], [INF, 1.0], [-INF, 1.5], [NAN, 1.5, 100.0], [NAN, 0.0], [0.0, -0.0], [-0.0],
    [NAN, INF, -INF],
    [1e-40], [1e-45, 1.0], [3e38], [NAN, 1e10], [INF, 1e-10, 1.0], [0.00005], [0.99999], [0.999999999],
    [], [[]], [[], []], [[1.0, 2.0], [3.0, 4.5]], [[[1.0], [2.0]], [[3.0], [4.0]]], 2.5, 3.0, NAN, -INF, 1e-9,
    True, False, [True, False], [[False]], 7, [1, -22, 333], [[1], [22]], [10**12, -1], [2**62],
]  # fmt: skip


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "int8", "bool"]
)
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_values(value: Any, dtype: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same_text(np.array(value), dtype)


SHAPES = [
    (1000,), (1001,), (40,), (7, 150), (150, 7), (150, 150), (11, 11, 11), (3, 400), (400, 3), (2, 2, 2, 2),
    (1, 1, 1), (6, 200), (7, 200), (2, 3, 200), (0, 3), (3, 0), (2, 0, 2), (1, 1200), (1200, 1), (25, 40),
    (2, 30),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["float", "whole", "tiny", "int", "bool"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(shape: tuple[int, ...], kind: str) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    made = {
        "float": x,
        "whole": np.round(x * 10),
        "tiny": x * 1e-6,
        "int": (x * 1000).astype(np.int64),
        "bool": x > 0,
    }
    same_text(made[kind])


floats = st.one_of(
    st.floats(width=32),
    st.floats(-10, 10, width=32),
    st.integers(-2000, 2000).map(float),
    st.sampled_from([0.0, 1.0]),
)
ARRAYS = st.one_of(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, max_dims=3, max_side=8), elements=floats),
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=3, max_side=8), elements=st.floats()),
    hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, max_dims=3, max_side=8)),
    hnp.arrays(np.bool_, hnp.array_shapes(min_dims=0, max_dims=3, max_side=8)),
)


@settings(max_examples=200, deadline=None)
@given(ARRAYS)
def test_any(array: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same_text(array)


OPTIONS: list[dict[str, Any]] = [
    {"precision": 2}, {"precision": 8}, {"threshold": 5}, {"threshold": 5, "edgeitems": 1}, {"linewidth": 30},
    {"profile": "short"}, {"profile": "full"}, {"sci_mode": True}, {"sci_mode": False},
    {"threshold": 0, "edgeitems": 2},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options(options: dict[str, Any]) -> None:
    for L in (rl, torch):
        L.set_printoptions(**options)
    for array in (
        np.linspace(0, 1, 60).reshape(5, 12),
        np.arange(20.0),
        np.array([1e-7, 1.0]),
        np.arange(1200),
        np.array(0.25),
        np.ones((4, 4, 4)) * 1e9,
    ):
        same_text(array)


def test_unknown_profile() -> None:
    with pytest.raises(ValueError, match="default"):
        rl.set_printoptions(profile="long")


def test_long_facts_go_to_a_new_line() -> None:
    for n in range(1, 40):
        for L in (rl, torch):
            y = L.ones(n, requires_grad=True)
            if L is rl:
                ours = repr(y), repr(y * 2.5), repr(y.sum())
            else:
                assert ours == (repr(y), repr(y * 2.5), repr(y.sum()))


FORMATS: dict[str, Callable[[Any], str]] = {
    "f-string": lambda L: f"{L.tensor(0.1)} {L.tensor(3)} {L.tensor(True)} {L.tensor([1.5])}",
    "specs": lambda L: f"{L.tensor(0.1):.3f} {L.tensor(3):5d} {L.tensor(2.0):>10} {L.tensor(1e9):e}",
    "format": lambda L: "{} {:.2f} {:g}".format(L.tensor(0.5), L.tensor(0.5), L.tensor(0.5)),  # noqa: UP032
    "percent": lambda L: "%s %.2f %d" % (L.tensor(0.5), L.tensor(0.5), L.tensor(2)),  # noqa: UP031
    "requires grad": lambda L: f"{L.tensor(0.5, requires_grad=True) * 2}",
    "parameter": lambda L: f"{L.nn.Parameter(L.tensor(0.5))}",
    "list": lambda L: f"{[L.tensor(0.5), L.ones(2)]}",
    "parameter of a matrix": lambda L: repr(L.nn.Parameter(L.ones(3, 2))),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name: str) -> None:
    assert FORMATS[name](rl) == FORMATS[name](torch)


GRAD_FNS: list[Callable[[Any, Any], Any]] = [
    lambda L, x: x + 1,
    lambda L, x: x * x,
    lambda L, x: x / 2,
    lambda L, x: -x,
    lambda L, x: x**2,
    lambda L, x: x**x,
    lambda L, x: x % 2.0,
    lambda L, x: x % x,
    lambda L, x: x.sum(),
    lambda L, x: x.sum(0),
    lambda L, x: x.mean(),
    lambda L, x: x.mean(1, keepdim=True),
    lambda L, x: x.exp(),
    lambda L, x: x.log1p(),
    lambda L, x: x.tanh(),
    lambda L, x: L.relu(x),
    lambda L, x: x.sigmoid(),
    lambda L, x: x @ x,
    lambda L, x: x[0] @ x[1],
    lambda L, x: x @ x[0],
    lambda L, x: x.t(),
    lambda L, x: x.view(-1),
    lambda L, x: x.reshape(4),
    lambda L, x: x[0],
    lambda L, x: x[:, :1],
    lambda L, x: x[None],
    lambda L, x: x[:, 1],
    lambda L, x: x[:, [0]],
    lambda L, x: x.clone(),
    lambda L, x: x.double(),
    lambda L, x: L.nn.functional.linear(x, x, x[0]),
    lambda L, x: L.nn.functional.linear(x, x),
    lambda L, x: L.nn.functional.mse_loss(x, x.detach()),
    lambda L, x: x.log_softmax(1),
    lambda L, x: x.softmax(0),
    lambda L, x: L.nn.functional.cross_entropy(x, L.tensor([0, 1])),
    lambda L, x: x.expand(3, 2, 2),
    lambda L, x: L.cat([x, x]),
    lambda L, x: L.where(x > 0, x, 0.0),
    lambda L, x: x.transpose(0, 1)[None].permute(2, 0, 1),
    lambda L, x: x.abs(),
    lambda L, x: x.masked_fill(x > 0, 0.0),
    lambda L, x: x.gather(0, L.tensor([[0, 1]])),
]


@pytest.mark.parametrize("call", GRAD_FNS)
def test_grad_fn(call: Callable[[Any, Any], Any]) -> None:
    def shown(L: Any) -> str:
        x = L.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        return repr(call(L, x)).replace("rushlight.", "torch.")

    assert shown(rl) == shown(torch)


RESULTS: dict[str, Callable[[Any, Any], Any]] = {
    **{n: lambda L, x, n=n: getattr(L, n)(x, 1) for n in ("max", "min", "median", "nanmedian", "mode")},
    **{n: lambda L, x, n=n: getattr(L, n)(x, 1) for n in ("kthvalue", "topk", "cummax", "cummin")},
    "sort": lambda L, x: L.sort(x),
    "one": lambda L, x: [f(x[0, 0]) for f in (L.sort, L.mode)],
    "method": lambda L, x: x.max(dim=0, keepdim=True),
    "frexp": lambda L, x: L.frexp(x),
    "aminmax": lambda L, x: L.aminmax(x),
    "histogram": lambda L, x: L.histogram(x, 2),
    "slogdet": lambda L, x: L.slogdet(x),
    "triangular_solve": lambda L, x: L.triangular_solve(x, L.eye(2)),
}


@pytest.mark.filterwarnings("ignore:torch.triangular_solve")
@pytest.mark.parametrize("name", RESULTS)
def test_several_results(name: str) -> None:
    ours, theirs = (RESULTS[name](L, L.tensor([[1.0, -2.5], [0.0, 3.0]])) for L in (rl, torch))
    assert str(ours).replace("rushlight.", "torch.") == str(theirs)
