"""R3 (Bracone, Karimi, Lodetti, 2021): averages over 30 networks, prediction maps, and cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import rushlight as rl
from rushlight import Tensor, nn
from rushlight.reports import disk, r3_entropy
from rushlight.reports.page import Page, by_column, panels, percent
from rushlight.train import Trainer

if TYPE_CHECKING:
    from rushlight.train.sweeping.result import Sweep

__all__ = ["TITLE", "AsPrinted", "build", "write"]

TITLE = "Thirty networks each: tanh, ReLU, and a cross-entropy that would not train"
EPOCHS, BATCH, RUNS = 100, 100, 30
NAMES = {"tanh": "tanh", "relu": "ReLU"}
INITS = {"normal": "1", "he": "He, √(2/n)", "xavier": "Xavier, √(2/(n+m))"}
MAIN: dict[str, Any] = {"init": "he", "last": True, "lr": 0.03}


def build(activation: str, init: str, lr: float, last: bool) -> Trainer:
    """R3's network; weights and biases are Gaussian, `last` says whether the output is activated too."""
    model = nn.MLP(2, [25, 25, 25], 1, activation=activation, output=activation if last else None)
    model.initialize(init, init)
    return Trainer(model, rl.optim.SGD(model.parameters(), lr=lr), nn.MSELoss(), metrics=["error"])


def train(configs: list[dict[str, Any]], epochs: int = EPOCHS) -> Sweep:
    """Train a network for each of the configurations."""
    points, test = disk.disk()
    return rl.sweep(build, configs, points, epochs, batch_size=BATCH, validation=test, progress=False)


def write(page: Page) -> None:
    """Every experiment of R3."""
    _network(page)
    main = _averages(page)
    _maps(page, main)
    r3_entropy.write(page)


class AsPrinted(rl.autograd.Function):
    """The mean squared error with the gradient that R3 prints: 2 (y - ŷ) / n, the wrong way round."""

    @staticmethod
    def forward(ctx: Any, prediction: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(prediction, target)
        return nn.functional.mse_loss(prediction, target)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        prediction, target = ctx.saved_tensors
        return g * (target - prediction) * (2 / target.numel()), None


def _network(page: Page) -> None:
    page.section("The network, and two slips of the text")
    page.text("""
        R3 trains two networks on the disk, three hidden layers of 25 units and one output, one with tanh and
        one with ReLU. Weights and biases are Gaussian, and "the variance can be specified": 1, He's √(2/n) or
        Xavier's √(2/(n+m)). As He and Glorot give them, these roots are standard deviations, the squares of
        which are the variances; so we take them. R3 compares the mean log-loss of 30 networks of each kind.
    """)
    rl.manual_seed(0)
    page.picture(
        rl.plot.architecture(build("relu", "he", 0.03, True).model, 2),
        "architecture",
        "The network with ReLU, drawn from the model itself.",
    )
    page.code(build, train)
    gone, first = _ascent()
    page.text(f"""
        Two of R3's formulas cannot be what its program did:

        - The radius 1/√2 of the disk would cover the whole square. We use 1/√(2π), for which the classes
          balance.
        - The gradient of the squared error is printed as 2 (y - ŷ) / n. The right one has the other sign.
          With the printed one, {gone} of 10 networks diverge, the first in epoch {first}. That cannot have
          given R3's curves, so it is a slip of the text.
    """)
    page.code(AsPrinted)


def _ascent() -> tuple[int, int]:
    """How many of ten networks diverge with the printed sign, and in which epoch the first does."""

    def build_printed(seed: int) -> Trainer:
        trainer = build("tanh", "xavier", 0.01, last=False)
        return Trainer(trainer.model, trainer.optimizer, AsPrinted.apply)

    points, _ = disk.disk()
    result = rl.sweep(
        build_printed, rl.grid(seed=range(10)), points, EPOCHS, batch_size=BATCH, progress=False
    )
    ends = [run.diverged for run in result if run.diverged is not None]
    return len(ends), min(ends, default=0)


def _averages(page: Page) -> Sweep:
    page.section("R3-a. Mean log-loss of 30 networks of each kind")
    main = train(rl.grid(**MAIN, activation=list(NAMES), seed=range(RUNS)))
    logs = {name: np.log(main.curves("train_loss", activation=key)) for key, name in NAMES.items()}
    figure, axes = panels(2)
    for ax, band, title in zip(
        axes, (None, "runs"), (f"mean of {RUNS}, as in R3's Fig. 1", "every network"), strict=True
    ):
        rl.plot.curves(logs, band=band, ylabel="ln MSE", ax=ax, title=title)  # type: ignore[arg-type]
    page.picture(
        figure,
        "r3a-log-loss",
        f"Logarithm of the training loss, {RUNS} networks with tanh and {RUNS} with ReLU: He's deviation, an "
        f"activation after every layer, lr {MAIN['lr']:g}. Right: thin, each network; thick, their mean.",
        cover=True,
    )
    rows = []
    for key, name in NAMES.items():
        runs, last = main.where(activation=key), logs[name][:, -1]
        dead = _dead(runs)
        rows.append(
            {
                f"{RUNS} networks": name,
                f"mean ln MSE after {EPOCHS} epochs": f"{last.mean():.2f}",
                "dead": f"{dead.sum()} of {RUNS}",
                "mean ln MSE of the others": f"{last[~dead].mean():.2f}",
                "their mean test error": percent(float(disk.errors(runs)[~dead].mean())),
                "R3 reports": {"tanh": "lower on average", "relu": "higher on average"}[key],
            }
        )
    page.table(by_column(rows), caption=f"{disk.cost(main)}.")
    page.text("""
        **Tanh ends lower on average, as R3 says.** But the average hides that the ReLU networks are of two
        kinds. In some the output unit is 0 for (almost) every point from the start or soon after: no gradient
        passes, the loss stays where it is, and the network says "outside" everywhere. We call it dead. The
        others end below tanh. R3 tells neither its learning rate and initialisation, nor whether the output
        is activated; so we looked whether the finding depends on them.
    """)
    _settings(page)
    return main


def _settings(page: Page) -> None:
    """Whether tanh ends lower, for each initialisation, output and learning rate."""
    choices = {"last": [True, False], "init": list(INITS), "lr": [0.1, 0.03, 0.01]}
    result = train(rl.grid(**choices, activation=list(NAMES), seed=range(10)))
    rows, lower = [], np.zeros((2, 2), dtype=int)
    for setting in rl.grid(**choices):
        row: dict[str, Any] = {
            "output": "activated" if setting["last"] else "linear",
            "first weights": INITS[setting["init"]],
            "lr": setting["lr"],
        }
        found = {key: _mean_log(result.where(**setting, activation=key)) for key in NAMES}
        tanh_lower = found["tanh"][0] < found["relu"][0]
        lower[int(found["relu"][1] > found["tanh"][1]), int(tanh_lower)] += 1
        row |= {name: found[key][2] for key, name in NAMES.items()}
        rows.append(row | {"lower": "tanh" if tanh_lower else "ReLU"})
    page.table(
        by_column(rows),
        caption=f"Mean ln MSE of ten networks after {EPOCHS} epochs, dead ones included, diverged ones not. "
        f"Lower is who has fewer diverged, then who has the lower mean. {disk.cost(result)}.",
    )
    page.text(f"""
        Where more ReLU than tanh networks die or diverge, tanh is lower in {lower[1, 1]} of {lower[1].sum()}
        settings; elsewhere in {lower[0, 1]} of {lower[0].sum()}. So what R3 saw is that tanh is more robust,
        not that it fits the disk better.
    """)


def _mean_log(runs: Sweep) -> tuple[tuple[int, float], int, str]:
    """How good the networks are (how many diverged, mean ln MSE of the rest), how many are lost, a cell."""
    logs = np.array([np.log(run.final["train_loss"]) for run in runs if run.diverged is None])
    diverged = len(runs) - len(logs)
    dead = int(_dead(runs).sum())
    mean = float(logs.mean()) if len(logs) else float("inf")
    note = ", ".join(f"{count} {what}" for count, what in ((dead, "dead"), (diverged, "diverged")) if count)
    shown = f"{mean:.2f}" if len(logs) else "none left"
    return (diverged, mean), dead + diverged, f"{shown} ({note})" if note else shown


def _dead(runs: Sweep) -> np.ndarray:
    """Which networks ended at chance without diverging, (runs,)."""
    return disk.at_chance(runs, above=0.4) & np.isfinite(disk.errors(runs))


def _maps(page: Page, main: Sweep) -> None:
    page.section("R3-b. Prediction maps")
    _, test = disk.disk()
    figure, axes = panels(2, size=(4.6, 5.1))
    rows = []
    for ax, (key, name) in zip(axes, NAMES.items(), strict=True):
        runs = main.where(activation=key)
        run = next(run for run, dead in zip(runs, _dead(runs), strict=True) if not dead)
        predicted = disk.classes(run.model, test.inputs)
        rl.plot.right_and_wrong(test.points, test.labels, predicted, title=name, ax=ax)
        rows.append({"network": f"{name}, seed {run.config['seed']}", **_where_wrong(test, predicted)})
    page.picture(
        figure, "r3b-maps", "Test points that one network of each kind classifies rightly and wrongly."
    )
    page.table(by_column(rows), caption="Distance: from a point to the circle; the square has side 1.")
    page.text("""
        As R3 says, the errors lie near the boundary. We draw each kind's first network whose output is not
        dead; a dead one is wrong on every point inside.
    """)


def _where_wrong(test: rl.data.Disk, predicted: np.ndarray) -> dict[str, Any]:
    """How far from the circle the wrongly classified points lie, beside all points."""
    offset = test.points.numpy() - np.array(test.CENTER)
    distance = np.abs(np.hypot(offset[:, 0], offset[:, 1]) - test.RADIUS)
    wrong = distance[predicted != test.labels.numpy()]
    return {
        "test error": percent(len(wrong) / len(distance)),
        "mean distance of wrong points": f"{wrong.mean():.3f}",
        "largest": f"{wrong.max():.3f}",
        "mean distance of all points": f"{distance.mean():.3f}",
    }
