"""What the machine can do at most: arithmetic of one core, and bytes a second from each cache and memory.

Measured, not looked up: loops of nothing but fused multiply-adds, or of nothing but loads and stores, written
and compiled as kernels are.
"""

from __future__ import annotations

import ctypes
import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from rushlight.compile import host
from rushlight.compile.native import jit
from rushlight.compile.write.emit import Emitter
from rushlight.device.memory import address, aligned_bytes

__all__ = ["Level", "Peak", "measure"]

MEMORY, MOST = 64 * 2**20, 256 * 2**20
"""Bytes of the measurement that shall find nothing in a cache: at least, and at most, for a cache that many
cores of a server share may be larger than what one program should ask for."""
UNROLL = 8
PATIENCE = 0.004
"""Seconds for one measurement."""


@dataclass(frozen=True, slots=True)
class Level:
    """A cache or the memory: how many bytes it holds, and how many it moves in a second."""

    name: str
    size: float
    bandwidth: float


@dataclass(frozen=True, slots=True)
class Peak:
    """The limits of one core with an instruction set: float32 operations a second (a fused multiply-add is
    two), levels of memory."""

    flops: float
    levels: tuple[Level, ...]
    isa: str

    def level(self, size: int) -> Level:
        """The smallest level that holds `size` bytes."""
        return next(level for level in self.levels if size <= level.size)


@functools.cache
def measure() -> Peak:
    """The machine's peak, measured once in a process, in less than a tenth of a second.

    >>> peak = measure()  # doctest: +SKIP
    >>> [level.name for level in peak.levels]  # doctest: +SKIP
    ['L1', 'L2', 'L3', 'memory']
    """
    described = host.describe()
    lanes, registers = described.lanes(4), described.registers * 3 // 4
    native = jit.build(_text(lanes, registers), {})
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    fma, read, update = (kind(native.address(name)) for name in ("fma", "read", "update"))
    held = described.caches
    caches = {"L1": held.l1, "L2": held.l2, "L3": held.l3}
    whole = min(max(MEMORY, 2 * max(caches.values())), MOST)
    memory = aligned_bytes(whole)
    memory.fill(0)  # memory that nobody has written to does not exist yet
    at, block = address(memory), 4 * lanes * UNROLL

    def flops(repeat: int) -> int:
        fma(at, 0, repeat)
        return repeat * registers * lanes * 2

    def bandwidth(size: int) -> float:
        def loaded(repeat: int) -> int:
            read(at, size // block, repeat)
            return repeat * size

        def changed(repeat: int) -> int:
            update(at, size // block, repeat)
            return 2 * repeat * size

        return max(_best(loaded), _best(changed))

    levels = [Level(name, size, bandwidth(min(size, whole) // 2)) for name, size in caches.items()]
    return Peak(_best(flops), (*levels, Level("memory", math.inf, bandwidth(whole))), described.isa)


def _best(work: Callable[[int], int]) -> float:
    """The highest rate of ``work(repeat)``, which says how much it did, within the time there is."""
    repeat, rate, end = 1, 0.0, time.perf_counter() + PATIENCE
    while True:
        start = time.perf_counter()
        done = work(repeat)
        now = time.perf_counter()
        rate = max(rate, done / max(now - start, 1e-9))
        if now > end:
            return rate
        # Long enough for the clock, short enough for several tries.
        if now - start < PATIENCE / 8:
            repeat *= 2


def _text(lanes: int, registers: int) -> str:
    """One function for each measurement."""
    emitters = {"fma": Emitter(), "read": Emitter(), "update": Emitter()}
    _write_fma(emitters["fma"], lanes, registers)
    _write_read(emitters["read"], f"<{lanes} x i32>", lanes)
    _write_update(emitters["update"], f"<{lanes} x i32>", lanes)
    lines = [line for e in emitters.values() for line in e.declarations.values()]
    for name, e in emitters.items():
        head = f"define void @{name}(ptr %memory, i64 %rounds, i64 %repeat) {{"
        lines += [head, "entry:", *e.lines, "  ret void", "}"]
    return "\n".join(lines)


def _write_fma(e: Emitter, lanes: int, registers: int) -> None:
    """Accumulators that do not wait for each other: x <- x * y + y."""
    vector = f"<{lanes} x float>"

    def step(_: str, names: list[str]) -> list[str]:
        return [
            e.call(f"llvm.fmuladd.v{lanes}f32", vector, [(vector, n), (vector, factor), (vector, factor)])
            for n in names
        ]

    factor = e.value(f"load {vector}, ptr %memory, align 64")
    _store_all(e, vector, e.carry(0, "%repeat", 1, [(vector, factor)] * registers, step))


def _write_read(e: Emitter, kind: str, lanes: int) -> None:
    """Load everything, again and again; bitwise or is the cheapest use of what was loaded."""

    def again(_: str, outer: list[str]) -> list[str]:
        def step(i: str, names: list[str]) -> list[str]:
            loaded = [e.value(f"load {kind}, ptr {place}, align 64") for place in _places(e, i, lanes)]
            return [e.value(f"or {kind} {a}, {b}") for a, b in zip(names, loaded, strict=True)]

        return e.carry(0, "%rounds", 1, [(kind, n) for n in outer], step)

    _store_all(e, kind, e.carry(0, "%repeat", 1, [(kind, "zeroinitializer")] * UNROLL, again))


def _write_update(e: Emitter, kind: str, lanes: int) -> None:
    """Load everything, change it and store it in its place, again and again."""

    def step(i: str) -> None:
        for place in _places(e, i, lanes):
            old = e.value(f"load {kind}, ptr {place}, align 64")
            new = e.value(f"add {kind} {old}, {old}")
            e.line(f"store {kind} {new}, ptr {place}, align 64")

    e.loop(0, "%repeat", 1, lambda _: e.loop(0, "%rounds", 1, step))


def _places(e: Emitter, i: str, lanes: int) -> list[str]:
    """The addresses of the vectors of round `i`."""
    start = e.value(f"mul nuw nsw i64 {i}, {4 * lanes * UNROLL}")
    at = e.value(f"getelementptr i8, ptr %memory, i64 {start}")
    return [e.value(f"getelementptr i8, ptr {at}, i64 {4 * lanes * k}") for k in range(UNROLL)]


def _store_all(e: Emitter, kind: str, names: list[str]) -> None:
    for name in names:
        e.line(f"store volatile {kind} {name}, ptr %memory, align 64")
