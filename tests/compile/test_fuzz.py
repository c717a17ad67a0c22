"""A bounded run of the fuzzer, and that it would find something."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings
from typing import Any
from unittest import mock

import pytest

import rushlight as rl
from rushlight.compile import host
from rushlight.compile.capture.trace import TraceError, trace
from rushlight.compile.function import compile
from rushlight.compile.native import cache
from rushlight.compile.vector import transfer
from rushlight.compile.write import accumulate
from rushlight.core.op import REGISTRY
from tests.fuzz import run
from tests.fuzz.pool import LARGEST, pair_of
from tests.fuzz.programs import make
from tests.fuzz.run import failure, fuzz, fuzz_like, like, main, shrink
from tests.fuzz.steps import STEPS

pytest.importorskip("llvmlite")


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of small programs shall not fill the user's cache."""
    monkeypatch.setenv("RUSHLIGHT_CACHE", "")


@pytest.mark.parametrize("seed", [0, 10, 20, 30, 70])
def test_random_programs_agree(seed: int) -> None:
    reports: list[str] = []
    assert fuzz(10, seed, reports.append) == 0, "\n".join(reports)


@pytest.mark.parametrize("name", host.ISAS)
def test_random_programs_agree_as_written_for_other_processors(name: str) -> None:
    """Whatever this one has."""
    reports: list[str] = []
    assert fuzz_like(name, 5, 100, reports.append) == 0, "\n".join(reports)


@pytest.mark.parametrize(("name", "lanes"), [("sse2", 4), ("avx2", 8), ("avx512", 16), ("neon", 4)])
def test_their_products_have_vectors_of_that_width(name: str, lanes: int) -> None:
    one = compile(lambda x: x @ x)
    with mock.patch.object(host, "describe", return_value=like(name)):
        one(rl.ones(32, 32))
        text = one.stages()["llvm"]
    assert f"store <{lanes} x float>" in text


def test_some_programs_are_about_long_sums() -> None:
    long = [seed for seed in range(300) if make(seed).long]
    assert 3 <= len(long) <= 30
    for seed in long[:3]:
        assert failure(make(seed)) == ""


def test_a_partner_may_be_missing() -> None:
    """Of a pool whose only float is larger than steps make any, no two go together."""
    pool = [rl.zeros(LARGEST + 1)]
    for number in range(50):
        assert pair_of(pool, random.Random(number), lambda t: True) is None


def test_what_is_found_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Into a file as well, where lines are kept back otherwise."""
    flushed: list[bool] = []
    monkeypatch.setattr("builtins.print", lambda *text, flush=False: flushed.append(flush))
    run.say("found")
    assert flushed == [True]


def test_processes_share_the_work(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert main(["--graphs", "30", "--seed", "40", "--jobs", "2"]) == 0  # the seeds that are missing above
    assert "30 graphs from seed 40: 0 failed" in capsys.readouterr().out


def _spread(x: rl.Tensor) -> Any:
    """Equal numbers: whether their mean is one of them is decided by rounding."""
    y = x * 0.4 - 2.2873849868774414
    return y.std(0) == 0, y.var(1).bool(), (y - y.mean()).sign(), y.std(0).ceil()


FOUND = {
    "one over the sign of -0": lambda x: (1.0 / (x * -1.0).sign(), x.sign() ** -1.0),
    "the argmax of one number that is stored": lambda x: (y := x[:1, 0].clamp(-3, -2), y.argmax(0)),
    "one over the root of -0 and of minus infinity": lambda x: ((x / -1.0) ** -0.5, ((x - 1) / 0.0) ** -0.5),
    "a constant sorted": lambda x: (y := rl.zeros(4), y.sort(0).values, x[0].sort(0).values),
    "the spread of equal numbers": _spread,
}
"""What the fuzzer found, made small."""


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("mode", ["full", "nofuse"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_what_was_found(name: str, mode: str, dtype: str) -> None:
    x = rl.zeros(7, 17).to(getattr(rl, dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compile(FOUND[name], mode=mode)(x)
    if FOUND[name] is not _spread:
        assert [t.tolist() for t in found] == [t.tolist() for t in FOUND[name](x)]


def test_a_program_follows_from_its_seed() -> None:
    assert make(7) == make(7)
    assert make(7) != make(8)
    program = make(7)
    inputs, states = program.build()
    rl.manual_seed(0)
    first = [t.tolist() for t in program.run(inputs, states)]
    inputs, states = program.build()
    rl.manual_seed(0)
    assert repr([t.tolist() for t in program.run(inputs, states)]) == repr(first)


def test_a_planted_fault_is_found_and_made_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cache, "store", lambda *args: None)
    right = accumulate._start
    monkeypatch.setattr(
        accumulate, "_start", lambda kind, *args: 1.0 if kind == "sum" else right(kind, *args)
    )
    reduces = next(i for i in range(200) if failure(make(i), ("full",)))
    program = shrink(make(reduces))
    assert len(program.steps) <= len(make(reduces).steps)
    assert main(["--graphs", "1", "--seed", str(reduces)]) == 1
    assert "steps:" in capsys.readouterr().out


def test_a_write_past_the_end_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = transfer.store

    def one_more(x: Any, pointer: str, count: int | None = None) -> None:
        right(x, pointer, None if count is None else count + 1)

    monkeypatch.setattr(transfer, "store", one_more)
    assert any("past the end" in failure(make(seed), ("full",)) for seed in range(10))


def test_the_programs_reach_nearly_every_op() -> None:
    reached: set[str] = set()
    for seed in range(500):
        program = make(seed)
        inputs, states = program.build()

        def run(*given: Any, program: Any = program, states: Any = states) -> Any:
            return program.run(given, states)

        try:
            reached.update(n.op.name for n in trace(run, inputs).graph.nodes)
        except (TraceError, rl.errors.RushlightError):
            continue
    whole = {name for name, op in REGISTRY.items() if op.decompose is not None}
    whole |= {"gelu", "gelu_grad", "silu", "silu_grad"}  # Maps, sampled in test_every_op
    optimisers = {"join", "moving_average", "adam_change", "velocity"}
    basic = "import rushlight; from rushlight.core.op import REGISTRY; print(*REGISTRY)"
    done = subprocess.run([sys.executable, "-c", basic], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - reached - whole - optimisers <= {
        "arange",
        "bitwise_or",
        "bitwise_xor",
        "bitwise_not",
        "linspace",
    }
    assert len(STEPS) > 60
