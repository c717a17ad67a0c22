"""Transforms over whole batches, where they say how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.data.dataset import default_collate
from rushlight.vision.transforms.base import Compose, Transform
from rushlight.vision.transforms.fixed import ToTensor

__all__ = ["at_once", "finish", "run_at_once", "split_at_to_tensor"]

OURS = "rushlight.vision."


def split_at_to_tensor(transform: Any) -> tuple[list[Any], list[Any] | None]:
    """The transforms before and after the first `ToTensor` of a composition; without one, all and None."""
    steps = _steps(transform)
    for at, step in enumerate(steps):
        if type(step) is ToTensor:
            return steps[:at], steps[at + 1 :]
    return steps, None


def _steps(transform: Any) -> list[Any]:
    """The transforms that a composition is made of, in order."""
    if type(transform) is Compose:
        return [step for part in transform.transforms for step in _steps(part)]
    return [] if transform is None else [transform]


def at_once(step: Any) -> bool:
    """Whether a transform says how it treats a batch, and its `forward` is the one that this is said of."""
    ours = isinstance(step, Transform) and type(step).forward.__module__.startswith(OURS)
    return ours and (step.batches or step.each is not None)


def run_at_once(step: Any, batch: Tensor) -> Tensor:
    """A batch (N, C, H, W) after a transform that `at_once` is true of."""
    found: Tensor = step(batch) if step.batches else step.each(batch)
    return found


def finish(steps: Sequence[Any], batch: Tensor) -> Any:
    """The batch after the steps: at once up to the first that is not, then sample by sample."""
    for at, step in enumerate(steps):
        if not at_once(step):
            samples = [batch[i] for i in range(len(batch))]
            for rest in steps[at:]:
                samples = [rest(sample) for sample in samples]
            return default_collate(samples)
        batch = run_at_once(step, batch)
    return batch
