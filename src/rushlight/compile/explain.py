"""What a compiled program does, and how near it comes to the machine's limit: `explain` and `stages`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.compile.cost import bytes_of, flops_of
from rushlight.compile.kernels import Kernel
from rushlight.compile.memory import Buffer
from rushlight.compile.peak import Peak
from rushlight.compile.peak import measure as measure_peak
from rushlight.compile.program import Program
from rushlight.compile.timing import measure, threads_of

__all__ = ["Explanation", "Row", "explain", "stages"]

WIDTH = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One kernel: what it does, its work, its time, and how near it comes to its limit.

    kind     "map", "reduce", "product", "library" (OpenBLAS), "copy", or "callback" (NumPy).
    flops    operations on floats; a fused multiply-add is two.
    bytes    read and written, each place once.
    seconds  the median, measured in the kernel's place in the running step.
    limit    what bounds it: "arithmetic", or the cache ("L1", ...) or memory that holds its data.
    share    the least time that this limit allows, divided by `seconds`.
    """

    number: int
    name: str
    kind: str
    shape: tuple[int, ...]
    flops: int
    bytes: int
    seconds: float
    limit: str
    share: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A program's kernels with their work and times; its text is a table.

    kernels  in the order in which they run.
    step     seconds of one native call; call: of one call from Python, copying the results out included.
    peak     the limits of one core; threads: how many cores worked.
    compile  seconds for each part of compiling; arena: bytes of temporary memory.
    """

    kernels: tuple[Row, ...]
    step: float
    call: float
    peak: Peak
    threads: int
    compile: dict[str, float]
    cached: bool
    arena: int

    @property
    def flops(self) -> int:
        """Operations on floats of one step."""
        return sum(row.flops for row in self.kernels)

    @property
    def bytes(self) -> int:
        """Bytes that its kernels read and write."""
        return sum(row.bytes for row in self.kernels)

    @property
    def share(self) -> float:
        """The part of the kernels' time that their limits do not allow to go below."""
        total = sum(row.seconds for row in self.kernels)
        return sum(row.share * row.seconds for row in self.kernels) / total if total else 0.0

    def __str__(self) -> str:
        return "\n".join([*self._head(), "", *self._table(), "", *self._foot()])

    __repr__ = __str__

    def _head(self) -> list[str]:
        inside = sum(row.seconds for row in self.kernels)
        levels = ", ".join(f"{level.name} {level.bandwidth / 1e9:.0f}" for level in self.peak.levels)
        cores = "one core" if self.threads == 1 else f"each of {self.threads} cores"
        return [
            f"One step: {_number(self.flops)}FLOP, {_number(self.bytes)}B moved, in {_micro(self.step)} µs = "
            f"{self.flops / self.step / 1e9:.1f} GFLOP/s; its kernels reach {self.share:.0%} of their limits.",
            f"The kernels add up to {_micro(inside)} µs; called from Python, a step takes {_micro(self.call)} µs.",
            f"The limits of {cores}, measured: {self.peak.flops / 1e9:.0f} GFLOP/s in float32; GB/s: {levels}.",
        ]

    def _table(self) -> list[str]:
        head = ("#", "kernel", "kind", "shape", "FLOP", "bytes", "µs", "of step", "rate", "of limit")
        lines = [head, *(self._line(row) for row in self.kernels)]
        left = (1, 2, 3)
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        text = [
            "  ".join(c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
            for line in lines
        ]
        return [text[0].rstrip(), "-" * max(map(len, text)), *(t.rstrip() for t in text[1:])]

    def _line(self, row: Row) -> tuple[str, ...]:
        seconds = max(row.seconds, 1e-12)
        arithmetic = row.limit == "arithmetic"
        rate = f"{row.flops / seconds / 1e9:.1f} GFLOP/s" if arithmetic else f"{row.bytes / seconds / 1e9:.1f} GB/s"
        share = "" if row.kind == "callback" else f"{row.share:.0%} {'of FMA' if arithmetic else 'of ' + row.limit}"
        return (
            str(row.number),
            row.name if len(row.name) <= WIDTH else row.name[: WIDTH - 1] + "…",
            row.kind,
            "x".join(map(str, row.shape)) or "1",
            _number(row.flops),
            _number(row.bytes),
            _micro(row.seconds),
            f"{row.seconds / max(self.step, 1e-12):.1%}",
            rate,
            share,
        )

    def _foot(self) -> list[str]:
        named = ", ".join(f"{name} {1e3 * seconds:.0f} ms" for name, seconds in self.compile.items())
        hosts = [f"#{row.number} {row.name}" for row in self.kernels if row.kind == "callback"]
        return [
            f"Compiled in {1e3 * sum(self.compile.values()):.0f} ms: {named}"
            f"{' (from the cache)' if self.cached else ''}. Temporary memory: {_number(self.arena)}B.",
            f"Computed by NumPy, called back: {', '.join(hosts)}." if hosts else "Everything is native code.",
        ]


def explain(program: Program, arguments: Sequence[Any], seconds: dict[str, float] | None = None) -> Explanation:
    """Measure `program` on copies of the arguments' arrays and of its state.

    seconds  what tracing and rendering took.
    """
    times = measure(program, arguments)
    peak = measure_peak()
    threads = threads_of(program)
    plan = program.plan
    kernels = [*plan.kernels, *[Kernel("copy", v.spec.shape, stores=[v]) for v, _ in program.memory.copies]]
    rows = []
    for i, (kernel, taken) in enumerate(zip(kernels, times.kernels, strict=True)):
        flops = flops_of(kernel)
        moved = 2 * _size(kernel) if kernel.kind == "copy" else bytes_of(kernel, plan)
        limit, least = _limit(peak, flops, moved, _itemsize(kernel), threads)
        name = kernel.name or "copy"
        rows.append(Row(i, name, kernel.kind, kernel.space, flops, moved, taken, limit, least / max(taken, 1e-12)))
    spent = {**(seconds or {}), "LLVM": program.native.seconds}
    return Explanation(
        tuple(rows), times.step, times.call, peak, threads, spent, program.native.cached, program.memory.arena
    )


def _limit(peak: Peak, flops: int, moved: int, itemsize: int, threads: int) -> tuple[str, float]:
    """(what bounds the kernel, the least seconds that it allows): its arithmetic or its bytes, whichever is longer."""
    level = peak.level(moved)
    arithmetic = flops / (peak.flops * 4 / itemsize * threads)
    transport = moved / (level.bandwidth * threads)
    return ("arithmetic", arithmetic) if arithmetic >= transport else (level.name, transport)


def _size(kernel: Kernel) -> int:
    return sum(v.spec.size * v.spec.dtype.itemsize for v in kernel.stores)


def _itemsize(kernel: Kernel) -> int:
    """Bytes of the floats that the kernel computes with."""
    sizes = [n.out.spec.dtype.itemsize for n in kernel.nodes if n.out.spec.dtype.kind == "f"]
    return max(sizes, default=4)


def _number(value: float) -> str:
    """Three digits and a prefix, ready for a unit: 79.4 k."""
    for power, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= power:
            return f"{value / power:.3g} {prefix}"
    return f"{value:.0f} "


def _micro(seconds: float) -> str:
    return f"{1e6 * seconds:.2f}" if seconds < 1e-4 else f"{1e6 * seconds:.0f}"


def stages(program: Program) -> dict[str, str]:
    """What each stage of the compiler made, as text: "graph", "kernels", "llvm", "optimized", "assembly"."""
    return {
        "graph": str(program.graph),
        "kernels": _kernels_text(program),
        "llvm": program.module.text,
        "optimized": program.native.optimized,
        "assembly": program.native.assembly,
    }


def _kernels_text(program: Program) -> str:
    lines: list[str] = []
    for i, kernel in enumerate(program.plan.kernels):
        lines.append(f"k{i}: {kernel.kind} over {list(kernel.space)}")
        lines += [f"    {node}" for node in kernel.nodes]
        places = program.memory.places
        lines += [f"    store {v} in {_where(places[id(v)])}" for v in kernel.stores if id(v) in places]
    for i, (value, target) in enumerate(program.memory.copies):
        lines.append(f"c{i}: copy {value} to {_where(target)}")
    return "\n".join(lines)


def _where(buffer: Buffer) -> str:
    return f"{buffer.kind} {buffer.where}" if buffer.kind != "arena" else f"the arena at byte {buffer.where}"
