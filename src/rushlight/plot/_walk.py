"""The graph behind a tensor, as plain boxes and arrows. No drawing here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rushlight.errors import ArgumentError, DTypeError, GradError, message

__all__ = ["KINDS", "Box", "Boxes", "walk"]

# In the order of the legend.
KINDS = {
    "parameter": "parameter: receives .grad",
    "leaf": "other leaf: receives .grad",
    "op": "operation: passes the gradient on",
    "result": "result: backward starts here",
    "constant": "carries no gradient",
}


@dataclass(frozen=True)
class Box:
    """One node: what it is (a key of KINDS), its name, and the shape of its value."""

    kind: str
    name: str
    shape: tuple[int, ...] | None

    @property
    def size(self) -> str:
        """The shape as people write it.

        >>> Box("op", "tanh", (100, 25)).size, Box("op", "sum", ()).size
        ('100 × 25', 'scalar')
        """
        if self.shape is None:
            return ""
        return " × ".join(str(length) for length in self.shape) or "scalar"


@dataclass
class Boxes:
    """Boxes, and arrows from an input to what is computed from it."""

    boxes: list[Box] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)

    def add(self, box: Box) -> int:
        self.boxes.append(box)
        return len(self.boxes) - 1


def walk(op: str, tensor: Any, params: Any, max_nodes: int) -> Boxes:
    """Everything that the backward pass from ``tensor`` meets, and the constants beside its way."""
    node = _start(op, tensor)
    names = _names(op, params)
    found = Boxes()
    place = {id(node): found.add(_box(node, names, "result"))}
    stack = [node]
    while stack:
        node = stack.pop()
        for parent, value in _inputs(op, node):
            key = id(parent) if parent is not None else id(value)
            if parent is None and getattr(value, "shape", None) is None:
                continue  # a Python number
            if key not in place:
                place[key] = found.add(_box(parent, names) if parent is not None else _constant(value))
                if parent is not None:
                    stack.append(parent)
            found.arrows.append((place[key], place[id(node)]))
        if len(found.boxes) > max_nodes:
            raise ArgumentError(
                message(
                    f"plot.{op}",
                    f"a graph of more than {max_nodes} nodes",
                    f"at most max_nodes={max_nodes}",
                    "Draw a smaller part of the computation, or raise max_nodes.",
                )
            )
    return found


def _start(op: str, tensor: Any) -> Any:
    if not hasattr(tensor, "node"):
        raise DTypeError(message(f"plot.{op}", f"a {type(tensor).__name__}", "a Tensor"))
    if tensor.node is None or not tensor.requires_grad:
        raise GradError(
            message(
                f"plot.{op}",
                f"a tensor of shape {tensor.shape} without a graph",
                "one that requires grad",
                "Compute it from parameters, outside no_grad.",
            )
        )
    return tensor.node


def _inputs(op: str, node: Any) -> Iterable[tuple[Any, Any]]:
    """For each input of a node: the node that its gradient goes to (or None), and its value or spec."""
    if node.is_leaf:
        return ()
    if node.kept is None:
        raise GradError(
            message(
                f"plot.{op}",
                f"a graph (at {node.name}) that an earlier backward used up",
                "a fresh one",
                "Draw it before backward, or call backward(retain_graph=True).",
            )
        )
    return zip(node.parents, node.kept, strict=True)


def _box(node: Any, names: Mapping[int, str], kind: str | None = None) -> Box:
    shape = tuple(node.spec[0])
    if not node.is_leaf:
        return Box(kind or ("op" if node.required else "constant"), node.name, shape)
    if not node.required:
        return Box("constant", "data", shape)
    tensor = node.tensor
    parameter = type(tensor).__name__ == "Parameter" or id(tensor) in names
    name = names.get(id(tensor), "parameter" if parameter else "leaf")
    return Box(kind or ("parameter" if parameter else "leaf"), name, shape)


def _constant(value: Any) -> Box:
    return Box("constant", "data", tuple(value.shape))


def _names(op: str, params: Any) -> dict[int, str]:
    """Names by the identity of the tensor, from a Module, a mapping, or pairs (name, tensor)."""
    if params is None:
        return {}
    if hasattr(params, "named_parameters"):
        pairs = list(params.named_parameters())
    else:
        pairs = list(params.items() if isinstance(params, Mapping) else params)
    if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise ArgumentError(
            message(
                f"plot.{op}",
                f"params of type {type(params).__name__}",
                "a Module, a mapping or pairs",
                "Pass the model, or dict(model.named_parameters()).",
            )
        )
    return {id(tensor): str(name) for name, tensor in pairs}
