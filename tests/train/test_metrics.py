"""Metrics by shape of output and target, in batches of any size."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import ArgumentError, ShapeError
from rushlight.train import (
    Accuracy,
    ConfusionMatrix,
    ErrorRate,
    MeanOf,
    accuracy,
    confusion_matrix,
    error_rate,
    predicted_classes,
)


def test_classes_one_hot_and_column_targets_agree() -> None:
    scores = rl.tensor([[0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.2, 0.3, 0.5], [0.2, 0.5, 0.3]])
    classes = rl.tensor([1, 0, 0, 2])
    one_hot = rl.eye(3)[classes]
    for target in (classes, one_hot, classes.reshape(4, 1)):
        assert accuracy(scores, target) == 0.5
        assert error_rate(scores, target) == 0.5
        assert confusion_matrix(scores, target).tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 0]]


def test_one_output_thresholds() -> None:
    output = rl.tensor([[0.6], [0.4], [-0.2], [0.1]])
    assert accuracy(output, rl.tensor([[1.0], [1.0], [0.0], [0.0]])) == 0.75
    assert accuracy(output, rl.tensor([[1.0], [1.0], [-1.0], [-1.0]])) == 0.75
    assert accuracy(output, rl.tensor([1.0, 1.0, 0.0, 0.0]), threshold=0.0) == 0.75
    assert accuracy(output, rl.tensor([1, 0, 0, 0])) == 1.0
    assert confusion_matrix(output, rl.tensor([1.0, 1.0, -1.0, -1.0])).tolist() == [[1, 1], [0, 2]]
    assert predicted_classes(output).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("metric", [Accuracy(), ErrorRate(), ConfusionMatrix()])
@pytest.mark.parametrize("low", [0.0, -1.0])
def test_result_does_not_depend_on_batches(metric: Accuracy, low: float) -> None:
    output, target = rl.randn(50, 1), rl.where(rl.rand(50, 1) < 0.5, 1.0, low)
    metric.reset()
    metric.update(output, target)
    whole = metric.compute()
    for size in (1, 7):
        metric.reset()
        for i in range(0, 50, size):
            metric.update(output[i : i + size], target[i : i + size])
        assert np.array_equal(metric.compute(), whole)


def test_confusion_matrix_grows_and_keeps_its_sum() -> None:
    metric = ConfusionMatrix()
    metric.add(np.array([0, 1]), np.array([0, 0]))
    metric.update(rl.eye(4), rl.tensor([0, 1, 2, 2]))
    assert metric.compute().tolist() == [[2, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
    with pytest.raises(ArgumentError, match="2 at most"):
        ConfusionMatrix(2).update(rl.eye(3), rl.tensor([0, 1, 2]))


def test_mean_of_weighs_by_samples() -> None:
    metric = MeanOf(lambda output, target: (output - target).abs().mean(), name="gap")
    metric.update(rl.tensor([1.0, 1.0, 1.0]), rl.zeros(3))
    metric.update(rl.tensor([5.0]), rl.zeros(1))
    assert metric.compute() == 2.0


def test_nothing_seen_is_nan() -> None:
    assert math.isnan(Accuracy().compute())
    assert math.isnan(MeanOf(accuracy).compute())


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="targets"):
        accuracy(rl.zeros(4, 3), rl.zeros(3))
    with pytest.raises(ShapeError, match="targets"):
        accuracy(rl.zeros(4, 1), rl.zeros(3))
    with pytest.raises(ShapeError, match="outputs"):
        accuracy(rl.zeros(4, 3, 2), rl.zeros(4))
    with pytest.raises(ArgumentError, match="threshold"):
        Accuracy("high")  # type: ignore[arg-type]
