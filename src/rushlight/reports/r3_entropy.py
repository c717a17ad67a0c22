"""R3-c: why the cross-entropy of R3's authors did not train, found by trying what may have been wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import rushlight as rl
from rushlight import Tensor, nn
from rushlight.reports import disk
from rushlight.reports.page import Page, by_column, panels, percent
from rushlight.train import ErrorRate, Trainer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rushlight.train.sweeping.result import Sweep

__all__ = ["GRADIENTS", "Right", "SigmoidForgotten", "SigmoidInBoth", "SigmoidTwice", "build", "write"]

EPOCHS, BATCH, RUNS = 50, 100, 5
NAMES = {"tanh": "tanh", "relu": "ReLU"}
INITS = {"normal": "deviation 1", "he": "He", "xavier": "Xavier"}
STEPS = {"mean": [1.0, 0.1, 0.01], "sum": [0.1, 0.01, 0.001]}


class Right(rl.autograd.Function):
    """Binary cross-entropy of p = sigmoid(z), with its gradient p - y with respect to z."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, y: Tensor, reduction: str) -> Tensor:
        ctx.save_for_backward(z, y)
        ctx.share = 1 / y.numel() if reduction == "mean" else 1.0
        return nn.functional.binary_cross_entropy_with_logits(z, y, reduction=reduction)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        z, y = ctx.saved_tensors
        return g * ctx.share * (rl.sigmoid(z) - y), None, None


class SigmoidForgotten(Right):
    """The gradient that R3 prints, -y/p + (1-y)/(1-p): with respect to p, but handed on as that of z."""

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        z, y = ctx.saved_tensors
        p = rl.sigmoid(z)
        return g * ctx.share * ((1 - y) / (1 - p) - y / p), None, None


class SigmoidTwice(Right):
    """p - y, and the sigmoid's derivative p(1-p) once more, as by a layer that is already accounted for."""

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        z, y = ctx.saved_tensors
        p = rl.sigmoid(z)
        return g * ctx.share * (p - y) * p * (1 - p), None, None


class SigmoidInBoth(Right):
    """R3's loss, which takes the sigmoid itself, after a sigmoid layer: p = sigmoid(sigmoid(z))."""

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        z, y = ctx.saved_tensors
        s = rl.sigmoid(z)
        p = rl.sigmoid(s)
        return g * ctx.share * ((1 - y) / (1 - p) - y / p) * s * (1 - s), None, None


GRADIENTS: dict[str, type[Right]] = {
    "right: p - y": Right,
    "sigmoid forgotten": SigmoidForgotten,
    "sigmoid twice": SigmoidTwice,
    "sigmoid in layer and loss": SigmoidInBoth,
}


class CrossEntropy(nn.Module):
    """One of the losses above as the object that a Trainer takes."""

    def __init__(self, gradient: str, reduction: str) -> None:
        super().__init__()
        self.function, self.reduction = GRADIENTS[gradient], reduction

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.function.apply(z, y, self.reduction)


def build(gradient: str, init: str, activation: str, reduction: str, lr: float) -> Trainer:
    """The network of R3-a with an output z in place of a prediction; its class is 1 where z > 0."""
    model = nn.MLP(2, [25, 25, 25], 1, activation=activation).initialize(init, init)
    loss = CrossEntropy(gradient, reduction)
    return Trainer(model, rl.optim.SGD(model.parameters(), lr=lr), loss, metrics=[ErrorRate(0.0)])


def train(configs: list[dict[str, Any]], epochs: int = EPOCHS) -> Sweep:
    """Train a network for each of the configurations."""
    points, test = disk.disk()
    return rl.sweep(build, configs, points, epochs, batch_size=BATCH, validation=test, progress=False)


def write(page: Page) -> None:
    """R3-c: every suspect in turn, the one that explains it, and the same network trained properly."""
    page.section("R3-c. The cross-entropy that did not train")
    page.text("""
        R3 wrote a sigmoid and a binary cross-entropy, and could not make them train. Its authors believed
        the code right and suspected the initialisation or the optimiser. R3's loss takes the sigmoid itself,
        p = sigmoid(ŷ), and R3 prints as its gradient with respect to ŷ

            -y/p + (1-y)/(1-p).

        That is the gradient with respect to *p*. With respect to ŷ it has the factor p (1-p) as well, and
        becomes p - y. We trained the network with the right gradient and with three that differ from it by
        one slip, for R3's three initialisations, three steps, and with the loss of a batch averaged or added.
    """)
    page.code(SigmoidForgotten, SigmoidTwice, SigmoidInBoth)
    steps = [{"reduction": r, "lr": lr} for r, rates in STEPS.items() for lr in rates]
    cells = rl.grid(gradient=list(GRADIENTS), init=list(INITS), activation=list(NAMES), seed=range(RUNS))
    result = train([{**cell, **step} for step in steps for cell in cells])
    _picture(page, result, steps)
    _table(page, result)
    _verdict(page, result)
    _properly(page)
    _hidden(page)


def _found(result: Sweep, **where: Any) -> tuple[float, int, int]:
    """Mean test error (divergence counted as chance), how many diverged, how many are in the cell."""
    errors = disk.errors(result.where(**where))
    return float(disk.statistics(errors)[2]), int((~np.isfinite(errors)).sum()), len(errors)


def _picture(page: Page, result: Sweep, steps: list[dict[str, Any]]) -> None:
    from rushlight.plot import style
    from rushlight.plot._figure import colour_map

    figure, axes = panels(2, size=(5.6, 5.6))
    colours = colour_map("error", style.SHARE_STOPS)
    lines = rl.grid(gradient=list(GRADIENTS), init=list(INITS))
    for ax, (activation, name) in zip(axes, NAMES.items(), strict=True):
        found = [[_found(result, **line, **step, activation=activation) for step in steps] for line in lines]
        shares = np.array([[mean for mean, _, _ in row] for row in found])
        ax.imshow(shares, cmap=colours, vmin=0, vmax=0.6, aspect="auto")
        for row, line in enumerate(found):
            for column, (mean, lost, count) in enumerate(line):
                _entry(ax, column, row, mean, lost, count)
        _frame(ax, lines, steps, name, first=ax is axes[0])
    page.picture(
        figure,
        "r3c-suspects",
        f"Mean test error in % of {RUNS} networks after {EPOCHS} epochs, for each gradient, each "
        "initialisation and each step. NaN: all of them diverged; a star: some did.",
    )


def _entry(ax: Axes, column: int, row: int, mean: float, lost: int, count: int) -> None:
    from rushlight.plot import style

    text = "NaN" if lost == count else f"{100 * mean:.0f}{'*' if lost else ''}"
    colour = "white" if mean > 0.33 else style.TEXT
    ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=style.TICK_SIZE)


def _frame(
    ax: Axes, lines: list[dict[str, Any]], steps: list[dict[str, Any]], name: str, *, first: bool
) -> None:
    from rushlight.plot import style

    ax.set_title(f"hidden layers with {name}", fontsize=style.TITLE_SIZE, color=style.TEXT)
    words = {"mean": "averaged", "sum": "added"}
    ax.set_xticks(range(len(steps)), [f"{words[s['reduction']]}\n{s['lr']:g}" for s in steps])
    labels = [f"{line['gradient']}, {INITS[line['init']]}" for line in lines]
    ax.set_yticks(range(len(lines)), labels if first else [""] * len(lines))
    ax.set_xlabel("gradients of a batch, and learning rate", fontsize=style.LABEL_SIZE, color=style.TEXT)
    ax.tick_params(labelsize=style.TICK_SIZE, colors=style.TEXT, length=0)
    for edge in range(len(INITS), len(lines), len(INITS)):
        ax.axhline(edge - 0.5, color="white", linewidth=3)
    for side in ax.spines.values():
        side.set_visible(False)


def _table(page: Page, result: Sweep) -> None:
    rows = []
    for gradient in GRADIENTS:
        errors = disk.errors(result.where(gradient=gradient))
        diverged = ~np.isfinite(errors)
        rows.append(
            {
                "gradient": gradient,
                "networks": len(errors),
                "diverged": percent(float(diverged.mean()), 0),
                "below 10 % test error": percent(float((errors < 0.1).mean()), 0),
                **{
                    f"below 10 %, {name}": percent(
                        float((disk.errors(result.where(gradient=gradient, init=init)) < 0.1).mean()), 0
                    )
                    for init, name in INITS.items()
                },
            }
        )
    page.table(by_column(rows), caption=f"Share of networks over all steps; {disk.cost(result)}.")


def _verdict(page: Page, result: Sweep) -> None:
    forgotten = disk.errors(result.where(gradient="sigmoid forgotten"))
    right = result.where(gradient="right: p - y")
    normal = {key: disk.errors(right.where(init="normal", activation=key)) < 0.1 for key in NAMES}
    longest = disk.errors(right.where(reduction="sum", lr=0.1)) < 0.1
    twice = disk.errors(result.where(gradient="sigmoid twice")) < 0.1
    both = disk.errors(result.where(gradient="sigmoid in layer and loss")) < 0.1
    chance = disk.inside(disk.disk()[1])
    page.text(f"""
        **One slip explains it: the sigmoid's factor p (1-p) was left out**, just as R3's formula is printed.
        {(~np.isfinite(forgotten)).sum()} of {len(forgotten)} such networks diverge, with every initialisation
        and nearly every step. Without the factor, a point on the wrong side by z pulls with 1 + eᶻ in place
        of at most 1, and one on the right side still pulls with 1 in place of almost 0. So the outputs grow
        until p rounds to 0 or 1, and the formula divides by zero.

        The other suspects do not explain it:

        - *The deviation 1 of the first weights.* With the right gradient {normal["tanh"].sum()} of
          {len(normal["tanh"])} networks with tanh fall below 10 % from there, and {normal["relu"].sum()} of
          {len(normal["relu"])} with ReLU, which needs the smaller steps.
        - *The step.* With the right gradient only the longest, 0.1 with added gradients, is too long for all:
          {longest.sum()} of {len(longest)} networks fall below 10 %.
        - *The derivative applied twice.* But for a factor of 2 this is the squared error of the sigmoid's
          output. None diverges, and {twice.sum()} of {len(twice)} fall below 10 %.
        - *A sigmoid layer before a loss that takes the sigmoid itself.* {both.sum()} of {len(both)} fall
          below 10 %, if the class is read from the layer. Read from the loss's own p = sigmoid(sigmoid(z)),
          which is above 1/2 for every z, all points are "inside": an error of {percent(1 - chance)} whatever
          the weights. Had R3 scored so, it would have looked like a network that does not train.
    """)


def _properly(page: Page) -> None:
    points, test = disk.disk()

    def build_properly(activation: str, seed: int) -> Trainer:
        model = nn.MLP(2, [25, 25, 25], 1, activation=activation, output="sigmoid", init="xavier")
        return Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), nn.BCELoss(), metrics=["error"])

    page.text("""
        **The same network, trained properly.** Sigmoid and loss may as well be two modules, if each brings
        its own factor: `nn.BCELoss` gives (p-y)/(p(1-p)), and `nn.Sigmoid` multiplies by p(1-p).
    """)
    page.code(build_properly)
    configs = rl.grid(activation=list(NAMES), seed=range(10))
    result = rl.sweep(build_properly, configs, points, 100, batch_size=BATCH, validation=test, progress=False)
    figure, (left, right) = panels(2, size=(4.6, 5.1))
    losses = {name: result.curves("validation_loss", activation=key) for key, name in NAMES.items()}
    rl.plot.curves(losses, scale="log", ylabel="test cross-entropy", ax=left, title="ten networks each")
    left.set_box_aspect(1)
    best = result.where(activation="tanh")[0]
    rl.plot.right_and_wrong(
        test.points, test.labels, disk.classes(best.model, test.inputs), title="tanh", ax=right
    )
    page.picture(
        figure,
        "r3c-trained",
        "Binary cross-entropy on a sigmoid output; the map is that of seed 0 with tanh.",
    )
    rows = [
        {
            "ten networks": name,
            "test error after 100 epochs": disk.summary(
                disk.statistics(disk.errors(result.where(activation=key)))
            ),
            "R3 reports": "did not train",
        }
        for key, name in NAMES.items()
    ]
    page.table(by_column(rows), caption=f"Worst / best / mean / deviation. {disk.cost(result)}.")


def _hidden(page: Page) -> None:
    rates = [1.0, 0.1, 0.01]
    configs = rl.grid(
        gradient="right: p - y",
        reduction="mean",
        activation="sigmoid",
        init=list(INITS),
        lr=rates,
        seed=range(RUNS),
    )
    result = train(configs, 100)
    rows = [
        {
            "first weights": name,
            **{f"lr {lr:g}": percent(_found(result, init=init, lr=lr)[0]) for lr in rates},
        }
        for init, name in INITS.items()
    ]
    page.text("""
        **The sigmoid in hidden layers**, which R3 gave up too, is another matter. Its derivative is at most
        1/4, so that the gradient shrinks from layer to layer unless the weights are large. Here deviation 1
        is the right choice and Xavier's, made for tanh, the wrong one:
    """)
    page.table(
        by_column(rows),
        caption=f"Mean test error of {RUNS} networks with sigmoids in all layers after 100 epochs; "
        f"{disk.cost(result)}.",
    )
