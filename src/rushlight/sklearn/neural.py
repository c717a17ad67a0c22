"""Estimators around any Module, and what all estimators here share."""

from __future__ import annotations

import copy
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

import rushlight as rl
from rushlight.core.random import fork_rng
from rushlight.errors import ArgumentError, DTypeError, explained, message
from rushlight.sklearn.losses import Weighted
from rushlight.train import EarlyStopping, Trainer
from rushlight.train.kinds import optimizer_named
from rushlight.train.trainer import evaluating

__all__ = ["Classifier", "Estimator", "NeuralClassifier", "NeuralRegressor", "Regressor"]

_one_at_a_time = threading.RLock()
"""Guards the global generator, which belongs to one training at a time."""


class Estimator(BaseEstimator):
    """What the estimators share: data are checked as scikit-learn checks them, a Trainer trains.

    Fitting leaves `module_` (the trained Module), `optimizer_`, `history_` (a History: training and
    validation loss and score of each epoch), `n_iter_`, `n_features_in_`. With ``warm_start=True`` another
    `fit` goes on for `max_iter` further epochs, to the same bits as one longer fit; a pickled estimator goes
    on likewise.
    """

    # Of scikit-learn's constructor conventions: parameters are stored as given, checked in fit.
    optimizer: Any
    max_iter: int
    batch_size: Any
    random_state: Any
    warm_start: bool
    history_: Any
    _trainer: Trainer | None
    _position: dict[str, Any]
    _stopping: dict[str, Any]
    _random: Any

    def __init_subclass__(cls, **options: Any) -> None:
        """Errors of a call name the class that was called, wherever it has its parameters from."""
        super().__init_subclass__(**options)
        own = getattr(cls.__init__, "plain", cls.__init__)
        if own is not object.__init__:
            known = ", ".join(list(inspect.signature(own).parameters)[1:])
            cls.__init__ = explained(f"It takes {known}.", cls.__name__)(own)  # type: ignore[method-assign]

    def _make_module(self, n_features: int, n_outputs: int) -> Any:
        raise NotImplementedError

    def _make_optimizer(self, module: Any, weight_of_batch: float) -> Any:
        raise NotImplementedError

    def _batch_size(self, n_samples: int) -> int:
        wanted = self.batch_size
        if wanted == "auto":
            return min(200, n_samples)
        if not isinstance(wanted, (int, np.integer)) or wanted < 1:
            raise ArgumentError(
                message(type(self).__name__, f"batch_size={wanted!r}", '"auto" or at least 1')
            )
        return min(int(wanted), n_samples)

    def _run(
        self, x: Any, targets: Any, kind: str, columns: int, epochs: int, again: bool, split: Any
    ) -> None:
        """Train for `epochs` epochs; `again`: from where the last run ended."""
        if not isinstance(self.max_iter, (int, np.integer)) or self.max_iter < 1:
            expected = "a whole number, 1 or more"
            raise ArgumentError(message(type(self).__name__, f"max_iter={self.max_iter!r}", expected))
        train, validation = ((x, targets), None) if split is None else split
        size = self._batch_size(len(train[0]))
        weight = float(train[1][:, -1].sum()) * size / len(train[0])
        with self._own_numbers(again):
            if not again:
                self.module_ = self._make_module(x.shape[1], columns)
                if not isinstance(self.module_, rl.nn.Module):
                    got = f"a module that is a {type(self.module_).__name__}"
                    raise DTypeError(
                        message(type(self).__name__, got, "a Module, or a function that makes one")
                    )
                self.module_.to(rl.as_tensor(x[:0]).dtype)
                self.optimizer_ = self._make_optimizer(self.module_, weight)
                self._trainer = None
                self._check_outputs(x, columns)
            trainer = self._trainer_now(kind, again)
            trainer.position.stopped = False
            trainer.fit(
                train,
                trainer.position.epoch + epochs,
                validation=validation,
                batch_size=size,
                shuffle=getattr(self, "shuffle", True),
            )
        self.history_ = trainer.history
        self._position = trainer.position.state_dict()
        if trainer.early_stopping is not None:
            self._stopping = trainer.early_stopping.state_dict()
        self.n_iter_ = trainer.position.epoch

    def _check_outputs(self, x: Any, columns: int) -> None:
        """Raises ArgumentError for a module that does not give one output for each column of the targets."""
        with evaluating(self.module_), rl.no_grad():
            shape = self.module_(rl.as_tensor(x[:1])).shape
        if shape.numel() != columns:
            got = f"a module that gives {tuple(shape)} for one sample"
            raise ArgumentError(message(type(self).__name__, got, f"{columns} outputs"))

    def _trainer_now(self, kind: str, again: bool) -> Trainer:
        """The trainer, made where there is none: at the beginning, or since the estimator was pickled."""
        trainer = getattr(self, "_trainer", None)
        if trainer is None:
            self._trainer = trainer = self._make_trainer(kind)
            if again:
                trainer.position.load_state_dict(self._position)
                trainer.history = self.history_
                if trainer.early_stopping is not None:
                    trainer.early_stopping.load_state_dict(self._stopping)
        return trainer

    def _make_trainer(self, kind: str) -> Trainer:
        stopping = None
        patience = getattr(self, "n_iter_no_change", None)
        if patience is not None:
            monitor = "validation_loss" if self._validates() else "train_loss"
            kept = self._validates()
            stopping = EarlyStopping(monitor, patience, max(self.tol or 0.0, 0.0), restore_best=kept)
        return Trainer(
            self.module_,
            self.optimizer_,
            Weighted(kind),
            early_stopping=stopping,
            seed=self._seed,
            progress=None if getattr(self, "verbose", False) else False,
            compile=getattr(self, "compile", "auto"),
        )

    def _validates(self) -> bool:
        return bool(getattr(self, "early_stopping", False))

    @contextmanager
    def _own_numbers(self, again: bool) -> Iterator[None]:
        """Random numbers of this estimator's own; those of the program go on as if nothing had drawn."""
        with _one_at_a_time, fork_rng():
            if again:
                rl.set_rng_state(self._random)
            else:
                self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
                rl.manual_seed(self._seed)
            yield
            self._random = rl.get_rng_state()

    def _checked(self, x: Any, y: Any, weight: Any, *, reset: bool, **options: Any) -> tuple[Any, Any, Any]:
        x, y = validate_data(
            self, x, y, dtype=[np.float64, np.float32], reset=reset, multi_output=True, **options
        )
        if weight is None:
            return x, y, np.ones(len(x), x.dtype)
        weight = _check_sample_weight(weight, x, dtype=x.dtype, ensure_non_negative=True)
        if not weight.sum():
            raise ArgumentError(message("fit", "weights that are all 0", "one above 0 at least"))
        return x, y, weight

    def _outputs(self, x: Any) -> Any:
        check_is_fitted(self, "module_")
        x = validate_data(self, x, dtype=[np.float64, np.float32], reset=False)
        dtype = next(p.dtype for p in self.module_.parameters())
        trainer = getattr(self, "_trainer", None)
        inputs = rl.as_tensor(np.ascontiguousarray(x, dtype))
        if trainer is not None:
            return trainer.predict(inputs).numpy()
        with evaluating(self.module_), rl.no_grad():
            return self.module_(inputs).numpy()

    def _goes_on(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "module_")

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_trainer"}

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "module_")


class Classifier(ClassifierMixin, Estimator):
    """Classes, numbered in the order of `classes_`; or several labels at once, from a matrix of 0 and 1."""

    classes_: Any
    _several: bool

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Classifier:
        """Train on `X` (samples, features) and labels `y` (samples,), or (samples, labels) of 0 and 1.

        Raises ValueError for data that scikit-learn's checks refuse.
        """
        again = self._goes_on()
        x, y, weight = self._checked(X, y, sample_weight, reset=not again)
        self._know(y, None, again)
        self._train(x, y, weight, self.max_iter, again)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Classifier:
        """One more epoch, over these samples. The first call needs all `classes`."""
        again = hasattr(self, "module_")
        if classes is None and not again:
            raise ArgumentError(message("partial_fit", "no classes", "classes=... in the first call"))
        x, y, weight = self._checked(X, y, sample_weight, reset=not again)
        self._know(y, classes, again)
        self._train(x, y, weight, 1, again, validates=False)
        return self

    def _know(self, y: Any, classes: Any, again: bool) -> None:
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind in ("binary", "multiclass"):
            y = column_or_1d(y, warn=True)
        labels = LabelBinarizer().fit(y if classes is None else classes)
        if kind.startswith("multiclass-multioutput"):
            got = "several columns of more than two classes"
            raise ArgumentError(message("fit", got, "one column of classes, or a matrix of 0 and 1"))
        if again and self._several != (kind == "multilabel-indicator"):
            raise ArgumentError(message("fit", f"targets of the kind {kind}", "the kind of the first call"))
        if again:
            unknown = np.setdiff1d(labels.classes_, self.classes_)
            if unknown.size:
                got = f"y has classes not in {self.classes_.tolist()}: {unknown.tolist()}"
                raise ArgumentError(message("fit", got, "the classes of the first call"))
            return
        self._labels, self.classes_ = labels, labels.classes_
        self._several = kind == "multilabel-indicator"

    def _train(self, x: Any, y: Any, weight: Any, epochs: int, again: bool, validates: bool = True) -> None:
        if self._several:
            kind, columns, target = "labels", len(self.classes_), np.asarray(y)
        else:
            kind, columns = "classes", len(self.classes_)
            target = np.searchsorted(self.classes_, np.ravel(y))[:, None]
        targets = np.concatenate([target.astype(x.dtype), weight[:, None]], 1)
        split = None
        if validates and self._validates():
            split = _split(self, x, targets, None if self._several else target)
        self._run(x, targets, kind, columns, epochs, again, split)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, (samples, classes), or of each label."""
        outputs = rl.as_tensor(self._outputs(X))
        return (outputs.sigmoid() if self._several else outputs.softmax(1)).numpy()

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithm of each probability."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Any:
        """The likeliest class of each sample; of several labels those likelier than not."""
        found = self.predict_proba(X)
        return (found > 0.5).astype(int) if self._several else self.classes_[found.argmax(1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Regressor(RegressorMixin, Estimator):
    """Numbers, one or several for each sample, by least squares."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Regressor:
        """Train on `X` (samples, features) and numbers `y`, (samples,) or (samples, outputs).

        Raises ValueError for data that scikit-learn's checks refuse.
        """
        again = self._goes_on()
        x, y, weight = self._checked(X, y, sample_weight, reset=not again, y_numeric=True)
        self._train(x, y, weight, self.max_iter, again)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Regressor:
        """One more epoch, over these samples."""
        again = hasattr(self, "module_")
        x, y, weight = self._checked(X, y, sample_weight, reset=not again, y_numeric=True)
        self._train(x, y, weight, 1, again, validates=False)
        return self

    def _train(self, x: Any, y: Any, weight: Any, epochs: int, again: bool, validates: bool = True) -> None:
        target = y.reshape(len(y), -1).astype(x.dtype)
        if not again:
            self._flat, self._columns = y.ndim == 1, target.shape[1]
        elif target.shape[1] != self._columns:
            got = f"{target.shape[1]} columns of targets"
            raise ArgumentError(message("fit", got, f"{self._columns}, as in the first call"))
        targets = np.concatenate([target, weight[:, None]], 1)
        split = _split(self, x, targets, None) if validates and self._validates() else None
        self._run(x, targets, "squares", target.shape[1], epochs, again, split)

    def predict(self, X: Any) -> Any:
        """The numbers, in the shape that `y` had."""
        found = self._outputs(X)
        return found.reshape(len(found)) if self._flat else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _split(estimator: Any, x: Any, targets: Any, classes: Any) -> Any:
    """Data for training, and data for validation."""
    own = check_random_state(estimator.random_state)
    share = estimator.validation_fraction
    parts = train_test_split(x, targets, test_size=share, random_state=own, stratify=classes)
    x_train, x_validation, y_train, y_validation = parts
    return (x_train, y_train), (x_validation, y_validation)


class _AnyModule(Estimator):
    """What `NeuralClassifier` and `NeuralRegressor` share: a Module, an optimiser, both as given."""

    def __init__(
        self,
        module: Any,
        *,
        optimizer: str | Callable[..., Any] = "Adam",
        lr: float = 1e-3,
        optimizer_options: Mapping[str, Any] | None = None,
        batch_size: int | str = "auto",
        max_iter: int = 100,
        shuffle: bool = True,
        random_state: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = None,
        tol: float = 1e-4,
        warm_start: bool = False,
        verbose: bool = False,
        compile: bool | str = "auto",
    ) -> None:
        self.module, self.optimizer, self.lr, self.optimizer_options = (
            module,
            optimizer,
            lr,
            optimizer_options,
        )
        self.batch_size, self.max_iter, self.shuffle = batch_size, max_iter, shuffle
        self.random_state, self.early_stopping = random_state, early_stopping
        self.validation_fraction, self.n_iter_no_change, self.tol = validation_fraction, n_iter_no_change, tol
        self.warm_start, self.verbose, self.compile = warm_start, verbose, compile

    def _make_module(self, n_features: int, n_outputs: int) -> Any:
        if isinstance(self.module, rl.nn.Module):
            return copy.deepcopy(self.module)
        if not callable(self.module):
            got = f"module={self.module!r}"
            raise ArgumentError(message(type(self).__name__, got, "a Module, or a function that makes one"))
        return self.module(n_features, n_outputs)

    def _make_optimizer(self, module: Any, weight_of_batch: float) -> Any:
        make = optimizer_named(self.optimizer) if isinstance(self.optimizer, str) else self.optimizer
        if not callable(make):
            got = f"optimizer={make!r}"
            raise ArgumentError(message(type(self).__name__, got, 'a name, such as "Adam", or a function'))
        return make(module.parameters(), lr=self.lr, **(self.optimizer_options or {}))


class NeuralClassifier(Classifier, _AnyModule):
    """A Module as a classifier of scikit-learn's: it gives one logit for each class.

    module             a Module, which is copied; or a function of (features, outputs) that makes one.
    optimizer          a name in `rl.optim`, or a function of (parameters, lr=...); optimizer_options: further
                       arguments to it.
    max_iter           epochs; batch_size: "auto" is 200, or all samples where there are fewer.
    early_stopping     hold out `validation_fraction` of the samples and stop after `n_iter_no_change` epochs
                       in which the loss there did not fall by `tol`; without it that of training is watched.
                       ``n_iter_no_change=None`` never stops.
    compile            as in Trainer.

    Numbers are computed in the dtype of `X`, float64 or float32. Labels in several columns of 0 and 1 are
    trained on by binary cross-entropy.

    >>> import numpy as np
    >>> import rushlight as rl
    >>> from rushlight.sklearn import NeuralClassifier
    >>> x = np.random.RandomState(0).randn(200, 2)
    >>> net = NeuralClassifier(lambda n, out: rl.nn.MLP(n, [16], out), lr=0.02, max_iter=200, random_state=0)
    >>> bool(net.fit(x, x[:, 0] * x[:, 1] > 0).score(x, x[:, 0] * x[:, 1] > 0) > 0.95)
    True
    """


class NeuralRegressor(Regressor, _AnyModule):
    """A Module as a regressor of scikit-learn's; parameters as those of `NeuralClassifier`.

    The loss is the mean of (output - target)² over samples and outputs, weighed by `sample_weight`.

    >>> import numpy as np
    >>> import rushlight as rl
    >>> from rushlight.sklearn import NeuralRegressor
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> net = NeuralRegressor(rl.nn.Linear(1, 1), lr=0.1, max_iter=200, random_state=0)
    >>> bool(net.fit(x, 3 * x[:, 0] + 1).score(x, 3 * x[:, 0] + 1) > 0.999)
    True
    """
