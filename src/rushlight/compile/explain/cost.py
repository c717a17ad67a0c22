"""What a kernel has to do: arithmetic operations and bytes to move."""

from __future__ import annotations

from collections.abc import Iterator

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.indexing import source_of
from rushlight.compile.plan.memory import Memory
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.compile.write.work import flops, per_element
from rushlight.core.lower import Contract, Gather, Join, Map, Scatter, View

__all__ = ["bytes_of", "flops_of", "footprint_of"]


def flops_of(kernel: Kernel) -> int:
    """Additions, subtractions, multiplications, divisions and roots of floats; a fused multiply-add is two.

    A function such as tanh counts with the operations that it is made of.
    """
    return round(sum(_flops(node) for node in kernel.nodes))


def _flops(node: Node) -> float:
    lower = node.op.lower
    if isinstance(lower, Contract):
        return flops(node)
    if isinstance(lower, Map):
        return node.out.spec.size * per_element(node)
    if isinstance(lower, (Gather, Join, View)):
        return 0
    if isinstance(lower, Scatter):
        return _adds(node) if lower.adds else 0
    if all(v.spec.dtype.kind == "f" for v in (node.out, *node.values())):
        return sum(v.spec.size for v in node.values())
    return 0


def _adds(node: Node) -> int:
    source = source_of(node)
    adds = any(v.spec.dtype.kind in "iu" for v in node.values() if v is not source)
    return source.spec.size if adds and isinstance(source, Value) and source.spec.dtype.kind == "f" else 0


def bytes_of(kernel: Kernel, plan: Schedule) -> int:
    """Bytes read and written, each place counted once; of what is indexed, one element for each result."""
    reads = {_place(v, plan): _size_read(v, plan) for v in kernel.reads() if id(v) in plan.access}
    for node in kernel.nodes:
        if isinstance(node.op.lower, Gather):
            source, most = node.inputs[0], node.out.spec.size * node.out.spec.dtype.itemsize
            reads[_place(source, plan)] = min(reads[_place(source, plan)], most)
    return sum(reads.values()) + sum(v.spec.size * v.spec.dtype.itemsize for v in _written(kernel))


def footprint_of(kernel: Kernel, plan: Schedule, memory: Memory) -> int:
    """Bytes of all the places that the kernel touches: what must fit a cache for it to run from there."""
    values = [plan.access[id(v)].value for v in kernel.reads() if id(v) in plan.access]
    places = {memory.places.get(id(v), id(v)): v.spec for v in (*values, *_written(kernel))}
    return sum(spec.size * spec.dtype.itemsize for spec in places.values())


def _written(kernel: Kernel) -> Iterator[Value]:
    yield from kernel.stores
    if kernel.root is not None and kernel.kind in ("library", "callback") and not kernel.stores:
        yield kernel.root.out


def _place(value: Value, plan: Schedule) -> tuple[object, ...]:
    access = plan.access[id(value)]
    return id(access.value), access.offset, access.strides, access.edges, value.spec.shape


def _size_read(value: Value, plan: Schedule) -> int:
    """An axis with stride 0 reads the same place again."""
    access, count = plan.access[id(value)], 1
    for size, step in zip(value.spec.shape, access.strides, strict=True):
        count *= size if step else 1
    return count * access.value.spec.dtype.itemsize
