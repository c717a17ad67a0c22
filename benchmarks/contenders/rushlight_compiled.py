"""Rushlight, compiled: one native call a step, and many steps in one call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.contenders.base import Step
from benchmarks.contenders.torch_like import TorchLike
from benchmarks.workloads import Problem

__all__ = ["RushlightCompiled", "RushlightScan"]


class RushlightCompiled(TorchLike):
    """The plain training loop, or the model, through ``rl.compile``, called from Python batch by batch."""

    title = "Rushlight compiled"
    library = "rushlight"
    needs = ("llvmlite",)
    compiles = True

    def setup(self, problem: Problem) -> Step:
        from rushlight.compile.function import compile
        from rushlight.compile.native.threads import set_num_threads

        set_num_threads(self.threads)
        self.compiled: Any = compile(super().setup(problem))
        return self.compiled


class RushlightScan(RushlightCompiled):
    """The same step by ``scan``: many passes a call, batches gathered by index where JAX gathers them too."""

    title = "Rushlight scan"
    kinds = frozenset({"train"})

    def setup(self, problem: Problem) -> Step:
        step = super().setup(problem)
        self.passes = problem.workload.passes
        self.problem = problem
        self.many = self.arguments(self.passes)
        return step

    def arguments(self, passes: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What ``scan`` takes for that many passes."""
        from rushlight import from_numpy

        if self.problem.workload.indexed:
            index = np.tile(self.problem.index, (passes, 1))
            return tuple(from_numpy(a) for a in self.problem.samples), {"index": from_numpy(index)}
        columns = zip(*self.problem.batches, strict=True)
        return tuple(from_numpy(np.stack(column * passes)) for column in columns), {}

    def run(self, steps: int) -> int:
        a_call = self.passes * len(self.batches)
        calls = max(1, round(steps / a_call))
        sources, options = self.many
        for _ in range(calls):
            self.compiled.scan(*sources, **options)
        return calls * a_call

    def values(self, passes: int) -> Iterator[float]:
        sources, options = self.arguments(passes)
        yield from self.compiled.scan(*sources, **options).tolist()
