"""From text to a function in memory: LLVM through llvmlite."""

from __future__ import annotations

import functools
import threading
from typing import Any

from rushlight.errors import NotSupportedError, message

__all__ = ["Native", "available", "build"]

_lock = threading.Lock()


def available() -> bool:
    """Whether llvmlite is installed."""
    try:
        import llvmlite.binding  # noqa: F401
    except ImportError:
        return False
    return True


@functools.cache
def _binding() -> Any:
    try:
        import llvmlite.binding as llvm
    except ImportError:
        raise NotSupportedError(
            message(
                "compile",
                "a Python without llvmlite",
                "llvmlite",
                'pip install "rushlight[compile]", or use mode="off".',
            )
        ) from None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


class Native:
    """A compiled module; it keeps its machine code alive."""

    def __init__(self, text: str, symbols: dict[str, int]) -> None:
        llvm = _binding()
        with _lock:
            for name, address in symbols.items():
                llvm.add_symbol(name, address)
            module = llvm.parse_assembly(text)
            module.verify()
            features = llvm.get_host_cpu_features().flatten() + ",-prefer-256-bit"
            target = llvm.Target.from_default_triple().create_target_machine(
                opt=2, cpu=llvm.get_host_cpu_name(), features=features
            )
            tuning = llvm.create_pipeline_tuning_options(speed_level=2)
            tuning.loop_vectorization = False
            tuning.slp_vectorization = False
            passes = llvm.create_pass_builder(target, tuning)
            passes.getModulePassManager().run(module, passes)
            self.optimized = str(module)
            self.engine = llvm.create_mcjit_compiler(module, target)
            self.engine.finalize_object()

    def address(self, name: str) -> int:
        """Where a function begins."""
        return self.engine.get_function_address(name)


def build(text: str, symbols: dict[str, int]) -> Native:
    """Compile a module's text; `symbols` are addresses of functions outside that it calls."""
    return Native(text, symbols)
