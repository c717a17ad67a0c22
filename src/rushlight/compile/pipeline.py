"""The whole way from a traced graph to native code.

Each stage takes what the one before made; `CompiledFunction.stages` shows it as text.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from rushlight.compile.again import make_again
from rushlight.compile.graph import Graph, GraphError, verify
from rushlight.compile.loops import unrolled
from rushlight.compile.native import jit
from rushlight.compile.native.facts import Facts, facts_of
from rushlight.compile.native.threads import get_num_threads, wait_address
from rushlight.compile.parts import join_parts
from rushlight.compile.plan.folds import folded_in
from rushlight.compile.plan.kernels import cut, finish
from rushlight.compile.plan.layout import lay_out
from rushlight.compile.plan.memory import Memory, plan_memory
from rushlight.compile.plan.records import Schedule
from rushlight.compile.plan.rounds import plan_loops
from rushlight.compile.plan.rows import fuse_rows
from rushlight.compile.plan.verify import overwritten
from rushlight.compile.plan.verify import verify as verify_schedule
from rushlight.compile.reshapes import sink_reshapes
from rushlight.compile.simplify import simplify
from rushlight.compile.sums import sum_in_order
from rushlight.compile.write import library
from rushlight.compile.write.cuts import LEAST
from rushlight.compile.write.kernel_writer import can_emit
from rushlight.compile.write.render import Module, render
from rushlight.compile.write.work import per_element, work_of

__all__ = ["Built", "Recalled", "build", "schedule", "verifies"]


@dataclass(frozen=True, slots=True)
class Built:
    """A graph as native code: the simplified graph, its kernels, where their values live, their text, and
    the functions in memory."""

    graph: Graph
    plan: Schedule
    memory: Memory
    module: Module
    native: jit.Native
    facts: Facts

    @property
    def whole(self) -> Built:
        """Itself; see `Recalled`."""
        return self


@dataclass(slots=True)
class Recalled:
    """A graph that an earlier process made native code of: what a call needs of it, and when somebody asks
    for more, all that there is."""

    graph: Graph
    native: jit.Native
    facts: Facts
    fuse: bool
    _built: Built | None = None

    @property
    def whole(self) -> Built:
        """The graph as `build` makes it."""
        if self._built is None:
            self._built = build(self.graph, self.fuse)
        return self._built


def build(graph: Graph, fuse: bool = True) -> Built:
    """`graph` as native code; without `fuse` each node has a kernel of its own.

    With ``RUSHLIGHT_VERIFY`` in the environment kernels and memory are verified, as graphs always are.
    """
    plan = schedule(graph, fuse)
    memory = plan_memory(plan)
    if verifies() and (lost := overwritten(plan, memory)) is not None:
        raise GraphError(f"{lost} is read when another value was written over it")
    module = render(plan, memory)
    symbols = {"rushlight_wait": wait_address(), **library.symbols(plan)}
    native = jit.build(module.step, symbols, module.functions.values(), get_num_threads())
    return Built(plan.graph, plan, memory, module, native, facts_of(plan, memory, module))


def schedule(graph: Graph, fuse: bool = True, strides: dict[int, tuple[int, ...]] | None = None) -> Schedule:
    """The kernels of `graph`, in the order in which they run, and the layouts of what they store.

    strides  of inputs that lie otherwise than in rows, by id.
    """
    simple = verify(simplify(graph))
    while True:
        ready = verify(_for_fusion(simple)) if fuse else simple
        plan = cut(ready, can_emit, library.is_large, fuse, strides)
        if fuse:
            fuse_rows(plan)
        finish(plan)
        if fuse:
            folded_in(plan, work_of, LEAST)
            lay_out(plan)
        refused = plan_loops(plan, lambda body, lie: schedule(body, fuse, lie))
        if not refused:
            return verify_schedule(plan) if verifies() else plan
        ids = {id(node) for node in refused}
        simple = verify(simplify(unrolled(plan.graph, ids)))


def _for_fusion(graph: Graph) -> Graph:
    """The same results by nodes of which fewer and faster loops can be made."""
    return make_again(sum_in_order(sink_reshapes(join_parts(graph))), per_element)


def verifies() -> bool:
    """Whether all stages are to be verified."""
    return bool(os.environ.get("RUSHLIGHT_VERIFY"))
