"""The barrier at which the threads of one call wait for each other.

A thread that waits looks again and again at first, for most waits are short; then it gives its core away each
time; and on Linux, when that was in vain too, it sleeps until the last thread wakes it, so that on a busy
machine waiting takes no time from those that work.

The barrier is 128 bytes: how many have arrived, at byte 8 how many sleep, and at byte 64 the turn, a number
that changes when the last one arrives.
"""

from __future__ import annotations

import platform
import sys

__all__ = ["WAIT", "wait_text"]

WAIT = "declare void @rushlight_wait(ptr, i64)"

FUTEX = {"x86_64": 202, "AMD64": 202, "aarch64": 98}
"""The number of the system call, by machine."""
LOOKS, YIELDS = 1000, 256


def wait_text() -> str:
    """The LLVM text of ``rushlight_wait(barrier, count)``, a module of its own that all programs call."""
    number = FUTEX.get(platform.machine()) if sys.platform == "linux" else None
    if number is None:
        return TEXT.format(looks=LOOKS, yields=YIELDS, declared="", wake="", sleep="  br label %yield")
    sleep, wake = SLEEP.format(number=number), WAKE.format(number=number)
    return TEXT.format(looks=LOOKS, yields=YIELDS, declared=DECLARED, wake=wake, sleep=sleep)


TEXT = """
declare i32 @sched_yield()
{declared}
define void @rushlight_wait(ptr %barrier, i64 %count) {{
entry:
  %alone = icmp eq i64 %count, 1
  br i1 %alone, label %done, label %arrive
arrive:
  %turn = getelementptr i8, ptr %barrier, i64 64
  %sleepers = getelementptr i8, ptr %barrier, i64 8
  %now = load atomic i64, ptr %turn acquire, align 8
  %before = atomicrmw add ptr %barrier, i64 1 acq_rel
  %here = add i64 %before, 1
  %last = icmp eq i64 %here, %count
  br i1 %last, label %open, label %look
open:
  store atomic i64 0, ptr %barrier release, align 8
  %next = add i64 %now, 1
  store atomic i64 %next, ptr %turn seq_cst, align 8
{wake}
  br label %done
look:
  %tries = phi i64 [ 0, %arrive ], [ %more, %again ]
  %seen = load atomic i64, ptr %turn acquire, align 8
  %moved = icmp ne i64 %seen, %now
  br i1 %moved, label %done, label %again
again:
  %more = add i64 %tries, 1
  %patient = icmp ult i64 %tries, {looks}
  br i1 %patient, label %look, label %begin
begin:
  br label %yield
yield:
  %yields = phi i64 [ 0, %begin ], [ %given, %once ], [ %given, %sleep ]
  %ignored = call i32 @sched_yield()
  %given = add i64 %yields, 1
  %seen2 = load atomic i64, ptr %turn acquire, align 8
  %moved2 = icmp ne i64 %seen2, %now
  br i1 %moved2, label %done, label %once
once:
  %enough = icmp ugt i64 %given, {yields}
  br i1 %enough, label %sleep, label %yield
sleep:
{sleep}
done:
  ret void
}}
"""

DECLARED = "declare i64 @syscall(i64, ...)"

WAKE = """  %asleep = load atomic i64, ptr %sleepers seq_cst, align 8
  %some = icmp ne i64 %asleep, 0
  br i1 %some, label %wake, label %done
wake:
  %woken = call i64 (i64, ...) @syscall(i64 {number}, ptr %turn, i32 129, i32 2147483647)"""

# The system lets it sleep only if the turn is still `now`: whoever changes it later sees that one sleeps.
SLEEP = """  %slept = atomicrmw add ptr %sleepers, i64 1 seq_cst
  %low = trunc i64 %now to i32
  %back = call i64 (i64, ...) @syscall(i64 {number}, ptr %turn, i32 128, i32 %low, ptr null)
  %risen = atomicrmw sub ptr %sleepers, i64 1 seq_cst
  br label %yield"""
