"""What the interpreter tells of running code, by both of its ways."""

from __future__ import annotations

import cProfile
import datetime
import functools
import gc
import logging
import math
import os
import secrets
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.capture.events import Listener, Monitor, Profile, listener
from rushlight.compile.capture.trace import TraceError
from rushlight.compile.function import compile
from rushlight.core.op import REGISTRY, Op
from rushlight.core.tensor import Tensor
from tests.compile.steps import entries

SOUGHT = frozenset((time.time, os.urandom, datetime.datetime.now))


class Heard:
    """What a listener told."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.calls: list[str] = []

    def begun(self, frame: Any) -> None:
        self.names.append(frame.f_code.co_name)

    def called(self, frame: Any, what: Any) -> None:
        self.calls.append(what.__name__)


def of_kind(kind: type[Listener], heard: Heard) -> Listener:
    if kind is Profile:
        return Profile(heard.begun, heard.called, SOUGHT)
    found = listener(heard.begun, heard.called, SOUGHT)
    assert type(found) is Monitor
    return found


HAS_MONITORING = hasattr(sys, "monitoring")
KINDS = pytest.mark.parametrize(
    "kind",
    [
        Profile,
        pytest.param(Monitor, marks=pytest.mark.skipif(not HAS_MONITORING, reason="before Python 3.12")),
    ],
)


def inner() -> float:
    return time.time()


def outer() -> float:
    inner()
    os.urandom(1)
    datetime.datetime.now()
    return inner() + inner()


def steps() -> Any:
    yield inner()
    yield inner()


@KINDS
def test_code_is_told_once_and_calls_of_what_is_sought_each_time(kind: type[Listener]) -> None:
    heard = Heard()
    found = of_kind(kind, heard)
    assert found.start()
    outer()
    found.stop()
    inner()
    assert heard.names.count("outer") == heard.names.count("inner") == 1
    assert heard.calls == ["time", "urandom", "now", "time", "time"]


@KINDS
def test_a_generator_that_goes_on(kind: type[Listener]) -> None:
    heard = Heard()
    generator = steps()
    next(generator)
    found = of_kind(kind, heard)
    assert found.start()
    next(generator)
    found.stop()
    assert {"steps", "inner"} <= set(heard.names)


@KINDS
def test_one_listener_after_the_other_hears_all_again(kind: type[Listener]) -> None:
    for _ in range(3):
        heard = Heard()
        found = of_kind(kind, heard)
        assert found.start()
        outer()
        found.stop()
        assert "inner" in heard.names
        assert len(heard.calls) == 5


@KINDS
def test_other_threads_are_not_heard(kind: type[Listener]) -> None:
    heard = Heard()
    found = of_kind(kind, heard)
    assert found.start()
    thread = threading.Thread(target=inner)
    thread.start()
    thread.join()
    found.stop()
    assert "inner" not in heard.names
    assert not heard.calls


@KINDS
def test_what_a_module_does_when_it_is_loaded_is_left_out(
    kind: type[Listener], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loaded_once.py").write_text("import time\ndef f(): return time.time()\nnow = f()\n")
    monkeypatch.syspath_prepend(tmp_path)
    heard = Heard()
    found = of_kind(kind, heard)
    assert found.start()
    import loaded_once  # type: ignore[import-not-found]

    assert not heard.calls
    loaded_once.f()
    found.stop()
    del sys.modules["loaded_once"]
    assert "f" in heard.names
    assert heard.calls == ["time"]


@KINDS
def test_an_error_ends_what_is_left_out(kind: type[Listener]) -> None:
    heard = Heard()
    found = of_kind(kind, heard)
    assert found.start()
    try:
        import there_is_no_such_module  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        inner()
    found.stop()
    assert "inner" in heard.names
    assert heard.calls == ["time"]


def test_own_ops_are_run_aside_and_others_are_not() -> None:
    heard = Heard()
    profile = Profile(heard.begun, heard.called, SOUGHT)
    run = profile.aside(lambda op, inputs, attrs: inner())
    add, tensor = REGISTRY["add"], rl.ones(2)

    class Mine(Tensor):
        pass

    theirs = Op("theirs", lambda m, x: x, lambda s: s)
    assert profile.start()
    run(add, (tensor, 1), {})
    assert "inner" not in heard.names
    run(theirs, (tensor,), {})
    assert "inner" in heard.names
    heard.calls.clear()
    run(add, (Mine([1.0]), 1), {})
    assert heard.calls == ["time"]
    assert sys.getprofile() is not None
    with pytest.raises(ZeroDivisionError):
        profile.aside(lambda *given: 1 // 0)(add, (tensor, 1), {})
    inner()
    assert heard.calls == ["time", "time"]
    profile.stop()
    assert sys.getprofile() is None


def test_a_profiler_keeps_its_place() -> None:
    def profiler(*_: Any) -> None:
        pass

    heard = Heard()
    sys.setprofile(profiler)
    try:
        profile = Profile(heard.begun, heard.called, SOUGHT)
        assert not profile.start()
        profile.stop()
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


@pytest.mark.skipif(not HAS_MONITORING, reason="before Python 3.12")
def test_where_all_numbers_of_tools_are_taken() -> None:
    made = []
    for _ in range(3):
        made.append(listener(lambda frame: None, lambda frame, what: None, SOUGHT))
        assert made[-1].start()
    assert [type(found) for found in made] == [Monitor, Monitor, Profile]
    for found in made:
        found.stop()
    again = listener(lambda frame: None, lambda frame, what: None, SOUGHT)
    assert type(again) is Monitor
    again.stop()


def test_a_compiled_function_under_a_profiler() -> None:
    counted = [0]

    def profiler(*_: Any) -> None:
        counted[0] += 1

    double = rl.compile(lambda x: x * 2 + 1)
    sys.setprofile(profiler)
    try:
        found = double(rl.ones(3))
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert found.tolist() == [3.0, 3.0, 3.0]
    assert counted[0] > 0


@pytest.mark.parametrize(
    "clock", [lambda: time.perf_counter(), lambda: datetime.datetime.now().timestamp(), lambda: monotonic()]
)
def test_a_clock_under_a_profiler(clock: Any) -> None:
    """Where the profiler's place is taken nobody hears the call: a clock in reach is enough."""

    def timed(x: rl.Tensor) -> rl.Tensor:
        return x * clock()

    compiled = rl.compile(timed)
    x = rl.ones(1, dtype=rl.float64)
    sys.setprofile(lambda *_: None)
    try:
        with pytest.warns(UserWarning, match="runs eager"):
            first = compiled(x)
        time.sleep(0.002)
        second = compiled(x)
    finally:
        sys.setprofile(None)
    assert second.item() > first.item()


def under_a_trace_function(run: Any) -> None:
    """Run it as a debugger runs what is typed at its prompt."""

    def stopped() -> None: ...

    def trace(frame: Any, event: str, _: Any) -> None:
        if frame.f_code is stopped.__code__:
            run()

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        stopped()
    finally:
        sys.settrace(before)


@KINDS
def test_where_python_tells_nothing_listening_does_not_begin(kind: type[Listener]) -> None:
    begun = []
    under_a_trace_function(lambda: begun.append(of_kind(kind, Heard()).start()))
    assert begun == [False]
    assert sys.getprofile() is None
    heard = Heard()
    found = of_kind(kind, heard)
    assert found.start()
    inner()
    assert found.stop()
    assert "inner" in heard.names


FACTOR = 2.0


def factor() -> float:
    return FACTOR


def test_what_was_compiled_at_a_debuggers_prompt_follows_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    scaled = rl.compile(lambda x: x * factor())
    found = []
    under_a_trace_function(lambda: found.append(scaled(rl.ones(2)).tolist()))
    assert found == [[2.0, 2.0]]
    monkeypatch.setitem(globals(), "FACTOR", 5.0)
    assert scaled(rl.ones(2)).tolist() == [5.0, 5.0]


def test_a_profiler_that_the_program_starts_itself() -> None:
    heard, noted = Heard(), []

    def profiler(*_: Any) -> None:
        noted.append(1)

    found = Profile(heard.begun, heard.called, SOUGHT)
    run = found.aside(lambda *given: inner())
    assert found.start()
    sys.setprofile(profiler)
    try:
        run(REGISTRY["add"], (rl.ones(2), 1), {})
        assert sys.getprofile() is profiler
        assert not found.stop()
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert noted


def test_code_after_a_profiler_of_the_programs_own_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    def scaled(x: rl.Tensor) -> rl.Tensor:
        profiler = cProfile.Profile()
        profiler.enable()
        y = x * 1
        profiler.disable()
        return y * factor()

    compiled = rl.compile(scaled)
    assert compiled(rl.ones(2)).tolist() == [2.0, 2.0]
    monkeypatch.setitem(globals(), "FACTOR", 5.0)
    assert compiled(rl.ones(2)).tolist() == [5.0, 5.0]


def test_an_op_of_others_whose_parts_are_no_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    class Asks:
        def __call__(self, *_: Any) -> float:
            return inner()

    op = Op("asks", Asks(), Asks())
    monkeypatch.setitem(REGISTRY, "asks", op)
    heard = Heard()
    profile = Profile(heard.begun, heard.called, SOUGHT)
    run = profile.aside(lambda op, inputs, attrs: op.formula(*inputs))
    assert profile.start()
    run(op, (rl.ones(2),), {})
    profile.stop()
    assert heard.calls == ["time"]


@KINDS
def test_a_clock_by_a_class_below(kind: type[Listener]) -> None:
    class Moment(datetime.datetime): ...

    heard = Heard()
    found = of_kind(kind, heard)
    assert found.start()
    Moment.now()
    Moment.fromordinal(1)
    found.stop()
    assert heard.calls == ["now"]


ASKED = {
    "a class below": type("Moment", (datetime.datetime,), {}).now,
    "a partial": functools.partial(time.time),
    "a partial of a method": functools.partial(datetime.datetime.now, tz=datetime.UTC),
    "the time of a thread": time.thread_time,
    "local time": time.localtime,
}


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.filterwarnings("ignore:.*runs eager")
def test_a_function_that_asks_a_clock_runs_eager(what: str) -> None:
    ask, asked = ASKED[what], [0]

    def function(x: rl.Tensor) -> rl.Tensor:
        ask()
        asked[0] += 1
        return x * 2

    compiled = rl.compile(function)
    for _ in range(4):
        compiled(rl.ones(2))
    assert compiled._eager is not None


class Struck(Exception):
    """What the handler of a signal raises."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
def test_a_signal_at_any_moment_of_a_first_call_leaves_the_interpreter_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What strikes in a __del__ Python only reports; pytest would keep all that its frames hold.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)

    def strike(*_: Any) -> None:
        raise Struck

    def step(x: rl.Tensor, factor: float) -> rl.Tensor:
        return (x * math.sqrt(factor)).tanh().sum()

    x, sqrt, random = rl.ones(3), math.sqrt, Random(0)
    rl.compile(step)(x, 2.0)  # what is loaded once
    began = time.perf_counter()
    compiled = rl.compile(step)
    compiled(x, 2.0)
    compiled(x, 3.0)
    took = time.perf_counter() - began
    before, struck = signal.signal(signal.SIGALRM, strike), 0
    try:
        for _ in range(150):
            compiled = rl.compile(step)
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.02, 1.0) * took)
                compiled(x, 2.0)
                compiled(x, 3.0)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Struck:
                struck += 1
            assert gc.isenabled()
            assert sys.getprofile() is None
            assert math.sqrt is sqrt
            if HAS_MONITORING:
                assert [sys.monitoring.get_tool(tool) for tool in (3, 4)] == [None, None]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert struck > 20
    assert compiled(x, 4.0).item() == pytest.approx(3 * math.tanh(2.0))


READS: dict[str, Any] = {
    "open": lambda path: float(open(path).read()),  # noqa: SIM115
    "Path": lambda path: float(Path(path).read_text()),
    "size": os.path.getsize,
    "exists": lambda path: 1 + os.path.exists(path),
    "NumPy": lambda path: float(np.loadtxt(path)),
    "load": lambda path: float(rl.load(f"{path}.pt")),
}


@pytest.mark.parametrize("name", READS)
def test_files_that_are_read_are_read_in_each_call(name: str, tmp_path: Path) -> None:
    read, path = READS[name], str(tmp_path / "number")
    compiled = compile(lambda x: x * read(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(5):
            if k % 2 or name != "exists":
                Path(path).write_text("1" * (k + 1))
            else:
                Path(path).unlink(missing_ok=True)
            rl.save(rl.tensor(float(k)), f"{path}.pt")
            assert compiled(rl.ones(2)).tolist() == [read(path)] * 2


def test_a_file_that_is_read_once_is_no_reason_to_run_eager(tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_text("3")

    @functools.lru_cache
    def table() -> float:
        return float(path.read_text())

    compiled = compile(lambda x: x * table())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            assert compiled(rl.ones(2)).tolist() == [3.0, 3.0]
    assert entries(compiled) == 1


def test_what_is_saved_inside_is_refused(tmp_path: Path) -> None:
    net = rl.nn.Linear(2, 1)

    @compile
    def step(x: Any) -> Any:
        with rl.no_grad():
            net.weight.add_(x)
        rl.save(net.state_dict(), tmp_path / "net.pt")
        return x

    with pytest.raises(TraceError, match="test_events"):
        step(rl.ones(2))


def test_messages_and_secrets() -> None:
    def noisy(x: Any) -> Any:
        logging.getLogger("rushlight.test").warning("hello")
        return x * 2

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compile(noisy)(rl.ones(2)).tolist() == [2.0, 2.0]
    with pytest.warns(UserWarning, match="urandom"):
        compile(lambda x: x * (1 + 0 * secrets.randbelow(5)))(rl.ones(2))
