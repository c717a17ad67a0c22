"""An LSTM that remembers: the sum of the two marked numbers of a sequence.

    python examples/lstm_adding.py --steps 2000

Of a sequence of random numbers two are marked, one in each half; the network sees them one after the other
and says their sum at the end. Who says 1 always has an error of 1/6.

S. Hochreiter, J. Schmidhuber, Long short-term memory, 1997.
"""

from __future__ import annotations

import argparse

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import Tensor, nn


class Adder(nn.Module):
    """An LSTM over (N, T, 2), and a linear layer on its last output."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs, _ = self.lstm(x)
        return self.head(outputs[:, -1]).squeeze(1)


def draw(count: int, length: int) -> tuple[Tensor, Tensor]:
    """Sequences (N, T, 2) of numbers and marks, and the sums (N,) of what is marked."""
    numbers = rl.rand(count, length)
    half = length // 2
    marked = rl.cat([rl.randint(0, half, (count, 1)), rl.randint(half, length, (count, 1))], 1)
    marks = rl.zeros(count, length).scatter(1, marked, 1.0)
    return rl.stack([numbers, marks], 2), (numbers * marks).sum(1)


def train(
    model: nn.Module, steps: int, length: int = 30, batch_size: int = 64, lr: float = 5e-3
) -> list[float]:
    """Adam on new sequences in each step, which are drawn within it; gives the loss of every step."""
    optimizer = rl.optim.Adam(model.parameters(), lr=lr)
    scheduler = rl.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    @rl.compile
    def step() -> Tensor:
        x, y = draw(batch_size, length)
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    losses = []
    for i in range(1, steps + 1):
        losses.append(step().item())
        scheduler.step()
        if i % 500 == 0 or i == steps:
            recent = losses[-100:]
            print(f"step {i:5}  loss {sum(recent) / len(recent):.5f}")
    return losses


def main() -> float:
    parser = argparse.ArgumentParser(description="Train an LSTM on the adding problem.")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--length", type=int, default=30)
    options = parser.parse_args()
    print(f"The adding problem: an LSTM, sequences of {options.length} numbers, Adam.")
    rl.manual_seed(0)
    model = Adder()
    train(model, options.steps, options.length)
    with rl.no_grad():
        x, y = draw(1000, options.length)
        error = F.mse_loss(model(x), y).item()
    print(f"mean squared error {error:.5f}, of the constant 1 {F.mse_loss(rl.ones(1000), y):.3f}")
    return error


if __name__ == "__main__":
    main()
