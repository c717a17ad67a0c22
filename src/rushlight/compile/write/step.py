"""The step: one native function that calls the functions of all kernels in order."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

from rushlight.compile.plan.memory import Buffer, Memory
from rushlight.compile.write.barrier import WAIT
from rushlight.compile.write.emit import load_words

if TYPE_CHECKING:
    from rushlight.compile.write.render import Call, Module, Repeated

__all__ = ["DONE", "leaves", "step_text"]

DONE = "  ; done "
"""Before the number of a kernel, as `leaves` counts them: the text after which it has been run."""
BARRIER = "  call void @rushlight_wait(ptr %barrier, i64 %count)"


def step_text(module: Module, memory: Memory, inputs: int, outputs: int) -> str:
    """``step(table, callback, me, count, barrier)``: call the kernels with pointers into the buffers.

    `step_job` and `alone` take its first arguments from memory. All of `count` threads run it side by side.
    Thread 0 runs the kernels of one part alone; of the others each thread takes every `count`-th part.
    Between kernels that depend on each other's parts they wait. Of a loop every thread counts the rounds for
    itself. After a check that failed nothing more is done. A large program can be watched: see `_watch`.
    """
    step = _Step(["  %first = icmp eq i64 %me, 0", *_load("%arena", inputs + outputs)])
    watched = memory.watch is not None
    if memory.watch is not None:
        step.lines += _word("%watch", memory.watch.where)
        step.lines.append("  %watched = icmp ne i64 %watch, 0")
    places = _table(step, inputs)
    calls = module.calls
    for group in _groups(calls, module.checks, alone=watched):
        if watched:
            step.lines += _watch(group[0])
            step.block = f"wd{group[0]}"
        step.group([calls[i] for i in group], places)
        if group[-1] in module.checks:
            assert memory.flag is not None
            step.lines += _stop(group[-1], memory.flag.where)
            step.block = f"g{group[-1]}"
    step.lines += _watch(len(calls)) if watched else []
    step.lines += ["  ret void", "stop:"] if module.checks else []
    body = "\n".join(step.lines)
    declared = "\n".join([WAIT, *_declared(calls)])
    head = "define void @step(ptr %table, ptr %callback, i64 %me, i64 %count, ptr %barrier) {"
    return f"{declared}\n\n{head}\nentry:\n{body}\n  ret void\n}}\n{ALONE}"


def _declared(calls: Sequence[Call]) -> list[str]:
    """The declarations of the functions that are called."""
    kinds = {
        c.name: ", ".join([*["ptr"] * len(c.pointers), "ptr", "i64", *["i64"] * len(c.numbers)])
        for c in leaves(calls)
    }
    return [f"declare void @{name}({taken})" for name, taken in kinds.items()]


def leaves(calls: Iterable[Call]) -> Iterator[Call]:
    """The calls of functions, in the order in which they are written: those in loops among them."""
    for call in calls:
        if call.loop is None:
            yield call
        else:
            yield from leaves(call.loop.first)
            yield from leaves(call.loop.calls)


def _groups(calls: Sequence[Call], checks: Container[int] = (), alone: bool = False) -> list[list[int]]:
    """Runs of kernels with one part, which thread 0 does in one go, and by itself each kernel of several, and
    each loop; or ``alone`` each kernel by itself."""
    groups: list[list[int]] = []
    for i, call in enumerate(calls):
        last = groups[-1][-1] if groups else -1
        joins = _is_single(call) and bool(groups) and _is_single(calls[last]) and last not in checks
        if joins and not alone:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _is_single(call: Call) -> bool:
    return call.parts == 1 and call.loop is None


Places = Callable[[Buffer, int], str]
"""Writes how to come by a pointer so many bytes into a buffer; gives its name."""


class _Step:
    """The lines of the step, and the block that the last of them is in."""

    def __init__(self, lines: list[str]) -> None:
        self.lines, self.block = lines, "entry"
        self._names = count()
        self._done = count()

    def value(self, text: str) -> str:
        """One instruction; gives the name of its result."""
        name = f"%a{next(self._names)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def group(self, calls: Sequence[Call], places: Places) -> None:
        """One loop, one kernel of several parts, or some of one part."""
        first = calls[0]
        if first.loop is not None:
            self._loop(first.loop, places)
        elif first.parts > 1:
            self._parts(first, places)
        else:
            self._one_part(calls, places)

    def _call(self, call: Call, places: Places, part: str) -> None:
        """Call a kernel for a part. Its pointers are loaded here: LLVM would take longer to keep those of a
        thousand kernels apart than to compile the kernels."""
        given = [f"ptr {places(buffer, start)}" for buffer, start in call.pointers]
        given += ["ptr %callback", f"i64 {part}", *[f"i64 {n}" for n in call.numbers]]
        self.lines.append(f"  call void @{call.name}({', '.join(given)})")

    def _mark(self) -> None:
        """Where a kernel is done: there a clock may be read."""
        self.lines.append(f"{DONE}{next(self._done)}")

    def _one_part(self, calls: Sequence[Call], places: Places) -> None:
        n = next(self._names)
        self.lines += [f"  br i1 %first, label %s{n}, label %e{n}", f"s{n}:"]
        for call in calls:
            self._call(call, places, "0")
            self._mark()
        self.lines += [f"  br label %e{n}", f"e{n}:", BARRIER]
        self.block = f"e{n}"

    def _parts(self, call: Call, places: Places) -> None:
        n = next(self._names)
        self.lines += [
            f"  br label %h{n}",
            f"h{n}:",
            f"  %p{n} = phi i64 [ %me, %{self.block} ], [ %n{n}, %b{n} ]",
            f"  %m{n} = icmp slt i64 %p{n}, {call.parts}",
            f"  br i1 %m{n}, label %b{n}, label %e{n}",
            f"b{n}:",
        ]
        self._call(call, places, f"%p{n}")
        self.lines += [f"  %n{n} = add i64 %p{n}, %count", f"  br label %h{n}", f"e{n}:", BARRIER]
        self._mark()
        self.block = f"e{n}"

    def _loop(self, loop: Repeated, places: Places) -> None:
        for group in _groups(loop.first):
            self.group([loop.first[i] for i in group], places)
        n = next(self._names)
        before, start = self.block, len(self.lines)
        self.block = f"r{n}"
        turned = _turned(self, loop, places, f"%t{n}")
        for group in _groups(loop.calls):
            self.group([loop.calls[i] for i in group], turned)
        self.lines[start:start] = [
            f"  br label %r{n}",
            f"r{n}:",
            f"  %t{n} = phi i64 [ 0, %{before} ], [ %u{n}, %{self.block} ]",
        ]
        self.lines += [
            f"  %u{n} = add i64 %t{n}, 1",
            f"  %l{n} = icmp slt i64 %u{n}, {loop.count}",
            f"  br i1 %l{n}, label %r{n}, label %x{n}",
            f"x{n}:",
        ]
        self.block = f"x{n}"


def _table(step: _Step, inputs: int) -> Places:
    """Pointers into the program's own buffers."""

    def place(buffer: Buffer, start: int) -> str:
        if buffer.kind == "arena":
            base, start = "%arena", start + buffer.where
        else:
            slot = buffer.where + (inputs if buffer.kind == "output" else 0)
            at = step.value(f"getelementptr ptr, ptr %table, i64 {slot}")
            base = step.value(f"load ptr, ptr {at}")
        return step.value(f"getelementptr i8, ptr {base}, i64 {start}") if start else base

    return place


def _turned(step: _Step, loop: Repeated, outside: Places, t: str) -> Places:
    """Pointers into the buffers of a loop's body, in round `t`."""

    def place(buffer: Buffer, start: int) -> str:
        if buffer.kind == "arena":
            buffer, start = Buffer("arena", 0), start + buffer.where
        places, step_size = loop.walks[buffer]
        found = [outside(around, first + start) for around, first in places]
        if len(found) > 1:
            odd = step.value(f"trunc i64 {t} to i1")
            return step.value(f"select i1 {odd}, ptr {found[1]}, ptr {found[0]}")
        if not step_size:
            return found[0]
        by = step.value(f"mul i64 {t}, {step_size}")
        return step.value(f"getelementptr i8, ptr {found[0]}, i64 {by}")

    return place


def _load(name: str, slot: int) -> list[str]:
    """Load a pointer from the table."""
    return [
        f"  {name}.at = getelementptr ptr, ptr %table, i64 {slot}",
        f"  {name} = load ptr, ptr {name}.at",
    ]


def _word(name: str, where: int) -> list[str]:
    """Load a word from the arena."""
    return [
        f"  {name}.at = getelementptr i8, ptr %arena, i64 {where}",
        f"  {name} = load i64, ptr {name}.at",
    ]


def _watch(i: int) -> list[str]:
    """Call back with -1 - i before call i while somebody watches: the first thread does, the others wait."""
    return [
        f"  br i1 %watched, label %wa{i}, label %wd{i}",
        f"wa{i}:",
        f"  br i1 %first, label %wb{i}, label %wc{i}",
        f"wb{i}:",
        f"  call void %callback(i64 {-1 - i})",
        f"  br label %wc{i}",
        f"wc{i}:",
        "  call void @rushlight_wait(ptr %barrier, i64 %count)",
        f"  br label %wd{i}",
        f"wd{i}:",
    ]


def _stop(check: int, flag: int) -> list[str]:
    """Leave the step if this check failed. Its own number tells: another's would be read by one thread when
    it is written, and by the next not yet."""
    return [
        *_word(f"%f{check}", flag),
        f"  %w{check} = icmp eq i64 %f{check}, {check + 1}",
        f"  br i1 %w{check}, label %stop, label %g{check}",
        f"g{check}:",
    ]


GIVEN = load_words("%given", "table", "callback")
ALONE = f"""
define void @alone(ptr %given) {{
{GIVEN}
  call void @step(ptr %table, ptr %callback, i64 0, i64 1, ptr null)
  ret void
}}
define void @step_job(ptr %given, i64 %me, i64 %count, ptr %barrier) {{
{GIVEN}
  call void @step(ptr %table, ptr %callback, i64 %me, i64 %count, ptr %barrier)
  ret void
}}
"""
