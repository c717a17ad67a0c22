"""Reliability diagrams against bins that are counted one by one."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import rushlight as rl
from rushlight import plot
from rushlight.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)
SAID = RNG.random(500)
CAME = (RNG.random(500) < SAID**2).astype(int)


def slowly(came, said, bins=10):
    """(mean probability, share, count) of each bin with samples, and the expected calibration error."""
    rows = []
    for b in range(bins):
        mine = [i for i, p in enumerate(said) if b == min(int(p * bins), bins - 1)]
        if mine:
            rows.append((np.mean([said[i] for i in mine]), np.mean([came[i] for i in mine]), len(mine)))
    return rows, sum(n * abs(s - t) for s, t, n in rows) / len(said)


def curve(ax, place=1):
    return ax.lines[place].get_xydata()


@pytest.mark.parametrize(
    ("true", "said"),
    [
        (CAME, SAID),
        (rl.tensor(CAME), rl.tensor(SAID)[:, None]),
        ((2 * CAME - 1).tolist(), SAID.tolist()),
        (np.eye(2)[CAME], np.stack([1 - SAID, SAID], 1)),
    ],
    ids=["arrays", "tensors", "signed lists", "two columns"],
)
def test_bins(true, said):
    figure = plot.calibration(true, said, title="forest")
    ax = figure.axes[0]
    rows, error = slowly(CAME, SAID)
    line = next(li for li in ax.lines if li.get_label().startswith("observed"))
    np.testing.assert_allclose(line.get_xydata(), [row[:2] for row in rows], rtol=1e-6)
    assert ax.get_title() == f"forest: ECE {error:.3f}"
    (below,) = ax.child_axes
    assert sum(bar.get_height() for bar in below.patches) == 500
    assert below.get_xlabel() == "probability of class 1"


def test_bins_of_equally_many():
    from rushlight.plot._calibration import _reliability

    found = _reliability(CAME.astype(bool), SAID, 5, "quantile")
    assert found.count.tolist() == [100] * 5
    same = _reliability(np.array([True, False]), np.array([0.5, 0.5]), 5, "quantile")
    assert same.count.tolist() == [2]
    assert same.error == 0


def test_of_several_classes_the_predicted_one_is_judged():
    scores = RNG.dirichlet(np.ones(3), 400)
    true = RNG.integers(0, 3, 400)
    ax = plot.calibration(true, scores).axes[0]
    _, error = slowly(scores.argmax(1) == true, scores.max(1))
    assert ax.get_title() == f"ECE {error:.3f}"
    assert ax.get_ylabel() == "accuracy"


def test_intervals_hold_the_share():
    from rushlight.plot._calibration import _wilson

    low, high = _wilson(np.array([0.0, 0.5, 1.0]), np.array([10, 10, 10]))
    np.testing.assert_allclose(low, [0, 0.236593, 0.722467], atol=1e-4)  # as tables have them
    np.testing.assert_allclose(high, [0.277533, 0.763407, 1], atol=1e-4)


def test_several_models_have_names():
    ax = plot.calibration(CAME, {"raw": SAID, "squared": SAID**2}, title="two").axes[0]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    errors = [slowly(CAME, said)[1] for said in (SAID, SAID**2)]
    assert texts == ["perfectly calibrated", f"raw, ECE {errors[0]:.3f}", f"squared, ECE {errors[1]:.3f}"]
    assert ax.get_title() == "two"


def test_a_given_axes_has_no_histogram():
    ax = plot.curves({"loss": [1.0, 0.5]}).add_subplot()
    plot.calibration(CAME, SAID, ax=ax)
    assert not ax.child_axes
    assert ax.get_xlabel() == "probability of class 1"


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        ((CAME, 4 * SAID), {}, ArgumentError, "the probability .*sigmoid"),
        ((CAME, np.full(500, np.nan)), {}, ArgumentError, "probability nan"),
        ((CAME[:3], SAID), {}, ShapeError, "3 classes, 500 probabilities"),
        ((CAME, np.ones((500, 2, 2))), {}, ShapeError, r"\(500, 2, 2\)"),
        ((CAME + 1, SAID), {}, ArgumentError, "probabilities of all"),
        ((CAME, {}), {}, ArgumentError, "no models"),
        ((CAME, SAID), {"bins": 0}, ArgumentError, "bins=0"),
        ((CAME, SAID), {"strategy": "even"}, ArgumentError, "strategy='even'"),
    ],
)
def test_refusals(arguments, options, error, says):
    with pytest.raises(error, match=says):
        plot.calibration(*arguments, **options)
