"""Draws the pictures of the README and the guide: python docs/make_images.py"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

import rushlight as rl
from rushlight import nn

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    rl.manual_seed(0)
    train = rl.data.Disk(1000, seed=0, targets="signed")
    test = rl.data.Disk(1000, seed=0, split="test", targets="signed")
    model = nn.MLP(2, [25, 25, 25], 1, activation=["relu", "relu", "tanh"], output="tanh")
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    trainer = rl.train.Trainer(model, optimizer, nn.MSELoss(), progress=False)
    loader = rl.data.DataLoader(train, batch_size=100, shuffle=True, seed=0)
    other = rl.data.Disk(1000, seed=1, targets="signed")
    validation = rl.data.TensorDataset(train.normalise(other.points), other.targets)
    trainer.fit(loader, epochs=100, validation=validation)

    _, (left, right) = plt.subplots(1, 2, figsize=(10.2, 4.7), width_ratios=(1.25, 1), layout="constrained")
    rl.plot.decision_boundary(model, test.normalise, output="signed", title="what it learned", ax=left)
    predicted = (trainer.predict(test.inputs) > 0).long()
    rl.plot.right_and_wrong(
        test.points,
        test.labels,
        predicted,
        title="test points",
        path=IMAGES / "disk.png",
        ax=right,
    )
    rl.plot.curves(trainer.history, scale="log", path=IMAGES / "curves.png")

    w = rl.tensor([0.5, -1.0], requires_grad=True)
    b = rl.tensor(0.25, requires_grad=True)
    loss = ((rl.tensor([2.0, 1.0]) @ w + b).tanh() - 1.0) ** 2
    rl.plot.graph(loss, IMAGES / "graph.png", {"w": w, "b": b}, engine="matplotlib")
    draw_sweep()
    draw_problems()


def build(lr: float, activation: str) -> rl.train.Trainer:
    """The network of the guide's page on sweeps."""
    model = nn.MLP(2, [25, 25, 25], 1, activation=activation)
    optimizer = rl.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return rl.train.Trainer(model, optimizer, nn.MSELoss(), metrics=["error"])


def draw_sweep() -> None:
    """Four configurations, ten seeds each."""
    data = rl.data.Disk(1500, seed=0, targets="signed")
    train, validation = rl.data.random_split(data, [1000, 500], seed=0)
    configs = rl.grid(lr=[0.01, 0.05], activation=["tanh", "relu"], seed=range(10))
    result = rl.sweep(build, configs, train, epochs=20, batch_size=100, validation=validation, progress=False)
    names = {f"{a}, lr {lr}": {"lr": lr, "activation": a} for lr in (0.01, 0.05) for a in ("tanh", "relu")}
    curves = {name: result.curves("validation_loss", **where) for name, where in names.items()}
    errors = {name: result.where(**where).columns["validation_error"] for name, where in names.items()}

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12.6, 4.2), width_ratios=(1.15, 1), layout="constrained"
    )
    # The table stands outside its axes: without a pad its last column touches the picture's edge.
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)
    rl.plot.curves(curves, scale="log", ylabel="validation loss", ax=left)
    rl.plot.run_statistics(errors, xlabel="validation error (%)", path=IMAGES / "sweep.png", ax=right)


def draw_problems() -> None:
    """Those of the guide's page on notebooks: three kinds of plants by four measures, and a regression."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 300)
    measures = rng.normal(size=(300, 4)) * [1, 5, 0.2, 1] + np.eye(4)[kind] * 3
    mean, deviation = measures.mean(0), measures.std(0)
    rl.manual_seed(0)
    net = nn.MLP(4, [16], 3)
    trainer = rl.train.Trainer(net, "adam", "crossentropy", lr=0.01, progress=False)
    trainer.fit(((measures - mean) / deviation, kind), 30)
    scores = trainer.predict((measures - mean) / deviation)
    true = rng.normal(size=500)
    found = true + 0.1 * rng.normal(size=500) - 0.05 * true**2

    _, (first, second, third, fourth) = plt.subplots(1, 4, figsize=(17.6, 4.6), layout="constrained")
    title = "two components of four measures"
    look = {"points": measures, "labels": kind, "names": ["ash", "beech", "fir"], "title": title, "ax": first}
    rl.plot.decision_boundary(net, (mean, deviation), **look)
    models = {"network": scores.softmax(1), "temperature 3": (scores / 3).softmax(1)}
    rl.plot.calibration(kind, models, title="calibration", ax=second)
    rl.plot.predicted(true, found, ax=third)
    rl.plot.residuals(true, found, ax=fourth, path=IMAGES / "problems.png")


if __name__ == "__main__":
    main()
