"""Digits, mistakes, the confusion matrix, and statistics over runs."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from rushlight import plot
from rushlight.errors import ArgumentError, ShapeError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 6, 6)).astype(np.uint8)
LABELS = np.arange(12) % 10


@pytest.mark.parametrize(
    "images", [IMAGES, IMAGES[:, None], IMAGES.reshape(12, 36)], ids=["nhw", "nchw", "flat"]
)
def test_digits(images):
    axes = plot.digits(images, LABELS, n=5).axes
    assert [ax.get_title() for ax in axes] == ["0", "1", "2", "3", "4"]
    for ax, image in zip(axes, IMAGES, strict=False):
        np.testing.assert_array_equal(ax.images[0].get_array(), image)


def test_digits_without_labels():
    assert len(plot.digits(IMAGES).axes) == 12


def test_surest_mistakes_come_first():
    predicted = LABELS.copy()
    predicted[[2, 5, 7]] = 9
    probabilities = np.full((12, 10), 0.01)
    probabilities[[2, 5, 7], 9] = [0.5, 0.9, 0.7]
    figure = plot.misclassified(IMAGES, LABELS, predicted, probabilities, n=2)
    assert [ax.get_title() for ax in figure.axes] == ["true 5\nsaid 9, 90 %", "true 7\nsaid 9, 70 %"]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), IMAGES[5])
    assert figure.get_suptitle() == "3 of 12 wrong, 2 shown"


def test_named_classes():
    figure = plot.misclassified(IMAGES, LABELS % 2, np.zeros(12, int), n=1, classes=["shirt", "coat"])
    assert figure.axes[0].get_title() == "true coat\nsaid shirt"


def test_no_mistakes():
    figure = plot.misclassified(IMAGES, LABELS, LABELS)
    assert not figure.axes
    assert figure.get_suptitle() == "0 of 12 wrong"


def test_confusion_matrix():
    ax = plot.confusion_matrix([[8, 2], [0, 10]], ["outside", "inside"]).axes[0]
    assert [text.get_text() for text in ax.texts] == ["8\n80.0 %", "2\n20.0 %", "0", "10\n100.0 %"]
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.8, 0.2], [0, 1]])
    assert ax.get_title() == "90.00 % of 20 right"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["outside", "inside"]


def test_class_without_samples():
    ax = plot.confusion_matrix([[5, 0], [0, 0]]).axes[0]
    assert ax.texts[3].get_text() == "0"


def test_importance():
    ax = plot.importance({f"column {i}" * 9: (i, 0.5) for i in range(25)}, xlabel="increase").axes[0]
    assert len(ax.patches) == 20
    assert ax.get_title() == "the 20 of 25 that matter most"
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[0].startswith("column 24")
    assert max(len(label) for label in labels) == 32
    assert [bar.get_width() for bar in ax.patches][:2] == [24, 23]


def test_run_statistics():
    errors = {"tanh": [0.1, 0.2, 0.3], "ReLU": [0.4, float("nan"), 0.2]}
    ax = plot.run_statistics(errors, reported={"ReLU": (0.49, 0.2, 0.28, 0.07)}, title="three runs").axes[0]
    texts = [text.get_text() for text in ax.texts]
    assert texts == [
        "worst",
        "best",
        "mean",
        "dev.",
        "30.0",
        "10.0",
        "20.0",
        "8.2",
        "40.0",
        "20.0",
        "30.0",
        "10.0",
        "49.0",
        "20.0",
        "28.0",
        "7.0",
    ]
    np.testing.assert_allclose(np.sort(np.asarray(ax.collections[0].get_offsets())[:, 0]), [10, 20, 30])
    assert ax.get_yticklabels()[1].get_text() == "ReLU\n(1 of 3 not finite)"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "one run",
        "mean ± deviation",
        "reported",
    ]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: plot.digits(np.zeros((3, 5)), [1, 2, 3]), ShapeError, "(3, 5)"),
        (lambda: plot.digits(IMAGES, LABELS[:3]), ShapeError, "3 labels"),
        (lambda: plot.digits(IMAGES, n=0), ArgumentError, "n=0"),
        (lambda: plot.misclassified(IMAGES, LABELS, LABELS[:4]), ShapeError, "4 predictions"),
        (lambda: plot.misclassified(IMAGES, LABELS, LABELS, np.zeros(3)), ShapeError, "(3,)"),
        (lambda: plot.confusion_matrix(np.zeros((2, 3))), ShapeError, "(2, 3)"),
        (lambda: plot.confusion_matrix(np.eye(2), ["a"]), ArgumentError, "1 class names"),
        (lambda: plot.importance({}), ArgumentError, "no values"),
        (lambda: plot.importance([0.5, 0.1]), TypeError, "a list; expected a dict of names and numbers"),
        (lambda: plot.run_statistics({}), ArgumentError, "no configurations"),
        (lambda: plot.run_statistics({"a": [float("nan")]}), ShapeError, "finite"),
        (lambda: plot.run_statistics({"a": [0.1]}, reported={"a": (1, 2)}), ShapeError, "worst, best"),
    ],
)
def test_refusals(call, error, says):
    with pytest.raises(error) as caught:
        call()
    assert says in str(caught.value)
