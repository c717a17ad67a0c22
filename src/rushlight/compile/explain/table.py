"""What a compiled program does, and how near it comes to the machine's limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rushlight.compile.entry import Entry
from rushlight.compile.explain.cost import bytes_of, flops_of, footprint_of
from rushlight.compile.explain.peak import Peak
from rushlight.compile.explain.peak import measure as measure_peak
from rushlight.compile.explain.timing import measure, threads_of
from rushlight.compile.graph import Value
from rushlight.compile.plan.memory import Memory
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.core.state import asking_nobody

__all__ = ["Explanation", "Row", "explain"]

WIDTH = 40
ARITHMETIC = "FMA"


@dataclass(frozen=True, slots=True)
class Row:
    """One kernel: what it does, its work, its time, and how near it comes to its limit.

    kind     "map", "reduce", "rows" (several of these, row by row), "product", "integer matmul", "library"
             (OpenBLAS), "gather", "scatter", "check", "cumulative", "sort", "random", "cat", "copy", "fill",
             or "callback" (NumPy).
    flops    operations on floats; a fused multiply-add is two.
    bytes    read and written, each place once.
    seconds  typical of many runs, measured in the kernel's place in the running step.
    limit    what bounds it: "FMA", the arithmetic, or the cache ("L1", ...) or memory that holds its data.
    share    the least time that this limit allows, divided by `seconds`.
    times    how often it runs in a step: in a loop more than once. Work and time are those of all runs.
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
    times: int = 1


@dataclass(frozen=True, slots=True)
class Explanation:
    """A program's kernels with their work and times; its text is a table.

    kernels  in the order in which they run.
    step     seconds of one native call; call: of one call from Python, copying the results out included.
    peak     the limits of one core; threads: how many cores worked.
    compile  seconds for each part of compiling; arena: bytes of temporary memory.
    proof    what of the program was held against the interpreter, in words.
    """

    kernels: tuple[Row, ...]
    step: float
    call: float
    peak: Peak
    threads: int
    compile: dict[str, float]
    cached: bool
    arena: int
    proof: str

    @property
    def flops(self) -> int:
        """Operations on floats of one step."""
        return sum(row.flops for row in self.kernels)

    @property
    def bytes(self) -> int:
        """Bytes that its kernels read and write."""
        return sum(row.bytes for row in self.kernels)

    @property
    def seconds(self) -> float:
        """The kernels' times together."""
        return sum(row.seconds for row in self.kernels)

    @property
    def share(self) -> float:
        """What the kernels would take at their limits, divided by what they take."""
        return sum(row.share * row.seconds for row in self.kernels) / max(self.seconds, 1e-12)

    def __str__(self) -> str:
        return "\n".join(
            [*self._head(), "", *_table(_TITLES, map(self._cells, self.kernels)), "", *self._foot()]
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from rushlight.notebook.programs import explanation_html

        return explanation_html(self._head(), _TITLES, map(self._cells, self.kernels), self._foot(), _LEFT)

    def _head(self) -> list[str]:
        work = f"{_number(self.flops)}FLOP and {_number(self.bytes)}B moved"
        levels = ", ".join(f"{level.name} {level.bandwidth / 1e9:.0f}" for level in self.peak.levels)
        cores = "one core" if self.threads == 1 else f"each of the {self.threads} cores"
        rate = f"{self.peak.flops / 1e9:.0f} GFLOP/s in float32"
        return [
            f"One step: {work} in {_micro(self.step)} µs; {_micro(self.call)} µs when Python calls it.",
            f"Its kernels take {_micro(self.seconds)} µs; at their limits, {self.share:.0%} of that.",
            f"Limits of {cores} with {self.peak.isa}, measured: {rate}; in GB/s {levels}.",
        ]

    def _cells(self, row: Row) -> tuple[str, ...]:
        arithmetic = row.limit == ARITHMETIC
        rate = (row.flops if arithmetic else row.bytes) / max(row.seconds, 1e-12) / 1e9
        return (
            str(row.number),
            _shown(row.name, row.times),
            row.kind,
            "x".join(map(str, row.shape)) or "1",
            _number(row.flops),
            _number(row.bytes),
            _micro(row.seconds),
            f"{row.seconds / max(self.step, 1e-12):.1%}",
            f"{rate:.1f} {'GFLOP/s' if arithmetic else 'GB/s'}",
            "" if row.kind == "callback" else f"{row.share:.0%} of {row.limit}",
        )

    def _foot(self) -> list[str]:
        spent = ", ".join(f"{name} {1e3 * seconds:.0f} ms" for name, seconds in self.compile.items())
        cached = " (from the cache)" if self.cached else ""
        called = [f"{row.name} (#{row.number})" for row in self.kernels if row.kind == "callback"]
        return [
            f"Compiled in {1e3 * sum(self.compile.values()):.0f} ms: {spent}{cached}.",
            f"Temporary memory: {_number(self.arena)}B.",
            f"NumPy computes {', '.join(called)}." if called else "All of it is native code.",
            self.proof,
        ]


_TITLES = ("#", "kernel", "kind", "shape", "FLOP", "bytes", "µs", "of step", "rate", "of limit")
_LEFT = ("kernel", "kind", "shape")


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [titles, *rows]
    columns = []
    for title, *cells in zip(*lines, strict=True):
        width = max(map(len, (title, *cells)))
        columns.append([c.ljust(width) if title in _LEFT else c.rjust(width) for c in (title, *cells)])
    head, *text = ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]
    return [head, "-" * max(map(len, (head, *text))), *text]


def explain(entry: Entry) -> Explanation:
    """Measure a program on copies of its state and of the arguments that it was traced with."""
    program = entry.program
    assert program is not None
    asked = asking_nobody()
    with asked, asked, asked:  # other processes need not measure
        times = measure(entry)
    peak, threads = measure_peak(), threads_of(program)
    kernels = zip(_runs(program.plan, program.memory), times.kernels, strict=True)
    return Explanation(
        kernels=tuple(_row(i, run, taken, peak, threads) for i, (run, taken) in enumerate(kernels)),
        step=times.step,
        call=times.call,
        peak=peak,
        threads=threads,
        compile={**entry.seconds, "LLVM": program.native.seconds},
        cached=program.native.cached,
        arena=program.facts.arena,
        proof=entry.proof,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """A kernel, and how often it runs in a step."""

    kernel: Kernel
    plan: Schedule
    memory: Memory
    times: int


def _runs(plan: Schedule, memory: Memory, times: int = 1) -> Iterator[_Run]:
    """The kernels and copies as they come; those of loops in the place of the loop."""

    def copied(value: Value) -> _Run:
        return _Run(Kernel("copy", value.spec.shape, stores=[value]), plan, memory, times)

    for kernel in plan.kernels:
        rounds = kernel.rounds
        if rounds is None:
            yield _Run(kernel, plan, memory, times)
        else:
            yield from (copied(value) for value, _, _ in rounds.first)
            yield from _runs(rounds.plan, rounds.memory, times * rounds.count)
    yield from (copied(value) for value, _ in memory.copies)


def _row(number: int, run: _Run, seconds: float, peak: Peak, threads: int) -> Row:
    kernel = run.kernel
    flops = flops_of(kernel) * run.times
    moved = (bytes_of(kernel, run.plan) if kernel.kind != "copy" else 2 * _size(kernel)) * run.times
    level = peak.level(footprint_of(kernel, run.plan, run.memory))
    arithmetic = flops / (peak.flops * 4 / _itemsize(kernel))
    transport = moved / level.bandwidth
    limit = ARITHMETIC if arithmetic >= transport else level.name
    share = max(arithmetic, transport) / threads / max(seconds, 1e-12)
    name = kernel.name or "copy"
    return Row(number, name, kernel.kind, kernel.space, flops, moved, seconds, limit, share, run.times)


def _size(kernel: Kernel) -> int:
    return sum(v.spec.size * v.spec.dtype.itemsize for v in kernel.stores)


def _itemsize(kernel: Kernel) -> int:
    """Bytes of the floats that the kernel computes with."""
    sizes = [n.out.spec.dtype.itemsize for n in kernel.nodes if n.out.spec.dtype.kind == "f"]
    return max(sizes, default=4)


def _shown(name: str, times: int) -> str:
    """A kernel's name, so long as a column is wide, and how often it runs where that is not once."""
    often = f" x {times}" if times > 1 else ""
    width = WIDTH - len(often)
    return (name if len(name) <= width else name[: width - 1] + "…") + often


def _number(value: float) -> str:
    """Three digits and a prefix, ready for a unit: 79.4 k."""
    for power, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= power:
            return f"{value / power:.3g} {prefix}"
    return f"{value:.0f} "


def _micro(seconds: float) -> str:
    digits = 3 if seconds < 1e-6 else 2 if seconds < 1e-4 else 0
    return f"{1e6 * seconds:.{digits}f}"
