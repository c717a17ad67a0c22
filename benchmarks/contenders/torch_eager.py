"""PyTorch: eager, with the fused optimiser, and with torch.compile."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders.base import ALL, Step
from benchmarks.contenders.torch_like import TorchLike
from benchmarks.workloads import Problem

__all__ = ["TorchCompile", "TorchEager", "TorchFused"]


class TorchEager(TorchLike):
    """The plain training loop."""

    title = "PyTorch eager"
    library = "torch"

    def setup(self, problem: Problem) -> Step:
        import torch

        torch.set_num_threads(self.threads)
        return super().setup(problem)


class TorchFused(TorchEager):
    """The same with ``fused=True``: one call updates all parameters."""

    title = "PyTorch eager, fused optimiser"
    kinds = frozenset({"train"})

    def optimizer_options(self) -> dict[str, Any]:
        return {"fused": True}


class TorchCompile(TorchEager):
    """Its model, or its loss, through ``torch.compile``; it needs a C++ compiler and many seconds."""

    title = "torch.compile"
    slow = True
    compiles = True
    models = ALL - {"pinn"}  # which takes derivatives of what is compiled twice: torch.compile has them once

    def wrapped(self, function: Any) -> Any:
        import torch

        return torch.compile(function)
