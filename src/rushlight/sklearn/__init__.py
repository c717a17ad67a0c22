"""Estimators of scikit-learn's kind: networks in its pipelines, searches and cross-validations.

`MLPClassifier` and `MLPRegressor` take the parameters of scikit-learn's own; `NeuralClassifier` and
`NeuralRegressor` train any Module. Needs ``pip install scikit-learn``, which nothing else here imports.
"""

try:
    import sklearn as _sklearn  # noqa: F401  (for the message alone)
except ImportError as error:
    if error.name != "sklearn":
        raise
    raise ImportError(
        "rushlight.sklearn needs scikit-learn: pip install scikit-learn", name="sklearn"
    ) from None

from rushlight.sklearn.mlp import MLPClassifier, MLPRegressor
from rushlight.sklearn.neural import NeuralClassifier, NeuralRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "NeuralClassifier", "NeuralRegressor"]
