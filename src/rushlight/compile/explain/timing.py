"""How long each kernel takes in its place in the running step.

A copy of `step` reads a clock after every kernel; those of a loop have the time of all rounds. It runs on
copies of all that the program reads and writes, so nothing of the user's changes.
"""

from __future__ import annotations

import copy
import ctypes
import platform
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.compile.entry import Entry
from rushlight.compile.native import jit
from rushlight.compile.native.program import Program
from rushlight.compile.native.threads import together
from rushlight.compile.native.workspace import Workspace
from rushlight.compile.write.emit import load_words
from rushlight.compile.write.step import DONE, leaves
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp

__all__ = ["Times", "measure", "threads_of"]

SECONDS = 0.25
"""For all repetitions together, as long as there are at least MANY[0] of them."""
MANY = 3, 1000
REFRESH = 10
"""Repetitions after which the copies become what they were, before training runs out of bounds."""

_STEP = re.compile(r"^define void @step\((?P<given>[^)]*)\) \{\n(?P<body>.*?)^\}\n", re.MULTILINE | re.DOTALL)

_COUNTER = "  {ticks} = call i64 @llvm.readcyclecounter()"
_CLOCK = """  {ticks}.0 = call i32 @clock_gettime(i32 {clock}, ptr %clock)
  {ticks}.1 = load i64, ptr %clock
  {ticks}.2 = getelementptr i64, ptr %clock, i64 1
  {ticks}.3 = load i64, ptr {ticks}.2
  {ticks}.4 = mul i64 {ticks}.1, 1000000000
  {ticks} = add i64 {ticks}.4, {ticks}.3"""


_JOB = f"""define void @step_timed_job(ptr %given, i64 %me, i64 %count, ptr %barrier) {{
{load_words("%given", "table", "callback", "ticks")}
  call void @step_timed(ptr %table, ptr %callback, i64 %me, i64 %count, ptr %barrier, ptr %ticks)
  ret void
}}
"""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds, typical of many repetitions: of each kernel, of the native step, of the call from Python."""

    kernels: list[float]
    step: float
    call: float


def timed_step(text: str, kernels: int, counter: bool) -> str:
    """``step_timed``: `step` as it stands in `text`, with one more argument, where it writes a clock's
    reading at the start, and adds for each of its kernels how far the clock went while that ran.

    counter  whether the clock is the processor's own counter; else the system's.
    """
    found = _STEP.search(text)
    if found is None:
        raise ValueError("a module without a step")
    lines = found["body"].splitlines()
    written = [lines[0], *_begin(kernels + 1, counter)]
    for line in lines[1:]:
        written += _added(int(line.removeprefix(DONE)), counter) if line.startswith(DONE) else [line]
    source = "declare i64 @llvm.readcyclecounter()" if counter else "declare i32 @clock_gettime(i32, ptr)"
    head = f"define void @step_timed({found['given']}, ptr %ticks) {{"
    return "\n".join([source, head, *written, "}", _JOB])


def _begin(count: int, counter: bool) -> list[str]:
    """The first thread's readings go out; those of the others nobody wants."""
    return [
        f"  %unwanted = alloca [{count} x i64], align 8",
        "  %clock = alloca [2 x i64], align 8",
        "  %before = alloca i64, align 8",
        "  %leads = icmp eq i64 %me, 0",
        "  %kept = select i1 %leads, ptr %ticks, ptr %unwanted",
        *_reading("%tick", counter),
        "  store i64 %tick, ptr %kept",
        "  store i64 %tick, ptr %before",
    ]


def _added(kernel: int, counter: bool) -> list[str]:
    """Add the time since the last reading to that of a kernel."""
    name = f"%tick{kernel}"
    return [
        *_reading(name, counter),
        f"  {name}.last = load i64, ptr %before",
        f"  {name}.took = sub i64 {name}, {name}.last",
        f"  {name}.at = getelementptr i64, ptr %kept, i64 {kernel + 1}",
        f"  {name}.old = load i64, ptr {name}.at",
        f"  {name}.sum = add i64 {name}.old, {name}.took",
        f"  store i64 {name}.sum, ptr {name}.at",
        f"  store i64 {name}, ptr %before",
    ]


def _reading(name: str, counter: bool) -> list[str]:
    text = _COUNTER.format(ticks=name) if counter else _CLOCK.format(ticks=name, clock=time.CLOCK_MONOTONIC)
    return text.splitlines()


def has_counter() -> bool:
    """Whether programs may read a counter of the processor that runs evenly."""
    return platform.machine().lower() in ("x86_64", "amd64")


def rehearsal(program: Program, arguments: Sequence[Any]) -> tuple[Program, list[Tensor]]:
    """(the same program on copies of its state, copies of the arguments)."""
    shadow = copy.copy(program)
    shadow.lifted = [_copy(t.array) for t in program.lifted]
    shadow.allocate()
    return shadow, [_copy(a) for a in arguments]


def _copy(array: Any) -> Tensor:
    return wrap(array.copy())  # C-contiguous


def measure(entry: Entry, counter: bool | None = None) -> Times:
    """The times of a program on the arguments that it was traced with, and on its tensors as they are now."""
    counter = has_counter() if counter is None else counter
    program = entry.program
    assert program is not None
    shadow, copies = rehearsal(program, entry.example)
    changing = [t.array for t in (*copies, *shadow.lifted)]
    first = [a.copy() for a in changing]
    module = program.module
    count = sum(1 for _ in leaves(module.calls))
    # Functions outside that it calls are known since the program itself was compiled.
    text = module.step + timed_step(module.step, count, counter)
    timed = jit.build(text, {}, module.functions.values())
    ticks = (ctypes.c_int64 * (count + 1))()
    shadow.run(copies)
    work = shadow.workspace()
    work.bind(copies)
    workers = threads_of(program)
    plain = _launcher(timed, "step_job", work, ticks, workers)
    clocked = _launcher(timed, "step_timed_job", work, ticks, workers)

    def run(function: Callable[..., Any], *given: Any) -> float:
        start = time.perf_counter()
        function(*given)
        return time.perf_counter() - start

    repetitions = max(MANY[0], min(MANY[1], int(SECONDS / 3 / max(min(run(plain), run(plain)), 1e-9))))
    rows: list[list[int]] = []
    starts: list[float] = []
    steps: list[float] = []
    calls: list[float] = []
    for repetition in range(repetitions):
        if repetition % REFRESH == 0:
            for array, old in zip(changing, first, strict=True):
                xp.copyto(array, old)
        starts.append(time.perf_counter())
        ctypes.memset(ticks, 0, ctypes.sizeof(ticks))
        run(clocked)
        rows.append(list(ticks))
        steps.append(run(plain))
        calls.append(run(entry.rehearse, shadow, copies))
    tick = (starts[-1] - starts[0]) / max(rows[-1][0] - rows[0][0], 1)
    kernels = [_middle([row[i + 1] for row in rows]) * tick for i in range(count)]
    return Times(kernels, statistics.median(steps), statistics.median(calls))


def _launcher(native: Any, name: str, work: Workspace, ticks: Any, workers: int) -> Callable[[], None]:
    """A native function of a job, on as many threads as a call."""
    given = (ctypes.c_void_p * 3)(*work.words, ctypes.addressof(ticks))
    address = native.address(name)

    def launch() -> None:
        together(address, ctypes.addressof(given), workers)

    return launch


def threads_of(program: Program) -> int:
    """How many threads run one call."""
    return program.call_workers


def _middle(readings: list[int]) -> float:
    """The mean of the middle half: nearly the median, but finer than the ticks of the clock."""
    quarter = len(readings) // 4
    return statistics.fmean(sorted(readings)[quarter : len(readings) - quarter])
