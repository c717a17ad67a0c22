"""Matrix products of whole numbers, as reductions.

Both matrices are read over one space that has an axis for every one of the result, and the summed ones before
the last: an axis that an operand lacks has the stride 0. Then a product is a multiplication, element by
element, before a sum, and vectors run along the result's columns.
"""

from __future__ import annotations

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.records import Schedule
from rushlight.compile.plan.views import Access
from rushlight.core.lower import Contract
from rushlight.core.op import REGISTRY
from rushlight.core.spec import Spec

__all__ = ["as_reduction"]


def as_reduction(plan: Schedule, node: Node) -> tuple[Node, Node]:
    """The multiplication and the sum that make up a product."""
    assert isinstance(node.op.lower, Contract)
    terms, result = node.op.lower.letters([v.spec.ndim for v in node.values()], node.attrs)
    sizes: dict[str, int] = {}
    for term, value in zip(terms, node.values(), strict=True):
        for letter, n in zip(term, value.spec.shape, strict=True):
            sizes[letter] = max(sizes.get(letter, 1), n)
    summed = "".join(c for c in sizes if c not in result)
    order = result[:-1] + summed + result[-1:]
    shape = tuple(sizes[c] for c in order)
    a, b = (_spread(plan, t, v, order, shape) for t, v in zip(terms, node.values(), strict=True))
    product = Value(a.spec, f"{a.name}{b.name}")
    total = {"dim": tuple(order.index(c) for c in summed), "keepdim": False}
    return Node(REGISTRY["mul"], (a, b), {}, product), Node(REGISTRY["sum"], (product,), total, node.out)


def _spread(plan: Schedule, term: str, value: Value, order: str, shape: tuple[int, ...]) -> Value:
    """The operand as it is read over the space."""
    seen = Value(Spec(shape, value.spec.dtype), f"{value.name}*")
    access = plan.access.get(id(value))
    if access is None:
        plan.constants[id(seen)] = plan.constants[id(value)]
        return seen
    steps = dict.fromkeys(order, 0)
    for letter, n, step in zip(term, value.spec.shape, access.strides, strict=True):
        steps[letter] = step if n != 1 else 0
    plan.access[id(seen)] = Access(access.value, access.offset, tuple(steps[c] for c in order))
    return seen
