"""The metrics of a trainer: made from names and functions, and updated together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rushlight.errors import ArgumentError, message
from rushlight.train.better import Direction
from rushlight.train.metrics import IGNORE, Accuracy, ConfusionMatrix, ErrorRate, MeanOf, Metric, Threshold
from rushlight.train.ranking import AUC, F1, TopKAccuracy
from rushlight.train.regression import MAE, R2, RMSE

__all__ = ["MetricSet", "make_metrics"]


class MetricSet:
    """Metrics that are updated together, each under a name of its own."""

    def __init__(self, items: list[Metric]) -> None:
        names = [metric.name for metric in items]
        if len(set(names)) < len(names):
            remedy = 'Name them: MeanOf(function, name="gap").'
            raise ArgumentError(
                message("Trainer", f"metrics named {', '.join(names)}", "a name for each", remedy)
            )
        self.items = items
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        for metric in self.items:
            metric.reset()

    def values(self, scalars_only: bool = True) -> dict[str, Any]:
        """What the metrics say, by name; those that are no numbers on request."""
        return {m.name: m.compute() for m in self.items if m.scalar or not scalars_only}

    @property
    def better(self) -> dict[str, Direction | None]:
        """Which way the metrics are better, by name; None where one does not know."""
        return {m.name: m.better for m in self.items}

    def state_dict(self) -> dict[str, Any]:
        """The counts gathered so far."""
        return {metric.name: dict(metric.state) for metric in self.items}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        for metric in self.items:
            metric.state = dict(state[metric.name])


def make_metrics(metrics: Any, loss: Any) -> MetricSet:
    """Metrics from Metrics, their names, and functions of (output, target), to fit a loss."""
    single = isinstance(metrics, str | Metric) or callable(metrics)
    if not single and not (metrics := list(metrics)):
        return MetricSet([])
    # Outputs are logits where the loss takes logits, so the line between the classes lies at 0.
    named = getattr(loss, "__name__", type(loss).__name__)
    logits = named in ("BCEWithLogitsLoss", "binary_cross_entropy_with_logits")
    threshold: Threshold = 0.0 if logits else "auto"
    ignored = getattr(loss, "ignore_index", getattr(loss, "keywords", {}).get("ignore_index", IGNORE))
    return MetricSet([_make(m, threshold, ignored) for m in ([metrics] if single else metrics)])


def _make(metric: Any, threshold: Threshold, ignored: int) -> Metric:
    named: dict[str, Callable[[], Metric]] = {
        "accuracy": lambda: Accuracy(threshold, ignored),
        "error": lambda: ErrorRate(threshold, ignored),
        "confusion_matrix": lambda: ConfusionMatrix(None, threshold, ignored),
        "f1": lambda: F1("auto", None, threshold, ignored),
        "auc": lambda: AUC(ignored),
        "top5_accuracy": lambda: TopKAccuracy(5, ignored),
        "mae": MAE,
        "rmse": RMSE,
        "r2": R2,
    }
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str) and metric in named:
        return named[metric]()
    if callable(metric):
        return MeanOf(metric)
    expected = f"{', '.join(named)}, a Metric or a function"
    raise ArgumentError(message("Trainer", f"metric {metric!r}", expected))
