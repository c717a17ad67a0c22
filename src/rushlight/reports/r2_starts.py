"""Why R2 saw its framework and PyTorch differ: the first weights, and the 1/n of the loss."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

import rushlight as rl
from rushlight.reports import with_pytorch
from rushlight.reports.page import Page, panels
from rushlight.reports.r2_search import (
    DEFAULT,
    RATES,
    SEEDS,
    XAVIER,
    Data,
    grid_search,
    network,
    percents,
    task,
)

if TYPE_CHECKING:
    from rushlight.train.sweeping.result import Sweep

__all__ = ["LEVELS", "first_look", "passes", "write_starts"]

LEVELS = (0.7, 0.85, 0.95)
KINDS = ("Xavier's weights", "PyTorch's default")
MEAN, SUM = "2(Y − Ŷ)/n", "2(Y − Ŷ)"
Array = np.ndarray[Any, Any]


def write_starts(page: Page, torch: Any | None, data: Data, found: Sweep) -> list[int | None]:
    """Why the two frameworks of R2 differed; returns the epochs at which the accuracy rises."""
    page.section("Why R2 saw its two frameworks differ")
    _reasons(page, data)
    default = grid_search(data, RATES, DEFAULT)
    twice = [grid_search(data, [2 * RATES[0]], init) for init in (XAVIER, DEFAULT)]
    pairs = {lr: [_accuracy(part, lr) for part in (found, default)] for lr in RATES}
    forms = {MEAN: pairs[RATES[0]], SUM: [_accuracy(part, 2 * RATES[0]) for part in twice]}

    figure, (left, right) = panels(2)
    rates = {f"lr {lr:g}": pair for lr, pair in pairs.items()}
    look: dict[str, Any] = {"kinds": KINDS, "ylabel": "validation accuracy"}
    rl.plot.paired_curves(rates, **look, title=f"gradient {MEAN}", ax=left)
    rl.plot.paired_curves(forms, **look, title=f"two gradients, lr {RATES[0]:g}", ax=right)
    caption = f"Networks from different first weights, mean over {SEEDS} seeds."
    page.picture(figure, "starts", caption)

    rows = {(KINDS[place], form): forms[form][place] for form in forms for place in (0, 1)}
    if torch is not None:
        rows["PyTorch itself, 3 seeds", "its own"] = _their_own(torch, data)
    _table(page, rows)
    return [passes(hits, LEVELS[1]) for hits in pairs[RATES[0]]]


def _reasons(page: Page, data: Data) -> None:
    xavier, default = (first_look(data, init) for init in (XAVIER, DEFAULT))
    page.text(f"""
        In R2 the accuracy of PyTorch starts to rise at epoch 40, that of its own framework at 20. Arithmetic
        is not the reason: from the same weights both go the same way. Two other things differed.

        - **The first weights.** R2's layers draw them by Xavier's rule, PyTorch's layers by their own:
          uniform in ±1/√n. Between layers of 25 units that is a standard deviation of 0.115 in place of 0.2.
          So at first the outputs hardly depend on the point: over the training points they vary by
          {default[0]:.3f} in place of {xavier[0]:.3f}, and the gradient of the first layer's weights is
          {xavier[1] / default[1]:.1f} times smaller (means over {SEEDS} seeds).
        - **The 1/n of the loss.** R2 prints the MSE with 1/n and its gradient without: {SUM}, with the sign
          turned, too. With two outputs this doubles every step, beside PyTorch's mean over both.
    """)


def first_look(data: Data, init: str, seeds: int = SEEDS) -> tuple[float, float]:
    """Before training, means over seeds: the outputs' deviation over the points, the gradient's size."""
    found = []
    for seed in range(seeds):
        rl.manual_seed(seed)
        model = network(rl.nn).initialize(init)
        output = model(data.train.inputs)
        rl.nn.functional.mse_loss(output, data.train.targets).backward()
        found.append((output.detach().std(0).mean().item(), model[0].weight.grad.norm().item()))
    deviation, norm = np.mean(found, axis=0)
    return float(deviation), float(norm)


def _their_own(torch: Any, data: Data, seeds: int = 3) -> Array:
    """Accuracies of PyTorch from the weights that it draws, (seeds, epochs)."""
    first = replace(task(data, RATES[0]), held_out=data.validation)
    tasks = [replace(first, seed=seed) for seed in range(seeds)]
    return np.stack([with_pytorch.train_there(torch, one, own_weights=True).accuracy for one in tasks])


def _table(page: Page, rows: dict[tuple[str, str], Array]) -> None:
    page.table(
        {
            "first weights": [weights for weights, _ in rows],
            "gradient": [form for _, form in rows],
            **{f"passes {level:.0%}": [passes(hits, level) for hits in rows.values()] for level in LEVELS},
            f"single runs pass {LEVELS[1]:.0%}": [_range(hits, LEVELS[1]) for hits in rows.values()],
            "final accuracy": [percents(hits[:, -1]) for hits in rows.values()],
        },
        f"At learning rate {RATES[0]:g}: the first epoch at which the mean validation accuracy is above a "
        "level; the first and the last single run to get there; mean ± deviation after the last epoch.",
    )


def passes(runs: Array, level: float) -> int | None:
    """The first epoch, counted from 1, at which the mean over the runs is above `level`.

    >>> passes(np.array([[0.5, 0.8, 0.9], [0.5, 0.6, 0.9]]), 0.65)
    2
    """
    above = runs.mean(axis=0) > level
    return int(above.argmax()) + 1 if above.any() else None


def _range(runs: Array, level: float) -> str:
    epochs = [passes(run[None], level) for run in runs]
    known = [epoch for epoch in epochs if epoch is not None]
    if not known:
        return "none"
    return f"{min(known)} to {max(known)}" + ("" if len(known) == len(epochs) else ", or never")


def _accuracy(part: Sweep, lr: float) -> Array:
    return part.curves("validation_accuracy", lr=lr)
