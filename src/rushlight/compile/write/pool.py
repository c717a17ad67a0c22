"""The pool: threads that help with one native call at a time, and `worker`, which does jobs of many members.

``lead(function, given, want)`` calls ``function(given, me, count, barrier)`` on this thread, me 0, and on up
to `want` - 1 helpers, and comes back when all have left it. It is one native call from beginning to end, so
no exception in Python can come between: either everything was done, or nothing was begun. Helpers that could
not be started, or do not come in time, are not waited for; `count` is what there was. While one thread leads,
others run their functions alone.

Helpers are threads of the system's own. They know nothing of Python, take no signals, and sleep between jobs.
At the desk they sign on for a job: its word holds the number of the job, whether it is closed, and how many
have signed on. When the gate shows the number of their job they begin. Everything lies in the module's own
memory, which is never given back: nobody can be left with a barrier that is gone.

``stop()`` sends the helpers home, as before a fork; ``renew()`` forgets them, as after one in the child.

``worker(given, ...)`` takes one member after the other, by a counter that all threads share, and does its
jobs in order: member m has those from ``starts[m]`` to ``starts[m + 1]``. A job is eight words: a function
with the signature of `scan`, its table, places and index, the number of steps, the slot of its table that
takes the arena, the program's arenas, one for each thread, and its step. The first thread calls `aside`, if
there is one, before it joins the others.
"""

from __future__ import annotations

import signal
import time

from rushlight.compile.write.barrier import wait_text
from rushlight.compile.write.emit import load_words

__all__ = ["MOST", "WORDS", "pool_text"]

WORDS = 8
MOST = 255
"""Helpers at most."""
STACK = 4 << 20
"""Bytes of a thread's stack, where panels and totals are: some systems give half a megabyte or less."""
LOOKS = 2000
"""How often a helper looks for the next job before it goes to sleep."""
PATIENCE = 5_000_000
"""Nanoseconds that a job waits for the helpers to sign on."""


def pool_text() -> str:
    """The LLVM text of the module."""
    faults = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
    blocked = ~sum(1 << (number - 1) for number in faults)
    text = TEXT
    for name, value in {
        "MOST": MOST,
        "STACK": STACK,
        "LOOKS": LOOKS,
        "PATIENCE": PATIENCE,
        "BLOCKED": blocked,
        "SETMASK": int(signal.SIG_SETMASK),
        "MONOTONIC": time.CLOCK_MONOTONIC,
    }.items():
        text = text.replace(f"${name}", str(value))
    return text + WORKER + wait_text()


TEXT = """
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_join(i64, ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @clock_gettime(i32, ptr)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

@busy = internal global i64 0, align 128
@desk = internal global i64 32768, align 128
@gate = internal global i64 0, align 128
@turn = internal global i64 0, align 128
@barrier = internal global [128 x i8] zeroinitializer, align 128
@mutex = internal global [128 x i8] zeroinitializer, align 128
@bell = internal global [128 x i8] zeroinitializer, align 128
@attributes = internal global [128 x i8] zeroinitializer, align 128
@handles = internal global [$MOST x i64] zeroinitializer, align 128
@ready = internal global i64 0
@leaving = internal global i64 0
@helpers = internal global i64 0
@function = internal global ptr null
@given = internal global ptr null
@want = internal global i64 0
@count = internal global i64 0

define internal ptr @help(ptr %start) {
entry:
  %mask = alloca [16 x i64], align 8
  call void @llvm.memset.p0.i64(ptr %mask, i8 255, i64 128, i1 false)
  store i64 $BLOCKED, ptr %mask
  %masked = call i32 @pthread_sigmask(i32 $SETMASK, ptr %mask, ptr null)
  %from = ptrtoint ptr %start to i64
  br label %idle
idle:
  %last = phi i64 [ %from, %entry ], [ %seen, %sign ], [ %job, %begin ]
  br label %look
look:
  %looks = phi i64 [ 0, %idle ], [ %looked, %again ]
  %now = load atomic i64, ptr @turn acquire, align 8
  %new = icmp ne i64 %now, %last
  br i1 %new, label %sign, label %again
again:
  %looked = add i64 %looks, 1
  %patient = icmp ult i64 %looked, $LOOKS
  br i1 %patient, label %look, label %rest
rest:
  %locked = call i32 @pthread_mutex_lock(ptr @mutex)
  br label %check
check:
  %left = load atomic i64, ptr @leaving acquire, align 8
  %home = icmp ne i64 %left, 0
  br i1 %home, label %leave, label %ask
ask:
  %then = load atomic i64, ptr @turn acquire, align 8
  %woken = icmp ne i64 %then, %last
  br i1 %woken, label %up, label %sleep
sleep:
  %slept = call i32 @pthread_cond_wait(ptr @bell, ptr @mutex)
  br label %check
leave:
  %freed = call i32 @pthread_mutex_unlock(ptr @mutex)
  ret ptr null
up:
  %opened = call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %sign
sign:
  %seen = phi i64 [ %now, %look ], [ %then, %up ]
  %word = atomicrmw add ptr @desk, i64 1 acq_rel
  %place = and i64 %word, 65535
  %limit = load i64, ptr @want
  %me = add i64 %place, 1
  %taken = icmp ult i64 %me, %limit
  br i1 %taken, label %wait, label %idle
wait:
  %job = lshr i64 %word, 16
  %open = load atomic i64, ptr @gate acquire, align 8
  %go = icmp eq i64 %open, %job
  br i1 %go, label %begin, label %yield
yield:
  %given.away = call i32 @sched_yield()
  br label %wait
begin:
  %f = load ptr, ptr @function
  %g = load ptr, ptr @given
  %n = load i64, ptr @count
  call void %f(ptr %g, i64 %me, i64 %n, ptr @barrier)
  call void @rushlight_wait(ptr @barrier, i64 %n)
  br label %idle
}

define internal i64 @nanoseconds() {
  %clock = alloca [2 x i64], align 8
  %read = call i32 @clock_gettime(i32 $MONOTONIC, ptr %clock)
  %seconds = load i64, ptr %clock
  %rest.at = getelementptr i64, ptr %clock, i64 1
  %rest = load i64, ptr %rest.at
  %whole = mul i64 %seconds, 1000000000
  %all = add i64 %whole, %rest
  ret i64 %all
}

define internal void @hire(i64 %many) {
entry:
  %known = load i64, ptr @ready
  %first = icmp eq i64 %known, 0
  br i1 %first, label %init, label %next
init:
  %i1 = call i32 @pthread_mutex_init(ptr @mutex, ptr null)
  %i2 = call i32 @pthread_cond_init(ptr @bell, ptr null)
  %i3 = call i32 @pthread_attr_init(ptr @attributes)
  %i4 = call i32 @pthread_attr_setstacksize(ptr @attributes, i64 $STACK)
  store i64 1, ptr @ready
  br label %next
next:
  %here = load i64, ptr @helpers
  %enough = icmp uge i64 %here, %many
  br i1 %enough, label %done, label %start
start:
  %handle = getelementptr i64, ptr @handles, i64 %here
  %turn = load atomic i64, ptr @turn acquire, align 8
  %from = inttoptr i64 %turn to ptr
  %failed = call i32 @pthread_create(ptr %handle, ptr @attributes, ptr @help, ptr %from)
  %fine = icmp eq i32 %failed, 0
  br i1 %fine, label %started, label %done
started:
  %more = add i64 %here, 1
  store i64 %more, ptr @helpers
  br label %next
done:
  ret void
}

define void @lead(ptr %function, ptr %given, i64 %want) {
entry:
  %many.asked = sub i64 %want, 1
  %several = icmp sgt i64 %want, 1
  br i1 %several, label %take, label %alone
take:
  %got = cmpxchg ptr @busy, i64 0, i64 1 acq_rel monotonic
  %free = extractvalue { i64, i1 } %got, 1
  br i1 %free, label %call, label %alone
call:
  %over = icmp ugt i64 %many.asked, $MOST
  %many = select i1 %over, i64 $MOST, i64 %many.asked
  call void @hire(i64 %many)
  %there = load i64, ptr @helpers
  %short = icmp ult i64 %there, %many
  %expected = select i1 %short, i64 %there, i64 %many
  store ptr %function, ptr @function
  store ptr %given, ptr @given
  %limit = add i64 %many, 1
  store i64 %limit, ptr @want
  %before = load atomic i64, ptr @turn acquire, align 8
  %job = add i64 %before, 1
  %blank = shl i64 %job, 16
  store atomic i64 %blank, ptr @desk release, align 8
  %locked = call i32 @pthread_mutex_lock(ptr @mutex)
  store atomic i64 %job, ptr @turn seq_cst, align 8
  %unlocked = call i32 @pthread_mutex_unlock(ptr @mutex)
  %rung = call i32 @pthread_cond_broadcast(ptr @bell)
  %began = call i64 @nanoseconds()
  br label %look
look:
  %word = load atomic i64, ptr @desk acquire, align 8
  %signed = and i64 %word, 32767
  %all = icmp uge i64 %signed, %expected
  br i1 %all, label %close, label %more
more:
  %given.away = call i32 @sched_yield()
  %now = call i64 @nanoseconds()
  %waited = sub i64 %now, %began
  %patient = icmp ult i64 %waited, $PATIENCE
  br i1 %patient, label %look, label %close
close:
  %final = atomicrmw or ptr @desk, i64 32768 acq_rel
  %came = and i64 %final, 32767
  %too = icmp ugt i64 %came, %many
  %helping = select i1 %too, i64 %many, i64 %came
  %count = add i64 %helping, 1
  store i64 %count, ptr @count
  store atomic i64 %job, ptr @gate seq_cst, align 8
  call void %function(ptr %given, i64 0, i64 %count, ptr @barrier)
  call void @rushlight_wait(ptr @barrier, i64 %count)
  store atomic i64 0, ptr @busy release, align 8
  ret void
alone:
  call void %function(ptr %given, i64 0, i64 1, ptr null)
  ret void
}

define void @stop() {
entry:
  %got = cmpxchg ptr @busy, i64 0, i64 1 acq_rel monotonic
  %free = extractvalue { i64, i1 } %got, 1
  br i1 %free, label %look, label %done
look:
  %here = load i64, ptr @helpers
  %some = icmp ne i64 %here, 0
  br i1 %some, label %send, label %end
send:
  %locked = call i32 @pthread_mutex_lock(ptr @mutex)
  store atomic i64 1, ptr @leaving release, align 8
  %unlocked = call i32 @pthread_mutex_unlock(ptr @mutex)
  %rung = call i32 @pthread_cond_broadcast(ptr @bell)
  br label %join
join:
  %i = phi i64 [ 0, %send ], [ %next, %join ]
  %handle.at = getelementptr i64, ptr @handles, i64 %i
  %handle = load i64, ptr %handle.at
  %joined = call i32 @pthread_join(i64 %handle, ptr null)
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %here
  br i1 %more, label %join, label %gone
gone:
  store i64 0, ptr @helpers
  store atomic i64 0, ptr @leaving release, align 8
  br label %end
end:
  store atomic i64 0, ptr @busy release, align 8
  br label %done
done:
  ret void
}

define void @renew() {
  store i64 0, ptr @ready
  store i64 0, ptr @helpers
  store atomic i64 0, ptr @leaving release, align 8
  store atomic i64 32768, ptr @desk release, align 8
  call void @llvm.memset.p0.i64(ptr @barrier, i8 0, i64 128, i1 false)
  store atomic i64 0, ptr @busy release, align 8
  ret void
}
"""

WORKER = """
define void @worker(ptr %given, i64 %me, i64 %count, ptr %barrier) {
entry:
$GIVEN
  %leads = icmp eq i64 %me, 0
  %known = icmp ne ptr %aside, null
  %calls = and i1 %leads, %known
  br i1 %calls, label %call, label %take
call:
  call void %aside()
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
$WORDS
  %arena.at = getelementptr ptr, ptr %arenas, i64 %me
  %arena = load ptr, ptr %arena.at
  %entry.at = getelementptr ptr, ptr %table, i64 %slot
  store ptr %arena, ptr %entry.at
  call void %function(ptr %step, ptr %table, ptr null, ptr %places, ptr %index, i64 %steps, i64 0, i64 1, \
ptr null)
  %after = add i64 %k, 1
  br label %look
done:
  ret void
}
""".replace("$GIVEN", load_words("%given", "jobs", "starts", "i64 members", "next", "aside")).replace(
    "$WORDS",
    load_words("%job", "function", "table", "places", "index", "i64 steps", "i64 slot", "arenas", "step"),
)
