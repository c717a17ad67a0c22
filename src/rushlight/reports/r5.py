"""R5 (Borba, de Champs, Grognuz, 2021): ReLU and tanh in one network, momentum, and a clear boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rushlight as rl
from rushlight import nn
from rushlight.plot import style
from rushlight.reports import disk
from rushlight.reports.page import Page, by_column, percent
from rushlight.reports.r5_classes import class_diagram
from rushlight.train import ErrorRate, Trainer

if TYPE_CHECKING:
    from rushlight.train.sweeping.result import Run, Sweep

__all__ = ["TITLE", "build", "write"]

TITLE = "Two ReLU and two tanh: momentum, and a boundary that follows the circle"
EPOCHS, BATCH, RUNS, FEWER = 100, 100, 20, 5
REPORTED = (0.02, 0.05)
ORDERS = {
    "ReLU, ReLU, tanh, tanh": ("relu", "relu", "tanh", "tanh"),
    "ReLU, tanh, ReLU, tanh": ("relu", "tanh", "relu", "tanh"),
    "tanh, ReLU, ReLU, tanh": ("tanh", "relu", "relu", "tanh"),
}
MAIN: dict[str, Any] = {"order": "ReLU, ReLU, tanh, tanh", "init": "pytorch", "lr": 0.1}
INITS = {"pytorch": "PyTorch's: uniform on ±1/√n", "normal": "standard normal"}


def build(order: str, init: str, lr: float) -> Trainer:
    """R5's network: three hidden layers of 25 units, four activations, squared error, momentum 0.9."""
    *hidden, last = ORDERS[order]
    model = nn.MLP(2, [25, 25, 25], 1, activation=hidden, output=last).initialize(init, init)
    optimizer = rl.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return Trainer(model, optimizer, nn.MSELoss(), metrics=[ErrorRate(0.0)])


def train(configs: list[dict[str, Any]]) -> Sweep:
    """Train a network for each of the configurations, on targets -1 outside and 1 inside."""
    points, test = disk.disk("signed")
    return rl.sweep(build, configs, points, EPOCHS, batch_size=BATCH, validation=test, progress=False)


def write(page: Page) -> None:
    """Every experiment of R5."""
    _network(page)
    runs = _errors(page)
    _pictures(page, runs[0])
    _settings(page)


def _network(page: Page) -> None:
    page.section("The network")
    page.text("""
        R5 trains three hidden layers of 25 units with "2 ReLU activations and 2 tanh activations" for 100
        epochs of 10 batches, by gradient descent with momentum. In Rushlight a list gives each layer its
        activation. R5 does not tell their order, the learning rate, or the number of outputs. We take tanh
        last, one output with targets -1 and 1, and a learning rate of 0.1.
    """)
    page.picture(
        rl.plot.architecture(build(**MAIN).model, 2),
        "architecture",
        "The network, drawn from the model itself; the colours are the activations.",
    )
    page.code(build, train)
    page.picture(
        class_diagram(),
        "classes",
        "As R5's Fig. 2, the classes of the framework, drawn by looking at the classes themselves. Solid "
        "arrows lead to the class that one derives from, dashed ones to what an object holds.",
    )


def _errors(page: Page) -> Sweep:
    page.section("R5-a. Test error")
    runs = train(rl.grid(**MAIN, seed=range(RUNS)))
    errors = {f"{part} error": 100 * runs.curves(f"{column}_error") for part, column in PARTS.items()}
    figure = rl.plot.curves(errors, ylabel="error (%)", scale="log")
    (ax,) = figure.axes
    low, high = (100 * bound for bound in REPORTED)
    ax.axhspan(low, high, color=style.FAINT, alpha=0.2, linewidth=0)
    words = f"R5: {low:g} to {high:g} % on test data"
    look: dict[str, Any] = {"ha": "right", "fontsize": style.TICK_SIZE, "color": style.TEXT}
    ax.text(0.98, high * 1.06, words, transform=ax.get_yaxis_transform(), **look)
    page.picture(
        figure,
        "r5a-errors",
        f"Training and test error, mean and deviation of {RUNS} networks; grey: what R5 reports.",
    )
    figures = disk.statistics(disk.errors(runs))
    page.table(
        {
            "": ["Rushlight", "R5 reports"],
            "mean test error": [percent(figures[2]), f"{low:g} to {high:g} %"],
            "worst": [percent(figures[0]), None],
            "best": [percent(figures[1]), None],
            "deviation": [percent(figures[3], 2), None],
        },
        caption=f"{disk.cost(runs)}.",
    )
    below = int((disk.errors(runs) <= REPORTED[1]).sum())
    page.text(f"""
        {below} of {RUNS} networks are at or below 5 %, and the mean is {percent(figures[2])}: at the good
        end of what R5 reports. All of them train on one set of points; `rushlight train disk --runs 10` draws
        new points for each seed, so that its mean and its spread are other figures. (The training error is
        measured while the network learns, so it lags behind.)
    """)
    return runs


PARTS = {"training": "train", "test": "validation"}


def _pictures(page: Page, run: Run) -> None:
    page.section("R5-b. Predictions and boundary")
    points, test = disk.disk("signed")
    predicted = disk.classes(run.model, test.inputs, threshold=0.0)
    page.picture(
        rl.plot.true_vs_predicted(test.points, test.labels, predicted),
        "r5b-classes",
        f"True and predicted classes of the test points; seed {run.config['seed']}.",
    )
    page.picture(
        rl.plot.decision_boundary(
            run.model, points.normalise, output="signed", title="what the network thinks"
        ),
        "r5b-boundary",
        "The output of the tanh over the whole square, from -1 (outside) to 1 (inside), and where it is 0.",
        cover=True,
    )
    page.text("""
        As in R5's figure, the two pictures of the classes can hardly be told apart, and the boundary follows
        the circle.
    """)


def _settings(page: Page) -> None:
    page.section("What R5 leaves open, and its initialisation")
    rates = [0.1, 0.01, 0.001]
    result = train(rl.grid(order=list(ORDERS), init=list(INITS), lr=rates, seed=range(FEWER)))
    rows = [
        {
            "activations": order,
            "first weights": INITS[init],
            **{f"lr {lr:g}": _mean(result.where(order=order, init=init, lr=lr)) for lr in rates},
        }
        for init in INITS
        for order in ORDERS
    ]
    page.table(by_column(rows), caption=f"Mean test error of {FEWER} networks. {disk.cost(result)}.")
    stuck = {init: percent(_saturated(init)) for init in INITS}
    page.text(f"""
        - The order of the activations hardly matters with PyTorch's weights, as long as tanh is last.
        - R5 could not train from standard normal weights: "the gradients got stuck". That is so at 0.1.
          Before training, the last tanh passes less than 1 % of the gradient for {stuck["normal"]} of the
          test points, with PyTorch's weights for {stuck["pytorch"]}. With smaller steps most such networks
          train from there too, so it was the step and the weights together.
    """)


def _saturated(init: str) -> float:
    """The share of test points at which the output's derivative 1 - y² is below 0.01 before training."""
    _, test = disk.disk()
    shares = []
    for seed in range(10):
        rl.manual_seed(seed)
        with rl.no_grad():
            y = build(MAIN["order"], init, MAIN["lr"]).model(test.inputs)
        shares.append((1 - y * y < 0.01).float().mean().item())
    return sum(shares) / len(shares)


def _mean(runs: Sweep) -> str:
    return percent(float(disk.statistics(disk.errors(runs))[2]))
