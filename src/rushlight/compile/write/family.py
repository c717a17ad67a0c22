"""The crew: native code that runs many scans, of any programs, for many members.

``crew(jobs, starts, members, next, me)`` takes one member after the other, by a counter that all threads
share, and does its jobs in order: member m has those from ``starts[m]`` to ``starts[m + 1]``. A job is eight
words: a program's `scan` and its step, the table, places and index, the number of steps, the slot of the
table that takes the arena, and the program's arenas, one for each thread.
"""

from __future__ import annotations

__all__ = ["WORDS", "crew_text"]

WORDS = 8


def crew_text() -> str:
    """The LLVM text of the module."""
    return TEXT


TEXT = """
define void @crew(ptr %jobs, ptr %starts, i64 %members, ptr %next, i64 %me) {
entry:
  br label %take
take:
  %m = atomicrmw add ptr %next, i64 1 monotonic
  %left = icmp slt i64 %m, %members
  br i1 %left, label %begin, label %done
begin:
  %first.at = getelementptr i64, ptr %starts, i64 %m
  %first = load i64, ptr %first.at
  %stop.at = getelementptr i64, ptr %first.at, i64 1
  %stop = load i64, ptr %stop.at
  br label %look
look:
  %k = phi i64 [ %first, %begin ], [ %after, %work ]
  %more = icmp slt i64 %k, %stop
  br i1 %more, label %work, label %take
work:
  %job = getelementptr [8 x i64], ptr %jobs, i64 %k
  %run = load ptr, ptr %job
  %step.at = getelementptr i64, ptr %job, i64 1
  %step = load ptr, ptr %step.at
  %table.at = getelementptr i64, ptr %job, i64 2
  %table = load ptr, ptr %table.at
  %places.at = getelementptr i64, ptr %job, i64 3
  %places = load ptr, ptr %places.at
  %index.at = getelementptr i64, ptr %job, i64 4
  %index = load ptr, ptr %index.at
  %steps.at = getelementptr i64, ptr %job, i64 5
  %steps = load i64, ptr %steps.at
  %slot.at = getelementptr i64, ptr %job, i64 6
  %slot = load i64, ptr %slot.at
  %arenas.at = getelementptr i64, ptr %job, i64 7
  %arenas = load ptr, ptr %arenas.at
  %arena.at = getelementptr ptr, ptr %arenas, i64 %me
  %arena = load ptr, ptr %arena.at
  %entry.at = getelementptr ptr, ptr %table, i64 %slot
  store ptr %arena, ptr %entry.at
  call void %run(ptr %step, ptr %table, ptr null, ptr %places, ptr %index, i64 %steps, i64 0, i64 1, ptr null)
  %after = add i64 %k, 1
  br label %look
done:
  ret void
}
"""
