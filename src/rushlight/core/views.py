"""Views: tensors that share memory and, unless detached, one history.

The history is that of the base. A view's node is its base's node seen through the ops that made the view; so
when the base or any view of it is updated in place, the base gets a new node and every living view another
one, at once. What was computed before keeps the nodes that it read.
"""

from __future__ import annotations

from typing import Any, NoReturn
from weakref import ref

from rushlight.core.graph import Node
from rushlight.core.op import Op
from rushlight.core.state import state
from rushlight.core.tensor import INVALID, NO_GRAD, Retain, Tensor, wrap
from rushlight.device import xp
from rushlight.errors import GradError, message

__all__ = ["Views", "link", "move_history", "refuse_sealed", "root_of", "with_views"]

_ndarray = xp.ndarray


class Views(list["ref[Tensor]"]):
    """Weak references to the views of a tensor, the dead ones swept out now and then."""

    limit = 16

    def sweep(self) -> None:
        self[:] = [r for r in self if r() is not None]
        self.limit = 2 * len(self) + 16


class Severed:
    """In the place of a view's node: any use of its history raises."""

    is_leaf = False
    name = INVALID

    def __init__(self, why: str) -> None:
        self.why = why

    @property
    def required(self) -> bool:
        refuse_sealed("view", f"{self.why} whose base was updated in place since")


def refuse_sealed(name: str, got: str) -> NoReturn:
    """Raise the error of a view whose history may not change in place."""
    remedy = "Index the base for a view of its own, outside no_grad(), or clone() it before."
    raise GradError(message(name, got, "the only view of one call, made while recording", remedy))


def link(out: Tensor, source: Tensor, op: Op, attrs: dict[str, Any]) -> None:
    """Note that `out` is a view of `source`, unless the op had to copy."""
    array = out.array
    if array.__class__ is _ndarray:
        looked_at, memory = source.array, array.base
        shares = (
            memory is looked_at or array is looked_at or (memory is not None and memory is looked_at.base)
        )
        if not shares:
            # A view by strides of its own is one of an object that holds the array.
            held = getattr(memory, "base", None)
            if held is None or not (held is looked_at or held is looked_at.base):
                return
    base = source._base
    out._base = source if base is None else base
    out._view = (source, op, attrs)
    if not state.grad_enabled:
        out._sealed = NO_GRAD
    elif source._sealed is not None:
        out._sealed = source._sealed
    views = source._views
    if views is None:
        views = source._views = Views()
    views.append(ref(out))
    if len(views) > views.limit:
        views.sweep()


def root_of(tensor: Tensor) -> Tensor:
    """The tensor that holds the history of `tensor`: itself, unless it is a view."""
    while tensor._view is not None:
        tensor = tensor._view[0]
    return tensor


def move_history(target: Tensor, node: Any) -> None:
    """`target` was updated in place, and `node` made its new value: the base and all its views follow."""
    value = wrap(target.array)
    value.node = node
    while target._view is not None:
        source, op, attrs = target._view
        found = op.put and op.put(source, value, attrs)
        assert found is not None, "what repeats elements cannot be written"
        put, inputs, put_attrs = found
        value = wrap(source.array)
        value.node = Node(put, inputs, put_attrs, source.array)
        target = source
    _set_node(target, value.node)
    if target._views is not None:
        _renew_views(target)


def _renew_views(root: Tensor) -> None:
    for view in with_views(root)[1:]:
        assert view._view is not None
        source, op, attrs = view._view
        if view._sealed is None:
            _set_node(view, Node(op, (source,), attrs, view.array))
        else:
            view.node = Severed(view._sealed)  # type: ignore[assignment]


def with_views(root: Tensor) -> list[Tensor]:
    """`root` and all living views of it and of its views, each after the one that it looks at."""
    found = [root]
    for tensor in found:
        found.extend(v for r in tensor._views or () if (v := r()) is not None)
    return found


def _set_node(tensor: Tensor, node: Any) -> None:
    """`retain_grad` follows the tensor, hooks stay with the value that they were registered for."""
    old = tensor.node
    if tensor._retains_grad and isinstance(old, Node) and isinstance(node, Node):
        moved = tuple(h for h in old.hooks if isinstance(h, Retain) and h.tensor() is tensor)
        old.hooks = tuple(h for h in old.hooks if h not in moved)
        node.hooks = (*node.hooks, *moved)
    tensor.node = node
