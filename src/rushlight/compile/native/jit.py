"""From text to functions in memory: LLVM through llvmlite.

Each module's text becomes an object, which the process remembers and the cache on disk keeps; a text that was
compiled before is not read by LLVM again, whatever program it stood in. A program's objects are linked anew,
which takes a few microseconds each, so that its machine code goes when the program does.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rushlight.compile import host
from rushlight.compile.native import cache, half
from rushlight.compile.native.aside import aside
from rushlight.core.atomic import make_lock

__all__ = ["Native", "build", "recall", "settings"]

PASSES = ("loop_unroll", "simplify_cfg")
"""All that is left to LLVM before it selects instructions. The text is written as it shall run, so the whole
pipeline (-O2) makes steps less than 1 % faster than these two, and takes five times as long."""

SPELLED_OUT = 10_000
"""Characters of a module from which on the passes are left out: it is a product, which is written unrolled.
They would take a quarter of LLVM's time, and make no step faster."""

LEVEL, QUICK = 2, 0
"""Of instruction selection, scheduling and the choice of registers; QUICK is for what only calls kernels: a
step of a thousand calls takes LLVM six times as long at level 2, and runs no faster."""

HELD = 64 * 2**20
"""Bytes of objects that the process remembers; those not used for the longest time go first."""

WORTH = 20_000
"""Characters of text, about 20 ms of LLVM, for which it is worth starting a thread."""

_lock = make_lock(awaited=True)
_held: dict[str, bytes] = {}
"""Objects by key, the one used last at the end."""
_idle: dict[tuple[host.Host, int], list[Any]] = {}
"""Target machines that nobody uses now, by processor and level."""


@contextlib.contextmanager
def _machine(level: int) -> Iterator[Any]:
    """A target machine that no other thread uses."""
    idle = _idle.setdefault((host.describe(), level), [])
    try:
        machine = idle.pop()
    except IndexError:
        machine = host.target_machine(level)
    yield machine
    idle.append(machine)


@functools.cache
def _unlocked(name: str) -> Callable[..., Any]:
    """A function of LLVM's without llvmlite's lock, which lets one thread in at a time: that is needed where
    threads share a context, and each of ours has its own."""
    library = host.llvm().ffi.lib
    locked = getattr(library, name)
    try:
        function = getattr(ctypes.CDLL(library._name), name)
        function.argtypes, function.restype = locked.argtypes, locked.restype
    except (AttributeError, OSError):
        return locked  # another llvmlite: threads take turns
    return function


def _parse(text: str, level: int, machine: Any) -> Any:
    """The module of `text`, sound and ready for instruction selection, in a context of its own."""
    llvm = host.llvm()
    module = llvm.parse_assembly(text, llvm.create_context())
    module.verify()
    if level == QUICK or len(text) > SPELLED_OUT:
        return module
    passes = llvm.create_new_module_pass_manager()
    for name in PASSES:
        getattr(passes, f"add_{name}_pass")()
    tuning = llvm.create_pipeline_tuning_options(speed_level=LEVEL)
    _unlocked("LLVMPY_RunNewModulePassManager")(passes, module, llvm.create_pass_builder(machine, tuning))
    return module


def _object(text: str, level: int) -> bytes:
    """The machine code of a module."""
    library = host.llvm().ffi.lib
    with _machine(level) as machine, host.llvm().ffi.OutputString() as error:
        module = _parse(text, level, machine)
        buffer = _unlocked("LLVMPY_TargetMachineEmitToMemory")(machine, module, 1, error)
        if not buffer:
            raise RuntimeError(str(error))
    try:
        start, size = library.LLVMPY_GetBufferStart(buffer), library.LLVMPY_GetBufferSize(buffer)
        return ctypes.string_at(start, size)
    finally:
        library.LLVMPY_DisposeMemoryBuffer(buffer)


@functools.cache
def settings(described: host.Host) -> str:
    """A name for all that machine code for a processor depends on beside the text."""
    llvm = host.llvm()
    import llvmlite

    own = getattr(sys.modules["rushlight"], "__version__", "")
    versions = (llvmlite.__version__, str(llvm.llvm_version_info), own)
    machine = described.cpu, described.features, llvm.get_default_triple()
    return cache.key_of(*machine, *versions, *PASSES, str(SPELLED_OUT))


def _named(texts: Iterable[tuple[str, int]]) -> dict[str, tuple[str, int]]:
    """The texts by the keys of their objects."""
    set_up = settings(host.describe())
    return {cache.key_of(text, str(level), set_up): (text, level) for text, level in texts}


def _kept(key: str) -> bytes | None:
    """The object of this key, if it is known."""
    code = _held.pop(key, None) or cache.load(key)
    if code is not None:
        _held[key] = code
    return code


def _objects(keys: dict[str, tuple[str, int]], threads: int) -> tuple[list[bytes], bool]:
    """(the object of each text at its level, whether all of them were known)."""
    known = {key: code for key in keys if (code := _kept(key)) is not None}
    made = _compile({key: text for key, text in keys.items() if key not in known}, threads)
    _held.update(made)
    size = sum(map(len, _held.values()))
    while size > HELD:
        size -= len(_held.pop(next(iter(_held))))
    return [known[key] if key in known else made[key] for key in keys], not made


def _compile(missing: dict[str, tuple[str, int]], threads: int) -> dict[str, bytes]:
    """The objects of texts by key, made and kept on disk, by several threads where that is much."""
    made: dict[str, bytes] = {}
    left = sorted(missing, key=lambda key: len(missing[key][0]))  # the longest is taken first
    size = sum(len(text) for text, _ in missing.values())

    def work() -> None:
        while True:
            try:
                key = left.pop()
            except IndexError:
                return
            made[key] = _object(*missing[key])
            cache.store(key, made[key])

    if missing:
        aside(work, max(1, min(threads, len(missing), size // WORTH)), left.clear)
    return made


def _link(codes: Iterable[bytes]) -> Any:
    """An engine with the objects; what one calls stands in those before it or is known to LLVM by name."""
    llvm = host.llvm()
    empty = llvm.parse_assembly("")
    engine = llvm.create_mcjit_compiler(empty, llvm.Target.from_default_triple().create_target_machine())
    engine.remove_module(empty)  # it would be compiled, too
    for code in codes:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


class Native:
    """Compiled modules, linked; it keeps their machine code alive.

    keys     the names of its objects; symbols: those of the functions outside that it calls.
    seconds  how long LLVM took; cached: whether all code came from the cache.
    """

    def __init__(self, keys: dict[str, Any], symbols: dict[str, int], codes: Callable[[], Any]) -> None:
        started = time.perf_counter()
        self._texts = keys
        self.keys, self.symbols = list(keys), sorted(symbols)
        with _lock:
            half.provide()
            for name, address in symbols.items():
                host.llvm().add_symbol(name, address)
            found, self.cached = codes()
            engines: list[Any] = []
            aside(lambda: engines.append(_link(found)))
            self._engine = engines[0]
        self.seconds = time.perf_counter() - started

    def address(self, name: str) -> int:
        """Where a function begins."""
        found: int = self._engine.get_function_address(name)
        return found

    @property
    def optimized(self) -> str:
        """The modules' text after LLVM's passes."""
        return self._shown(lambda module, machine: str(module))

    @property
    def assembly(self) -> str:
        """The instructions."""
        return self._shown(lambda module, machine: machine.emit_assembly(module))

    def _shown(self, show: Callable[[Any, Any], str]) -> str:
        """What `show` makes of each module and its target machine."""
        shown: list[str] = []

        def work() -> None:
            for text, level in self._texts.values():
                with _machine(level) as machine:
                    shown.append(show(_parse(text, level, machine), machine))

        with _lock:
            aside(work)
        return "\n".join(shown)


def build(text: str, symbols: dict[str, int], functions: Iterable[str] = (), threads: int = 1) -> Native:
    """Compile a module.

    symbols    addresses of functions outside that are called.
    functions  modules, each compiled by itself if it is not known, which this one does nothing but call.
    threads    how many may compile side by side.
    """
    parts = [(part, LEVEL) for part in functions]
    keys = _named([*parts, (text, QUICK if parts else LEVEL)])
    return Native(keys, symbols, lambda: _objects(keys, threads))


def recall(keys: Iterable[str], symbols: dict[str, int]) -> Native | None:
    """The same by the keys of its objects, without the text; None where one of these is gone."""
    codes = {key: _kept(key) for key in keys}
    if None in codes.values():
        return None
    return Native(codes, symbols, lambda: (list(codes.values()), True))
