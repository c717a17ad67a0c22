"""The step: one native function that calls the functions of all kernels in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.compile.plan.memory import Memory
from rushlight.compile.write.barrier import WAIT
from rushlight.compile.write.emit import load_words

if TYPE_CHECKING:
    from rushlight.compile.write.render import Module

__all__ = ["step_text"]


def step_text(module: Module, memory: Memory, inputs: int, outputs: int) -> str:
    """``step(table, callback, me, count, barrier)``: call the kernels with pointers into the buffers.

    `step_job` and `alone` take its first arguments from memory. All of `count` threads run it side by side.
    Thread 0 runs the kernels of one part alone; of the others each thread takes every `count`-th part.
    Between kernels that depend on each other's parts they wait. After a check that failed nothing more is
    done. A large program can be watched: see `_watch`.
    """
    lines = ["  %first = icmp eq i64 %me, 0", *_load("%arena", inputs + outputs)]
    if memory.watch is not None:
        lines += _word("%watch", memory.watch.where)
        lines.append("  %watched = icmp ne i64 %watch, 0")
    before = "entry"
    groups = _groups(module) if memory.watch is None else [[i] for i in range(len(module.calls))]
    for group in groups:
        first, last = group[0], group[-1]
        if memory.watch is not None:
            lines += _watch(first)
            before = f"wd{first}"
        if module.calls[first].parts == 1:
            lines += _one_part(first, [line for i in group for line in _call(module, i, inputs, "0")])
        else:
            called = _call(module, first, inputs, f"%p{first}")
            lines += _parts(first, module.calls[first].parts, called, before)
        before = f"e{first}"
        if last in module.checks:
            assert memory.flag is not None
            lines += _stop(last, memory.flag.where)
            before = f"g{last}"
    lines += [] if memory.watch is None else _watch(len(module.calls))
    lines += ["  ret void", "stop:"] if module.checks else []
    body = "\n".join(lines)
    declared = "\n".join([WAIT, *_declared(module)])
    head = "define void @step(ptr %table, ptr %callback, i64 %me, i64 %count, ptr %barrier) {"
    return f"{declared}\n\n{head}\nentry:\n{body}\n  ret void\n}}\n{ALONE}"


def _declared(module: Module) -> list[str]:
    """The declarations of the functions that are called."""
    kinds = {
        c.name: ", ".join([*["ptr"] * len(c.pointers), "ptr", "i64", *["i64"] * len(c.numbers)])
        for c in module.calls
    }
    return [f"declare void @{name}({taken})" for name, taken in kinds.items()]


def _groups(module: Module) -> list[list[int]]:
    """Runs of kernels with one part, which thread 0 does in one go, and by itself each kernel of several."""
    groups: list[list[int]] = []
    for i, call in enumerate(module.calls):
        last = groups[-1][-1] if groups else -1
        if call.parts == 1 and groups and module.calls[last].parts == 1 and last not in module.checks:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _call(module: Module, i: int, inputs: int, part: str) -> list[str]:
    """Call kernel `i` for a part. Its pointers are loaded here: LLVM would take longer to keep those of a
    thousand kernels apart than to compile the kernels."""
    call = module.calls[i]
    lines: list[str] = []
    given: list[str] = []
    for k, (buffer, start) in enumerate(call.pointers):
        name = base = f"%a{i}.{k}"
        if buffer.kind == "arena":
            base, start = "%arena", start + buffer.where
        else:
            lines += _load(name, buffer.where + (inputs if buffer.kind == "output" else 0))
        if start:
            name = f"{name}.to"
            lines.append(f"  {name} = getelementptr i8, ptr {base}, i64 {start}")
        given.append(f"ptr {name if start else base}")
    given += ["ptr %callback", f"i64 {part}", *[f"i64 {n}" for n in call.numbers]]
    return [*lines, f"  call void @{call.name}({', '.join(given)})"]


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


def _one_part(first: int, calls: list[str]) -> list[str]:
    return [
        f"  br i1 %first, label %s{first}, label %e{first}",
        f"s{first}:",
        *calls,
        f"  br label %e{first}",
        f"e{first}:",
        "  call void @rushlight_wait(ptr %barrier, i64 %count)",
    ]


def _parts(first: int, parts: int, call: list[str], before: str) -> list[str]:
    return [
        f"  br label %h{first}",
        f"h{first}:",
        f"  %p{first} = phi i64 [ %me, %{before} ], [ %n{first}, %b{first} ]",
        f"  %m{first} = icmp slt i64 %p{first}, {parts}",
        f"  br i1 %m{first}, label %b{first}, label %e{first}",
        f"b{first}:",
        *call,
        f"  %n{first} = add i64 %p{first}, %count",
        f"  br label %h{first}",
        f"e{first}:",
        "  call void @rushlight_wait(ptr %barrier, i64 %count)",
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
