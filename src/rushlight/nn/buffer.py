"""Buffer: a tensor that a Module registers as state that is not trained, when it is assigned."""

from __future__ import annotations

from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import DTypeError, message

__all__ = ["Buffer"]


class Buffer(Tensor):
    """A tensor that becomes a buffer of the module to which it is assigned.

    persistent   whether it is part of `state_dict`.

    Raises DTypeError for what is no tensor.

    >>> import rushlight as rl
    >>> layer = rl.nn.Identity()
    >>> layer.steps = rl.nn.Buffer(rl.zeros(2))
    >>> [name for name, _ in layer.named_buffers()]
    ['steps']
    """

    def __init__(self, data: Tensor, *, persistent: bool = True) -> None:
        if not isinstance(data, Tensor):
            remedy = "Wrap it: Buffer(rl.tensor(x))."
            raise DTypeError(message("Buffer", type(data).__name__, "a Tensor", remedy))
        self.array: Any = data.array
        self.persistent = persistent
