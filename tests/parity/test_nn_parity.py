"""Layers, losses and initialisers against PyTorch: values and gradients."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import rushlight as rl
import rushlight.nn.functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional

DTYPES = ["float32", "float64"]
REDUCTIONS = ["mean", "sum", "none"]
rng = np.random.default_rng(0)


def close(ours: Any, theirs: Any, dtype: str, at_least: float = 0.0) -> None:
    rtol, atol = (1e-5, 1e-6) if dtype == "float32" else (1e-11, 1e-13)
    np.testing.assert_allclose(ours, theirs, rtol=max(rtol, at_least), atol=atol)


def compare(ours: Any, theirs: Any, inputs: list[np.ndarray], dtype: str, rtol: float = 0.0) -> None:
    """The same function of the same inputs in both frameworks: its value and its gradients."""
    a = [rl.tensor(x.astype(dtype)).requires_grad_() for x in inputs]
    b = [torch.tensor(x.astype(dtype), requires_grad=True) for x in inputs]
    out, want = ours(*a), theirs(*b)
    assert tuple(out.shape) == tuple(want.shape)
    assert str(out.dtype) == str(want.dtype).removeprefix("torch.")
    close(out.detach().numpy(), want.detach().numpy(), dtype)
    g = np.random.default_rng(1).standard_normal(tuple(want.shape)).astype(dtype)
    out.backward(rl.tensor(g))
    want.backward(torch.tensor(g))
    for x, y in zip(a, b, strict=True):
        close(x.grad.numpy(), y.grad.numpy(), dtype, rtol)


def both(module: str, *args: Any, **options: Any) -> tuple[Any, Any]:
    """The same module in both frameworks with the same weights."""
    ours, theirs = getattr(rl.nn, module)(*args, **options), getattr(torch.nn, module)(*args, **options)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        with rl.no_grad():
            p.copy_(rl.tensor(q.detach().numpy()))
    return ours, theirs


SMOOTH = rng.standard_normal((5, 4))
EXTREME = np.array([[0.0, -0.0, 1e4, -1e4], [90.0, -90.0, 500.0, -500.0], [1e-6, -1e-6, 1.0, -1.0]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "x", [SMOOTH, EXTREME, SMOOTH[0], SMOOTH[:0]], ids=["smooth", "extreme", "vector", "empty"]
)
@pytest.mark.parametrize(
    "module",
    [
        ("ReLU",),
        ("LeakyReLU",),
        ("LeakyReLU", 0.3),
        ("Tanh",),
        ("Sigmoid",),
        ("Softplus",),
        ("Softplus", 2.0, 5.0),
        ("GELU",),
        ("GELU", "tanh"),
        ("SiLU",),
        ("Softmax", -1),
        ("LogSoftmax", -1),
        ("Identity",),
        ("Flatten", 0),
    ],
    ids=str,
)
def test_activations(module: tuple[Any, ...], x: np.ndarray, dtype: str) -> None:
    ours, theirs = both(*module)
    if x is EXTREME and module[0] in ("Sigmoid", "Tanh", "ReLU", "LeakyReLU"):
        x = x[np.abs(x) > 0].reshape(-1)
    compare(ours, theirs, [x], dtype)


@pytest.mark.parametrize("shape", [(5, 4), (4,), (2, 3, 4), (0, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape: tuple[int, ...], bias: bool) -> None:
    x = rng.standard_normal(shape)
    w, b = rng.standard_normal((3, 4)), rng.standard_normal(3)
    compare(F.linear, TF.linear, [x, w, b] if bias else [x, w], "float64")
    ours, theirs = both("Linear", 4, 3, bias=bias)
    compare(ours, theirs, [x], "float32")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss"])
@pytest.mark.parametrize("shape", [(5, 4), (7,), (), (2, 3, 4), (0, 3)])
def test_regression_losses(name: str, shape: tuple[int, ...], reduction: str, dtype: str) -> None:
    x, y = rng.standard_normal(shape), rng.standard_normal(shape)
    compare(
        lambda a, b: getattr(F, name)(a, b, reduction=reduction),
        lambda a, b: getattr(TF, name)(a, b, reduction=reduction),
        [x, y],
        dtype,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss"])
def test_weighted_regression_losses(name: str, reduction: str) -> None:
    x, y = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    w = rng.uniform(0.5, 2, (5, 4))
    compare(
        lambda a, b: getattr(F, name)(a, b, reduction=reduction, weight=rl.tensor(w)),
        lambda a, b: getattr(TF, name)(a, b, reduction=reduction, weight=torch.tensor(w)),
        [x, y],
        "float64",
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("reduction", "weighted"), list(itertools.product(REDUCTIONS, [False, True])))
@pytest.mark.parametrize("ends", [False, True])
def test_binary_cross_entropy(reduction: str, weighted: bool, ends: bool, dtype: str) -> None:
    p = rng.uniform(0.05, 0.95, (6, 4))
    y = rng.uniform(0, 1, (6, 4))
    if ends:
        p[0], y[0] = [0, 1, 0, 1], [0, 1, 1, 0]
    w = rng.uniform(0.5, 2, 4).astype(dtype) if weighted else None
    compare(
        lambda a: F.binary_cross_entropy(
            a, rl.tensor(y.astype(dtype)), None if w is None else rl.tensor(w), reduction=reduction
        ),
        lambda a: TF.binary_cross_entropy(
            a, torch.tensor(y.astype(dtype)), None if w is None else torch.tensor(w), reduction=reduction
        ),
        [p],
        dtype,
        rtol=1e-7,  # PyTorch's 1e-12 under p(1 - p) is a float32 in float64 too
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("reduction", "weighted", "positive"), list(itertools.product(REDUCTIONS, [False, True], [False, True]))
)
def test_binary_cross_entropy_with_logits(reduction: str, weighted: bool, positive: bool, dtype: str) -> None:
    z = np.concatenate([rng.standard_normal((4, 4)), [[500, -500, 30, -30], [500, -500, 30, -30]]])
    y = np.concatenate([rng.uniform(0, 1, (4, 4)), [[0, 0, 0, 0], [1, 1, 1, 1]]])
    options = {
        key: rng.uniform(0.5, 2, 4).astype(dtype)
        for key, wanted in [("weight", weighted), ("pos_weight", positive)]
        if wanted
    }
    compare(
        lambda a, b: F.binary_cross_entropy_with_logits(
            a, b, reduction=reduction, **{k: rl.tensor(v) for k, v in options.items()}
        ),
        lambda a, b: TF.binary_cross_entropy_with_logits(
            a, b, reduction=reduction, **{k: torch.tensor(v) for k, v in options.items()}
        ),
        [z, y],
        dtype,
    )


CLASS_SHAPES = [(5, 4), (4,), (3, 4, 2), (2, 4, 3, 2)]


def classes(shape: tuple[int, ...], ignored: int | None) -> np.ndarray:
    target = rng.integers(0, 4, shape[:1] + shape[2:] if len(shape) > 1 else ())
    if ignored is not None and target.ndim:
        target[0] = ignored
    return target


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", CLASS_SHAPES)
@pytest.mark.parametrize(
    ("reduction", "weighted", "ignored", "smoothing"),
    list(itertools.product(REDUCTIONS, [False, True], [None, -100, 2], [0.0, 0.1])),
)
def test_class_losses(
    shape: tuple[int, ...], reduction: str, weighted: bool, ignored: int | None, smoothing: float, dtype: str
) -> None:
    x, target = rng.standard_normal(shape), classes(shape, ignored)
    w = rng.uniform(0.5, 2, 4).astype(dtype) if weighted else None
    options: dict[str, Any] = (
        {"reduction": reduction} if ignored is None else {"reduction": reduction, "ignore_index": ignored}
    )
    if not smoothing:
        compare(
            lambda a: F.nll_loss(a, rl.tensor(target), None if w is None else rl.tensor(w), **options),
            lambda a: TF.nll_loss(a, torch.tensor(target), None if w is None else torch.tensor(w), **options),
            [x],
            dtype,
        )
    options["label_smoothing"] = smoothing
    compare(
        lambda a: F.cross_entropy(a, rl.tensor(target), None if w is None else rl.tensor(w), **options),
        lambda a: TF.cross_entropy(
            a, torch.tensor(target), None if w is None else torch.tensor(w), **options
        ),
        [x],
        dtype,
    )


@pytest.mark.parametrize("shape", CLASS_SHAPES)
@pytest.mark.parametrize(
    ("reduction", "weighted", "smoothing"), list(itertools.product(REDUCTIONS, [False, True], [0.0, 0.1]))
)
def test_cross_entropy_of_probabilities(
    shape: tuple[int, ...], reduction: str, weighted: bool, smoothing: float
) -> None:
    x, y = rng.standard_normal(shape), rng.uniform(0, 1, shape)
    w = rng.uniform(0.5, 2, 4) if weighted else None
    compare(
        lambda a, b: F.cross_entropy(
            a, b, None if w is None else rl.tensor(w), reduction=reduction, label_smoothing=smoothing
        ),
        lambda a, b: TF.cross_entropy(
            a, b, None if w is None else torch.tensor(w), reduction=reduction, label_smoothing=smoothing
        ),
        [x, y],
        "float64",
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_extreme_logits(reduction: str, dtype: str) -> None:
    x = np.array([[1e4, -1e4, 0.0], [300.0, 299.0, -300.0], [1e-3, 2e-3, 3e-3], [-800.0, -900.0, -1000.0]])
    target = np.array([1, 0, 2, 2])
    for smoothing in (0.0, 0.2):
        compare(
            lambda a, s=smoothing: F.cross_entropy(
                a, rl.tensor(target), reduction=reduction, label_smoothing=s
            ),
            lambda a, s=smoothing: TF.cross_entropy(
                a, torch.tensor(target), reduction=reduction, label_smoothing=s
            ),
            [x],
            dtype,
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
def test_all_targets_ignored(name: str, reduction: str) -> None:
    x, target = rng.standard_normal((3, 4)), np.full(3, -100)
    ours = getattr(F, name)(rl.tensor(x), rl.tensor(target), reduction=reduction)
    theirs = getattr(TF, name)(torch.tensor(x), torch.tensor(target), reduction=reduction)
    np.testing.assert_array_equal(np.abs(ours.numpy()), np.abs(theirs.numpy()))


def test_one_hot() -> None:
    classes = np.array([[0, 2], [1, 2]])
    for count in (-1, 5):
        ours, theirs = F.one_hot(rl.tensor(classes), count), TF.one_hot(torch.tensor(classes), count)
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        assert str(ours.dtype) == "int64"


@pytest.mark.parametrize("nonlinearity", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_calculate_gain(nonlinearity: str) -> None:
    assert rl.nn.init.calculate_gain(nonlinearity) == pytest.approx(
        torch.nn.init.calculate_gain(nonlinearity)
    )
    if nonlinearity == "leaky_relu":
        assert rl.nn.init.calculate_gain(nonlinearity, 0.3) == pytest.approx(
            torch.nn.init.calculate_gain(nonlinearity, 0.3)
        )


INITIALISERS = [
    ("uniform_", {}),
    ("uniform_", {"a": -2.0, "b": 3.0}),
    ("normal_", {"mean": 1.0, "std": 2.0}),
    ("trunc_normal_", {"std": 0.5, "a": -0.4, "b": 1.0}),
    ("xavier_uniform_", {}),
    ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", {}),
    ("kaiming_uniform_", {"a": math.sqrt(5)}),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", {}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "tanh"}),
]


@pytest.mark.parametrize(("name", "options"), INITIALISERS)
@pytest.mark.parametrize("shape", [(200, 300), (40, 30, 5, 5)])
def test_initialisers_follow_the_same_distribution(
    name: str, options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    rl.manual_seed(0)
    torch.manual_seed(0)
    ours = getattr(rl.nn.init, name)(rl.empty(*shape), **options).numpy()
    theirs = getattr(torch.nn.init, name)(torch.empty(*shape), **options).numpy()
    spread = float(theirs.std())
    assert ours.mean() == pytest.approx(theirs.mean(), abs=spread / 50)
    assert ours.std() == pytest.approx(spread, rel=0.02)
    if "uniform" in name:
        assert ours.max() == pytest.approx(theirs.max(), abs=spread / 50)
        assert ours.min() == pytest.approx(theirs.min(), abs=spread / 50)


def test_default_linear_follows_the_same_distribution() -> None:
    ours, theirs = rl.nn.Linear(300, 400), torch.nn.Linear(300, 400)
    for p, q in [(ours.weight, theirs.weight), (ours.bias, theirs.bias)]:
        a, b = p.detach().numpy(), q.detach().numpy()
        assert np.abs(a).max() == pytest.approx(1 / math.sqrt(300), rel=0.02)
        assert a.std() == pytest.approx(b.std(), rel=0.1)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clipping(norm_type: float, max_norm: float) -> None:
    grads = [rng.standard_normal((3, 4)), rng.standard_normal(5)]
    ours = [rl.nn.Parameter(rl.zeros(*g.shape, dtype=rl.float64)) for g in grads]
    theirs = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in grads]
    for p, q, g in zip(ours, theirs, grads, strict=True):
        p.grad, q.grad = rl.tensor(g), torch.tensor(g)
    a = rl.nn.utils.clip_grad_norm_(ours, max_norm, norm_type)
    b = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert a.item() == pytest.approx(b.item(), rel=1e-12)
    rl.nn.utils.clip_grad_value_(ours, 0.1)
    torch.nn.utils.clip_grad_value_(theirs, 0.1)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)


def test_representations() -> None:
    for module, args in [
        ("Linear", (2, 3)),
        ("ReLU", ()),
        ("GELU", ()),
        ("SiLU", ()),
        ("LeakyReLU", ()),
        ("Dropout", ()),
        ("Flatten", ()),
        ("Softmax", (1,)),
        ("Identity", ()),
        ("Tanh", ()),
        ("Softplus", ()),
    ]:
        assert repr(getattr(rl.nn, module)(*args)) == repr(getattr(torch.nn, module)(*args))
    ours = rl.nn.Sequential(rl.nn.Linear(2, 3), rl.nn.Sequential(rl.nn.Tanh()))
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Sequential(torch.nn.Tanh()))
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())


COVERED = {"rushlight.nn.init": {name for name, _ in INITIALISERS}}
"""What the tests above look up by name, for the matrix of test_matrix.py."""
