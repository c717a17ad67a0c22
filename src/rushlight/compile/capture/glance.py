"""Guards as one function of Python: it says in a microsecond or two that nothing has changed.

It goes by identity. Where something is another object it says no, and the guards themselves look.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import TYPE_CHECKING, Any

from rushlight.compile.capture.gradients import was_used_up
from rushlight.compile.capture.makes import CONTENTS, MISSING, same, same_items
from rushlight.core.state import changes

if TYPE_CHECKING:
    from rushlight.compile.capture.guards import Guards

__all__ = ["at_a_glance"]

TEXT = """
def hold():
    for t in fresh:
        if t._grad is not None:
            return False
    for t in taken:
        if t._grad is None:
            return False
    if any(map(was_used_up, relies)):
        return False
    for a, b in sharing:
        if a.array is not b.array:
            return False
    try:
        return {terms}
    except (KeyError, RuntimeError, ValueError):  # a name is gone; a dict grows just now; an empty cell
        return False
"""


def at_a_glance(guards: Guards, options: Callable[[Any], Any]) -> Callable[[], bool]:
    """What says whether guards hold that did so just now. options: what they look at of an optimiser."""
    known: dict[str, Any] = {
        "MISSING": MISSING, "attribute": object.__getattribute__, "changes": changes, "fresh": guards._fresh,
        "guards": guards, "is_": is_, "options": options, "same": same,
        "relies": guards._relies, "same_items": same_items, "sharing": guards._sharing,
        "taken": guards._taken, "was_used_up": was_used_up,
    }  # fmt: skip

    def name(value: Any) -> str:
        found = f"v{len(known)}"
        known[found] = value
        return found

    terms = ["changes.count == guards._count"]

    def held(now: str, held: Any) -> None:
        alike = eval(now, known) is held  # methods are made anew at each look
        terms.append(f"{now} is {name(held)}" if alike else f"same({now}, {name(held)})")

    def alike(now: str, items: Any) -> None:
        if all(map(is_, eval(now, known), items)):
            terms.append(f"len(x := {now}) == {len(items)} and all(map(is_, x, {name(items)}))")
        else:
            terms.append(f"same_items({now}, {name(items)})")

    for cell, _, value in guards._cells:
        if value is not MISSING:
            held(f"{name(cell)}.cell_contents", value)
        else:
            terms.append("False")
    for get, key, value in guards._names:
        space = getattr(get, "__self__", None)
        if type(space) is dict and value is not MISSING:
            held(f"{name(space)}[{name(key)}]", value)
        else:
            held(f"{name(get)}({name(key)}, MISSING)", value)
    for getter, _, value in guards._reads:
        held(f"{name(getter)}()", value)
    for optimizer, chosen in guards._optimizers:
        terms += _unchanged(name(optimizer), optimizer, name) or [
            f"options({name(optimizer)}) == {name(chosen)}"
        ]
    for value, kind, own, names in guards._objects:
        it, attributes = name(value), name(own)
        terms.append(f"type({it}) is {name(kind)} and attribute({it}, '__dict__') is {attributes}")
        alike(attributes, names)
    for container, reader, items in guards._containers:
        it, plain = name(container), type(container) if reader is CONTENTS.get(type(container)) else None
        if plain is dict:
            half = len(items) // 2
            alike(it, items[:half])
            alike(f"{it}.values()", items[half:])
        else:
            alike(it if plain is list else f"{name(reader)}({it})", items)
    exec(TEXT.format(terms=" and ".join(terms)), known)
    found: Callable[[], bool] = known["hold"]
    return found


def _unchanged(written: str, optimizer: Any, name: Callable[[Any], str]) -> list[str]:
    """That an optimiser has the state and the groups that it has now, and that they count no change; nothing
    where they count none."""
    groups = optimizer.param_groups
    if not hasattr(optimizer, "state") or not all(hasattr(group, "changes") for group in groups):
        return []
    all_of_them = name(groups)
    terms = [f"{written}.state is {name(optimizer.state)}", f"{written}.param_groups is {all_of_them}"]
    terms.append(f"len({all_of_them}) == {len(groups)}")
    for i, group in enumerate(groups):
        it = name(group)
        terms.append(f"{all_of_them}[{i}] is {it} and {it}.changes == {group.changes}")
        terms.append(f"len({it}['params']) == {len(group['params'])}")
    return terms
