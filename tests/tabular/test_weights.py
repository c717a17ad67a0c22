"""Weights of rows: in the loss, in the measures, and in what a run remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import tabular
from rushlight.errors import ArgumentError, DataError
from rushlight.tabular.measures import measure
from rushlight.tabular.target import Target

QUICK: dict[str, Any] = {"progress": False, "members": 2, "hidden": (8,), "epochs": 25, "compile": False}
random = np.random.default_rng(0)
LEVELS = np.repeat(np.arange(5.0), 12)  # quartiles are on plateaus, and stay when rows are repeated
FRAME: dict[str, Any] = {
    "x": LEVELS,
    "kind": np.tile(["a", "a", "b"], 20),
    "y": LEVELS**2 + random.normal(size=60),
    "w": np.tile([1.0, 3.0, 1.0, 2.0, 0.0, 2.0], 10),
}
CLASSES = {**FRAME, "y": np.where(FRAME["y"] > 5, "high", np.where(FRAME["y"] > 1, "some", "low"))}


def repeated(frame: dict[str, Any]) -> dict[str, Any]:
    """Each row as often as its weight says."""
    times = frame["w"].astype(int)
    return {name: np.repeat(values, times) for name, values in frame.items() if name != "w"}


@pytest.mark.parametrize("labels", [(), ("no", "yes"), ("a", "b", "c", "d")])
def test_a_weight_of_two_measures_as_two_rows(labels: tuple[str, ...]) -> None:
    target = Target("y", labels, 3.0, 2.0)
    times = random.integers(1, 4, 50)
    y = random.integers(0, min(len(labels), 3), 50) if labels else random.normal(size=50)
    answers = random.normal(size=(50, 1))
    if labels:
        answers = np.round(random.dirichlet(np.ones(len(labels)), 50), 2)  # some of them equal
    expected = measure(target, np.repeat(answers, times, axis=0), np.repeat(y, times).astype(np.float32))
    found = measure(target, answers, y.astype(np.float32), 1e-3 * times)
    assert list(found) == list(expected)
    np.testing.assert_allclose([*found.values()], [*expected.values()], rtol=1e-6)
    plain = measure(target, answers, y.astype(np.float32))
    assert plain != found


@pytest.mark.parametrize("frame", [FRAME, CLASSES])
def test_a_full_batch_trains_as_repeated_rows_do(frame: dict[str, Any]) -> None:
    other = {name: values[::4] for name, values in frame.items()}
    options = {**QUICK, "batch_size": 10_000, "lr": 0.02}
    weighed = tabular.fit(frame, "y", weights="w", validation=other, **options)
    longer = tabular.fit(repeated(frame), "y", validation=repeated(other), **options)
    ignored = tabular.fit(tabular.read(frame).without(["w"]), "y", validation=other, **options)
    assert weighed.encoder.features == longer.encoder.features
    assert weighed.columns == ["x", "kind"]
    for name in ("train_loss", "validation_loss"):
        np.testing.assert_allclose(weighed.history[name], longer.history[name], rtol=1e-4)
    rows = {"x": [0.5, 2.0, 3.0], "kind": ["a", "b", "b"]}
    outputs = [
        model.target.decode(model.answers(*model.encoder.encode(tabular.read(rows), "test"))[:, 0])
        if not model.classes
        else model.predict_proba(rows)
        for model in (weighed, longer, ignored)
    ]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-3)
    assert not np.allclose(outputs[0], outputs[2], rtol=1e-2)
    for name, value in weighed.validation.items():
        assert value == pytest.approx(longer.validation[name], rel=1e-3)


def test_only_ratios_of_weights_count() -> None:
    once = tabular.fit(FRAME, "y", weights="w", **QUICK)
    for weights in (FRAME["w"] * 1024, FRAME["w"].tolist(), FRAME["w"] * 2.0**1020):
        again = tabular.fit(tabular.read(FRAME).without(["w"]), "y", weights=weights, **QUICK)
        assert again.weights is None
        np.testing.assert_array_equal(once.predict(FRAME), again.predict(FRAME))
        assert once.validation == again.validation
    equal = tabular.fit(FRAME, "y", weights=np.full(60, 0.3), drop=["w"], **QUICK)
    plain = tabular.fit(FRAME, "y", drop=["w"], **QUICK)
    np.testing.assert_allclose(equal.predict(FRAME), plain.predict(FRAME), rtol=1e-4)


def test_a_weight_of_zero_is_no_row() -> None:
    kept = tabular.read(FRAME).take(FRAME["w"] > 0)
    wrong = {**FRAME, "y": np.where(FRAME["w"] > 0, FRAME["y"], 1e6)}
    found = tabular.fit(wrong, "y", weights="w", **QUICK)
    np.testing.assert_array_equal(
        found.predict(FRAME), tabular.fit(kept, "y", weights="w", **QUICK).predict(FRAME)
    )
    assert found.evaluate(wrong) == found.evaluate(kept)


def test_evaluating_uses_the_column(tmp_path: Path) -> None:
    model = tabular.fit(FRAME, "y", weights="w", **QUICK)
    model.save(tmp_path / "model.safetensors")
    loaded = tabular.load(tmp_path / "model.safetensors")
    assert loaded.weights == "w"
    weighed = loaded.evaluate(FRAME)
    assert weighed == model.evaluate(FRAME)
    assert weighed["rmse"] == pytest.approx(model.evaluate(repeated(FRAME))["rmse"])
    without = {name: values for name, values in FRAME.items() if name != "w"}
    assert weighed == model.evaluate(without, weights=FRAME["w"])
    assert weighed["rmse"] != model.evaluate(without)["rmse"]
    assert model.importance(FRAME, 2) == model.importance(without, 2, weights=FRAME["w"])
    assert model.importance(FRAME, 2) != model.importance(without, 2)
    loaded.report(without, tmp_path / "page.html", weights=FRAME["w"])
    page = (tmp_path / "page.html").read_text()
    assert "by their weights" in page
    assert f"{weighed['rmse']:.4g}" in page


def test_validation_with_weights_of_its_own() -> None:
    rows = {name: values for name, values in FRAME.items() if name in ("x", "kind")}
    triple = (rows, FRAME["y"], FRAME["w"])
    model = tabular.fit(rows, FRAME["y"], validation=triple, **QUICK)
    plain = tabular.fit(rows, FRAME["y"], validation=triple[:2], **QUICK)
    assert model.validation == model.evaluate(rows, FRAME["y"], FRAME["w"])
    assert model.history["validation_loss"] != plain.history["validation_loss"]
    half = np.where(np.arange(60) < 30, np.nan, FRAME["y"])
    with pytest.raises(DataError, match="validation rows without a target and a weight above 0"):
        tabular.fit(rows, FRAME["y"], validation=(rows, half, np.arange(60) < 30), **QUICK)


def test_search_compares_by_weighed_measures() -> None:
    found = tabular.search(FRAME, "y", rl.grid(lr=[1e-3, 1e-2]), weights="w", **QUICK)
    one = tabular.fit(FRAME, "y", weights="w", **{**QUICK, **found.configs[0]})
    assert found.best.validation == one.validation


@pytest.mark.parametrize(
    ("weights", "error", "text"),
    [
        ([1.0, -2.0], DataError, r"the weight -2 in column 'weights', row 2.*at least 0"),
        ([1.0, 2.0, np.nan], DataError, "a missing or infinite weight in column 'weights', row 3"),
        ([1.0, 2.0, 3.0, np.inf], DataError, "a missing or infinite weight in column 'weights', row 4"),
        (["much"], DataError, "'much' in column 'weights', row 1.*a number"),
        ([0.0] * 60, DataError, "all 0"),
        ([0.0] * 55, DataError, "5 rows with a value of 'y' and a weight above 0"),
        ("weight", DataError, "no column 'weight'"),
        ("y", ArgumentError, "weights='y', which is the target"),
    ],
)
def test_refused(weights: Any, error: type[Exception], text: str) -> None:
    if not isinstance(weights, str):
        weights = [*weights, *[1.0] * (60 - len(weights))]
    with pytest.raises(error, match=text):
        tabular.fit(FRAME, "y", weights=weights, **QUICK)


def test_another_count_of_weights() -> None:
    with pytest.raises(ArgumentError, match="3 weights for 60 rows"):
        tabular.fit(FRAME, "y", weights=[1, 2, 3], **QUICK)


def test_a_run_goes_on_with_its_own_weights_only(tmp_path: Path) -> None:
    options = {**QUICK, "out": tmp_path, "resume": True, "drop": ["w"]}
    first = tabular.fit(FRAME, "y", weights="w", **options)
    again = tabular.fit(FRAME, "y", weights="w", **options)
    np.testing.assert_array_equal(first.predict(FRAME), again.predict(FRAME))
    other = {**FRAME, "w": np.where(np.arange(60) == 1, 4.0, FRAME["w"])}
    for frame, weights, text in (
        (other, "w", "is with other weights"),
        (FRAME, FRAME["w"], "with weights of the column 'w', not of an array"),
        (tabular.read(FRAME).take(FRAME["w"] > 0), None, "with weights, of which there are none now"),
    ):
        with pytest.raises(ArgumentError, match=text):
            tabular.fit(frame, "y", weights=weights, **options)
    plain = {**options, "out": tmp_path / "plain"}
    tabular.fit(FRAME, "y", **plain)
    with pytest.raises(ArgumentError, match="without weights"):
        tabular.fit(FRAME, "y", weights=np.ones(60), **plain)
