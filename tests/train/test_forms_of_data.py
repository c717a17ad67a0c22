"""Arrays, lists and frames wherever data go in: the same numbers give the same results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import DTypeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X @ [1.0, -2.0, 0.5]
CLASSES = (Y > 0).astype(np.int64)
SCORES = np.abs(RNG.normal(size=(40, 2)))
NAMES = ["a", "b", "c"]


def pandas(array: Any) -> Any:
    library = pytest.importorskip("pandas")
    if array.ndim == 1:
        return library.Series(array)
    return library.DataFrame(array, columns=NAMES[: array.shape[1]])


def nullable(array: Any) -> Any:
    return pandas(array).convert_dtypes()


def mixed(array: Any) -> Any:
    """Columns of several dtypes, of which pandas makes objects."""
    frame = pandas(array)
    return frame.astype(object) if array.ndim == 1 else frame.astype({"a": object})


def polars(array: Any) -> Any:
    library = pytest.importorskip("polars")
    if array.ndim == 1:
        return library.Series(array)
    return library.DataFrame(array, schema=NAMES[: array.shape[1]])


FORMS = {f.__name__: f for f in (np.asarray, np.ndarray.tolist, pandas, nullable, mixed, polars)}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Any:
    return FORMS[request.param]


def trainer(outputs: int = 1, loss: str = "mse") -> rl.train.Trainer:
    rl.manual_seed(0)
    return rl.train.Trainer(nn.Linear(3, outputs), "sgd", loss, lr=0.1, progress=False, compile=False, seed=0)


def build(lr: float) -> rl.train.Trainer:
    return trainer()


def test_fit_evaluate_predict(form):
    one, other = trainer(), trainer()
    one.fit((X, Y[:, None]), 2, validation=(X, Y[:, None]))
    data = [form(X), form(Y[:, None])]
    other.fit(data, 2, validation=tuple(data))
    assert other.history["validation_loss"] == one.history["validation_loss"]
    assert other.evaluate(tuple(data)) == one.evaluate((X, Y[:, None]))
    assert (other.predict(form(X)) == one.predict(X)).all()


def test_classes(form):
    found = trainer(2, "crossentropy").fit((form(X), form(CLASSES)), 2)
    assert found["train_loss"] == trainer(2, "crossentropy").fit((X, CLASSES), 2)["train_loss"]


def test_data_sets_and_sweeps(form):
    data = rl.data.TensorDataset(form(X), form(CLASSES))
    assert [t.dtype for t in data.tensors] == [rl.float32, rl.int64]
    assert [t.shape for t in data.tensors] == [(40, 3), (40,)]
    pairs = (X, Y[:, None]), (form(X), form(Y[:, None]))
    options = {"epochs": 2, "progress": False, "compile": False}
    one, other = (rl.sweep(build, rl.grid(lr=[0.1]), pair, **options) for pair in pairs)
    assert other[0].history["train_loss"] == one[0].history["train_loss"]


def test_metrics(form):
    def gap(output, target):
        return (output - target).abs().mean()

    ways = rl.train
    for metric in (ways.MAE, ways.RMSE, ways.R2, lambda: ways.MeanOf(gap)):
        one, other = metric(), metric()
        one.update(rl.tensor(X[:, 0]), rl.tensor(Y))
        other.update(form(X[:, 0]), form(Y))
        assert other.compute() == pytest.approx(one.compute(), rel=1e-6)
    for metric in (ways.Accuracy, ways.F1, ways.AUC, ways.ErrorRate, lambda: ways.TopKAccuracy(1)):
        one, other = metric(), metric()
        one.update(rl.tensor(SCORES), rl.tensor(CLASSES))
        other.update(form(SCORES), form(CLASSES))
        assert other.compute() == one.compute()
    assert (rl.train.predicted_classes(form(SCORES)) == SCORES.argmax(1)).all()


def test_pictures(form):
    pytest.importorskip("matplotlib")
    shares = SCORES / SCORES.sum(1, keepdims=True)
    plot = rl.plot
    figures = [
        plot.predicted(form(Y), form(X[:, 0])),
        plot.residuals(form(X), form(2 * X)),
        plot.calibration(form(CLASSES), form(shares)),
        plot.decision_boundary(nn.Linear(3, 2), points=form(X), labels=form(CLASSES), resolution=5),
        plot.disk_data((form(X[:, :2]), form(CLASSES))),
        plot.right_and_wrong(form(X[:, :2]), form(CLASSES), form(CLASSES)),
        plot.confusion_matrix(form(SCORES[:2])),
        plot.curves({"loss": form(Y)}),
        plot.run_statistics({"a": form(abs(Y))}),
    ]
    assert all(figure.axes for figure in figures)


def test_frames_of_curves():
    pytest.importorskip("matplotlib")
    for frame in (pandas(abs(X)), polars(abs(X))):
        figure = rl.plot.curves(frame, ylabel="loss")
        np.testing.assert_allclose(figure.axes[0].lines[2].get_ydata(), abs(X[:, 2]))


def test_what_holds_no_numbers_is_refused():
    for words in ([["a", "b"]], [[1.0, 2.0], [3.0]]):
        with pytest.raises(DTypeError):
            trainer().fit((words, [[1.0]]), 1)
