"""PyTorch: eager, with the fused optimiser, and with torch.compile."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders.base import Step
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

    title = "PyTorch eager, fused SGD"
    kinds = frozenset({"train"})
    models = frozenset({"mlp"})

    def optimizer_options(self) -> dict[str, Any]:
        return {"fused": True}


class TorchCompile(TorchEager):
    """The same model through ``torch.compile``; it needs a C++ compiler and many seconds."""

    title = "torch.compile"
    slow = True
    compiles = True
    models = frozenset({"mlp"})

    def setup(self, problem: Problem) -> Step:
        import torch

        step = super().setup(problem)
        self.model = torch.compile(self.model)
        return step if problem.workload.kind == "train" else self.model
