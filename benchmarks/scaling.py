"""``python -m benchmarks.scaling``: how a step's time, the first call and the memory grow with the problem.

One core. It writes ``docs/guide/scaling.md``'s tables and pictures, and the figures as JSON beside the other
results; `--quick` is a look, and writes nothing but where `--out` says.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.run import Plan, Result, installed, race
from benchmarks.workloads import variant

__all__ = ["AXES", "Axis", "best", "main", "measure", "page"]

ROOT = Path(__file__).resolve().parents[1]
CONTENDERS = ("rushlight-compiled", "rushlight-scan", "torch-fused", "jax", "jax-scan")
LINES = {
    "Rushlight": ("rushlight-compiled", "rushlight-scan"),
    "PyTorch": ("torch-fused",),
    "JAX": ("jax", "jax-scan"),
}
"""A line of a picture, and the ways of running of which it shows the best."""
COLOURS = {"Rushlight": "#c8501e", "PyTorch": "#5b6770", "JAX": "#2f6fb3"}
FULL, QUICK = Plan(rounds=5, seconds=0.1), Plan(rounds=1, seconds=0.02)
BEGIN, END = "<!-- written by python -m benchmarks.scaling -->", "<!-- to here -->"


@dataclass(frozen=True)
class Axis:
    """What grows: its name, the sizes, and the workload of each; figure: what is measured."""

    name: str
    title: str
    sizes: tuple[int, ...]
    workload: Callable[[int], str]
    figure: str = "us"


def _mlp(widths: Sequence[int], batch: int) -> str:
    return variant("mnist", widths=list(widths), batch=batch, batches=4)


def _deep(depth: int) -> str:
    return _mlp((64, *[64] * depth, 10), 128)


def _batch(batch: int) -> str:
    return _mlp((64, 128, 128, 128, 10), batch)


AXES = (
    Axis("width", "Width of three hidden layers, batch 128", (16, 64, 256, 1024),
         lambda n: _mlp((64, n, n, n, 10), 128)),
    Axis("depth", "Hidden layers of 64, batch 128", (1, 2, 4, 8, 16), _deep),
    Axis("batch", "Samples in a batch, three hidden layers of 128", (1, 8, 64, 512), _batch),
    Axis("channels", "Channels of three 3x3 convolutions with batch norm, 32x32 pictures, batch 16",
         (4, 8, 16, 32, 64), lambda n: variant("conv", widths=[3, n, n, n, 10], batch=16)),
    Axis("first", "Hidden layers of 64: the first call, nothing cached", (1, 4, 16), _deep, "first_ms"),
    Axis("memory", "Samples in a batch, three hidden layers of 128: the peak of the process",
         (1, 64, 512, 4096), _batch, "peak_mb"),
)  # fmt: skip
UNITS = {"us": "µs a step", "first_ms": "ms", "peak_mb": "MB"}


def measure(axes: Sequence[Axis], plan: Plan, log: Callable[[str], None]) -> dict[str, Any]:
    """The best figure of each line at each size of each axis."""
    present = [name for name in CONTENDERS if installed(name)]
    found: dict[str, Any] = {"machine": describe(), "rounds": plan.rounds, "axes": {}}
    for axis in axes:
        lines: dict[str, list[float | None]] = {line: [] for line in LINES}
        for size in axis.sizes:
            names = [n for n in present if axis.figure == "us" or not n.endswith("-scan")]
            rounds = plan if axis.figure == "us" else Plan(0, 0.0)
            results = race(axis.workload(size), names, 1, rounds, log)
            for failed in (r for r in results if r.error):
                log(f"  {axis.name} {size}: {failed.contender} failed: {failed.error}")
            for line, of in LINES.items():
                lines[line].append(best([r for r in results if r.contender in of], axis.figure))
        found["axes"][axis.name] = {
            "title": axis.title,
            "figure": axis.figure,
            "sizes": axis.sizes,
            "lines": lines,
        }
    return found


def best(results: Sequence[Result], figure: str) -> float | None:
    """The least of the medians; None where nothing was measured."""
    figures = [
        statistics.median(r.us) if figure == "us" else float(getattr(r, figure))
        for r in results
        if not r.error and (r.us or figure != "us")
    ]
    return min(figures, default=None)


def page(found: dict[str, Any]) -> str:
    """The part of the guide's page that the figures make: tables and pictures."""
    machine = found["machine"]
    where = f"{machine['cpu']}, one core, {machine['system']}, Python {machine['python']}"
    how = f"float32, medians of {found['rounds']} rounds, in each of which the libraries take turns."
    text = [f"{where}, {machine['date'][:10]}; {how}", ""]
    for name, axis in found["axes"].items():
        unit = UNITS[axis["figure"]]
        text += [f"## {axis['title']}", "", f"![{axis['title']}](../images/scaling-{name}.svg)", ""]
        text += [f"| {unit} | {' | '.join(map(str, axis['sizes']))} |", "|---|" + "--:|" * len(axis["sizes"])]
        for line, figures in axis["lines"].items():
            cells = ["" if f is None else f"{f:,.0f}" if f >= 100 else f"{f:.3g}" for f in figures]
            text.append(f"| {line} | {' | '.join(cells)} |")
        text += ["", _verdict(axis), ""]
    return "\n".join(text).rstrip("\n")


def _verdict(axis: dict[str, Any]) -> str:
    """Who is first at which sizes, in words. A size that one of those present failed at compares nothing."""
    present = {line: f for line, f in axis["lines"].items() if any(figure is not None for figure in f)}
    first: dict[str, list[int]] = {}
    for i, size in enumerate(axis["sizes"]):
        there = {line: f[i] for line, f in present.items() if f[i] is not None}
        if len(there) == len(present):
            first.setdefault(min(there, key=lambda line: there[line]), []).append(size)
    compared = [size for sizes in first.values() for size in sizes]
    if len(first) == 1 and len(compared) == len(axis["sizes"]):
        return f"{next(iter(first))} needs least at every size."
    told = "; ".join(f"{line} at {', '.join(map(str, sizes))}" for line, sizes in first.items())
    missing = [str(size) for size in axis["sizes"] if size not in compared]
    rest = f" Not all could be measured at {', '.join(missing)}." if missing else ""
    return (f"Least needs {told}." if told else "") + rest


def draw(found: dict[str, Any], folder: Path) -> None:
    """A picture for each axis."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    for name, axis in found["axes"].items():
        figure, ax = plt.subplots(figsize=(6.0, 3.6), layout="constrained")
        for line, figures in axis["lines"].items():
            points = [(s, f) for s, f in zip(axis["sizes"], figures, strict=True) if f is not None]
            if points:
                ax.plot(*zip(*points, strict=True), marker="o", color=COLOURS[line], label=line)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(axis["sizes"], [str(s) for s in axis["sizes"]])
        # A span of less than a decade has no power of ten, and would have no label.
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        ax.minorticks_off()
        ax.set_xlabel({"first": "depth", "memory": "batch"}.get(name, name))
        ax.set_ylabel(UNITS[axis["figure"]])
        ax.grid(alpha=0.3)
        ax.legend(frameon=False)
        figure.savefig(folder / f"scaling-{name}.svg", metadata={"Date": None})
        plt.close(figure)


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: a look, no measurement")
    parser.add_argument("--rounds", type=int, default=FULL.rounds, help="at each size (normally %(default)s)")
    parser.add_argument("--only", nargs="+", choices=[axis.name for axis in AXES], help="these axes")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write the JSON, the page's part and pictures there"
    )
    args = parser.parse_args(argv)
    axes = [axis for axis in AXES if not args.only or axis.name in args.only]
    plan = QUICK if args.quick else Plan(args.rounds, FULL.seconds)
    found = measure(axes, plan, lambda line: print(line, file=sys.stderr, flush=True))
    text = page(found)
    if args.out is None and (args.quick or args.only):
        print(text)
        return 0
    out = args.out or ROOT / "benchmarks" / "results"
    out.mkdir(parents=True, exist_ok=True)
    (out / "scaling.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if args.out is not None:
        (out / "scaling.md").write_text(text, encoding="utf-8")
        draw(found, out)
        return 0
    draw(found, ROOT / "docs" / "images")
    guide = ROOT / "docs" / "guide" / "scaling.md"
    old = guide.read_text(encoding="utf-8")
    head, rest = old[: old.index(BEGIN) + len(BEGIN)], old[old.index(END) :]
    guide.write_text(f"{head}\n\n{text}\n{rest}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
