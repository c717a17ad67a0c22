"""The disk, with a graph: the forward pass records it, and `loss.backward()` walks it.

This is how the fourth report builds its framework. There are no layers here: only tensors, parameters and
the functions between them.

    python examples/disk_autograd.py --epochs 100 --out pictures
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import rushlight as rl
from rushlight import Tensor

WIDTHS = (2, 25, 25, 25, 1)
FUNCTIONS = (rl.relu, rl.relu, rl.tanh, rl.tanh)


def draw(*shape: int, fan_in: int) -> rl.Parameter:
    """A leaf of the graph, uniform on ±1/sqrt(fan_in)."""
    bound = 1 / math.sqrt(fan_in)
    return rl.Parameter(rl.nn.init.uniform_(rl.empty(*shape), -bound, bound))


def predict(parameters: list[rl.Parameter], x: Tensor) -> Tensor:
    """The network: an affine map and a function for each pair (weight, bias)."""
    for weight, bias, function in zip(parameters[::2], parameters[1::2], FUNCTIONS, strict=True):
        x = function(x @ weight.T + bias)
    return x


def train(epochs: int, out: str | None = None) -> float:
    """Train the network 2-25-25-25-1 and return its test error."""
    rl.manual_seed(0)
    train_data = rl.data.Disk(1000, seed=0, targets="signed")
    test_data = rl.data.Disk(1000, seed=0, split="test", targets="signed")
    loader = rl.data.DataLoader(train_data, batch_size=100, shuffle=True, seed=0)

    parameters = []
    for n, m in zip(WIDTHS[:-1], WIDTHS[1:], strict=True):
        parameters += [draw(m, n, fan_in=n), draw(m, fan_in=n)]
    optimizer = rl.optim.SGD(parameters, lr=0.1, momentum=0.9)

    for epoch in range(1, epochs + 1):
        total = 0.0
        for x, target in loader:
            loss = ((predict(parameters, x) - target) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        if epoch % 20 == 0 or epoch == epochs:
            print(f"epoch {epoch:3}  loss {total / len(loader):.4f}")

    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
        names = {f"{'Wb'[i % 2]}{i // 2 + 1}": parameter for i, parameter in enumerate(parameters)}
        loss = ((predict(parameters, train_data.inputs[:4]) - train_data.targets[:4]) ** 2).mean()
        rl.plot.graph(loss, Path(out) / "graph.svg", names)
        print(f"the graph that backward walks: {Path(out) / 'graph.svg'}")

    with rl.no_grad():
        wrong = (predict(parameters, test_data.inputs) > 0) != (test_data.targets > 0)
    return wrong.float().mean().item()


def main() -> float:
    parser = argparse.ArgumentParser(description="Train the disk network with automatic differentiation.")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--out", metavar="DIR", help="draw the graph into this folder")
    options = parser.parse_args()
    print("The disk, with a graph: 2-25-25-25-1, MSE, SGD with momentum 0.9.")
    error = train(options.epochs, options.out)
    print(f"test error {error:.2%}")
    return error


if __name__ == "__main__":
    main()
