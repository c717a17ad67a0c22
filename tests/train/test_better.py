"""The best run is the best: which way a figure is better, asked everywhere."""

from __future__ import annotations

import pytest

import rushlight as rl
from rushlight.errors import ArgumentError
from rushlight.train import EarlyStopping, History, MeanOf, Trainer

ROWS = [
    {"epoch": 1, "validation_accuracy": 0.5, "validation_loss": 2.0, "validation_gap": 3.0, "train_r2": 0.1},
    {"epoch": 2, "validation_accuracy": 0.9, "validation_loss": 1.0, "validation_gap": 2.0, "train_r2": 0.9},
    {"epoch": 3, "validation_accuracy": 0.7, "validation_loss": 3.0, "validation_gap": 4.0, "train_r2": 0.2},
]


def gap(output, target):
    return (output - target).abs().mean()


def trainer(bias=0.0, metrics=("mae", "r2"), **options):
    model = rl.nn.Linear(1, 1)
    with rl.no_grad():
        model.weight.fill_(1.0)
        model.bias.fill_(bias)
    optimizer = rl.optim.SGD(model.parameters(), lr=0.0)
    return Trainer(
        model, optimizer, rl.nn.MSELoss(), metrics=metrics, progress=False, compile=False, **options
    )


@pytest.mark.parametrize("column", ["validation_accuracy", "validation_loss", "train_r2"])
def test_history_knows_the_metrics(column):
    assert History(ROWS).best(column)["epoch"] == 2


def test_history_asks_where_nobody_knows():
    with pytest.raises(ArgumentError, match=r'mode="max"'):
        History(ROWS).best("validation_gap")
    assert History(ROWS).best("validation_gap", mode="max")["epoch"] == 3
    assert History(ROWS).best("validation_gap", mode="min")["epoch"] == 2
    assert History(ROWS, better={"gap": "max"}).best("validation_gap")["epoch"] == 3
    with pytest.raises(ArgumentError, match="mode"):
        History(ROWS).best("validation_loss", mode="best")  # type: ignore[arg-type]


def test_a_metric_of_ones_own_says_it():
    x = rl.linspace(0, 1, 8).reshape(8, 1)
    history = trainer(metrics=[MeanOf(gap, better="min")]).fit((x, x), epochs=2)
    assert history.better == {"gap": "min"}
    assert history.best("train_gap")["epoch"] == 1
    with pytest.raises(ArgumentError, match="better"):
        MeanOf(gap, better="larger")  # type: ignore[arg-type]


def test_sweep_takes_the_largest_of_what_is_better_large():
    def build(bias):
        return trainer(bias)

    x = rl.linspace(0, 1, 8).reshape(8, 1)
    found = rl.sweep(build, rl.grid(bias=[0.5, 0.1, 1.0]), (x, x), 1, compile=False, progress=False)
    assert found.best("train_r2").config == {"bias": 0.1}
    assert found.best("train_mae").config == {"bias": 0.1}
    assert found.best("train_r2", mode="min").config == {"bias": 1.0}


def test_early_stopping_takes_it_from_the_metrics():
    model = rl.nn.Linear(1, 1)

    def best(stopping):
        for row in ROWS:
            stopping.update(row, model)
        return stopping.best_epoch

    assert best(EarlyStopping("validation_accuracy")) == 2
    assert best(EarlyStopping("validation_gap", mode="max")) == 3
    stopping = EarlyStopping("validation_gap")
    with pytest.raises(ArgumentError, match="mode"):
        stopping.update(ROWS[0], model)
    with pytest.raises(ArgumentError, match="validation_gap"):  # before a whole epoch was trained
        trainer(metrics=[gap], early_stopping=EarlyStopping("validation_gap"))
    trainer(metrics=[MeanOf(gap, better="max")], early_stopping=stopping)
    assert best(stopping) == 3
