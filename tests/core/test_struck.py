"""What a signal's handler raises, a timeout say, comes out as it is, whatever it interrupts."""

from __future__ import annotations

import functools
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

import rushlight as rl
from rushlight.core.atomic import struck

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")


class Late(TimeoutError):
    """What the handlers raise."""


def handle(*_: Any) -> None:
    fail()


def fail() -> None:
    raise Late


class Handler:
    def __call__(self, *_: Any) -> None:
        fail()

    def method(self, *_: Any) -> None:
        fail()


@pytest.fixture(autouse=True)
def handler_put_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "handler", [handle, Handler(), Handler().method], ids=["function", "object", "method"]
)
def test_who_raised_an_error(handler: Callable[..., None]) -> None:
    signal.signal(signal.SIGALRM, handler)
    with pytest.raises(Late) as found:
        signal.raise_signal(signal.SIGALRM)
    assert struck(found.value)
    with pytest.raises(Late) as own:
        fail()
    assert not struck(own.value)


def test_handlers_that_are_no_functions() -> None:
    signal.signal(signal.SIGALRM, functools.partial(handle, 1))
    assert not struck(ValueError())


def _eager() -> None:
    x = rl.ones(300, 30)
    for _ in range(200):
        (x * 2).exp().log().sum(0).reshape(10, -1)


def _in_place() -> None:
    x = rl.ones(300, 30)
    for _ in range(400):
        x.mul_(0.5).add_(0.5)


def _compiled() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(3):
            rl.compile(lambda x, k=k: ((x * k).tanh() / 3).softmax(-1).sum(0))(rl.ones(30, 30))


def _interpreted() -> None:
    compiled = rl.compile(lambda x: ((x * 2).tanh() / 3).softmax(-1).sum(0), mode="interpret")
    for _ in range(60):
        compiled(rl.ones(30, 30))


def _trained() -> None:
    model = rl.nn.MLP(2, [8], 1)
    trainer = rl.train.Trainer(
        model, rl.optim.SGD(model.parameters(), lr=0.1), rl.nn.MSELoss(), progress=False
    )
    trainer.fit((rl.ones(64, 2), rl.ones(64, 1)), 20, batch_size=16)


@pytest.mark.parametrize("work", [_eager, _in_place, _compiled, _interpreted, _trained])
def test_a_timeout_at_any_moment(work: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    # What strikes in a __del__ Python only reports; pytest would keep all that its frames hold.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    signal.signal(signal.SIGALRM, handle)
    work()  # what is loaded once
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    random, late = Random(0), 0
    for _ in range(60):
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.02, 0.9) * took)
            work()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Late:
            late += 1
    assert late > 5
