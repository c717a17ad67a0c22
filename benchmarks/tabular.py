"""``python -m benchmarks.tabular``: models of tables, beside scikit-learn's.

Ten data sets that scikit-learn ships or makes, errors by cross-validation, and the seconds of processor time
of a fit, compiling included. All take their defaults; networks and linear models of scikit-learn get
standardised columns, as its guide advises. Its MLP takes part twice: by its defaults, and with two layers of
128, room for 1000 epochs, and early stopping. ``--out FILE`` writes the table as Markdown.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.machine import describe

__all__ = ["CONTENDERS", "DATA", "main"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Data:
    """A data set: its name, whether it has classes, and how it is loaded or made."""

    name: str
    classes: bool
    load: Callable[[], tuple[Array, Array]]


def _data() -> list[Data]:
    from sklearn import datasets as d

    return [
        Data("iris", True, lambda: d.load_iris(return_X_y=True)),
        Data("wine", True, lambda: d.load_wine(return_X_y=True)),
        Data("breast cancer", True, lambda: d.load_breast_cancer(return_X_y=True)),
        Data("digits", True, lambda: d.load_digits(return_X_y=True)),
        Data("moons", True, lambda: d.make_moons(1000, noise=0.3, random_state=0)),
        Data("Hastie 10.2", True, lambda: d.make_hastie_10_2(2000, random_state=0)),
        Data("diabetes", False, lambda: d.load_diabetes(return_X_y=True)),
        Data("Friedman 1", False, lambda: d.make_friedman1(1000, noise=1.0, random_state=0)),
        Data("Friedman 2", False, lambda: d.make_friedman2(1000, noise=100.0, random_state=0)),
        Data(
            "linear",
            False,
            lambda: d.make_regression(500, 20, n_informative=10, noise=50.0, random_state=0),
        ),
    ]


DATA = ("iris", "wine", "breast cancer", "digits", "moons", "Hastie 10.2", "diabetes", "Friedman 1",
        "Friedman 2", "linear")  # fmt: skip


def _rushlight(classes: bool, **settings: Any) -> Any:
    import rushlight as rl

    class Model:
        def fit(self, x: Array, y: Array) -> None:
            task = "classification" if classes else "regression"
            self.model = rl.tabular.fit(x, y, task=task, progress=False, **settings)

        def predict(self, x: Array) -> Array:
            return self.model.predict(x)

    return Model()


def _mlp(classes: bool) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    return _scaled((MLPClassifier if classes else MLPRegressor)(random_state=0))


def _long_mlp(classes: bool) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPClassifier if classes else MLPRegressor
    return _scaled(
        kind(
            hidden_layer_sizes=(128, 128),
            max_iter=1000,
            early_stopping=True,
            n_iter_no_change=30,
            random_state=0,
        ),
        not classes,
    )


def _boosting(classes: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    return (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(random_state=0)


def _linear(classes: bool) -> Any:
    from sklearn.linear_model import LogisticRegression, RidgeCV

    return _scaled(LogisticRegression() if classes else RidgeCV(np.logspace(-3, 3, 13)))


def _scaled(model: Any, target_too: bool = False) -> Any:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = make_pipeline(StandardScaler(), model)
    return TransformedTargetRegressor(found, transformer=StandardScaler()) if target_too else found


CONTENDERS: dict[str, Callable[[bool], Any]] = {
    "rl.tabular.fit": _rushlight,
    "MLP": _mlp,
    "MLP, 128-128": _long_mlp,
    "gradient boosting": _boosting,
    "linear": _linear,
}


def _folds(data: Data, y: Array, count: int) -> Iterator[tuple[Array, Array]]:
    from sklearn.model_selection import KFold, StratifiedKFold

    kind = StratifiedKFold if data.classes else KFold
    yield from kind(count, shuffle=True, random_state=0).split(y, y if data.classes else None)


def measure(data: Data, make: Callable[[bool], Any], folds: int) -> tuple[float, float, float]:
    """Mean error over the folds, its standard error, and median seconds of processor time of a fit."""
    x, y = data.load()
    errors, seconds = [], []
    for train, test in _folds(data, y, folds):
        model = make(data.classes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of epochs that did not suffice: defaults are what is compared
            began = time.process_time()
            model.fit(x[train], y[train])
            seconds.append(time.process_time() - began)
            found = model.predict(x[test])
        if data.classes:
            errors.append(100 * float((found != y[test]).mean()))
        else:
            errors.append(float(np.sqrt(((found - y[test]) ** 2).mean()) / y.std()))
    return float(np.mean(errors)), float(np.std(errors) / np.sqrt(folds)), float(np.median(seconds))


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tabular", description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", action="append", help="a data set, or several")
    parser.add_argument("--contender", action="append", help="a contender, or several")
    parser.add_argument("--set", action="append", default=[], help="a setting of ours, NAME=VALUE")
    parser.add_argument("--out", help="write the table there as Markdown")
    given = parser.parse_args(arguments)
    settings = {name: eval(value, {}) for name, value in (item.split("=", 1) for item in given.set)}
    contenders = {n: c for n, c in CONTENDERS.items() if not given.contender or n in given.contender}
    if settings:
        contenders["rl.tabular.fit"] = lambda classes: _rushlight(classes, **settings)
    lines = [
        "| data set | rows, columns | " + " | ".join(contenders) + " |",
        "|---|---|" + "--:|" * len(contenders),
    ]
    print("\n".join(lines), flush=True)
    for data in _data():
        if given.only and data.name not in given.only:
            continue
        x, _ = data.load()
        cells = [_cell(data, *measure(data, make, given.folds)) for make in contenders.values()]
        lines.append(f"| {data.name} | {x.shape[0]:,}, {x.shape[1]} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    machine = describe()
    lines += [
        "",
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, {machine['date'][:10]}",
    ]
    print("\n".join(lines[-2:]))
    if given.out:
        with open(given.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


def _cell(data: Data, error: float, spread: float, seconds: float) -> str:
    number = f"{error:.1f} % ± {spread:.1f}" if data.classes else f"{error:.3f} ± {spread:.3f}"
    return f"{number}, {seconds:.2f} s"


if __name__ == "__main__":
    main()
