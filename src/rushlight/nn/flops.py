"""How many operations a layer takes, from its sizes and the shapes of what goes in and comes out."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["flops_of", "flops_of_row"]

# Operations per element of the output. A transcendental function counts as one, as in the literature.
PER_ELEMENT = {
    "ReLU": 1, "ReLU6": 2, "LeakyReLU": 2, "PReLU": 2, "ELU": 3, "SELU": 4, "Tanh": 1, "Sigmoid": 1,
    "SiLU": 2, "GELU": 4, "Softplus": 3, "Hardtanh": 2, "Softmax": 5, "LogSoftmax": 5, "Dropout": 0,
    "Dropout1d": 0, "Dropout2d": 0, "Dropout3d": 0, "Flatten": 0, "Unflatten": 0, "Identity": 0,
    "Embedding": 0, "BatchNorm1d": 4, "BatchNorm2d": 4, "BatchNorm3d": 4, "LayerNorm": 8, "GroupNorm": 8,
    "RMSNorm": 5,
}  # fmt: skip


def flops_of(module: Any, before: tuple[int, ...], after: tuple[int, ...]) -> int | None:
    """Operations of one pass of a layer from an input of shape `before` to an output of shape `after`; None
    where nobody knows.

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
    return PER_ELEMENT[kind] * elements if kind in PER_ELEMENT else None


def flops_of_row(module: Any) -> int | None:
    """The same for one row, where the layer's sizes tell the shapes; None for other layers."""
    if type(module).__name__ != "Linear":
        return None
    return flops_of(module, (1, module.in_features), (1, module.out_features))
