"""The memory that one call of a program works in, and the table that tells native code where everything lies.

A call takes a workspace out of its program and puts it back as the very last thing. When an exception ends a
call, at whatever moment, the workspace goes with it: nothing half written is ever used again.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rushlight.compile.capture.overlap import Spans
from rushlight.compile.graph import Node
from rushlight.compile.interpret import run_node
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.device.memory import address, array_at, strided, view_bytes

if TYPE_CHECKING:
    from rushlight.compile.native.program import Program
    from rushlight.compile.plan.memory import Buffer
    from rushlight.compile.write.render import Callback

__all__ = ["Pairs", "Workspace"]

Pairs = list[tuple[Any, Any]]
"""(array, copy): updates go to the copy, and have to be written into the array."""

NONE: Pairs = []
"""Nothing is to be written back; nobody adds to it."""

_Callback = ctypes.CFUNCTYPE(None, ctypes.c_int64)


class Workspace:
    """A program's memory, and where its inputs are now.

    given    the address of what native code is given: the table's address, and the function for callbacks.
    outputs  the arrays that a step writes its results to.
    done     how many callbacks ran to their end; error: what one of them raised.
    watch    called as ``watch(workspace, i)`` before the i-th kernel of a program that is being watched.
    """

    def __init__(self, program: Program) -> None:
        # Not the program itself: the two would keep each other alive.
        self.graph, self.arguments, self.lifted = program.graph, program.arguments, program.lifted
        self._callbacks = program.module.callbacks if program.facts.callbacks else []
        self.error: BaseException | None = None
        self.done = 0
        self.watch: Callable[[Workspace, int], None] | None = None
        calls_back = self._callbacks or program.facts.watch is not None
        self._callback = _callback_of(self) if calls_back else None
        callback_at = ctypes.cast(self._callback, ctypes.c_void_p).value if self._callback else None
        self.arena = program.new_bytes(program.facts.arena)
        self.outputs = [program.new_array(v.spec.shape, v.spec.dtype) for v in self.graph.outputs]
        inputs = len(self.graph.inputs)
        self.table = (ctypes.c_void_p * (inputs + len(self.outputs) + 1))()
        self.table[inputs + len(self.outputs)] = address(self.arena)
        self.point_at_outputs()
        self._words = (ctypes.c_void_p * 2)(ctypes.addressof(self.table), callback_at)
        self.given = ctypes.addressof(self._words)
        self._spans = Spans(self.graph)
        self._updates_arguments = any(i < self.arguments for i in self._spans.targets)
        self._held: list[Any] = [None] * inputs
        self._held_lifted: list[Any] = [None] * len(self.lifted)
        self._copies: dict[int, Any] = {}
        self._shared: dict[int, Any] = {}
        self._private: list[int] = []

    @property
    def words(self) -> tuple[int | None, int | None]:
        """What `given` points at."""
        return self._words[0], self._words[1]

    # Where things lie

    def bind(self, arguments: Sequence[Tensor]) -> Pairs:
        """Enter the arrays' addresses; gives pairs for updated arrays that are not C-contiguous."""
        for tensor, array in zip(self.lifted, self._held_lifted):  # noqa: B905, this is the way of every call
            if tensor.array is not array:
                return self._bind(arguments)
        for tensor, array in zip(arguments, self._held):  # noqa: B905
            if tensor.array is not array:
                return self._bind(arguments) if self._updates_arguments else self._bind_arguments(arguments)
        return NONE

    def bind_lifted(self) -> Pairs:
        """The same without the arguments."""
        self.forget_arguments()
        return self._bind(())

    def _bind(self, arguments: Sequence[Tensor]) -> Pairs:
        first = self.arguments - len(arguments)
        now = [t.array for t in (*arguments, *self.lifted)]
        # Where the updates go is known before the first input is compared with them.
        if self._spans.place({i: now[i - first] for i in self._spans.targets if i >= first}):
            self._held[:] = [None] * len(self._held)
        back: Pairs = []
        for i, array in enumerate(now, first):
            if array is not self._held[i]:
                self._enter(i, array, back)
        self._held_lifted = self._held[self.arguments :]
        return back

    def _bind_arguments(self, arguments: Sequence[Tensor]) -> Pairs:
        """What `_bind` does where all else is as it was, and no argument is updated."""
        back: Pairs = []
        held = self._held
        for i, tensor in enumerate(arguments):
            if tensor.array is not held[i]:
                self._enter(i, tensor.array, back)
        return back

    def _enter(self, i: int, array: Any, back: Pairs) -> None:
        """Point input `i` at the array, or for this one call at a copy: C-contiguous, or of memory that the
        program updates."""
        target = i in self._spans.targets
        apart, shared = not array.flags.c_contiguous, False
        start = address(array)
        if apart or target or self._spans.meets(start, start + array.nbytes):
            shared = self._spans.must_copy(i, array)
        if apart or shared:
            original, array = array, array.copy(order="C")
            self._held[i], self._copies[i] = None, array
            if target:
                back.append((original, array))
            elif shared:
                self._shared[i] = original
        else:
            self._held[i] = array
            self._copies.pop(i, None)
        if not shared:
            self._shared.pop(i, None)
        self.table[i] = address(array)

    @property
    def shared(self) -> Pairs:
        """(copy, array) of what is read from a copy because the program updates the array's memory."""
        return [(self._copies[i], array) for i, array in self._shared.items()]

    def update_copies(self, updated: Sequence[int]) -> Pairs:
        """Have updates go to copies, so that nothing has happened until those are written back; gives the
        pairs that `bind` did not."""
        self._private = [i for i in updated if self._held[i] is not None]
        pairs = [(self._held[i], self._held[i].copy()) for i in self._private]
        for i, (_, copied) in zip(self._private, pairs, strict=True):
            self.table[i] = address(copied)
        return pairs

    def update_originals(self) -> None:
        """Have updates go to the arrays themselves again."""
        for i in self._private:
            self.table[i] = address(self._held[i])
        self._private = []

    def point_at_outputs(self) -> None:
        """Have the step write to `outputs`."""
        for i, kept in enumerate(self.outputs):
            self.table[len(self.graph.inputs) + i] = address(kept)

    def forget_arguments(self) -> None:
        """They were somewhere else in between."""
        self._held[: self.arguments] = [None] * self.arguments

    # Callbacks

    def failure(self, steps: int) -> BaseException | None:
        """What went wrong in the callbacks of so many steps."""
        if self.error is not None:
            return self.error
        if self.done < steps * len(self._callbacks):
            # Raised where it could not be caught; Python has written it down as one that it ignores.
            return KeyboardInterrupt("in a part of a compiled function that NumPy computes")
        self.done = 0
        return None

    def _call_back(self, number: int) -> None:
        if self.error is not None:
            return
        try:
            if number >= 0:
                self._compute(self._callbacks[number])
                self.done += 1
            elif self.watch is not None:
                self.watch(self, -1 - number)
        except BaseException as error:
            self.error = error

    def unwatch(self, word: ctypes.c_int64) -> None:
        """Call nobody any more; `word` in the arena says so to native code."""
        self.watch, word.value = None, 0

    def _compute(self, call: Callback) -> None:
        node: Node = call.node
        operands = [self._operand(entry) for entry in call.inputs]
        result = run_node(node, operands)
        target = self.array_in(call.result, node.out.spec.shape, node.out.spec.dtype)
        xp.copyto(target, result, casting="unsafe")

    def _operand(self, entry: Any) -> Any:
        if not isinstance(entry, tuple):
            return entry
        if len(entry) == 2:
            return xp.full(entry[1].shape, entry[0], entry[1].dtype)
        buffer, access, spec = entry
        base = self.array_in(buffer, access.value.spec.shape, access.value.spec.dtype)
        return strided(base, access.offset, spec.shape, access.strides)

    def array_in(self, buffer: Buffer, shape: tuple[int, ...], dtype: Any) -> Any:
        """The memory of a buffer as an array."""
        if buffer.kind == "arena":
            return view_bytes(self.arena, buffer.where, shape, dtype)
        first = len(self.graph.inputs) if buffer.kind == "output" else 0
        return array_at(self.table[first + buffer.where] or 0, shape, dtype)


def _callback_of(work: Workspace) -> Any:
    """What native code calls. It does not hold the workspace: a cycle would keep its memory when the program
    is gone."""
    found = weakref.ref(work)

    def call_back(number: int) -> None:
        alive = found()
        if alive is not None:
            alive._call_back(number)

    return _Callback(call_back)
