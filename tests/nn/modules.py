"""Modules that several tests look at."""

from __future__ import annotations

import rushlight as rl
from rushlight import nn


class Scale(nn.Module):
    """A parameter, a buffer, a temporary buffer, and a missing parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(rl.tensor([2.0, 3.0]))
        self.register_buffer("count", rl.tensor(0))
        self.register_buffer("scratch", rl.zeros(2), persistent=False)
        self.register_parameter("bias", None)
        self.note = "plain"

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x * self.factor


class Net(nn.Module):
    """Nested, with a layer that stands at two places."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.scale = Scale()
        self.again = self.first

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.again(rl.tanh(self.scale(self.first(x))))
