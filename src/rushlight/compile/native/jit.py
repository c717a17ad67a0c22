"""From text to a function in memory: LLVM through llvmlite.

The text becomes an object file, and that is loaded; a text that was compiled before comes from the cache as
an object file at once, and LLVM never reads it.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import threading
import time
from typing import Any

from rushlight.compile.native import cache
from rushlight.errors import NotSupportedError, message

__all__ = ["Native", "available", "build", "features", "host", "missing"]

PASSES = ("loop_unroll", "simplify_cfg")
"""All that is left to LLVM before it selects instructions. The text is written as it shall run, so the whole
pipeline (-O2) makes steps less than 1 % faster than these two, and takes five times as long."""

LEVEL = 2
"""Of instruction selection, scheduling and the choice of registers."""

_lock = threading.Lock()


def available() -> bool:
    """Whether llvmlite is installed; it is not loaded."""
    return importlib.util.find_spec("llvmlite") is not None


def missing() -> NotSupportedError:
    """The error that says what to install."""
    remedy = 'pip install "rushlight[compile]", or use mode="interpret" or mode="off".'
    return NotSupportedError(message("compile", "a Python without llvmlite", "llvmlite", remedy))


@functools.cache
def _binding() -> Any:
    try:
        import llvmlite.binding as llvm
    except ImportError:
        raise missing() from None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@functools.cache
def host() -> str:
    """LLVM's name for the CPU."""
    return _binding().get_host_cpu_name()


@functools.cache
def features() -> str:
    """What the CPU can do, as LLVM writes it. 512-bit vectors are wanted where there are any."""
    found = _binding().get_host_cpu_features().flatten()
    return f"{found},-prefer-256-bit" if "+avx512f" in found else found


@functools.cache
def has_avx512() -> bool:
    """Whether there are 32 registers of 512 bits."""
    return "+avx512f" in features().split(",")


def _machine() -> Any:
    """A target machine; an engine takes possession of it, so each needs its own."""
    target = _binding().Target.from_default_triple()
    return target.create_target_machine(opt=LEVEL, cpu=host(), features=features())


def _parse(text: str, machine: Any) -> Any:
    """The module of `text`, sound and ready for instruction selection."""
    llvm = _binding()
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
    llvm = _binding()
    import llvmlite

    own = getattr(sys.modules["rushlight"], "__version__", "")
    versions = (llvmlite.__version__, str(llvm.llvm_version_info), own)
    return cache.key_of(text, host(), features(), llvm.get_default_triple(), *versions, str(LEVEL), *PASSES)


class Native:
    """A compiled module; it keeps its machine code alive.

    seconds  how long LLVM took; cached: whether the code came from the cache.
    """

    def __init__(self, text: str, symbols: dict[str, int]) -> None:
        started = time.perf_counter()
        llvm = _binding()
        self.text = text
        with _lock:
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
