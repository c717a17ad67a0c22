"""The tables: Markdown for people, JSON for programs."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.contenders import load
from benchmarks.figures import quartiles, remarks
from benchmarks.report_sweep import sweep_table
from benchmarks.run import Result
from benchmarks.workloads import WORKLOADS

__all__ = ["BASELINES", "markdown"]

BASELINES = ("rushlight-compiled", "rushlight", "numpy")
"""Ratios are to the first of these that ran."""


def markdown(report: dict[str, Any]) -> str:
    """The whole report: machine, a table for each workload and thread setting, imports, who was absent."""
    m, plan = report["machine"], report["plan"]
    lines = [
        "# Rushlight beside its peers",
        "",
        f"{m['cpu']}, {m['cores']} cores, {m['system']}, Python {m['python']}, {m['date']}. float32.",
        f"Medians over {plan['rounds']} rounds of {plan['seconds']} s; in each the contenders take turns.",
        "Ratio: a contender's median divided by the baseline's (bold); above 1 is slower than the baseline.",
    ]
    for race in report["races"]:
        sweep = WORKLOADS[race["workload"]].kind == "sweep"
        lines += ["", *(sweep_table if sweep else _race)(race)]
    for workload, times in report["first_calls"].items():
        lines += ["", *_first_calls(workload, times)]
    if report["imports"]:
        lines += ["", *_imports(report["imports"])]
    left = ("Left out (--slow takes them in)", report["left_out"])
    for title, names in (("Not installed, so skipped", report["absent"]), left):
        if names:
            lines += ["", f"{title}: {', '.join(names)}."]
    return "\n".join(lines) + "\n"


def _race(race: dict[str, Any]) -> list[str]:
    workload, threads = WORKLOADS[race["workload"]], race["threads"]
    setting = "one thread, pinned to one core" if threads == 1 else f"all {threads} cores"
    results = [Result(**record) for record in race["results"]]
    base = next((r for name in BASELINES for r in results if r.contender == name and r.us), None)
    lines = [
        f"## {workload.title} ({setting})",
        "",
        "| contender | version | median µs | quartiles | best | ratio | first call ms | "
        "peak MB, above import | " + ("loss |" if workload.kind == "train" else "output |"),
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    ran = sorted((r for r in results if r.us), key=lambda r: statistics.median(r.us))
    lines += [_row(r, base) for r in ran]
    lines += [f"| {r.title} | | failed: {r.error} | | | | | | |" for r in results if not r.us]
    return [*lines, *remarks(ran, base)]


def _row(result: Result, base: Result | None) -> str:
    median = statistics.median(result.us)
    low, high = quartiles(result.us)
    ratio = f"{median / statistics.median(base.us):.2f}" if base else ""
    title, ratio = (f"**{result.title}**", f"**{ratio}**") if result is base else (result.title, ratio)
    return (
        f"| {title} | {result.version} | {_us(median)} | {_us(low)} to {_us(high)} | {_us(min(result.us))} "
        f"| {ratio} | {result.first_ms:.1f} | {result.peak_mb:.0f}, {result.peak_mb - result.import_mb:.0f} "
        f"| {result.check:.6f} |"
    )


def _first_calls(workload: str, times: dict[str, dict[str, list[float]]]) -> list[str]:
    lines = [f"## First call in a new process: {WORKLOADS[workload].title}", ""]
    lines += ["From the call to its result; the library itself was imported before.", ""]
    lines += ["| contender | empty cache ms | warm cache ms |", "|---|--:|--:|"]
    for name, found in sorted(times.items(), key=lambda item: statistics.median(item[1]["empty"])):
        empty, warm = (f"{statistics.median(t):.0f}" if t else "" for t in (found["empty"], found["warm"]))
        lines.append(f"| {load(name).title} | {empty} | {warm} |")
    return lines


def _imports(times: dict[str, list[float]]) -> list[str]:
    base = times.get("rushlight", times.get("numpy"))
    lines = ["## `import`, in a fresh process", ""]
    lines += ["| library | median ms | best | ratio |", "|---|--:|--:|--:|"]
    for library, figures in sorted(times.items(), key=lambda item: statistics.median(item[1])):
        median = statistics.median(figures)
        ratio = f"{median / statistics.median(base):.2f}" if base else ""
        lines.append(f"| {library} | {median:.0f} | {min(figures):.0f} | {ratio} |")
    return lines


def _us(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
