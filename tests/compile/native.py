"""Compiles ``out[i] = formula(inputs[i]...)`` for tests, the plainest way there is."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.compile import host
from rushlight.compile.native import half
from rushlight.compile.native.jit import PASSES
from rushlight.compile.vector.namespace import VectorMath
from rushlight.compile.vector.registers import Vec
from rushlight.compile.vector.transfer import load, store
from rushlight.compile.write.emit import Emitter, llvm_type


def machine() -> Any:
    half.provide()
    return host.target_machine(3)


def compiled(emitter: Emitter, pointers: int, counts: int = 0) -> tuple[Any, Callable[..., None]]:
    """(engine, function) of ``body(%p0, %p1, ..., i64 %n0, ...)``; the engine owns the code."""
    engine, (function,) = _together([emitter], pointers, counts)
    return engine, function


def _together(emitters: list[Emitter], pointers: int, counts: int = 0) -> tuple[Any, list[Any]]:
    """The same of several bodies, in one module: much of LLVM's time is a module's, however short it is."""
    import llvmlite.binding as llvm

    kinds = [f"ptr %p{k}" for k in range(pointers)] + [f"i64 %n{k}" for k in range(counts)]
    lines = list({text: None for e in emitters for text in e.declarations.values()})
    for number, emitter in enumerate(emitters):
        head = f"define void @f{number}({', '.join(kinds)}) {{\nentry:"
        lines += [head, *emitter.reserved, *emitter.lines, "  ret void", "}"]
    module = llvm.parse_assembly("\n".join(lines))
    module.verify()
    target = machine()
    passes = llvm.create_new_module_pass_manager()
    for name in PASSES:
        getattr(passes, f"add_{name}_pass")()
    passes.run(module, llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options()))
    engine = llvm.create_mcjit_compiler(module, target)
    engine.finalize_object()
    kinds = [ctypes.c_void_p] * pointers + [ctypes.c_int64] * counts
    kind = ctypes.CFUNCTYPE(None, *kinds)
    return engine, [kind(engine.get_function_address(f"f{i}")) for i in range(len(emitters))]


def address(emitter: Emitter, pointer: str, dtype: Any, index: object) -> str:
    kind = "i8" if dtype == np.bool_ else llvm_type(dtype)
    return emitter.value(f"getelementptr {kind}, ptr {pointer}, i64 {index}")


def evaluate(formula: Callable[..., Any], *arrays: Any, lanes: int = 16, **attrs: Any) -> Any:
    """``formula(m, *arrays, **attrs)`` in native code, with a masked end where the lanes do not fit."""
    (found,) = evaluate_widths(formula, *arrays, widths=(lanes,), **attrs)
    return found


def evaluate_widths(
    formula: Callable[..., Any], *arrays: Any, widths: Sequence[int], **attrs: Any
) -> list[Any]:
    """The same with several numbers of lanes."""
    count = arrays[0].size
    arrays = tuple(np.ascontiguousarray(a) for a in arrays)
    written = [_written(formula, arrays, lanes, attrs) for lanes in widths]
    engine, runs = _together([emitter for emitter, _ in written], len(arrays) + 1)
    found = []
    for run, (_, dtype) in zip(runs, written, strict=True):
        out = np.full(count + 3, 77, dtype)
        run(*(a.ctypes.data for a in arrays), out.ctypes.data)
        assert (out[count:] == np.array(77).astype(dtype)).all(), "written past the end"
        found.append(out[:count])
    del engine
    return found


def _written(
    formula: Callable[..., Any], arrays: tuple[Any, ...], lanes: int, attrs: dict[str, Any]
) -> tuple[Emitter, Any]:
    """(a body that computes the formula, the dtype of its result)."""
    count = arrays[0].size
    probe = Emitter()
    values = [Vec(probe, "%p", a.dtype, lanes) for a in arrays]
    dtype = np.dtype(str(formula(VectorMath(probe, lanes), *values, **attrs).dtype))
    emitter = Emitter()

    def chunk(index: object, here: int) -> None:
        inputs = [
            load(emitter, address(emitter, f"%p{k}", a.dtype, index), a.dtype, lanes, here)
            for k, a in enumerate(arrays)
        ]
        result = formula(VectorMath(emitter, lanes), *inputs, **attrs)
        store(result, address(emitter, f"%p{len(arrays)}", dtype, index), here)

    whole = count // lanes * lanes
    if whole:
        emitter.loop(0, whole, lanes, lambda i: chunk(i, lanes))
    if count > whole:
        chunk(whole, count - whole)
    return emitter, dtype
