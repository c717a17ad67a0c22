"""The graph that operations leave behind, and the walk that differentiates it.

A `Node` is one recorded operation; a `Leaf` is a tensor that was asked for its gradient. `walk` visits the
nodes from the newest to the oldest (every node is younger than its parents, so that order is topological,
and no recursion is needed), asks each for its vector-Jacobian product, and adds up what arrives at a node
over several ways.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

from rushlight.core.op import Op
from rushlight.core.spec import Spec
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, base_of, clock, wrap
from rushlight.errors import DTypeError, GradError, ShapeError, message

__all__ = ["Leaf", "Node", "backward", "grad", "observe", "propagate"]

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
            self.kept: Sequence[Any] | None = inputs
        else:
            self.kept = [Spec(t.array.shape, t.array.dtype) if isinstance(t, Tensor) else t for t in inputs]
        self.out = array if saves == "out" or saves == "both" else None
        self.parents = parents = [t.node if isinstance(t, Tensor) else None for t in inputs]
        self.required = False
        for p in parents:
            if p is not None and p.required:
                self.required = True
                break
        self.spec = (array.shape, array.dtype)
        self.seq = next(clock)
        self.overwritten = False
        self.hooks: tuple[Hook, ...] = ()
        self.origin = None if state.origin is None else state.origin()

    @property
    def name(self) -> str:
        """The op's name."""
        return self.op.name

    def __repr__(self) -> str:
        return f"<{self.name} node of shape {self.spec[0]}>"

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


class Overwritten(Tensor):
    """Stands for a saved tensor that was written after it was saved; any use of its values raises."""

    def __init__(self, tensor: Tensor, node: Node) -> None:
        self.__dict__["_spec"] = tensor.spec
        self.__dict__["_by"] = node

    @classmethod
    def check(cls, value: Any, node: Node) -> Any:
        """`value`, or its stand-in if it was written after `node` was recorded."""
        if isinstance(value, Tensor) and base_of(value)._written > node.seq:
            return cls(value, node)
        return value

    @property
    def shape(self) -> tuple[int, ...]:
        return self.__dict__["_spec"].shape

    @property
    def dtype(self) -> Any:
        return self.__dict__["_spec"].dtype

    @property
    def ndim(self) -> int:
        return self.__dict__["_spec"].ndim

    @property
    def array(self) -> Any:  # type: ignore[override]
        node = self.__dict__["_by"]
        where = f" created at {node.origin}" if node.origin else ""
        raise GradError(
            message(
                "backward",
                f"a tensor of shape {self.shape} that {node.name}{where} saved and that was overwritten since",
                "its old values",
                "Use the out-of-place operation, or update after backward().",
            )
        )


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Accumulate the gradients of `tensors` into `.grad` of the leaves; see `Tensor.backward`.

    >>> import rushlight as rl
    >>> x = rl.tensor(3.0, requires_grad=True)
    >>> rl.autograd.backward(x * x)
    >>> x.grad
    tensor(6.)
    """
    roots = _roots("backward", tensors, grad_tensors, create_graph)
    only = set() if inputs is None else {_node_of("backward", t) for t in _as_list(inputs)}
    for t in () if inputs is None else _as_list(inputs):
        t.retain_grad()
    keep = create_graph if retain_graph is None else retain_graph
    _walk(roots, keep, create_graph, only, accumulate=True, outside=inputs is None)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple; `.grad` of no tensor changes.

    allow_unused       give None for an input that the outputs do not depend on, in place of an error.
    materialize_grads  give zeros for it.

    >>> import rushlight as rl
    >>> x = rl.tensor(2.0, requires_grad=True)
    >>> (first,) = rl.autograd.grad(x**3, x, create_graph=True)
    >>> first, *rl.autograd.grad(first, x)
    (tensor(12., grad_fn=<mul>), tensor(12.))
    """
    wanted = _as_list(inputs)
    nodes = [_node_of("grad", t) for t in wanted]
    roots = _roots("grad", outputs, grad_outputs, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    found = _walk(roots, keep, create_graph, set(nodes), accumulate=False, outside=False)
    results: list[Tensor | None] = []
    for i, (t, node) in enumerate(zip(wanted, nodes, strict=True)):
        g = found.get(node)
        if g is None and materialize_grads:
            g = t.new_full(t.shape, 0.0)
        if g is None and not allow_unused:
            raise GradError(
                message(
                    "grad",
                    f"outputs that do not depend on input {i}",
                    "ones that do",
                    "Pass allow_unused=True.",
                )
            )
        results.append(g)
    return tuple(results)


def propagate(
    roots: list[tuple[Node | Leaf, Tensor]], sources: Sequence[Node | Leaf | None]
) -> list[Tensor | None]:
    """`Module.backward`: push the roots' gradients towards the leaves, stopping at `sources`.

    Accumulates into the parameters on the way and returns the gradients that arrived at the sources.
    """
    targets = {source for source in sources if source is not None}
    found = _walk(roots, False, False, targets, accumulate=True, outside=True, stop=True)
    return [None if source is None else found.get(source) for source in sources]


def observe(tensor: Tensor) -> Tensor:
    """An alias of plain data through which `Module.backward` can find the gradient of a module's input.

    It does not require grad, and an ordinary backward ignores it.
    """
    alias = wrap(tensor.array)
    alias._base = base_of(tensor)
    alias.node = Leaf(alias, required=False)
    return alias


def _walk(
    roots: list[tuple[Any, Tensor]],
    retain_graph: bool,
    create_graph: bool,
    targets: set[Any],
    accumulate: bool,
    outside: bool,
    stop: bool = False,
) -> dict[Any, Tensor]:
    """Push the roots' gradients through the graph; returns those that arrived at `targets`.

    accumulate  add what reaches a leaf into its tensor's `.grad`.
    outside     go to every leaf that requires grad, not only towards the targets.
    stop        do not go on beyond a target (nor accumulate there).
    """
    toward = _leading_to(roots, targets)
    owned = {id(g.array) for _, g in roots}
    grads: dict[Any, Tensor] = {}
    heap: list[tuple[int, Any]] = []
    found: dict[Any, Tensor] = {}
    for node, g in roots:
        _add(grads, heap, node, g)
    before, state.grad_enabled = (state.grad_enabled, state.backward_of), create_graph
    try:
        while heap:
            node = heappop(heap)[1]
            g = grads.pop(node)
            for hook in node.hooks:
                changed = hook(g)
                g = g if changed is None else changed
            if node in targets:
                found[node] = g
                if stop:
                    continue
            if node.is_leaf:
                if accumulate and node.required and (outside or node in targets):
                    _accumulate(node.tensor, g, owned)
                continue
            parents = node.parents
            wanted = [p is not None and (p in toward or (outside and p.required)) for p in parents]
            state.backward_of = node
            pulled = node.pull(g, wanted, create_graph)
            for i, parent in enumerate(parents):
                if wanted[i] and pulled[i] is not None:
                    _add(grads, heap, parent, _fit(pulled[i], *parent.spec))
            if not retain_graph:
                node.release()
    finally:
        state.grad_enabled, state.backward_of = before
    return found


def _add(grads: dict[Any, Tensor], heap: list[tuple[int, Any]], node: Any, g: Tensor) -> None:
    """Add `g` to what has arrived at `node`; on its first arrival the node joins the heap."""
    earlier = grads.get(node)
    if earlier is None:
        grads[node] = g
        heappush(heap, (-node.seq, node))
    else:
        grads[node] = earlier + g


def _fit(g: Any, shape: tuple[int, ...], dtype: Any) -> Tensor:
    """`g` with the shape and dtype of the input it belongs to: what broadcasting spread is summed back."""
    if g.array.shape != shape:
        g = g.sum_to_size(shape)
    return g if g.array.dtype is dtype or g.array.dtype == dtype else g.to(dtype)


def _accumulate(tensor: Tensor | None, g: Tensor, owned: set[int]) -> None:
    """Add `g` to the tensor's `.grad`, which shares memory with no other tensor.

    An identity derivative hands one array to several leaves, and an expanded one is a view: both are copied,
    so that clipping one gradient in place leaves the others alone.
    """
    if tensor is None:
        return
    if tensor.grad is not None:
        tensor.grad = tensor.grad + g
        return
    if g.array.base is not None or id(g.array) in owned:
        g = g.clone()
    owned.add(id(g.array))
    tensor.grad = g


def _leading_to(roots: list[tuple[Any, Tensor]], targets: set[Any]) -> set[Any]:
    """The targets and every node from which one of them can be reached, among the ancestors of `roots`."""
    if not targets:
        return set()
    order: dict[Any, None] = {}
    stack = [node for node, _ in roots]
    oldest = min(t.seq for t in targets)
    while stack:
        node = stack.pop()
        if node not in order and node.seq >= oldest:
            order[node] = None
            stack.extend(p for p in node.parents if p is not None)
    toward = set(targets)
    for node in sorted(order, key=lambda n: n.seq):
        if any(p in toward for p in node.parents):
            toward.add(node)
    return toward


def _roots(op: str, tensors: Any, grad_tensors: Any, create_graph: bool) -> list[tuple[Any, Tensor]]:
    """Each output's node with the gradient that it starts from."""
    outputs = _as_list(tensors)
    seeds = [None] * len(outputs) if grad_tensors is None else _as_list(grad_tensors)
    if len(seeds) != len(outputs):
        raise ShapeError(message(op, f"{len(seeds)} gradients for {len(outputs)} outputs", "one for each"))
    return [(_node_of(op, t), _seed(op, t, g)) for t, g in zip(outputs, seeds, strict=True)]


def _seed(op: str, tensor: Tensor, g: Any) -> Tensor:
    if g is None:
        if tensor.numel() != 1:
            raise GradError(
                message(
                    op,
                    f"an output of shape {tensor.shape} and no gradient for it",
                    "one element",
                    "Reduce it to a loss with mean() or sum(), or pass the gradient.",
                )
            )
        return tensor.new_full(tensor.shape, 1.0)
    if not isinstance(g, Tensor):
        raise DTypeError(message(op, f"a gradient that is a {type(g).__name__}", "a Tensor"))
    if g.shape != tensor.shape:
        raise ShapeError(message(op, f"a gradient of shape {g.shape}", f"the output's shape {tensor.shape}"))
    return g if g.dtype == tensor.dtype else g.to(tensor.dtype)


def _node_of(op: str, tensor: Any) -> Any:
    if not isinstance(tensor, Tensor):
        raise DTypeError(message(op, f"a {type(tensor).__name__}", "a Tensor"))
    if not tensor.requires_grad:
        raise GradError(
            message(
                op,
                f"a tensor of shape {tensor.shape} that does not require grad",
                "one computed from tensors that do",
                "Call requires_grad_() on the inputs; look for detach(), no_grad() or integer tensors between.",
            )
        )
    return tensor.node


def _as_list(value: Any) -> list[Any]:
    return [value] if isinstance(value, Tensor) else list(value)
