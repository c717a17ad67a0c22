"""R1's network in every reading that its text allows, and which of them comes nearest to its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import rushlight as rl
from rushlight import nn
from rushlight.reports import disk
from rushlight.reports.page import Page, by_column, percent
from rushlight.train import Trainer

if TYPE_CHECKING:
    from rushlight.train.sweeping.result import Sweep

__all__ = ["BATCH", "EPOCHS", "NAMES", "REPORTED", "RUNS", "build", "lost", "name_of", "readings", "train"]

EPOCHS, BATCH, RUNS = 25, 100, 10
NAMES = {"tanh": "tanh", "relu": "ReLU"}

# Worst, best, mean and deviation of the test error over ten runs, as R1 gives them.
REPORTED = {
    ("tanh", 1e-1): (0.36, 0.195, 0.25, 0.04),
    ("tanh", 1e-2): (0.32, 0.24, 0.27, 0.02),
    ("relu", 1e-1): (0.49, 0.20, 0.28, 0.07),
    ("relu", 1e-2): (0.45, 0.30, 0.36, 0.06),
}
# What students may write for "initial weight with uniform law"; the bias begins at zero in any case.
WEIGHTS: dict[str, nn.init.Initializer | str] = {
    "±1/√n": "pytorch",
    "±1/2": nn.init.Uniform(-0.5, 0.5),
    "±1": nn.init.Uniform(-1.0, 1.0),
    "0 to 1": nn.init.Uniform(0.0, 1.0),
}
READINGS: dict[str, Any] = {"reduction": ["mean", "sum"], "last": [True, False], "weights": list(WEIGHTS)}


def build(
    activation: str, lr: float, weights: str = "±1/√n", last: bool = True, reduction: str = "mean"
) -> Trainer:
    """R1's network and its training, in one of the readings that its text allows."""
    model = nn.MLP(2, [25, 25, 25], 1, activation=activation, output=activation if last else None)
    model.initialize(WEIGHTS[weights], "zeros")
    optimizer = rl.optim.SGD(model.parameters(), lr=lr)
    return Trainer(model, optimizer, nn.MSELoss(reduction=reduction), metrics=["error"])


def train(configs: list[dict[str, Any]], epochs: int = EPOCHS) -> Sweep:
    """Train a network for each of the configurations."""
    points, test = disk.disk()
    return rl.sweep(build, configs, points, epochs, batch_size=BATCH, validation=test, progress=False)


def readings(page: Page) -> Sweep:
    """Train every reading in R1's four settings, and put on the page which one comes nearest."""
    page.section("What the report leaves open")
    page.text("""
        R1 does not say which uniform law draws the weights, whether the activation also follows the last
        layer, and whether the gradients of a batch are added (as its pseudo-code does) or averaged. So we
        trained ten networks for each answer, in the four settings for which R1 gives the error of ten runs.
        A network that diverged counts as chance, 50 %. *Distance* is the mean difference between our mean
        errors and R1's, in percentage points.
    """)
    result = train(rl.grid(**READINGS, activation=list(NAMES), lr=[1e-1, 1e-2], seed=range(RUNS)))
    rows = sorted((_row(result, reading) for reading in rl.grid(**READINGS)), key=lambda row: row["distance"])
    theirs = {name_of(*setting): figures[2] for setting, figures in REPORTED.items()}
    head = {name: theirs.get(name, "") for name in rows[0]} | {"gradients": "**R1 reports**"}
    shown = [{name: _shown(name, value) for name, value in row.items()} for row in [head, *rows]]
    page.table(
        by_column(shown),
        caption=f"Mean test error of ten networks after {EPOCHS} epochs; {disk.cost(result)}.",
    )
    _findings(page, result, rows)
    return result


def _findings(page: Page, result: Sweep, rows: list[dict[str, Any]]) -> None:
    nearest = rows[0]
    closest_sum = next(row for row in rows if row["gradients"] == "added")
    used = result.where(reduction="mean", last=True, weights="±1/√n")
    close = sum(abs(nearest[name_of(*setting)] - figures[2]) < 0.02 for setting, figures in REPORTED.items())
    page.text(f"""
        - **Averaged, not added.** A sum over 100 points is a step 100 times as long as a mean. With added
          gradients {lost(result.where(reduction="sum"))} networks diverge or end at chance. The nearest such
          reading still has {percent(closest_sum[name_of("tanh", 0.1)])} and
          {percent(closest_sum[name_of("relu", 0.1)])} at lr 0.1, which is chance, where R1 has its best runs.
        - **The nearest reading** has {nearest["gradients"]} gradients, weights uniform on
          {nearest["weights"]}, and the activation after {nearest["activation after"]}. {close} of its four
          means are within 2 points of R1's, and {lost(used)} of its networks end at chance. The rest of this
          page uses it.
        - No reading gives all four numbers. R1's errors hardly depend on the learning rate; ours do. Where
          0.1 does not break a network, it has learned far more after {EPOCHS} epochs than 0.01.
    """)


def _row(result: Sweep, reading: dict[str, Any]) -> dict[str, Any]:
    """One reading: what it is, its mean errors in the four settings, and how far from R1's they are."""
    means = {}
    for activation, lr in REPORTED:
        runs = result.where(**reading, activation=activation, lr=lr)
        means[activation, lr] = float(disk.statistics(disk.errors(runs))[2])
    return {
        "gradients": "averaged" if reading["reduction"] == "mean" else "added",
        "weights": reading["weights"],
        "activation after": "every layer" if reading["last"] else "hidden layers",
        **{name_of(*setting): mean for setting, mean in means.items()},
        "distance": float(np.mean([abs(mean - REPORTED[setting][2]) for setting, mean in means.items()])),
    }


def _shown(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{100 * value:.1f}" if name == "distance" else percent(value)


def lost(result: Sweep) -> str:
    """How many networks diverged or ended at chance."""
    useless = disk.at_chance(result)
    return f"{useless.sum()} of {len(useless)}"


def name_of(activation: str, lr: float) -> str:
    """What a setting is called on the page.

    >>> name_of("relu", 0.01)
    'ReLU, lr 0.01'
    """
    return f"{NAMES[activation]}, lr {lr:g}"
