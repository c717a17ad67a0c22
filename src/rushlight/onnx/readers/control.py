"""Branches, loops, sequences and optionals: they run as Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as rl
from rushlight.onnx.readers.moving import ints
from rushlight.onnx.readers.table import reads

Tensor = rl.Tensor
Body = Callable[..., tuple[Any, ...]]


@reads("If")
def branch(condition: Tensor, *, then_branch: Body, else_branch: Body) -> Any:
    return (then_branch if condition.item() else else_branch)()


@reads("Loop")
def loop(count: Tensor | None, condition: Tensor | None, *states: Any, body: Body) -> Any:
    most = None if count is None else int(count.item())
    goes_on = condition is None or bool(condition.item())
    stacked: list[list[Tensor]] = []
    done = 0
    held = list(states)
    while goes_on and (most is None or done < most):
        again, *found = body(rl.tensor(done), rl.tensor(True), *held)
        held, rows = found[: len(states)], found[len(states) :]
        stacked = stacked or [[] for _ in rows]
        for kept, row in zip(stacked, rows, strict=True):
            kept.append(row)
        goes_on = bool(again.item())
        done += 1
    return *held, *(rl.stack(rows) for rows in stacked)


@reads("Scan")
def scan_of_batches(
    lengths: Any, *given: Any, body: Body, num_scan_inputs: int, directions: Any = None
) -> Any:
    """Of operator set 8: every input has a batch in front."""
    rows = [
        scan(*[t[k] for t in given], body=body, num_scan_inputs=num_scan_inputs,
             scan_input_directions=directions) for k in range(given[0].shape[0])
    ]  # fmt: skip
    return tuple(rl.stack(list(column)) for column in zip(*rows, strict=True))


@reads("Scan", since=9)
def scan(
    *given: Any, body: Body, num_scan_inputs: int, scan_input_axes: Any = None, scan_output_axes: Any = None,
    scan_input_directions: Any = None, scan_output_directions: Any = None,
) -> Any:  # fmt: skip
    count = len(given) - num_scan_inputs
    held, scanned = list(given[:count]), list(given[count:])
    axes = scan_input_axes or [0] * num_scan_inputs
    turned = scan_input_directions or [0] * num_scan_inputs
    steps = scanned[0].shape[axes[0]]
    found: list[list[Tensor]] = []
    for k in range(steps):
        rows = [
            t.select(axis, steps - 1 - k if back else k)
            for t, axis, back in zip(scanned, axes, turned, strict=True)
        ]
        out = list(body(*held, *rows))
        held, made = out[:count], out[count:]
        found = found or [[] for _ in made]
        for kept, row in zip(found, made, strict=True):
            kept.append(row)
    ends = scan_output_axes or [0] * len(found)
    backs = scan_output_directions or [0] * len(found)
    stacked = [
        rl.stack(rows[::-1] if back else rows, axis)
        for rows, axis, back in zip(found, ends, backs, strict=True)
    ]
    return *held, *stacked


# A sequence is a list, an optional is what is in it or None.


@reads("SequenceConstruct")
def sequence(*items: Any) -> list[Any]:
    return list(items)


@reads("SequenceEmpty")
def empty(*, dtype: int = 1) -> list[Any]:
    return []


@reads("SequenceInsert")
def insert(items: list[Any], item: Any, place: Tensor | None = None) -> list[Any]:
    at = len(items) if place is None else int(place.item())
    at = at + len(items) if at < 0 else at
    return [*items[:at], item, *items[at:]]


@reads("SequenceErase")
def erase(items: list[Any], place: Tensor | None = None) -> list[Any]:
    at = (-1 if place is None else int(place.item())) % len(items)
    return [*items[:at], *items[at + 1 :]]


@reads("SequenceAt")
def item_at(items: list[Any], place: Tensor) -> Any:
    return items[int(place.item())]


@reads("SequenceLength")
def length(items: list[Any]) -> Tensor:
    return rl.tensor(len(items), dtype=rl.int64)


@reads("SplitToSequence")
def split_to_sequence(
    x: Tensor, split: Tensor | None = None, *, axis: int = 0, keepdims: int = 1
) -> list[Any]:
    if split is None:
        parts = rl.split(x, 1, axis)
        return list(parts) if keepdims else [p.squeeze(axis) for p in parts]
    return list(rl.split(x, ints(split) if split.ndim else int(split.item()), axis))


@reads("ConcatFromSequence")
def concat_sequence(items: list[Any], *, axis: int, new_axis: int = 0) -> Tensor:
    return rl.stack(items, axis) if new_axis else rl.cat(items, axis)


@reads("SequenceMap")
def sequence_map(items: list[Any], *others: Any, body: Body) -> Any:
    rows = [body(item, *[o[k] if isinstance(o, list) else o for o in others]) for k, item in enumerate(items)]
    return tuple(list(column) for column in zip(*rows, strict=True))


@reads("Optional")
def optional(x: Any = None, *, type: Any = None) -> Any:
    return x


@reads("OptionalHasElement")
def has_element(x: Any = None) -> Tensor:
    return rl.tensor(x is not None)


@reads("OptionalGetElement")
def get_element(x: Any) -> Any:
    return x
