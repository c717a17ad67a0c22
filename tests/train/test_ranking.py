"""F1, the k likeliest and the area under the curve against scikit-learn's, over batches of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.train import AUC, F1, Metric, TopKAccuracy
from rushlight.train.metric_set import make_metrics

sklearn_metrics = pytest.importorskip("sklearn.metrics")


def over_batches(metric: Metric, scores: Any, labels: Any, size: int) -> Any:
    for start in range(0, len(scores), size):
        metric.update(rl.as_tensor(scores[start : start + size]), rl.as_tensor(labels[start : start + size]))
    return metric.compute()


@given(st.integers(0, 10**6), st.integers(3, 6), st.integers(1, 40), st.integers(1, 9))
def test_many_classes(seed: int, classes: int, samples: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 5, (samples, classes)) / 4  # with ties
    labels = rng.integers(0, classes, samples)
    guess = scores.argmax(1)
    for average in ("macro", "micro", "weighted"):
        expected = sklearn_metrics.f1_score(labels, guess, average=average, zero_division=0.0)
        assert over_batches(F1(average), scores, labels, size) == pytest.approx(expected)
    apart = scores + rng.permutation(samples * classes).reshape(scores.shape) * 1e-6
    every = list(range(classes))
    for k in (1, 2, classes - 1):
        expected = sklearn_metrics.top_k_accuracy_score(labels, apart, k=k, labels=every)
        assert over_batches(TopKAccuracy(k), apart, labels, size) == pytest.approx(expected)
    found = over_batches(AUC(), scores, labels, size)
    areas = [
        sklearn_metrics.roc_auc_score(labels == c, scores[:, c])
        for c in every
        if 0 < (labels == c).sum() < samples
    ]
    if len(areas) == classes:
        assert found == pytest.approx(np.mean(areas))
    else:
        assert np.isnan(found)


@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 9), st.booleans())
def test_two_classes(seed: int, samples: int, size: int, signed: bool) -> None:
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(-4, 5, samples) / 4, rng.integers(0, 2, samples)
    labels = 2.0 * truth - 1.0 if signed else truth.astype(float)
    if signed and not truth.all():
        guess = scores > 0
        assert over_batches(F1(), scores, labels, size) == pytest.approx(
            sklearn_metrics.f1_score(truth, guess, zero_division=0.0)
        )
    found = over_batches(AUC(), scores, labels, size)
    if 0 < truth.sum() < samples:
        assert found == pytest.approx(sklearn_metrics.roc_auc_score(truth, scores))
    else:
        assert np.isnan(found)


def test_scores_that_are_no_numbers() -> None:
    lost = np.full((4, 3), np.nan)
    lost[3] = [np.nan, 2.0, 1.0]
    labels = np.array([0, 1, 2, 1])
    for metric in (TopKAccuracy(1), rl.train.Accuracy()):
        assert over_batches(metric, lost, labels, 2) == 0.25
    assert over_batches(TopKAccuracy(2), lost, labels, 4) == 0.75
    assert np.isnan(over_batches(AUC(), lost, labels, 4))


def test_names_and_ignored_targets() -> None:
    loss = rl.nn.CrossEntropyLoss(ignore_index=2)
    found = make_metrics(["f1", "auc", "top5_accuracy"], loss)
    assert found.better == {"f1": "max", "auc": "max", "top5_accuracy": "max"}
    scores = rl.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [1.0, 2.0, 0.0]])
    for metric in found.items:
        metric.update(scores, rl.tensor([0, 2, 1]))
    values = found.values()
    assert values["f1"] == 1.0
    assert values["top5_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: F1("mean"), "average='mean'"),  # type: ignore[arg-type]
        (lambda: TopKAccuracy(0), "k=0"),
        (lambda: TopKAccuracy(2).update(rl.ones(3), rl.ones(3)), r"outputs \(3,\)"),
        (lambda: AUC().update(rl.ones(3), rl.ones(2)), "one each"),
        (lambda: AUC().update(rl.ones(2), rl.tensor([0.3, 1.0])), "no class"),
        (lambda: AUC().update(rl.ones(2), rl.tensor([-100, 1])), "no class"),
        (lambda: over_batches(F1("binary"), np.eye(3), np.arange(3), 3), "3 classes"),
    ],
)
def test_what_is_wrong_is_named(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_a_trainer_and_a_sweep_measure_them_alike() -> None:
    x = rl.randn(60, 2)
    data = (x, (x.sum(1) > 0).long())

    def build(lr: float) -> Any:
        rl.manual_seed(1)
        return rl.train.Trainer(
            rl.nn.Linear(2, 2), "sgd", "cross_entropy", lr=lr, metrics=["f1", "auc"], seed=0, progress=False
        )

    alone = build(0.5)
    alone.fit(data, epochs=3, validation=data, batch_size=20)
    rates = rl.grid(lr=[0.5, 0.1])
    swept = rl.sweep(build, rates, data, epochs=3, validation=data, batch_size=20, progress=False)
    for column in ("train_f1", "train_auc", "validation_f1", "validation_auc"):
        assert swept.runs[0].history[column] == alone.history[column]
    assert alone.history["validation_auc"][-1] > 0.9
