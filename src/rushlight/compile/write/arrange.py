"""Which axes of a contraction are the rows and the columns of its blocks; the others are loops around
them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rushlight.compile import host
from rushlight.compile.write.blocks import blocks, together, vectors
from rushlight.compile.write.dots import outside
from rushlight.compile.write.factors import Operands
from rushlight.compile.write.nest import Stream
from rushlight.compile.write.panels import beside, size_of

__all__ = ["arrange"]

Axes = tuple[int, ...]
"""Axes of the result that are walked over as over one, the last the fastest."""

SHARE = 0.2
"""Of the first cache for the rows that a block of dot products reads again and again."""
SMALL = 64 << 10
"""Bytes of a factor that is copied whole."""
COPIED, SINGLE, ADDED = 0.3, 1.5, 5.0
"""What it costs to copy one element of a panel, square by square or one by one, and to add up the lanes of
one result, measured in multiply-adds of a vector."""
STRAY = 2.0
"""What it costs to copy one square by square where each column begins at a place of its own."""
NEAR, FAR = 1.0, 10.0
"""What it costs to read or write one number by itself, in the first cache and beyond it."""
FETCHED = 1.25
"""What it costs to read an element again and again that is not in the first cache any more."""
KEPT = 2.0
"""What it costs to add to a sum that is kept in memory."""
BEGUN = 30.0
"""What it costs to begin a product."""


def arrange(ops: Operands) -> bool:
    """Put the axes into the order (loops..., rows, columns, summed...), in the way that costs least, and `a`
    to be the factor that moves along the rows; whether vectors then run along the last summed axis, instead
    of along the columns.

    Costs are in multiply-adds of a whole vector. Beside the sums there are factors to be copied into order,
    lanes to be added up, vectors that do not begin where a line of the cache does, and results that lie apart
    in memory.
    """
    ops.fold()
    while ops.rank < 2:
        ops.insert(0, summed=False)
    if not ops.summed:
        ops.insert(len(ops.sizes), summed=True)
    swapped, m, n, dots = min(_ways(ops), key=lambda way: way[0])[1:]
    if swapped:
        ops.a, ops.b = ops.b, ops.a
    loops = [d for d in range(ops.rank) if d not in (*m, *n)]
    ops.order([*loops, *m, *n, *_in_order(ops, ops.a, ops.b)])
    ops.merge(len(m), len(n))
    return dots


def _ways(ops: Operands) -> Iterator[tuple[float, bool, Axes, Axes, bool]]:
    """(cost, whether a and b change places, axes of the rows, of the columns, whether to run along k)."""
    for swapped, a, b in ((False, ops.a, ops.b), (True, ops.b, ops.a)):
        rows, columns = _choices(ops, a), _choices(ops, b)
        for n in columns:
            if not b.strides[n[-1]] and a.strides[n[-1]]:
                continue  # the other one has the columns
            for m in rows:
                if len(n) > 1 and any(steps[m[-1]] for steps in b.lists()):
                    continue  # such columns are read from panels, which all rows share
                if not set(m) & set(n) and (b.strides[n[-1]] or not b.strides[m[-1]]):
                    yield _outer(ops, a, b, m, n), swapped, m, n, False
                    single = len(m) == len(n) == 1
                    if single and not a.strides[n[0]] and not b.strides[m[0]]:
                        inner = _inner if ops.summed == 1 else _deep
                        yield inner(ops, a, b, m[0], n[0]), swapped, m, n, True


def _choices(ops: Operands, moving: Stream) -> list[Axes]:
    """Each axis of the result, and those of which several can be one where `moving` is the factor that moves
    along them."""
    single: list[Axes] = [(d,) for d in range(ops.rank)]
    chains = [ops.chain(d, moving) for d in range(ops.rank) if moving.strides[d]]
    return single + [chain for chain in chains if len(chain) > 1]


def _around(ops: Operands, m: Axes, n: Axes) -> int:
    return math.prod(size for d, size in enumerate(ops.sizes[: ops.rank]) if d not in (*m, *n))


def _size(ops: Operands, axes: Axes) -> int:
    return math.prod(ops.sizes[d] for d in axes)


def _apart(ops: Operands, m: Axes, n: Axes) -> float:
    """What it costs that results beside each other in a vector lie apart in memory, for each of them."""
    size = _size(ops, m) * _size(ops, n) * ops.dtype.itemsize
    each = NEAR if size <= host.describe().caches.l1 else FAR
    return each * sum(s.strides[n[-1]] not in (0, 1) for s in ops.after.values() if s is not None)


def _outer(ops: Operands, a: Stream, b: Stream, m: Axes, n: Axes) -> float:
    """Vectors along the columns; a row of `b` times a column of `a` at each step."""
    rows, columns, depth = _size(ops, m), _size(ops, n), ops.depth
    lanes = host.describe().lanes(ops.dtype.itemsize)
    # Where one factor moves along both, nothing is read once for several multiply-adds.
    both = 2.0 if a.strides[n[-1]] or b.strides[m[-1]] else 1.0
    sums = 2 * depth * blocks(rows, -(-columns // lanes), depth).cycles * both
    sums *= vectors(columns, lanes) / -(-columns // lanes)
    own = _copied(ops, b, n, lanes)
    if a.bounds:
        own += SINGLE * rows / columns
    around, l1 = _around(ops, m, n), host.describe().caches.l1 // ops.dtype.itemsize
    if around > 1:
        own += FETCHED * ((rows * depth > l1) * rows / columns + (columns * depth > l1))
    return around * (sums + columns * depth * own + rows * columns * _apart(ops, m, n) + BEGUN)


def _copied(ops: Operands, b: Stream, n: Axes, lanes: int) -> float:
    """What it costs to copy one element of `b` into a panel, if it is read from one."""
    step = b.strides[n[-1]]
    if len(n) > 1:
        unit, spread = beside([ops.sizes[d] for d in n], step, lanes)
        if spread < unit:
            return COPIED * 2 * (1 + spread) / unit
    elif not b.bounds and step in (0, 1):
        return 0.0
    inner = zip(b.strides[ops.rank :], ops.sizes[ops.rank :], strict=True)
    squares = any(k == 1 and size >= lanes for k, size in inner) and not b.bounds
    if len(n) > 1:
        return STRAY if squares else 2 * SINGLE
    return COPIED if squares or step == 1 else SINGLE


def _deep(ops: Operands, a: Stream, b: Stream, m: int, n: int) -> float:
    """Vectors along one of several summed axes, and the sums of all results kept in memory meanwhile."""
    summed = _in_order(ops, a, b)
    if a.strides[summed[-1]] != 1 or b.strides[summed[-1]] != 1 or a.bounds or b.bounds:
        return math.inf
    if (out := outside(ops, a, b, summed)) is None:
        return math.inf
    *before, length = (ops.sizes[d] for d in summed)
    lanes = host.describe().lanes(ops.dtype.itemsize)
    crooked = any(f.strides[d] % lanes for f, d in ((a, m), (b, n)))
    each = math.prod(before) * vectors(length, lanes) * (1.25 if crooked else 1.1)
    each += KEPT * math.prod(before[:out]) + ADDED + _apart(ops, (m,), (n,))
    return _around(ops, (m,), (n,)) * (ops.sizes[m] * ops.sizes[n] * each + BEGUN)


def _in_order(ops: Operands, a: Stream, b: Stream) -> list[int]:
    """The summed axes, the one along which the factors move least last."""
    return sorted(range(ops.rank, len(ops.sizes)), key=lambda d: -abs(b.strides[d]) - abs(a.strides[d]))


def _inner(ops: Operands, a: Stream, b: Stream, m: int, n: int) -> float:
    """Vectors along the one summed axis, and the lanes of each sum added at the end."""
    k, depth = ops.rank, ops.depth
    lanes = host.describe().lanes(ops.dtype.itemsize)
    sides = ((a, ops.sizes[m], a.strides[m]), (b, ops.sizes[n], b.strides[n]))
    stray = [f for f, _, _ in sides if f.strides[k] != 1]
    copies = sum(size_of(f, ops) for f in stray) * ops.dtype.itemsize
    again = together(ops.sizes[n], lanes)[0] * depth * ops.dtype.itemsize if ops.sizes[m] > 1 else 0
    if depth < 2 or again > SHARE * host.describe().caches.l1 or len(stray) == 2 or copies > SMALL:
        return math.inf
    if a.bounds or b.bounds:
        return math.inf
    copied = sum(SINGLE * depth * size for f, size, _ in sides if f.strides[k] != 1)
    crooked = any(f.strides[k] == 1 and step % lanes for f, _, step in sides)
    few = ops.sizes[n] < together(ops.sizes[n], lanes)[0]  # sums that become a vector
    added = 4 * ADDED if few else ADDED
    each = vectors(depth, lanes) * (1.5 if crooked else 1.25) + added + _apart(ops, (m,), (n,))
    return _around(ops, (m,), (n,)) * (ops.sizes[m] * ops.sizes[n] * each + BEGUN) + copied
