"""Pictures of data, training, results, models and graphs.

matplotlib is imported when a picture is drawn, not when this package is. Every function returns the
matplotlib ``Figure``, and writes it when given ``path`` (PNG, SVG or PDF by its ending). Most take
``ax``, an axes to draw into, so that pictures can be put together.

>>> import rushlight as rl
>>> figure = rl.plot.curves({"train loss": [0.9, 0.4, 0.2], "validation loss": [1.0, 0.5, 0.3]})
>>> [ax.get_ylabel() for ax in figure.axes]
['loss']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rushlight.errors import missing

if TYPE_CHECKING:
    from rushlight.plot._architecture import architecture
    from rushlight.plot._bars import importance
    from rushlight.plot._boundary import decision_boundary
    from rushlight.plot._calibration import calibration
    from rushlight.plot._curves import curves
    from rushlight.plot._digits import digits, misclassified
    from rushlight.plot._disk import disk_data, right_and_wrong, true_vs_predicted
    from rushlight.plot._graph import graph, graph_dot
    from rushlight.plot._matrix import confusion_matrix
    from rushlight.plot._pairs import paired_curves
    from rushlight.plot._regression import predicted, residuals
    from rushlight.plot._statistics import run_statistics

__all__ = [
    "architecture",
    "calibration",
    "confusion_matrix",
    "curves",
    "decision_boundary",
    "digits",
    "disk_data",
    "graph",
    "graph_dot",
    "importance",
    "misclassified",
    "paired_curves",
    "predicted",
    "residuals",
    "right_and_wrong",
    "run_statistics",
    "true_vs_predicted",
]

_HOMES = {
    "architecture": "_architecture",
    "calibration": "_calibration",
    "confusion_matrix": "_matrix",
    "curves": "_curves",
    "decision_boundary": "_boundary",
    "digits": "_digits",
    "disk_data": "_disk",
    "graph": "_graph",
    "graph_dot": "_graph",
    "importance": "_bars",
    "misclassified": "_digits",
    "paired_curves": "_pairs",
    "predicted": "_regression",
    "residuals": "_regression",
    "right_and_wrong": "_disk",
    "run_statistics": "_statistics",
    "true_vs_predicted": "_disk",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise missing(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted(__all__)
