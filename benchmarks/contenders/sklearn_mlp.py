"""scikit-learn: ``MLPRegressor`` and ``MLPClassifier``, whole passes by ``fit``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from benchmarks.contenders.base import Contender, Step
from benchmarks.workloads import Problem

__all__ = ["SklearnMLP"]


class SklearnMLP(Contender):
    """``fit`` with ``warm_start``, many passes a call, so that its checks of the input weigh nothing."""

    title = "scikit-learn MLP"
    library = "sklearn"

    def setup(self, problem: Problem) -> Step:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        warnings.simplefilter("ignore")  # each fit warns that it did not converge; it was not meant to
        w = problem.workload
        squared = w.loss != "cross_entropy"
        # scikit-learn's squared loss is half the mean squared error, hence twice the learning rate.
        self.scale = 2.0 if squared else 1.0
        self.model: Any = (MLPRegressor if squared else MLPClassifier)(
            hidden_layer_sizes=w.widths[1:-1],
            activation=w.activation,
            solver="sgd",
            alpha=0.0,
            batch_size=w.batch if w.kind == "train" else w.batch * w.batches,
            learning_rate_init=self.scale * (w.lr or 0.01),
            momentum=w.momentum or 0.9,
            nesterovs_momentum=False,
            shuffle=False,
            max_iter=1,
            tol=0.0,
            n_iter_no_change=10**9,
            warm_start=True,
            random_state=0,
        )
        self.batches = problem.batches
        self.x, y = problem.samples
        if w.kind == "infer":
            y = y.repeat(w.widths[-1], axis=1)
        self.y = y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y
        self.model.fit(self.x, self.y)  # makes the arrays that the problem's weights then fill
        for i, (weight, bias) in enumerate(problem.layers):
            self.model.coefs_[i][...] = weight.T
            self.model.intercepts_[i][...] = bias
        self.infers = w.kind == "infer"
        return self.model.predict if self.infers else self.model.partial_fit

    def fit(self, passes: int) -> None:
        """That many passes through all batches, from the weights that are there."""
        self.model.set_params(max_iter=passes)
        self.model.fit(self.x, self.y)

    def run(self, steps: int) -> int:
        if self.infers:
            return super().run(steps)
        passes = max(1, round(steps / len(self.batches)))
        self.fit(passes)
        return passes * len(self.batches)

    def values(self, passes: int) -> Iterator[float]:
        if self.infers:
            yield from super().values(passes)
            return
        done = len(self.model.loss_curve_)
        self.fit(passes)
        yield from (self.scale * loss for loss in self.model.loss_curve_[done:])
