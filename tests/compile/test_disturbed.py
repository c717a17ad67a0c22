"""Native code among signals, forks, and a system that refuses threads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.function import compile
from rushlight.compile.native import slices
from rushlight.compile.plan.kernels import SHORT

pytest.importorskip("llvmlite")
ROOT = Path(__file__).parents[2]


def run(*arguments: str, limit: float = 120.0) -> str:
    """A program of its own, which must come to its end. NumPy's products have one thread: of several,
    OpenBLAS's own locks may be taken in a forked child, whose products then wait for ever."""
    paths = [str(ROOT / "src"), str(ROOT)]
    given = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=limit, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


EXIT = """
import atexit, sys, threading, time
import rushlight as rl
from rushlight.compile.function import compile
from rushlight.compile.native import program, threads
program.HEAVY = 0
threads.set_num_threads(2)
w, x = rl.rand(300, 300), rl.rand(300, 300)
plain = compile(lambda x: (x @ w).tanh().sum())
sorts = compile(lambda x: (x @ w).tanh().sort(0)[0].sum())
last = compile(lambda x: (x @ w).tanh().sum())
plain(x), sorts(x), last(x)
many = rl.stack([x] * 30)

def forever(f):
    while True:
        f.scan(many)

for f in (plain, sorts):
    threading.Thread(target=forever, args=(f,), daemon=True).start()
atexit.register(lambda: print(last(x).shape))
time.sleep(0.2)
"""


def test_the_end_of_the_interpreter_while_others_scan() -> None:
    assert run("-c", EXIT) == "Size([])\n"


MANY = int(os.environ.get("RUSHLIGHT_TEST_SIGNALS", "40"))
"""How many signals strike each kind of work; 1000 in a thorough run."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals and forks are POSIX's")
@pytest.mark.parametrize("count", ["1", "2"])
def test_signals(count: str) -> None:
    works = "call,scan,fit,sweep,builds"
    ignored = "-W", "ignore::UserWarning"  # a trace that is interrupted again and again
    found = run(*ignored, "-m", "tests.compile.disturbed", works, count, str(MANY), limit=60 + MANY)
    assert found.count("all is right") == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals and forks are POSIX's")
def test_forks_and_threads_that_cannot_be_started() -> None:
    works = "forks,moments,handlers,refused"
    found = run("-m", "tests.compile.disturbed", works, "2", str(max(6, MANY // 10)))
    assert found.count("all is right") == 4


class Struck(BaseException):
    """What comes from outside."""


def strike(run: Any, moment: int) -> bool:
    """Run, and raise at the moment-th line; whether it came so far."""
    left = moment

    def watch(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if "rushlight" in frame.f_code.co_filename and event in ("call", "line"):
            left -= 1
            if left == 0:
                raise Struck
        return watch

    # Python passes over what is raised before a callback has begun; the call raises KeyboardInterrupt for it.
    hook, sys.unraisablehook = sys.unraisablehook, lambda error: None
    sys.settrace(watch)
    try:
        run()
    except (Struck, KeyboardInterrupt):
        return True
    finally:
        sys.settrace(None)
        sys.unraisablehook = hook
    return False


def make(kind: str) -> tuple[Any, rl.Tensor, rl.Tensor]:
    """A step with a state of two tensors."""
    a, b = rl.zeros(3, 2), rl.zeros(3)
    if kind == "turned":
        a = rl.zeros(2, 3).t()

    @compile
    def step(x: rl.Tensor) -> rl.Tensor:
        a.add_(x)
        if kind == "callback":  # NumPy sorts long rows
            a.add_(x[:, 0].repeat(SHORT // 3 + 1).sort()[0][::SHORT].sum())
        b.add_(a.sum(1))
        if kind == "check":
            b.add_(x[:, 0][rl.tensor([0, 2, 1])])
        return a.sum() + b.sum()

    return step, a, b


def numbers(*tensors: rl.Tensor) -> bytes:
    return b"".join(t.numpy().tobytes() for t in tensors)


@pytest.fixture(autouse=True)
def _numpys_settings() -> Iterator[None]:
    """An exception may strike where NumPy's own error settings are being put back."""
    before = np.geterr()
    yield
    np.seterr(**before)


@pytest.mark.parametrize("kind", ["plain", "turned", "check", "callback"])
@pytest.mark.parametrize("how", ["first", "call", "scan"])
def test_an_exception_at_every_moment(kind: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a call, and of a scan in slices: the state is that before or after, and the next call right."""
    monkeypatch.setattr(slices, "SECONDS", 1e-9)
    x = rl.rand(4, 3, 2)
    step, a, b = make(kind)
    step(x[0].clone())
    a.zero_(), b.zero_()
    before = numbers(a, b)
    goal = step.scan(x) if how == "scan" else step(x[0])
    after = numbers(a, b)
    assert before != after
    moment, struck = 0, True
    stride = {"call": 1, "scan": 1, "first": 997}[how]
    while struck:
        moment += stride
        if how == "first":
            step, a, b = make(kind)
        a.zero_(), b.zero_()
        given = x.clone()
        struck = strike(lambda f=step, g=given: f.scan(g) if how == "scan" else f(g[0]), moment)
        given.array.fill(np.nan)
        assert numbers(a, b) in (before, after)
        a.zero_(), b.zero_()
        assert numbers(step.scan(x) if how == "scan" else step(x[0])) == numbers(goal)
        assert numbers(a, b) == after
    assert moment > 4 * stride
