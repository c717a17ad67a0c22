"""Large products go to OpenBLAS, called from native code."""

from __future__ import annotations

import functools
from typing import Any

from rushlight.compile.contract import flops, operands
from rushlight.compile.graph import Node
from rushlight.compile.kernel_writer import KernelWriter
from rushlight.compile.nest import offset_of

__all__ = ["address_of", "is_large", "write_library"]

LARGE = 2 * 64 * 64 * 64
"""Multiplications and additions from which OpenBLAS is faster than a product written inline."""

ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


@functools.cache
def _library() -> Any:
    """The OpenBLAS that scipy-openblas32 carries, or None."""
    try:
        import scipy_openblas32
    except ImportError:
        return None
    import ctypes
    import os

    folder = scipy_openblas32.get_lib_dir()
    return ctypes.CDLL(os.path.join(folder, f"lib{scipy_openblas32.get_library()}.so"))


def address_of(dtype: Any) -> int:
    """Where the library's matrix product for `dtype` begins."""
    import ctypes

    name = "scipy_cblas_sgemm" if str(dtype) == "float32" else "scipy_cblas_dgemm"
    return ctypes.cast(getattr(_library(), name), ctypes.c_void_p).value or 0


def is_large(node: Node) -> bool:
    """Whether OpenBLAS should do this product: two matrices, enough arithmetic, and the library is there."""
    shapes = [v.spec for v in node.values()]
    plain = all(s.ndim == 2 and min(s.shape) > 1 for s in shapes)
    return plain and flops(node) >= LARGE and _library() is not None


def write_library(writer: KernelWriter) -> None:
    """One call of cblas_?gemm, with each factor as it lies or transposed; a copy where it lies otherwise."""
    node = writer.kernel.root
    assert node is not None
    ops = operands(writer, node)
    e = writer.emitter
    m, n = ops.sizes[-2:]
    out = writer.target(node.out, [0, 1], 2)
    real = "float" if str(ops.dtype) == "float32" else "double"
    a_flag, a_lead = _layout(ops.a.strides[0], ops.a.strides[2], m, ops.depth)
    b_flag, b_lead = _layout(ops.b.strides[2], ops.b.strides[1], ops.depth, n)
    a = offset_of(e, ops.a, ["0", "0", "0"])
    b = offset_of(e, ops.b, ["0", "0", "0"])
    name = "sgemm" if real == "float" else "dgemm"
    kinds = ["i32"] * 6 + [real, "ptr", "i32", "ptr", "i32", real, "ptr", "i32"]
    values = [ROW_MAJOR, a_flag, b_flag, m, n, ops.depth, "1.0", a, a_lead, b, b_lead, "0.0", out.pointer, n]
    e.declare(f"rushlight_{name}", "void", kinds)
    written = ", ".join(f"{k} {v}" for k, v in zip(kinds, values, strict=True))
    e.line(f"call void @rushlight_{name}({written})")


def _layout(row_step: int, column_step: int, rows: int, columns: int) -> tuple[int, int]:
    """(flag, leading dimension) of a matrix with unit steps along one axis."""
    if column_step == 1:
        return PLAIN, max(row_step, columns)
    return TRANSPOSED, max(column_step, rows)
