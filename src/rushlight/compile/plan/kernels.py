"""Kernels: the graph cut into loop nests.

Each kernel is one nest over a space (the shape of its result). It may begin with a root, a reduction or a
product, and then runs elementwise nodes point by point on what the root gives and on what it reads. A node
joins the last kernel that makes one of its inputs, if that kernel has the node's shape: then its result
never goes through memory. What cannot be said as a nest calls back to the op's NumPy formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rushlight.compile.graph import Graph, Node, Value
from rushlight.compile.plan.views import Access, contiguous, is_view, look_through
from rushlight.device import xp

__all__ = ["Kernel", "Schedule", "schedule"]

REDUCTIONS = {"sum", "mean", "amax", "amin"}
PRODUCTS = {"matmul", "mm"}


@dataclass(eq=False, slots=True)
class Kernel:
    """One loop nest, or one call.

    kind    "map", "reduce", "product", "library" (a product that OpenBLAS does) or "callback".
    space   the shape over which `body` runs: for a reduction, what remains.
    root    the reduction's, product's or callback's node.
    before  elementwise nodes over the full space of a reduction, computed before it.
    body    elementwise nodes over `space`, in order.
    stores  the values that go to memory.
    """

    kind: str
    space: tuple[int, ...]
    root: Node | None = None
    before: list[Node] = field(default_factory=list)
    body: list[Node] = field(default_factory=list)
    stores: list[Value] = field(default_factory=list)

    @property
    def nodes(self) -> list[Node]:
        """All nodes, in order."""
        return [*self.before, *([self.root] if self.root else []), *self.body]

    @property
    def name(self) -> str:
        """What the kernel does, in a few words."""
        return "+".join(n.op.name for n in self.nodes)

    def reads(self) -> list[Value]:
        """The values that it takes from elsewhere."""
        made = {id(n.out) for n in self.nodes}
        found: dict[int, Value] = {}
        for node in self.nodes:
            for v in node.values():
                if id(v) not in made:
                    found.setdefault(id(v), v)
        return list(found.values())


@dataclass(eq=False, slots=True)
class Schedule:
    """Kernels in the order in which they run.

    access     for each value (by id) where it is read: its own buffer, or through a view another's.
    constants  values that are one number everywhere, by id.
    """

    graph: Graph
    kernels: list[Kernel] = field(default_factory=list)
    access: dict[int, Access] = field(default_factory=dict)
    constants: dict[int, Any] = field(default_factory=dict)
    made_by: dict[int, int] = field(default_factory=dict)

    def source(self, value: Value) -> int:
        """The index of the kernel that makes what `value` reads; -1 for inputs and constants."""
        return self.made_by.get(id(self.access[id(value)].value), -1) if id(value) in self.access else -1


def schedule(
    graph: Graph,
    can_emit: Callable[[Node], bool],
    use_library: Callable[[Node], bool],
    fuse: bool = True,
) -> Schedule:
    """Cut `graph` into kernels.

    can_emit     says whether an elementwise node can be written as native code.
    use_library  says whether a product is large enough for OpenBLAS.
    """
    plan = Schedule(graph)
    for value in graph.inputs:
        plan.access[id(value)] = contiguous(value)
    for node in graph.nodes:
        if not _constant(plan, node) and not _view(plan, node):
            kernel = _place(plan, node, can_emit, use_library, fuse)
            plan.made_by[id(node.out)] = kernel
            plan.access[id(node.out)] = contiguous(node.out)
    _find_stores(plan)
    return plan


def _constant(plan: Schedule, node: Node) -> bool:
    """Record `node` as one number everywhere, if it is filled with one, or made of nothing else."""
    if node.op.name == "full":
        plan.constants[id(node.out)] = node.attrs["value"]
        return True
    if not node.op.elementwise or any(id(v) not in plan.constants for v in node.values()):
        return False
    numbers = [
        xp.full((), plan.constants[id(v)], v.spec.dtype) if isinstance(v, Value) else v for v in node.inputs
    ]
    with xp.silence():
        plan.constants[id(node.out)] = xp.asarray(node.op.formula(xp, *numbers, **node.attrs)).item()
    return True


def _view(plan: Schedule, node: Node) -> bool:
    """Record `node` as a view of its input, if it is one."""
    if not is_view(node):
        return False
    source = node.inputs[0]
    if id(source) in plan.constants:
        plan.constants[id(node.out)] = plan.constants[id(source)]
        return True
    access = look_through(node, plan.access[id(source)])
    if access is None:
        return False
    plan.access[id(node.out)] = access
    return True


def _place(plan: Schedule, node: Node, can_emit: Any, use_library: Any, fuse: bool) -> int:
    """Put `node` into a kernel, an existing or a new one; gives the kernel's index."""
    shape = node.out.spec.shape
    empty = 0 in shape or any(0 in v.spec.shape for v in node.values())
    if node.op.name in PRODUCTS and not empty and _is_float(node) and not _any_constant(plan, node):
        large = use_library(node) and all(_matrix_like(plan, v) for v in node.values())
        return _new(plan, Kernel("library" if large else "product", shape, root=node))
    if node.op.name in REDUCTIONS and not empty and _is_float(node) and node.inputs[0].spec.ndim:
        return _place_reduction(plan, node, fuse)
    if node.op.elementwise and not empty and can_emit(node):
        index = _partner(plan, node) if fuse else None
        if index is None:
            index = _new(plan, Kernel("map", shape))
        plan.kernels[index].body.append(node)
        return index
    return _new(plan, Kernel("callback", shape, root=node))


def _any_constant(plan: Schedule, node: Node) -> bool:
    return any(id(v) in plan.constants for v in node.values())


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
    if kernel.kind not in ("map", "reduce", "product") or kernel.space != node.out.spec.shape:
        return None
    direct = all(_pointwise(plan, v, kernel) for v in node.values() if plan.source(v) == last)
    return last if direct else None


def _pointwise(plan: Schedule, value: Value, kernel: Kernel) -> bool:
    """Whether the value is computed in its kernel at the same point at which it is read."""
    return (
        plan.access[id(value)].value is value
        and value.spec.shape == kernel.space
        and all(value is not n.out for n in kernel.before)
    )


def _place_reduction(plan: Schedule, node: Node, fuse: bool) -> int:
    """A reduction takes the elementwise nodes before it into its own loop, where they have a loop to
    themselves."""
    source = next(node.values())
    index = plan.source(source)
    if fuse and index >= 0:
        kernel = plan.kernels[index]
        if kernel.kind == "map" and _pointwise(plan, source, kernel):
            kernel.kind, kernel.root, kernel.space = "reduce", node, node.out.spec.shape
            kernel.before, kernel.body = kernel.body, []
            return index
    return _new(plan, Kernel("reduce", node.out.spec.shape, root=node))


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
                if plan.source(v) == i and plan.access[id(v)].value is not v:
                    need(v)
    for value in [*plan.graph.outputs, *[v for _, v in plan.graph.updates]]:
        need(value)
    for kernel in plan.kernels:
        kernel.stores = [n.out for n in kernel.nodes if id(n.out) in needed]
