"""Models of tables as graphs of ONNX: ONNX Runtime gives what `predict` does, of raw columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight import tabular
from rushlight.errors import ArgumentError
from rushlight.tabular.onnx_file import input_words
from tests.cli_helpers import call
from tests.tabular.test_models import QUICK, mixed

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
random = np.random.default_rng(0)


def feeds(model: tabular.TabularModel, frame: Any) -> dict[str, Any]:
    """The columns of a frame as the graph takes them."""
    found: dict[str, Any] = {}
    table = tabular.read(frame)
    for name, kind in input_words(model):
        values = table[name].values
        if kind.startswith("string"):
            array = np.array(["" if v is None else str(v) for v in values.tolist()], dtype=object)
        elif "seconds" in kind:
            seconds = values.astype("datetime64[us]").astype(np.float64) / 1e6
            array = np.where(np.isnat(values), np.nan, seconds)
        else:
            array = values.astype(np.float64 if kind.startswith("double") else np.float32)
        found[name] = array[:, None]
    return found


def same(model: tabular.TabularModel, frame: Any, path: Path, given: Any = None) -> list[Any]:
    """Checks the graph against the model; gives the types of the graph's inputs."""
    model.to_onnx(path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path)
    inputs = session.get_inputs()
    assert [i.name for i in inputs] == model.columns
    assert all(i.shape == ["N", 1] for i in inputs)
    given = feeds(model, frame) if given is None else given
    for rows in (slice(None), slice(0, 1)):
        found = session.run(None, {name: values[rows] for name, values in given.items()})
        if model.classes:
            label, chances = found
            np.testing.assert_allclose(chances, model.predict_proba(frame)[rows], atol=1e-5)
            expected = model.predict(frame)[rows]
            assert label.shape == expected.shape
            assert label.tolist() == expected.tolist()
        else:
            expected = model.predict(frame)[rows, None]
            assert found[0].shape == expected.shape
            np.testing.assert_allclose(found[0], expected, atol=1e-5 * model.target.std, rtol=1e-6)
    return [i.type for i in inputs]


def unseen(rows: int = 60) -> dict[str, Any]:
    """Rows like those of `mixed`, with categories that were never seen, and gaps everywhere."""
    frame = mixed(rows, seed=3)
    frame["kind"] = [["zebra", None, "a", "b", "c"][i % 5] for i in range(rows)]
    frame["code"] = [[None, "new", "C1", "C2"][i % 4] for i in range(rows)]
    frame["day"] = [None if i % 6 == 0 else day for i, day in enumerate(frame["day"])]
    frame["x"][3] = 1e9  # bent
    return frame


def test_numbers_with_a_standardised_target(tmp_path: Path) -> None:
    a, b = random.normal(50, 7, 120), random.normal(size=120)
    frame = {"a": a, "b": b, "y": 5e5 + 2e4 * (b + a / 7)}
    model = tabular.fit(frame, "y", **QUICK)
    assert same(model, frame, tmp_path / "m.onnx") == ["tensor(float)"] * 2
    (output,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").get_outputs()
    assert (output.name, output.type, output.shape) == ("variable", "tensor(float)", ["N", 1])


def test_mixed_columns_with_gaps_and_unseen_categories(tmp_path: Path) -> None:
    model = tabular.fit(mixed(), "price", **QUICK)
    kinds = same(model, unseen(), tmp_path / "m.onnx")
    assert kinds == ["tensor(float)", "tensor(string)", "tensor(double)", "tensor(string)"]
    gaps = unseen()
    given = {**feeds(model, gaps), "x": np.full((60, 1), np.inf, np.float32)}
    same(model, {**gaps, "x": [None] * 60}, tmp_path / "m.onnx", given)
    day = tabular.read(gaps)["day"].values
    for unit in ("D", "s", "us"):  # a date that is missing, cast to a number, is the least whole one
        seconds = day.astype(f"datetime64[{unit}]").astype(float) * {"D": 86400.0, "s": 1.0, "us": 1e-6}[unit]
        assert seconds.min() < -9e12
        dates = {**gaps, "day": day.astype("datetime64[D]")} if unit == "D" else gaps
        same(model, dates, tmp_path / "m.onnx", {**feeds(model, dates), "day": seconds[:, None]})
    said = {v.name: v.doc_string for v in onnx.load(tmp_path / "m.onnx").graph.input}
    assert said["day"] == "double, seconds since 1970-01-01 UTC; NaN: missing"


@pytest.mark.parametrize(
    "labels",
    [["no", "yes"], ["no", "maybe", "yes"], [3, 5], [1, 2, 7, 8], [False, True], [0.5, 1.5, 2]],
    ids=str,
)
def test_classes(labels: list[Any], tmp_path: Path) -> None:
    frame = mixed()
    price = np.array(frame.pop("price"))
    place = np.searchsorted(np.quantile(price, np.linspace(0, 1, len(labels) + 1)[1:-1]), price)
    frame["class"] = [labels[p] for p in place]
    model = tabular.fit(frame, "class", task="classification", **QUICK)
    assert model.classes == sorted(labels)
    same(model, unseen(), tmp_path / "m.onnx")


def test_columns_of_one_kind(tmp_path: Path) -> None:
    """Bools, codes that are numbers, words of which one is missing, embedded categories alone."""
    rows = 120
    y = random.normal(size=rows)
    zips = [int(z) for z in random.integers(1000, 1020, rows)]
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"flag": random.random(rows) < 0.5}, {}),
        ({"zip": zips}, {"categories": ["zip"]}),
        ({"rare": [None if i % 3 == 0 else "a" for i in range(rows)]}, {}),
        ({"empty": [["", None, "a"][i % 3] for i in range(rows)]}, {}),
        ({"number": [None if i % 3 == 0 else 1.0 for i in range(rows)]}, {}),
        ({"day": np.datetime64("2020-01-01T00:00") + random.integers(0, 10**6, rows)}, {}),
    ]
    for frame, options in cases:
        model = tabular.fit({**frame, "y": y}, "y", **QUICK, **options)
        given = None
        if "zip" in frame:
            given = {"zip": np.array([str(z) for z in zips], dtype=object)[:, None]}
        if "empty" in frame:  # a string of ONNX cannot be missing beside an empty one
            frame = {"empty": [v or "" for v in frame["empty"]]}
        same(model, frame, tmp_path / "m.onnx", given)


def test_numbers_that_float32_cannot_tell_apart(tmp_path: Path) -> None:
    time = 1.7e9 + random.integers(0, 5000, 100)
    large = 1e40 * random.normal(size=100)
    frame = {"time": time, "large": large, "y": 1e8 + (time - 1.7e9) / 1000}
    model = tabular.fit(frame, "y", **QUICK)
    assert same(model, frame, tmp_path / "m.onnx") == ["tensor(double)"] * 2
    (output,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").get_outputs()
    assert output.type == "tensor(double)"


def test_names_of_columns_may_be_anything(tmp_path: Path) -> None:
    words = random.choice(["a", "b", "c"], 90)
    numbers = random.normal(size=(2, 90))
    frame = {"label": numbers[0], "N": words, "N/code": numbers[1], "größe (m²)": words}
    frame["y"] = np.where(frame["label"] > 0, "up", "down")
    model = tabular.fit(frame, "y", **QUICK)
    same(model, frame, tmp_path / "m.onnx")
    outputs = onnxruntime.InferenceSession(tmp_path / "m.onnx").get_outputs()
    assert [o.name for o in outputs] == ["label_", "probabilities"]


def test_other_operator_sets(tmp_path: Path) -> None:
    model = tabular.fit(mixed(), "price", **QUICK)
    model.to_onnx(tmp_path / "m.onnx", opset_version=18)
    found = {o.domain: o.version for o in onnx.load(tmp_path / "m.onnx").opset_import}
    assert found == {"": 18, "ai.onnx.ml": 2}
    with pytest.raises(ArgumentError, match="opset_version=3"):
        model.to_onnx(tmp_path / "m.onnx", opset_version=3)


def test_from_the_command_line(tmp_path: Path) -> None:
    frame = mixed()
    frame["dear"] = ["yes" if p > 10.5 else "no" for p in frame.pop("price")]
    model = tabular.fit(frame, "dear", **QUICK)
    model.save(tmp_path / "model.safetensors")
    done = call("export", tmp_path, "--to", "onnx")
    assert done.code == 0, done.err
    assert "4 columns, each n x 1 -> label and probabilities (dear: no, yes)" in " ".join(done.out.split())
    assert "day: double, seconds since 1970-01-01 UTC; NaN: missing" in done.out
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    label, _ = session.run(None, feeds(model, unseen()))
    assert label.tolist() == model.predict(unseen()).tolist()
    assert "exists" in call("export", tmp_path).err
    other = call("export", tmp_path / "model.safetensors", "--out", tmp_path / "other.onnx")
    assert other.code == 0
    assert (tmp_path / "other.onnx").read_bytes() == (tmp_path / "model.onnx").read_bytes()
