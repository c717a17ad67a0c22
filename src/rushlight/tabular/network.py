"""The network of a table: several multilayer perceptrons in one module, whose answers are averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import rushlight as rl
from rushlight import nn
from rushlight.nn import functional as F
from rushlight.nn.activation import activation_from_name

__all__ = ["FoldLoss", "Members", "MembersLinear"]


class MembersLinear(nn.Module):
    """A Linear for each of `members`: y_m = x_m W_m + b_m, (members, N, in) or (N, in) to (members, N, out).

    >>> MembersLinear(4, 3, 2)(rl.zeros(5, 3)).shape
    Size([4, 5, 2])
    """

    def __init__(self, members: int, in_features: int, out_features: int, gain: float = 1.0) -> None:
        super().__init__()
        bound = gain * math.sqrt(3.0 / max(in_features, 1))
        self.weight = nn.Parameter((2 * rl.rand(members, in_features, out_features) - 1) * bound)
        self.bias = nn.Parameter(rl.zeros(members, 1, out_features))

    def forward(self, x: Any) -> Any:
        return x @ self.weight + self.bias

    def flops(self, input_shape: Sequence[int], output_shape: Sequence[int]) -> int:
        """Operations of one pass."""
        return int(math.prod(output_shape)) * (2 * int(input_shape[-1]) + 1)

    def extra_repr(self) -> str:
        members, inputs, outputs = self.weight.shape
        return f"members={members}, in_features={inputs}, out_features={outputs}"


class Members(nn.Module):
    """`members` perceptrons side by side: numbers (N, in) and codes (N, embedded) to (N, members, outputs).

    The answer is a sum of what the inputs and each hidden layer say, so that it is no worse than a linear
    model, or a network of one layer, at what these can do. All share the vectors that stand for categories.
    Without codes, all categories are taken for ones that were never seen.

    >>> Members(3, [(10, 4)], 2, hidden=[8], members=5)(rl.zeros(6, 3), rl.zeros(6, 1).long()).shape
    Size([6, 5, 2])
    """

    def __init__(
        self,
        numbers: int,
        embeddings: Sequence[tuple[int, int]],
        outputs: int,
        hidden: Sequence[int] = (64, 64),
        activation: str = "relu",
        members: int = 8,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(count + 1, width) for count, width in embeddings])
        for table in self.embeddings:
            with rl.no_grad():
                table.weight.mul_(0.5)
                table.weight[0].zero_()  # of what was never seen: nothing is known
        width = numbers + sum(size for _, size in embeddings)
        widths = [width, *hidden]
        self.layers = nn.ModuleList(
            [
                MembersLinear(members, a, b, math.sqrt(2.0))
                for a, b in zip(widths[:-1], widths[1:], strict=True)
            ]
        )
        self.readouts = nn.ModuleList([MembersLinear(members, size, outputs, 0.1) for size in widths])
        self.activation = activation_from_name(activation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Any, codes: Any = None) -> Any:
        if len(self.embeddings):
            if codes is None:
                codes = rl.zeros(len(x), len(self.embeddings), dtype=rl.int64)
            x = rl.cat([x, *(table(codes[:, i]) for i, table in enumerate(self.embeddings))], 1)
        found = self.readouts[0](x)
        for layer, readout in zip(self.layers, self.readouts[1:], strict=True):
            x = self.dropout(self.activation(layer(x)))
            found = found + readout(x)
        return found.transpose(0, 1)


class FoldLoss:
    """The mean of the members' losses Σ w l / count(w > 0): targets (N, 1 + members) are y, then each
    member's w.

    With w = 0 for the samples that a member does not train on, it is the training loss; with w > 0 for
    exactly those, it is that of samples which no member that is asked has seen. Weights of samples have a
    mean of 1 over all of them: divided by the sum of a batch's own, those of a small batch would hardly
    count.
    """

    def __init__(self, classes: bool) -> None:
        self.classes = classes

    def __call__(self, output: Any, packed: Any) -> Any:
        weight, y = packed[:, 1:], packed[:, :1]
        count, members, outputs = output.shape
        if self.classes:
            labels = y.expand(count, members).reshape(-1).long()
            each = F.cross_entropy(output.reshape(-1, outputs), labels, reduction="none")
            each = each.reshape(count, members)
        else:
            each = (output[:, :, 0] - y) ** 2
        return (weight * each).sum() / (weight > 0).float().sum().clamp(min=1.0)

    def sample_weights(self, packed: Any) -> Any:
        """What each sample counts in the loss of an epoch."""
        return (packed[:, 1:] > 0).float().sum(1)
