"""The walk that differentiates the graph.

It visits the nodes from the newest to the oldest (every node is younger than its parents, so that order is
topological, and no recursion is needed), asks each for its vector-Jacobian product, and adds up what arrives
at a node over several ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

from rushlight.core.composite import Composite, NoArray
from rushlight.core.graph import Leaf, Node
from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, GradError, NotSupportedError, ShapeError, message

__all__ = ["backward", "forget_gradients", "grad", "propagate"]


def forget_gradients(tensors: Iterable[Tensor], to_none: bool) -> None:
    """Have no gradients, or those that are there filled with 0."""
    for t in tensors:
        if to_none or t.grad is None or isinstance(t.grad, Composite):
            t.grad = None
        else:
            t.grad.node = None  # what made it is forgotten
            t.grad.zero_()


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
    roots = _roots("backward", tensors, grad_tensors)
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
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple; `.grad` of no tensor changes.

    only_inputs        True, and nothing else: gradients are never accumulated on the way.
    allow_unused       give None for an input that the outputs do not depend on, in place of an error.
    is_grads_batched   False, and nothing else: call `grad` for each of several gradients.
    materialize_grads  give zeros for it.

    >>> import rushlight as rl
    >>> x = rl.tensor(2.0, requires_grad=True)
    >>> (first,) = rl.autograd.grad(x**3, x, create_graph=True)
    >>> first, *rl.autograd.grad(first, x)
    (tensor(12., grad_fn=<MulBackward0>), tensor(12.))
    """
    if not only_inputs:
        raise ArgumentError(message("grad", "only_inputs=False", "True", "Use backward() to accumulate."))
    if is_grads_batched:
        raise NotSupportedError(
            message("grad", "is_grads_batched=True", "False", "Call it for each gradient.")
        )
    wanted = _as_list(inputs)
    nodes = [_node_of("grad", t) for t in wanted]
    roots = _roots("grad", outputs, grad_outputs)
    keep = create_graph if retain_graph is None else retain_graph
    found = _walk(roots, keep, create_graph, set(nodes), accumulate=False, outside=False)
    results: list[Any] = []
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
    if state.sought is not None:
        state.sought([node for node, _ in roots], targets)
    toward = _leading_to(roots, targets)
    owned = {id(g.array) for _, g in roots}
    grads: dict[Any, Tensor] = {}
    heap: list[tuple[int, Any]] = []
    found: dict[Any, Tensor] = {}
    for node, g in roots:
        _add(grads, heap, node, g)
    before, state.grad_enabled = (state.grad_enabled, state.backward_of, state.cast), create_graph
    outer, state.finals = state.finals, [] if accumulate else None
    state.cast = None
    try:
        while heap:
            node = heappop(heap)[1]
            g = grads.pop(node)
            if node.hooks:
                _own(owned, g)
                for hook in node.hooks:
                    changed = hook(g)
                    g = g if changed is None else changed
                _own(owned, g)
            if node in targets:
                found[node] = g
                _own(owned, g)
                if stop:
                    continue
            if node.is_leaf:
                if accumulate and node.required and (outside or node in targets):
                    tensor = node.tensor
                    _accumulate(tensor, g, owned)
                    if tensor is not None and tensor._after_grad:
                        for after in tensor._after_grad:
                            after(tensor)
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
        finals = state.finals
    finally:
        state.grad_enabled, state.backward_of, state.cast = before
        state.finals = outer
    for final in finals or ():
        final()
    return found


def _add(grads: dict[Any, Tensor], heap: list[tuple[int, Any]], node: Any, g: Tensor) -> None:
    """Add `g` to what has arrived at `node`; on its first arrival the node joins the heap."""
    earlier = grads.get(node)
    if earlier is None:
        grads[node] = g
        heappush(heap, (-node.seq, node))
    else:
        grads[node] = _sum(earlier, g)


def _sum(a: Tensor, b: Tensor) -> Tensor:
    """a + b, of which either may be sparse."""
    return b + a if isinstance(a, Composite) and not isinstance(b, Composite) else a + b


def _own(owned: set[int], g: Tensor) -> None:
    """Others know this gradient, too."""
    if not isinstance(g, Composite):
        owned.add(id(g.array))


def _fit(g: Any, shape: tuple[int, ...], dtype: Any) -> Tensor:
    """`g` with the shape and dtype of the input it belongs to: what broadcasting spread is summed back."""
    try:
        known = g.array.shape
    except NoArray:
        return g
    if known != shape:
        g = g.sum_to_size(shape)
    return g if g.array.dtype is dtype or g.array.dtype == dtype else g.to(dtype)


def _accumulate(tensor: Tensor | None, g: Tensor, owned: set[int]) -> None:
    """Add `g` to the tensor's `.grad`: into its memory, or out of place where the backward is recorded.

    A new gradient shares memory with no other tensor. An identity derivative hands one array to several
    leaves, an expanded one is a view, and a hook may have kept what it saw: these are copied.
    """
    if tensor is None:
        return
    held = tensor.grad
    if isinstance(g, Composite) or isinstance(held, Composite):
        tensor.grad = g if held is None else _sum(held, g)
        return
    if held is not None:
        if held.array.shape != g.array.shape or held.array.dtype != g.array.dtype:
            raise GradError(
                message("backward", f"a .grad that is {held.spec}", f"{g.spec}, as the tensor is")
            )
        if state.grad_enabled:
            tensor.grad = held + g
        else:
            held.add_(g)
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


def _roots(op: str, tensors: Any, grad_tensors: Any) -> list[tuple[Any, Tensor]]:
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
                "Call requires_grad_() on the inputs; look for detach(), no_grad() or integers between, and "
                "for a compiled function: its results have no history, so let it call backward() itself.",
            )
        )
    return tensor.node


def _as_list(value: Any) -> list[Any]:
    return [value] if isinstance(value, Tensor) or not hasattr(value, "__iter__") else list(value)
