"""Writing LLVM: the text of one function, line by line, with names that never repeat."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

__all__ = ["Emitter", "llvm_type", "load_words"]

_TYPES = {
    "float32": "float",
    "float64": "double",
    "float16": "half",
    "bfloat16": "i16",
    "int64": "i64",
    "int32": "i32",
    "int16": "i16",
    "int8": "i8",
    "uint64": "i64",
    "uint32": "i32",
    "uint16": "i16",
    "uint8": "i8",
    "bool": "i1",
}


@functools.cache
def llvm_type(dtype: object, lanes: int = 0) -> str:
    """The LLVM type of a number of `dtype`, or of a vector of `lanes` of them; a bool is i1 in registers."""
    name = _TYPES[str(dtype)]
    return f"<{lanes} x {name}>" if lanes else name


def load_words(place: str, *names: str) -> str:
    """The lines that load the words at a place, one after the other; a name without ``i64 `` is a pointer's.

    >>> print(load_words("%given", "table", "i64 steps"))
      %table.at = getelementptr i64, ptr %given, i64 0
      %table = load ptr, ptr %table.at
      %steps.at = getelementptr i64, ptr %given, i64 1
      %steps = load i64, ptr %steps.at
    """
    lines = []
    for k, text in enumerate(names):
        kind, _, name = text.rpartition(" ")
        lines += [
            f"  %{name}.at = getelementptr i64, ptr {place}, i64 {k}",
            f"  %{name} = load {kind or 'ptr'}, ptr %{name}.at",
        ]
    return "\n".join(lines)


class Emitter:
    """Collects the lines of one function's body, and the declarations of what it calls."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declarations: dict[str, str] = {}
        self.reserved: list[str] = []
        self._count = 0

    def fresh(self, prefix: str = "v") -> str:
        """A name that nothing else has."""
        self._count += 1
        return f"{prefix}{self._count}"

    def reserve(self, count: int, kind: str) -> str:
        """Memory on the stack for `count` numbers, the same in every round of a loop; gives its address."""
        name = f"%{self.fresh('stack')}"
        self.reserved.append(f"  {name} = alloca [{count} x {kind}], align 64")
        return name

    def line(self, text: str) -> None:
        """One line that makes no value: a store, a branch."""
        self.lines.append(f"  {text}")

    def value(self, text: str) -> str:
        """One instruction; gives the name of its result."""
        name = f"%{self.fresh()}"
        self.lines.append(f"  {name} = {text}")
        return name

    def label(self, name: str) -> None:
        """The beginning of a block."""
        self.lines.append(f"{name}:")

    def declare(self, name: str, result: str, arguments: Sequence[str]) -> None:
        """Say that a function exists elsewhere."""
        self.declarations[name] = f"declare {result} @{name}({', '.join(arguments)})"

    def call(self, name: str, result: str, arguments: Sequence[tuple[str, str]]) -> str:
        """Call a function that exists elsewhere, on (type, value) pairs; gives the name of its result."""
        self.declare(name, result, [t for t, _ in arguments])
        written = ", ".join(f"{t} {v}" for t, v in arguments)
        return self.value(f"call {result} @{name}({written})")

    def loop(self, start: object, stop: object, step: int, body: Callable[[str], None]) -> None:
        """``for i in range(start, stop, step): body(i)``; the loop runs at least once."""

        def once(index: str, carried: list[str]) -> list[str]:
            body(index)
            return []

        self.carry(start, stop, step, [], once)

    def carry(
        self,
        start: object,
        stop: object,
        step: int,
        carried: Sequence[tuple[str, str]],
        body: Callable[[str, list[str]], Sequence[str]],
    ) -> list[str]:
        """A loop that carries values in registers: `carried` are (type, first value) pairs.

        ``body(i, values)`` writes one round and gives the next values; the last ones come back. The loop runs
        at least once.
        """
        mark = self.fresh("L")
        before, head, end = f"{mark}.before", f"{mark}.head", f"{mark}.end"
        self.line(f"br label %{before}")
        self.label(before)
        self.line(f"br label %{head}")
        self.label(head)
        index = f"%{mark}.i"
        names = [f"%{mark}.c{k}" for k in range(len(carried))]
        place = len(self.lines)
        after = list(body(index, names))
        latch = f"{mark}.latch"
        self.line(f"br label %{latch}")
        self.label(latch)
        phis = [f"  {index} = phi i64 [ {start}, %{before} ], [ %{mark}.n, %{latch} ]"]
        for name, (kind, first), last in zip(names, carried, after, strict=True):
            phis.append(f"  {name} = phi {kind} [ {first}, %{before} ], [ {last}, %{latch} ]")
        self.lines[place:place] = phis
        self.line(f"%{mark}.n = add nuw nsw i64 {index}, {step}")
        self.line(f"%{mark}.more = icmp slt i64 %{mark}.n, {stop}")
        self.line(f"br i1 %{mark}.more, label %{head}, label %{end}")
        self.label(end)
        return after
