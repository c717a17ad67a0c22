"""Signals, forks and refused threads against native code; a program, because a fault may hang or crash.

    python -m tests.compile.disturbed call 2 1000

does the work `call` on two threads until 1000 signals have struck in the middle of it. The handlers raise;
after each the state has to be, bit for bit, that of a whole number of undisturbed steps, and work goes on
from there. What a call was given is overwritten and dropped, so that a pointer left behind shows.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

import rushlight as rl
from rushlight.compile import host
from rushlight.compile.function import compile
from rushlight.compile.native import jit, program, slices, threads
from rushlight.core import atomic

SIZE, STEPS = 128, 12
LONGEST = 0.004
"""Seconds until a signal, at most: long enough for a step to be over now and then."""
LIMIT = 30.0
"""Seconds after which a child that hangs says where, and ends."""


class Struck(BaseException):
    """What the handler raises."""


class Fire:
    """Signals at random moments, some of them twice in a row, so that the second finds the first's clean-up.

    They raise only while `under` runs something: not in the test itself.
    """

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.presses = False
        """Press Ctrl-C in place of raising."""
        self.struck = 0
        self.again = False
        signal.signal(signal.SIGALRM, self._handle)

    def under(self, run: Callable[[], Any]) -> tuple[bool, Any]:
        """(whether it came to its end, its result)."""
        self.again = True
        signal.setitimer(signal.ITIMER_REAL, self.luck.uniform(1e-4, LONGEST))
        found: tuple[bool, Any] = False, None
        with contextlib.suppress(Struck):
            found = _target(run)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        return found

    def _handle(self, number: int, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code is not _target.__code__:
            frame = frame.f_back
        if frame is None:
            return
        self.struck += 1
        if self.presses:
            signal.raise_signal(signal.SIGINT)
            return
        if self.again and self.luck.random() < 0.5:
            self.again = False
            signal.setitimer(signal.ITIMER_REAL, self.luck.uniform(1e-6, 1e-4))
        raise Struck


def _target(run: Callable[[], Any]) -> tuple[bool, Any]:
    return True, run()


def spent(tensor: rl.Tensor) -> None:
    """Nobody may read it any more."""
    tensor.array.fill(np.nan)


class Step:
    """A training step whose state is two tensors, one of them not C-contiguous where `turned`."""

    def __init__(self, turned: bool = False) -> None:
        rl.manual_seed(0)
        self.weight = rl.rand(SIZE, SIZE) * 0.1
        if turned:
            self.weight = self.weight.t()
        self.speed = rl.zeros(SIZE, SIZE)
        self.data = [rl.rand(SIZE, SIZE) for _ in range(STEPS)]
        weight, speed = self.weight, self.speed

        def step(x: rl.Tensor) -> rl.Tensor:
            out = (x @ weight).tanh()
            speed.mul_(0.9).add_(x.t() @ (out - x))
            weight.sub_(speed * 1e-4)
            return (out * out).sum()

        self.step = compile(step)

    def state(self) -> bytes:
        return self.weight.array.tobytes() + self.speed.array.tobytes()

    def back(self, state: tuple[Any, Any]) -> None:
        self.weight.array[...], self.speed.array[...] = state


def call(fire: Fire, signals: int) -> None:
    """Call by call; after every interruption the state is that before the call or after it."""
    for turned in (False, True):
        step = Step(turned)
        start = step.weight.array.copy(), step.speed.array.copy()
        losses, states = [], [step.state()]
        for x in step.data:
            losses.append(step.step(x).item())
            states.append(step.state())
        goal = fire.struck + signals // 2
        while fire.struck < goal:
            step.back(start)
            at = 0
            while at < STEPS:
                x = step.data[at].clone()
                done, loss = fire.under(lambda f=step.step, x=x: f(x))
                spent(x)
                now = step.state()
                assert now in (states[at], states[at + 1]), "torn"
                assert not done or (now == states[at + 1] and loss.item() == losses[at]), "wrong"
                at += now == states[at + 1]


def scan(fire: Fire, signals: int) -> None:
    """Many steps in one call, in slices that are short here: all of them or none."""
    slices.SECONDS = 0.002
    step = Step()
    start = step.weight.array.copy(), step.speed.array.copy()
    index = rl.arange(SIZE * STEPS).reshape(STEPS, SIZE)
    pool = rl.cat(step.data)
    expected = step.step.scan(pool, index=index).tolist()
    states = [b"", b""]
    states[1] = step.state()
    step.back(start)
    states[0] = step.state()
    ended = 0
    while fire.struck < signals or not ended:
        sources = pool.clone()
        done, losses = fire.under(lambda s=sources: step.step.scan(s, index=index))
        spent(sources)
        now = step.state()
        assert now == states[1] or (not done and now == states[0]), "torn"
        assert not done or losses.tolist() == expected, "wrong"
        ended += done
        step.back(start)
        if not done and fire.struck % 5 == 0:
            x = step.data[0].clone()
            assert step.step(x).item() == expected[0], "wrong after a scan"
            step.back(start)
        if fire.struck >= signals:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            assert step.step.scan(pool, index=index).tolist() == expected
            ended += 1


def trainer(lr: float = 0.05, seed: int = 0) -> rl.train.Trainer:
    """A small one; its `seed` decides the order of batches."""
    model = rl.nn.MLP(2, [9], 1, activation="tanh")
    made.append(model)
    return rl.train.Trainer(
        model,
        rl.optim.SGD(model.parameters(), lr=lr, momentum=0.9),
        rl.nn.MSELoss(),
        seed=seed,
        progress=False,
    )


made: list[Any] = []


def weights(model: Any) -> bytes:
    return b"".join(p.array.tobytes() for p in model.parameters())


def data() -> tuple[rl.Tensor, rl.Tensor]:
    rl.manual_seed(1)
    x = rl.rand(64, 2)
    return x, x.sum(1, keepdim=True)


def path(epochs: int, lr: float = 0.05, seed: int = 0) -> list[bytes]:
    """The weights after each step of an undisturbed run."""
    rl.manual_seed(seed)
    found = trainer(lr, seed)
    states = [weights(found.model)]
    loader = rl.data.DataLoader(rl.data.TensorDataset(*data()), batch_size=16, shuffle=True, seed=seed)
    step = rl.compile(lambda x, y: found.train_step((x, y))[0])
    for _ in range(epochs):
        for x, y in loader:
            step(x, y)
            states.append(weights(found.model))
    return states


def fit(fire: Fire, signals: int) -> None:
    """Struck, the weights are those after some step; stopped by Ctrl-C, training goes on to the same end."""
    epochs = 3
    known = path(epochs)
    goal = fire.struck + signals // 2
    while fire.struck < goal:
        rl.manual_seed(0)
        found = trainer()
        fire.under(lambda t=found: t.fit(data_now, epochs, batch_size=16))
        assert weights(found.model) in known, "torn"
    fire.presses, goal = True, fire.struck + signals // 2
    while fire.struck < goal:
        rl.manual_seed(0)
        found = trainer()
        while found.position.epoch < epochs:
            try:
                fire.under(lambda t=found: t.fit(data_now, epochs, batch_size=16))
            except KeyboardInterrupt as error:
                if not isinstance(error, rl.train.Interrupted):
                    break  # before the guard, or after it
        else:
            assert weights(found.model) == known[-1], "another end"
            assert len(found.history.rows) == epochs
    try:  # a guard that was left behind lets it through
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("Ctrl-C was swallowed")
    except KeyboardInterrupt:
        pass


data_now = data()


def sweep(fire: Fire, signals: int) -> None:
    """Networks side by side: each has taken some number of whole steps."""
    rates = (0.01, 0.02, 0.05)
    known = [path(3, lr, 0) for lr in rates]
    goal = fire.struck + signals
    while fire.struck < goal:
        made.clear()
        configs = rl.grid(lr=list(rates))
        done, result = fire.under(
            lambda c=configs: rl.sweep(trainer, c, data_now, 3, batch_size=16, progress=False)
        )
        for number, model in enumerate(made[: len(rates)]):
            assert weights(model) in known[number % len(rates)], "torn"
        if done:
            assert [weights(run.trainer.model) for run in result] == [k[-1] for k in known], "wrong"


def children(run: Callable[[], bool]) -> int:
    """A child in which `run` has to be true, and must not wait for what the child does not have."""
    child = os.fork()
    if not child:
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        os._exit(0 if run() else 1)
    return child


def ended(child: int) -> None:
    assert os.waitpid(child, 0)[1] == 0, "a child went wrong"


def fresh() -> bool:
    """Something new is traced, written, compiled and proved."""
    number = random.random()
    x = rl.rand(3)
    return compile(lambda x: (x * number).softmax(0).sum())(x).shape == ()


def forks(fire: Fire, times: int) -> None:
    """Children of a process whose helpers have worked, some while other threads work or fork."""
    step = Step()
    expected = step.step(step.data[0]).item()
    start = step.weight.array.copy(), step.speed.array.copy()
    expected = step.step(step.data[1]).item()
    errors: list[BaseException] = []

    def busy(other: Step, stop: threading.Event, parent: bool) -> None:
        try:
            while not stop.is_set():
                other.step(other.data[0])
                fresh()
                rl.rand(2)
                if parent:
                    ended(children(fresh))
        except BaseException as error:
            errors.append(error)

    def right(others: list[Step]) -> bool:
        ok = step.step(step.data[1]).item() == expected and fresh()
        return ok and all(np.isfinite(other.step(other.data[0]).item()) for other in others)

    for number in range(times):
        stop, others = threading.Event(), [Step() for _ in range(number % 3)]
        at_work = [threading.Thread(target=busy, args=(o, stop, i)) for i, o in enumerate(others)]
        for thread in at_work:
            thread.start()
        time.sleep(fire.luck.uniform(0, 0.02) if others else 0)
        step.back(start)
        child = children(lambda others=others: right(others))
        assert step.step(step.data[1]).item() == expected
        stop.set()
        for thread in at_work:
            thread.join()
        assert not errors, errors
        ended(child)


def moments(fire: Fire, times: int) -> None:
    """Children forked while another thread stands still in each function that code outside Rushlight calls on
    the way to a program; nothing is awaited. A lock that is not `make_lock`'s would be taken for ever."""
    here, go, over = threading.Event(), threading.Event(), threading.Event()
    seen = set()

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        code, caller = frame.f_code, frame.f_back and frame.f_back.f_code
        if "rushlight" not in code.co_filename or caller is None or code in seen:
            return
        if "rushlight" not in caller.co_filename and threading.current_thread() is other:
            seen.add(code)
            here.set()
            go.wait()
            go.clear()

    def first() -> None:
        sys.settrace(watch)
        fresh()
        over.set()
        here.set()

    fresh()  # what a process does once
    atomic.PATIENCE, patience = 0.0, atomic.PATIENCE
    other = threading.Thread(target=first)
    other.start()
    while here.wait() and not over.is_set():
        here.clear()
        child = children(fresh)
        go.set()
        ended(child)
    other.join()
    assert seen
    atomic.PATIENCE = patience


def handlers(fire: Fire, times: int) -> None:
    """Children forked by signal handlers while LLVM is at work: they go on from where the handler was."""
    parent, born = os.getpid(), []

    def handle(number: int, frame: FrameType | None) -> None:
        if os.getpid() == parent:
            child = os.fork()
            if child:
                born.append(child)
            else:
                faulthandler.dump_traceback_later(LIMIT, exit=True)

    signal.signal(signal.SIGALRM, handle)
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    while len(born) < times:
        number = fire.luck.randrange(10**9)
        parts = [PART.format(i=i, number=number + i) for i in range(6)]
        signal.setitimer(signal.ITIMER_REAL, fire.luck.uniform(1e-4, 0.02))
        native = jit.build(PART.format(i=6, number=number), {}, parts, 3)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        ok = kind(native.address("part0"))(10) == 10 + 10 * number
        if os.getpid() != parent:
            os._exit(0 if ok else 1)
        assert ok
    for child in born:
        ended(child)


PART = """
define i64 @part{i}(i64 %a) {{
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %n, %head ]
  %s = phi i64 [ %a, %entry ], [ %t, %head ]
  %t = add i64 %s, {number}
  %n = add i64 %i, 1
  %more = icmp slt i64 %n, %a
  br i1 %more, label %head, label %end
end:
  ret i64 %t
}}
"""


def builds(fire: Fire, signals: int) -> None:
    """Modules that helpers compile: when a build has ended none is at work, and a child can build."""
    at_work, real = [], jit._object

    def watched(*given: Any) -> bytes:
        at_work.append(1)
        try:
            return real(*given)
        finally:
            at_work.pop()

    jit.WORTH, jit._object = 1, watched
    goal = fire.struck + signals
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    while fire.struck < goal:
        number = fire.luck.randrange(10**9)
        parts = [PART.format(i=i, number=number + i) for i in range(6)]
        text = PART.format(i=6, number=number)
        fire.under(lambda t=text, p=parts: jit.build(t, {}, p, 3))
        assert not at_work, "still at work"
        child = os.fork() if fire.luck.random() < 0.2 else None
        native = jit.build(text, {}, parts, 3)
        found = [kind(native.address(f"part{i}"))(10) for i in range(7)]
        ok = found == [10 + 10 * (number + i) for i in range(6)] + [10 + 10 * number]
        if child == 0:
            os._exit(0 if ok else 1)
        assert ok, "wrong code"
        assert child is None or os.waitpid(child, 0)[1] == 0, "a child went wrong"


def refused(fire: Fire, times: int) -> None:
    """The system refuses helpers, once and so many times in a row: fewer threads, the same bits."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)
    real = kind(("pthread_create", ctypes.CDLL(None)))
    left = [0]

    def create(*given: Any) -> int:
        left[0] -= 1
        return 11 if left[0] >= 0 else real(*given)  # type: ignore[no-any-return]

    create_at = kind(create)
    host.llvm().add_symbol("pthread_create", ctypes.cast(create_at, ctypes.c_void_p).value)
    losses = []
    for count, refusals in ((1, 1), (3, 1), (3, times)):
        threads.set_num_threads(count)
        threads._made.clear()  # a pool without helpers
        left[0] = refusals
        step = Step()
        losses.append([step.step(x).item() for x in step.data])
        assert count == 1 or left[0] < refusals, "nobody was asked for"
    assert losses[0] == losses[1] == losses[2]


WORKS = {
    "call": call,
    "scan": scan,
    "fit": fit,
    "sweep": sweep,
    "builds": builds,
    "forks": forks,
    "moments": moments,
    "handlers": handlers,
    "refused": refused,
}


def main(works: str, count: str, times: str, seed: str = "0") -> None:
    """Each of `works` on so many threads, until that many signals have struck it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    program.HEAVY = 0
    threads.set_num_threads(int(count))
    for work in works.split(","):
        fire = Fire(int(seed))
        WORKS[work](fire, int(times))
        print(f"{work}, {count} threads: {fire.struck or times} times, and all is right", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
