"""Losses against the formulas of the field, by hand in NumPy's float64; what they refuse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DTypeError, IndexingError, ShapeError
from rushlight.nn import functional as F

rng = np.random.default_rng(0)
X = rng.standard_normal((5, 4))
Y = rng.standard_normal((5, 4))
P = rng.uniform(0.05, 0.95, (5, 4))
T = np.array([0, 3, 1, 1, 2])


def reduced(each: np.ndarray, reduction: str) -> np.ndarray:
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](each)


def log_softmax(x: np.ndarray) -> np.ndarray:
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def t(array: np.ndarray) -> rl.Tensor:
    return rl.from_numpy(np.array(array))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_values_by_hand(reduction: str) -> None:
    sure = (Y > 0).astype(float)
    logs = log_softmax(X)
    picked = -logs[np.arange(5), T]
    bce = -(sure * np.log(P) + (1 - sure) * np.log(1 - P))
    logit_bce = np.maximum(X, 0) - X * sure + np.log1p(np.exp(-np.abs(X)))
    for got, each in [
        (F.mse_loss(t(X), t(Y), reduction=reduction), (X - Y) ** 2),
        (F.l1_loss(t(X), t(Y), reduction=reduction), np.abs(X - Y)),
        (F.binary_cross_entropy(t(P), t(sure), reduction=reduction), bce),
        (F.binary_cross_entropy_with_logits(t(X), t(sure), reduction=reduction), logit_bce),
        (F.nll_loss(t(logs), t(T), reduction=reduction), picked),
        (F.cross_entropy(t(X), t(T), reduction=reduction), picked),
    ]:
        np.testing.assert_allclose(got.numpy(), reduced(each, reduction), rtol=1e-12)


def test_gradients_by_hand() -> None:
    x = t(X).requires_grad_()
    F.mse_loss(x, t(Y)).backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * (X - Y) / X.size, rtol=1e-12)
    x = t(X).requires_grad_()
    F.cross_entropy(x, t(T)).backward()
    np.testing.assert_allclose(x.grad.numpy(), (np.exp(log_softmax(X)) - np.eye(4)[T]) / 5, rtol=1e-12)
    p = t(P).requires_grad_()
    F.binary_cross_entropy(p, t(np.ones_like(P)), reduction="sum").backward()
    np.testing.assert_allclose(p.grad.numpy(), (P - 1) / (P * (1 - P)), rtol=1e-12)
    z = t(X).requires_grad_()
    F.binary_cross_entropy_with_logits(z, t(P), reduction="sum").backward()
    np.testing.assert_allclose(z.grad.numpy(), 1 / (1 + np.exp(-X)) - P, rtol=1e-10)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: F.mse_loss(x, t(Y)),
        lambda x: F.l1_loss(x, t(Y), reduction="sum"),
        lambda x: F.binary_cross_entropy(rl.sigmoid(x), t(P)),
        lambda x: F.binary_cross_entropy_with_logits(x, t(P)),
        lambda x: F.binary_cross_entropy_with_logits(x, t(P), pos_weight=t(P[0])),
        lambda x: F.nll_loss(x, t(T), weight=t(P[0])),
        lambda x: F.cross_entropy(x, t(T)),
        lambda x: F.cross_entropy(x, t(T), weight=t(P[0]), label_smoothing=0.2, ignore_index=1),
        lambda x: F.cross_entropy(x, t(P)),
    ],
)
def test_first_and_second_derivatives(loss) -> None:  # type: ignore[no-untyped-def]
    x = t(X).requires_grad_()
    assert rl.autograd.gradcheck(loss, (x,))
    assert rl.autograd.gradgradcheck(loss, (x,))


@pytest.mark.parametrize("function", [F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.mse_loss])
def test_derivatives_by_the_targets(function) -> None:  # type: ignore[no-untyped-def]
    x, y = t(P).requires_grad_(), t(P[::-1] * 0.9).requires_grad_()
    assert rl.autograd.gradcheck(lambda a, b: function(a, b), (x, y))


@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_extreme_logits_stay_finite(size: float) -> None:
    z = rl.tensor([[size, -size], [-size, size]], requires_grad=True)
    ones = rl.ones(2, 2)
    for loss in (
        F.binary_cross_entropy_with_logits(z, ones),
        F.binary_cross_entropy_with_logits(z, ones, pos_weight=rl.tensor(2.0)),
        F.cross_entropy(z, rl.tensor([1, 1])),
        F.cross_entropy(z, rl.tensor([1, 1]), label_smoothing=0.1),
    ):
        z.grad = None
        loss.backward()
        assert np.isfinite(loss.item())
        assert np.isfinite(z.grad.numpy()).all()


def test_certain_but_wrong_probabilities_cost_100() -> None:
    p = rl.tensor([0.0, 1.0], requires_grad=True)
    loss = F.binary_cross_entropy(p, rl.tensor([1.0, 0.0]), reduction="none")
    loss.sum().backward()
    assert loss.tolist() == [100.0, 100.0]
    assert np.isfinite(p.grad.numpy()).all()


def test_ignored_targets_count_nowhere() -> None:
    kept = F.cross_entropy(t(X[:3]), t(T[:3]))
    target = np.where(np.arange(5) < 3, T, -100)
    assert F.cross_entropy(t(X), t(target)).item() == pytest.approx(kept.item(), rel=1e-14)
    assert np.isnan(F.cross_entropy(t(X), t(np.full(5, -100))).item())
    assert F.cross_entropy(t(X), t(np.full(5, -100)), reduction="sum").item() == 0.0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4), (2, 3, 0)])
def test_an_empty_batch(shape: tuple[int, ...], smoothing: float) -> None:
    target = rl.zeros(*shape[:1], *shape[2:], dtype="int64")
    for reduction, expected in (("sum", 0.0), ("mean", np.nan), ("none", [])):
        x = rl.zeros(*shape, requires_grad=True)

        def both(x: rl.Tensor, how: str = reduction) -> tuple[rl.Tensor, rl.Tensor]:
            loss = F.cross_entropy(x, target, reduction=how, label_smoothing=smoothing)
            return loss.detach(), rl.autograd.grad(loss.sum(), [x])[0]

        for run in (both, rl.compile(both)):
            loss, grad = run(x)
            np.testing.assert_array_equal(loss.numpy().reshape(np.shape(expected)), expected)
            assert grad.shape == shape


def test_masked_logits_of_minus_infinity() -> None:
    x = X.copy()
    x[:, 0] = -np.inf
    loss = F.cross_entropy(t(x), t(np.array([1, 3, 1, 1, 2])))
    assert np.isfinite(loss.item())


def test_bytes_as_classes() -> None:
    want = F.cross_entropy(t(X), t(T)).item()
    assert F.cross_entropy(t(X), t(T.astype(np.uint8))).item() == want
    assert F.nll_loss(t(log_softmax(X)), t(T.astype(np.uint8))).item() == pytest.approx(want)


@pytest.mark.parametrize("function", [F.mse_loss, F.l1_loss])
def test_a_pair_that_broadcasts_by_accident_is_told(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.warns(UserWarning, match=r"\(5, 1\) and targets \(5,\)"):
        function(rl.zeros(5, 1), rl.zeros(5))
    with pytest.raises(ShapeError, match="reshape"):
        function(rl.zeros(5, 3), rl.zeros(4, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        function(rl.zeros(5, 1), rl.zeros(5, 1))


def test_what_losses_refuse() -> None:
    with pytest.raises(ShapeError, match="same shape"):
        F.binary_cross_entropy(rl.zeros(5, 1), rl.zeros(5))
    with pytest.raises(ShapeError, match="same shape"):
        F.binary_cross_entropy_with_logits(rl.zeros(5, 1), rl.zeros(5))
    with pytest.raises(ArgumentError, match="sigmoid"):
        F.binary_cross_entropy(rl.tensor([1.5]), rl.tensor([1.0]))
    with pytest.raises(DTypeError, match="float"):
        F.binary_cross_entropy(rl.tensor([0.5]), rl.tensor([1]))
    with pytest.raises(IndexingError, match="class 4"):
        F.cross_entropy(t(X), t(T + 1))
    with pytest.raises(IndexingError, match="class -1"):
        F.nll_loss(t(X), t(T - 1))
    with pytest.raises(ShapeError, match="classes"):
        F.cross_entropy(t(X), t(T[:3]))
    with pytest.raises(DTypeError, match="long"):
        F.nll_loss(t(X), t(T.astype(float)))
    with pytest.raises(ShapeError, match="weight"):
        F.cross_entropy(t(X), t(T), weight=rl.ones(3))
    with pytest.raises(ArgumentError, match="label_smoothing"):
        F.cross_entropy(t(X), t(T), label_smoothing=1.5)
    with pytest.raises(ArgumentError, match="reduction"):
        F.mse_loss(t(X), t(Y), reduction="average")
    with pytest.raises(ArgumentError, match="reduction"):
        nn.MSELoss(reduction="average")
    with pytest.raises(ArgumentError, match="ignore_index"):
        F.cross_entropy(t(X), t(P), ignore_index=1)


def test_classes_out_of_range_are_found_while_anomalies_are_looked_for_too() -> None:
    with rl.detect_anomaly():
        assert np.isfinite(F.cross_entropy(t(X), t(T)).item())
        for weight in (None, t(P[0])):
            with pytest.raises(IndexingError, match="class 4"):
                F.cross_entropy(t(X), t(T + 1), weight)


def test_old_options_of_pytorch() -> None:
    assert nn.MSELoss(size_average=False).reduction == "sum"
    assert nn.L1Loss(reduce=False).reduction == "none"
    assert F.mse_loss(t(X), t(Y), size_average=False).item() == pytest.approx(((X - Y) ** 2).sum())


def test_modules_equal_functions_and_keep_their_weights() -> None:
    weight = rl.tensor([1.0, 2.0, 3.0, 4.0])
    criterion = nn.CrossEntropyLoss(weight, label_smoothing=0.1)
    x = t(X).float()
    assert criterion(x, t(T)).item() == F.cross_entropy(x, t(T), weight, label_smoothing=0.1).item()
    assert list(criterion.state_dict()) == ["weight"]
    assert list(nn.BCEWithLogitsLoss(pos_weight=weight).state_dict()) == ["pos_weight"]


def test_weighted_means() -> None:
    w = P * 3
    got = F.mse_loss(t(X), t(Y), weight=t(w)).item()
    assert got == pytest.approx((w * (X - Y) ** 2).sum() / w.sum())
    with pytest.raises(ShapeError, match="weight"):
        F.l1_loss(t(X), t(Y), weight=t(w[0]))


def test_adaptive_softmax() -> None:
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10], div_value=2.0, dtype=rl.float64)
    x, target = rl.tensor(rng.standard_normal((6, 8))), rl.tensor([0, 3, 4, 9, 10, 19])
    output, _ = layer(x, target)
    everything = layer.log_prob(x)
    np.testing.assert_allclose(everything.exp().sum(1).detach().numpy(), 1.0)
    np.testing.assert_allclose(output.tolist(), everything.gather(1, target.unsqueeze(1)).squeeze(1).tolist())
    assert rl.autograd.gradcheck(lambda x: layer(x, target).loss, (x.clone().requires_grad_(),))

    def step(x: rl.Tensor, target: rl.Tensor) -> list[rl.Tensor]:
        layer.zero_grad()
        output, loss = layer(x, target)
        loss.backward()
        return [output.detach(), loss.detach(), layer.predict(x), *(p.grad for p in layer.parameters())]

    eager = [v.numpy().copy() for v in step(x, target)]
    for a, b in zip(rl.compile(step)(x, target), eager, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-12, atol=1e-15)
    for cutoffs in ([], [5, 5], [9, 4], [0, 4], [4, 20]):
        with pytest.raises(ArgumentError, match="cutoffs"):
            nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs)
    with pytest.raises(IndexingError, match="target 20"):
        layer(x, target + 1)
    with pytest.raises(ShapeError, match="targets of shape"):
        layer(x, target[:2])
