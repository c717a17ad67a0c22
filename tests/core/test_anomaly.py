"""detect_anomaly names the op, the layer and the user's line that first made a NaN or an infinity."""

from __future__ import annotations

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.core.state import state
from rushlight.errors import AnomalyError


class Inner(nn.Module):
    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x.log()  # the line of the forward


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.inner = Inner()

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.inner(x)


def test_the_forward_pass() -> None:
    x = rl.tensor([[1.0, 0.0], [2.0, 0.0]])
    with pytest.raises(AnomalyError) as caught, rl.detect_anomaly():
        Outer()(x)
    text = str(caught.value)
    assert text.startswith("log: got -inf at index [0, 1] of a result of shape (2, 2) (2 in all)")
    assert "inner (Inner)" in text
    assert "test_anomaly.py" in text
    assert "# the line of the forward" in text


def test_the_backward_pass() -> None:
    x = rl.tensor([1.0, 0.0], requires_grad=True)
    with rl.detect_anomaly():
        y = x.sqrt()  # the line that backward blames
        total = y.sum()
        with pytest.raises(AnomalyError) as caught:
            total.backward()
    text = str(caught.value)
    assert text.startswith("div: got inf at index [1]")
    assert "in the backward pass of sqrt" in text
    assert "# the line that backward blames" in text


def test_the_backward_pass_names_the_layer() -> None:
    class Root(nn.Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return x.sqrt()

    net = nn.Sequential(nn.Linear(1, 1), Root())
    with rl.no_grad():
        net[0].weight.fill_(0.0)
        net[0].bias.fill_(0.0)
    with pytest.raises(AnomalyError, match=r"backward pass of sqrt.*Root"), rl.detect_anomaly():
        net(rl.ones(3, 1)).sum().backward()


def test_data_that_came_in_bad_is_said_so() -> None:
    with pytest.raises(AnomalyError, match="input 0 held one already"), rl.detect_anomaly():
        rl.tensor([1.0, float("nan")]) * 2.0


def test_healthy_numbers_pass_and_results_are_the_same() -> None:
    def program() -> tuple[float, rl.Tensor]:
        x = rl.tensor([1.0, 2.0], requires_grad=True)
        y = (x.exp() * x).sum()
        y.backward()
        assert x.grad is not None
        return y.item(), x.grad

    plain, grad = program()
    with rl.detect_anomaly():
        checked, same = program()
    assert plain == checked
    assert grad.tolist() == same.tolist()


def test_all_is_as_before_afterwards() -> None:
    with rl.detect_anomaly():
        with rl.detect_anomaly():
            pass
        assert state.run is not None
    with pytest.raises(AnomalyError), rl.detect_anomaly():
        Outer()(rl.zeros(2, 2))
    assert state.run is None
    assert state.origin is None
    assert state.modules == ()
    assert rl.is_grad_enabled()
    assert rl.zeros(1).log().item() == -float("inf")


def test_without_checking_values_only_places_are_kept() -> None:
    with rl.detect_anomaly(check_nan=False):
        y = rl.tensor(0.0, requires_grad=True).log()
    assert y.item() == -float("inf")
    assert y.node is not None
    assert "test_anomaly.py" in str(y.node.origin)  # type: ignore[union-attr]


def test_the_place_of_an_overwritten_value_is_named() -> None:
    with rl.detect_anomaly():
        h = rl.ones(2, requires_grad=True) * 1.0
        y = h.log().sum()  # where it was saved
        h.detach().add_(1.0)
        with pytest.raises(rl.errors.GradError, match="where it was saved"):
            y.backward()


def test_in_place_updates_are_checked() -> None:
    x = rl.zeros(2)
    with pytest.raises(AnomalyError, match="div"), rl.detect_anomaly():
        x.div_(0.0)
