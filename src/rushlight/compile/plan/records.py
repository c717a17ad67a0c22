"""The records of a program's kernels: what is planned here, and written in ``write/``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rushlight.compile.graph import Graph, Node, Value
from rushlight.compile.plan.views import Access
from rushlight.core.lower import View
from rushlight.core.refused import explain
from rushlight.device import m, xp
from rushlight.errors import RushlightError

if TYPE_CHECKING:
    from rushlight.compile.plan.rounds import Rounds

__all__ = ["Check", "Kernel", "Schedule"]


@dataclass(frozen=True, slots=True)
class Check:
    """That `value`, which `node` reads, holds whole numbers from `low` to `size` - 1 and no others, but for
    those that equal `free`; they count along `axis`."""

    node: Node
    value: Value
    axis: int
    size: int
    low: int
    free: int | None = None

    def holds(self, index: int) -> bool:
        """Whether an index may be this one."""
        return self.low <= index < self.size or index == self.free

    def error(self, index: int) -> Exception:
        """What eager code raises for that index."""
        if isinstance(self.node.op.lower, View):
            try:
                self.node.op.formula(m, xp.full((1,), index, self.value.spec.dtype), **self.node.attrs)
            except RushlightError as error:
                return error
        specs = [v.spec if isinstance(v, Value) else v for v in self.node.inputs]
        said = f"index {index} is out of bounds for axis {self.axis} with size {self.size}"
        return explain(self.node.op, specs, self.node.attrs, IndexError(said))


@dataclass(eq=False, slots=True)
class Kernel:
    """One loop nest, or one call.

    kind    "map", "gather" (a map that reads through an index), "rows" (maps and reductions of the same rows,
            its `stages`), "scatter" (a result written through one),
            "check" (of an index), "cat", "copy", "fill" (with a constant), "reduce", "product", "library" (a
            product that OpenBLAS does), "integer matmul", "cumulative" (running
            totals), "sort", "random", "loop" (of kernels) or "callback".
    space   the shape over which `body` runs: for a reduction, what remains.
    root    the reduction's, product's or callback's node; the one that draws random words.
    before  elementwise nodes over the full space of a reduction, computed before it.
    body    elementwise nodes over `space`, in order.
    stores  the values that go to memory.
    stages  kernels that run row by row, one after the other; the rows lie along `axis`. The last may make one
            number of all rows, when they are done.
    inside  what a stage reads of what another one makes, by id: it needs no memory for that.
    check   what a check looks at, or a kernel that checks an index before all else.
    rounds  how a loop is run.
    """

    kind: str
    space: tuple[int, ...]
    root: Node | None = None
    before: list[Node] = field(default_factory=list)
    body: list[Node] = field(default_factory=list)
    stores: list[Value] = field(default_factory=list)
    check: Check | None = None
    axis: int = 0
    stages: list[Kernel] = field(default_factory=list)
    inside: set[int] = field(default_factory=set)
    rounds: Rounds | None = None

    @property
    def scratch(self) -> list[Value]:
        """Memory that only the kernel uses, while it runs."""
        return [] if self.rounds is None else self.rounds.scratch

    @property
    def nodes(self) -> list[Node]:
        """All nodes, in order."""
        own = [*self.before, *([self.root] if self.root else []), *self.body]
        return [*own, *[node for stage in self.stages for node in stage.nodes]]

    @property
    def name(self) -> str:
        """What the kernel does, in a few words."""
        return "+".join(n.op.name for n in self.nodes) or self.kind

    def reads(self) -> list[Value]:
        """The values that it takes from elsewhere."""
        made = {id(n.out) for n in self.nodes}
        found: dict[int, Value] = {id(self.check.value): self.check.value} if self.check else {}
        for node in self.nodes if self.kind != "fill" else ():
            for v in node.values():
                if id(v) not in made and id(v) not in self.inside:
                    found.setdefault(id(v), v)
        return list(found.values())


@dataclass(eq=False, slots=True)
class Schedule:
    """Kernels in the order in which they run.

    access     for each value (by id) where it is read: its own buffer, or through a view another's.
    constants  values that are one number everywhere, by id.
    looks_beyond  views that go beyond the ends of memory, or of such views, that are read as they are: by id.
    below      what the numbers of a value are less than, none of them negative, by id.
    checked    the indices that are known to be in range: where they are read, and for how large an axis.
    """

    graph: Graph
    kernels: list[Kernel] = field(default_factory=list)
    access: dict[int, Access] = field(default_factory=dict)
    constants: dict[int, Any] = field(default_factory=dict)
    made_by: dict[int, int] = field(default_factory=dict)
    below: dict[int, int] = field(default_factory=dict)
    checked: set[tuple[Any, ...]] = field(default_factory=set)
    looks_beyond: set[int] = field(default_factory=set)

    def source(self, value: Value) -> int:
        """The index of the kernel that makes what `value` reads; -1 for inputs and constants."""
        return self.made_by.get(id(self.access[id(value)].value), -1) if id(value) in self.access else -1
