"""The states of a sweep's networks as bytes: what a worker sends back, and what a sweep's folder keeps.

They are a checkpoint with the parts of several trainers. So they hold what `Trainer.fit` needs to go on, and
to read them runs no code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import CheckpointError
from rushlight.train.checkpoint import Saved, dump_checkpoint, load_parts, parse_checkpoint
from rushlight.train.sweeping.result import Run

__all__ = ["State", "dump", "parse"]

RUNS = "runs"


@dataclass(frozen=True)
class State:
    """What was kept of one run.

    number, over, diverged, random   as of `Run`; parts: those of its trainer; where: where they come from.
    """

    number: int
    over: bool
    diverged: int | None
    random: Tensor | None
    parts: dict[str, Saved]
    where: str

    @property
    def progress(self) -> tuple[bool, int, int]:
        """How far it came; what is greater came further."""
        position = self.parts["position"].state
        return self.over, position["epoch"], position["batch"]

    def restore(self, run: Run) -> None:
        """Give a run, whose trainer was just made, this state. CheckpointError where it does not fit."""
        trainer = run.trainer
        load_parts(self.where, self.parts, False, True, trainer.parts())
        if hasattr(trainer.optimizer, "stepped"):
            trainer.optimizer.stepped = True  # in another process; schedulers ask
        run.over, run.diverged, run.random = self.over, self.diverged, self.random


def dump(runs: Iterable[Run]) -> bytes:
    """The states of `runs`. Raises CheckpointError for one that a checkpoint cannot hold."""
    facts: dict[int, Any] = {}
    parts: dict[str, Any] = {RUNS: facts}
    for run in runs:
        random = None if run.over else run.random
        facts[run.number] = {"over": run.over, "diverged": run.diverged, "random": random}
        parts |= {f"{run.number}.{name}": part for name, part in run.trainer.parts().items()}
    return dump_checkpoint(False, parts)


def parse(data: bytes, where: str) -> list[State]:
    """The states in what `dump` gave. Raises CheckpointError for anything else."""
    saved = parse_checkpoint(data, where)
    try:
        facts = saved.pop(RUNS).state
        own: dict[int, dict[str, Saved]] = {number: {} for number in facts}
        for name, part in saved.items():
            number, _, short = name.partition(".")
            own[int(number)][short] = part
        found = [State(number, **facts[number], parts=parts, where=where) for number, parts in own.items()]
        for state in found:
            _ = state.progress
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{where} holds no states of a sweep ({error!r}).") from error
    return found
