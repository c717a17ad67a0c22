"""Large products go to OpenBLAS, called from native code."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator
from typing import Any

from rushlight.compile import host
from rushlight.compile.graph import Node
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.compile.write.cuts import worthwhile
from rushlight.compile.write.factors import operands
from rushlight.compile.write.kernel_writer import KernelWriter
from rushlight.compile.write.nest import offset_of
from rushlight.compile.write.work import flops
from rushlight.core.lower import Contract

__all__ = ["addresses", "is_large", "symbols", "write_library"]

LARGE = 4
"""Second caches that each of a product's three matrices must fill for OpenBLAS to be faster than what is
written inline: it copies both factors in an order that spares the memory."""

LONG = 4096
"""Terms of a sum that one call of OpenBLAS is given: of small matrices it would add up any number of them one
after the other."""

ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


@functools.cache
def _library() -> Any:
    """The OpenBLAS that scipy-openblas32 carries, or None."""
    import ctypes
    import os

    # AMD's AVX-512 runs as two halves: OpenBLAS's AVX2 kernels are up to 15 % faster there than its choice.
    with _environment("OPENBLAS_CORETYPE", "ZEN" if host.describe().cpu.startswith("znver") else None):
        try:
            import scipy_openblas32
        except ImportError:
            return None
        folder = scipy_openblas32.get_lib_dir()
        found = ctypes.CDLL(os.path.join(folder, f"lib{scipy_openblas32.get_library()}.so"))
    # Products are divided among our own threads, always into the same parts.
    found.scipy_openblas_set_num_threads(1)
    return found


@contextlib.contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """An environment variable for the time of loading a library, unless the user has set it."""
    import os

    if value is None or name in os.environ:
        yield
        return
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def addresses(names: Iterable[str]) -> dict[str, int]:
    """Where the functions of these names begin."""
    import ctypes

    own = {name: getattr(_library(), name.replace("rushlight_", "scipy_cblas_")) for name in names}
    return {name: ctypes.cast(function, ctypes.c_void_p).value or 0 for name, function in own.items()}


def symbols(plan: Schedule) -> dict[str, int]:
    """The addresses of the functions that a program's kernels call."""
    roots = [kernel.root for kernel in _all_kernels(plan) if kernel.kind == "library"]
    dtypes = {root.out.spec.dtype for root in roots if root is not None}
    return addresses([f"rushlight_{'s' if d.itemsize == 4 else 'd'}gemm" for d in dtypes])


def _all_kernels(plan: Schedule) -> Iterator[Kernel]:
    """The kernels, those of loops among them."""
    for kernel in plan.kernels:
        yield kernel
        if kernel.rounds is not None:
            yield from _all_kernels(kernel.rounds.plan)


def is_large(node: Node) -> bool:
    """Whether OpenBLAS should do this product: of large matrices, where the library is there."""
    specs = [v.spec for v in (*node.values(), node.out)]
    if not all(s.ndim == 2 and min(s.shape) > 1 for s in specs):
        return False
    assert isinstance(node.op.lower, Contract)
    terms, result = node.op.lower.letters([2, 2], node.attrs)
    if any(c in terms[0] and c in terms[1] for c in result):
        return False  # many products of vectors
    least = min(s.size * s.dtype.itemsize for s in specs)
    return least > LARGE * host.describe().caches.l2 and _library() is not None


def write_library(writer: KernelWriter) -> None:
    """One call of cblas_?gemm for each part: some of the result's rows, or of its columns."""
    node = writer.kernel.root
    assert node is not None
    ops = operands(writer, node)
    e = writer.emitter
    m, n = ops.sizes[:2]
    writer.parts = worthwhile(flops(node), max(m, n) // 32)
    out = writer.target(node.out, [0, 1], 3)
    real = "float" if str(ops.dtype) == "float32" else "double"
    a_flag, a_lead = _layout(ops.a.strides[0], ops.a.strides[2], m, ops.depth)
    b_flag, b_lead = _layout(ops.b.strides[2], ops.b.strides[1], ops.depth, n)
    start, size = _share(writer, max(m, n))
    at, rows, columns = ([start, "0", "0"], size, str(n)) if m >= n else (["0", start, "0"], str(m), size)
    name = "sgemm" if real == "float" else "dgemm"
    kinds = ["i32"] * 6 + [real, "ptr", "i32", "ptr", "i32", real, "ptr", "i32"]
    e.declare(f"rushlight_{name}", "void", kinds)

    def call(k: str, depth: object, kept: float) -> None:
        a, b, c = (offset_of(e, s, [*at[:2], k]) for s in (ops.a, ops.b, out))
        values = [ROW_MAJOR, a_flag, b_flag, rows, columns, depth, "1.0", a, a_lead, b, b_lead, kept, c, n]
        written = ", ".join(f"{kind} {v}" for kind, v in zip(kinds, values, strict=True))
        e.line(f"call void @rushlight_{name}({written})")

    def more(k: str) -> None:
        rest = e.value(f"sub nuw nsw i64 {ops.depth}, {k}")
        count = e.call("llvm.smin.i64", "i64", [("i64", rest), ("i64", str(LONG))])
        call(k, e.value(f"trunc i64 {count} to i32"), 1.0)

    call("0", min(ops.depth, LONG), 0.0)
    if ops.depth > LONG:
        e.loop(LONG, ops.depth, LONG, more)


def _share(writer: KernelWriter, length: int) -> tuple[str, str]:
    """(start, size) of this part of `length`: multiples of 8, and the last takes the rest."""
    e, parts = writer.emitter, writer.parts
    if parts == 1:
        return "0", str(length)
    step = -(-length // parts // 8) * 8
    start = e.value(f"mul nuw nsw i64 %part, {step}")
    last = e.value(f"icmp eq i64 %part, {parts - 1}")
    rest = length - step * (parts - 1)
    return start, e.value(f"select i1 {last}, i32 {rest}, i32 {step}")


def _layout(row_step: int, column_step: int, rows: int, columns: int) -> tuple[int, int]:
    """(flag, leading dimension) of a matrix with unit steps along one axis."""
    if column_step == 1:
        return PLAIN, max(row_step, columns)
    return TRANSPOSED, max(column_step, rows)
