"""Arrays and frames at every door: fit, evaluate, predict, sweep, data sets and loaders."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import ArgumentError, DTypeError, ShapeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 2))
Y = X @ [[1.0], [2.0]]


class Frame:
    """As pandas's: it has dtypes, not dtype, and is indexed by the names of its columns."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def to_numpy(self):
        return np.array(self.values)

    def __getitem__(self, name):
        raise KeyError(name)


def trainer(dtype=rl.float32, compile=False):
    rl.manual_seed(0)
    model = rl.nn.Linear(2, 1).to(dtype)
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    return rl.train.Trainer(model, optimizer, rl.nn.MSELoss(), progress=False, compile=compile)


def pairs(dtype):
    x, y = rl.tensor(X, dtype=dtype), rl.tensor(Y, dtype=dtype)
    return {
        "tensors": (x, y),
        "arrays": (X, Y),
        "list": [X, Y],
        "mixed": (x, Y),
        "frames": (Frame(X), Frame(Y)),
        "list of tensors": [x, y],
        "set": rl.data.TensorDataset(x, y),
        "batches": [(X, Y)],
    }


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("dtype", [rl.float32, rl.float64])
def test_the_same_by_every_door(dtype, compile):
    results = []
    for name, data in pairs(dtype).items():
        made = trainer(dtype, compile)
        history = made.fit(data, 2, batch_size=12, shuffle=False, validation=data)
        results.append((name, history["train_loss"], history["validation_loss"], made.evaluate(data)["loss"]))
        assert made.predict(data).dtype == dtype
    assert all(r[1:] == results[0][1:] for r in results), results


def test_predict_of_arrays():
    made = trainer()
    right = made.predict(rl.tensor(X, dtype=rl.float32)).tolist()
    assert made.predict(X).tolist() == right
    assert made.predict(Frame(X)).tolist() == right
    assert made.predict(X[::-1]).tolist() == right[::-1]
    assert made.predict(X.astype(">f8")).tolist() == right


def test_sweep_of_arrays():
    def build(lr):
        return trainer(compile="auto")

    configs = rl.grid(lr=[0.1, 0.2])
    found = rl.sweep(build, configs, (X, Y), 2, validation=[X, Y], batch_size=5, progress=False)
    x, y = rl.tensor(X, dtype=rl.float32), rl.tensor(Y, dtype=rl.float32)
    right = rl.sweep(build, configs, (x, y), 2, validation=(x, y), batch_size=5, progress=False)
    assert found.compiled
    assert found[0].history["validation_loss"] == right[0].history["validation_loss"]


def test_one_dtype_rule():
    whole = np.arange(3, dtype=np.int32)
    found = rl.data.TensorDataset(X[:3], Frame(X[:3]), X[:3, 0].astype(np.float16), whole, X[:3] > 0).tensors
    assert [t.dtype for t in found] == [rl.float32, rl.float32, rl.float32, rl.int32, rl.bool]
    assert rl.tensor(X).dtype == rl.float64 == rl.tensor(Frame(X)).dtype == rl.as_tensor(Frame(X)).dtype
    mixed = Frame(np.array([[1, 2.5], [True, 3]], dtype=object))
    assert rl.data.TensorDataset(mixed).tensors[0].tolist() == [[1.0, 2.5], [1.0, 3.0]]


def test_what_holds_no_numbers():
    with pytest.raises(DTypeError, match="words"):
        rl.data.TensorDataset(Frame(np.array(["a", "b"])))
    with pytest.raises(DTypeError, match="words"):
        trainer().fit((Frame(np.array([["a", 1.0]], dtype=object)), Y), 1)
    with pytest.raises(DTypeError, match="tensors or arrays"):
        rl.data.TensorDataset(["a", "b"])
    with pytest.raises(ShapeError, match="12"):
        trainer().fit((X, Y[:3]), 1)
    with pytest.raises(DTypeError, match="pair"):
        trainer().fit(X, 1)


def test_loaders():
    loader = rl.data.DataLoader(rl.data.TensorDataset(X, Y), batch_size=5)
    assert [tuple(x.shape) for x, _ in loader] == [(5, 2), (5, 2), (2, 2)]
    rows = next(iter(rl.data.DataLoader(Frame(X), batch_size=4)))
    assert rows.tolist() == X[:4].tolist()
    for pair in ((X, X), (rl.tensor(X), rl.tensor(Y)), (Frame(X), Y)):
        with pytest.raises(ArgumentError, match="TensorDataset"):
            rl.data.DataLoader(pair)
    assert len(rl.data.DataLoader([X, X])) == 2  # a list of samples, as in PyTorch


def test_scan_takes_arrays():
    total = rl.zeros(2)

    @rl.compile
    def add(x):
        total.add_(x.sum(0))
        return total.sum()

    data = np.arange(8, dtype=np.float32).reshape(4, 2)
    index = np.array([[0, 1], [3, 3]])
    assert add.scan(data, index=index).tolist() == [6.0, 32.0]
    total.zero_()
    assert add.scan(rl.tensor(data), index=rl.tensor(index)).tolist() == [6.0, 32.0]
