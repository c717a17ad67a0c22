"""Estimators in scikit-learn's surroundings: its own checks, searches, warm starts to the same bits."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import rushlight as rl

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from rushlight.sklearn import MLPClassifier, MLPRegressor, NeuralClassifier, NeuralRegressor


def net(features: int, outputs: int) -> Any:
    return rl.nn.MLP(features, [16], outputs)


def dropping(features: int, outputs: int) -> Any:
    return rl.nn.Sequential(
        rl.nn.Linear(features, 16), rl.nn.ReLU(), rl.nn.Dropout(0.2), rl.nn.Linear(16, outputs)
    )


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [MLPClassifier(), MLPRegressor(), NeuralClassifier(net), NeuralRegressor(net, lr=0.02)]
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def iris() -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(x), y


def bits(estimator: Any) -> list[bytes]:
    return [p.detach().numpy().tobytes() for p in estimator.module_.parameters()]


@pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("stopping", [False, True])
def test_a_warm_start_is_one_long_fit_to_the_bit(optimizer: str, pickled: bool, stopping: bool) -> None:
    x, y = iris()
    options = {"optimizer": optimizer, "lr": 0.01, "batch_size": 32, "random_state": 3, "warm_start": True}
    options |= {"early_stopping": stopping, "n_iter_no_change": 20 if stopping else None}
    whole = NeuralClassifier(dropping, max_iter=10, **options).fit(x, y)
    parts = NeuralClassifier(dropping, max_iter=4, **options).fit(x, y)
    if pickled:
        parts = pickle.loads(pickle.dumps(parts))
    rl.rand(5)  # what others draw in between is no matter
    parts.set_params(max_iter=6).fit(x, y)
    assert bits(parts) == bits(whole)
    assert parts.history_["train_loss"] == whole.history_["train_loss"]
    assert len(parts.history_.rows) == parts.n_iter_ == 10


def test_the_programs_own_random_numbers_go_on_undisturbed() -> None:
    x, y = iris()
    rl.manual_seed(1)
    expected = rl.rand(3)
    rl.manual_seed(1)
    NeuralClassifier(dropping, max_iter=2, random_state=0).fit(x, y)
    assert (rl.rand(3) == expected).all()


@pytest.mark.filterwarnings("ignore")
def test_a_grid_search_over_a_pipeline_in_two_processes() -> None:
    x, y = load_iris(return_X_y=True)
    perceptron = MLPClassifier(max_iter=30, random_state=0, learning_rate_init=0.02)
    pipeline = make_pipeline(StandardScaler(), perceptron)
    search = GridSearchCV(pipeline, {"mlpclassifier__hidden_layer_sizes": [(8,), (16, 16)]}, cv=2, n_jobs=2)
    search.fit(x, y)
    assert search.best_score_ > 0.85
    again = clone(search.best_estimator_).fit(x, y)
    assert bits(again[-1]) == bits(search.best_estimator_[-1])


def test_weights_are_as_so_many_samples_and_none_as_ones() -> None:
    rng = np.random.RandomState(0)
    x = rng.randn(40, 3)
    y = np.stack([x.sum(1), x[:, 0]], 1)
    weight = rng.randint(0, 4, 40)
    options: Any = {"alpha": 0.1, "max_iter": 30, "random_state": 0, "batch_size": 200}
    weighted = MLPRegressor((8,), "tanh", **options).fit(x, y, sample_weight=weight)
    repeated = MLPRegressor((8,), "tanh", **options).fit(np.repeat(x, weight, 0), np.repeat(y, weight, 0))
    np.testing.assert_allclose(weighted.predict(x), repeated.predict(x), rtol=1e-9)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


def test_batches_without_weight_move_nothing() -> None:
    x = np.random.RandomState(0).randn(40, 3)
    weight = np.r_[np.zeros(20), np.ones(20)]
    options: Any = {"max_iter": 5, "batch_size": 4, "shuffle": False, "alpha": 0.0, "random_state": 0}
    options |= {"solver": "sgd", "momentum": 0.0}
    found = MLPRegressor((4,), **options).fit(x, x[:, 0], sample_weight=weight)
    half = MLPRegressor((4,), **options).fit(x[20:], x[20:, 0])
    np.testing.assert_allclose(found.predict(x), half.predict(x), rtol=1e-9)


def test_one_class_is_certain() -> None:
    x = np.random.RandomState(0).randn(20, 3)
    found = MLPClassifier((3,), max_iter=2, random_state=0).fit(x, np.zeros(20))
    assert (found.predict_proba(x) == 1.0).all()


def test_the_outputs_of_a_module_are_counted() -> None:
    x, y = iris()
    with pytest.raises(ValueError, match=r"gives \(1, 4\).*3 outputs"):
        NeuralClassifier(rl.nn.Linear(4, 4)).fit(x, y)
    found = NeuralRegressor(net, warm_start=True, max_iter=1).fit(x, y.astype(float))
    with pytest.raises(ValueError, match="2 columns of targets"):
        found.fit(x, np.stack([y, y], 1).astype(float))
    labels = NeuralClassifier(net, warm_start=True, max_iter=1).fit(x, y)
    with pytest.raises(ValueError, match="kind of the first call"):
        labels.fit(x, np.eye(3, dtype=int)[y])


def test_several_labels() -> None:
    x, y = make_multilabel_classification(200, 10, n_classes=3, random_state=0)
    x = StandardScaler().fit_transform(x)
    found = NeuralClassifier(net, lr=0.02, max_iter=100, random_state=0).fit(x, y)
    assert found.predict_proba(x).shape == (200, 3)
    assert (found.predict(x) == y).mean() > 0.9


def test_partial_fit_learns_batch_by_batch() -> None:
    x, y = iris()
    order = np.random.RandomState(0).permutation(len(x))
    found = MLPClassifier((16,), learning_rate_init=0.02, random_state=0)
    for _ in range(20):
        for part in np.array_split(order, 3):
            found.partial_fit(x[part], y[part], classes=[0, 1, 2])
    assert found.score(x, y) > 0.95
    assert found.n_iter_ == 60


def test_validation_stops_and_its_curve_stays() -> None:
    x, y = iris()
    options: Any = {"learning_rate_init": 0.05, "max_iter": 500, "n_iter_no_change": 5, "random_state": 0}
    found = MLPClassifier((8,), early_stopping=True, **options).fit(x, y)
    assert found.n_iter_ < 500
    assert len(found.history_["validation_loss"]) == found.n_iter_


def test_numbers_are_computed_in_the_dtype_of_the_data() -> None:
    x, y = iris()
    for dtype in (np.float32, np.float64):
        found = MLPClassifier((4,), max_iter=2, random_state=0).fit(x.astype(dtype), y)
        assert found.coefs_[0].dtype == dtype
        assert found.predict_proba(x.astype(dtype)).dtype == dtype
        assert [c.shape for c in found.coefs_] == [(4, 4), (4, 3)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"activation": "swish"}, "activation='swish'"),
        ({"solver": "lbfgs"}, "solver='lbfgs'"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"max_iter": "many"}, "max_iter='many'; expected a whole number"),
        ({"hidden_layer_sizes": (4, 0)}, "widths of at least 1"),
        ({"hidden_layer_sizes": "ab"}, "widths of at least 1"),
        ({"hidden_layer_sizes": (2.5,)}, "widths of at least 1"),
        ({"activation": ["relu"]}, "activation="),
    ],
)
def test_wrong_parameters_are_named(wrong: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MLPClassifier(**wrong).fit(*iris())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"module": lambda n, out: "net"}, "NeuralClassifier: got a module that is a str"),
        ({"module": lambda n, out: None}, "a module that is a NoneType"),
        ({"optimizer": "Adm"}, "optimizer='Adm'; expected one of adadelta"),
        ({"optimizer": 3}, 'optimizer=3; expected a name, such as "Adam"'),
    ],
)
def test_modules_and_optimizers_that_are_none(wrong: Any, words: str) -> None:
    with pytest.raises(rl.errors.RushlightError, match=words):
        NeuralClassifier(**{"module": net, **wrong}).fit(*iris())
    named = NeuralClassifier(net, optimizer="sgd", max_iter=1).fit(*iris())
    assert type(named.optimizer_) is rl.optim.SGD


def test_calls_name_the_class_that_was_called() -> None:
    class Own(NeuralClassifier):
        """Of somebody's program."""

    class Deeper(Own):
        def __init__(self, module: Any, *, width: int = 3, **options: Any) -> None:
            super().__init__(module, **options)
            self.width = width

    calls: list[tuple[Any, str]] = [
        (
            lambda: MLPClassifier(hiden_layer_sizes=3),
            r"^MLPClassifier\(\) .*Did you mean 'hidden_layer_sizes'",
        ),
        (
            lambda: MLPRegressor((3,), "relu", "adam"),
            r"^MLPRegressor\(\) takes .* It takes hidden_layer_sizes,",
        ),
        (lambda: NeuralRegressor(), r"^NeuralRegressor\(\) missing 1"),
        (lambda: Own(net, lrr=3), r"^Own\(\) got an unexpected keyword argument 'lrr'"),
        (lambda: Deeper(), r"^test_.*Deeper\(\) missing|^Deeper\(\) missing"),
    ]
    for call, text in calls:
        with pytest.raises(TypeError, match=text):
            call()
    assert clone(Own(net, lr=0.5)).lr == 0.5
    assert pickle.loads(pickle.dumps(NeuralRegressor(net, lr=0.5))).lr == 0.5


def test_without_scikit_learn_one_line_says_what_to_install() -> None:
    program = """
import sys
sys.modules["sklearn"] = None
try:
    import rushlight.sklearn
except ImportError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "rushlight.sklearn needs scikit-learn: pip install scikit-learn\n"
