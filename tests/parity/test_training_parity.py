"""R2's comparison: the same net, weights and batches here and in PyTorch give the same loss curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

WIDTHS = (2, 25, 25, 25, 2)


def _net(nn: Any) -> Any:
    layers: list[Any] = []
    for a, b in zip(WIDTHS, WIDTHS[1:], strict=False):
        layers += [nn.Linear(a, b), nn.LeakyReLU()]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


def _curve(L: Any, model: Any, optim: Any, batches: list[tuple[Any, Any]]) -> list[float]:
    losses = []
    for x, y in batches:
        optim.zero_grad()
        loss = L.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optim.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(("lr", "momentum"), [(0.04, 0.0), (0.1, 0.9)])
def test_the_curves_lie_on_each_other(lr: float, momentum: float) -> None:
    data = rl.data.Disk(1000, seed=0, targets="one_hot", dtype=rl.float64)
    loader = rl.data.DataLoader(data, batch_size=100, shuffle=True, seed=0)
    batches = [(x.numpy(), y.numpy()) for _ in range(25) for x, y in loader]
    ours = _net(rl.nn).double()
    theirs = _net(torch.nn).double()
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    found = _curve(
        rl,
        ours,
        rl.optim.SGD(ours.parameters(), lr=lr, momentum=momentum),
        [(rl.tensor(x), rl.tensor(y)) for x, y in batches],
    )
    expected = _curve(
        torch,
        theirs,
        torch.optim.SGD(theirs.parameters(), lr=lr, momentum=momentum),
        [(torch.tensor(x), torch.tensor(y)) for x, y in batches],
    )
    assert len(found) == 250
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found[-1] < found[0]
