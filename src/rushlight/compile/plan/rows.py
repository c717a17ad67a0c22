"""Rows: kernels that work on the same rows become one, which goes over each row once.

A softmax takes the largest of a row, then the sum of its exponentials, then divides: three kernels, that each
read and write all rows. As stages of one kernel they run row by row. A row's totals stay in registers, and
what one stage makes of a row for another stays in a row's worth of memory of the kernel's own, or of a long
row where it would lie if the two were kernels of their own.

A kernel joins the rows of another if it reads what that makes at the row where it is itself, or the same rows
from elsewhere, and if all else that it reads is there before the first of them runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from rushlight.compile.graph import Value
from rushlight.compile.plan.beginnings import give_back, hand_over, make_room
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.compile.plan.views import Access
from rushlight.core.lower import Gather, Reduce
from rushlight.core.strides import row_major

__all__ = ["fuse_rows", "place_in_rows"]


LONG = 2048
"""Elements of a row of which no copies are kept on the stack."""


@dataclass(eq=False, slots=True)
class _Rows:
    """Kernels over the rows of `space` along `axis`.

    first   where they will run.
    inside  what they read of one another, by id.
    checks  of indices: all that stood between the kernels. In the same order they come before them.
    """

    space: tuple[int, ...]
    axis: int
    first: int
    members: list[int] = field(default_factory=list)
    inside: set[int] = field(default_factory=set)
    checks: dict[int, None] = field(default_factory=dict)


def fuse_rows(plan: Schedule) -> None:
    """Make one kernel of those that work on the same rows."""
    beginnings = make_room(plan)
    groups: dict[int, _Rows] = {}
    readers: dict[int, list[_Rows]] = {}
    for i, kernel in enumerate(plan.kernels):
        begins = i in beginnings and not _joins(plan, i + 1, groups, readers)
        if begins:
            hand_over(plan, i, beginnings[i])
        bases = _bases(plan, kernel)
        found = _joined(plan, i, kernel, bases, groups, readers)
        if begins and found is None:
            give_back(plan, i)
        if found is None and (along := _reduced(kernel)) is not None:
            found = _Rows(*along, i)
        if found is not None:
            found.members.append(i)
            groups[i] = found
            for base, value in bases.items():
                if value.spec.size == math.prod(found.space):
                    readers.setdefault(base, []).append(found)
    _merge(plan, {rows.first: rows for rows in groups.values() if len(rows.members) > 1})


def place_in_rows(shape: tuple[int, ...], space: tuple[int, ...], axis: int) -> list[int | None] | None:
    """The axis of `space` that each axis of `shape` is: all of them, or the rows without `axis`, which may be
    there with size 1. None where `shape` is neither.

    >>> place_in_rows((2, 3), (2, 3, 4), 2), place_in_rows((2, 1, 4), (2, 3, 4), 1)
    ([0, 1], [0, None, 2])
    """
    rank = len(space)
    if shape == space:
        return list(range(rank))
    if shape == (*space[:axis], 1, *space[axis + 1 :]):
        return [d if d != axis else None for d in range(rank)]
    if shape == (*space[:axis], *space[axis + 1 :]):
        return [d for d in range(rank) if d != axis]
    return None


def _reduced(kernel: Kernel) -> tuple[tuple[int, ...], int] | None:
    """The space and the axis of a reduction along one axis."""
    root = kernel.root
    if kernel.kind != "reduce" or root is None or not isinstance(root.op.lower, Reduce):
        return None
    dim = root.attrs["dim"]
    space = next(root.values()).spec.shape
    if root.op.lower.position or len(dim) != 1 or space[dim[0]] == 1:
        return None
    return space, dim[0]


def _joins(plan: Schedule, i: int, groups: dict[int, _Rows], readers: dict[int, list[_Rows]]) -> bool:
    """Whether there are rows that kernel `i` will join as it is."""
    kernel = plan.kernels[i]
    return _joined(plan, i, kernel, _bases(plan, kernel), groups, readers) is not None


def _joined(
    plan: Schedule,
    i: int,
    kernel: Kernel,
    bases: dict[int, Value],
    groups: dict[int, _Rows],
    readers: dict[int, list[_Rows]],
) -> _Rows | None:
    """The rows that a kernel can join: the last of those that make what it reads, or that read whole rows of
    it too."""
    if kernel.kind not in ("map", "gather", "reduce"):
        return None
    makers = {plan.made_by.get(b, -1) for b in bases}
    near = {id(groups[j]): groups[j] for j in makers if j in groups}
    if kernel.kind != "map":
        near.update({id(r): r for b in bases for r in readers.get(b, ())})
    for rows in sorted(near.values(), key=lambda r: -r.first):
        if _fits(rows, kernel) and _ready(plan, i, kernel, rows, groups):
            return rows
    return None


def _bases(plan: Schedule, kernel: Kernel) -> dict[int, Value]:
    """The values in memory that a kernel reads, by id."""
    read = [v for node in kernel.nodes for v in node.values() if id(v) in plan.access]
    return {id(base): base for base in (plan.access[id(v)].value for v in read)}


def _fits(rows: _Rows, kernel: Kernel) -> bool:
    """Whether the kernel runs over whole rows, or once for each."""
    if kernel.kind == "reduce":
        return _reduced(kernel) == (rows.space, rows.axis)
    return place_in_rows(kernel.space, rows.space, rows.axis) is not None


def _ready(plan: Schedule, i: int, kernel: Kernel, rows: _Rows, groups: dict[int, _Rows]) -> bool:
    """Whether the kernel may run with the first of the rows' kernels; notes what it reads of theirs."""
    indexed = [n for n in kernel.nodes if isinstance(n.op.lower, Gather)]
    between = range(rows.first, i) if indexed else ()
    checks = [j for j in between if plan.kernels[j].check is not None]
    if any(_place(plan, plan.kernels[j].reads()[0], groups) >= rows.first for j in checks):
        return False
    inside: set[int] = set()
    for node in kernel.nodes:
        space = node.out.spec.shape if node is not kernel.root else next(node.values()).spec.shape
        for value in node.values():
            maker = plan.source(value)
            if maker == i:
                if plan.access[id(value)].value is not value:
                    return False
            elif maker >= 0 and groups.get(maker) is rows:
                if node in indexed or not _aligned(plan.access[id(value)], value, space, rows):
                    return False
                base = plan.access[id(value)].value.spec.shape
                if base != rows.space or rows.space[rows.axis] <= LONG:
                    inside.add(id(value))
            elif _place(plan, value, groups) >= rows.first:
                return False
    rows.inside |= inside
    rows.checks |= dict.fromkeys(checks)
    return True


def _place(plan: Schedule, value: Value, groups: dict[int, _Rows]) -> int:
    """Where what makes the value will run."""
    maker = plan.source(value)
    return groups[maker].first if maker in groups else maker


def _aligned(access: Access, value: Value, space: tuple[int, ...], rows: _Rows) -> bool:
    """Whether what is read at a point of `space` was made in the same row and, if there is one for each
    point, at that point."""
    base, whole = access.value.spec.shape, row_major(rows.space)
    place = place_in_rows(space, rows.space, rows.axis)
    if place is None or access.offset or access.edges:
        return False
    if base == rows.space:
        return value.spec.shape == rows.space and access.strides == whole
    others = [d for d in range(len(rows.space)) if d != rows.axis]
    steps = dict(zip(others, row_major(tuple(rows.space[d] for d in others)), strict=True))
    steps[rows.axis] = 0
    own = place[len(space) - value.spec.ndim :]
    axes = [(d, step) for d, n, step in zip(own, value.spec.shape, access.strides, strict=True) if n > 1]
    same = all(d is not None and step == steps[d] for d, step in axes)
    met = {d for d, _ in axes}
    return same and all(rows.space[d] == 1 or d in met for d in others)


def _merge(plan: Schedule, found: dict[int, _Rows]) -> None:
    """Put the kernels of the groups together, each where its first one was."""
    gone = {i for rows in found.values() for i in (*rows.members, *rows.checks)}
    kernels: list[Kernel] = []
    place: dict[int, int] = {}
    for i, kernel in enumerate(plan.kernels):
        if i in found:
            rows = found[i]
            stages = [plan.kernels[m] for m in rows.members]
            kernels += [plan.kernels[j] for j in sorted(rows.checks)]
            place.update(dict.fromkeys(rows.members, len(kernels)))
            kernels.append(Kernel("rows", rows.space, axis=rows.axis, stages=stages, inside=rows.inside))
        elif i not in gone:
            place[i] = len(kernels)
            kernels.append(kernel)
    plan.kernels = kernels
    plan.made_by = {v: place[i] for v, i in plan.made_by.items()}
