"""The graph that operations leave behind: a `Node` for each, a `Leaf` where a gradient was asked for."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.core.narrow import widened
from rushlight.core.op import Op
from rushlight.core.size import Size
from rushlight.core.spec import Spec
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, base_of, clock, wrap
from rushlight.errors import GradError, message

__all__ = ["Leaf", "Node", "Overwritten", "observe"]

_STARTS = re.compile(r"(?:^|_|(?<=\d))([a-z])")
"""The letters of an op's name that are capitals in the node's."""

Hook = Callable[[Tensor], "Tensor | None"]


class Leaf:
    """The end of the graph at a tensor that nobody computed.

    `required` is False for data that only `Module.backward` may want a gradient for; an ordinary backward
    does not go there.
    """

    __slots__ = ("__weakref__", "_tensor", "hooks", "required", "seq", "spec")

    is_leaf = True
    parents: tuple[Any, ...] = ()
    name = "leaf"

    def __init__(self, tensor: Tensor, required: bool = True) -> None:
        self._tensor = weakref.ref(tensor)
        self.required = required
        self.spec = (tensor.array.shape, tensor.array.dtype)
        self.seq = next(clock)
        self.hooks: tuple[Hook, ...] = ()

    @property
    def tensor(self) -> Tensor | None:
        """The tensor, or None if nobody holds it any more."""
        return self._tensor()


class Node:
    """One recorded operation: the edges to its inputs' nodes, and what its derivative needs.

    kept      the inputs as Tensors, or as Specs where the derivative reads no values; None once used up.
    parents   for each input the node that its gradient goes to, or None.
    required  whether some leaf behind it requires grad.
    """

    __slots__ = (
        "__weakref__",
        "attrs",
        "hooks",
        "kept",
        "op",
        "origin",
        "out",
        "overwritten",
        "parents",
        "required",
        "seq",
        "spec",
    )

    is_leaf = False

    def __init__(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any], array: Any) -> None:
        self.op = op
        self.attrs = attrs
        saves = op.saves
        if saves == "inputs" or saves == "both":
            self.kept: Sequence[Any] | None = _without(inputs, op.spare) if op.spare else inputs
        else:
            self.kept = [Spec(t.array.shape, t.array.dtype) if isinstance(t, Tensor) else t for t in inputs]
        self.out = array if saves == "out" or saves == "both" else None
        self.parents = parents = [t.node if isinstance(t, Tensor) else None for t in inputs]
        self.required = False
        for p in parents:
            if p is not None and p.required:  # each is asked: that of a lost history raises
                self.required = True
        self.spec = (array.shape, array.dtype)
        self.seq = next(clock)
        self.overwritten = False
        self.hooks: tuple[Hook, ...] = ()
        self.origin = None if state.origin is None else state.origin()

    @property
    def name(self) -> str:
        """The op's name."""
        return self.op.name

    @property
    def label(self) -> str:
        """The node's name in PyTorch's manner: MulBackward0, say."""
        label = self.op.label
        if label is None:
            return _STARTS.sub(lambda found: found[1].upper(), self.op.name) + "Backward0"
        return label(self) if callable(label) else label

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes that the gradients of the inputs go to, each with 0, the number of its result."""
        return tuple((node, 0) for node in self.parents)

    def __repr__(self) -> str:
        return f"<{self.label} object of shape {self.spec[0]}>"

    def pull(self, g: Tensor, wanted: list[bool], create_graph: bool) -> Sequence[Tensor | None]:
        """The gradients of the inputs marked in `wanted`, from the gradient `g` of the result."""
        if self.kept is None:
            raise GradError(
                message(
                    "backward",
                    f"a graph (at {self.name}) that an earlier backward used up",
                    "a fresh one, or retain_graph=True in the earlier call",
                    "Run the forward pass again, or add the losses before one backward.",
                )
            )
        inputs = self.kept
        if self.op.saves in ("inputs", "both"):
            seq = self.seq
            for t in inputs:
                if isinstance(t, Tensor) and base_of(t)._written > seq:
                    inputs = [Overwritten.check(t, self) for t in inputs]
                    break
        out = self._result(create_graph) if self.out is not None else None
        if self.op.saves != "specs" and self.spec[1].itemsize == 2:
            g, out, *inputs = [t if isinstance(t, Overwritten) else widened(t) for t in (g, out, *inputs)]
        vjp: Any = self.op.vjp
        attrs = self.attrs
        if vjp.__class__ is not tuple:
            return vjp(g, out, *inputs, **attrs)
        return [
            f(g, out, *inputs, **attrs) if want and f is not None else None
            for f, want in zip(vjp, wanted, strict=False)  # a Linear without bias has an input less
        ]

    def _result(self, create_graph: bool) -> Tensor:
        """The result again, in the graph if the derivative is to be differentiated.

        Only the array is kept, not the Tensor: a node that held its own result would be a reference cycle,
        and memory would wait for the garbage collector.
        """
        out = wrap(self.out)
        if self.overwritten:
            return Overwritten(out, self)
        if create_graph:
            out.node = self
        return out

    def release(self) -> None:
        """Let go of everything that only another backward would need."""
        self.kept = self.out = None
        self.parents = []


def _without(inputs: Sequence[Any], spare: Sequence[int]) -> list[Any]:
    """`inputs` with Specs at the places `spare`, so that the tensors there may leave memory."""
    kept = list(inputs)
    for i in spare:
        if isinstance(kept[i], Tensor):
            kept[i] = Spec(kept[i].array.shape, kept[i].array.dtype)
    return kept


class Overwritten(Tensor):
    """Stands for a saved tensor that was written after it was saved; any use of its values raises."""

    def __init__(self, tensor: Tensor, node: Node) -> None:
        self.__dict__["_spec"] = tensor.spec
        self.__dict__["_by"] = node

    @classmethod
    def check(cls, value: Any, node: Node) -> Any:
        """`value`, or its stand-in if it was written after `node` was recorded."""
        if not isinstance(value, Tensor):
            return value
        return cls(value, node) if base_of(value)._written > node.seq else value

    @property
    def shape(self) -> Size:
        return Size(self.__dict__["_spec"].shape)

    @property
    def dtype(self) -> Any:
        return self.__dict__["_spec"].dtype

    @property
    def ndim(self) -> int:
        return self.__dict__["_spec"].ndim

    @property
    def array(self) -> Any:
        node = self.__dict__["_by"]
        saved = f"{node.name} created at {node.origin}" if node.origin else node.name
        raise GradError(
            message(
                "backward",
                f"a tensor of shape {self.shape} that {saved} saved and that was overwritten since",
                "its old values",
                "Use the out-of-place operation, or update after backward().",
            )
        )


def observe(tensor: Tensor) -> Tensor:
    """An alias of plain data through which `Module.backward` can find the gradient of a module's input.

    It does not require grad, and an ordinary backward ignores it.
    """
    alias = wrap(tensor.array)
    alias._base = base_of(tensor)
    alias.node = Leaf(alias, required=False)
    return alias
