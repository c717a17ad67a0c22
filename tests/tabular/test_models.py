"""Models of tables: what they learn from columns, how well they predict, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import tabular
from rushlight.errors import ArgumentError, DataError, NotSupportedError
from rushlight.interop import load_file, load_metadata, save_file
from rushlight.tabular import searching
from rushlight.tabular.encoder import learn
from rushlight.tabular.network import FoldLoss, Members
from rushlight.tabular.target import learn_target

QUICK: dict[str, Any] = {"progress": False, "members": 2, "hidden": (16,), "epochs": 40, "compile": False}


def mixed(rows: int = 160, seed: int = 0) -> dict[str, list[Any]]:
    """Numbers with gaps, categories with a gap, a date, an identifier, a constant, an empty column."""
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    kind = random.choice(["a", "b", "c"], rows)
    days = random.integers(0, 900, rows)
    price = 3 * x + np.where(kind == "a", 2.0, -1.0) + days / 300 + 0.05 * random.normal(size=rows) + 10
    return {
        "id": list(range(rows)),
        "x": [None if i % 17 == 0 else float(v) for i, v in enumerate(x)],
        "kind": [None if i % 23 == 0 else str(v) for i, v in enumerate(kind)],
        "day": [str(np.datetime64("2020-01-01") + int(d)) for d in days],
        "code": [f"C{i % 30}" for i in range(rows)],
        "same": [1] * rows,
        "nothing": [None] * rows,
        "price": price.tolist(),
    }


@pytest.fixture(scope="module")
def regression() -> tabular.TabularModel:
    return tabular.fit(mixed(), "price", **QUICK)


@pytest.fixture(scope="module")
def classification() -> tabular.TabularModel:
    frame = mixed()
    frame["dear"] = ["yes" if p > 10.5 else "no" for p in frame.pop("price")]
    return tabular.fit(frame, "dear", **QUICK)


def test_what_it_learns_of_columns(regression: tabular.TabularModel) -> None:
    assert regression.task == "regression"
    assert regression.columns == ["x", "kind", "day", "code"]
    assert {name: why.split(":")[0] for name, why in regression.dropped.items()} == {
        "id": "an identifier", "same": "constant", "nothing": "empty",
    }  # fmt: skip
    names = regression.encoder.columns
    assert names[:2] == ["x", "x missing"]
    assert {"kind=a", "kind=b", "kind=c", "kind=missing", "day", "day, year sin", "day, week cos"} <= set(
        names
    )
    assert [f.name for f in regression.encoder.embedded] == ["code"]
    assert regression.validation["r2"] > 0.8
    assert list(regression.history) == ["epoch", "train_loss", "validation_loss", "lr", "seconds"]


def test_what_it_predicts(
    regression: tabular.TabularModel, classification: tabular.TabularModel, tmp_path: Path
) -> None:
    other = mixed(80, seed=1)
    assert regression.evaluate(other)["r2"] > 0.8
    assert regression.predict(other).shape == (80,)
    assert regression.predict({k: v[:0] for k, v in other.items()}).shape == (0,)
    with pytest.raises(NotSupportedError, match="predict_proba"):
        regression.predict_proba(other)
    other["dear"] = ["yes" if p > 10.5 else "no" for p in other.pop("price")]
    chances = classification.predict_proba(other)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    assert classification.classes == ["no", "yes"]
    assert set(classification.predict(other)) <= {"no", "yes"}
    measured = classification.evaluate(other)
    assert list(measured) == ["error", "accuracy", "log_loss", "f1", "auc"]
    assert measured["accuracy"] > 0.85
    assert measured["accuracy"] == (classification.predict(other) == np.array(other["dear"])).mean()


def test_new_categories_and_columns(regression: tabular.TabularModel) -> None:
    frame = {name: value[:4] for name, value in mixed().items()}
    new = {
        **frame,
        "kind": ["zebra", None, "a", "b"],
        "code": ["new", "C1", None, "C2"],
        "more": [1, 2, 3, 4],
    }
    assert np.isfinite(regression.predict(new)).all()
    assert np.isfinite(regression.predict({**frame, "x": [None] * 4, "day": [None] * 4})).all()
    del frame["id"], frame["same"], frame["nothing"], frame["price"]  # which it does not need
    assert len(regression.predict(frame)) == 4
    texts = {**frame, "x": ["1.5", "", "2", "-1e0"]}
    same = {**frame, "x": [1.5, None, 2.0, -1.0]}
    np.testing.assert_array_equal(regression.predict(texts), regression.predict(same))
    with pytest.raises(DataError, match=r"'high' in column 'x', row 2.*a number"):
        regression.predict({**frame, "x": ["1", "high", "2", "3"]})
    with pytest.raises(DataError, match=r"'soon' in column 'day'.*dates"):
        regression.predict({**frame, "day": ["soon"] * 4})
    frame["Kind"] = frame.pop("kind")
    with pytest.raises(DataError, match="no column 'kind'.*Did you mean 'Kind'"):
        regression.predict(frame)
    with pytest.raises(DataError, match="no column 'price'"):
        regression.evaluate({name: v for name, v in mixed().items() if name != "price"})


def test_importance(regression: tabular.TabularModel, classification: tabular.TabularModel) -> None:
    other = mixed(200, seed=2)
    found = regression.importance(other)
    assert {one.column for one in found} == {"x", "kind", "day", "code"}
    assert found[0].column == "x"
    assert found[0].mean > 5 * abs(found[-1].mean)
    assert found == regression.importance(other)
    assert {one.measure for one in regression.importance(other, 1, "r2")} == {"r2"}
    with pytest.raises(ArgumentError, match="measure='auc'"):
        regression.importance(other, measure="auc")


def test_saved_and_loaded(
    regression: tabular.TabularModel, classification: tabular.TabularModel, tmp_path: Path
) -> None:
    for model in (regression, classification):
        path = tmp_path / "model.safetensors"
        model.save(path)
        again = tabular.load(path)
        np.testing.assert_array_equal(again.predict(mixed()), model.predict(mixed()))
        assert (again.encoder, again.target, again.settings) == (model.encoder, model.target, model.settings)
        assert again.history.rows == model.history.rows
        assert again.validation == model.validation


def test_damaged_files_are_refused(regression: tabular.TabularModel, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    regression.save(path)
    arrays, about = load_file(path), json.loads(load_metadata(path)["rushlight"])
    changes: list[tuple[str, Any]] = [
        ("encoder", None), ("encoder", {"features": [], "dropped": {}}), ("target", {"name": 3}),
        ("settings", {**about["settings"], "hidden": [2**30]}), ("settings", {}),
        ("history", [{"epoch": "x"}]),
        ("target", {**about["target"], "std": 0.0}), ("target", {**about["target"], "labels": ["a"]}),
        ("settings", {**about["settings"], "members": 3}), ("validation", {"r2": "good"}),
        ("encoder", {**about["encoder"], "features": [{**about["encoder"]["features"][0], "scale": "1"}]}),
    ]  # fmt: skip
    for key, value in changes:
        metadata = {"format": "rushlight.table", "rushlight": json.dumps({**about, key: value})}
        save_file(arrays, path, metadata)
        with pytest.raises(DataError, match="is damaged"):
            tabular.load(path)
    save_file(arrays, path, {"format": "other"})
    with pytest.raises(DataError, match="no model of a table"):
        tabular.load(path)
    with pytest.raises(DataError, match="cannot read"):
        tabular.load(tmp_path / "absent")


BASE = {"x": list(range(20)), "y": [i * 0.5 for i in range(20)]}


@pytest.mark.parametrize(
    ("frame", "target", "options", "text"),
    [
        (BASE, "z", {}, "no column 'z'"),
        (BASE, "Y", {}, "Did you mean 'y'"),
        ({"x": [1, 2], "y": [1.5, 2.5]}, "y", {}, "2 rows with a value of 'y'; expected 8 or more"),
        ({**BASE, "y": [None] * 20}, "y", {}, "'y' without a value"),
        ({**BASE, "y": ["a"] * 20}, "y", {}, "the class 'a' in every row"),
        ({**BASE, "y": [1.0] * 20}, "y", {"task": "regression"}, "1 in every row"),
        ({**BASE, "y": [f"n{i}" for i in range(20)]}, "y", {}, "20 classes in the 20 rows"),
        ({**BASE, "y": ["2024-01-01"] * 20}, "y", {"task": "regression"}, "dates in the target 'y'"),
        ({"y": BASE["y"]}, "y", {}, "no column to learn from"),
        ({"x": [1] * 20, "y": BASE["y"]}, "y", {}, "x: constant"),
        (BASE, "y", {"drop": ["x"]}, "x: as asked"),
        (BASE, "y", {"drop": ["w"]}, "no column 'w'"),
        (BASE, "y", {"task": "ranking"}, "'classification' or 'regression'"),
        (BASE, "y", {"lr": -1.0}, "lr=-1.0"),
        (BASE, "y", {"members": 0}, "members=0"),
        (BASE, "y", {"hidden": (0,)}, "hidden"),
        (BASE, "y", {"activation": "magic"}, "magic"),
        (BASE, [1.0], {}, "different lengths"),
        (BASE, 1, {}, "name of a column"),
        (BASE, "y", {"validation": {"x": [1]}}, "no column 'y'"),
        ({**BASE, "y": [i * 1e200 for i in range(20)]}, "y", {}, "numbers as large as 1.9e\\+201"),
    ],
)
def test_what_cannot_be_learned(frame: Any, target: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises((DataError, ArgumentError), match=text):
        tabular.fit(frame, target, **{**QUICK, **options})


def test_unknown_settings_are_named() -> None:
    with pytest.raises(TypeError, match="Did you mean 'epochs'"):
        tabular.fit(BASE, "y", epoch=3)


def test_kinds_of_targets() -> None:
    def task(values: Any) -> str:
        return learn_target(tabular.read({"y": values})["y"]).task

    assert task([0, 1] * 10) == task([True, False] * 5) == task(["a", "b"]) == "classification"
    assert task(list(range(10)) * 5) == "classification"
    assert task(range(20)) == task([0.5, 1.5] * 20) == task(range(1000)) == "regression"
    assert learn_target(tabular.read({"y": [True, False]})["y"]).labels == (False, True)
    assert learn_target(tabular.read({"y": [2, 1] * 9})["y"]).labels == (1, 2)
    assert learn_target(tabular.read({"y": [0.5, 1.5] * 9})["y"], "classification").labels == (0.5, 1.5)


def test_bools_and_whole_numbers_come_back_as_such() -> None:
    frame = {"x": list(np.linspace(0, 1, 40)), "y": [i >= 20 for i in range(40)]}
    assert tabular.fit(frame, "y", **QUICK).predict(frame).dtype == bool
    frame["y"] = [3 if i >= 20 else 5 for i in range(40)]
    assert set(tabular.fit(frame, "y", **QUICK).predict(frame).tolist()) == {3, 5}


def test_the_seed_decides_and_the_program_goes_on() -> None:
    rl.manual_seed(5)
    expected = rl.rand(3).tolist()
    rl.manual_seed(5)
    a, b, c = (tabular.fit(BASE, "y", **{**QUICK, "epochs": 3, "seed": s}).predict(BASE) for s in (0, 0, 1))
    assert rl.rand(3).tolist() == expected
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_validation_rows_and_arrays() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 3)).astype(np.float32)
    y = x[:, 0] - 2 * x[:, 1]
    model = tabular.fit(x[:80], y[:80], validation=(x[80:], y[80:]), **QUICK)
    assert model.validation["r2"] > 0.9
    np.testing.assert_allclose(model.validation["rmse"], model.evaluate(x[80:], y[80:])["rmse"])
    frame = {**_named(x[80:]), "target": y[80:]}
    assert model.evaluate(frame) == model.evaluate(x[80:], y[80:])
    assert model.importance(frame) == model.importance(x[80:], target=y[80:])
    same = tabular.fit(x[:80], y[:80], validation=frame, **QUICK)
    assert same.validation == model.validation
    with pytest.raises(ArgumentError, match="a target named 'target'"):
        model.evaluate(frame, y[80:])


def _named(x: Any) -> dict[str, Any]:
    return {f"x{i}": x[:, i] for i in range(x.shape[1])}


def test_split_spreads_the_classes() -> None:
    frame = {"x": list(range(100)), "y": ["rare"] * 10 + ["often"] * 90}
    train, test = tabular.split(frame, "y", 0.3, seed=1)
    assert sorted([*train["x"].values, *test["x"].values]) == list(range(100))
    assert test["y"].values.tolist().count("rare") == 3
    assert tabular.split(frame, "y", 0.3, seed=1)[1]["x"].values.tolist() == test["x"].values.tolist()
    with pytest.raises(ArgumentError, match="test=1.5"):
        tabular.split(frame, "y", 1.5)
    with pytest.raises(DataError, match="1 row with a value of 'y'; expected 8"):
        tabular.split({"x": [1.5], "y": [2.5]}, "y", 0.3)
    with pytest.raises(DataError, match=r"test=0.01 of 20 rows"):
        tabular.split(BASE, "y", 0.01)


def test_search_orders_by_held_out_rows() -> None:
    seen: list[int] = []
    found = tabular.search(
        mixed(), "price", rl.grid(hidden=[(), (16,)], lr=[1e-3]), each=lambda n, m: seen.append(n), **{
            name: value for name, value in QUICK.items() if name != "hidden"
        }
    )  # fmt: skip
    assert seen == [1, 2]
    assert found.measure == "rmse"
    assert found.models[0].validation["rmse"] <= found.models[1].validation["rmse"]
    assert "none" in str(found)
    assert "rmse" in str(found)


def test_members_do_not_see_what_they_hold_out() -> None:
    """A target that is noise: who had seen a row would predict it, and held-out rows would look learned."""
    random = np.random.default_rng(0)
    frame = {"x": random.normal(size=200), "z": random.normal(size=200), "y": random.normal(size=200)}
    model = tabular.fit(frame, "y", **{**QUICK, "epochs": 60, "patience": 60, "lr": 0.01, "members": 8})
    assert model.validation["r2"] < 0.1


def test_network_compiled_as_eager() -> None:
    rl.manual_seed(0)
    net = Members(3, [(5, 2)], 2, hidden=(4,), members=3, activation="silu")
    x, codes = rl.randn(6, 3), rl.tensor([[0], [1], [5], [2], [0], [3]])
    with rl.no_grad():
        compiled = rl.compile(net)(x, codes).numpy()
    np.testing.assert_allclose(compiled, net(x, codes).detach().numpy(), atol=1e-6)
    loss = FoldLoss(True)
    packed = rl.cat([rl.tensor([[0.0], [1], [1], [0], [1], [0]]), rl.eye(6)[:, :3]], 1)
    out = net(x, codes)
    each = [rl.nn.functional.cross_entropy(out[i : i + 1, i], packed[i, :1].long()) for i in range(3)]
    np.testing.assert_allclose(loss(out, packed).item(), float(sum(e.item() for e in each)) / 3, rtol=1e-5)
    assert loss.sample_weights(packed).tolist() == [1, 1, 1, 0, 0, 0]


def test_codes_of_numbers_and_rare_words() -> None:
    frame = tabular.read({"zip": [1, 2, 2, 1] * 100, "word": ["a", "b"] * 199 + ["x", "y"]})
    encoder = learn(frame, categories=["zip"])
    assert encoder.columns == ["zip=2", "word=a", "word=b"]
    x, _ = encoder.encode(tabular.read({"zip": ["2", "1"], "word": ["x", "b"]}), "predict")
    assert x.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_outliers_do_not_rule() -> None:
    column = [*np.linspace(-1, 1, 99), 1e9]
    x, _ = learn(tabular.read({"x": column})).encode(tabular.read({"x": column}), "predict")
    assert 0.5 < x[:99].std() < 2
    assert x[99] <= 10.001


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200, 1.7e308])
def test_numbers_of_any_size(size: float) -> None:
    column = (np.linspace(-1, 1, 99) ** 3 * size).tolist()
    encoder = learn(tabular.read({"x": column}))
    far = tabular.read({"x": [*column, -1.79e308, 1.79e308]})
    x, _ = encoder.encode(far, "predict")
    assert np.isfinite(x).all()
    assert (np.diff(x[:99, 0]) >= 0).all()
    assert x[:99].std() > 0.5
    assert x[99] <= x[0] <= x[98] <= x[100]


def test_codes_with_a_comma_where_numbers_were_learned() -> None:
    encoder = learn(tabular.read({"x": [0.5, 1.5, 2.5] * 10}))
    x, _ = encoder.encode(tabular.read({"x": ["012", "1,5"]}), "predict")
    np.testing.assert_array_equal(x, encoder.encode(tabular.read({"x": [12.0, 1.5]}), "predict")[0])


def test_the_page_of_numbers(regression: tabular.TabularModel, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    other = mixed(60, seed=3)
    regression.report(other, tmp_path / "a.html", "Prices <of> things")
    text = (tmp_path / "a.html").read_text()
    assert text.count("<img ") == 4
    assert "Prices &lt;of&gt; things" in text
    assert "http" not in text  # nothing is fetched


def test_the_page_of_classes(classification: tabular.TabularModel, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    other = mixed(60, seed=3)
    other["dear"] = ["yes" if p > 10.5 else "no" for p in other.pop("price")]
    classification.report(other, tmp_path / "b.html")
    text = (tmp_path / "b.html").read_text()
    assert text.count("<img ") == 3
    assert "recall" in text


def test_search_goes_by_the_mean_over_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {(0.1, 0): 1.0, (0.1, 1): 9.0, (0.2, 0): 3.0, (0.2, 1): 2.0}

    def fit(table: Any, target: Any, *, lr: float, seed: int) -> Any:
        return SimpleNamespace(task="regression", validation={"rmse": losses[lr, seed]})

    monkeypatch.setattr(searching, "fit", fit)
    found = tabular.search({"x": [1.0], "y": [2.0]}, "y", rl.grid(lr=[0.1, 0.2], seed=[0, 1]))
    assert [tuple(config.values()) for config in found.configs] == [(0.2, 1), (0.2, 0), (0.1, 0), (0.1, 1)]


def _weights(model: Any) -> list[bytes]:
    return [value.numpy().tobytes() for value in model.network.state_dict().values()]


def test_a_stopped_search_goes_on(tmp_path: Path) -> None:
    frame, configs = mixed(), rl.grid(lr=[1e-3, 1e-2])
    whole = tabular.search(frame, "price", configs, **QUICK)

    def press(count: int, model: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tabular.search(frame, "price", configs, each=press, out=tmp_path, **QUICK)
    found = tabular.search(frame, "price", configs, out=tmp_path, resume=True, **QUICK)
    assert found.configs == whole.configs
    assert list(map(_weights, found.models)) == list(map(_weights, whole.models))
