"""Predicted against true values, and residuals: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import rushlight as rl
from rushlight import plot
from rushlight.errors import ArgumentError, DTypeError, ShapeError

RNG = np.random.default_rng(0)
TRUE = RNG.normal(size=200) * 3 + 10
FOUND = TRUE + RNG.normal(size=200)


class Frame:
    """As a frame of pandas or polars looks from here."""

    columns = ("length", "width")

    def to_numpy(self):
        return np.stack([TRUE, 2 * TRUE], 1).astype(object)


@pytest.mark.parametrize(
    "form", [np.asarray, rl.tensor, list, lambda v: v[:, None]], ids=["array", "tensor", "list", "column"]
)
def test_points_and_figures(form):
    (ax,) = plot.predicted(form(TRUE), form(FOUND)).axes
    np.testing.assert_allclose(ax.collections[0].get_offsets(), np.stack([TRUE, FOUND], 1))
    gap = FOUND - TRUE
    r2 = 1 - (gap**2).sum() / ((TRUE - TRUE.mean()) ** 2).sum()
    assert ax.get_title() == f"MAE {abs(gap).mean():.4g}, RMSE {(gap**2).mean() ** 0.5:.4g}, R² {r2:.4g}"
    (line,) = ax.lines
    assert (line.get_xdata() == line.get_ydata()).all()
    assert ax.get_xlim() == ax.get_ylim()


def test_residuals():
    ax = plot.residuals(TRUE, FOUND, title="trees").axes[0]
    rest = TRUE - FOUND
    np.testing.assert_allclose(ax.collections[0].get_offsets(), np.stack([FOUND, rest], 1))
    assert ax.get_title() == f"trees\nmean {rest.mean():.4g}, deviation {rest.std():.4g}"
    means = ax.lines[1].get_xydata()
    groups = np.array_split(np.argsort(FOUND), 12)
    np.testing.assert_allclose(means[:, 1], [rest[group].mean() for group in groups])
    (side,) = ax.child_axes
    assert sum(bar.get_width() for bar in side.patches) == len(rest)
    assert side.get_ylim() == ax.get_ylim() == (-ax.get_ylim()[1], ax.get_ylim()[1])


def test_outputs_have_a_panel_each_and_frames_name_them():
    both = np.stack([FOUND, 2 * FOUND], 1)
    figure = plot.predicted(Frame(), both, title="trees")
    assert [ax.get_title().splitlines()[0] for ax in figure.axes] == ["trees, length", "trees, width"]
    figure = plot.residuals(both, both, names=["a", "b"])
    assert [ax.get_title() for ax in figure.axes] == [f"{n}\nmean 0, deviation 0" for n in "ab"]


def test_many_points_are_a_density():
    x = RNG.normal(size=4000)
    y = x + RNG.normal(size=4000)
    (mesh,) = plot.predicted(x, y).axes[0].collections
    assert mesh.get_array().sum() == 4000
    (mesh,) = plot.residuals(x, y).axes[0].collections
    assert mesh.get_array().sum() == 4000


def test_what_is_not_finite_is_left_out_and_said():
    true, found = np.array([1.0, 2.0, np.nan, 4.0]), np.array([1.0, np.inf, 3.0, 5.0])
    (ax,) = plot.predicted(true, found).axes
    assert len(ax.collections[0].get_offsets()) == 2
    assert ax.get_title().endswith("(2 not finite)")
    assert plot.residuals([np.nan], [1.0]).axes[0].get_title() == "no numbers"
    assert plot.predicted([np.nan], [1.0]).axes[0].get_title() == " (1 not finite)"


def test_a_given_axes_gets_one_panel():
    figure = plot.curves({"loss": [1.0, 0.5]})
    ax = figure.add_subplot()
    for draw in (plot.predicted, plot.residuals):
        assert draw(TRUE, FOUND, ax=ax) is figure
        assert not ax.child_axes
        with pytest.raises(ArgumentError, match="one axes for 2 outputs"):
            draw(np.ones((3, 2)), np.ones((3, 2)), ax=ax)


@pytest.mark.parametrize("draw", [plot.predicted, plot.residuals])
def test_refusals(draw):
    name = f"plot.{draw.__name__}"
    with pytest.raises(ShapeError, match=rf"{name}.*\(2, 1\) for true values \(3, 1\)"):
        draw([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(ShapeError, match=r"true values of shape \(0, 1\)"):
        draw([], [])
    with pytest.raises(ArgumentError, match="1 names"):
        draw(np.ones((3, 2)), np.ones((3, 2)), names=["a"])
    with pytest.raises(DTypeError, match=name):
        draw(["a"], [1.0])
