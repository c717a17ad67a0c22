"""A network that obeys an equation: the heat equation, whose second derivatives come from autograd.

    python examples/pinn_heat.py --steps 3000

A rod of length 1 whose ends are kept at 0 starts at sin πx, and cools: ∂u/∂t = α ∂²u/∂x². No solution is
shown to the network; it is trained to make the two sides equal at random points, and to fit the start and the
ends. The solution is u = exp(-α π² t) sin πx.

M. Raissi, P. Perdikaris, G. Karniadakis, Physics-informed neural networks, 2019.
"""

from __future__ import annotations

import argparse
import math

import rushlight as rl
from rushlight import Tensor, nn

ALPHA = 0.1


def residual(model: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """∂u/∂t - α ∂²u/∂x² at points (x, t), each (N, 1)."""
    x, t = x.requires_grad_(), t.requires_grad_()
    u = model(rl.cat([x, t], 1))
    u_x, u_t = rl.autograd.grad(u.sum(), (x, t), create_graph=True)
    (u_xx,) = rl.autograd.grad(u_x.sum(), x, create_graph=True)
    return u_t - ALPHA * u_xx


def gaps(model: nn.Module, count: int) -> Tensor:
    """The mean squares of what is wrong inside, at the start and at both ends, added up."""
    x, t = rl.rand(count, 1), rl.rand(count, 1)
    start = model(rl.cat([x.detach(), rl.zeros(count, 1)], 1)) - (math.pi * x.detach()).sin()
    ends = rl.cat([model(rl.cat([rl.full((count, 1), float(end)), t.detach()], 1)) for end in (0, 1)])
    inside = residual(model, x, t)
    return inside.square().mean() + start.square().mean() + ends.square().mean()


def train(model: nn.Module, steps: int, count: int = 128, lr: float = 3e-3) -> list[float]:
    """Adam at new random points in each step; gives the loss of every step."""
    optimizer = rl.optim.Adam(model.parameters(), lr=lr)
    scheduler = rl.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    @rl.compile
    def step() -> Tensor:
        optimizer.zero_grad()
        loss = gaps(model, count)
        loss.backward()
        optimizer.step()
        return loss

    losses = []
    for i in range(1, steps + 1):
        losses.append(step().item())
        scheduler.step()
        if i % 1000 == 0 or i == steps:
            recent = losses[-100:]
            print(f"step {i:5}  loss {sum(recent) / len(recent):.6f}")
    return losses


def error(model: nn.Module, side: int = 50) -> float:
    """The largest distance from the solution, over a grid of x and t."""
    axis = rl.linspace(0, 1, side)
    x, t = (part.reshape(-1, 1) for part in rl.meshgrid(axis, axis, indexing="ij"))
    with rl.no_grad():
        u = model(rl.cat([x, t], 1))
    exact = (-ALPHA * math.pi**2 * t).exp() * (math.pi * x).sin()
    return (u - exact).abs().max().item()


def main() -> float:
    parser = argparse.ArgumentParser(description="Solve the heat equation by a network.")
    parser.add_argument("--steps", type=int, default=3000)
    options = parser.parse_args()
    print("The heat equation: 2-32-32-32-1 with tanh, Adam on the equation's own error.")
    rl.manual_seed(0)
    model = nn.MLP(2, [32, 32, 32], 1, activation="tanh")
    train(model, options.steps)
    largest = error(model)
    print(f"largest error {largest:.4f} of a solution that goes from 0 to 1")
    return largest


if __name__ == "__main__":
    main()
