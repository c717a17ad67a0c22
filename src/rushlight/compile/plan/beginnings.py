"""Beginnings of reductions that others read too: a kernel of their own can have them.

What others read is written, whoever makes it. So the rows that it is made of may do so, as those of a softmax
write its gradient, and a sum over the batch, which is a bias's gradient, reads that: without this the rows
would write all that the gradient is made of instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from rushlight.compile.graph import Node
from rushlight.compile.plan.records import Kernel, Schedule

__all__ = ["give_back", "hand_over", "make_room"]


def make_room(plan: Schedule) -> dict[int, list[Node]]:
    """Put an empty map before each reduction that begins with what others read too; gives those nodes, by the
    map's place."""
    begin = any(kernel.kind == "reduce" and kernel.before for kernel in plan.kernels)
    read = set(_read_elsewhere(plan)) if begin else set()
    kernels: list[Kernel] = []
    found: dict[int, list[Node]] = {}
    place: list[int] = []
    for kernel in plan.kernels:
        shared = _shared(kernel, read) if kernel.kind == "reduce" else []
        if shared:
            found[len(kernels)] = shared
            kernels.append(Kernel("map", shared[0].out.spec.shape))
        place.append(len(kernels))
        kernels.append(kernel)
    if found:
        plan.kernels = kernels
        plan.made_by = {v: place[i] for v, i in plan.made_by.items()}
    return found


def hand_over(plan: Schedule, i: int, nodes: list[Node]) -> None:
    """Have the map at place `i` run the nodes, and no longer the reduction after it."""
    mapped, reduction = plan.kernels[i : i + 2]
    mapped.body = nodes
    reduction.before = [n for n in reduction.before if not any(n is k for k in nodes)]
    plan.made_by.update((id(n.out), i) for n in nodes)


def give_back(plan: Schedule, i: int) -> None:
    """Undo it."""
    mapped, reduction = plan.kernels[i : i + 2]
    reduction.before = [*mapped.body, *reduction.before]
    plan.made_by.update((id(n.out), i + 1) for n in mapped.body)
    mapped.body = []


def _read_elsewhere(plan: Schedule) -> Iterator[int]:
    """The ids of the values in memory that another kernel reads than makes them, and of those that go out."""
    for i, kernel in enumerate(plan.kernels):
        for v in kernel.reads():
            if plan.source(v) not in (-1, i):
                yield id(plan.access[id(v)].value)
    for v in [*plan.graph.outputs, *[v for _, v in plan.graph.updates]]:
        if id(v) in plan.access:
            yield id(plan.access[id(v)].value)


def _shared(kernel: Kernel, read: set[int]) -> list[Node]:
    """The nodes of a reduction's beginning that make what is read elsewhere; none if what is left would read
    anything else of theirs."""
    wanted: set[int] = set()
    for node in reversed(kernel.before):
        if id(node.out) in read or id(node.out) in wanted:
            wanted.update([id(node.out), *map(id, node.values())])
    shared = [n for n in kernel.before if id(n.out) in wanted]
    rest = [*[n for n in kernel.before if id(n.out) not in wanted], *([kernel.root] if kernel.root else [])]
    inside = {id(n.out) for n in shared} - read
    return [] if any(id(v) in inside for n in rest for v in n.values()) else shared
