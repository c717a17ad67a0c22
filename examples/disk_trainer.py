"""The disk, with Trainer: fit, evaluate, predict, pictures, and a run that can be resumed.

python examples/disk_trainer.py --epochs 100 --out runs/example
python examples/disk_trainer.py --epochs 200 --out runs/example     (goes on from epoch 100)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import rushlight as rl
from rushlight import nn


def train(epochs: int, out: str | None = None) -> float:
    """Train the network 2-25-25-25-1 and return its test error; with `out`, resume and draw there."""
    rl.manual_seed(0)
    train_data = rl.data.Disk(1000, seed=0, targets="signed")
    test_data = rl.data.Disk(1000, seed=0, split="test", targets="signed")
    loader = rl.data.DataLoader(train_data, batch_size=100, shuffle=True, seed=0)

    model = nn.MLP(2, [25, 25, 25], 1, activation=["relu", "relu", "tanh"], output="tanh")
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    trainer = rl.train.Trainer(model, optimizer, nn.MSELoss(), metrics=["accuracy"], out=out)
    trainer.fit(loader, epochs, resume=out is not None)

    outputs = trainer.predict(test_data.inputs)  # (1000, 1), from -1 outside to 1 inside
    if out is not None:
        draw(trainer, test_data, outputs, Path(out))
    return 1 - trainer.evaluate(test_data)["accuracy"]


def draw(trainer: rl.train.Trainer, data: rl.data.Disk, outputs: rl.Tensor, out: Path) -> None:
    """Four pictures of the run."""
    predicted = (outputs > 0).long()
    model = trainer.model
    rl.plot.curves(trainer.history, scale="log", path=out / "curves.png")
    rl.plot.true_vs_predicted(data.points, data.labels, predicted, path=out / "true-vs-predicted.png")
    rl.plot.right_and_wrong(data.points, data.labels, predicted, path=out / "right-and-wrong.png")
    rl.plot.decision_boundary(model, data.normalise, output="signed", path=out / "boundary.png")
    print(f"curves, predictions, errors and the boundary: {out}")


def main() -> float:
    parser = argparse.ArgumentParser(description="Train the disk network with Trainer.")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--out", metavar="DIR", help="keep checkpoint, history and pictures in this folder")
    options = parser.parse_args()
    print("The disk, with Trainer: 2-25-25-25-1, MSE, SGD with momentum 0.9.")
    error = train(options.epochs, options.out)
    print(f"test error {error:.2%}")
    return error


if __name__ == "__main__":
    main()
