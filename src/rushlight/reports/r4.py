"""R4 (Rolland, Combeau, Serré): the computational graph, first weights, momentum, and MNIST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import rushlight as rl
from rushlight import nn
from rushlight.data import MNIST
from rushlight.errors import DataError
from rushlight.plot import style
from rushlight.plot._figure import legend_below, style_axes
from rushlight.reports.page import Page, duration, panels, percent
from rushlight.reports.r4_graph import write_graph
from rushlight.reports.r4_valley import valley

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rushlight.train.sweeping.result import Run, Sweep

__all__ = ["TITLE", "write"]

TITLE = "The computational graph, and MNIST"

EPOCHS, BATCH = 8, 100
STEP = 0.2
REPORTED = {"none": 0.92, "relu": 0.97, "tanh": 0.97}
INIT = {"none": "xavier_uniform", "relu": "kaiming_uniform", "tanh": "xavier_uniform"}
NAMES = {"none": "no hidden layer", "relu": "ReLU, Kaiming", "tanh": "tanh, Glorot"}
RULE = {"xavier_uniform": "Glorot", "kaiming_uniform": "Kaiming", "normal": "deviation 1"}
RULES = {0.0: "SGD", 0.9: "momentum"}
LEVEL = 0.97
MEASURED = "Training: during the epoch, while the weights still move; validation: after it."


def build(hidden: str, momentum: float, init: str = "") -> rl.train.Trainer:
    """One of R4's networks: 784-10, or 784-100-100-10 with ReLU or tanh."""
    widths = [] if hidden == "none" else [100, 100]
    activation = "relu" if hidden == "relu" else "tanh"
    model = nn.MLP(784, widths, 10, activation, output="log_softmax", init=init or INIT[hidden])
    # Momentum sums about 1 / (1 - momentum) gradients: with this learning rate, steps are as long without it.
    optimizer = rl.optim.SGD(model.parameters(), lr=STEP * (1 - momentum), momentum=momentum)
    shrink = rl.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    return rl.train.Trainer(model, optimizer, nn.NLLLoss(), metrics=["accuracy"], scheduler=shrink)


def train(digits: Digits, **settings: Any) -> Sweep:
    """All combinations of the settings."""
    configs = rl.grid(**settings)
    validation = digits.validation
    return rl.sweep(
        build, configs, digits.train, EPOCHS, batch_size=BATCH, validation=validation, progress=False
    )


@dataclass(frozen=True)
class Digits:
    """MNIST in R4's three parts."""

    train: MNIST
    validation: MNIST
    test: MNIST


def write(page: Page) -> None:
    """Every experiment of R4; without MNIST's files, what needs none."""
    page.text("""
        R4 builds a graph of Tensor and Parameter with NumPy, works out the gradients of affine layers, tanh,
        ReLU and the negative log-likelihood, and trains networks on MNIST by SGD with and without momentum.
    """)
    write_graph(page)
    digits = _digits(page)
    if digits is None:
        _first_weights(page, None, None)
        return
    found = train(digits, hidden=["none", "relu", "tanh"], momentum=list(RULES))
    _first_weights(page, digits, found)
    finals = {run.number: _finals(run, digits) for run in found}
    _no_hidden_layer(page, found, finals)
    _two_hidden_layers(page, found, finals)
    best = max(found, key=lambda run: run.final["validation_accuracy"])
    _mistakes(page, best, digits)
    _beside_r4(page, found, finals)


def _digits(page: Page) -> Digits | None:
    """The data; where they are missing and cannot be fetched, None, and a section on how to get them."""
    try:
        train, validation, test = (MNIST(page.data, split=s) for s in ("train", "validation", "test"))
    except DataError as problem:
        page.section("MNIST is missing")
        page.text("""
            The experiments on MNIST (R4-a, R4-b) were left out: its four files were not found, and could not
            be fetched. With a connection, `rl.data.MNIST()` fetches them once (11 MB). Or put them, gzipped
            or not, into a folder `DIR/mnist` and name it: `rushlight report R4 --data DIR`, or set
            `RUSHLIGHT_DATA=DIR`. The files are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
            `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`.
        """)
        page.say(f"{page.name}: without MNIST. {problem}")
        return None
    return Digits(train, validation, test)


def _first_weights(page: Page, digits: Digits | None, found: Sweep | None) -> None:
    page.section("First weights: exploding and vanishing gradients")
    page.text("""
        R4 draws weights by Glorot's rule before tanh, uniform in ±√(6/(m+n)), and by Kaiming's before ReLU,
        ±√(6/n), so that gradients neither explode nor vanish.
    """)
    valley(page)
    figure, places = panels(1 if found is None else 2)
    _slope(places[0])
    fig_3 = "R4's Fig. 3: the slope of tanh, by `backward`; it vanishes for large inputs."
    if digits is None or found is None:
        page.picture(figure, "first-weights", fig_3)
        return
    good = found.where(hidden="tanh", momentum=0.0)[0]
    wild = train(digits, hidden=["tanh", "relu"], momentum=0.0, init="normal")
    bad, lost = wild.where(hidden="tanh")[0], wild.where(hidden="relu")[0]
    runs = {"Glorot": good, "deviation 1": bad}
    curves = {name: run.history["validation_accuracy"] for name, run in runs.items()}
    rl.plot.curves(curves, ylabel="validation accuracy", title="784-100-100-10, tanh", ax=places[1])
    page.picture(figure, "first-weights", f"Left: {fig_3} Right: a network from two kinds of first weights.")
    slower, flat = _starts(page, digits)
    end = f"no finite loss in epoch {lost.diverged}" if lost.diverged else "yet the network trains"
    page.text(f"""
        With deviation 1, {percent(flat, 0)} of the tanh units have next to no slope, and beside the size
        of the weights the gradient of the first layer is {slower:.0f} times smaller: after {EPOCHS} epochs
        the network is right on {percent(bad.final["validation_accuracy"])} of the validation digits, in place
        of {percent(good.final["validation_accuracy"])}. ReLU has no bound. There the gradient explodes: with
        deviation 1, {end}.
    """)


def _starts(page: Page, digits: Digits) -> tuple[float, float]:
    """Networks before training; by what factor deviation 1 lessens the gradient, and the flat share."""
    rows = {(h, i): at_the_start(digits, h, i) for h in ("tanh", "relu") for i in (INIT[h], "normal")}
    page.table(
        {
            "activation": [hidden for hidden, _ in rows],
            "first weights": [RULE[init] for _, init in rows],
            "loss": [start.loss for start in rows.values()],
            "slopes below 0.01": [percent(start.flat) for start in rows.values()],
            "gradient / weights, first layer": [start.first for start in rows.values()],
            "last layer": [start.last for start in rows.values()],
        },
        "Before training, over 1000 digits: the loss; the share of hidden units whose activation has a slope "
        "below 0.01; the norm of the gradient of a weight matrix, divided by that of the matrix.",
    )
    good, bad = rows["tanh", INIT["tanh"]], rows["tanh", "normal"]
    return good.first / bad.first, bad.flat


def _slope(ax: Any) -> None:
    """tanh and its derivative, as backward finds it."""
    x: Any = rl.linspace(-5, 5, 201).requires_grad_()
    y = x.tanh()
    y.sum().backward()
    ax.plot(x.detach().numpy(), y.detach().numpy(), color=style.BLUE, label="tanh(x)")
    ax.plot(x.detach().numpy(), x.grad.numpy(), color=style.ORANGE, linestyle="--", label="its derivative")
    style_axes(ax, "tanh", "x", "value")
    legend_below(ax)


@dataclass(frozen=True)
class Start:
    """A network before training: loss, share of flat hidden units, gradients beside weights in two layers."""

    loss: float
    flat: float
    first: float
    last: float


def at_the_start(digits: Digits, hidden: str, init: str) -> Start:
    """How a network of R4 stands before training, over 1000 digits."""
    rl.manual_seed(0)
    model = build(hidden, 0.0, init).model
    slopes = []
    x, targets = digits.train.inputs[:1000], digits.train.targets[:1000]
    for layer in model:
        x = layer(x)
        if isinstance(layer, nn.Tanh):
            slopes.append(1 - x.detach() ** 2)
        elif isinstance(layer, nn.ReLU):
            slopes.append((x.detach() > 0).float())
    loss = nn.functional.nll_loss(x, targets)
    loss.backward()
    weights: list[Any] = [layer.weight for layer in model if isinstance(layer, nn.Linear)]
    sizes = [(weight.grad.norm() / weight.detach().norm()).item() for weight in weights]
    flat = (rl.cat(slopes, 1) < 0.01).float().mean().item()
    return Start(loss.item(), flat, sizes[0], sizes[-1])


def _finals(run: Run, digits: Digits) -> dict[str, float]:
    """Accuracy on each part after training."""
    parts = {"train": digits.train, "validation": digits.validation, "test": digits.test}
    return {name: run.trainer.evaluate(part)["accuracy"] for name, part in parts.items()}


def _no_hidden_layer(page: Page, found: Sweep, finals: dict[int, dict[str, float]]) -> None:
    page.section("R4-a: MNIST without a hidden layer")
    page.code(build, train)
    page.text(f"""
        R4 does not give its steps. Here {EPOCHS} epochs of batches of {BATCH}; the learning rate falls to
        zero along a cosine, so that the last few batches do not decide the accuracy. 50,000 digits train,
        10,000 validate, 10,000 test. {len(found)} networks took {duration(found.seconds)}.
    """)
    part = found.where(hidden="none")
    page.picture(_curves(part), "no-hidden-layer", f"R4-a: 784-10. {MEASURED}")
    page.table(_accuracies(part, finals), "Accuracy after training.")


def _two_hidden_layers(page: Page, found: Sweep, finals: dict[int, dict[str, float]]) -> None:
    page.section("R4-b: two hidden layers of 100 units")
    figure = rl.plot.architecture(found.where(hidden="tanh")[0].model, 784, max_units=11)
    page.picture(figure, "architecture", "The network with tanh; its long columns are shortened.")
    for hidden in ("relu", "tanh"):
        part = found.where(hidden=hidden)
        figure_5 = "R4's Fig. 5: " if hidden == "relu" else ""
        caption = f"{figure_5}784-100-100-10, {NAMES[hidden]}. {MEASURED}"
        page.picture(_curves(part), hidden, caption, cover=hidden == "relu")
    both = [run for hidden in ("relu", "tanh") for run in found.where(hidden=hidden)]
    columns = _accuracies(both, finals)
    reached = [_reached(run) for run in both]
    columns[f"validation reaches {LEVEL}"] = [f"epoch {epoch}" if epoch else "never" for epoch, _ in reached]
    columns["train then"] = [None if hit is None else f"{hit:.4f}" for _, hit in reached]
    page.table(
        columns,
        f"Accuracy after training; the first epoch after which the validation accuracy is {LEVEL} or more, "
        "and the training accuracy during that epoch.",
    )


def _curves(part: Sweep) -> Figure:
    """Loss and accuracy, of training and validation, for each rule."""
    figure, places = panels(2)
    kinds = ("train", "validation")
    for ax, quantity in zip(places, ("loss", "accuracy"), strict=True):
        pairs = {
            name: [part.curves(f"{kind}_{quantity}", momentum=momentum)[0] for kind in kinds]
            for momentum, name in RULES.items()
        }
        rl.plot.paired_curves(pairs, kinds, ylabel="NLL" if quantity == "loss" else quantity, ax=ax)
    return figure


def _accuracies(runs: Any, finals: dict[int, dict[str, float]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "network": [NAMES[run.config["hidden"]] for run in runs],
        "rule": [RULES[run.config["momentum"]] for run in runs],
        "reported": [REPORTED[run.config["hidden"]] for run in runs],
    }
    for name in ("train", "validation", "test"):
        columns[name] = [f"{finals[run.number][name]:.4f}" for run in runs]
    return columns


def _reached(run: Run) -> tuple[int, float] | tuple[None, None]:
    """The first epoch after which the validation accuracy is at LEVEL, and the training accuracy in it."""
    for row in run.history.rows:
        if row["validation_accuracy"] >= LEVEL:
            return int(row["epoch"]), float(row["train_accuracy"])
    return None, None


def _mistakes(page: Page, best: Run, digits: Digits) -> None:
    page.section("What the network gets wrong")
    test = digits.test
    chances = best.trainer.predict(test.inputs).exp()
    matrix = rl.train.confusion_matrix(chances, test.targets)
    name = f"{NAMES[best.config['hidden']]}, {RULES[best.config['momentum']]}"
    caption = f"Test digits, by the network that is best on the validation digits ({name})."
    page.picture(rl.plot.confusion_matrix(matrix), "confusion", caption)
    figure = rl.plot.misclassified(test.images, test.targets, chances.argmax(1), chances, n=25)
    page.picture(figure, "misclassified", "The mistakes that it was surest of.")


def _beside_r4(page: Page, found: Sweep, finals: dict[int, dict[str, float]]) -> None:
    page.section("Beside R4's figures")
    kinds = list(REPORTED)
    tests = {kind: [finals[run.number]["test"] for run in found.where(hidden=kind)] for kind in kinds}
    page.table(
        {
            "network": [NAMES[kind] for kind in kinds],
            "R4": [REPORTED[kind] for kind in kinds],
            **{
                f"here, {name}": [f"{tests[kind][place]:.4f}" for kind in kinds]
                for place, name in enumerate(RULES.values())
            },
        },
        "Accuracy on the test digits.",
    )
    deep = [run for run in found if run.config["hidden"] != "none"]
    gaps = [finals[run.number]["train"] - finals[run.number]["test"] for run in deep]
    apart = max(abs(a - b) for a, b in tests.values())
    chance = float(np.sqrt(LEVEL * (1 - LEVEL) / 10000))
    page.text(f"""
        **What agrees.** The accuracies, with either activation. Momentum makes no difference at the end: SGD
        with and without it are at most {100 * apart:.2f} percentage points apart, and the number of test
        digits alone leaves each figure uncertain by ±{100 * chance:.2f}.

        **What differs.** R4 finds the accuracies on training, validation and test digits roughly the same.
        Here that holds without a hidden layer, and with two up to the epoch in which the validation accuracy
        reaches {LEVEL}; trained on, these networks learn the training digits nearly by heart (after {EPOCHS}
        epochs they are {100 * min(gaps):.1f} to {100 * max(gaps):.1f} points better on them than on the test
        digits), and the test accuracy gains little. R4 likely stopped earlier, or took smaller steps.
    """)
