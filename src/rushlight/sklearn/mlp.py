"""Multilayer perceptrons with the parameters of scikit-learn's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import rushlight as rl
from rushlight.errors import ArgumentError, message
from rushlight.sklearn.neural import Classifier, Estimator, Regressor

__all__ = ["MLPClassifier", "MLPRegressor"]

ACTIVATIONS = {"identity": None, "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
SOLVERS = ("adam", "sgd")
RATES = ("constant", "adaptive")


class _MLP(Estimator):
    """What both perceptrons share: parameters, module, optimiser, and what scikit-learn's leave behind."""

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate_init: float = 1e-3,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int | None = 10,
        compile: bool | str = "auto",
    ) -> None:
        self.hidden_layer_sizes, self.activation, self.solver = hidden_layer_sizes, activation, solver
        self.alpha, self.batch_size, self.learning_rate_init = alpha, batch_size, learning_rate_init
        self.max_iter, self.shuffle, self.random_state, self.tol = max_iter, shuffle, random_state, tol
        self.verbose, self.warm_start = verbose, warm_start
        self.momentum, self.nesterovs_momentum = momentum, nesterovs_momentum
        self.early_stopping, self.validation_fraction = early_stopping, validation_fraction
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.n_iter_no_change, self.compile = n_iter_no_change, compile

    def _make_module(self, n_features: int, n_outputs: int) -> Any:
        self._of("activation", self.activation, ACTIVATIONS)
        hidden: Any = self.hidden_layer_sizes
        sizes = list(hidden) if hasattr(hidden, "__len__") else [hidden]
        if any(not isinstance(size, (int, np.integer)) or size < 1 for size in sizes):
            got = f"hidden_layer_sizes={hidden!r}"
            raise ArgumentError(message(type(self).__name__, got, "widths of at least 1"))
        names = [ACTIVATIONS[self.activation] or rl.nn.Identity] * len(sizes)
        return rl.nn.MLP(n_features, sizes, n_outputs, activation=names, init="xavier_uniform")

    def _make_optimizer(self, module: Any, weight_of_batch: float) -> Any:
        self._of("solver", self.solver, SOLVERS)
        # scikit-learn's penalty is alpha / 2 Σ W² by the weight of a batch, for the matrices alone.
        matrices = [p for p in module.parameters() if p.ndim > 1]
        biases = [p for p in module.parameters() if p.ndim == 1]
        groups = [{"params": matrices, "weight_decay": self.alpha / weight_of_batch}, {"params": biases}]
        lr = self.learning_rate_init
        if self.solver == "adam":
            return rl.optim.Adam(groups, lr=lr, betas=(self.beta_1, self.beta_2), eps=self.epsilon)
        nesterov = self.nesterovs_momentum and self.momentum > 0
        return rl.optim.SGD(groups, lr=lr, momentum=self.momentum, nesterov=nesterov)

    def _of(self, name: str, value: Any, allowed: Any) -> None:
        if not isinstance(value, str) or value not in allowed:
            expected = " or ".join(map(repr, allowed))
            raise ArgumentError(message(type(self).__name__, f"{name}={value!r}", expected))

    @property
    def coefs_(self) -> list[Any]:
        """The weights of each layer, (inputs, outputs)."""
        return [p.detach().numpy().T for p in self.module_.parameters() if p.ndim > 1]

    @property
    def intercepts_(self) -> list[Any]:
        """The biases of each layer."""
        return [p.detach().numpy() for p in self.module_.parameters() if p.ndim == 1]

    @property
    def loss_curve_(self) -> list[float]:
        """The training loss of each epoch."""
        return list(self.history_["train_loss"])

    @property
    def loss_(self) -> float:
        """The training loss of the last epoch."""
        return self.loss_curve_[-1]

    @property
    def n_layers_(self) -> int:
        """Layers, that of the inputs included."""
        return len(self.coefs_) + 1


class MLPClassifier(Classifier, _MLP):
    """A multilayer perceptron with a softmax, as scikit-learn's of this name, by its parameters.

    Compiled, it trains small networks several times as fast. What differs: solver "lbfgs" and the decaying
    learning rates are not there, two classes have two outputs, ``early_stopping`` watches the loss of the
    samples held out, and `history_` keeps what every epoch measured.

    >>> from sklearn.datasets import load_iris
    >>> from rushlight.sklearn import MLPClassifier
    >>> x, y = load_iris(return_X_y=True)
    >>> bool(MLPClassifier((16,), learning_rate_init=0.02, random_state=0).fit(x, y).score(x, y) > 0.95)
    True
    """


class MLPRegressor(Regressor, _MLP):
    """A multilayer perceptron for least squares, as scikit-learn's of this name; see `MLPClassifier`.

    >>> import numpy as np
    >>> from rushlight.sklearn import MLPRegressor
    >>> x = np.linspace(-2, 2, 100)[:, None]
    >>> options = {"activation": "tanh", "learning_rate_init": 0.02, "max_iter": 500}
    >>> net = MLPRegressor((32,), random_state=0, **options)
    >>> bool(net.fit(x, np.sin(2 * x[:, 0])).score(x, np.sin(2 * x[:, 0])) > 0.95)
    True
    """
