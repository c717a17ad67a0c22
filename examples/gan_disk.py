"""A GAN on the disk: a generator learns to throw points into the circle, against a judge who learns as well.

    python examples/gan_disk.py --steps 3000

I. Goodfellow and others, Generative adversarial nets, 2014.
"""

from __future__ import annotations

import argparse
import math

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import Tensor, nn


def draw_real(count: int) -> Tensor:
    """Points (N, 2), uniform in the circle of radius 1."""
    radius, angle = rl.rand(count).sqrt(), 2 * math.pi * rl.rand(count)
    return rl.stack([radius * angle.cos(), radius * angle.sin()], 1)


class GAN(nn.Module):
    """A generator from noise (N, 4) to points (N, 2), and a judge from points to one logit."""

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        self.generator = nn.MLP(4, [hidden, hidden], 2, activation="relu")
        self.judge = nn.MLP(2, [hidden, hidden], 1, activation="leaky_relu")

    def draw(self, count: int) -> Tensor:
        return self.generator(rl.randn(count, 4))


def train(model: GAN, steps: int, batch_size: int = 256, lr: float = 1e-3) -> list[float]:
    """Adam for both, one step of each in turn; gives the judge's losses: log 4 = 1.386 if it is lost."""
    of_judge = rl.optim.Adam(model.judge.parameters(), lr=lr, betas=(0.5, 0.99))
    of_generator = rl.optim.Adam(model.generator.parameters(), lr=lr, betas=(0.5, 0.99))
    yes, no = rl.ones(batch_size, 1), rl.zeros(batch_size, 1)

    @rl.compile
    def step() -> Tensor:
        real, made = draw_real(batch_size), model.draw(batch_size)
        of_judge.zero_grad()
        says = F.binary_cross_entropy_with_logits
        loss = says(model.judge(real), yes) + says(model.judge(made.detach()), no)
        loss.backward()
        of_judge.step()

        of_generator.zero_grad()
        says(model.judge(made), yes).backward()
        of_generator.step()
        return loss

    schedulers = [rl.optim.lr_scheduler.CosineAnnealingLR(o, steps) for o in (of_judge, of_generator)]
    losses = []
    for i in range(1, steps + 1):
        losses.append(step().item())
        for scheduler in schedulers:
            scheduler.step()
        if i % 1000 == 0 or i == steps:
            recent = losses[-100:]
            print(f"step {i:5}  the judge's loss {sum(recent) / len(recent):.3f}")
    return losses


def main() -> float:
    parser = argparse.ArgumentParser(description="Train a GAN whose generator throws points into a circle.")
    parser.add_argument("--steps", type=int, default=3000)
    options = parser.parse_args()
    print("A GAN on the disk: 4-64-64-2 against 2-64-64-1, Adam.")
    rl.manual_seed(0)
    model = GAN()
    train(model, options.steps)
    with rl.no_grad():
        radii = model.draw(10000).norm(dim=1)
    inside = (radii <= 1).float().mean().item()
    middle = (radii <= 0.5).float().mean().item()
    print(f"inside the circle {inside:.1%}; within half its radius {middle:.1%}, where a quarter belongs")
    return inside


if __name__ == "__main__":
    main()
