"""A Trainer refuses what cannot serve when it is made, not in the middle of training."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.errors import ArgumentError, DTypeError
from rushlight.train import Trainer

MODEL = nn.Linear(1, 1)
SGD = optim.SGD(MODEL.parameters(), lr=0.1)
MSE = nn.MSELoss()

REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "loss as a class": ((MODEL, SGD, nn.MSELoss), {}, r"loss=MSELoss, a class.*MSELoss\(\.\.\.\)"),
    "no loss": ((MODEL, SGD, None), {}, "loss of type NoneType"),
    "model as a class": ((nn.Linear, SGD, MSE), {}, "model=Linear, a class"),
    "a function for the model": ((lambda x: x, SGD, MSE), {}, "model of type function"),
    "loss before optimiser": ((MODEL, MSE, SGD), {}, "optimizer of type MSELoss"),
    "optimiser as a class": ((MODEL, optim.SGD, MSE), {}, "optimizer=SGD, a class"),
    "scheduler": ((MODEL, SGD, MSE), {"scheduler": 0.1}, "scheduler of type float"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    parts, options, words = REFUSED[name]
    with pytest.raises(DTypeError, match=words):
        Trainer(*parts, **options)


def test_optimisers_and_losses_by_name() -> None:
    for name in ("adamw", "AdamW", "ADAMW"):
        made = Trainer(MODEL, name, "mse", lr=0.3)
        assert type(made.optimizer) is optim.AdamW
        assert made.optimizer.param_groups[0]["lr"] == 0.3
    assert Trainer(MODEL, "adam", "mse").optimizer.param_groups[0]["lr"] == 0.001
    for name in ("cross_entropy", "CrossEntropyLoss", "cross_entropy_loss", "crossentropy"):
        assert type(Trainer(MODEL, "sgd", name).loss) is nn.CrossEntropyLoss
    with pytest.raises(ArgumentError, match=r"optimizer='adm'.*adam, "):
        Trainer(MODEL, "adm", MSE)
    with pytest.raises(ArgumentError, match=r"loss='mze'.*mse, "):
        Trainer(MODEL, SGD, "mze")
    with pytest.raises(ArgumentError, match="lr=0.1 beside an optimizer"):
        Trainer(MODEL, SGD, MSE, lr=0.1)
    with pytest.raises(DTypeError, match="model of type function"):
        Trainer(lambda x: x, "sgd", MSE)


def test_functions_and_no_optimiser_serve() -> None:
    Trainer(MODEL, None, nn.functional.mse_loss)
    scheduler = optim.lr_scheduler.StepLR(SGD, 1)
    Trainer(MODEL, SGD, lambda output, target: (output - target).abs().mean(), scheduler=scheduler)
    assert Trainer(MODEL, None, MSE, progress=False).evaluate((rl.ones(2, 1), rl.ones(2, 1)))["loss"] >= 0


def test_an_optimizer_of_another_model() -> None:
    other = optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    with pytest.raises(ArgumentError, match=r"without a parameter of the model.*parameters\(\)"):
        Trainer(MODEL, other, MSE)
    model = nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1))
    Trainer(model, optim.SGD(model[1].parameters(), lr=0.1), MSE)  # a part may be trained alone


ROWS, NUMBERS = [[0.5], [0.25], [1.0]], [1, 2, 3]
WORDS = [["a"], ["b"], ["c"]]
TENSORS = rl.tensor(ROWS)
NO_BATCHES: dict[str, tuple[str, Any, str]] = {
    "lists of words": ("fit", (ROWS, WORDS), r"fit.*whose target is a list of Python's.*rl\.tensor\(\)"),
    "a number as target": ("fit", [(TENSORS, 1.0)], "fit.*whose target is a float"),
    "numbers": ("fit", NUMBERS, r"fit.*batch of type int.*pair \(inputs, targets\)"),
    "inputs alone": ("fit", (TENSORS,), r"fit.*batch with 1 of its parts.*\(\*inputs, target\)"),
    "numbers to evaluate": ("evaluate", NUMBERS, "evaluate.*batch of type int"),
    "inputs alone to evaluate": ("evaluate", (TENSORS,), "evaluate.*batch with 1 of its parts"),
    "words to evaluate": ("evaluate", (ROWS, WORDS), "evaluate.*whose target is a list"),
    "words to predict": ("predict", ["a", "b"], "predict.*batch of type str"),
    "empty batches to predict": ("predict", [()], "predict.*batch with 0 of its parts"),
}


@pytest.mark.parametrize("name", NO_BATCHES)
@pytest.mark.parametrize("compiled", [False, "auto"])
def test_what_is_no_batch(name: str, compiled: Any) -> None:
    method, data, words = NO_BATCHES[name]
    trainer = Trainer(MODEL, SGD, MSE, progress=False, compile=compiled)
    with pytest.raises(DTypeError, match=words):
        getattr(trainer, method)(data, *([1] if method == "fit" else []))


def test_validation_that_is_no_batches() -> None:
    trainer = Trainer(MODEL, SGD, MSE, progress=False)
    with pytest.raises(DTypeError, match="batch of type int"):
        trainer.fit((TENSORS, TENSORS), 1, validation=NUMBERS)


@pytest.mark.parametrize("epochs", [1.5, "3", None])
def test_epochs_are_whole(epochs: Any) -> None:
    trainer = Trainer(MODEL, SGD, MSE, progress=False)
    with pytest.raises(ArgumentError, match="fit: got epochs=.*whole number"):
        trainer.fit((TENSORS, TENSORS), epochs)
