"""The disk, layer by layer: every layer writes its own forward and backward, and no graph is recorded.

This is how the first report builds its framework. A layer keeps what its backward will need. It takes the
gradient of its output, adds to the gradients of its parameters, and returns the gradient of its input.
A network calls its layers in order, and in reverse.

    python examples/disk_layerwise.py --epochs 100
"""

from __future__ import annotations

import argparse
import math

import rushlight as rl
from rushlight import Tensor, nn


class Linear(nn.Module):
    """y = x Wᵀ + b; backward: ∇W = ∇yᵀ x, ∇b = Σ ∇y, ∇x = ∇y W."""

    def __init__(self, in_features: int, out_features: int) -> None:
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(nn.init.uniform_(rl.empty(out_features, in_features), -bound, bound))
        self.bias = nn.Parameter(nn.init.uniform_(rl.empty(out_features), -bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, *grad_output: Tensor) -> Tensor:
        (g,) = grad_output
        self.add(self.weight, g.T @ self.x)
        self.add(self.bias, g.sum(0))
        return g @ self.weight

    @staticmethod
    def add(parameter: nn.Parameter, gradient: Tensor) -> None:
        """Gradients add up until `zero_grad`."""
        parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


class ReLU(nn.Module):
    """y = max(0, x); backward: the gradient passes where x > 0."""

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x.clamp(min=0)

    def backward(self, *grad_output: Tensor) -> Tensor:
        (g,) = grad_output
        return g * (self.x > 0)


class Tanh(nn.Module):
    """y = tanh x; backward: ∇y (1 - y²)."""

    def forward(self, x: Tensor) -> Tensor:
        self.y = x.tanh()
        return self.y

    def backward(self, *grad_output: Tensor) -> Tensor:
        (g,) = grad_output
        return g * (1 - self.y * self.y)


class MSE(nn.Module):
    """The mean of (ŷ - y)² over all elements; backward: 2 (ŷ - y) / n."""

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        self.gap = prediction - target
        return (self.gap * self.gap).mean()

    def backward(self, *grad_output: Tensor) -> Tensor:
        return self.gap * (2 / self.gap.numel())


class Sequential(nn.Module):
    """Layers in order; backward in reverse. `param()` and `zero_grad()` come from Module."""

    def __init__(self, *layers: nn.Module) -> None:
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    def backward(self, *grad_output: Tensor) -> Tensor:
        (g,) = grad_output
        for layer in reversed(self.layers):
            g = layer.backward(g)
        return g


class OptimSGD:
    """v <- momentum v + ∇p; p <- p - lr v, for every pair of `param()`."""

    def __init__(self, model: nn.Module, lr: float, momentum: float) -> None:
        self.model, self.lr, self.momentum = model, lr, momentum
        self.velocities = [rl.zeros_like(p) for p, _ in model.param()]

    def step(self) -> None:
        for (p, gradient), v in zip(self.model.param(), self.velocities, strict=True):
            v.mul_(self.momentum).add_(gradient)
            p.sub_(v * self.lr)


def train(epochs: int) -> float:
    """Train the network 2-25-25-25-1 and return its test error."""
    rl.manual_seed(0)
    train_data = rl.data.Disk(1000, seed=0, targets="signed")
    test_data = rl.data.Disk(1000, seed=0, split="test", targets="signed")
    loader = rl.data.DataLoader(train_data, batch_size=100, shuffle=True, seed=0)

    model = Sequential(
        Linear(2, 25), ReLU(), Linear(25, 25), ReLU(), Linear(25, 25), Tanh(), Linear(25, 1), Tanh()
    )
    loss = MSE()
    optimizer = OptimSGD(model, lr=0.1, momentum=0.9)

    with rl.no_grad():  # the derivatives are ours, so nothing is recorded
        for epoch in range(1, epochs + 1):
            total = 0.0
            for x, target in loader:
                total += loss(model(x), target).item()
                model.zero_grad()
                model.backward(loss.backward())
                optimizer.step()
            if epoch % 20 == 0 or epoch == epochs:
                print(f"epoch {epoch:3}  loss {total / len(loader):.4f}")
        wrong = (model(test_data.inputs) > 0) != (test_data.targets > 0)
        return wrong.float().mean().item()


def main() -> float:
    parser = argparse.ArgumentParser(description="Train the disk network with hand-written backward passes.")
    parser.add_argument("--epochs", type=int, default=100)
    options = parser.parse_args()
    print("The disk, layer by layer: 2-25-25-25-1, MSE, gradient descent with momentum 0.9.")
    error = train(options.epochs)
    print(f"test error {error:.2%}")
    return error


if __name__ == "__main__":
    main()
