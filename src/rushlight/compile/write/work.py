"""How much work a kernel is, in operations of float32, to divide it among threads only where that pays."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.records import Kernel
from rushlight.compile.vector import registers
from rushlight.compile.vector.namespace import VectorMath
from rushlight.compile.vector.registers import LANES
from rushlight.compile.write.emit import Emitter
from rushlight.core.atomic import struck
from rushlight.core.lower import Contract, Map
from rushlight.core.op import Op

__all__ = ["flops", "per_element", "work_of"]

MOVED = 12
"""Operations in the time in which a number is read or written, about."""

_Pairs = tuple[tuple[Any, Any], ...]
_ARITHMETIC = re.compile(
    r" = (?:(?P<one>fadd|fsub|fmul|fdiv|call (?=[^@]*@llvm\.sqrt))|(?P<two>call (?=[^@]*@llvm\.fm[ua])))"
    r" *(?:<(?P<lanes>\d+) x)?"
)


def work_of(kernel: Kernel) -> float:
    """The operations of a kernel's nodes, and those that its reads and writes are worth."""
    done = sum(n.out.spec.size * per_element(n) for n in kernel.nodes if isinstance(n.op.lower, Map))
    if kernel.root is not None and isinstance(kernel.root.op.lower, Contract):
        done += flops(kernel.root)
    return done + MOVED * sum(v.spec.size for v in [*kernel.reads(), *kernel.stores])


def flops(node: Node) -> int:
    """Multiplications and additions of a product."""
    lower, values = node.op.lower, list(node.values())
    assert isinstance(lower, Contract)
    terms, result = lower.letters([v.spec.ndim for v in values], node.attrs)
    sizes = {c: n for t, v in zip(terms, values, strict=True) for c, n in zip(t, v.spec.shape, strict=True)}
    return 2 * node.out.spec.size * math.prod(n for c, n in sizes.items() if c not in result)


def per_element(node: Node) -> float:
    """Arithmetic operations for each element of an elementwise node."""
    kinds = tuple((str(v.spec.dtype), None) if isinstance(v, Value) else (None, v) for v in node.inputs)
    attrs = tuple(sorted(node.attrs.items()))
    try:
        return _counted(node.op, kinds, attrs)
    except TypeError:  # an attribute that cannot be hashed
        return _counted.__wrapped__(node.op, kinds, attrs)


@functools.cache
def _counted(op: Op, kinds: _Pairs, attrs: _Pairs) -> float:
    """Counted in the instructions that the op's formula writes."""
    emitter = Emitter()
    operands = [registers.Vec(emitter, "%x", k, LANES) if k else number for k, number in kinds]
    try:
        op.formula(VectorMath(emitter, LANES), *operands, **dict(attrs))
    except Exception as error:
        if struck(error):
            raise
        return 1.0  # NumPy computes it, nobody knows how
    found = (_ARITHMETIC.search(line) for line in emitter.lines)
    return sum((1 if m["one"] else 2) * int(m["lanes"] or 1) for m in found if m) / LANES
