"""Between registers and memory: loads, stores, strided access, and sums across the lanes of a Vec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.compile.vector.registers import Vec, cast, constant, kind_of, splat, vec
from rushlight.compile.write.emit import Emitter, llvm_type
from rushlight.device import xp

__all__ = ["gather", "lane", "load", "reduce_add", "reduce_max", "reduce_min", "scatter", "store"]


def _stored(dtype: Any) -> Any:
    """The dtype as it lies in memory: a bool takes a byte."""
    dtype = xp.dtype(dtype)
    return xp.uint8 if dtype == xp.bool_ else dtype


def _suffix(dtype: Any, lanes: int) -> str:
    return f"v{lanes}{'f' if dtype.kind == 'f' else 'i'}{8 * dtype.itemsize}"


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


def store(x: Vec, pointer: str, count: int | None = None) -> None:
    """Write the lanes of `x` to `pointer` on; those from `count` on are not written."""
    emitter, lanes = x.emitter, x.lanes
    x = cast(x, _stored(x.dtype))
    if count is None or count >= lanes:
        emitter.line(f"store {x.kind} {x.name}, ptr {pointer}, align {x.dtype.itemsize}")
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
    kind = kind_of(kept, lanes)
    name = "poison" if count == lanes else "zeroinitializer"
    # Loads one by one are faster than the gather instruction, whose masks cost more than its addresses.
    for i, place in enumerate(_places(emitter, pointer, stride, one, count)):
        number = emitter.value(f"load {one}, ptr {place}, align {kept.itemsize}")
        name = emitter.value(f"insertelement {kind} {name}, {one} {number}, i64 {i}")
    return cast(Vec(emitter, name, kept, lanes), dtype)


def scatter(x: Vec, pointer: str, stride: int | str, count: int | None = None) -> None:
    """Write the lanes of `x` to numbers that lie `stride` apart; those from `count` on are not written."""
    count = x.lanes if count is None else min(count, x.lanes)
    if stride == 1 or x.lanes == 1:
        store(x, pointer, count)
        return
    x = cast(x, _stored(x.dtype))
    for i, place in enumerate(_places(x.emitter, pointer, stride, llvm_type(x.dtype), count)):
        store(lane(x, i), place)


def lane(x: Vec, index: int) -> Vec:
    """One lane by itself."""
    if x.lanes == 1:
        return x
    name = x.emitter.value(f"extractelement {x.kind} {x.name}, i64 {index}")
    return Vec(x.emitter, name, x.dtype, 1)


def _reduce(x: Vec, merge: Callable[[Vec, Vec], Vec]) -> Vec:
    """Merge the halves until one lane is left: the order never changes, so neither does the result."""
    while x.lanes > 2:
        half = x.lanes // 2
        low, high = (
            vec(
                x,
                f"shufflevector {x.kind} {x.name}, {x.kind} poison, <{half} x i32> "
                f"<{', '.join(f'i32 {i}' for i in range(start, start + half))}>",
            )
            for start in (0, half)
        )
        low.lanes = high.lanes = half
        x = merge(low, high)
    return x if x.lanes == 1 else merge(lane(x, 0), lane(x, 1))


def reduce_add(x: Vec) -> Vec:
    """The sum of the lanes, as one lane; of bools, whether any holds."""
    return _reduce(x, lambda a, b: a + b)


def reduce_max(x: Vec) -> Vec:
    """The largest lane; a nan wins."""
    from rushlight.compile.vector.rest import maximum

    return _reduce(x, maximum)


def reduce_min(x: Vec) -> Vec:
    """The smallest lane; a nan wins."""
    from rushlight.compile.vector.rest import minimum

    return _reduce(x, minimum)
