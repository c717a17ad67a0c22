"""One operation on many examples at once.

What an op's record says of how it lowers, and the names of its attributes, tell how it takes one more axis
in front: elementwise ops broadcast, axes move up by one, shapes get a size, products a letter. For an op of
which that is not known, one example is computed after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.lower import Contract, Cumulate, Gather, Join, Map, Reduce, Scatter, Sort, View
from rushlight.core.op import REGISTRY, Op
from rushlight.core.tensor import Tensor
from rushlight.ops.join import stack

__all__ = ["Operand", "run"]

Operand = tuple[Any, bool]
"""A tensor or number, and whether its first axis is that of the examples."""

ALL = ("slice", None, None, None)
AXES, SHAPES = ("dim", "dims"), ("shape",)
PLAIN = ("keepdim", "dtype", "descending", "name", "classes", "ignore", "offset")
"""Attributes that name axes, that are shapes, and that say nothing of either."""


def run(op: Op, operands: Sequence[Operand], attrs: dict[str, Any], size: int) -> tuple[Tensor, bool]:
    """`op` on `size` examples; the result's first axis is theirs, or the result is one for all."""
    given = [t for t, _ in operands]
    if not any(many for _, many in operands):
        return apply(op, *given, **attrs), False
    found = _together(op, operands, attrs, size)
    return (_one_by_one(op, operands, attrs, size) if found is None else found), True


def _one_by_one(op: Op, operands: Sequence[Operand], attrs: dict[str, Any], size: int) -> Tensor:
    rows = [apply(op, *[t[i] if many else t for t, many in operands], **attrs) for i in range(size)]
    return stack(rows)


def _together(op: Op, operands: Sequence[Operand], attrs: dict[str, Any], size: int) -> Tensor | None:
    """The op on all at once, or None where it is not known how."""
    lower = op.lower
    if isinstance(lower, Map):
        over = {k: _axes(v) for k, v in attrs.items() if k in AXES}  # that a derivative sums over
        return apply(op, *_aligned(operands), **attrs | over)
    if isinstance(lower, Contract):
        return _contracted(op, operands, attrs)
    first, many = operands[0]
    moved = _moved(attrs, size)
    if isinstance(lower, Reduce):
        return _reduced(op, first, attrs, moved)
    if isinstance(lower, (View, Cumulate, Sort)) and many and len(operands) == 1:
        return _viewed(op, first, attrs, moved)
    if isinstance(lower, Join) or (isinstance(lower, (Gather, Scatter)) and lower.along):
        return None if moved is None else apply(op, *_each(operands, size), **moved)
    if isinstance(lower, Gather):
        return _gathered(op, operands, attrs)
    return None


def _moved(attrs: dict[str, Any], size: int) -> dict[str, Any] | None:
    """The attributes with one more axis in front."""
    found = {}
    for name, value in attrs.items():
        if name == "pattern" and not any(isinstance(p, str) for p in value):
            found[name] = (ALL, *value)
        elif name in SHAPES:
            found[name] = (size, *value)
        elif name in AXES and value is not None:
            found[name] = _axes(value)
        elif name in PLAIN:
            found[name] = value
        else:
            return None
    return found


def _axes(value: Any) -> Any:
    return tuple(d + 1 for d in value) if isinstance(value, tuple) else value + 1


def _aligned(operands: Sequence[Operand]) -> list[Any]:
    """Operands that broadcast: between the examples' axis and the others as many as the longest one has."""
    rank = max(t.ndim - many for t, many in operands if isinstance(t, Tensor))
    return [_lengthened(t, rank) if many else t for t, many in operands]


def _lengthened(t: Tensor, rank: int) -> Tensor:
    missing = rank - (t.ndim - 1)
    return t.reshape(t.shape[0], *[1] * missing, *t.shape[1:]) if missing > 0 else t


def _each(operands: Sequence[Operand], size: int) -> list[Any]:
    """Operands that all have the examples' axis."""
    return [t.expand(size, *t.shape) if isinstance(t, Tensor) and not many else t for t, many in operands]


def _contracted(op: Op, operands: Sequence[Operand], attrs: dict[str, Any]) -> Tensor | None:
    assert isinstance(op.lower, Contract)
    terms, result = op.lower.letters([t.ndim - many for t, many in operands], attrs)
    sizes: dict[str, int] = {}
    for (t, many), term in zip(operands, terms, strict=True):
        for letter, n in zip(term, t.shape[many:], strict=True):
            if sizes.setdefault(letter, n) != n:
                return None  # broadcast
    free = next(c for c in "zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in sizes)
    terms = [free * many + term for (_, many), term in zip(operands, terms, strict=True)]
    equation = f"{','.join(terms)}->{free}{result}"
    return apply(REGISTRY["einsum"], *[t for t, _ in operands], equation=equation)


def _reduced(op: Op, x: Tensor, attrs: dict[str, Any], moved: dict[str, Any] | None) -> Tensor | None:
    if moved is None:
        return None
    if attrs.get("dim") is None:
        if op.lower.position:  # type: ignore[attr-defined]
            return None
        moved["dim"] = tuple(range(1, x.ndim))
    return apply(op, x, **moved) if moved["dim"] != () else None


def _viewed(op: Op, x: Tensor, attrs: dict[str, Any], moved: dict[str, Any] | None) -> Tensor | None:
    if moved is None:
        return None
    if isinstance(op.lower, View) and op.lower.limits is not None:
        return apply(op, x, **attrs)  # a check of every element
    if op is REGISTRY["permute"]:
        return apply(op, x, dims=(0, *moved["dims"]))
    if op is REGISTRY["expand"]:
        x = _lengthened(x, len(attrs["shape"]))
    return apply(op, x, **moved)


def _gathered(op: Op, operands: Sequence[Operand], attrs: dict[str, Any]) -> Tensor | None:
    (x, many), places = operands[0], operands[1:]
    pattern = attrs["pattern"]
    at = [k for k, p in enumerate(pattern) if isinstance(p, (int, str))]
    together = at[-1] - at[0] + 1 == len(at)  # else the indexed axes come first
    if not together or None in pattern or len(attrs) > 1:
        return None
    if many and not any(m for _, m in places):
        return apply(op, x, *[t for t, _ in places], pattern=(ALL, *pattern))
    if not many and at[0] == 0:  # every example's own places in what they share
        pattern = tuple("tensor" if p == "positions" else p for p in pattern)
        return apply(op, x, *_aligned(places), pattern=pattern)
    return None
