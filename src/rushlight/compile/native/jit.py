"""From text to a function in memory: LLVM through llvmlite.

The text becomes an object file, and that is loaded; a text that was compiled before comes from the cache as
an object file at once, and LLVM never reads it.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from rushlight.compile import host
from rushlight.compile.native import cache, half
from rushlight.core.atomic import make_lock

__all__ = ["Native", "build"]

PASSES = ("loop_unroll", "simplify_cfg")
"""All that is left to LLVM before it selects instructions. The text is written as it shall run, so the whole
pipeline (-O2) makes steps less than 1 % faster than these two, and takes five times as long."""

LEVEL = 2
"""Of instruction selection, scheduling and the choice of registers."""

_lock = make_lock(awaited=True)


def _machine() -> Any:
    """A target machine; an engine takes possession of it, so each needs its own."""
    target, described = host.llvm().Target.from_default_triple(), host.describe()
    return target.create_target_machine(opt=LEVEL, cpu=described.cpu, features=described.features)


def _parse(text: str, machine: Any) -> Any:
    """The module of `text`, sound and ready for instruction selection."""
    llvm = host.llvm()
    module = llvm.parse_assembly(text)
    module.verify()
    passes = llvm.create_new_module_pass_manager()
    for name in PASSES:
        getattr(passes, f"add_{name}_pass")()
    tuning = llvm.create_pipeline_tuning_options(speed_level=LEVEL)
    passes.run(module, llvm.create_pass_builder(machine, tuning))
    return module


def _key(text: str) -> str:
    """The name of the text's object in the cache: all that its instructions depend on."""
    llvm = host.llvm()
    import llvmlite

    own = getattr(sys.modules["rushlight"], "__version__", "")
    versions = (llvmlite.__version__, str(llvm.llvm_version_info), own)
    machine = host.describe().cpu, host.describe().features, llvm.get_default_triple()
    return cache.key_of(text, *machine, *versions, str(LEVEL), *PASSES)


class Native:
    """A compiled module; it keeps its machine code alive.

    seconds  how long LLVM took; cached: whether the code came from the cache.
    """

    def __init__(self, text: str, symbols: dict[str, int]) -> None:
        started = time.perf_counter()
        llvm = host.llvm()
        self.text = text
        with _lock:
            half.provide()
            for name, address in symbols.items():
                llvm.add_symbol(name, address)
            machine = _machine()
            key = _key(text)
            code = cache.load(key)
            self.cached = code is not None
            if code is None:
                code = machine.emit_object(_parse(text, machine))
                cache.store(key, code)
            # The engine asks for a module too; the code comes in beside it.
            self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
            self.engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            self.engine.finalize_object()
        self.seconds = time.perf_counter() - started

    def address(self, name: str) -> int:
        """Where a function begins."""
        return self.engine.get_function_address(name)

    @property
    def optimized(self) -> str:
        """The module's text after LLVM's passes."""
        with _lock:
            return str(_parse(self.text, _machine()))

    @property
    def assembly(self) -> str:
        """The instructions."""
        with _lock:
            machine = _machine()
            return machine.emit_assembly(_parse(self.text, machine))


def build(text: str, symbols: dict[str, int]) -> Native:
    """Compile a module's text; `symbols` are addresses of functions outside that it calls."""
    return Native(text, symbols)
