"""Layouts: which matrices between kernels lie in columns.

Vectors run along the axis whose elements lie side by side. A hidden layer of 25 for 100 samples, in rows,
fills 25 of each 32 lanes; in columns, vectors run along the samples and are all but full.
"""

from __future__ import annotations

from collections.abc import Iterator

from rushlight.compile import host
from rushlight.compile.graph import Value
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.compile.plan.views import Access, look_through
from rushlight.compile.vector.registers import LANES
from rushlight.core.lower import Contract, Reduce, View

__all__ = ["lay_out"]

WORTH = 0.9
"""Share of the time along rows that must remain along columns at most for columns to be chosen."""
KINDS = ("map", "reduce", "product", "rows")


def lay_out(plan: Schedule) -> None:
    """Choose the values that lie in columns, and enter their strides, and those of views of them."""
    chosen = {id(v): v for v in _candidates(plan) if _narrow(v)}
    walks = [_side_by_side(plan, kernel) for kernel in plan.kernels] if chosen else []
    while True:
        walks = [walk for walk in walks if not chosen.keys().isdisjoint(walk)]
        refused = {
            key
            for walk in walks
            if any(stored and other not in chosen for other, stored in walk.items())
            for key in walk
        }
        if refused.isdisjoint(chosen):
            break
        chosen = {key: v for key, v in chosen.items() if key not in refused}
    for value in chosen.values():
        rows = value.spec.shape[0]
        # Every column begins with a whole vector's alignment.
        plan.access[id(value)] = Access(value, 0, (1, -(-rows // LANES) * LANES))
    for node in plan.graph.nodes if chosen else ():
        if id(node.out) in plan.access and plan.access[id(node.out)].value is not node.out:
            access = look_through(node, plan.access[id(node.inputs[0])])
            assert access is not None
            plan.access[id(node.out)] = access


def _candidates(plan: Schedule) -> Iterator[Value]:
    """Matrices that only loops make and read, through views that any strides allow."""
    fixed = {id(v) for v in _fixed(plan)}
    for kernel in plan.kernels:
        for value in kernel.stores:
            if value.spec.ndim == 2 and min(value.spec.shape) > 1 and id(value) not in fixed:
                yield value


def _fixed(plan: Schedule) -> Iterator[Value]:
    """Values that must lie in rows: results, and what others than our own loops make or read."""
    for value in [*plan.graph.outputs, *[v for _, v in plan.graph.updates]]:
        if id(value) in plan.access:
            yield plan.access[id(value)].value
    for kernel in plan.kernels:
        if not all(_plain(stage) for stage in kernel.stages or [kernel]):
            for value in [*kernel.stores, *kernel.reads()]:
                if id(value) in plan.access:
                    yield plan.access[id(value)].value
    for node in plan.graph.nodes:
        through = plan.access.get(id(node.out))
        lower = node.op.lower
        always = isinstance(lower, View) and lower.always and lower.limits is None
        if through is not None and through.value is not node.out and not always:
            yield through.value


def _plain(kernel: Kernel) -> bool:
    """Whether the kernel may read and write in columns."""
    if kernel.kind not in KINDS or any(not n.op.elementwise for n in [*kernel.before, *kernel.body]):
        return False
    lower = kernel.root.op.lower if kernel.root is not None else None
    reduces = isinstance(lower, Reduce) and not (lower.position or lower.test or lower.merge == "prod")
    return lower is None or reduces or isinstance(lower, Contract)


def _narrow(value: Value) -> bool:
    """Whether vectors along the columns are fuller by so much that it pays."""
    lanes = host.describe().lanes(value.spec.dtype.itemsize)
    along, across = (-(-length // lanes) / length for length in value.spec.shape)
    return along < WORTH * across


def _side_by_side(plan: Schedule, kernel: Kernel) -> dict[int, bool]:
    """The matrices that the kernel walks over side by side, by id, and which of them lie in memory: if one of
    these lies in rows, all do."""
    points = [*kernel.stores]
    for stage in kernel.stages or [kernel]:
        for node in [*stage.before, *stage.body]:
            points += node.values()
        if stage.kind == "reduce" and stage.root is not None:
            points += stage.root.values()
    read = [plan.access[id(v)] for v in points if id(v) in plan.access and v.spec.ndim == 2]
    matrices = {id(access.value) for access in read if all(access.strides)}
    in_registers = {id(n.out) for n in kernel.nodes} | kernel.inside
    stored = {id(v) for v in kernel.stores}
    return {key: key in stored or key not in in_registers for key in matrices}
