"""What every contender does: build the network, take a step, run many of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any, ClassVar

import numpy as np

from benchmarks.models import MODELS
from benchmarks.workloads import Problem, Workload

__all__ = ["ALL", "Contender", "Step"]

ALL = frozenset({"mlp", *MODELS})
"""The models, for who can compute whatever there is."""

Step = Callable[..., Any]
"""Takes one batch; returns the loss (training) or the outputs (inference), unread."""


class Contender(ABC):
    """One way to compute a workload. A new one is a class of its own in a file of this folder.

    ``setup`` builds the network, brings ``self.batches`` into the library's own arrays and returns the step.
    Contenders that do many steps in one call override ``run`` and ``values``.
    """

    title: ClassVar[str]
    library: ClassVar[str]
    """The module that must be installed; its version is printed."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Other modules that must be."""
    models: ClassVar[frozenset[str]] = frozenset({"mlp"})
    kinds: ClassVar[frozenset[str]] = frozenset({"train", "infer"})
    compiles: ClassVar[bool] = False
    """Its first call takes long, and a cache may help."""
    most_threads: ClassVar[int | None] = None
    """Left out of a race with more threads."""
    slow: ClassVar[bool] = False
    """Slow to start: left out unless asked for."""

    batches: Sequence[tuple[Any, ...]]

    def __init__(self, problem: Problem, threads: int) -> None:
        self.threads = threads
        self.step = self.setup(problem)

    @classmethod
    def supports(cls, workload: Workload) -> bool:
        """Whether this contender can compute the workload."""
        return workload.model in cls.models and workload.kind in cls.kinds

    @abstractmethod
    def setup(self, problem: Problem) -> Step:
        """Build the network with the problem's weights, bring the batches into place; the step."""

    def array(self, result: Any) -> Any:
        """What ``step`` returned, as a NumPy array."""
        return np.asarray(result)

    def finish(self) -> None:  # noqa: B027 - most libraries have nothing to wait for
        """Wait for work that was only queued."""

    def run(self, steps: int) -> int:
        """Take about ``steps`` steps, through the batches again and again; the number really taken."""
        step = self.step
        for batch in islice(cycle(self.batches), steps):
            step(*batch)
        self.finish()
        return steps

    def values(self, passes: int) -> Iterator[float]:
        """From the given weights, the loss of each step of ``passes`` passes through the batches.

        For inference, the mean magnitude of the outputs. Who sees only a mean over each pass gives that.
        """
        for _ in range(passes):
            for batch in self.batches:
                yield float(np.abs(self.array(self.step(*batch))).mean())
