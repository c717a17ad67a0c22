"""Views: reshape, permute, expand, slice and flip move no data. Reading through them is an affine access."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rushlight.compile.graph import Node, Value

__all__ = ["Access", "contiguous", "is_view", "look_through", "row_major"]


@dataclass(frozen=True, slots=True)
class Access:
    """Element [i0, ...] of a tensor lies at ``offset + sum(strides[d] * i_d)`` in the buffer of `value`."""

    value: Value
    offset: int
    strides: tuple[int, ...]


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array in row order, in elements."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def contiguous(value: Value) -> Access:
    """The access to a value that lies in memory as it is."""
    return Access(value, 0, row_major(value.spec.shape))


def is_view(node: Node) -> bool:
    """Whether the node only looks at its input in another way, whatever its op does eagerly."""
    return node.op.name in _RULES


def look_through(node: Node, source: Access) -> Access | None:
    """The access to a view's result, given that to its input; None where no affine access can say it."""
    rule = _RULES.get(node.op.name)
    if rule is None:
        return None
    value = node.inputs[0]
    return rule(source, value.spec.shape, node.out.spec.shape, node.attrs)


def _permute(source: Access, shape: Any, out: Any, attrs: dict[str, Any]) -> Access:
    return Access(source.value, source.offset, tuple(source.strides[d] for d in attrs["dims"]))


def _expand(source: Access, shape: tuple[int, ...], out: tuple[int, ...], attrs: dict[str, Any]) -> Access:
    extra = len(out) - len(shape)
    kept = tuple(s if n == m else 0 for s, n, m in zip(source.strides, shape, out[extra:], strict=True))
    return Access(source.value, source.offset, (0,) * extra + kept)


def _flip(source: Access, shape: tuple[int, ...], out: Any, attrs: dict[str, Any]) -> Access:
    offset, strides = source.offset, list(source.strides)
    for d in attrs["dims"]:
        offset += strides[d] * (shape[d] - 1)
        strides[d] = -strides[d]
    return Access(source.value, offset, tuple(strides))


def _slice(source: Access, shape: tuple[int, ...], out: Any, attrs: dict[str, Any]) -> Access:
    offset, strides, axis = source.offset, [], 0
    for entry in attrs["pattern"]:
        if entry is None:
            strides.append(0)
            continue
        if isinstance(entry, int):
            offset += source.strides[axis] * (entry % shape[axis])
        else:
            start, _, step = slice(*entry[1:]).indices(shape[axis])
            offset += source.strides[axis] * start
            strides.append(source.strides[axis] * step)
        axis += 1
    return Access(source.value, offset, (*strides, *source.strides[axis:]))


def _reshape(
    source: Access, shape: tuple[int, ...], out: tuple[int, ...], attrs: dict[str, Any]
) -> Access | None:
    """Axes of size 1 aside, each run of new axes must split or join a run of old ones without gaps."""
    old = [(n, s) for n, s in zip(shape, source.strides, strict=True) if n != 1]
    if 0 in shape:
        return Access(source.value, source.offset, row_major(out))
    strides: list[int] = []
    i = 0
    group: list[tuple[int, int]] = []
    for n in reversed(out):
        if n == 1:
            strides.append(0)
            continue
        if not group:
            i += 1
            group = [old[-i]]
        size, step = group[-1]
        while size % n and i < len(old):
            i += 1
            outer, outer_step = old[-i]
            if outer_step != size * step:
                return None
            size *= outer
        if size % n:
            return None
        strides.append(step)
        group = [(size // n, step * n)] if size != n else []
        if size < n:
            return None
    return Access(source.value, source.offset, tuple(reversed(strides)))


_RULES: dict[str, Any] = {
    "permute": _permute,
    "expand": _expand,
    "flip": _flip,
    "slice": _slice,
    "reshape": _reshape,
    "in_range": lambda source, shape, out, attrs: source,
}
