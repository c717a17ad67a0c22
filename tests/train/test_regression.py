"""Metrics of regressions, and metrics of classes that refuse them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import ArgumentError, ShapeError
from rushlight.train import MAE, R2, RMSE, Accuracy, ConfusionMatrix, ErrorRate, accuracy


def formula(name, output, target):
    gap = output - target
    if name == "mae":
        return np.abs(gap).mean()
    if name == "rmse":
        return math.sqrt((gap**2).mean())
    return (1 - (gap**2).sum(axis=0) / ((target - target.mean(axis=0)) ** 2).sum(axis=0)).mean()


@pytest.mark.parametrize("dtype", [rl.float64, rl.float32, rl.float16])
@pytest.mark.parametrize("kind", [MAE, RMSE, R2])
@pytest.mark.parametrize("size", [1, 7, 50])
def test_batches_do_not_matter(kind, size, dtype):
    rl.manual_seed(0)
    output, target = rl.randn(50, 2).to(dtype), (rl.randn(50, 2) + 100).to(dtype)
    metric = kind()
    for i in range(0, 50, size):
        metric.update(output[i : i + size], target[i : i + size])
    right = formula(metric.name, output.numpy().astype(float), target.numpy().astype(float))
    assert metric.compute() == pytest.approx(right, rel=1e-9)


def test_a_column_against_a_vector():
    metric = MAE()
    metric.update(rl.tensor([[1.0], [3.0]]), rl.tensor([1.0, 1.0]))
    assert metric.compute() == 1.0
    with pytest.raises(ShapeError, match="mae"):
        metric.update(rl.zeros(4, 2), rl.zeros(2, 4))


def test_nothing_to_explain():
    metric = R2()
    assert math.isnan(metric.compute())
    metric.update(rl.tensor([1.0, 2.0]), rl.tensor([3.0, 3.0]))
    assert math.isnan(metric.compute())


@pytest.mark.parametrize("metric", [Accuracy(), ErrorRate(), ConfusionMatrix()])
@pytest.mark.parametrize(
    ("output", "target"),
    [
        (rl.randn(5, 1), rl.tensor([0.1, 0.7, 3.0, 2.0, 1.0])),
        (rl.randn(5), rl.tensor([0, 1, 2, 1, 0])),
        (rl.randn(5, 3), rl.randn(5, 3)),
        (rl.randn(5, 3), rl.tensor([0.5, 1.0, 2.0, 0.0, 0.0])),
        (rl.randn(5, 3), rl.tensor([0, 1, 2, 3, 0])),
        (rl.randn(5, 3), rl.tensor([0, 1, 2, -1, 0])),
    ],
)
def test_numbers_that_are_no_classes(metric, output, target):
    metric.reset()
    with pytest.raises(ArgumentError, match='no class.*"mae"'):
        metric.update(output, target)


@pytest.mark.parametrize(
    "target",
    [
        rl.eye(3)[rl.tensor([0, 1, 2, 0])],
        2 * rl.eye(3)[rl.tensor([0, 1, 2, 0])] - 1,
        0.8 * rl.eye(3)[rl.tensor([0, 1, 2, 0])] + 0.2 / 3,
        rl.tensor([0.0, 1.0, 2.0, 0.0]),
        rl.tensor([0, 1, 2, 0], dtype=rl.uint8),
    ],
)
def test_ways_to_write_classes(target):
    assert accuracy(rl.eye(3)[rl.tensor([0, 1, 2, 1])], target) == 0.75


def test_what_the_loss_ignores_is_not_counted():
    x, y = rl.eye(3)[rl.tensor([0, 1, 2, 1])], rl.tensor([0, -100, -100, 0])
    assert accuracy(x, y) == 0.5
    assert rl.train.confusion_matrix(x, y).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    loss, model = rl.nn.CrossEntropyLoss(ignore_index=0), rl.nn.Identity()
    trainer = rl.train.Trainer(model, None, loss, metrics=["accuracy", "error"], progress=False)
    found = trainer.evaluate((x, rl.tensor([0, 1, 0, 2])), batch_size=1)
    assert (found["accuracy"], found["error"]) == (0.5, 0.5)


@pytest.mark.parametrize("compile", [False, True])
def test_in_a_trainer_and_a_sweep(compile):
    def build(lr=0.1, metrics=("mae", "rmse", "r2")):
        model = rl.nn.Linear(2, 1)
        optimizer = rl.optim.SGD(model.parameters(), lr=lr)
        return rl.train.Trainer(
            model, optimizer, rl.nn.MSELoss(), metrics=metrics, progress=False, compile=compile
        )

    rl.manual_seed(0)
    x, y = rl.randn(20, 2), rl.randn(20, 1)
    made = build()
    history = made.fit((x, y), 2, batch_size=8, validation=(x, y))
    gap = made.predict(x).numpy() - y.numpy()
    assert history["validation_mae"][-1] == pytest.approx(np.abs(gap).mean(), rel=1e-5)
    assert history["validation_rmse"][-1] == pytest.approx(math.sqrt((gap**2).mean()), rel=1e-5)
    assert history["validation_r2"][-1] == pytest.approx(
        1 - (gap**2).sum() / ((y.numpy() - y.numpy().mean()) ** 2).sum(), rel=1e-5
    )
    with pytest.raises(ArgumentError, match="no class"):
        build(metrics=["accuracy"]).fit((x, y), 1)
    how = "auto" if compile else False
    with pytest.raises(ArgumentError, match="no class"):
        rl.sweep(
            lambda lr: build(lr, ["accuracy"]), rl.grid(lr=[0.1, 0.2]), (x, y), 2, compile=how, progress=False
        )


def test_a_function_without_a_name():
    made = rl.train.MeanOf(lambda output, target: 0.0)
    assert made.name == "metric"
