"""no_grad, enable_grad, set_grad_enabled: as context managers and decorators, restored whatever happens."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import rushlight as rl

MODES = {"no_grad": (rl.no_grad, False), "enable_grad": (rl.enable_grad, True)}


@pytest.mark.parametrize("name", MODES)
def test_as_a_context_manager(name: str) -> None:
    mode, inside = MODES[name]
    with rl.set_grad_enabled(not inside):
        with mode():
            assert rl.is_grad_enabled() is inside
        assert rl.is_grad_enabled() is not inside


@pytest.mark.parametrize("name", MODES)
def test_as_a_decorator(name: str) -> None:
    mode, inside = MODES[name]

    @mode()
    def with_call(x: int, *, y: int = 2) -> Any:
        """Documented."""
        return rl.is_grad_enabled(), x, y

    @mode
    def bare() -> bool:
        return rl.is_grad_enabled()

    with rl.set_grad_enabled(not inside):
        assert with_call(1, y=3) == (inside, 1, 3)
        assert bare() is inside
        assert rl.is_grad_enabled() is not inside
    assert with_call.__doc__ == "Documented."
    assert with_call.__name__ == "with_call"


def test_set_grad_enabled_as_a_decorator() -> None:
    @rl.set_grad_enabled(False)
    def off() -> bool:
        return rl.is_grad_enabled()

    assert rl.is_grad_enabled()
    assert off() is False
    assert rl.is_grad_enabled()


def test_set_grad_enabled_at_once() -> None:
    rl.set_grad_enabled(False)
    try:
        assert not (rl.ones(1, requires_grad=True) * 2.0).requires_grad
    finally:
        rl.set_grad_enabled(True)


@pytest.mark.parametrize("mode", [rl.no_grad, rl.enable_grad, lambda: rl.set_grad_enabled(False)])
def test_restored_after_an_exception(mode: Any) -> None:
    def fail() -> None:
        raise KeyError("inside")

    before = rl.is_grad_enabled()
    with pytest.raises(KeyError), mode():
        fail()
    assert rl.is_grad_enabled() is before
    with pytest.raises(KeyError):
        mode()(fail)()
    assert rl.is_grad_enabled() is before


def test_restored_after_an_error_in_backward() -> None:
    class Bad(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: rl.Tensor) -> rl.Tensor:
            return x * 1.0

        @staticmethod
        def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
            raise KeyError("inside")

    with pytest.raises(KeyError):
        Bad.apply(rl.ones(1, requires_grad=True)).backward()
    assert rl.is_grad_enabled()


def test_nested_and_reused() -> None:
    off = rl.no_grad()
    with off, rl.enable_grad():
        with off:
            assert not rl.is_grad_enabled()
        assert rl.is_grad_enabled()
    assert rl.is_grad_enabled()


def test_nothing_is_recorded_without_grad() -> None:
    x = rl.ones(2, requires_grad=True)
    with rl.no_grad():
        y = x * 2.0
    assert not y.requires_grad
    assert y.is_leaf
    assert y.grad_fn is None


def test_threads_have_their_own_mode() -> None:
    seen: dict[str, bool] = {}

    def other() -> None:
        seen["fresh"] = rl.is_grad_enabled()
        with rl.no_grad():
            inside.set()
            go.wait(5)
        seen["after"] = rl.is_grad_enabled()

    inside, go = threading.Event(), threading.Event()
    with rl.no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        inside.wait(5)
    seen["main"] = rl.is_grad_enabled()
    go.set()
    thread.join()
    assert seen == {"fresh": True, "main": True, "after": True}


def test_backward_in_threads() -> None:
    results: list[float] = []

    def work(k: float) -> None:
        x = rl.tensor(k, requires_grad=True)
        for _ in range(20):
            x.grad = None
            (x * x).backward()
        assert x.grad is not None
        results.append(x.grad.item())

    threads = [threading.Thread(target=work, args=(float(k),)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == [0.0, 2.0, 4.0, 6.0]
