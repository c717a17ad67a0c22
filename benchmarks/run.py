"""Time all contenders of a workload side by side.

They take turns, round after round, so that a change in the machine's pace hits all alike.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS, load
from benchmarks.machine import caches, cores, environment
from benchmarks.workloads import find

__all__ = ["Plan", "Result", "all_contenders", "imports", "installed", "race"]

ROOT = Path(__file__).resolve().parents[1]
Log = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How long to measure: ``rounds`` rounds, ``seconds`` of every contender in each."""

    rounds: int
    seconds: float


@dataclass
class Result:
    """All times of one contender on one workload, in microseconds a step, a figure a round."""

    contender: str
    title: str
    threads: int = 1
    version: str = ""
    first_ms: float = 0.0
    check: float = float("nan")
    peak_mb: float = 0.0
    """The most memory of its process after two passes, and of it what was there when the library was."""
    import_mb: float = 0.0
    us: list[float] = field(default_factory=list)
    core_share: list[float] = field(default_factory=list)
    error: str = ""

    def record(self) -> dict[str, Any]:
        """A dictionary for JSON."""
        return asdict(self)


class Worker:
    """A contender's process. It waits on its input while the others run."""

    def __init__(
        self,
        contender: str,
        workload: str,
        threads: int,
        pin: bool,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.result = Result(contender, load(contender).title, threads)
        command = [sys.executable, "-m", "benchmarks.worker", contender, workload, str(threads)]
        if pin:
            command += ["--core", str(cores()[-1])]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(threads) | dict(variables or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if started := self.ask(None):
            self.result.version = started["version"]
            self.result.first_ms = started["first_ms"]
            self.result.check = started["check"]
            self.result.peak_mb, self.result.import_mb = started["peak_mb"], started["import_mb"]

    def ask(self, seconds: float | None) -> dict[str, Any] | None:
        """Send a line (none to begin with) and wait for the answer; None once the worker has failed."""
        if self.result.error or not (self.process.stdin and self.process.stdout):
            return None
        try:
            if seconds is not None:
                print(json.dumps({"seconds": seconds}), file=self.process.stdin, flush=True)
            return dict(json.loads(self.process.stdout.readline()))
        except (BrokenPipeError, json.JSONDecodeError):
            lines = self.process.communicate()[1].strip().splitlines()
            self.result.error = lines[-1][:200] if lines else f"ended with {self.process.returncode}"
            return None

    def round(self, seconds: float) -> None:
        """Measure once."""
        if figures := self.ask(seconds):
            self.result.us.append(figures["us"])
            self.result.core_share.append(figures["core_share"])

    def close(self) -> Result:
        """End the process by ending its input."""
        if self.process.poll() is None:
            self.process.communicate()
        return self.result


def installed(contender: str) -> bool:
    """Whether the contender's library, and what it needs, is there, without importing it."""
    kind = load(contender)
    return all(find_spec(module) is not None for module in (kind.library, *kind.needs))


def race(
    workload: str, contenders: Sequence[str], threads: int | Sequence[int], plan: Plan, log: Log
) -> list[Result]:
    """Medians are taken by the report; this keeps every round. One thread means one pinned core. With several
    numbers of threads a contender takes part once with each. Each has an empty cache of its own for what it
    compiles.
    """
    numbers = [threads] if isinstance(threads, int) else threads
    able = [
        (number, name)
        for number in numbers
        for name in contenders
        if load(name).supports(find(workload)) and number <= (load(name).most_threads or number)
    ]
    workers: list[Worker] = []
    folder = tempfile.TemporaryDirectory()
    try:
        for number, name in able:
            log(f"  {workload}, threads {number}: {name} starts")
            own = caches(Path(folder.name) / f"{name}-{number}")
            workers.append(Worker(name, workload, number, number == 1, own))
        for turn in range(plan.rounds):
            log(f"  {workload}, threads {', '.join(map(str, numbers))}: round {turn + 1} of {plan.rounds}")
            # Each round begins with the next contender, so that none always follows the same neighbour.
            first = turn % max(1, len(workers))
            for worker in workers[first:] + workers[:first]:
                worker.round(plan.seconds)
    finally:
        results = [worker.close() for worker in workers]
        folder.cleanup()
    return results


def imports(contenders: Sequence[str], rounds: int, log: Log) -> dict[str, list[float]]:
    """Milliseconds that ``import`` takes in a fresh process, a figure a round, by library."""
    libraries = list(dict.fromkeys(load(name).library for name in contenders))
    times: dict[str, list[float]] = {library: [] for library in libraries}
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    for number in range(rounds + 1):
        log(f"  import times: round {number} of {rounds}")
        for library in libraries:
            done = subprocess.run(
                [sys.executable, "-c", code.format(library)],
                cwd=ROOT,
                env=environment(1),
                capture_output=True,
                text=True,
            )
            if done.returncode == 0 and number:  # the first round only fills the disk's cache
                times[library].append(float(done.stdout.split()[-1]) * 1e3)
    return {library: figures for library, figures in times.items() if figures}


def all_contenders(slow: bool) -> list[str]:
    """The names of all contenders, the slow starters only on demand."""
    return [name for name in CONTENDERS if slow or not load(name).slow]
