"""Compiles ``out[i] = formula(inputs[i]...)`` for tests, the plainest way there is."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.compile import host
from rushlight.compile.native import half
from rushlight.compile.vector.namespace import VectorMath
from rushlight.compile.vector.registers import Vec
from rushlight.compile.vector.transfer import load, store
from rushlight.compile.write.emit import Emitter, llvm_type


def machine() -> Any:
    half.provide()
    described = host.describe()
    return (
        host.llvm()
        .Target.from_default_triple()
        .create_target_machine(opt=3, cpu=described.cpu, features=described.features)
    )


def compiled(emitter: Emitter, pointers: int, counts: int = 0) -> tuple[Any, Callable[..., None]]:
    """(engine, function) of ``body(%p0, %p1, ..., i64 %n0, ...)``; the engine owns the code."""
    import llvmlite.binding as llvm

    kinds = [f"ptr %p{k}" for k in range(pointers)] + [f"i64 %n{k}" for k in range(counts)]
    head = f"define void @f({', '.join(kinds)}) {{\nentry:"
    body = [*emitter.reserved, *emitter.lines]
    text = "\n".join([*emitter.declarations.values(), head, *body, "  ret void", "}"])
    module = llvm.parse_assembly(text)
    module.verify()
    target = machine()
    builder = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, target)
    engine.finalize_object()
    kinds = [ctypes.c_void_p] * pointers + [ctypes.c_int64] * counts
    return engine, ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address("f"))


def address(emitter: Emitter, pointer: str, dtype: Any, index: object) -> str:
    kind = "i8" if dtype == np.bool_ else llvm_type(dtype)
    return emitter.value(f"getelementptr {kind}, ptr {pointer}, i64 {index}")


def evaluate(formula: Callable[..., Any], *arrays: Any, lanes: int = 16, **attrs: Any) -> Any:
    """``formula(m, *arrays, **attrs)`` in native code, with a masked end where the lanes do not fit."""
    count = arrays[0].size
    probe = Vec(Emitter(), "%p", arrays[0].dtype, lanes)
    values = [Vec(probe.emitter, "%p", a.dtype, lanes) for a in arrays]
    dtype = np.dtype(str(formula(VectorMath(probe.emitter, lanes), *values, **attrs).dtype))
    out = np.full(count + 3, 77, dtype)
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
    engine, run = compiled(emitter, len(arrays) + 1)
    arrays = tuple(np.ascontiguousarray(a) for a in arrays)
    run(*(a.ctypes.data for a in arrays), out.ctypes.data)
    del engine
    assert (out[count:] == np.array(77).astype(dtype)).all(), "written past the end"
    return out[:count]
