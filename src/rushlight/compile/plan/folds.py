"""Small kernels that become the first or the last thing that a row kernel does.

An index is checked by the kernel that goes over all of it: there the check comes first, and after one that
failed nothing is done. And what a kernel made of each row is added up at its end, where the rows are not
divided among threads: then all of them are done.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.compile.plan.rows import place_in_rows
from rushlight.core.lower import Reduce

__all__ = ["folded_in"]


def folded_in(plan: Schedule, work_of: Callable[[Kernel], float], little: float) -> None:
    """Put checks and last sums into the row kernels beside them. Rows of less work than `little`, as
    `work_of` has it, are never divided."""
    gone: set[int] = set()
    for i, kernel in enumerate(plan.kernels):
        if kernel.kind == "rows":
            if i and _is_checked_by(plan, plan.kernels[i - 1], kernel):
                kernel.check = plan.kernels[i - 1].check
                gone.add(i - 1)
            elif (last := _total_after(plan, i)) is not None:
                total = plan.kernels[last]
                if work_of(kernel) + work_of(total) < little:
                    kernel.inside |= {id(v) for v in total.reads() if plan.source(v) == i}
                    kernel.stages.append(total)
                    kernel.stores += total.stores
                    plan.made_by.update((v, i) for v, k in plan.made_by.items() if k == last)
                    gone.add(last)
    if gone:
        place = {old: new for new, old in enumerate(i for i in range(len(plan.kernels)) if i not in gone)}
        plan.kernels = [plan.kernels[i] for i in place]
        plan.made_by = {v: place[i] for v, i in plan.made_by.items()}


def _is_checked_by(plan: Schedule, check: Kernel, rows: Kernel) -> bool:
    """Whether the kernel right before the rows checks what these, in one go, read all of."""
    if check.kind != "check" or check.check is None or math.prod(rows.space) != rows.space[rows.axis]:
        return False
    base = plan.access[id(check.check.value)].value
    return any(id(v) in plan.access and plan.access[id(v)].value is base for v in rows.reads())


def _total_after(plan: Schedule, i: int) -> int | None:
    """The place of the kernel that makes one number of what the rows `i` made of each of them, and that might
    as well run right after them."""
    rows = plan.kernels[i]
    for j in range(i + 1, len(plan.kernels)):
        kernel = plan.kernels[j]
        if kernel.check is not None:
            return None
        apart = place_in_rows(kernel.space, rows.space, rows.axis) is None
        if kernel.kind == "reduce" and math.prod(kernel.space) == 1 and apart:
            makers = {plan.source(v) for v in kernel.reads()}
            if i in makers and max(makers) == i and _of_rows(plan, kernel, rows, i):
                return j
    return None


def _of_rows(plan: Schedule, kernel: Kernel, rows: Kernel, i: int) -> bool:
    """Whether all that the reduction reads of the rows is a number for each of them."""
    lower = kernel.root.op.lower if kernel.root is not None else None
    read = [plan.access[id(v)].value for v in kernel.reads() if plan.source(v) == i]
    each = all(v.spec.shape != rows.space for v in read)
    return isinstance(lower, Reduce) and not lower.position and each
