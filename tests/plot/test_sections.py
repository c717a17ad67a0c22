"""Decision boundaries of models of more than two inputs: the plane of two of them, or of two components."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import rushlight as rl
from rushlight import plot
from rushlight.errors import ArgumentError, ShapeError
from rushlight.plot._section import section_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 5)) * [1.0, 100.0, 1e-3, 2.0, 0.0] + [0.0, 500.0, 7.0, -1.0, 3.0]
Y = (X[:, 3] > -1).astype(np.int64)


class Frame:
    columns = ("a", "b", "c", "d", "e")

    def to_numpy(self):
        return X


def by_third(x):
    assert x.shape[1] == 5
    return (x[:, 3] > -1).float()


def test_two_features_and_the_others_held():
    seen = []

    def model(x):
        seen.append(x.numpy())
        return by_third(x)

    figure = plot.decision_boundary(model, points=Frame(), labels=Y, features=("b", "d"), resolution=15)
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("b", "d")
    inputs = np.concatenate(seen)
    held = [0, 2, 4]
    np.testing.assert_allclose(inputs[:, held], np.broadcast_to(X.mean(0)[held], (225, 3)), rtol=1e-6)
    assert np.ptp(inputs[:, 1]) >= np.ptp(X[:, 1])
    (contour,) = [c for c in ax.collections if hasattr(c, "levels")]
    np.testing.assert_allclose(contour.get_paths()[0].vertices[:, 1], -1, atol=0.5)
    drawn = np.concatenate([c.get_offsets() for c in ax.collections if not hasattr(c, "levels")])
    assert {tuple(row) for row in drawn} == {tuple(row) for row in X[:, [1, 3]]}


def test_where_the_others_are_held():
    seen = []

    def model(x):
        seen.append(x.numpy())
        return by_third(x)

    at = np.arange(5.0)
    plot.decision_boundary(model, points=X, features=[0, -2], at=at, resolution=5)
    assert (np.concatenate(seen)[:, [1, 2, 4]] == at[[1, 2, 4]]).all()


def test_components_are_those_of_the_standardised_inputs():
    section = section_of("plot", X, "pca", None, ())
    spread = X.std(0)
    z = np.divide(X - X.mean(0), spread, out=np.zeros_like(X), where=spread > 0)
    _, sizes, ways = np.linalg.svd(z, full_matrices=False)
    np.testing.assert_allclose(abs(section.points), abs(z @ ways[:2].T), atol=1e-8)
    share = sizes[0] ** 2 / (sizes**2).sum()
    assert section.axes[0] == f"component 1 ({100 * share:.0f} % of the variance)"
    # A point of the plane becomes an input, and that the same point.
    grid = RNG.normal(size=(7, 2))
    back = (section.inputs(grid) - X.mean(0))[:, :4] / spread[:4]
    np.testing.assert_allclose(back @ ways[:2, :4].T, grid * np.sign((section.points / (z @ ways[:2].T))[0]))


def test_more_inputs_than_rows():
    wide = RNG.normal(size=(6, 40))
    section = section_of("plot", wide, None, None, ())
    z = (wide - wide.mean(0)) / wide.std(0)
    ways = np.linalg.svd(z, full_matrices=False)[2][:2]
    np.testing.assert_allclose(abs(section.points), abs(z @ ways.T), atol=1e-8)
    one = section_of("plot", wide[:1], None, None, ())
    assert np.isfinite(one.inputs(np.ones((1, 2)))).all()


def test_pictures_keep_their_shape_and_go_in_parts(monkeypatch):
    from rushlight.plot import _boundary

    monkeypatch.setattr(_boundary, "NUMBERS", 800)
    shapes = set()

    def model(x):
        shapes.add(x.shape)
        return rl.stack([x.mean((1, 2, 3)), x.amax((1, 2, 3)), x.amin((1, 2, 3))], 1)

    images = RNG.normal(size=(30, 1, 4, 5))
    plot.decision_boundary(model, points=images, labels=np.arange(30) % 3, resolution=9)
    assert shapes == {(40, 1, 4, 5), (1, 1, 4, 5)}


def test_components_are_the_default_and_normalise_sees_all_inputs():
    def normalise(array):
        assert array.shape[1] == 5
        return array - X.mean(0)

    model = rl.nn.Linear(5, 3)
    figure = plot.decision_boundary(model, normalise, points=(X, Y), resolution=9)
    assert figure.axes[0].get_xlabel().startswith("component 1 (")
    plot.decision_boundary(model, points=rl.data.TensorDataset(X, Y), resolution=9)


def test_ten_classes_look_different():
    from rushlight.plot._plane import class_colour

    assert len({class_colour(i) for i in range(20)}) == 20

    def model(x):
        return rl.nn.functional.one_hot((x[:, 0] > 0).long() * 9, 10).float()

    ax = plot.decision_boundary(model, points=X, labels=np.arange(80) % 10, resolution=9).axes[0]
    assert len(ax.get_legend().get_texts()) == 10


def test_an_estimator():
    class Estimator:
        def predict_proba(self, x):
            one = (x[:, 3] > -1).astype(float)
            return np.stack([1 - one, one], 1)

    ax = plot.decision_boundary(Estimator(), points=X, labels=Y, features=(0, 3), resolution=9).axes[0]
    assert set(np.unique(ax.images[0].get_array())) == {0.0, 1.0}


class Classes:
    """As a support vector machine: no probabilities."""

    classes_ = ("no", "perhaps", "yes")

    def predict(self, x):
        return np.where(x[:, 0] < -1, "no", np.where(x[:, 0] < 1, "perhaps", "yes"))


class Numbers:
    def predict(self, x):
        return np.clip(x[:, 0], -1, 1)


class Table:
    """As a model of a table: its columns have names, and come in any order."""

    columns = ["d", "b"]  # noqa: RUF012
    task = "classification"

    def predict(self, frame):
        raise AssertionError("it has probabilities")

    def predict_proba(self, frame):
        one = (np.asarray(frame["d"]) > -1).astype(float)
        assert np.asarray(frame["b"]).max() > 100
        return np.stack([1 - one, one], 1)


def trained():
    model = rl.nn.Linear(2, 1)
    model.train()
    return rl.train.Trainer(model, "sgd", "bcewithlogits")


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (Classes, {"points": X[:, :2]}),
        (Numbers, {"points": X[:, :2], "output": "signed"}),
        (Table, {"points": Frame(), "features": ("b", "d")}),
        (Table, {"points": X[:, [3, 1]]}),
        (trained, {"points": X[:, :2], "output": "logits"}),
    ],
)
def test_whatever_predicts(make, options):
    model = make()
    plot.decision_boundary(model, labels=Y, resolution=9, **options)
    if make is trained:
        assert model.model.training
        assert plot.architecture(model, 2).axes


@pytest.mark.parametrize("model", [None, "net", rl.nn.Linear])
def test_what_predicts_nothing(model):
    with pytest.raises(ArgumentError, match="expected a Module, a function, a Trainer, or an estimator"):
        plot.decision_boundary(model, resolution=9)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"points": Frame(), "features": ("a", "z")}, ArgumentError, "feature 'z'.*a, b, c"),
        ({"points": X, "features": ("a", "b")}, ArgumentError, "no names"),
        ({"points": X, "features": (0, 5)}, ArgumentError, "feature 5"),
        ({"points": X, "features": (0, -5)}, ArgumentError, "two different"),
        ({"points": X, "features": "tsne"}, ArgumentError, "'pca'"),
        ({"points": X, "features": (0, 1), "at": [1.0]}, ShapeError, "1 values in `at`"),
        ({"points": X, "at": X[0]}, ArgumentError, "without `features`"),
        ({"features": (0, 1)}, ArgumentError, "without points"),
        ({"points": X[:, :1]}, ShapeError, r"\(80, 1\)"),
    ],
)
def test_refusals(options, error, says):
    with pytest.raises(error, match=says):
        plot.decision_boundary(by_third, resolution=9, **options)
