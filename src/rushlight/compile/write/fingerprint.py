"""All that a kernel's text depends on, to look it up by: an equal kernel need not be written again.

Values are numbered as they come up, and of buffers only counts which ones are the same, and how far apart in
them two reads begin.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.memory import Buffer, Memory
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.device import xp

__all__ = ["Fingerprint"]

FIELDS = tuple(f.name for f in fields(Kernel))
PLAIN = bool, int, float, str, slice, type(None), type(Ellipsis)


class Fingerprint:
    """Of one kernel.

    key      equal for kernels that are written alike; None where that cannot be said.
    buffers  those that the kernel touches, in the order of its values, with the bytes at which the first of
             these begins.
    """

    def __init__(self, kernel: Kernel, plan: Schedule, memory: Memory) -> None:
        self._plan, self._memory = plan, memory
        self._numbers: dict[int, int] = {}
        self._places: dict[Buffer, int] = {}
        self.buffers: list[tuple[Buffer, int]] = []
        try:
            self.key: Hashable = self._plain(kernel)
        except TypeError:
            self.key = None

    def _plain(self, x: Any) -> Hashable:
        if isinstance(x, Value):
            return self._value(x)
        if isinstance(x, Node):
            attrs = tuple((name, self._plain(v)) for name, v in x.attrs.items())
            return id(x.op), tuple(map(self._plain, x.inputs)), attrs, self._value(x.out)
        if isinstance(x, tuple | list):
            return type(x), *map(self._plain, x)
        if isinstance(x, set):
            return frozenset(self._numbers[i] for i in x if i in self._numbers)
        if isinstance(x, Kernel):
            return tuple(self._plain(getattr(x, name)) for name in FIELDS)
        if isinstance(x, xp.DTYPES):
            return xp.dtype, x.str
        if isinstance(x, PLAIN):
            return type(x), repr(x)  # 0.0 and -0.0 are equal, and differ
        raise TypeError(f"{type(x).__name__} says nothing of what is written of it")

    def _value(self, value: Value) -> Hashable:
        """A number for each value, and all that there is to know of it when it comes up first."""
        known = self._numbers.get(id(value))
        if known is not None:
            return known
        self._numbers[id(value)] = len(self._numbers)
        spec, plan = value.spec, self._plan
        number = plan.constants.get(id(value))
        access = plan.access.get(id(value))
        found: Hashable = None
        if access is not None:
            base = access.value
            through = self._value(base) if base is not value else None
            found = through, self._place(base, 0 if access.edges else access.offset), access.strides
            if access.edges:
                found = *found, access.offset, access.edges, repr(access.beyond)
        return Value, spec.shape, spec.dtype.str, repr(number), plan.below.get(id(value)), found

    def _place(self, base: Value, offset: int) -> Hashable:
        """Which buffer, and how far from the first place in it that came up."""
        buffer = self._memory.places.get(id(base))
        if buffer is None:
            return None
        at = offset * base.spec.dtype.itemsize
        if buffer not in self._places:
            self._places[buffer] = len(self.buffers)
            self.buffers.append((buffer, at))
        k = self._places[buffer]
        return k, at - self.buffers[k][1]
