"""A large program proves itself in its own memory, kernel by kernel, while its first step runs.

Copies of all that a large net consists of would be more than training it takes, and a second step on NumPy
would take seconds. So the step stops after each kernel, and some of the numbers that the kernel has stored
are computed by the interpreter, from what the kernel has read. Where they differ, all that the kernel stored
is computed again and put in its place: the step ends with the right results, whatever the program did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.compile.graph import Graph, Node, Value
from rushlight.compile.interpret import interpret, run_node
from rushlight.compile.native.program import Program
from rushlight.compile.native.workspace import Workspace
from rushlight.compile.plan.memory import Buffer
from rushlight.compile.plan.records import Kernel
from rushlight.compile.plan.views import is_view
from rushlight.compile.proof.check import close, disagreements
from rushlight.compile.proof.part import FEW, part_of, sample, some_of
from rushlight.core.atomic import struck
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.device.memory import strided

__all__ = ["Fault", "Watch"]


class Fault:
    """What was wrong first: in words, and a graph and its inputs that show it."""

    def __init__(self, what: str, graph: Graph, arrays: Sequence[Any]) -> None:
        self.what, self.graph, self.arrays = what, graph, arrays


class Watch:
    """What looks at a program between its kernels.

    fault  the first kernel that was wrong; None while none was.
    """

    def __init__(self, program: Program) -> None:
        self.fault: Fault | None = None
        self._kinds, self._alike = set[Any](), 0
        self._failed = False
        self._work: Workspace
        self._program, self._plan, self._memory = program, program.plan, program.memory
        self._made: dict[int, Node] = {id(n.out): n for n in self._plan.graph.nodes}
        self._ready = {id(v) for v in self._plan.graph.inputs}
        self._old: dict[int, Any] = {}

    @property
    def summary(self) -> str:
        """What was proved, in words."""
        alike = f"; of {self._alike} that are like one of these, fewer" if self._alike else ""
        return (
            f"Proved in its first call, kernel by kernel: of what each of {len(self._kinds)} stores, all up "
            f"to {FEW} elements, of more a sample{alike}."
        )

    def run(self, arguments: Sequence[Tensor]) -> list[Any]:
        """One call: the outputs, and the updates where they belong."""
        try:
            return self._program.watched(arguments, self._between)
        finally:
            self._old.clear()

    def _between(self, work: Workspace, i: int) -> None:
        """Before kernel or copy `i`, after the one before it."""
        if self._failed:
            return
        self._work = work
        try:
            self._look(i)
        except MemoryError:
            raise
        except Exception as error:
            if struck(error):
                raise
            self._failed = True
            self.fault = self.fault or Fault(
                f"unknown; the proof fails ({type(error).__name__}: {error})", Graph(), []
            )

    def _look(self, i: int) -> None:
        kernels, copies = self._plan.kernels, self._memory.copies
        if 0 < i <= len(kernels):
            self._after(kernels[i - 1])
        elif i:
            self._copied(*copies[i - 1 - len(kernels)])
        if i < len(kernels):
            self._before(kernels[i])

    def _before(self, kernel: Kernel) -> None:
        """Keep the old numbers of what the kernel writes over."""
        self._old.clear()
        for value in kernel.stores:
            place = self._memory.places[id(value)]
            if place.kind == "input":
                target = self._plan.graph.inputs[place.where]
                self._old[id(target)] = self._array(target).copy()

    def _after(self, kernel: Kernel) -> None:
        """Hold some of what the kernel stored against the interpreter."""
        if kernel.kind != "callback":
            kind = _kind(kernel)
            again = kind in self._kinds
            self._kinds.add(kind)
            self._alike += again
            if (wrong := self._wrong(kernel.stores, again)) is not None:
                self._mend(kernel, wrong)
        self._ready.update(id(v) for v in kernel.stores)
        self._ready.difference_update(self._old)

    def _wrong(self, values: Sequence[Value], again: bool) -> Value | None:
        """The first of what a kernel stored that is wrong."""
        somes = [some_of(v.spec.shape, again) for v in values]
        graph, arrays = part_of(values, self._made, self._known, somes)
        expected = interpret(graph, arrays)[0]
        stored = [self._array(v) for v in values]
        found = [
            a if a.shape == b.shape else sample(a, some)
            for a, b, some in zip(stored, expected, somes, strict=True)
        ]
        wrong = disagreements(graph, arrays, graph.outputs, found, expected)
        return values[wrong[0]] if wrong else None

    def _mend(self, kernel: Kernel, wrong: Value) -> None:
        """Put what the interpreter makes in the place of what the kernel made."""
        whole = [(0,) * v.spec.ndim for v in kernel.stores]
        graph, arrays = part_of(kernel.stores, self._made, self._stored, whole)
        right = interpret(graph, arrays)[0]
        if self.fault is None:
            what = f"{kernel.kind} kernel {kernel.name}, shape {wrong.spec.shape}, which makes {wrong}"
            self.fault = Fault(what, graph, [a.copy() for a in arrays])
        for value, array in zip(kernel.stores, right, strict=True):
            xp.copyto(self._array(value), array)

    def _copied(self, value: Value, target: Buffer) -> None:
        """A copy has just been made: its source is still there."""
        source = self._known(value)
        found = self._work.array_in(target, value.spec.shape, value.spec.dtype)
        some = some_of(value.spec.shape)
        if not close(sample(found, some), sample(source, some)):
            what = f"copy kernel copy, shape {value.spec.shape}, at the end"
            self.fault = self.fault or Fault(what, Graph([value], [], [value]), [source.copy()])
            xp.copyto(found, source)
        self._ready.update(id(v) for v in self._memory.staged if self._memory.places[id(v)] == target)

    def _array(self, value: Value) -> Any:
        """The memory in which a value lies."""
        access = self._plan.access[id(value)]
        base = self._work.array_in(self._memory.places[id(value)], value.spec.shape, value.spec.dtype)
        return strided(base, 0, value.spec.shape, access.strides, writeable=True)

    def _known(self, value: Value) -> Any:
        """The array of what a kernel reads: it lies in memory, or is a view of what does, or a constant. None
        of what the kernel makes."""
        if id(value) in self._plan.constants:
            return self._constant(value)
        stored = self._stored(value)
        if stored is not None:
            return stored
        node = self._made[id(value)]
        if not is_view(node):
            return None
        operands = [self._known(v) if isinstance(v, Value) else v for v in node.inputs]
        return None if any(v is None for v in operands) else run_node(node, operands)

    def _constant(self, value: Value) -> Any:
        """The array of a constant, made of other constants where it is: nobody reads it from memory, and its
        place there may be another's by now."""
        node = self._made[id(value)]
        if all(id(v) in self._plan.constants for v in node.values()):
            return run_node(node, [self._constant(v) if isinstance(v, Value) else v for v in node.inputs])
        return xp.full(value.spec.shape, self._plan.constants[id(value)], value.spec.dtype)

    def _stored(self, value: Value) -> Any:
        """The array of what lies in memory; None of what does not."""
        if id(value) in self._old:
            return self._old[id(value)]
        return self._array(value) if id(value) in self._ready else None


def _kind(kernel: Kernel) -> Any:
    """What kernels have in common that do the same with other numbers."""
    return tuple(
        (
            node.op,
            repr(node.attrs),
            tuple((v.spec.shape, v.spec.dtype) if isinstance(v, Value) else v for v in node.inputs),
        )
        for node in kernel.nodes
    )
