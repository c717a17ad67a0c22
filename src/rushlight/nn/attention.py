"""Which of several ways computes `scaled_dot_product_attention`: there is one here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from rushlight.errors import NotSupportedError, message

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(Enum):
    """PyTorch's ways to compute attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """Within it attention is computed in one of these ways; MATH, the plain one, is what it always is.

    PyTorch's others are for hardware that is not used here: they are taken as wishes. Raises
    NotSupportedError for none at all.

    >>> import rushlight as rl
    >>> q = rl.rand(1, 2, 3, 4)
    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     rl.nn.functional.scaled_dot_product_attention(q, q, q).shape
    Size([1, 2, 3, 4])
    """
    chosen = [backends] if isinstance(backends, SDPBackend) else list(backends)
    if not chosen:
        raise NotSupportedError(message("sdpa_kernel", "no backend", "one of SDPBackend", "Write MATH."))
    yield
