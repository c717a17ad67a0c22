"""Pictures of the disk: which point gets which colour, the circle, the boundary."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex
from matplotlib.patches import Circle

import rushlight as rl
from rushlight import plot
from rushlight.errors import ArgumentError, DTypeError, ShapeError
from rushlight.plot import style

RADIUS = 1 / math.sqrt(2 * math.pi)
POINTS = np.random.default_rng(3).random((80, 2))
LABELS = (((POINTS - 0.5) ** 2).sum(1) < RADIUS**2).astype(np.int64)
PREDICTED = np.where(np.arange(80) % 9 == 0, 1 - LABELS, LABELS)


def drawn(ax, colour):
    """The points of the scatter of that colour."""
    (scatter,) = [c for c in ax.collections if to_hex(c.get_facecolor()[0]).upper() == colour.upper()]
    return np.asarray(scatter.get_offsets())


def circle_of(ax):
    (circle,) = [patch for patch in ax.patches if isinstance(patch, Circle)]
    return circle


def test_disk_data():
    (ax,) = plot.disk_data(POINTS, LABELS).axes
    np.testing.assert_array_equal(drawn(ax, style.CLASS_COLOURS[0]), POINTS[LABELS == 0])
    np.testing.assert_array_equal(drawn(ax, style.CLASS_COLOURS[1]), POINTS[LABELS == 1])
    assert circle_of(ax).center == (0.5, 0.5)
    assert circle_of(ax).radius == pytest.approx(RADIUS)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_1$", "$x_2$")
    assert ax.get_aspect() == 1
    assert ax.get_title() == "80 points"


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.tolist(),
        LABELS[:, None].astype(np.float32),
        np.eye(2)[LABELS],
        LABELS.astype(bool),
        rl.tensor(LABELS),
    ],
    ids=["list", "column", "one-hot", "bool", "tensor"],
)
def test_labels_come_in_many_forms(labels):
    (ax,) = plot.disk_data(rl.tensor(POINTS), labels).axes
    np.testing.assert_array_equal(drawn(ax, style.CLASS_COLOURS[1]), POINTS[LABELS == 1])


def test_true_vs_predicted():
    left, right = plot.true_vs_predicted(POINTS, LABELS, PREDICTED).axes
    np.testing.assert_array_equal(drawn(left, style.CLASS_COLOURS[1]), POINTS[LABELS == 1])
    np.testing.assert_array_equal(drawn(right, style.CLASS_COLOURS[1]), POINTS[PREDICTED == 1])
    assert circle_of(left).radius == circle_of(right).radius


def test_exactly_the_wrong_points_are_red():
    (ax,) = plot.right_and_wrong(POINTS, LABELS, PREDICTED).axes
    np.testing.assert_array_equal(drawn(ax, style.WRONG), POINTS[LABELS != PREDICTED])
    np.testing.assert_array_equal(drawn(ax, style.RIGHT), POINTS[LABELS == PREDICTED])
    assert ax.get_title() == "error 11.2 % (9 of 80)"
    assert circle_of(ax).radius == pytest.approx(RADIUS)


def test_nothing_wrong():
    (ax,) = plot.right_and_wrong(POINTS, LABELS, LABELS, circle=False).axes
    assert ax.get_title() == "error 0.0 % (0 of 80)"
    assert not ax.patches


def inside(x):
    return rl.where(((x - 0.5) ** 2).sum(1) < RADIUS**2, rl.tensor(1.0), rl.tensor(0.0))


def test_boundary_follows_the_circle():
    figure = plot.decision_boundary(inside, resolution=101, points=POINTS, labels=LABELS, title="exact")
    ax = figure.axes[0]
    (contour,) = [c for c in ax.collections if hasattr(c, "levels")]
    line = np.concatenate([path.vertices for path in contour.get_paths()])
    np.testing.assert_allclose(np.hypot(*(line - 0.5).T), RADIUS, atol=0.02)
    assert "boundary at 0.5" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert figure.axes[1].get_ylabel() == "probability of inside"  # the labels are the disk's


@pytest.mark.parametrize(
    "normalise",
    [(np.array([0.5, 0.5]), np.array([0.3, 0.3])), lambda x: (x - 0.5) / 0.3],
    ids=["pair", "function"],
)
def test_model_sees_normalised_points(normalise):
    seen = []

    def model(x):
        seen.append(x.numpy())
        return x[:, 0]

    plot.decision_boundary(model, normalise, resolution=5)
    assert seen[0].dtype == np.float32
    assert seen[0].shape == (25, 2)
    assert seen[0].min() == pytest.approx(-0.5 / 0.3)
    assert seen[0].max() == pytest.approx(0.5 / 0.3)


@pytest.mark.parametrize(
    ("output", "scores", "expected"),
    [
        ("probability", [[0.2, 0.8]], 0.8),
        ("probability", [[0.3]], 0.3),
        ("logits", [[0.0]], 0.5),
        ("logits", [[1.0, 3.0]], 1 / (1 + math.exp(-2))),
    ],
)
def test_kinds_of_output(output, scores, expected):
    figure = plot.decision_boundary(lambda x: rl.tensor(scores * len(x)), output=output, resolution=4)
    image = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(image, expected, rtol=1e-6)


def test_module_is_left_as_it_was():
    net = rl.nn.Sequential(rl.nn.Linear(2, 4), rl.nn.Tanh(), rl.nn.Dropout(0.5), rl.nn.Linear(4, 1)).double()
    net[2].eval()
    before = [module.training for module in net.modules()]
    plot.decision_boundary(net, resolution=8)
    assert [module.training for module in net.modules()] == before
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: plot.disk_data(np.zeros((3, 3)), [0, 0, 0]), ShapeError, "(N, 2)"),
        (lambda: plot.disk_data(POINTS, LABELS[:5]), ShapeError, "80 points, 5 labels"),
        (lambda: plot.disk_data(POINTS, np.zeros((2, 2, 2))), ShapeError, "labels of shape"),
        (lambda: plot.right_and_wrong(POINTS, LABELS, np.full(80, 0.3)), DTypeError, "(scores > 0.5)"),
        (lambda: plot.decision_boundary(inside, output="odds"), ArgumentError, "'logits'"),
        (lambda: plot.decision_boundary(inside, resolution=1), ArgumentError, "at least 2"),
        (lambda: plot.decision_boundary(lambda x: x.sum(), resolution=4), ShapeError, "shape ()"),
    ],
)
def test_refusals(call, error, says):
    with pytest.raises(error) as caught:
        call()
    assert says in str(caught.value)
