"""Decision boundaries of any problem in the plane: ranges, classes and names come from the data."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.collections import PathCollection
from matplotlib.patches import Circle

import rushlight as rl
from rushlight import plot
from rushlight.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2)) * [10.0, 1.0] + [100.0, -3.0]
Y = (X[:, 0] > 100).astype(np.int64)
THREE = np.digitize(X[:, 0], [95.0, 105.0])


def step(x):
    return (x[:, 0] > 100).float()


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def no_circle(ax):
    return not any(isinstance(patch, Circle) for patch in ax.patches)


class Frame:
    columns = ("length", "width")

    def to_numpy(self):
        return X

    def __array__(self, dtype=None, copy=None):
        return X


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        (X, Y),
        (rl.tensor(X), Y[:, None]),
        (X.tolist(), np.eye(2)[Y]),
        (X, 2.0 * Y - 1.0),
        (rl.data.TensorDataset(X, Y), None),
        (rl.data.TensorDataset(X, (2 * Y - 1).astype(float)), None),
    ],
    ids=["arrays", "tensor", "lists", "signed", "set", "signed set"],
)
def test_ranges_and_classes_come_from_the_data(points, labels):
    figure = plot.decision_boundary(step, points=points, labels=labels, resolution=20)
    ax = figure.axes[0]
    assert ax.get_xlim()[0] < X[:, 0].min() < X[:, 0].max() < ax.get_xlim()[1]
    assert ax.get_ylim()[0] < X[:, 1].min() < X[:, 1].max() < ax.get_ylim()[1]
    assert ax.get_xlim()[1] - ax.get_xlim()[0] < 1.2 * np.ptp(X[:, 0])
    assert no_circle(ax)
    assert legend(ax)[:2] == [f"class 0 ({(Y == 0).sum()})", f"class 1 ({Y.sum()})"]
    assert figure.axes[1].get_ylabel() == "probability of class 1"
    assert tuple(ax.images[0].get_extent()) == (*ax.get_xlim(), *ax.get_ylim())
    (contour,) = [c for c in ax.collections if hasattr(c, "levels")]
    line = np.concatenate([path.vertices for path in contour.get_paths()])
    np.testing.assert_allclose(line[:, 0], 100, atol=3)


def test_several_classes_are_regions():
    def three(x):
        return rl.nn.functional.one_hot((x[:, 0] > 95).long() + (x[:, 0] > 105).long(), 3).float()

    figure = plot.decision_boundary(three, points=X, labels=THREE, names=["ash", "beech", "fir"])
    (ax,) = figure.axes
    assert np.unique(ax.images[0].get_array()).tolist() == [0, 1, 2]
    assert legend(ax)[3:] == ["predicted ash", "predicted beech", "predicted fir"]
    assert legend(ax)[0].startswith("ash (")


def test_labels_are_names_too():
    def three(x):
        return rl.nn.functional.one_hot((x[:, 0] > 95).long() + (x[:, 0] > 105).long(), 3).float()

    words = np.array(["ash", "beech", "fir"])[THREE]
    figure = plot.decision_boundary(three, points=X, labels=words)
    assert legend(figure.axes[0])[0] == f"ash ({(THREE == 0).sum()})"
    figure = plot.decision_boundary(three, points=X, labels=list(words), names=["fir", "ash", "beech"])
    assert legend(figure.axes[0])[0] == f"fir ({(THREE == 2).sum()})"
    with pytest.raises(ArgumentError, match="label .beech."):
        plot.decision_boundary(three, points=X, labels=words, names=["ash", "fir"])


def test_names_of_columns():
    ax = plot.decision_boundary(step, points=Frame(), labels=Y, resolution=5).axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "width")


def test_points_without_labels_and_without_points():
    ax = plot.decision_boundary(step, points=X, resolution=5).axes[0]
    assert no_circle(ax)
    ax = plot.decision_boundary(step, resolution=5).axes[0]
    assert no_circle(ax)
    assert ax.get_xlim() == (-0.02, 1.02)
    ax = plot.decision_boundary(step, ranges=((-1, 2), (3, 4)), resolution=5).axes[0]
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 2), (3, 4))


def test_the_circle_belongs_to_the_disk():
    disk = rl.data.Disk(50, targets="signed")
    for figure in (
        plot.decision_boundary(step, points=disk, resolution=5),
        plot.decision_boundary(step, disk.normalise, resolution=5),
        plot.decision_boundary(step, points=disk.points, labels=disk.labels, resolution=5),
        plot.disk_data(disk),
        plot.right_and_wrong(disk.points, disk.labels, disk.labels),
    ):
        assert not no_circle(figure.axes[0])
    assert no_circle(plot.disk_data(X, Y).axes[0])
    assert no_circle(plot.disk_data(disk, circle=False).axes[0])
    assert legend(plot.disk_data(disk).axes[0])[0].startswith("outside")


def test_a_data_set_brings_its_scale():
    disk, seen = rl.data.Disk(50), []

    def model(x):
        seen.append(x)
        return x[:, 0]

    plot.decision_boundary(model, points=disk, resolution=3)
    assert seen[0].tolist() == disk.normalise([[a, b] for b in (0, 0.5, 1) for a in (0, 0.5, 1)]).tolist()


def test_a_signed_output_is_no_probability():
    figure = plot.decision_boundary(lambda x: (x[:, 0] - 0.5).tanh(), output="signed", resolution=5)
    assert figure.axes[1].get_ylabel() == "output: -1 class 0, 1 class 1"
    assert "boundary at 0" in legend(figure.axes[0])
    assert figure.axes[0].images[0].get_clim() == (-1, 1)
    with pytest.raises(ShapeError, match="signed"):
        plot.decision_boundary(lambda x: x, output="signed", resolution=5)


def test_points_need_their_classes():
    with pytest.raises(ArgumentError, match="without labels"):
        plot.disk_data(X)


@pytest.mark.parametrize("kind", [tuple, list])
def test_points_and_labels_as_a_pair(kind):
    pair = plot.decision_boundary(step, points=kind((rl.tensor(X), rl.tensor(Y))), resolution=10)
    apart = plot.decision_boundary(step, points=X, labels=Y, resolution=10)
    assert legend(pair.axes[0]) == legend(apart.axes[0])
    assert pair.axes[0].get_xlim() == apart.axes[0].get_xlim()


def test_two_points_are_no_pair():
    figure = plot.decision_boundary(step, points=[[1.0, 2.0], [3.0, 5.0]], resolution=10)
    drawn = (len(c.get_offsets()) for c in figure.axes[0].collections if isinstance(c, PathCollection))
    assert sum(drawn) == 2


def test_what_is_no_model_is_refused():
    with pytest.raises(ArgumentError, match="got a str"):
        plot.decision_boundary("net")
