"""The table of a sweep: whole runs in seconds, by contender and number of threads."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.figures import quartiles, remarks
from benchmarks.run import Result
from benchmarks.workloads import WORKLOADS

__all__ = ["sweep_table"]

OURS, PEER = "rushlight-sweep", "torch-loop"


def sweep_table(race: dict[str, Any]) -> list[str]:
    """Title, what was scaled, a row for each contender and number of threads, and the two ratios in words."""
    workload = WORKLOADS[race["workload"]]
    steps = workload.networks * workload.passes * workload.batches
    results = [Result(**record) for record in race["results"]]
    ran = sorted((r for r in results if r.us), key=lambda r: statistics.median(r.us))
    peer = next((r for r in ran if r.contender == PEER and r.threads == 1), None)
    lines = [
        f"## {workload.title}",
        "",
        f"Seconds for the whole sweep: the time of one step of one network, times {steps:,}. Rushlight was",
        "timed on all of it, building the networks and their histories included; PyTorch on 4 of the",
        f"{workload.networks} networks, one after the other; JAX on a quarter of the epochs; both scaled.",
        "One thread is pinned to one core; all took turns in one race. Faster: than PyTorch on one thread.",
        "",
        "| contender | version | threads | median s | quartiles | best | faster | first call ms | loss |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [_row(r, peer, steps / 1e6) for r in ran]
    lines += [f"| {r.title} | | {r.threads} | failed: {r.error} | | | | | |" for r in results if not r.us]
    return [*lines, *remarks(ran, ran[0] if ran else None), *_cores(ran)]


def _row(result: Result, peer: Result | None, scale: float) -> str:
    median, best = (scale * value for value in (statistics.median(result.us), min(result.us)))
    low, high = (scale * value for value in quartiles(result.us))
    times = f"{_ratio(peer, result):.1f} times" if peer else ""
    title, times = (
        f"**{part}**" if result.contender == OURS and part else part for part in (result.title, times)
    )
    return (
        f"| {title} | {result.version} | {result.threads} | {median:.2f} | {low:.2f} to {high:.2f} "
        f"| {best:.2f} | {times} | {result.first_ms:.0f} | {result.check:.6f} |"
    )


def _cores(ran: list[Result]) -> list[str]:
    """What more threads bring Rushlight."""
    ours = {r.threads: r for r in ran if r.contender == OURS}
    lines = []
    for threads in sorted(ours.keys() - {1}) if 1 in ours else []:
        faster = _ratio(ours[1], ours[threads])
        lines += ["", f"Rushlight is {faster:.2f} times as fast on {threads} threads as on one."]
    return lines


def _ratio(slow: Result, fast: Result) -> float:
    return statistics.median(slow.us) / statistics.median(fast.us)
