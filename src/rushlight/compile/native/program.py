"""A compiled program: what one native call needs, and the call itself."""

from __future__ import annotations

import copy
import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile.capture.overlap import Spans
from rushlight.compile.capture.trace import tracing
from rushlight.compile.graph import Graph, Node
from rushlight.compile.interpret import run_node
from rushlight.compile.native import jit
from rushlight.compile.native.threads import get_num_threads, together
from rushlight.compile.plan.kernels import PRODUCTS, Schedule, schedule
from rushlight.compile.plan.memory import Buffer, Memory, plan_memory
from rushlight.compile.write import library
from rushlight.compile.write.factors import flops
from rushlight.compile.write.kernel_writer import can_emit
from rushlight.compile.write.render import Callback, Module, render
from rushlight.core.tensor import Tensor, clock
from rushlight.device import xp

__all__ = ["Program"]

HEAVY = 50_000_000
"""Multiplications and additions of one step from which calling other threads for it is worth their waking."""

_Step = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
)
_Alone = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_Scan = ctypes.CFUNCTYPE(
    None,
    *[ctypes.c_void_p] * 4,
    *[ctypes.c_int64] * 3,
    ctypes.c_void_p,
)
_Callback = ctypes.CFUNCTYPE(None, ctypes.c_int64)


class Program:
    """A graph as native code, with the tensors that it was lifted from."""

    new_array: Callable[..., Any] = staticmethod(xp.empty)
    new_bytes: Callable[..., Any] = staticmethod(xp.aligned_bytes)
    """Where memory comes from; the fuzzer puts fences around it."""

    def __init__(self, graph: Graph, lifted: Sequence[Tensor], arguments: int, fuse: bool = True) -> None:
        self.graph = graph
        self.lifted = list(lifted[arguments:])
        self.arguments = arguments
        self.plan: Schedule = schedule(graph, can_emit, library.is_large, fuse)
        self.memory: Memory = plan_memory(self.plan)
        self.module: Module = render(self.plan, self.memory, arguments)
        self.native = jit.build(self.module.text, _symbols(self.plan))
        self._step = _Step(self.native.address("step"))
        self._alone = _Alone(self.native.address("alone"))
        self._parts = max((parts for _, _, parts in self.module.calls), default=1)
        self._careful = _writes_before_it_fails(self.plan, self.memory, self.module)
        pairs = zip(self.plan.kernels, self.module.calls, strict=False)
        shared = [k.root for k, (_, _, parts) in pairs if parts > 1]
        self._heavy = sum(flops(n) for n in shared if n is not None and n.op.name in PRODUCTS) >= HEAVY
        index = {id(v): i for i, v in enumerate(graph.inputs)}
        self.updated = [index[id(target)] for target, _ in graph.updates]
        self._leaves = bool(self.updated or self.module.callbacks or self.module.checks)
        self.allocate()

    def allocate(self) -> None:
        """The memory of its own that the program works in; a copy of the program needs another."""
        graph, arguments = self.graph, self.arguments
        self._error: BaseException | None = None
        self._callback = _Callback(self._call_back)
        self._callback_at = ctypes.cast(self._callback, ctypes.c_void_p).value
        self._lock = threading.Lock()
        self._arena = self.new_bytes(self.memory.arena)
        self._flag = self._flag_in(self._arena)
        inputs, outputs = len(graph.inputs), len(graph.outputs)
        self._table = (ctypes.c_void_p * (inputs + outputs + 1))()
        self._table[inputs + outputs] = xp.address(self._arena)
        self._table_at = ctypes.addressof(self._table)
        self._given = (ctypes.c_void_p * 2)(self._table_at, self._callback_at)
        self._given_at = ctypes.addressof(self._given)
        self._spans = Spans(graph)
        self._held: list[Any] = [None] * inputs
        self._held_lifted: list[Any] = [None] * len(self.lifted)
        self._copies: dict[int, Any] = {}
        self._outputs: list[Any] = []
        written = [self.lifted[i - arguments] for i in self.updated if i >= arguments]
        self._written = [*written, *[t._base for t in written if t._base is not None]]
        self._written_arguments = [i for i in self.updated if i < arguments]
        for i, v in enumerate(graph.outputs):
            kept = self.new_array(v.spec.shape, v.spec.dtype)
            self._outputs.append(kept)
            self._table[inputs + i] = xp.address(kept)

    def apart(self, tensors: Sequence[Tensor]) -> Program:
        """A copy of the program that takes these for its inputs, and has memory of its own."""
        other = copy.copy(self)
        other.lifted = list(tensors[self.arguments :])
        other.allocate()
        return other

    def copy_of(self, array: Any) -> Any:
        """A copy for a trial run to write to."""
        copied = self.new_array(array.shape, array.dtype)
        xp.copyto(copied, array)
        return copied

    def run(self, arguments: Sequence[Tensor]) -> list[Any]:
        """One call: reads the arguments and the lifted tensors, updates those that the program updates, and
        gives the outputs' arrays."""
        with self._lock:
            back = self._bind(arguments)
            saved = self._saved() if self._careful else []
            if self._heavy and self._workers > 1:
                table, callback = self._table_at, self._callback_at
                together(lambda me, n, wait: self._step(table, callback, me, n, wait), self._workers)
            else:
                self._alone(self._given_at)
            outputs = [a.copy() for a in self._outputs]
            if self._leaves:
                self._after(arguments, back, saved)
        return outputs

    def scan(self, sources: Sequence[Any], index: Any, steps: int) -> list[Any]:
        """`steps` calls in one: the arguments of each are the next items of `sources`, or with `index`, int64
        of shape (steps, batch), the rows that it names. Gives the outputs of all steps, stacked."""
        shapes = [(steps, *a.shape) for a in self._outputs]
        outputs = [xp.empty(s, a.dtype) for s, a in zip(shapes, self._outputs, strict=True)]
        with self._lock:
            back = self._bind_lifted()
            saved = self._saved() if self.module.callbacks or self.module.checks else []
            call = _Scan(self.native.address("scan" if index is None else "scan_index"))
            rows = [xp.empty(v.spec.shape, v.spec.dtype) for v in self.graph.inputs[: self.arguments]]
            places = [xp.address(a) for a in (*sources, *rows, *outputs)]
            table = (ctypes.c_void_p * len(places))(*places)
            at = None if index is None else xp.address(index)
            given = (self._table_at, self._callback_at, ctypes.addressof(table), at, steps)
            together(lambda me, n, wait: call(*given, me, n, wait), self._workers)
            self._held[: self.arguments] = [None] * self.arguments
            for i, kept in enumerate(self._outputs):
                self._table[len(self.graph.inputs) + i] = xp.address(kept)
            self._after((), back, saved)
        return outputs

    def _after(
        self, arguments: Sequence[Tensor], back: list[tuple[Any, Any]], saved: list[tuple[Any, Any]]
    ) -> None:
        """Raise what a callback raised or what a check found, with everything as it was; else copy back what
        lay apart and note what was written, so that an eager backward through the old values refuses."""
        error, self._error = self._error or self.found(), None
        if error is not None:
            for array, old in saved:
                xp.copyto(array, old)
            raise error
        for original, apart in back:
            xp.copyto(original, apart)
        now = next(clock)
        for tensor in self._written:
            tensor._written = now
        for i in self._written_arguments if arguments else ():
            arguments[i]._written = now
            base = arguments[i]._base
            if base is not None:
                base._written = now

    def found(self, arena: Any = None) -> Exception | None:
        """The error that eager code raises for the index that a check found out of range, in the own arena or
        another."""
        flag = self._flag if arena is None else self._flag_in(arena)
        if flag is None or not flag[0]:
            return None
        check, index = self.module.checks[flag[1] - 1], flag[2]
        flag[0] = flag[1] = 0
        return check.error(index)

    def _flag_in(self, arena: Any) -> Any:
        """The words that checks write to, in an arena that somebody else keeps alive."""
        place = self.memory.flag
        return None if place is None else (ctypes.c_int64 * 3).from_address(xp.address(arena) + place.where)

    def _saved(self) -> list[tuple[Any, Any]]:
        """(array, copy) of what will be updated, because of what may fail in the middle."""
        specs = [(i, self.graph.inputs[i].spec) for i in self.updated if self._table[i]]
        arrays = [xp.array_at(self._table[i] or 0, spec.shape, spec.dtype) for i, spec in specs]
        return [(a, a.copy()) for a in arrays]

    def _bind(self, arguments: Sequence[Tensor]) -> list[tuple[Any, Any]]:
        """Enter the arrays' addresses; gives (array, copy) for updated arrays that had to be copied."""
        back: list[tuple[Any, Any]] = []
        for tensor, array in zip(self.lifted, self._held_lifted):  # noqa: B905, this is the way of every call
            if tensor.array is not array:
                back = self._bind_lifted()
                break
        held = self._held
        for i, tensor in enumerate(arguments):
            if tensor.array is not held[i]:
                self._enter(i, tensor, back)
        return back

    def _bind_lifted(self) -> list[tuple[Any, Any]]:
        back: list[tuple[Any, Any]] = []
        held = self._held_lifted
        for k, tensor in enumerate(self.lifted):
            if tensor.array is not held[k]:
                if self.arguments + k in self._spans.targets and held[k] is not None:
                    # The others have to be looked at again: now they may share memory with this one.
                    self._held[:] = [None] * len(self._held)
                    held[:] = [None] * len(held)
                    return self._bind_lifted()
                self._enter(self.arguments + k, tensor, back)
                held[k] = self._held[self.arguments + k]
        return back

    def _enter(self, i: int, tensor: Tensor, back: list[tuple[Any, Any]]) -> None:
        """Point input `i` at the tensor's array, or for this one call at a copy: in row order, or of
        memory that the program updates."""
        array = tensor.array
        if array.__class__ is not xp.ndarray:
            with tracing:  # another thread is tracing with it
                array = tensor.array
        target = i in self._spans.targets
        if target:
            self._spans.place(i, array)
        apart = not array.flags.c_contiguous
        start = xp.address(array)
        if apart or target or self._spans.meets(start, start + array.nbytes):
            apart = self._spans.must_copy(i, array) or apart
        if apart:
            original, array = array, array.copy(order="C")
            self._held[i], self._copies[i] = None, array
            if target:
                back.append((original, array))
        else:
            self._held[i] = array
            self._copies.pop(i, None)
        self._table[i] = xp.address(array)

    @property
    def _workers(self) -> int:
        """How many threads can share the work: no more than the largest number of parts."""
        return min(get_num_threads(), self._parts)

    # Callbacks

    def _call_back(self, number: int) -> None:
        if self._error is not None:
            return
        try:
            self._compute(self.module.callbacks[number])
        except BaseException as error:
            self._error = error

    def _compute(self, call: Callback) -> None:
        node: Node = call.node
        operands = [self._operand(entry) for entry in call.inputs]
        result = run_node(node, operands)
        target = self._array(call.result, node.out.spec.shape, node.out.spec.dtype)
        xp.copyto(target, result, casting="unsafe")

    def _operand(self, entry: Any) -> Any:
        if not isinstance(entry, tuple):
            return entry
        if len(entry) == 2:
            return xp.full(entry[1].shape, entry[0], entry[1].dtype)
        buffer, access, spec = entry
        base = self._array(buffer, access.value.spec.shape, access.value.spec.dtype)
        return xp.strided(base, access.offset, spec.shape, access.strides)

    def _array(self, buffer: Buffer, shape: tuple[int, ...], dtype: Any) -> Any:
        """The memory of a buffer as an array."""
        if buffer.kind == "arena":
            return xp.view_bytes(self._arena, buffer.where, shape, dtype)
        if buffer.kind == "output":
            return xp.array_at(self._table[len(self.graph.inputs) + buffer.where] or 0, shape, dtype)
        if buffer.where < self.arguments:
            return xp.array_at(self._table[buffer.where] or 0, shape, dtype)
        held = self._held[buffer.where]
        return self._copies[buffer.where] if held is None else held


def _writes_before_it_fails(plan: Schedule, memory: Memory, module: Module) -> bool:
    """Whether something may fail when the program has already written over one of its inputs."""
    if module.callbacks:
        return True
    last = max(module.checks, default=-1)
    stored = [v for kernel in plan.kernels[: last + 1] for v in kernel.stores]
    return any(memory.places[id(v)].kind == "input" for v in stored)


def _symbols(plan: Schedule) -> dict[str, int]:
    """The addresses of library functions that the program calls."""
    found: dict[str, int] = {}
    for kernel in plan.kernels:
        if kernel.kind == "library":
            assert kernel.root is not None
            dtype = kernel.root.out.spec.dtype
            found["rushlight_sgemm" if str(dtype) == "float32" else "rushlight_dgemm"] = library.address_of(
                dtype
            )
    return found
