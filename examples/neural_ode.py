"""A neural ODE: a network is the right-hand side of an equation, and is learned from a path that obeys it.

    python examples/neural_ode.py --steps 1000

The path is a spiral, y' = A y³. The network f is trained so that y' = f(y), solved from points of the path by
Runge and Kutta's method of the fourth order, follows it; gradients flow back through all the solver's steps.

R. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, Neural ordinary differential equations, 2018.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import rushlight as rl
from rushlight import Tensor, nn

STEP = 0.05


def runge_kutta(f: Callable[[Tensor], Tensor], y: Tensor, steps: int, h: float = STEP) -> Tensor:
    """The path of y' = f(y) from y (N, D), by `steps` steps of size h: (steps + 1, N, D)."""
    path = [y]
    for _ in range(steps):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(y)
    return rl.stack(path)


def spiral(y: Tensor) -> Tensor:
    """y³ A, with A = [[-0.1, 2], [-2, -0.1]]."""
    return y**3 @ rl.tensor([[-0.1, 2.0], [-2.0, -0.1]])


class Field(nn.Module):
    """f(y) = MLP(y³): the cubes are given, as in the paper."""

    def __init__(self, hidden: int = 50) -> None:
        super().__init__()
        self.net = nn.MLP(2, [hidden], 2, activation="tanh")

    def forward(self, y: Tensor) -> Tensor:
        return self.net(y**3)


def train(
    model: nn.Module, path: Tensor, steps: int, ahead: int = 10, batch_size: int = 32, lr: float = 3e-2
) -> list[float]:
    """Adam on pieces of the path, of `ahead` steps each; gives the loss of every step."""
    optimizer = rl.optim.Adam(model.parameters(), lr=lr)
    scheduler = rl.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    @rl.compile
    def step(pieces: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = (runge_kutta(model, pieces[0], ahead) - pieces).abs().mean()
        loss.backward()
        optimizer.step()
        return loss

    losses = []
    for i in range(1, steps + 1):
        starts = rl.randint(0, len(path) - ahead, (batch_size,))
        losses.append(step(path[rl.arange(ahead + 1)[:, None] + starts]).item())
        scheduler.step()
        if i % 250 == 0 or i == steps:
            recent = losses[-20:]
            print(f"step {i:4}  loss {sum(recent) / len(recent):.4f}")
    return losses


def main() -> float:
    parser = argparse.ArgumentParser(description="Learn the equation of a spiral.")
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    print("A neural ODE: 2-50-2 with tanh, Runge-Kutta, Adam.")
    start = rl.tensor([[2.0, 0.0]])
    path = runge_kutta(spiral, start, 200)[:, 0]
    rl.manual_seed(0)
    model = Field()
    train(model, path, options.steps)
    with rl.no_grad():
        gap = (runge_kutta(model, start, 200)[:, 0] - path).norm(dim=1).mean().item()
    print(f"mean distance {gap:.3f} from a path of 200 steps that starts at radius 2")
    return gap


if __name__ == "__main__":
    main()
