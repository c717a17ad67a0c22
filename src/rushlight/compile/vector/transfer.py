"""Between registers and memory: loads, stores, strided access, and sums across the lanes of a Vec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile import host
from rushlight.compile.vector.registers import Vec, cast, constant, kind_of, splat, vec
from rushlight.compile.write.emit import Emitter, llvm_type
from rushlight.device import xp

__all__ = [
    "NEAR",
    "first_lanes",
    "gather",
    "halves",
    "joined",
    "lane",
    "load",
    "load_each",
    "load_where",
    "prefetch",
    "reduce_add",
    "reduce_lanes",
    "scatter",
    "store",
    "sum_each",
    "turned",
    "unweave",
    "weave",
    "with_zeros",
]


NEAR = 4
"""Numbers so many apart are read as whole vectors; of those farther apart each by itself."""


def _stored(dtype: Any) -> Any:
    """The dtype as it lies in memory: a bool takes a byte."""
    dtype = xp.known(dtype)
    return xp.uint8 if dtype == xp.bool_ else dtype


def _suffix(dtype: Any, lanes: int) -> str:
    return f"v{lanes}{'f' if dtype.kind == 'f' and dtype is not xp.bfloat16 else 'i'}{8 * dtype.itemsize}"


def _mask(lanes: int, count: int) -> str:
    return "<" + ", ".join(f"i1 {'true' if i < count else 'false'}" for i in range(lanes)) + ">"


def load(
    emitter: Emitter, pointer: str, dtype: Any, lanes: int, count: int | None = None, fill: float = 0
) -> Vec:
    """`lanes` numbers from `pointer` on; those from `count` on are not read, and are `fill`."""
    kept = _stored(dtype)
    kind = kind_of(kept, lanes)
    if count is None or count >= lanes:
        name = emitter.value(f"load {kind}, ptr {pointer}, align {kept.itemsize}")
    else:
        rest = constant(emitter, fill, kept, lanes).name
        arguments = [
            ("ptr", pointer),
            ("i32", str(kept.itemsize)),
            (f"<{lanes} x i1>", _mask(lanes, count)),
            (kind, rest),
        ]
        name = emitter.call(f"llvm.masked.load.{_suffix(kept, lanes)}.p0", kind, arguments)
    return cast(Vec(emitter, name, kept, lanes), dtype)


def prefetch(emitter: Emitter, pointer: str) -> None:
    """Ask for the line of the cache at `pointer`, which is read or written later. It need not exist."""
    emitter.declare("llvm.prefetch.p0", "void", ["ptr", "i32", "i32", "i32"])
    emitter.line(f"call void @llvm.prefetch.p0(ptr {pointer}, i32 0, i32 3, i32 1)")


def store(x: Vec, pointer: str, count: int | None = None) -> None:
    """Write the lanes of `x` to `pointer` on; those from `count` on are not written."""
    emitter, lanes = x.emitter, x.lanes
    x = cast(x, _stored(x.dtype))
    if count is None or count >= lanes:
        emitter.line(f"store {x.kind} {x.name}, ptr {pointer}, align {x.dtype.itemsize}")
        return
    if count == 1:
        # LLVM 22 makes a scalar store of a masked one with one lane, and stores too many bytes if the lanes
        # were wider before (reduceMaskedStoreToScalarStore).
        kind = llvm_type(x.dtype)
        first = emitter.value(f"extractelement {x.kind} {x.name}, i64 0")
        emitter.line(f"store {kind} {first}, ptr {pointer}, align {x.dtype.itemsize}")
        return
    arguments = [
        (x.kind, x.name),
        ("ptr", pointer),
        ("i32", str(x.dtype.itemsize)),
        (f"<{lanes} x i1>", _mask(lanes, count)),
    ]
    name = f"llvm.masked.store.{_suffix(x.dtype, lanes)}.p0"
    emitter.declare(name, "void", [kind for kind, _ in arguments])
    emitter.line(f"call void @{name}({', '.join(f'{kind} {value}' for kind, value in arguments)})")


def _places(emitter: Emitter, pointer: str, stride: object, kind: str, count: int) -> list[str]:
    """The addresses of `count` numbers `stride` numbers apart; `stride` may be an SSA name."""
    places = [pointer]
    for i in range(1, count):
        base, step = (pointer, i * stride) if isinstance(stride, int) else (places[-1], stride)
        places.append(emitter.value(f"getelementptr {kind}, ptr {base}, i64 {step}"))
    return places


def gather(
    emitter: Emitter, pointer: str, stride: int | str, dtype: Any, lanes: int, count: int | None = None
) -> Vec:
    """`lanes` numbers that lie `stride` numbers apart; those from `count` on are not read, and are 0."""
    kept = _stored(dtype)
    count = lanes if count is None else min(count, lanes)
    if stride == 1 or lanes == 1:
        return load(emitter, pointer, dtype, lanes, count)
    one = llvm_type(kept)
    if stride == 0:
        name = emitter.value(f"load {one}, ptr {pointer}, align {kept.itemsize}")
        return cast(splat(emitter, name, kept, lanes), dtype)
    if isinstance(stride, int) and 2 <= stride <= NEAR and lanes >= 4:
        return cast(_sieve(emitter, pointer, stride, kept, lanes, count), dtype)
    kind = kind_of(kept, lanes)
    name = "poison" if count == lanes else "zeroinitializer"
    # Loads one by one are faster than the gather instruction, whose masks cost more than its addresses.
    for i, place in enumerate(_places(emitter, pointer, stride, one, count)):
        number = emitter.value(f"load {one}, ptr {place}, align {kept.itemsize}")
        name = emitter.value(f"insertelement {kind} {name}, {one} {number}, i64 {i}")
    return cast(Vec(emitter, name, kept, lanes), dtype)


def _sieve(emitter: Emitter, pointer: str, stride: int, dtype: Any, lanes: int, count: int) -> Vec:
    """Every `stride`-th of the numbers from `pointer` on, out of whole vectors."""
    span = (count - 1) * stride + 1
    out = constant(emitter, 0, dtype, lanes)
    for start in range(0, span, lanes):
        at = _further(emitter, pointer, dtype, start)
        part = load(emitter, at, dtype, lanes, min(lanes, span - start))
        inside = [i < count and start <= i * stride < start + lanes for i in range(lanes)]
        out = _shuffled(out, part, [lanes + i * stride - start if inside[i] else i for i in range(lanes)])
    return out


def scatter(x: Vec, pointer: str, stride: int | str, count: int | None = None) -> None:
    """Write the lanes of `x` to numbers that lie `stride` apart; those from `count` on are not written."""
    count = x.lanes if count is None else min(count, x.lanes)
    if stride == 1 or x.lanes == 1:
        store(x, pointer, count)
        return
    x = cast(x, _stored(x.dtype))
    for i, place in enumerate(_places(x.emitter, pointer, stride, llvm_type(x.dtype), count)):
        store(lane(x, i), place)


def weave(vectors: Sequence[Vec], pointer: str, count: int) -> None:
    """Write the first `count` lanes of several vectors from `pointer` on: the first lane of each, then the
    second of each, and so on."""
    vectors = [cast(x, _stored(x.dtype)) for x in vectors]
    emitter, dtype, lanes, several = vectors[0].emitter, vectors[0].dtype, vectors[0].lanes, len(vectors)
    for start in range(0, several * count, lanes):
        out = _picked(vectors, [divmod(start + i, several)[::-1] for i in range(lanes)])
        store(out, _further(emitter, pointer, dtype, start), min(lanes, several * count - start))


def unweave(emitter: Emitter, pointer: str, several: int, dtype: Any, lanes: int, count: int) -> list[Vec]:
    """What `weave` wrote: `several` vectors, of `count` numbers each."""
    kept, total = _stored(dtype), several * count
    parts = [
        load(emitter, _further(emitter, pointer, kept, start), kept, lanes, min(lanes, total - start))
        for start in range(0, total, lanes)
    ]
    return [
        cast(_picked(parts, [divmod(i * several + k, lanes) for i in range(lanes)]), dtype)
        for k in range(several)
    ]


def _picked(vectors: Sequence[Vec], places: Sequence[tuple[int, int]]) -> Vec:
    """Of each place, (which vector, its lane), the number there; any number where there is no such vector."""
    out, lanes = vectors[0], vectors[0].lanes
    mask = [place if which == 0 else 0 for which, place in places]
    if len(vectors) == 1:
        return _shuffled(out, out, mask)
    for k, vector in enumerate(vectors[1:], 1):
        mask = [lanes + place if which == k else mask[i] for i, (which, place) in enumerate(places)]
        out, mask = _shuffled(out, vector, mask), [*range(lanes)]
    return out


def _further(emitter: Emitter, pointer: str, dtype: Any, by: int) -> str:
    """The address `by` numbers after another."""
    return emitter.value(f"getelementptr {llvm_type(dtype)}, ptr {pointer}, i64 {by}") if by else pointer


def lane(x: Vec, index: int) -> Vec:
    """One lane by itself."""
    if x.lanes == 1:
        return x
    name = x.emitter.value(f"extractelement {x.kind} {x.name}, i64 {index}")
    return Vec(x.emitter, name, x.dtype, 1)


def _shuffled(a: Vec, b: Vec, lanes: Sequence[int]) -> Vec:
    """A Vec of the lanes of two with these numbers; those of `b` count on from those of `a`."""
    mask = ", ".join(f"i32 {i}" for i in lanes)
    out = vec(a, f"shufflevector {a.kind} {a.name}, {b.kind} {b.name}, <{len(lanes)} x i32> <{mask}>")
    out.lanes = len(lanes)
    return out


def first_lanes(x: Vec, count: int) -> Vec:
    """The first `count` lanes."""
    if count == x.lanes:
        return x
    return lane(x, 0) if count == 1 else _shuffled(x, x, range(count))


def with_zeros(x: Vec, lanes: int) -> Vec:
    """`x` as the first of more lanes; the others are 0."""
    if x.lanes == 1:
        wide = constant(x.emitter, 0, x.dtype, lanes)
        return vec(wide, f"insertelement {wide.kind} {wide.name}, {x.kind} {x.name}, i64 0")
    zeros = constant(x.emitter, 0, x.dtype, x.lanes)
    return _shuffled(x, zeros, [min(i, x.lanes) for i in range(lanes)]) if lanes > x.lanes else x


def sum_each(vectors: Sequence[Vec]) -> Vec:
    """The sum of the lanes of each vector, side by side; there are as many as a register may have lanes.

    Halves are added until each vector has as many lanes as there are vectors. Then two at a time are merged:
    the first half of what the result has of each plus the second.
    """
    n = len(vectors)
    if n == 1:
        return reduce_add(vectors[0])
    out = list(vectors)
    while out[0].lanes > n:
        half = out[0].lanes // 2
        out = [_shuffled(v, v, range(half)) + _shuffled(v, v, range(half, 2 * half)) for v in out]
    width = n
    while width > 1:
        half = width // 2
        # Of each run of `width` lanes the first half becomes the first vector's sums, the rest the second's.
        # Either operand takes one half from where it is, so that the one is a blend, which costs less.
        second = [i % width >= half for i in range(n)]
        stay = [i + n if other else i for i, other in enumerate(second)]
        move = [i - half + n if other else i + half for i, other in enumerate(second)]
        pairs = list(zip(out[: len(out) // 2], out[len(out) // 2 :], strict=True))
        out = [_shuffled(a, b, stay) + _shuffled(a, b, move) for a, b in pairs]
        width = half
    return out[0]


def turned(read: Callable[[int, int], Vec], lanes: int, width: int) -> list[Vec]:
    """The columns of a square of `lanes` rows, where ``read(i, j)`` gives `width` numbers, 16 bytes, of row i
    from column j on: pieces of several rows go into one register, and within these they are turned, which
    takes half as many exchanges as whole rows do."""
    out: list[Vec] = []
    for column in range(0, lanes, width):
        rows = [
            _side_by_side([read(i, column) for i in range(first, lanes, width)]) for first in range(width)
        ]
        unit = 1
        while unit < width:
            rows = [
                half for a, b in zip(rows[::2], rows[1::2], strict=True) for half in _woven(a, b, width, unit)
            ]
            rows = [*rows[::2], *rows[1::2]] if 2 * unit < width else rows
            unit *= 2
        out += rows
    return out


def _side_by_side(parts: Sequence[Vec]) -> Vec:
    """The lanes of all, one after the other."""
    while len(parts) > 1:
        parts = [joined(a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _woven(a: Vec, b: Vec, width: int, unit: int) -> tuple[Vec, Vec]:
    """In each piece of `width` lanes `unit` of `a`, then as many of `b`: from the lower halves, and the
    upper."""
    runs = [
        [
            start + k + n * a.lanes + i
            for k in range(side, side + width // 2, unit)
            for n in (0, 1)
            for i in range(unit)
        ]
        for side in (0, width // 2)
        for start in range(0, a.lanes, width)
    ]
    half = len(runs) // 2
    low, high = ([i for run in part for i in run] for part in (runs[:half], runs[half:]))
    return _shuffled(a, b, low), _shuffled(a, b, high)


def halves(x: Vec) -> tuple[Vec, Vec]:
    """The lower and the upper half of the lanes."""
    half = x.lanes // 2
    if half == 1:
        return lane(x, 0), lane(x, 1)
    return _shuffled(x, x, range(half)), _shuffled(x, x, range(half, x.lanes))


def joined(low: Vec, high: Vec) -> Vec:
    """The lanes of one, then those of the other."""
    return _shuffled(low, high, range(low.lanes + high.lanes))


def reduce_lanes(x: Vec, merge: Callable[[Vec, Vec], Vec]) -> Vec:
    """Merge the halves until one lane is left: the order never changes, so neither does the result."""
    while x.lanes > 1:
        x = merge(*halves(x))
    return x


def reduce_add(x: Vec) -> Vec:
    """The sum of the lanes, as one lane; of bools, whether any holds."""
    return reduce_lanes(x, lambda a, b: a + b)


def load_where(
    emitter: Emitter, pointer: str, dtype: Any, mask: Vec, fill: float = 0, may: Sequence[bool] = ()
) -> Vec:
    """Numbers from `pointer` on, of which only those are read where the mask holds; the others are `fill`.

    may  for each lane whether the mask can hold there, as far as is known while this is written.
    """
    kept = _stored(dtype)
    may = may or [True] * mask.lanes
    if not any(may):
        return constant(emitter, fill, dtype, mask.lanes)
    if mask.lanes > host.describe().lanes(kept.itemsize):
        # LLVM 22 parts a load that is wider than a register. Where half of its mask never holds, it reads
        # that half as it lies, or aborts the process.
        (low, high), half = halves(mask), mask.lanes // 2
        further = _further(emitter, pointer, kept, half)
        return joined(
            load_where(emitter, pointer, dtype, low, fill, may[:half]),
            load_where(emitter, further, dtype, high, fill, may[half:]),
        )
    kind = kind_of(kept, mask.lanes)
    arguments = [
        ("ptr", pointer),
        ("i32", str(kept.itemsize)),
        (mask.kind, mask.name),
        (kind, constant(emitter, fill, kept, mask.lanes).name),
    ]
    name = emitter.call(f"llvm.masked.load.{_suffix(kept, mask.lanes)}.p0", kind, arguments)
    return cast(Vec(emitter, name, kept, mask.lanes), dtype)


def load_each(emitter: Emitter, pointer: str, offsets: Vec, dtype: Any) -> Vec:
    """The numbers that lie `offsets` numbers after `pointer`."""
    kept = _stored(dtype)
    kind, one = kind_of(kept, offsets.lanes), llvm_type(kept)
    name = "poison"
    for i in range(offsets.lanes):
        place = emitter.value(f"getelementptr {one}, ptr {pointer}, i64 {lane(offsets, i).name}")
        number = emitter.value(f"load {one}, ptr {place}, align {kept.itemsize}")
        name = (
            emitter.value(f"insertelement {kind} {name}, {one} {number}, i64 {i}")
            if offsets.lanes > 1
            else number
        )
    return cast(Vec(emitter, name, kept, offsets.lanes), dtype)
