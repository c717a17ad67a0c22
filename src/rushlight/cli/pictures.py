"""The pictures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rushlight import plot
from rushlight.cli.saved import SavedModel
from rushlight.cli.tasks import Parts
from rushlight.train import Trainer

__all__ = ["close_all", "draw_all"]


def draw_all(saved: SavedModel, trainer: Trainer, data: Parts, out: Path) -> None:
    """Draw every picture that fits the data set into `out`."""
    plot.curves(trainer.history, title=f"{saved.settings.dataset}", path=out / "curves.png")
    plot.curves(trainer.history, scale="log", names=_losses(trainer), path=out / "curves-log.png")
    chances = saved.probabilities(data.test[:][0]).numpy()
    if saved.settings.dataset == "disk":
        _disk(saved, data, chances, out)
    else:
        _digits(saved, data, chances, out)
    _graph(saved, trainer, data, out)
    plot.architecture(saved.model, data.test[0][0].shape, path=out / "architecture.png")
    close_all()


def close_all() -> None:
    """Give the figures' memory back."""
    import matplotlib.pyplot

    matplotlib.pyplot.close("all")


def _losses(trainer: Trainer) -> list[str]:
    return [name for name in trainer.history if name.endswith("loss")]


def _disk(saved: SavedModel, data: Parts, chances: Any, out: Path) -> None:
    points, labels = data.test.points, data.test.labels
    predicted = chances.argmax(axis=1)
    plot.disk_data(data.train.points, data.train.labels, title="training points", path=out / "data.png")
    plot.true_vs_predicted(points, labels, predicted, path=out / "true-vs-predicted.png")
    plot.right_and_wrong(points, labels, predicted, title="test points", path=out / "right-and-wrong.png")
    plot.decision_boundary(
        lambda inputs: saved.probabilities(inputs)[:, 1],
        saved.normalise,
        points=points,
        labels=labels,
        path=out / "decision-boundary.png",
    )
    _matrix(saved, labels.numpy(), predicted, out)


def _digits(saved: SavedModel, data: Parts, chances: Any, out: Path) -> None:
    labels = (data.test.labels if hasattr(data.test, "labels") else data.test.targets).numpy()
    predicted = chances.argmax(axis=1)
    plot.digits(
        data.train.images[:25],
        (data.train.labels if hasattr(data.train, "labels") else data.train.targets)[:25],
        classes=saved.classes,
        title="training pictures",
        path=out / "data.png",
    )
    if (predicted != labels).any():
        plot.misclassified(
            data.test.images,
            labels,
            predicted,
            chances,
            classes=saved.classes,
            path=out / "misclassified.png",
        )
    _matrix(saved, labels, predicted, out)


def _matrix(saved: SavedModel, labels: Any, predicted: Any, out: Path) -> None:
    from rushlight.train import ConfusionMatrix

    counts = ConfusionMatrix(len(saved.classes))
    counts.add(labels, predicted)
    plot.confusion_matrix(
        counts.compute(), saved.classes, title="test: confusion matrix", path=out / "confusion-matrix.png"
    )


def _graph(saved: SavedModel, trainer: Trainer, data: Parts, out: Path) -> None:
    """The graph of one training step on a few samples."""
    inputs, targets = data.train[:4]
    plot.graph(trainer.loss(saved.model(inputs), targets), out / "graph.png", saved.model)
