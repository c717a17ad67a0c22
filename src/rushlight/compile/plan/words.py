"""Random words: which elementwise nodes may take them from the registers in which they are made.

Words come out in the order of their count, so a kernel that makes them runs along one line. What joins it
reads everything else along the same line, and of the words either each in turn, or every second one: of the
two that a float64 is made from, the first or the second.
"""

from __future__ import annotations

import math
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.compile.plan.views import Access, contiguous
from rushlight.core.lower import Draw
from rushlight.core.op import Op
from rushlight.core.spec import Spec
from rushlight.core.strides import row_major
from rushlight.device import xp

__all__ = ["PICK", "join_words", "makes_words"]

PICK = Op(
    "words",
    lambda m, words, *, at: words[at],
    lambda words, *, at: Spec(words.shape, xp.uint32),
)
"""A view of the words, as a kernel has it that makes them: those at place `at` of each group."""


def join_words(plan: Schedule, kernel: Kernel, index: int, node: Node) -> bool:
    """Whether `node` can run in `kernel`, number `index`, which makes random words; if so, what it reads of
    them becomes part of the kernel."""
    root, space = kernel.root, node.out.spec.shape
    if root is None or (kernel.body and kernel.space != space):
        return False
    picks: dict[int, Node] = {}
    for value in node.values():
        access = plan.access.get(id(value))
        if access is None:
            continue
        if access.value is root.out:
            at = _place(access, value, space, root.out.spec.size)
            if at is None:
                return False
            picks[id(value)] = Node(PICK, (root.out,), {"at": at}, value)
            continue
        inside = plan.source(value) == index
        if not _in_line(access, value, space) or (inside and access.value is not value):
            return False
    kernel.space = space
    for pick in picks.values():
        if pick.out is not root.out:
            kernel.body.append(pick)
            plan.access[id(pick.out)] = contiguous(pick.out)
            plan.made_by[id(pick.out)] = index
    return True


def _place(access: Access, value: Value, space: tuple[int, ...], count: int) -> int | None:
    """The place of `value` in each group of words, if it reads one word of each group in turn."""
    size = math.prod(space)
    group = count // size
    if (
        access.edges
        or value.spec.shape != space
        or group * size != count
        or group > 2
        or access.offset >= group
    ):
        return None
    steps = [group * s for s in row_major(space)]
    plain = all(n == 1 or a == b for n, a, b in zip(space, access.strides, steps, strict=True))
    return access.offset if plain else None


def _in_line(access: Access, value: Value, space: tuple[int, ...]) -> bool:
    """Whether the value is one number, or lies in memory element after element as the space runs."""
    if access.edges:
        return False
    if value.spec.size == 1:
        return True
    same = value.spec.shape == space
    return same and all(
        n == 1 or a == b for n, a, b in zip(space, access.strides, row_major(space), strict=True)
    )


def makes_words(node: Node, constants: dict[int, Any]) -> bool:
    """Whether the node draws words from a state that is in memory, or moves such a state on."""
    return isinstance(node.op.lower, Draw) and id(node.inputs[0]) not in constants
