"""Kernels: the graph cut into loop nests.

Each kernel is one nest over a space (the shape of its result). It may begin with a root, a reduction or a
product, and then runs elementwise nodes point by point on what the root gives and on what it reads. A node
joins the last kernel that makes one of its inputs, if that kernel has the node's shape: then its result
never goes through memory. What cannot be said as a nest calls back to the op's NumPy formula.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.compile.graph import Graph, Node, Value
from rushlight.compile.plan.beyond import readable_beyond
from rushlight.compile.plan.indexing import below, checks
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.compile.plan.views import Access, contiguous, look_through
from rushlight.compile.plan.whole_product import as_reduction
from rushlight.compile.plan.words import join_words, makes_words
from rushlight.core.lower import (
    Contract,
    Cumulate,
    Draw,
    Fill,
    Gather,
    Join,
    Loop,
    Map,
    Reduce,
    Result,
    Scatter,
    Sort,
    View,
)
from rushlight.core.op import REGISTRY
from rushlight.device import xp

__all__ = ["cut", "finish"]

FUSING = {"map", "gather", "reduce", "integer matmul", "cumulative", "product"}
"""Kinds of kernels after whose root elementwise nodes run at the same point."""
NEAR = 8
"""Kernels that are looked back at for maps to be joined."""
SHORT = 256
"""Elements of a row up to which it is sorted by native code."""


def cut(
    graph: Graph,
    can_emit: Callable[[Node], bool],
    use_library: Callable[[Node], bool],
    fuse: bool = True,
    strides: dict[int, tuple[int, ...]] | None = None,
) -> Schedule:
    """Cut `graph` into kernels; with `fuse` a node joins another's, where that has a place for it.

    can_emit     says whether an elementwise node can be written as native code.
    use_library  says whether a product is large enough for OpenBLAS.
    strides      of inputs that lie otherwise than in rows, by id.
    """
    plan = Schedule(graph)
    plan.looks_beyond = readable_beyond(graph, can_emit, use_library)
    for value in graph.inputs:
        own = (strides or {}).get(id(value))
        plan.access[id(value)] = contiguous(value) if own is None else Access(value, 0, own)
    for node in _single_numbers_first(graph) if fuse else graph.nodes:
        if not _constant(plan, node) and not _view(plan, node):
            kernel = _place(plan, node, can_emit, use_library, fuse)
            plan.made_by[id(node.out)] = kernel
            plan.access[id(node.out)] = contiguous(node.out)
        limit = below(node, plan.below)
        if limit is not None and not _by_callback(plan, node):
            plan.below[id(node.out)] = limit
    if fuse:
        _join_late(plan)
    return plan


def finish(plan: Schedule) -> Schedule:
    """Say what is stored, and leave out kernels that store nothing."""
    _find_stores(plan)
    _put_in_order(plan)
    return plan


def _single_numbers_first(graph: Graph) -> list[Node]:
    """The nodes in an order in which what follows from single numbers alone, such as a step's learning rate,
    comes first: there it parts no chain of nodes that reads it."""
    single = {id(v) for v in graph.inputs if v.spec.size == 1}
    first: list[Node] = []
    rest: list[Node] = []
    for node in graph.nodes:
        plain = isinstance(node.op.lower, (Map, Fill)) and all(id(v) in single for v in node.values())
        if plain and node.out.spec.size == 1:
            single.add(id(node.out))
            first.append(node)
        else:
            rest.append(node)
    return first + rest


def _put_in_order(plan: Schedule) -> None:
    """Fills first, because kernels before the product that asked for one may read it as well. Without the
    kernels of whose results nothing is read: what read them turned out to be a constant."""
    busy = [i for i, k in enumerate(plan.kernels) if k.stores or k.kind == "check"]
    busy.sort(key=lambda i: plan.kernels[i].kind != "fill")
    _delay(plan, busy)
    place = {old: new for new, old in enumerate(busy)}
    plan.kernels = [plan.kernels[i] for i in busy]
    plan.made_by = {v: place[i] for v, i in plan.made_by.items() if i in place}


def _delay(plan: Schedule, order: list[int]) -> None:
    """Move kernels of single numbers to before their first reader: they may overwrite an optimiser's count of
    steps, and before a check that can fail nothing should be overwritten."""
    single = [i for i in order if plan.kernels[i].kind == "map" and plan.kernels[i].space == ()]
    makers = {i: {plan.source(v) for v in plan.kernels[i].reads()} for i in order} if single else {}
    for i in reversed(single):
        at = order.index(i)
        del order[at]
        readers = (k for k in range(at, len(order)) if i in makers[order[k]])
        order.insert(next(readers, len(order)), i)


def _constant(plan: Schedule, node: Node) -> bool:
    """Record `node` as one number everywhere, if it is filled with one, or reads nothing else."""
    lower = node.op.lower
    if isinstance(lower, Fill):
        plan.constants[id(node.out)] = node.attrs["value"]
        return True
    if isinstance(lower, Gather) and id(node.inputs[0]) in plan.constants and _check(plan, node):
        plan.constants[id(node.out)] = plan.constants[id(node.inputs[0])]
        return True
    return False


def _by_callback(plan: Schedule, node: Node) -> bool:
    """Whether NumPy computes the node: if it is stopped in the middle, anything may be in the result."""
    maker = plan.made_by.get(id(node.out), -1)
    return maker >= 0 and plan.kernels[maker].kind == "callback"


def _view(plan: Schedule, node: Node) -> bool:
    """Record `node` as a view of its input, if it is one."""
    lower = node.op.lower
    if not isinstance(lower, View) or (lower.limits is not None and not _check(plan, node)):
        return False
    source = node.inputs[0]
    if id(source) in plan.constants and lower.beyond is None:
        plan.constants[id(node.out)] = plan.constants[id(source)]
        return True
    _spell_out(plan, source)
    access = look_through(node, plan.access[id(source)])
    if access is None or (access.edges and (id(node.out) not in plan.looks_beyond or access.stands_still)):
        return False
    plan.access[id(node.out)] = access
    return True


def _place(plan: Schedule, node: Node, can_emit: Any, use_library: Any, fuse: bool) -> int:
    """Put `node` into a kernel, an existing or a new one; gives the kernel's index."""
    shape, lower = node.out.spec.shape, node.op.lower
    if isinstance(lower, View) and lower.always:
        return _written_out(plan, node)
    kernel = _moves(plan, node)
    if kernel is not None:
        return _new(plan, kernel)
    if isinstance(lower, Result):
        loop = plan.made_by[id(node.inputs[0])]
        plan.kernels[loop].body.append(node)
        return loop
    if isinstance(lower, Loop):
        for value in node.inputs[node.attrs["carried"] :]:
            _spell_out(plan, value)
        return _new(plan, Kernel("loop", (), root=node))
    if isinstance(lower, Contract) and _is_float(node):
        for value in node.values():
            _spell_out(plan, value)
        large = use_library(node) and all(_matrix_like(plan, v) for v in node.values())
        return _new(plan, Kernel("library" if large else "product", shape, root=node))
    if isinstance(lower, Contract) and node.out.spec.dtype.kind != "f":
        multiplied, summed = as_reduction(plan, node)
        return _new(plan, Kernel("integer matmul", shape, summed, [multiplied]))
    if isinstance(lower, Reduce):
        return _place_reduction(plan, node, fuse, "reduce")
    if isinstance(lower, Cumulate):
        return _place_reduction(plan, node, fuse, "cumulative")
    if isinstance(lower, Map) and can_emit(node):
        index = _partner(plan, node) if fuse else None
        if index is None:
            index = _new(plan, Kernel("map", shape))
        elif plan.kernels[index].kind == "map":
            _take_in(plan, node, index)
        plan.kernels[index].body.append(node)
        return index
    if isinstance(lower, Sort) and shape[node.attrs["dim"]] <= SHORT:
        return _new(plan, Kernel("sort", shape, root=node))
    if makes_words(node, plan.constants):
        moves = isinstance(lower, Draw) and lower.moves
        return _new(plan, Kernel("random", shape, body=[node]) if moves else Kernel("random", shape, node))
    return _new(plan, Kernel("callback", shape, root=node))


def _written_out(plan: Schedule, node: Node) -> int:
    """Put a view that goes beyond its input into a kernel that writes it; what follows may join that."""
    access = look_through(node, plan.access[id(node.inputs[0])])
    if access is None:
        return _new(plan, Kernel("callback", node.out.spec.shape, root=node))
    seen = Value(node.out.spec, f"{node.inputs[0].name}*")
    plan.access[id(seen)] = access
    copied = Node(REGISTRY["clone"], (seen,), {}, node.out)
    return _new(plan, Kernel("map", node.out.spec.shape, body=[copied]))


def _moves(plan: Schedule, node: Node) -> Kernel | None:
    """The kernel of a node that only moves elements."""
    shape, lower = node.out.spec.shape, node.op.lower
    if isinstance(lower, Join) or (isinstance(lower, View) and not lower.always):
        return Kernel("cat" if isinstance(lower, Join) else "copy", shape, root=node)
    if isinstance(lower, Gather) and _check(plan, node):
        return Kernel("gather", shape, body=[node])
    if isinstance(lower, Scatter) and not _adds_up_wider(node) and _check(plan, node):
        return Kernel("scatter", shape, root=node)
    return None


def _adds_up_wider(node: Node) -> bool:
    """Whether a scatter needs another dtype for its sums than that of its result."""
    lower = node.op.lower
    adds = isinstance(lower, Scatter) and lower.adds
    return adds and len(node.inputs) > 1 and node.out.spec.dtype == xp.float16


def _check(plan: Schedule, node: Node) -> bool:
    """Check what a node indexes with, before it; whether native code can do what the node does."""
    needed = checks(plan, node)
    for check in needed or ():
        _new(plan, Kernel("check", check.value.spec.shape, check=check))
    return needed is not None


def _spell_out(plan: Schedule, value: Value) -> None:
    """Have a constant in memory too: products read nothing else."""
    if id(value) in plan.constants and id(value) not in plan.access:
        maker = next(n for n in plan.graph.nodes if n.out is value)
        plan.made_by[id(value)] = _new(plan, Kernel("fill", value.spec.shape, root=maker))
        plan.access[id(value)] = contiguous(value)


def _matrix_like(plan: Schedule, value: Value) -> bool:
    """Whether a matrix lies in rows or in columns without gaps inside them, as BLAS wants it."""
    access = plan.access.get(id(value))
    if access is None:
        return False
    rows, columns = access.strides
    n, m = value.spec.shape
    return (columns == 1 and rows >= m) or (rows == 1 and columns >= n)


def _is_float(node: Node) -> bool:
    return all(v.spec.dtype.kind == "f" and v.spec.dtype.itemsize > 2 for v in (node.out, *node.values()))


def _new(plan: Schedule, kernel: Kernel) -> int:
    plan.kernels.append(kernel)
    return len(plan.kernels) - 1


def _partner(plan: Schedule, node: Node) -> int | None:
    """The kernel that `node` can join: the last that makes one of its inputs, if it has the node's shape and
    makes that input at the same point."""
    last = max((plan.source(v) for v in node.values()), default=-1)
    if last < 0:
        return None
    kernel = plan.kernels[last]
    if kernel.kind == "random":
        return last if join_words(plan, kernel, last, node) else None
    if kernel.kind not in FUSING or kernel.space != node.out.spec.shape:
        return None
    direct = all(_pointwise(plan, v, kernel) for v in node.values() if plan.source(v) == last)
    return last if direct else None


def _take_in(plan: Schedule, node: Node, index: int) -> None:
    """Put maps shortly before kernel `index`, which makes what `node` reads at the same point, into that
    kernel, if they make something else that it so reads, and nobody between needs it."""
    kernel = plan.kernels[index]
    for k in sorted({plan.source(v) for v in node.values()}, reverse=True):
        other = plan.kernels[k]
        if not index - NEAR <= k < index or k < 0 or other.kind != "map" or other.space != kernel.space:
            continue
        if any(plan.source(v) == k and not _pointwise(plan, v, other) for v in node.values()):
            continue
        between = (v for j in range(k + 1, index + 1) for v in plan.kernels[j].reads())
        if all(plan.source(v) != k for v in between):
            kernel.body = [*other.body, *kernel.body]
            plan.made_by.update((id(n.out), index) for n in other.body)
            other.body = []


def _join_late(plan: Schedule) -> None:
    """Put maps that began on their own, and then read what another kernel makes, into that kernel."""
    for kernel in plan.kernels:
        read = kernel.reads() if kernel.kind == "map" else []
        last = max((plan.source(v) for v in read), default=-1)
        partner = plan.kernels[last]
        if last < 0 or partner.kind not in FUSING or partner.space != kernel.space:
            continue
        if all(_pointwise(plan, v, partner) for v in read if plan.source(v) == last):
            partner.body += kernel.body
            plan.made_by.update((id(n.out), last) for n in kernel.body)
            kernel.body = []


def _pointwise(plan: Schedule, value: Value, kernel: Kernel) -> bool:
    """Whether the value is computed in its kernel at the same point at which it is read."""
    return (
        plan.access[id(value)].value is value
        and value.spec.shape == kernel.space
        and all(value is not n.out for n in kernel.before)
    )


def _place_reduction(plan: Schedule, node: Node, fuse: bool, kind: str) -> int:
    """A reduction, or one that keeps its running totals, takes the elementwise nodes before it into its own
    loop, where they have a loop to themselves."""
    source = next(node.values())
    index = plan.source(source)
    if fuse and index >= 0:
        kernel = plan.kernels[index]
        if kernel.kind in ("map", "gather") and _pointwise(plan, source, kernel):
            kernel.kind, kernel.root, kernel.space = kind, node, node.out.spec.shape
            kernel.before, kernel.body = kernel.body, []
            return index
    return _new(plan, Kernel(kind, node.out.spec.shape, root=node))


def _find_stores(plan: Schedule) -> None:
    """What another kernel, a view, an output or an update reads must go to memory."""
    needed: dict[int, Value] = {}

    def need(value: Value) -> None:
        if id(value) in plan.access:
            base = plan.access[id(value)].value
            needed[id(base)] = base

    for i, kernel in enumerate(plan.kernels):
        for value in kernel.reads():
            need(value)
        for node in kernel.nodes:
            for v in node.values():
                if plan.source(v) == i and plan.access[id(v)].value is not v and id(v) not in kernel.inside:
                    need(v)
        for stage in kernel.stages:
            own = {id(n.out) for n in stage.nodes} | kernel.inside
            for v in [v for n in stage.nodes for v in n.values()]:
                if plan.source(v) == i and id(v) not in own:
                    need(v)
    for value in [*plan.graph.outputs, *[v for _, v in plan.graph.updates]]:
        need(value)
    for kernel in plan.kernels:
        kernel.stores = [n.out for n in kernel.nodes if id(n.out) in needed]
