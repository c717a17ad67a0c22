"""The machine that code is written for, and whether LLVM is there to write it.

What is written follows from the description of the host: how wide its vectors are, how many registers hold
them, how much its caches hold. `RUSHLIGHT_ISA` holds it to less than it has, so that code for other machines
can be tested and measured on this one.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rushlight.core.atomic import free_after_fork
from rushlight.errors import ArgumentError, NotSupportedError, message
from rushlight.optional import install

__all__ = [
    "ISAS",
    "Caches",
    "Host",
    "Isa",
    "available",
    "describe",
    "let_go",
    "llvm",
    "missing",
    "target_machine",
]


@dataclass(frozen=True, slots=True)
class Isa:
    """An instruction set: vector registers of `width` bytes, how many, whether one instruction multiplies and
    adds, and whether there are such that convert float16.

    needs  the features by which LLVM knows it; cpu: LLVM's name for a processor that has no more than it.
    """

    width: int
    registers: int
    fused: bool
    halves: bool
    needs: frozenset[str]
    cpu: str


ISAS = {
    "sse2": Isa(16, 16, False, False, frozenset({"+sse2"}), "x86-64"),
    "avx2": Isa(32, 16, True, True, frozenset({"+avx2", "+fma", "+f16c"}), "x86-64-v3"),
    "avx512": Isa(
        64, 32, True, True, frozenset({"+avx512f", "+avx512bw", "+avx512dq", "+avx512vl"}), "x86-64-v4"
    ),
    "neon": Isa(16, 32, True, True, frozenset({"+neon"}), "generic"),
}
"""From the least to the most, for each kind of processor."""

PLAIN = Isa(16, 16, False, True, frozenset(), "generic")
"""Of a processor with none of these."""


@dataclass(frozen=True, slots=True)
class Caches:
    """Bytes that the caches of one core hold, the last of which it may share; usual ones by default."""

    l1: int = 32 << 10
    l2: int = 512 << 10
    l3: int = 8 << 20


@dataclass(frozen=True, slots=True)
class Host:
    """A processor.

    isa     the instruction set in use, by its name.
    cpu, features   the same for LLVM.
    width   bytes of a vector register; registers: how many there are.
    fused   whether one instruction multiplies and adds, rounding once; halves: whether some convert float16.
    """

    isa: str
    cpu: str
    features: str
    width: int
    registers: int
    fused: bool
    halves: bool
    caches: Caches

    def lanes(self, itemsize: int) -> int:
        """How many numbers of so many bytes a vector register holds."""
        return self.width // itemsize


def available() -> bool:
    """Whether llvmlite is installed; it is not loaded."""
    return importlib.util.find_spec("llvmlite") is not None


def missing() -> NotSupportedError:
    """The error that says what to install."""
    remedy = f'{install("llvmlite")}, or use mode="interpret" or mode="off".'
    return NotSupportedError(message("compile", "a Python without llvmlite", "llvmlite", remedy))


@functools.cache
def llvm() -> Any:
    """llvmlite's binding to LLVM, ready to write code for this machine."""
    try:
        from llvmlite import binding
    except ImportError:
        raise missing() from None
    lock = _lock_of(binding)
    if lock is not None:
        free_after_fork(lock, awaited=True)  # who holds it may hold locks of LLVM's own
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


def _lock_of(binding: Any) -> Any:
    """The lock by which llvmlite guards LLVM. It knows nothing of forks, nor of signals."""
    lock = getattr(getattr(binding.ffi.lib, "_lock", None), "_lock", None)
    return lock if isinstance(lock, type(threading.RLock())) else None


def let_go() -> None:
    """Release llvmlite's lock, if a signal between two lines of llvmlite left it taken by this thread."""
    lock = _lock_of(llvm())
    while lock is not None and lock._is_owned():
        lock.release()


def target_machine(level: int) -> Any:
    """What writes code for the described host, optimized to this level. An engine takes possession of one, so
    each needs its own."""
    target, described = llvm().Target.from_default_triple(), describe()
    return target.create_target_machine(opt=level, cpu=described.cpu, features=described.features)


@functools.cache
def describe() -> Host:
    """The host, as far as `RUSHLIGHT_ISA` lets it be used."""
    cpu, features = llvm().get_host_cpu_name(), llvm().get_host_cpu_features().flatten()
    return described(cpu, features, os.environ.get("RUSHLIGHT_ISA", ""), _caches())


def described(cpu: str, features: str, wanted: str, caches: Caches) -> Host:
    """A processor that LLVM knows by this name and these features, held to the instruction set `wanted`.

    >>> arm = described("neoverse-n1", "+fp-armv8,+neon", "", Caches())
    >>> arm.isa, arm.lanes(4), arm.registers
    ('neon', 4, 32)
    >>> described("znver3", "+sse2,+avx,+avx2,+fma,+f16c", "sse2", Caches()).cpu
    'x86-64'
    """
    has = _has(features)
    if wanted and wanted not in has:
        got = f"RUSHLIGHT_ISA={wanted!r}" + (f" on {cpu}" if wanted in ISAS else "")
        raise ArgumentError(
            message("compile", got, f"one of {', '.join(has)}", "Leave it unset for the last.")
        )
    best = has[-1] if has else ""
    name = wanted or best
    isa = ISAS.get(name, PLAIN)
    if name != best:
        cpu, features = isa.cpu, ""
    elif name == "avx512":
        features += ",-prefer-256-bit"  # LLVM's preference where it is left to choose
    numbers = isa.width, isa.registers, isa.fused, isa.halves
    return Host(name or cpu, cpu, features, *numbers, caches)


def _has(features: str) -> list[str]:
    """The instruction sets that a processor of these features has, the best one last."""
    return [name for name, isa in ISAS.items() if isa.needs <= set(features.split(","))]


def _caches() -> Caches:
    """As the system tells: Linux by files, macOS by names; the usual ones elsewhere."""
    found = _from_files(Path("/sys/devices/system/cpu/cpu0/cache")) or _from_names()
    return Caches(**found)


def _from_files(folder: Path) -> Mapping[str, int]:
    found, units = {}, {"K": 2**10, "M": 2**20}
    for place in folder.glob("index*"):
        try:
            level, kind, size = ((place / n).read_text().strip() for n in ("level", "type", "size"))
        except OSError:
            continue
        if kind != "Instruction" and size[-1:] in units and size[:-1].isdigit() and level in "123":
            found[f"l{level}"] = int(size[:-1]) * units[size[-1]]
    return found


def _from_names() -> Mapping[str, int]:
    ask = getattr(ctypes.CDLL(None), "sysctlbyname", None) if os.name == "posix" else None
    found = {}
    for key, name in (("l1", "hw.l1dcachesize"), ("l2", "hw.l2cachesize"), ("l3", "hw.l3cachesize")):
        size, room = ctypes.c_int64(0), ctypes.c_size_t(8)
        if ask and not ask(name.encode(), ctypes.byref(size), ctypes.byref(room), None, 0) and size.value > 0:
            found[key] = size.value
    return found


if __name__ == "__main__":  # those that it can be held to
    print(*_has(llvm().get_host_cpu_features().flatten())[:-1])
