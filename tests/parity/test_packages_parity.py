"""Small things that packages rely on, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")


def _assigned(L: Any) -> Any:
    x = L.zeros(3)
    x[0] = L.ones(1)
    x[1] = L.full((1, 1), 2.0)
    y = L.tensor(3.0)
    y[L.tensor(True)] = 5.0
    y[L.tensor(False)] = 7.0
    return [x, y, y[L.tensor(True)], y[L.tensor(False)]]


def _synchronized(L: Any) -> Any:
    net = L.nn.SyncBatchNorm.convert_sync_batchnorm(L.nn.Sequential(L.nn.BatchNorm1d(2), L.nn.ReLU()))
    return [list(net.state_dict()), [type(m).__name__ for m in net], repr(net[0]).split("affine")[0]]


def _scheduled(L: Any) -> Any:
    found = []
    for make in (
        lambda o: L.optim.lr_scheduler.ExponentialLR(o, 0.9),
        lambda o: L.optim.lr_scheduler.StepLR(o, 2),
        lambda o: L.optim.lr_scheduler.CosineAnnealingLR(o, 10),
        lambda o: L.optim.lr_scheduler.LambdaLR(o, lambda e: 1 / (1 + e)),
    ):
        optimizer = L.optim.SGD([L.nn.Parameter(L.ones(1))], lr=0.5)
        schedule = make(optimizer)
        optimizer.step()
        for epoch in (3, 7):
            schedule.step(epoch)
            found.append(optimizer.param_groups[0]["lr"])
    return found


def _nests(L: Any) -> Any:
    import importlib

    tree = importlib.import_module(f"{L.__name__}.utils._pytree")
    leaves, form = tree.tree_flatten({"a": [1, (2, None)], "b": {}})
    return [
        leaves,
        tree.tree_unflatten([7, 8, 9], form),
        tree.tree_map(lambda a, b: (a, b), [1, 2], [3, 4]),
        tree.tree_leaves((1, [2])),
        tree.tree_all(bool, [1, 0]),
        tree.tree_any(bool, [1, 0]),
    ]


CASES: dict[str, Callable[[Any], Any]] = {
    "one element into fewer axes": _assigned,
    "where with a mask of uint8": lambda L: L.where(L.tensor([1, 0], dtype=L.uint8), L.ones(2), L.zeros(2)),
    "eye into a tensor": lambda L: L.eye(3, out=L.ones(2, 2)),
    "storage": lambda L: [
        len(L.zeros(2, 3).storage()),
        L.zeros(2, 3)[0].untyped_storage().nbytes(),
        L.zeros(2, 3)[1].storage().element_size(),
    ],
    "cholesky_ex": lambda L: list(
        L.linalg.cholesky_ex(
            L.tensor([[[4.0, 2.0], [2.0, 3.0]]] * 2), out=(L.empty(0), L.empty(0, dtype=L.int32))
        )
    ),
    "cholesky_ex info": lambda L: L.linalg.cholesky_ex(
        L.tensor([[[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [0.0, 1.0]]])
    )[1],
    "SyncBatchNorm": _synchronized,
    "schedules to an epoch": _scheduled,
    "nests": _nests,
    "fans": lambda L: L.nn.init._calculate_fan_in_and_fan_out(L.zeros(4, 3, 2, 2)),
}


def plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return np.array(value) if isinstance(value, (rl.Tensor, torch.Tensor)) else value


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", CASES)
def test_as_pytorch(name: str) -> None:
    ours, theirs = plain(CASES[name](rl)), plain(CASES[name](torch))
    if isinstance(ours, list):
        for mine, their in zip(ours, theirs, strict=True):
            if isinstance(mine, (float, np.ndarray)):
                np.testing.assert_allclose(mine, their, rtol=1e-6)
            else:
                assert mine == their
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
