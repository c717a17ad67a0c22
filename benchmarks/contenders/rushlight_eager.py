"""Rushlight, eager."""

from __future__ import annotations

from benchmarks.contenders.torch_like import TorchLike

__all__ = ["RushlightEager"]


class RushlightEager(TorchLike):
    """The plain training loop, word for word PyTorch's."""

    title = "Rushlight eager"
    library = "rushlight"
