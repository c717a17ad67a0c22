"""The table of kernels: every kernel is there, the work is counted right, and measuring changes nothing."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile import host
from rushlight.compile.explain import peak, timing
from rushlight.compile.function import compile
from rushlight.compile.plan import memory
from rushlight.device.memory import aligned_bytes
from rushlight.errors import NotSupportedError
from tests.compile.nets import CASES, build

pytest.importorskip("llvmlite")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SECONDS", 0.02)


def _compiled(name: str) -> tuple[Any, Any, Any, tuple[Any, Any]]:
    model, optimizer, step = build(CASES[name])
    batch = CASES[name].batch()
    run = compile(step)
    run(*batch)
    return model, optimizer, run, batch


@pytest.mark.parametrize(
    ("limit", "proved"),
    [
        (memory.WATCHED, r"call: all 17 results agree with the interpreter's\."),
        (0, r"kernel by kernel: of what each of \d+ stores, .* of \d+ that are like one of these, fewer\."),
    ],
)
def test_it_says_what_was_proved(limit: int, proved: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "WATCHED", limit)
    _, _, run, _ = _compiled("disk")
    assert re.search(proved, str(run.explain()).splitlines()[-1])


@pytest.mark.parametrize("name", ["disk", "dropout"])
def test_measuring_changes_nothing(name: str) -> None:
    model, optimizer, run, batch = _compiled(name)

    def everything() -> list[np.ndarray]:
        state = [t for s in optimizer.state.values() for t in s.values() if isinstance(t, rl.Tensor)]
        tensors = [*model.state_dict().values(), *state, *batch, rl.get_rng_state()]
        return [t.numpy().copy() for t in tensors]

    before = everything()
    run.explain()
    for a, b in zip(before, everything(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_goes_on_as_if_nothing_had_been_measured() -> None:
    losses = []
    for measured in (False, True):
        rl.manual_seed(3)
        _, _, run, batch = _compiled("disk")
        if measured:
            run.explain()
        losses.append([run(*batch).item() for _ in range(3)])
    assert losses[0] == losses[1]


def test_every_kernel_has_a_row_and_the_work_is_right() -> None:
    weight, bias = rl.rand(50, 30), rl.rand(30)
    run = compile(lambda x: (x @ weight + bias).relu())
    run(rl.rand(20, 50))
    explained = run.explain()
    (row,) = explained.kernels
    assert row.kind == "product"
    assert row.name.startswith("matmul+add")
    assert row.shape == (20, 30)
    assert row.flops == 2 * 20 * 50 * 30 + 20 * 30
    assert row.bytes == 4 * (20 * 50 + 50 * 30 + 30 + 20 * 30)
    assert explained.flops == row.flops
    assert explained.bytes == row.bytes
    assert row.seconds > 0
    assert explained.step > 0
    assert explained.call > 0
    assert 0 < row.share < 2


def test_a_function_counts_with_what_it_is_made_of() -> None:
    def flops(function: Any) -> int:
        run = compile(function)
        run(rl.rand(1000))
        return run.explain().flops

    assert flops(lambda x: x + x) == 1000
    assert flops(lambda x: x.where(x > 0.5, 0.0)) == 0
    assert 10_000 < flops(lambda x: x.tanh()) < 60_000


def test_the_table_has_a_line_for_each_kernel() -> None:
    _, _, run, _ = _compiled("disk")
    explained = run.explain()
    text = str(explained)
    assert len(re.findall(r"^ *\d+  \S", text, re.MULTILINE)) == len(explained.kernels)
    assert "GFLOP/s" in text
    assert f"with {host.describe().isa}, measured" in text
    assert "trace" in text
    assert "All of it is native code." in text
    assert all(line == line.rstrip() for line in text.splitlines())
    assert math.isclose(explained.seconds, sum(row.seconds for row in explained.kernels))


def test_what_numpy_computes_is_named() -> None:
    run = compile(lambda x: x.sort(dim=1).values.exp())
    run(rl.rand(8, 300))  # long rows
    explained = run.explain()
    assert any(row.kind == "callback" for row in explained.kernels)
    assert re.search(r"NumPy computes argsort \(#0\)", str(explained))


def test_the_systems_clock_does_where_there_is_no_counter() -> None:
    _, _, run, _ = _compiled("disk")
    entry = run._explained()
    times = timing.measure(entry, counter=False)
    assert len(times.kernels) == len(entry.program.module.calls)
    assert all(t >= 0 for t in times.kernels)
    assert sum(times.kernels) > 0


def test_several_threads() -> None:
    from rushlight.compile.native.threads import get_num_threads, set_num_threads

    before = get_num_threads()
    set_num_threads(2)
    try:
        weight = rl.rand(512, 512)
        run = compile(lambda x: (x @ weight).relu() @ weight)
        run(rl.rand(128, 512))
        explained = run.explain()
        assert explained.threads == 2
        assert all(0 <= row.seconds <= 2 * explained.step for row in explained.kernels)
    finally:
        set_num_threads(before)


def test_after_a_scan_and_with_inputs_in_other_orders() -> None:
    total = rl.zeros(4)

    @compile
    def step(x: Any) -> Any:
        total.add_(x.sum(0))
        return total.sum()

    step.scan(rl.ones(3, 4, 2).transpose(1, 2))
    kept = total.numpy().copy()
    assert step.explain().kernels
    np.testing.assert_array_equal(total.numpy(), kept)


def test_without_a_program_it_says_what_to_do() -> None:
    run = compile(lambda x: x + 1)
    with pytest.raises(NotSupportedError, match="Call it once"):
        run.explain()
    plain = compile(lambda x: x + 1, mode="interpret")
    plain(rl.ones(3))
    with pytest.raises(NotSupportedError, match="interpret"):
        plain.explain()


def test_stages() -> None:
    _, _, run, _ = _compiled("disk")
    stages = run.stages()
    assert list(stages) == ["graph", "simplified", "kernels", "memory", "llvm", "optimized", "assembly"]
    assert "tanh" in stages["graph"]
    assert "define void @step(" in stages["llvm"]
    assert "define void @step(" in stages["optimized"]
    assert "step:" in stages["assembly"]


def test_kernels_and_memory_are_printed_as_records() -> None:
    """What each kernel reads and where that lies, what it does and what it writes; where values live."""
    weight, total = rl.rand(30, 50), rl.zeros(20, 1)

    @compile
    def run(x: Any, classes: Any) -> Any:
        likely = rl.softmax(x @ weight.T, -1)
        total.add_(likely.gather(1, classes))
        return likely, total

    run(rl.rand(20, 50), rl.zeros(20, 1, dtype=rl.int64))
    stages = run.stages()
    assert re.sub("function f[0-9a-f]{20}", "function f", stages["kernels"]) == KERNELS
    assert stages["memory"] == MEMORY


KERNELS = """\
k0: product over [20, 30], merging [50]; 1 part; function f
    read %in0: float32[20, 50], strides [50, 1]
    read %0 in %in2: float32[50, 30], strides [1, 50]
    %1 = matmul(%in0, %0)
    write %1: float32[20, 30], strides [30, 1]
k1: rows over [20, 30], row by row along axis 1; 1 part; function f
    read %1: float32[20, 30], strides [30, 1]
    stage 0: reduce over [20, 1], merging [30]
        %2 = amax(%1, dim=(1,), keepdim=True)
    stage 1: reduce over [20, 1], merging [30]
        %3 = sub(%1, %2)
        %4 = exp(%3)
        %5 = sum(%4, dim=(1,), keepdim=True)
    stage 2: map over [20, 30]
        %6 = div(%4, %5)
    write %6: float32[20, 30], strides [30, 1]
k2: check over [20, 1]; 1 part; function f
    read %in1: int64[20, 1], strides [1, 1]
    check 0 <= %in1 < 30
k3: gather over [20, 1]; 1 part; function f
    read %6: float32[20, 30], strides [30, 1]
    read %in1: int64[20, 1], strides [1, 1]
    read %in3: float32[20, 1], strides [1, 1]
    %7 = gather(%6, %in1, dim=1)
    %8 = add(%in3, %7)
    write %8: float32[20, 1], strides [1, 1]"""

MEMORY = """\
k0: %1 in the arena at byte 0, 2432 bytes
k1: %6 in output 0
k3: %8 in input 3
c0: %8 copied to output 1
arena: 2496 bytes"""


def test_peak() -> None:
    found = peak.measure()
    assert found.flops > 1e8
    assert [level.name for level in found.levels] == ["L1", "L2", "L3", "memory"]
    assert all(level.bandwidth > 1e7 for level in found.levels)
    assert [level.size for level in found.levels] == sorted(level.size for level in found.levels)
    assert found.level(1).name == "L1"
    assert found.level(10**12).name == "memory"
    assert peak.measure() is found


@pytest.mark.parametrize("size", [2**10, 2**28, 2**34])
def test_the_peak_is_measured_inside_its_memory_whatever_the_caches_are(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A server's shared cache of 260 MB is larger than the 64 MB that were read."""
    asked: list[int] = []
    memory = aligned_bytes

    def counted(size: int) -> Any:
        asked.append(size)
        return memory(size)

    held = dataclasses.replace(host.describe(), caches=host.Caches(2**9, 2**9, size))
    monkeypatch.setattr(host, "describe", lambda: held)
    monkeypatch.setattr(peak, "PATIENCE", 0.0)
    monkeypatch.setattr(peak, "aligned_bytes", counted)
    sizes: list[int] = []
    best = peak._best
    monkeypatch.setattr(peak, "_best", lambda work: sizes.append(work(1)) or best(work))
    assert peak.measure.__wrapped__().level(10**12).name == "memory"
    assert len(asked) == 1
    assert asked[0] <= peak.MOST
    assert max(sizes) <= 2 * asked[0]  # what is updated is read and written
