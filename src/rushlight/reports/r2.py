"""R2 (Ben Ghorbel, Ben Haj Yahia, Ghribi): a grid search, and the same network in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import rushlight as rl
from rushlight.plot.style import SQUARE
from rushlight.reports import with_pytorch
from rushlight.reports.page import Page, duration, panels, percent
from rushlight.reports.r2_search import (
    BATCH,
    EPOCHS,
    RATES,
    SEEDS,
    Data,
    build,
    grid_search,
    network,
    percents,
    points,
    spread,
    task,
)
from rushlight.reports.r2_starts import LEVELS, write_starts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rushlight.reports.with_pytorch import Trained
    from rushlight.train.sweeping.result import Sweep

__all__ = ["TITLE", "write"]

TITLE = "Leaky ReLU on the disk: a grid search, and the same network in PyTorch"
REPORTED = {"its own framework": (0.0227, 0.815), "PyTorch": (0.0149, 0.838)}
RISE = {"its own framework": 20, "PyTorch": 40}
"""The epoch at which R2 saw the accuracy begin to rise."""


def write(page: Page) -> None:
    """Every experiment of R2."""
    data, torch = points(), with_pytorch.pytorch()
    _model(page, data)
    found = grid_search(data, RATES)
    best = _grid(page, found, data)
    pairs = _both(page, torch, data)
    _times(page, torch, data)
    rise = write_starts(page, torch, data, found)
    _beside_r2(page, pairs.get(best, []), best, rise, found)


def _model(page: Page, data: Data) -> None:
    page.text("""
        R2 writes a small framework, tunes a network on the disk problem over three learning rates, and trains
        the same network in PyTorch. Its text leaves open the size of a batch, the number of epochs and the
        seeds. Here a batch is 10 points and a training 100 epochs, because the accuracy then rises about
        where R2 saw it rise.
    """)
    page.section("The data and the model")
    figure, places = panels(2, size=SQUARE)
    for ax, part, name in zip(places, (data.train, data.test), ("training", "test"), strict=True):
        rl.plot.disk_data(part.points, part.labels, title=f"{len(part)} {name} points", ax=ax)
    page.picture(figure, "data", "R2's Fig. 1: the data. The disk covers half of the square.")
    figure = rl.plot.architecture(network(rl.nn), 2)
    page.picture(figure, "architecture", "R2's Fig. 2: the model, drawn from the model itself.")
    page.code(network, build)


def _grid(page: Page, found: Sweep, data: Data) -> float:
    """The grid search; returns the learning rate that it chooses."""
    page.section("R2-a: grid search over the learning rate")
    page.code(grid_search)
    figure, (left, right) = panels(2)
    losses = {f"lr {lr:g}": found.curves("train_loss", lr=lr) for lr in RATES}
    hits = {f"lr {lr:g}": found.curves("validation_accuracy", lr=lr) for lr in RATES}
    rl.plot.curves(losses, ylabel="training MSE", scale="log", ax=left)
    rl.plot.curves(hits, ylabel="validation accuracy", ax=right)
    caption = f"R2's Fig. 3, its own framework: mean over {SEEDS} seeds, band of one standard deviation."
    page.picture(figure, "grid", caption)
    parts = {lr: found.where(lr=lr) for lr in RATES}
    best = min(RATES, key=lambda lr: parts[lr].curves("validation_loss")[:, -1].mean())
    page.table(
        {
            "learning rate": [f"**{lr:g}**" if lr == best else f"{lr:g}" for lr in RATES],
            "training MSE": [spread(part, "train_loss") for part in parts.values()],
            "validation MSE": [spread(part, "validation_loss") for part in parts.values()],
            "validation accuracy": [
                percents(part.curves("validation_accuracy")[:, -1]) for part in parts.values()
            ],
            "test accuracy": [
                percents(np.array([run.trainer.evaluate(data.test)["accuracy"] for run in part]))
                for part in parts.values()
            ],
        },
        f"After {EPOCHS} epochs, mean ± standard deviation over {SEEDS} seeds. Bold: the smallest mean "
        "validation loss.",
    )
    page.text(f"""
        The grid search takes {best:g}. The larger the step, the sooner the loss falls; the accuracies at the
        end are apart by less than one seed from another. {len(found)} networks of {EPOCHS} epochs took
        {duration(found.seconds)}.
    """)
    return best


def _both(page: Page, torch: Any | None, data: Data) -> dict[float, list[Trained]]:
    """The same networks in both libraries: for each learning rate our run, and PyTorch's if it is here."""
    page.section("R2-a and R2-b: the same network in PyTorch")
    tasks = {lr: task(data, lr) for lr in RATES}
    pairs = {lr: [with_pytorch.train_here(one)] for lr, one in tasks.items()}
    if torch is None:
        page.text("""
            PyTorch is not installed here, so this page shows ours alone. After `pip install torch`, write the
            report again: then both train the same weights on the same batches.
        """)
        return pairs
    for lr, one in tasks.items():
        pairs[lr].append(with_pytorch.train_there(torch, one))
    double = task(data, max(RATES), rl.float64)
    precise = [with_pytorch.train_here(double), with_pytorch.train_there(torch, double)]
    page.text(f"""
        Rushlight {rl.__version__} and PyTorch {torch.__version__.partition("+")[0]} train what `network`
        makes in both: from the same weights (ours, copied over), on the same batches (those of our
        `DataLoader`). Only rounding can differ.
    """)
    page.picture(_overlaid(pairs, precise), "pytorch", OVERLAID, cover=True)
    _agreement(page, {f"{lr:g}": pair for lr, pair in pairs.items()} | {f"{double.lr:g}, float64": precise})
    return pairs


OVERLAID = """
    The losses of Fig. 3 once more, in both frameworks from the same weights on the same batches: the wide
    pale line is Rushlight, compiled; the dashed one on it is PyTorch. Right: how far the two losses are
    apart in each epoch, relative to the loss; where a line is missing, they agree to the last bit.
"""


def _overlaid(pairs: dict[float, list[Trained]], precise: list[Trained]) -> Figure:
    figure, (left, middle, right) = panels(3, columns=3)
    for ax, name, label in ((left, "loss", "training MSE"), (middle, "accuracy", "test accuracy")):
        curves = {f"lr {lr:g}": [getattr(run, name) for run in pair] for lr, pair in pairs.items()}
        rl.plot.paired_curves(curves, ("Rushlight", "PyTorch"), ylabel=label, overlaid=True, ax=ax)
    apart = {f"lr {lr:g}": with_pytorch.relative(a.loss, b.loss) for lr, (a, b) in pairs.items()}
    apart[f"lr {max(RATES):g}, float64"] = with_pytorch.relative(precise[0].loss, precise[1].loss)
    # A logarithmic scale has no place for losses that agree to the last bit.
    shown = {name: np.where(values > 0, values, np.nan) for name, values in apart.items()}
    rl.plot.curves(shown, ylabel="relative difference", scale="log", ax=right)
    return figure


def _agreement(page: Page, pairs: dict[str, list[Trained]]) -> None:
    both = [(pair[0], pair[1]) for pair in pairs.values()]
    page.table(
        {
            "learning rate": list(pairs),
            "MSE, Rushlight": [a.loss[-1] for a, _ in both],
            "MSE, PyTorch": [b.loss[-1] for _, b in both],
            "accuracy, Rushlight": [percent(a.accuracy[-1]) for a, _ in both],
            "accuracy, PyTorch": [percent(b.accuracy[-1]) for _, b in both],
            "losses apart": [f"{with_pytorch.relative(a.loss, b.loss).max():.1e}" for a, b in both],
            "weights apart": [f"{with_pytorch.weights_apart(a, b):.1e}" for a, b in both],
        },
        f"R2-b: training loss and test accuracy after {EPOCHS} epochs. Losses apart: the largest relative "
        "difference of all epochs. Weights apart: the largest difference of a final weight.",
    )


def _times(page: Page, torch: Any | None, data: Data) -> None:
    seconds = with_pytorch.step_times(torch, task(data, RATES[0]))
    base = seconds.get("PyTorch, eager")
    page.table(
        {
            "": list(seconds),
            "one step": [f"{1e6 * taken:.1f} µs" for taken in seconds.values()],
            f"{EPOCHS} epochs": [duration(EPOCHS * len(data.train) / BATCH * s) for s in seconds.values()],
            "speed": [f"{base / taken:.1f}" if base else None for taken in seconds.values()],
        },
        f"Time of the training loop alone: batches of {BATCH}, forward, backward and SGD step, float32, one "
        "thread each, no validation. The contenders took turns, seven rounds after one to warm up; medians. "
        "Speed: PyTorch is 1.",
    )
    page.text("Eager is this loop, in both libraries; compiled is what `Trainer.fit` does by itself.")
    page.code(with_pytorch.one_epoch)


def _beside_r2(page: Page, pair: list[Trained], best: float, rise: list[int | None], found: Sweep) -> None:
    page.section("Beside R2's figures")
    ours = [*pair, None][:2]
    page.table(
        {
            "": list(REPORTED),
            "MSE, R2": [loss for loss, _ in REPORTED.values()],
            "MSE, here": [None if run is None else run.loss[-1] for run in ours],
            "accuracy, R2": [percent(hit) for _, hit in REPORTED.values()],
            "accuracy, here": [None if run is None else percent(run.accuracy[-1]) for run in ours],
            "starts to rise, R2": [f"epoch {epoch}" for epoch in RISE.values()],
            f"passes {LEVELS[1]:.0%}, here": [f"epoch {epoch}" if epoch else "never" for epoch in rise],
        },
        f"MSE and accuracy from the same weights, at learning rate {best:g}; passing from Xavier's weights "
        f"and from PyTorch's default ones, at {RATES[0]:g}.",
    )
    own, torch = REPORTED["its own framework"], REPORTED["PyTorch"]
    losses, hits = found.curves("validation_loss"), found.curves("validation_accuracy")
    lowest = hits[losses <= own[0]].min(initial=1)
    ratio = rise[1] / rise[0] if rise[0] and rise[1] else float("nan")
    page.text(f"""
        **What agrees.** Larger learning rates learn sooner. PyTorch's own weights start later: by a factor of
        {ratio:.1f} here, of {RISE["PyTorch"] / RISE["its own framework"]:g} in R2; no difference of the
        arithmetic is needed to explain it. In the end the starts make little difference.

        **What differs.** Our accuracies are far higher, and the frameworks do not end apart. R2's losses and
        accuracies cannot be those of the same points. A point that is judged wrongly gives the wrong class
        the larger of its two outputs, which costs a squared error of at least 1/4 (both outputs at 1/2).
        Then {percent(1 - own[1])} of errors mean an MSE of {(1 - own[1]) / 4:.3f} or more, and
        {percent(1 - torch[1])} one of {(1 - torch[1]) / 4:.3f} or more, while R2 prints {own[0]} and
        {torch[0]}. An MSE as small as {own[0]} never came here with an accuracy below {percent(lowest)}.
        R2's loss and accuracy were likely measured on different points, or averaged over epochs. R2's
        difference at learning rate 0.04 is that of two single runs from different weights.
    """)
