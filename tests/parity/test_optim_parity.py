"""Optimisers against PyTorch over ten steps and more."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

SHAPES = [(4, 3), (4,), (2, 4), (2,), (80, 60)]


def start(dtype: str) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(s).astype(dtype) for s in SHAPES]
    return [rl.nn.Parameter(rl.tensor(v)) for v in values], [
        torch.nn.Parameter(torch.tensor(v)) for v in values
    ]


def steps(
    ours: Any, theirs: Any, pairs: list[tuple[Any, Any]], count: int, seed: int = 1, skip: int = -1
) -> None:
    """The same gradients for both, `count` times; parameter 1 gets none in step `skip`."""
    rng = np.random.default_rng(seed)
    for step in range(count):
        for index, (p, q) in enumerate(pairs):
            g = rng.standard_normal(p.shape).astype(str(p.dtype))
            if index == 1 and step == skip:
                p.grad = q.grad = None
            else:
                p.grad, q.grad = rl.tensor(g), torch.tensor(g)
        ours.step()
        theirs.step()


def same(ours: list[Any], theirs: list[Any], dtype: str, slack: float = 1.0) -> None:
    rtol, atol = (1e-5, 1e-6) if dtype == "float32" else (1e-10 * slack, 1e-12 * slack)
    for p, q in zip(ours, theirs, strict=True):
        assert str(p.dtype) == dtype
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=rtol, atol=atol)


SGD_OPTIONS = [
    {"lr": 0.1, "momentum": m, "dampening": d, "weight_decay": w, "nesterov": n, "maximize": x}
    for m, d, w, n, x in itertools.product([0.0, 0.9], [0.0, 0.3], [0.0, 0.05], [False, True], [False, True])
    if not n or (m and not d)
]
ADAM_OPTIONS = [
    {"lr": 0.01, "weight_decay": w, "amsgrad": a, "maximize": x, **more}
    for w, a, x, more in itertools.product(
        [0.0, 0.05], [False, True], [False, True], [{}, {"betas": (0.8, 0.95), "eps": 1e-3}]
    )
]
MORE_OPTIONS: dict[str, list[dict[str, Any]]] = {
    "RMSprop": [
        {"alpha": 0.9, "momentum": m, "centered": c, "weight_decay": w}
        for m, c, w in itertools.product([0.0, 0.5], [False, True], [0.0, 0.1])
    ],
    "Adagrad": [
        {"lr": 0.1, "lr_decay": 0.1},
        {"initial_accumulator_value": 0.5, "weight_decay": 0.1, "maximize": True},
    ],
    "Adadelta": [{"rho": 0.8, "weight_decay": 0.1}, {"lr": 0.5, "maximize": True}],
    "Adamax": [{"lr": 0.1, "weight_decay": 0.1}, {"betas": (0.8, 0.95), "maximize": True}],
    "NAdam": [
        {"lr": 0.1, "weight_decay": 0.1},
        {"decoupled_weight_decay": True, "weight_decay": 0.1},
        {"momentum_decay": 0.1, "maximize": True},
    ],
    "RAdam": [
        {"lr": 0.1, "weight_decay": 0.1, "betas": (0.9, 0.9)},
        {"decoupled_weight_decay": True, "weight_decay": 0.1},
        {"maximize": True},
    ],
    "Rprop": [{"lr": 0.1}, {"etas": (0.3, 1.5), "step_sizes": (1e-3, 0.3), "maximize": True}],
    "ASGD": [
        {"lr": 0.1, "t0": 3.0},
        {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "weight_decay": 0.1, "maximize": True},
    ],
    "Adafactor": [
        {"lr": 0.1, "weight_decay": 0.1},
        {"beta2_decay": -0.5, "d": 2.0, "eps": (1e-5, 1e-2), "maximize": True},
    ],
}
CASES = (
    [("SGD", o) for o in SGD_OPTIONS]
    + [("Adam", o) for o in ADAM_OPTIONS]
    + [("AdamW", o) for o in ADAM_OPTIONS]
    + [("Adam", {"decoupled_weight_decay": True, "weight_decay": 0.1})]
    + [("SGD", {}), ("Adam", {}), ("AdamW", {})]
    + [(name, options) for name, several in MORE_OPTIONS.items() for options in ({}, *several)]
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
def test_ten_steps(name: str, options: dict[str, Any], dtype: str) -> None:
    a, b = start(dtype)
    ours, theirs = getattr(rl.optim, name)(a, **options), getattr(torch.optim, name)(b, **options)
    steps(ours, theirs, list(zip(a, b, strict=True)), 10)
    # PyTorch keeps the numbers of these two in float32, whatever the parameters are.
    same(a, b, dtype, 1e5 if dtype == "float64" and name in ("NAdam", "ASGD") else 1.0)


@pytest.mark.parametrize(
    ("name", "options"), [("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {}), ("AdamW", {})]
)
@pytest.mark.parametrize("skip", [0, 4])
def test_a_parameter_without_gradient_is_left_alone(name: str, options: dict[str, Any], skip: int) -> None:
    a, b = start("float64")
    ours, theirs = getattr(rl.optim, name)(a, **options), getattr(torch.optim, name)(b, **options)
    steps(ours, theirs, list(zip(a, b, strict=True)), 10, skip=skip)
    same(a, b, "float64")


@pytest.mark.parametrize(
    ("name", "options", "special"),
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9}, {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.1}),
        ("Adam", {"lr": 0.01}, {"lr": 0.1, "betas": (0.5, 0.9)}),
        ("AdamW", {"lr": 0.01}, {"weight_decay": 0.0, "amsgrad": True}),
    ],
)
def test_groups_and_changed_learning_rates(
    name: str, options: dict[str, Any], special: dict[str, Any]
) -> None:
    a, b = start("float32")
    ours = getattr(rl.optim, name)([{"params": a[:2]}, {"params": a[2:], **special}], **options)
    theirs = getattr(torch.optim, name)([{"params": b[:2]}, {"params": b[2:], **special}], **options)
    pairs = list(zip(a, b, strict=True))
    steps(ours, theirs, pairs, 5)
    for optimizer in (ours, theirs):
        optimizer.param_groups[0]["lr"] = 0.05
        optimizer.param_groups[1]["lr"] *= 0.5
    steps(ours, theirs, pairs, 5, seed=2)
    same(a, b, "float32")


@pytest.mark.parametrize(
    ("name", "options"),
    [("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {"amsgrad": True}), ("AdamW", {"lr": 0.01})],
)
def test_a_state_of_pytorch_goes_on_here(name: str, options: dict[str, Any]) -> None:
    a, b = start("float64")
    theirs = getattr(torch.optim, name)(b, **options)
    for q in b:
        q.grad = torch.ones_like(q)
    theirs.step()
    theirs.step()
    with rl.no_grad():
        for p, q in zip(a, b, strict=True):
            p.copy_(rl.tensor(q.detach().numpy()))
    saved = theirs.state_dict()
    saved["state"] = {
        i: {k: rl.tensor(v.numpy()) if isinstance(v, torch.Tensor) else v for k, v in s.items()}
        for i, s in saved["state"].items()
    }
    ours = getattr(rl.optim, name)(a)
    ours.load_state_dict(saved)
    steps(ours, theirs, list(zip(a, b, strict=True)), 5)
    same(a, b, "float64")


def test_the_layout_of_state_dicts_agrees() -> None:
    first: list[tuple[str, dict[str, Any]]] = [
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
        ("Adam", {"amsgrad": True}),
        ("AdamW", {}),
    ]
    for name, options in [*first, *[(n, o[0]) for n, o in MORE_OPTIONS.items()]]:
        a, b = start("float32")
        ours, theirs = getattr(rl.optim, name)(a, **options), getattr(torch.optim, name)(b, **options)
        steps(ours, theirs, list(zip(a, b, strict=True)), 2)
        mine, other = ours.state_dict(), theirs.state_dict()
        assert mine.keys() == other.keys()
        assert mine["param_groups"][0]["params"] == other["param_groups"][0]["params"]
        assert mine["param_groups"][0].keys() <= other["param_groups"][0].keys()
        assert {i: set(s) for i, s in mine["state"].items()} == {i: set(s) for i, s in other["state"].items()}


@pytest.mark.parametrize(
    "options", [{}, {"nesterov": False, "weight_decay": 0.0}, {"adjust_lr_fn": "match_rms_adamw"}]
)
def test_muon(options: dict[str, Any]) -> None:
    """PyTorch orthogonalises in bfloat16, so that only three digits agree."""
    a, b = start("float32")
    pairs = [(p, q) for p, q in zip(a, b, strict=True) if p.ndim == 2]
    ours = rl.optim.Muon([p for p, _ in pairs], lr=0.02, **options)
    theirs = torch.optim.Muon([q for _, q in pairs], lr=0.02, **options)
    steps(ours, theirs, pairs, 10)
    for p, q in pairs:
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), atol=5e-3)


def valley(L: Any, options: dict[str, Any]) -> tuple[list[float], int, int]:
    """The losses of five steps in Rosenbrock's valley, and how often the loss was computed."""
    p = L.nn.Parameter(L.tensor([-1.2, 1.0], dtype=L.float64))
    q = L.nn.Parameter(L.tensor(0.5, dtype=L.float64))
    optimizer = L.optim.LBFGS([p, q], **options)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2 + (q - p[0]) ** 4
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(5)]
    return losses, optimizer.state[p]["func_evals"], optimizer.state[p]["n_iter"]


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.05},
        {"line_search_fn": "strong_wolfe"},
        {"history_size": 2, "max_iter": 7, "line_search_fn": "strong_wolfe"},
    ],
)
def test_lbfgs(options: dict[str, Any]) -> None:
    found = [valley(L, options) for L in (rl, torch)]
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-6, atol=1e-12)
    assert found[0][1:] == found[1][1:]


AVERAGES = ["mean", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn"]


@pytest.mark.parametrize("buffers", [False, True])
@pytest.mark.parametrize("average", AVERAGES)
def test_averaged_models(buffers: bool, average: str) -> None:
    found = []
    for L in (rl, torch):
        net = L.nn.Linear(2, 1)
        net.register_buffer("seen", L.zeros(2))
        utils = L.optim.swa_utils
        option = (
            {}
            if average == "mean"
            else {"multi_avg_fn" if "multi" in average else "avg_fn": getattr(utils, average)()}
        )
        mean = utils.AveragedModel(net, use_buffers=buffers, **option)
        for k in range(4):
            with L.no_grad():
                for i, t in enumerate([*net.parameters(), net.seen]):
                    t.fill_(float(k * (i + 1)))
            mean.update_parameters(net)
        found.append({k: v.tolist() for k, v in mean.state_dict().items()})
    assert found[0].keys() == found[1].keys()
    for k in found[0]:
        np.testing.assert_allclose(found[0][k], found[1][k], rtol=1e-6)


def test_the_same_loss_curve_from_the_same_weights() -> None:
    """R2's comparison on a small net: 200 steps of momentum in float64."""
    rng = np.random.default_rng(0)
    ours = rl.nn.Sequential(rl.nn.Linear(2, 25), rl.nn.Tanh(), rl.nn.Linear(25, 1)).double()
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 25), torch.nn.Tanh(), torch.nn.Linear(25, 1)).double()
    with rl.no_grad():
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            p.copy_(rl.tensor(q.detach().numpy()))
    a = rl.optim.SGD(ours.parameters(), lr=0.05, momentum=0.9)
    b = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    for _ in range(200):
        x = rng.standard_normal((20, 2))
        y = (x**2).sum(1, keepdims=True)
        a.zero_grad()
        b.zero_grad()
        first = rl.nn.functional.mse_loss(ours(rl.tensor(x)), rl.tensor(y))
        second = torch.nn.functional.mse_loss(theirs(torch.tensor(x)), torch.tensor(y))
        first.backward()
        second.backward()
        a.step()
        b.step()
        assert first.item() == pytest.approx(second.item(), rel=1e-9)


COVERED = {
    "rushlight.optim": {name for name, _ in CASES},
    "rushlight.optim.swa_utils": AVERAGES[1:],
}
"""What the tests above look up by name, for the matrix of test_matrix.py."""
