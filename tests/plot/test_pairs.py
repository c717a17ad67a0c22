"""Curves in pairs: colours for networks, lines for the two kinds, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.legend import Legend

from rushlight import plot
from rushlight.errors import ArgumentError, ShapeError

PAIRS = {"SGD": ([0.9, 0.4, 0.2], [1.0, 0.5, 0.4]), "momentum": ([0.8, 0.3, 0.1], [0.9, 0.4, 0.3])}
KINDS = ("train", "validation")


def legends(ax):
    boxes = [box for box in ax.get_children() if isinstance(box, Legend)]
    return [[text.get_text() for text in box.get_texts()] for box in boxes]


def test_colour_is_the_network_and_line_the_kind():
    (ax,) = plot.paired_curves(PAIRS, KINDS, ylabel="loss").axes
    colours = [line.get_color() for line in ax.lines]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--", "-", "--"]
    np.testing.assert_array_equal(ax.lines[3].get_ydata(), PAIRS["momentum"][1])
    np.testing.assert_array_equal(ax.lines[3].get_xdata(), [1, 2, 3])
    assert sorted(legends(ax)) == [["SGD", "momentum"], ["train", "validation"]]


def test_one_network_needs_no_colours_in_the_legend():
    (ax,) = plot.paired_curves({"SGD": PAIRS["SGD"]}, KINDS, ylabel="loss").axes
    assert legends(ax) == [["train", "validation"]]


def test_overlaid_pairs_are_a_thin_line_on_a_wide_one():
    (ax,) = plot.paired_curves(PAIRS, ("ours", "theirs"), ylabel="loss", overlaid=True).axes
    wide, thin = ax.lines[:2]
    assert wide.get_linewidth() > 2 * thin.get_linewidth()
    assert wide.get_alpha() < 1


def test_runs_are_averaged():
    (ax,) = plot.paired_curves({"a": ([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])}, KINDS, ylabel="loss").axes
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [2.0, 3.0])


def test_log_scale_and_the_callers_axes():
    figure = plot.paired_curves(PAIRS, KINDS, ylabel="loss")
    ax = figure.axes[0]
    assert plot.paired_curves(PAIRS, KINDS, ylabel="loss", scale="log", title="both", ax=ax) is figure
    assert (ax.get_yscale(), ax.get_ylabel(), ax.get_title()) == ("log", "loss (log scale)", "both")


def test_what_is_refused():
    with pytest.raises(ArgumentError, match="scale='cubic'"):
        plot.paired_curves(PAIRS, KINDS, ylabel="loss", scale="cubic")
    with pytest.raises(ArgumentError, match="no curves"):
        plot.paired_curves({}, KINDS, ylabel="loss")
    with pytest.raises(ShapeError, match="3 series for 'a'"):
        plot.paired_curves({"a": ([1.0], [2.0], [3.0])}, KINDS, ylabel="loss")
