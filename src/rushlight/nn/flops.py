"""How many operations a layer takes, from its sizes and the shapes of what goes in and comes out."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["WHOLE", "flops_of", "flops_of_row"]

WHOLE = ("MultiheadAttention",)
"""Layers that use the parameters of their parts without calling these."""

# Operations per element of the output. A transcendental function counts as one, as in the literature.
PER_ELEMENT = {
    "ReLU": 1, "ReLU6": 2, "LeakyReLU": 2, "PReLU": 2, "ELU": 3, "SELU": 4, "Tanh": 1, "Sigmoid": 1,
    "SiLU": 2, "GELU": 4, "Softplus": 3, "Hardtanh": 2, "Softmax": 5, "LogSoftmax": 5, "Dropout": 0,
    "Dropout1d": 0, "Dropout2d": 0, "Dropout3d": 0, "Flatten": 0, "Unflatten": 0, "Identity": 0,
    "Embedding": 0, "BatchNorm1d": 4, "BatchNorm2d": 4, "BatchNorm3d": 4, "LayerNorm": 8, "GroupNorm": 8,
    "RMSNorm": 5,
}  # fmt: skip


GATES = {"RNN": (1, 2), "GRU": (3, 8), "LSTM": (4, 9)}
"""Of recurrent layers: gates, and operations per element of the state beside the products."""


def flops_of(
    module: Any, before: tuple[int, ...], after: tuple[int, ...], keys: tuple[int, ...] | None = None
) -> int | None:
    """Operations of one pass of a layer from an input of shape `before` to an output of shape `after`; None
    where nobody knows. Attention's keys have the shape `keys`, by default that of the queries.

    A multiplication and an addition are two operations. A layer of your own is counted by its method
    ``flops(input_shape, output_shape) -> int``.

    >>> from rushlight import nn
    >>> flops_of(nn.Linear(3, 2), (5, 3), (5, 2)), flops_of(nn.Conv2d(1, 4, 3), (1, 1, 8, 8), (1, 4, 6, 6))
    (70, 2736)
    """
    kind, elements = type(module).__name__, math.prod(after)
    if hasattr(type(module), "flops"):
        return int(module.flops(before, after))
    if kind == "Linear":
        return elements * (2 * before[-1] + (module.bias is not None))
    if kind in ("Conv1d", "Conv2d", "Conv3d"):
        terms = module.in_channels // module.groups * math.prod(module.kernel_size)
        return elements * (2 * terms + (module.bias is not None))
    if kind in ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"):
        spread = module.out_channels // module.groups * math.prod(module.kernel_size)
        return 2 * math.prod(before) * spread + elements * (module.bias is not None)
    if kind in ("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d"):
        size = module.kernel_size
        axes = int(kind[-2])
        return elements * (math.prod(size) if isinstance(size, tuple) else size**axes)
    if kind.startswith("Adaptive") and "Pool" in kind:
        return math.prod(before)  # each number goes into one result, or nearly so
    if kind in GATES:
        return math.prod(before[:-1]) * _recurrent(module, *GATES[kind])
    if kind == "MultiheadAttention":
        return _attention(module, before, keys or before)
    return PER_ELEMENT[kind] * elements if kind in PER_ELEMENT else None


def _recurrent(module: Any, gates: int, others: int) -> int:
    """Of one step of a recurrent layer, through all its layers and directions."""
    ways, hidden, total = 1 + module.bidirectional, module.hidden_size, 0
    state = module.proj_size or hidden
    for layer in range(module.num_layers):
        inputs = module.input_size if layer == 0 else ways * state
        one = gates * hidden * (2 * (inputs + state) + 2 * module.bias) + others * hidden
        total += ways * (one + 2 * hidden * module.proj_size)
    return total


def _attention(module: Any, query: tuple[int, ...], key: tuple[int, ...]) -> int:
    """Projections of queries, keys, values and results; scores, their softmax, and sums of values."""
    width, along = module.embed_dim, 1 if module.batch_first and len(key) == 3 else 0
    queries, keys, length = math.prod(query[:-1]), math.prod(key[:-1]), key[along]
    bias = module.in_proj_bias is not None
    projected = queries * width * (4 * width + 2 * bias) + keys * width * (
        2 * module.kdim + 2 * module.vdim + 2 * bias
    )
    return projected + queries * length * (4 * width + 5 * module.num_heads)


def flops_of_row(module: Any) -> int | None:
    """The same for one row, where the layer's sizes tell the shapes; None for other layers."""
    if type(module).__name__ != "Linear":
        return None
    return flops_of(module, (1, module.in_features), (1, module.out_features))
