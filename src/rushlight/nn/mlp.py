"""MLP: a whole multi-layer perceptron in one call."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.errors import ArgumentError, message
from rushlight.nn.activation import activation_from_name
from rushlight.nn.containers import Sequential
from rushlight.nn.init import Initializer
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module

__all__ = ["MLP"]

Activation = str | Module | Callable[[], Module]


def _activation(choice: Activation) -> Module:
    if isinstance(choice, str):
        return activation_from_name(choice)
    if isinstance(choice, Module):
        return copy.deepcopy(choice)
    made = choice() if callable(choice) else None
    if isinstance(made, Module):
        return made
    raise ArgumentError(
        message("MLP", f"activation {choice!r}", "a name, a Module or its class", "Try 'relu'.")
    )


class MLP(Sequential):
    """Linear layers of the given widths with activations between: R1's one-call model, (N, in) to (N, out).

    ``hidden`` lists the hidden widths (or is one width). ``activation`` serves every hidden layer, or a list
    gives each its own, as R5 mixes ReLU and tanh: a name, a Module or its class. ``output`` is the activation
    after the last layer, if any. ``init`` and ``bias_init`` go to every Linear. Raises ArgumentError when the
    numbers of activations and hidden layers differ.

    >>> import rushlight as rl
    >>> net = rl.nn.MLP(2, [25, 25, 25], 1, activation=["relu", "relu", "tanh"], output="tanh")
    >>> net(rl.zeros(5, 2)).shape
    Size([5, 1])
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int] | int,
        out_features: int,
        activation: Activation | list[Any] | tuple[Any, ...] = "relu",
        output: Activation | None = None,
        init: Initializer | str | None = None,
        bias_init: Initializer | str | None = None,
        *,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        widths = [in_features, *([hidden] if isinstance(hidden, int) else hidden), out_features]
        chosen = (
            list(activation) if isinstance(activation, (list, tuple)) else [activation] * (len(widths) - 2)
        )
        if len(chosen) != len(widths) - 2:
            got = f"{len(chosen)} activations for {len(widths) - 2} hidden layers"
            remedy = "The last layer's activation is output=."
            raise ArgumentError(message("MLP", got, "one for each hidden layer, or one for all", remedy))
        layers: list[Module] = []
        for inputs, outputs, after in zip(widths[:-1], widths[1:], [*chosen, output], strict=True):
            layers.append(Linear(inputs, outputs, bias, dtype=dtype, init=init, bias_init=bias_init))
            if after is not None:
                layers.append(_activation(after))
        super().__init__(*layers)
        self.in_features = in_features
        self.out_features = out_features
