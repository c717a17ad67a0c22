"""Loss and metric curves: panels, scales, bands, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from rushlight import plot
from rushlight.errors import ArgumentError, DTypeError, ShapeError
from rushlight.train.history import History

EPOCHS = np.arange(1, 11)
LOSS = 1.0 / EPOCHS


def history() -> dict[str, np.ndarray]:
    return {
        "epoch": EPOCHS,
        "train_loss": LOSS,
        "val_loss": LOSS + 0.1,
        "train_accuracy": 1 - LOSS / 2,
        "validation_accuracy": 1 - LOSS / 2,
        "lr": LOSS,
        "seconds": LOSS,
    }


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_history_gives_a_panel_per_quantity():
    loss, accuracy = plot.curves(history()).axes
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy")
    assert loss.get_xlabel() == "epoch"
    assert legend(loss) == ["train", "validation"]
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), LOSS + 0.1)
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), EPOCHS)


def test_both_scales():
    axes = plot.curves(history(), scale="both").axes
    assert [ax.get_yscale() for ax in axes] == ["linear", "log", "linear"]
    assert axes[1].get_ylabel() == "loss (log scale)"


def test_trainers_history():
    table = History()
    for epoch, loss in zip(EPOCHS, LOSS, strict=True):
        table.append(epoch=int(epoch), train_loss=float(loss), validation_loss=float(loss))
    (ax,) = plot.curves(table).axes
    assert len(ax.lines) == 2
    rows = plot.curves(table.rows).axes[0]
    np.testing.assert_array_equal(rows.lines[0].get_ydata(), ax.lines[0].get_ydata())


def test_column_that_was_never_measured_is_left_out():
    (ax,) = plot.curves({"train_loss": [1.0, 0.5], "validation_loss": [float("nan")] * 2}).axes
    assert legend(ax) == ["train"]


def test_names_of_no_split_share_a_panel():
    (ax,) = plot.curves({"tanh": LOSS, "ReLU": 2 * LOSS}, ylabel="MSE", title="two").axes
    assert legend(ax) == ["tanh", "ReLU"]
    assert ax.get_ylabel() == "MSE"
    assert ax.lines[0].get_color() != ax.lines[1].get_color()
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()


@pytest.mark.parametrize("band", ["deviation", "range", None])
def test_repeated_runs(band):
    runs = np.stack([LOSS, 3 * LOSS])
    (ax,) = plot.curves({"tanh": runs}, ylabel="MSE", band=band).axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 2 * LOSS)
    assert legend(ax) == ["tanh (2 runs)"]
    assert len(ax.collections) == (band is not None)
    if band is not None:
        heights = ax.collections[0].get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose([heights.min(), heights.max()], [LOSS.min(), 3 * LOSS.max()])


def test_each_run_as_a_thin_line():
    runs = np.array([[1.0, 0.5, 0.2], [3.0, np.nan, np.nan]])
    (ax,) = plot.curves({"tanh": runs}, ylabel="MSE", band="runs").axes
    mean, *each = ax.lines
    np.testing.assert_array_equal(mean.get_ydata(), [2.0, 0.5, 0.2])
    np.testing.assert_array_equal([line.get_ydata() for line in each], runs)
    assert len(ax.get_legend().get_texts()) == 2  # the curve, and what thin lines are
    assert all(line.get_linewidth() < mean.get_linewidth() for line in each)


def test_band_on_a_logarithmic_scale_stays_positive():
    runs = np.array([[0.1, 0.1], [0.1, 0.1], [5.0, 5.0]])
    (ax,) = plot.curves({"a": runs}, scale="log").axes
    assert ax.collections[0].get_paths()[0].vertices[:, 1].min() == pytest.approx(0.1)


def test_run_that_diverged_is_named_and_run_that_stopped_early_is_not():
    diverged = plot.curves({"a": [[1.0, 0.5], [1.0, float("nan")]]}).axes[0]
    assert legend(diverged) == ["a (1 of 2 runs finite)"]
    np.testing.assert_array_equal(diverged.lines[0].get_ydata(), [1.0, 0.5])
    stopped = plot.curves({"a": [[1.0, 0.5, 0.3], [3.0]]}).axes[0]
    assert legend(stopped) == ["a (2 runs)"]
    np.testing.assert_array_equal(stopped.lines[0].get_ydata(), [2.0, 0.5, 0.3])


def test_zero_curve_on_a_logarithmic_scale_falls_back_to_linear():
    assert plot.curves({"error": [0.0, 0.0]}, scale="log").axes[0].get_yscale() == "linear"


def test_draws_into_given_axes():
    figure = plot.curves({"loss": LOSS}, scale="both")
    left = figure.axes[0]
    assert plot.curves({"more": 2 * LOSS}, ax=left, title="more") is figure
    assert len(left.lines) == 2


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        ({"a": LOSS}, {"scale": "cubic"}, ArgumentError, "'both'"),
        ({"a": LOSS}, {"band": "wide"}, ArgumentError, "'deviation'"),
        ({"a": LOSS}, {"names": ["b"]}, ArgumentError, "'b'"),
        ({}, {}, ArgumentError, "no curves"),
        ({"a": []}, {}, ShapeError, "at least one epoch"),
        ({"a": np.zeros((2, 2, 2))}, {}, ShapeError, "(2, 2, 2)"),
        ({"a": ["x"]}, {}, DTypeError, "numbers"),
        (3, {}, ArgumentError, "int"),
    ],
)
def test_refusals(arguments, options, error, says):
    with pytest.raises(error, match=r"plot\.curves") as caught:
        plot.curves(arguments, **options)
    assert says in str(caught.value)


def test_one_axes_for_two_panels_is_refused():
    ax = plot.curves({"loss": LOSS}).axes[0]
    with pytest.raises(ArgumentError, match="2 panels"):
        plot.curves({"loss": LOSS}, scale="both", ax=ax)


def test_thin_lines_are_named_once():
    figure = plot.curves({"tanh": np.ones((3, 4)), "relu": np.ones((2, 4))}, band="runs", ylabel="loss")
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts.count("one run (thick: the mean)") == 1
    alone = plot.curves({"tanh": np.ones(4), "relu": np.ones(4)}, band="runs", ylabel="loss")
    assert "one run (thick: the mean)" not in [t.get_text() for t in alone.axes[0].get_legend().get_texts()]
