"""One contender on one workload in a process of its own, told over its standard input when to run.

Lines of JSON both ways. First the worker says ``{"version", "first_ms", "check"}``. Then for each line
``{"seconds": s}`` it takes steps for about that long and answers ``{"us", "steps", "core_share"}``, until
its input ends.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from importlib import import_module, metadata
from typing import IO, Any

__all__ = ["main"]


def main(argv: list[str] | None = None) -> None:
    """Run as ``python -m benchmarks.worker CONTENDER WORKLOAD THREADS [--core N]``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender")
    parser.add_argument("workload")
    parser.add_argument("threads", type=int)
    parser.add_argument("--core", type=int)
    args = parser.parse_args(argv)
    if args.core is not None:
        # Before any library is imported: JAX sizes its pools by the cores that it sees.
        os.sched_setaffinity(0, {args.core})
    with _own_stdout() as answers:
        serve(args.contender, args.workload, args.threads, answers)


def _own_stdout() -> IO[str]:
    """A private handle of standard output; what libraries print goes to standard error instead."""
    handle = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return handle


def serve(contender_name: str, workload_name: str, threads: int, answers: IO[str]) -> None:
    """Set up, check, then answer one line for each line of standard input."""
    from benchmarks.contenders import load
    from benchmarks.machine import peak
    from benchmarks.workloads import Problem, find

    def answer(record: dict[str, Any]) -> None:
        print(json.dumps(record), file=answers, flush=True)

    kind = load(contender_name)
    import_module(kind.library)
    before = peak()
    contender = kind(Problem(find(workload_name)), threads)
    first_ms, check = _check(contender)
    answer(
        {
            "version": _version(contender.library),
            "first_ms": first_ms,
            "check": check,
            "peak_mb": peak(),
            "import_mb": before,
        }
    )
    rate = 0.0
    for line in sys.stdin:
        seconds = json.loads(line)["seconds"]
        rate = rate or _rate(contender, seconds)
        answer(_measure(contender, max(1, int(rate * seconds))))


def _check(contender: Any) -> tuple[float, float]:
    """Milliseconds of the first call, and the mean of the second pass (see ``Contender.values``)."""
    start = time.perf_counter()
    values = contender.values(2)
    seen = [next(values)]
    first_ms = (time.perf_counter() - start) * 1e3
    seen += values
    second = seen[len(seen) // 2 :]
    return first_ms, math.fsum(second) / len(second)


def _rate(contender: Any, seconds: float) -> float:
    """Steps a second, after at least ``seconds`` of warm-up."""
    steps, begin = 1, time.perf_counter()
    while True:
        start = time.perf_counter()
        done = contender.run(steps)
        now = time.perf_counter()
        if now - begin > seconds and now - start > seconds / 8:
            return float(done / (now - start))
        steps *= 2


def _measure(contender: Any, steps: int) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    done = contender.run(steps)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"us": wall / done * 1e6, "steps": done, "core_share": cpu / wall}


def _version(library: str) -> str:
    names = {"sklearn": "scikit-learn"}
    try:
        return metadata.version(names.get(library, library))
    except metadata.PackageNotFoundError:
        return str(getattr(import_module(library), "__version__", "?"))


if __name__ == "__main__":
    main()
