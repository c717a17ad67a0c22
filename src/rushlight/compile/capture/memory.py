"""The memory of tensors while a function is traced: what stands for it, and what the function does to it.

A tensor from outside becomes an input of the program. What is written into it is a new value that stands for
its memory from then on, for all tensors that share it; at the end the program updates the input with it.
`tensor.data = another` writes nothing: the tensor has other memory.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from rushlight.compile.capture.overlap import refuse_overlaps
from rushlight.compile.capture.placeholder import Placeholder, TraceError
from rushlight.compile.graph import Graph, Node, Value
from rushlight.core.anomaly import user_line
from rushlight.core.apply import apply, to_dtype
from rushlight.core.op import Op
from rushlight.core.spec import Spec
from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor, base_of, wrap
from rushlight.core.views import with_views
from rushlight.device import xp
from rushlight.errors import message

__all__ = ["Memory"]


class Memory:
    """What stands for the memory of tensors, in a graph that is being written down.

    lifted   the tensors that are the graph's inputs.
    made     the placeholders that were made.
    rebound  pairs (tensor, number of an input whose memory it has at the end).
    sharing  pairs (tensor, a lifted one that has the same memory at the beginning, and is read in its place).
    """

    def __init__(self) -> None:
        self.graph = Graph()
        self.lifted: list[Any] = []
        self.made: list[weakref.ref[Placeholder]] = []
        self.rebound: list[tuple[Tensor, int]] = []
        self.sharing: list[tuple[Tensor, Tensor]] = []
        self._values: dict[int, Value] = {}
        self._holders: dict[int, Tensor] = {}
        self._sharing: dict[int, tuple[Tensor, Tensor]] = {}
        # (tensor, its array before, the input that this was): of tensors that are written, and those that got
        # other memory; of what was written before its tensor got other memory.
        self._written: dict[int, tuple[Tensor, Any, Value]] = {}
        self._rebound: dict[int, tuple[Tensor, Any, Value]] = {}
        self._let_go: list[tuple[Tensor, Any, Value]] = []
        self._replaced: dict[int, Placeholder] = {}
        self._nodes: list[tuple[Tensor, Any]] = []
        self._keep: list[Any] = []
        self._first_write: dict[int, int] = {}
        self._last_read: dict[int, int] = {}

    def run(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """Append a node for `op` and give its placeholder."""
        raise NotImplementedError

    def owns(self, tensor: Tensor) -> bool:
        """Whether the function made the tensor."""
        raise NotImplementedError

    def _in_rows(self, given: Any) -> bool:
        """Whether an operand surely lies in row-major order, without gaps."""
        array = self._now(given.array) if isinstance(given, Tensor) else given
        if isinstance(array, Placeholder):
            return array.rows
        return not isinstance(array, xp.ndarray) or array.flags.c_contiguous

    def stands_for_a_value(self, array: Any) -> bool:
        """Whether an array is a Placeholder of this trace: of those around it they count as arrays."""
        return isinstance(array, Placeholder)

    def _placeholder(self, value: Value, origin: tuple[Node, Any] | None = None) -> Placeholder:
        made = Placeholder(value, user_line(), origin, self._now if origin else None)
        self.made.append(weakref.ref(made))
        return made

    def _now(self, array: Any) -> Any:
        """What stands for an array or a Placeholder now: another one after it was written. A view of what was
        written is taken again."""
        later = self._replaced.get(id(array))
        if later is not None:
            return self._now(later)
        if not isinstance(array, Placeholder) or array.origin is None:
            return array
        node, looked_at = array.origin
        source = self._now(looked_at)
        if source is looked_at:
            return array
        self._refuse_unclear(array)
        fresh = self.run(node.op, [wrap(source), *node.inputs[1:]], node.attrs)
        fresh.shares = array.shares
        self._replace(array, fresh)
        return fresh

    def _replace(self, old: Any, new: Placeholder) -> None:
        self._replaced[id(old)] = new
        self._keep.append(old)

    def value_of(self, tensor: Tensor) -> Value:
        """The Value behind a tensor; a concrete one becomes an input of the program."""
        self._note_sharing(tensor)
        array = self._now(tensor.array)
        return array.value if self.stands_for_a_value(array) else self.value_outside(tensor, array)

    def _note_sharing(self, tensor: Tensor) -> None:
        """Note a tensor in whose place another one is read, as long as both have the same memory."""
        array = tensor.array
        while tensor._inside is not None:
            tensor = tensor._inside
        holder = self._holders.get(id(array))
        if holder is not None and holder is not tensor and tensor.array is array:
            self._sharing[id(tensor)] = tensor, holder

    def value_outside(self, tensor: Tensor, array: Any) -> Value:
        """The input of the program that a tensor with a concrete array is, or becomes."""
        value = self._values.get(id(array))
        if value is None:
            base = base_of(tensor)
            value = self.lift(base if base.array is array else tensor)
            self._note_sharing(tensor)
        return value

    def lift(self, tensor: Tensor, argument: bool = False) -> Value:
        """Make a concrete tensor an input of the program. An argument will be another tensor at the next
        call, so what else shares its array is an input of its own."""
        array = tensor.array
        value = Value(Spec(array.shape, array.dtype), f"%in{len(self.lifted)}")
        self.graph.inputs.append(value)
        self.lifted.append(tensor)
        if not argument:
            self._values[id(array)], self._holders[id(array)] = value, tensor
        return value

    def write(self, target: Tensor, array: Any) -> None:
        """An in-place update: from here on the target stands for the new value.

        Of a view made inside the function what it looks at is updated, with the new value in its place.
        """
        self.refuse_outside(target)
        self._note_sharing(target)
        base = base_of(target)
        same = self._now(base.array) is self._now(target.array)
        array = self._now(array)
        if array.dtype != target.array.dtype:
            array = to_dtype(wrap(array), target.array.dtype).array
        if not same and isinstance(target.array, Placeholder) and id(target) not in self._written:
            target, array = self._behind(target, array)
            base, same = target, True
        new = self._placeholder(self.value_of(wrap(array)))
        new.rows = self._in_rows(base if same else target)
        for tensor in {id(t): t for t in ((base, target) if same else (target,))}.values():
            if id(tensor) not in self._written:
                old = self._old(tensor)
                if old is not None:
                    self._written[id(tensor)] = (tensor, tensor.array, old)
                    self._first_write.setdefault(id(old), len(self.graph.nodes))
                    self._nodes += [(t, t.node) for t in with_views(tensor)]
            for array in (tensor.array, self._now(tensor.array)):
                if array is not new:
                    self._replace(array, new)
            if isinstance(tensor.array, Placeholder):
                # This trace's own; what others know keeps its array, which stands for `new`.
                tensor.array = new

    def rebind(self, target: Tensor, source: Tensor) -> None:
        """From here on the target has the memory of `source`; what else looks at its old stays there."""
        self.refuse_outside(target)
        first, written = self._first_array(target), self._written.pop(id(target), None)
        if written is not None:
            self._let_go.append(written)
        old = self._old(target) if written is None else written[2]
        self.value_of(source)
        if old is not None and target._inside is None:  # else the function made it
            self._rebound.setdefault(id(target), (target, first, old))

    def refuse_outside(self, target: Tensor) -> None:
        """Raise TraceError where a tensor that is to change may not be one from outside."""

    def _refuse_unclear(self, view: Placeholder) -> None:
        """Refuse a reshape that is a view or a copy, depending on a layout that is not known."""
        assert view.origin is not None
        node, looked_at = view.origin
        if view.shares or self._in_rows(wrap(looked_at)) or _splits(looked_at.shape, node.out.spec.shape):
            return
        got = "a tensor reshaped before the original was updated, and read or written after it"
        remedy = "Use view(), or clone() before the update: which of both reshape() is depends on layout."
        raise _not_followed(got, remedy)

    def copy(self, tensor: Tensor) -> Placeholder:
        """What stands for a copy of a tensor's array as it is now."""
        return self._placeholder(self.value_of(tensor))

    def _behind(self, view: Tensor, array: Any) -> tuple[Tensor, Any]:
        """The tensor that a view looks at in the end, and its array with `array` in the place of the view."""
        now = self._now(view.array)
        while isinstance(now, Placeholder) and now.origin is not None:
            node, looked_at = now.origin
            self._refuse_unclear(now)
            source = self._now(looked_at)
            found = None if node.op.put is None else node.op.put(wrap(source), wrap(array), node.attrs)
            if found is None:
                raise _not_followed("an update of an expanded tensor", "clone() it before the update.")
            put, inputs, attrs = found
            with no_grad():
                array = apply(put, *inputs, **attrs).array
            now = source
        bases = [base_of(view)]
        while bases[-1]._base is not None:  # it was reshaped in place since, and is a view itself
            bases.append(bases[-1]._base)
        for tensor in (*bases, *self.lifted):
            if self._now(tensor.array) is now:
                return tensor, array
        raise _not_followed("an update of a view", "Index the tensor itself: x[i] = ...")

    def _old(self, tensor: Tensor) -> Value | None:
        """The input that a tensor is before it is written for the first time; None if it is none."""
        if not isinstance(tensor.array, Placeholder):
            return self._values.get(id(tensor.array)) or self.value_of(tensor)
        value = tensor.array.value
        return value if any(value is v for v in self.graph.inputs) else None

    def end(self) -> None:
        """Write down what the function leaves in memory: the graph's updates, and who has other memory."""
        graph = self.graph
        for tensor, node in self._nodes:
            ours = isinstance(self._first_array(tensor), Placeholder) and self.owns(tensor)
            if not _same_history(tensor.node, node) and not ours:
                got = f"a tensor of shape {tensor.shape} from outside, written with values with a history"
                remedy = "Update it under rl.no_grad(), or with values that are detached."
                raise TraceError(message("compile", got, "histories that end with the call", remedy))
        self._place_rebound()
        for _, array, old in [*self._let_go, *self._written.values()]:
            new = self._now(array).value  # it was written
            if new is not old and all(t is not old for t, _ in graph.updates):
                graph.updates.append((old, new))
        graph.late = self._late()
        self.check_overlaps([self._first_array(t) for t in self.lifted])
        shared = self._sharing.values()
        self.sharing = [(t, h) for t, h in shared if self._first_array(t) is self._first_array(h)]

    def check_overlaps(self, arrays: Sequence[Any]) -> None:
        """Refuse inputs that share memory where one of them is written."""
        refuse_overlaps(self.graph, arrays)

    def _place_rebound(self) -> None:
        """Where the tensors that got other memory have it when the function is done: of another tensor that
        was there before, they have that from then on; new numbers go where the old ones were, or if another
        tensor has that now, where nobody has any."""
        graph = self.graph
        ends = [r for r in self._rebound.values() if self._now(r[0].array) is not self._now(r[1])]
        for tensor, first, _ in ends:
            spec = Spec(first.shape, first.dtype)
            if tensor.spec != spec:
                raise _not_followed(f"{tensor.spec} for the data of {spec}", "Do that before the call.")
        # An argument is another tensor in each call: it keeps its memory, and gets the numbers.
        places = [
            old if isinstance(first, Placeholder) else self._values.get(id(t.array)) for t, first, old in ends
        ]
        free = [old for _, _, old in ends if all(old is not p for p in places)]
        numbers = {id(v): i for i, v in enumerate(graph.inputs)}
        placed: dict[int, Value] = {}
        for (tensor, first, old), place in zip(ends, places, strict=True):
            new = self.value_of(tensor)
            if place is None and id(new) in placed:
                place = placed[id(new)]
            elif place is None or isinstance(first, Placeholder):
                if place is None:
                    fits = [v for v in free if v is old] or [v for v in free if v.spec == old.spec]
                    if not fits:
                        got = "new data of a tensor whose memory another has now"
                        raise _not_followed(got, "Use copy_() in the place of .data =.")
                    place = fits[0]
                    free = [v for v in free if v is not place]
                    placed[id(new)] = place
                graph.updates.append((place, new))
                self._first_write[id(place)] = len(graph.nodes) + 1
            if place is not old:
                self.rebound.append((tensor, numbers[id(place)]))

    def _first_array(self, tensor: Tensor) -> Any:
        """The array that a tensor had before the function wrote it, or gave it another."""
        found = self._rebound.get(id(tensor)) or self._written.get(id(tensor))
        return tensor.array if found is None else found[1]

    def _late(self) -> set[tuple[int, int]]:
        """Pairs of inputs (i, j): i is read, or returned, after j was written."""
        graph = self.graph
        last = {**self._last_read, **{id(v): len(graph.nodes) for v in graph.outputs}}
        reads = [last.get(id(v), -1) for v in graph.inputs]
        targets = {id(t) for t, _ in graph.updates}
        first = {j: self._first_write[id(t)] for j, t in enumerate(graph.inputs) if id(t) in targets}
        return {(i, j) for j, write in first.items() for i, at in enumerate(reads) if i != j and at >= write}

    def written(self) -> set[int]:
        """The ids of tensors that the function writes in place, or gives other data."""
        return {id(t) for t, _, _ in (*self._written.values(), *self._rebound.values(), *self._let_go)}

    def restore(self) -> None:
        """Give every argument that was written its own array back."""
        for tensor, array, _ in self._written.values():
            if isinstance(tensor.array, Placeholder):
                tensor.array = array
        for tensor, array, _ in self._rebound.values():
            tensor.array = array
        for tensor, node in self._nodes:
            tensor.node = node

    def forget(self) -> None:
        """Let go of all placeholders."""
        self._keep.clear()
        self._replaced.clear()
        self._written.clear()
        self._rebound.clear()
        self._let_go.clear()
        self._sharing.clear()
        self._nodes.clear()


def _splits(shape: Sequence[int], new: Sequence[int]) -> bool:
    """Whether a new shape keeps each axis or cuts it into several, so that any layout allows a view."""
    sizes = [n for n in new if n != 1]
    for size in (n for n in shape if n != 1):
        while sizes and size % sizes[0] == 0 and size > 1:
            size //= sizes.pop(0)
        if size > 1:
            return False
    return not sizes


def _same_history(now: Any, before: Any) -> bool:
    """Whether a tensor ends as it began: as a leaf still, if its `requires_grad` was switched."""
    return now is before or all(node is None or node.is_leaf for node in (now, before))


def _not_followed(got: str, remedy: str) -> TraceError:
    expected = "views that surely share memory with what they look at"
    return TraceError(message("compile", f"{got}, at {user_line()}", expected, remedy))
