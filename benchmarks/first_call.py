"""The first call of a step in a new process: caches empty, and as the process before left them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.contenders import load
from benchmarks.machine import caches
from benchmarks.run import Worker
from benchmarks.workloads import WORKLOADS, find

__all__ = ["FIRST", "first_calls"]

FIRST = tuple(w.name for w in WORKLOADS.values() if w.kind == "train" and w.name not in ("mnist", "wide"))
"""The workloads whose first calls are timed."""
Log = Callable[[str], None]
Times = dict[str, dict[str, list[float]]]


def first_calls(workload: str, contenders: Sequence[str], rounds: int, log: Log) -> Times:
    """Milliseconds from the call to its result, by contender and by state of the cache, a figure a round."""
    able = [name for name in contenders if load(name).supports(find(workload))]
    times: Times = {name: {"empty": [], "warm": []} for name in able}
    for number in range(rounds):
        for name in able:
            log(f"  first call: {workload}, {name}, round {number + 1} of {rounds}")
            for state, taken in _one_round(workload, name):
                times[name][state].append(taken)
    return {name: found for name, found in times.items() if found["empty"]}


def _one_round(workload: str, name: str) -> Iterator[tuple[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        for state in ("empty", "warm"):
            worker = Worker(name, workload, 1, pin=True, variables=caches(Path(folder)))
            result = worker.close()
            if not result.error:
                yield state, result.first_ms
