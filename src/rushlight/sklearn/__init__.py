"""Estimators of scikit-learn's kind: networks in its pipelines, searches and cross-validations.

`MLPClassifier` and `MLPRegressor` take the parameters of scikit-learn's own; `NeuralClassifier` and
`NeuralRegressor` train any Module. Needs ``pip install scikit-learn``, which nothing else here imports.
"""

from rushlight import optional as _optional

_optional.load("sklearn", "rushlight.sklearn")

from rushlight.sklearn.mlp import MLPClassifier, MLPRegressor  # noqa: E402  (after the message)
from rushlight.sklearn.neural import NeuralClassifier, NeuralRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor", "NeuralClassifier", "NeuralRegressor"]
