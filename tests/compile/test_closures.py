"""What Python code reads besides tensors: watched, read in each call, or refused aloud."""

from __future__ import annotations

import math
import random
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.capture.guards import Guards
from rushlight.compile.capture.trace import TraceError
from rushlight.compile.function import MOST, compile
from tests.compile.steps import assert_same, batch, entries, make, weights
from tests.fuzz import closures
from tests.fuzz.homes import MAKES
from tests.fuzz.run import main

pytest.importorskip("llvmlite")

X = rl.tensor([1.0, -2.0])
RNG, OWN = np.random.default_rng(0), random.Random(0)


class Holder:
    def __init__(self, k: Any = 1.0) -> None:
        self.k = k


class Scaled(nn.Module):
    def __init__(self) -> None:
        self.k = 1.0

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x * self.k


@pytest.mark.parametrize("seed", range(0, 120, 20))
def test_random_closures_agree(seed: int) -> None:
    reports: list[str] = []
    assert closures.fuzz(20, seed, reports.append) == 0, "\n".join(reports)


def test_the_command_tries_closures(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHLIGHT_CACHE", "")
    assert main(["--closures", "3", "--seed", "9"]) == 0
    assert "3 closures from seed 9: 0 failed" in capsys.readouterr().out


def test_random_closures_agree_as_native_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHLIGHT_CACHE", "")
    reports: list[str] = []
    assert closures.fuzz(4, 500, reports.append, mode="full") == 0, "\n".join(reports)


@pytest.mark.parametrize("build", MAKES, ids=lambda m: m.__name__)
def test_every_make_is_followed(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closures, "MAKES", [build])
    reports: list[str] = []
    assert closures.fuzz(3, 9000, reports.append) == 0, "\n".join(reports)


def test_the_fuzzer_finds_what_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guards, "hold", lambda self: True)
    assert closures.fuzz(20, 0, lambda text: None) > 5


@pytest.mark.parametrize("home", [Holder(), Scaled()], ids=["object", "module"])
def test_an_object_among_the_arguments(home: Any) -> None:
    compiled = compile(lambda x, c: x * c.k, mode="interpret")
    for k in (1.0, 10.0, 10.0, -0.0, 3):
        home.k = k
        assert compiled(X, home).tolist() == (X * k).tolist()
    assert entries(compiled) <= 3


# Numbers that are read in each call


def counting(home: Any) -> Callable[[Any, Any], Any]:
    model, optimizer, _ = make()

    def step(x: rl.Tensor, y: rl.Tensor) -> Any:
        home.k += 1
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean() * (0.5 * (1 + math.cos(math.pi * home.k / 40)))
        loss.backward()
        optimizer.step()
        return loss, home.k

    step.model = model  # type: ignore[attr-defined]
    return step


def test_a_counter_and_a_schedule_are_inputs() -> None:
    homes = Holder(0), Holder(0)
    native, plain = counting(homes[0]), counting(homes[1])
    compiled = compile(native)
    x, y = batch()
    for i in range(12):
        found, expected = compiled(x, y), plain(x, y)
        np.testing.assert_allclose(found[0].item(), expected[0].item(), rtol=1e-5)
        assert found[1] == expected[1] == homes[0].k == i + 1
    assert entries(compiled) == 1
    losses, counts = compiled.scan(rl.stack([x] * 3), rl.stack([y] * 3))
    assert losses.shape == (3,)
    assert counts == 13
    assert homes[0].k == 15
    for _ in range(3):
        plain(x, y)
    assert_same(weights(native.model), weights(plain.model))  # type: ignore[attr-defined]


def test_a_changing_argument_is_an_input() -> None:
    compiled = compile(lambda x, n: (x * n, n // 2))
    for n in range(20):
        found, half = compiled(X, n)
        assert found.tolist() == (X * n).tolist()
        assert (half, type(half)) == (n // 2, int)
    assert entries(compiled) == 2
    assert compiled(X, 1.5)[0].tolist() == (X * 1.5).tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
def test_inputs_promote_as_numbers_do(dtype: str) -> None:
    home = Holder(0.1)
    x = X.to(getattr(rl, dtype))

    def function(x: rl.Tensor) -> Any:
        return x * home.k, x.sum() + home.k, home.k - x, x / home.k, x > home.k, rl.where(x > 0, x, home.k)

    compiled = compile(function, mode="interpret")
    for k in (0.1, 0.3, 1 / 3, 1e-8, 2, 3, 7):
        home.k = k
        for a, b in zip(compiled(x), function(x), strict=True):
            assert a.dtype == b.dtype
            assert a.array.tobytes() == b.array.tobytes()
    assert entries(compiled) <= 4


def test_what_a_number_decides_is_looked_at() -> None:
    home = Holder(0)

    def function(x: rl.Tensor) -> rl.Tensor:
        home.k += 1
        if home.k % 5 == 0:
            return x * 100.0
        return x * home.k if home.k < 12 else x - home.k

    compiled = compile(function, mode="interpret")
    twin = Holder(0)
    for i in range(1, 30):
        expected = X * 100.0 if i % 5 == 0 else X * i if i < 12 else X - i
        assert compiled(X).tolist() == expected.tolist()
        twin.k += 1
    assert home.k == 29
    assert entries(compiled) <= 5


def test_shapes_ranges_and_types_follow() -> None:
    home = Holder(2)
    compiled = compile(lambda x: rl.cat([x] * home.k) * isinstance(home.k, int), mode="interpret")
    for k in (2, 3, 4, 1):
        home.k = k
        assert compiled(X).tolist() == X.tolist() * k


@pytest.mark.parametrize(
    "function",
    [
        lambda x, n: x * 2 if type(n) is int else x,
        lambda x, n: x * 2 if isinstance(n, int) else x,
        lambda x, n: x[: n % 3],
        lambda x, n: x[n % 2],
        lambda x, n: x.clamp(max=n),
        lambda x, n: x**n,
        lambda x, n: rl.full((2,), n) + x,
        lambda x, n: rl.tensor([n, 1]) + x,
        lambda x, n: x.reshape(-1, 1).expand(2, n + 1),
        lambda x, n: x + {0: 5.0, 1: 6.0}.get(n, 7.0),
        lambda x, n: x * float(f"{n}.5"),
        lambda x, n: x * divmod(n, 3)[1] + max(n, 2) - round(n / 3) + [1, 2, 3, 4, 5, 6][n],
        lambda x, n: rl.add(x, x, alpha=n),
        lambda x, n: x.clone().add_(n).mul_(n + 0.5),
        lambda x, n: nn.functional.leaky_relu(x, n * 0.1),
        lambda x, n: x * np.float32(n) + np.sqrt(n),
        lambda x, n: (x * n).to(rl.float64) * n,
    ],
)
def test_numbers_go_everywhere(function: Any) -> None:
    compiled = compile(function, mode="interpret")
    for n in (1, 2, 4, 3, 0, 5):
        found, expected = compiled(X, n), function(X, n)
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()


def test_other_changes_run_as_python() -> None:
    seen: list[int] = []

    def function(x: rl.Tensor) -> rl.Tensor:
        seen.append(1)
        return x * len(seen)

    compiled = compile(function, mode="interpret")
    with pytest.warns(UserWarning, match="eager.*changes what it can read: seen, now"):
        found = [compiled(X)[0].item() for _ in range(6)]
    assert found == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_what_is_made_ready_once_is_compiled() -> None:
    ready: dict[str, float] = {}

    def function(x: rl.Tensor) -> rl.Tensor:
        if "scale" not in ready:
            ready["scale"] = 3.0
        return x * ready["scale"]

    compiled = compile(function, mode="interpret")
    assert [compiled(X)[0].item() for _ in range(4)] == [3.0] * 4
    assert entries(compiled) == 1


def test_what_cannot_be_looked_into_runs_as_python() -> None:
    rows = iter(range(100))
    compiled = compile(lambda x: x * next(rows), mode="interpret")
    with pytest.warns(UserWarning, match=r"eager.*rows, a range_iterator, which cannot be looked into"):
        found = [compiled(X)[0].item() for _ in range(4)]
    assert found == [0.0, 1.0, 2.0, 3.0]


def test_numbers_of_tensors_that_python_saw_are_watched() -> None:
    threshold = rl.tensor(0.5)
    compiled = compile(lambda x: x * threshold.item(), mode="interpret")
    assert compiled(X).tolist() == [0.5, -1.0]
    threshold.fill_(2.0)
    assert compiled(X).tolist() == [2.0, -4.0]

    def written(x: rl.Tensor) -> rl.Tensor:
        threshold.add_(1.0)
        return x * threshold.item()

    with pytest.raises(TraceError, match="item"):
        compile(written)(X)
    assert threshold.item() == 2.0


# The world outside


@pytest.mark.parametrize(
    "draw",
    [
        lambda: np.random.randn(),
        lambda: random.random(),
        lambda: RNG.normal(),
        lambda: OWN.random(),
    ],
)
def test_random_numbers_from_outside_are_refused(draw: Any) -> None:
    random.seed(3)
    np.random.seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    with pytest.raises(TraceError, match=r"draws random numbers.* at .*test_closures.py:26\d.*rl\.randn"):
        compile(lambda x: x * draw())(X)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # type: ignore[index]


def test_a_full_graph_is_one_that_needs_no_python() -> None:
    assert rl.compile(lambda x: x + 1, fullgraph=True, dynamic=False)(X).tolist() == (X + 1).tolist()
    with pytest.raises(TraceError, match=r"calls perf_counter_ns\(\) at .*test_closures"):
        rl.compile(lambda x: x.sum() * time.perf_counter_ns(), fullgraph=True)(X)


def test_clocks_run_as_python() -> None:
    compiled = compile(lambda x: x.sum() * (time.perf_counter_ns() % 10007), mode="interpret")
    with pytest.warns(UserWarning, match=r"eager.*perf_counter_ns\(\)"):
        compiled(X)
    assert len({compiled(X).item() for _ in range(20)}) > 1


def test_arrays_are_operands() -> None:
    noise = np.ones(2, np.float32)
    compiled = compile(lambda x: x + noise * 2)
    assert compiled(X).tolist() == [3.0, 0.0]
    noise[0] = 5.0
    assert compiled(X).tolist() == [11.0, 0.0]


def test_a_trainer_falls_back_and_says_why() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 1)

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return self.layer(x) + np.random.randn()

    model = Noisy()
    optimizer = rl.optim.SGD(model.parameters(), lr=0.01)
    trainer = rl.train.Trainer(model, optimizer, nn.MSELoss(), progress=False)
    with pytest.warns(RuntimeWarning, match="eager, not compiled.*draws random numbers"):
        trainer.fit(rl.data.TensorDataset(rl.rand(20, 2), rl.rand(20, 1)), 2, batch_size=10)


# Programs, threads, models


def test_the_programs_used_longest_ago_are_let_go() -> None:
    compiled = compile(lambda x: x * 2, mode="interpret")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in range(1, MOST + 20):
            compiled(rl.ones(n))
            compiled(rl.ones(1))
    assert entries(compiled) == MOST
    known = {key[0][0][0][0] for key, *_ in compiled._entries}
    assert 1 in known
    assert 2 not in known


def test_other_threads_see_no_trace() -> None:
    p = nn.Parameter(rl.ones(3))
    inside, done = threading.Event(), threading.Event()
    found: list[Any] = []

    def step(x: rl.Tensor) -> rl.Tensor:
        with rl.no_grad():
            p.mul_(x)
            inside.set()
            assert done.wait(10)
            p.add_(1.0)
        return p.sum()

    def eager() -> None:
        inside.wait(10)
        try:
            found.append((p * 2).detach().tolist())
        except BaseException as error:
            found.append(error)
        done.set()

    thread = threading.Thread(target=eager)
    thread.start()
    assert compile(step, mode="interpret")(rl.full((3,), 0.5)).item() == 4.5
    thread.join()
    assert found == [[2.0, 2.0, 2.0]]
    assert p.tolist() == [1.5] * 3


def test_data_that_is_assigned_is_an_update() -> None:
    p = nn.Parameter(rl.ones(2))

    def step(x: rl.Tensor) -> rl.Tensor:
        p.data = p.detach() + x
        return p.sum()

    compiled = compile(step, mode="interpret")
    assert [compiled(X).item() for _ in range(3)] == [1.0, 0.0, -1.0]
    assert p.tolist() == [4.0, -5.0]


def test_a_compiled_model_is_a_module() -> None:
    model = nn.MLP(2, [3], 1)
    compiled = compile(model)
    assert isinstance(compiled, nn.Module)
    assert list(compiled.state_dict()) == list(model.state_dict())
    assert list(map(id, compiled.parameters())) == list(map(id, model.parameters()))
    assert compiled.eval().training is model.training is False
    assert list(nn.Sequential(compiled).state_dict()) == [f"0.{k}" for k in model.state_dict()]
    x = rl.rand(4, 2)
    with rl.no_grad():
        np.testing.assert_allclose(compiled(x).numpy(), model(x).numpy(), rtol=1e-5)
    assert entries(compiled) == 1
    optimizer = rl.optim.SGD(compiled.parameters(), lr=0.1)
    with pytest.warns(UserWarning, match="eager where gradients are wanted"):
        loss = compiled(x).sum()
    loss.backward()
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(x)
