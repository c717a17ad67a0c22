"""Clipping of gradients; parameters as one vector."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import AnomalyError, ArgumentError, ShapeError
from rushlight.nn import utils


def with_grads(*grads: list[float]) -> list[nn.Parameter]:
    params = [nn.Parameter(rl.zeros(len(g))) for g in grads]
    for p, g in zip(params, grads, strict=True):
        p.grad = rl.tensor(g)
    return params


def test_clipping_by_norm() -> None:
    params = with_grads([3.0, 0.0], [0.0, 4.0])
    grad = params[0].grad
    assert utils.clip_grad_norm_(params, 1.0).item() == pytest.approx(5.0)
    assert params[0].grad is grad
    np.testing.assert_allclose(params[0].grad.numpy(), [0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(params[1].grad.numpy(), [0.0, 0.8], rtol=1e-6)
    assert utils.clip_grad_norm_(iter(params), 10.0).item() == pytest.approx(1.0)
    np.testing.assert_allclose(params[0].grad.numpy(), [0.6, 0.0], rtol=1e-6)


def test_clipping_by_other_norms_and_value() -> None:
    assert utils.clip_grad_norm_(with_grads([3.0, -4.0]), 9.0, math.inf).item() == 4.0
    assert utils.clip_grad_norm_(with_grads([3.0, -4.0]), 9.0, 1.0).item() == 7.0
    params = with_grads([3.0, -4.0, 0.5])
    utils.clip_grad_value_(params, 1.0)
    assert params[0].grad.tolist() == [1.0, -1.0, 0.5]
    with pytest.raises(ArgumentError, match="norm_type"):
        utils.clip_grad_norm_(params, 1.0, 0.0)


def test_parameters_without_gradients_do_not_count() -> None:
    lone = nn.Parameter(rl.zeros(2))
    assert utils.clip_grad_norm_([lone], 1.0).item() == 0.0
    assert utils.clip_grad_norm_([lone, *with_grads([3.0])], 1.0).item() == 3.0


def test_a_norm_that_is_no_number() -> None:
    assert math.isnan(utils.clip_grad_norm_(with_grads([math.nan]), 1.0).item())
    with pytest.raises(AnomalyError, match="detect_anomaly"):
        utils.clip_grad_norm_(with_grads([math.inf]), 1.0, error_if_nonfinite=True)


def test_parameters_as_a_vector_and_back() -> None:
    model, other = nn.MLP(2, [3], 1), nn.MLP(2, [3], 1)
    vector = utils.parameters_to_vector(model.parameters())
    assert vector.shape == (13,)
    utils.vector_to_parameters(vector, other.parameters())
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert p.tolist() == q.tolist()
    vector.sum().backward()
    assert model[0].weight.grad.sum().item() == 6.0
    with pytest.raises(ShapeError, match=r"\(13,\)"):
        utils.vector_to_parameters(rl.zeros(12), other.parameters())
