"""Compiled functions inside others, and in several threads."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.capture.placeholder import Placeholder
from rushlight.compile.capture.trace import trace
from rushlight.compile.function import compile
from rushlight.compile.native import threads as native
from tests.compile.steps import assert_same, batch, entries, make, weights

pytest.importorskip("llvmlite")


@pytest.mark.parametrize("value", ["0", "-1", "abc", "\u00b2", "\u0663", "1.5"])
def test_a_number_of_threads_that_is_none(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_chosen", None)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("RUSHLIGHT_NUM_THREADS", value)
    native._warn.cache_clear()
    with pytest.warns(RuntimeWarning, match=f"RUSHLIGHT_NUM_THREADS: got {value!r}; expected a whole number"):
        assert native.get_num_threads() == 3
    assert native.get_num_threads() == 3  # and no second warning


@pytest.mark.parametrize(("value", "others", "found"), [(" 2 ", "", 2), ("", "4,2", 4), ("", "\u00b2", None)])
def test_numbers_of_threads(value: str, others: str, found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_chosen", None)
    monkeypatch.setenv("RUSHLIGHT_NUM_THREADS", value)
    monkeypatch.setenv("OMP_NUM_THREADS", others)
    assert native.get_num_threads() == (found or len(os.sched_getaffinity(0)))


def test_one_compiled_function_inside_another() -> None:
    model, _, step = make()
    twin, _, plain = make()
    inner = compile(step)

    @compile
    def outer(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        return inner(x, y) + inner(x, y)

    for _ in range(3):
        found = outer(*batch())
        np.testing.assert_allclose(found.item(), (plain(*batch()) + plain(*batch())).item(), rtol=1e-5)
        np.testing.assert_allclose(inner(*batch()).item(), plain(*batch()).item(), rtol=1e-5)
    assert_same(weights(model), weights(twin))


def test_threads_that_call_at_once() -> None:
    model, _, _ = make()
    compiled = compile(lambda x: model(x))
    inputs = [rl.rand(n % 3 + 1, 3) for n in range(6)]
    expected = [model(x).detach().numpy() for x in inputs]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(30):
                for x, e in zip(inputs, expected, strict=True):
                    np.testing.assert_allclose(compiled(x).numpy(), e, rtol=1e-5, atol=1e-6)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures[0]
    assert entries(compiled) == 3


def test_threads_with_state() -> None:
    total = rl.zeros(4)
    compiled = compile(lambda x: total.add_(x).sum())
    threads = [threading.Thread(target=lambda: [compiled(rl.ones(4)) for _ in range(50)]) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert total.tolist() == [200.0] * 4


def run_at_once(*works: Any) -> None:
    """Each in a thread of its own; raises what the first of them raised."""
    failures: list[BaseException] = []

    def guarded(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failures:
        raise failures[0]


def test_threads_that_trace_and_train_at_once() -> None:
    """Each a model of its own: while one is traced the others run, eagerly too."""
    models = [make() for _ in range(4)]
    twin, _, plain = make()
    x, y = batch()

    def train(step: Any) -> None:
        for _ in range(8):
            step(x, y)

    train(plain)

    steps = [compile(step) if i else step for i, (_, _, step) in enumerate(models)]
    run_at_once(*[lambda step=step: train(step) for step in steps])
    for model, _, _ in models:
        assert_same(weights(model), weights(twin))


def test_threads_that_scan_and_call_the_same_program() -> None:
    total = rl.zeros(4)
    compiled = compile(lambda x: total.add_(x).sum())

    def scan() -> None:
        for _ in range(10):
            compiled.scan(rl.ones(5, 4))

    run_at_once(scan, lambda: [compiled(rl.ones(4)) for _ in range(50)], scan)
    assert total.tolist() == [150.0] * 4


def test_a_failure_in_one_thread_is_that_threads() -> None:
    total = rl.zeros(3)
    compiled = compile(lambda x, i: total.add_(x)[i].sum())

    def fail() -> None:
        for _ in range(20):
            with pytest.raises(IndexError):
                compiled(rl.ones(3), rl.tensor([0, 7]))

    run_at_once(fail, lambda: [compiled(rl.ones(3), rl.tensor([0, 1])) for _ in range(20)])
    assert total.tolist() == [20.0] * 3


def test_a_scan_over_a_function_that_calls_a_compiled_one() -> None:
    model, _, step = make()
    twin, _, plain = make()
    inner = compile(step)
    outer = compile(lambda x, y: inner(x, y) * 2)
    x, y = batch()
    losses = outer.scan(rl.stack([x] * 4), rl.stack([y] * 4))
    expected = [plain(x, y).item() * 2 for _ in range(4)]
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-5)
    assert_same(weights(model), weights(twin))


def test_a_trace_is_seen_by_its_own_thread_alone() -> None:
    """Another thread reads, and trains with, the parameters that are being traced with."""
    net = rl.nn.Linear(3, 2)
    before = {p: rl.full(p.shape, 2.0) for p in net.parameters()}
    for p, grad in before.items():
        p.grad = grad
    inside, done = threading.Event(), threading.Event()
    seen: list[Any] = []

    def step(x: rl.Tensor) -> rl.Tensor:
        for p in net.parameters():
            p.grad = None
        loss = net(x).sum()
        loss.backward()
        seen.append([type(p.grad.array) is Placeholder for p in net.parameters()])  # type: ignore[union-attr]
        inside.set()
        assert done.wait(60)
        return loss

    def other() -> None:
        assert inside.wait(60)
        try:
            seen.append([p.grad is before[p] for p in net.parameters()])
            net(rl.ones(1, 3)).sum().backward()
            seen.append([p.grad.tolist() for p in net.parameters()])  # type: ignore[union-attr]
        finally:
            done.set()

    run_at_once(lambda: trace(step, [rl.ones(4, 3)]), other)
    assert seen[0] == seen[1] == [True, True]
    assert seen[2] == [[[3.0] * 3] * 2, [3.0] * 2]
    assert [p.grad.tolist() for p in net.parameters()] == seen[2], "what the other thread made stays"
