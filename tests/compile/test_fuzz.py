"""A bounded run of the fuzzer, and that it would find something."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as rl
from rushlight.compile.capture.trace import TraceError, trace
from rushlight.compile.fuzz.programs import make
from rushlight.compile.fuzz.run import failure, fuzz, main, shrink
from rushlight.compile.fuzz.steps import STEPS
from rushlight.compile.native import cache
from rushlight.compile.write import maps
from rushlight.core.op import REGISTRY

pytest.importorskip("llvmlite")


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of small programs shall not fill the user's cache."""
    monkeypatch.setenv("RUSHLIGHT_CACHE", "")


@pytest.mark.parametrize("seed", range(0, 150, 10))
def test_random_programs_agree(seed: int) -> None:
    reports: list[str] = []
    assert fuzz(10, seed, reports.append) == 0, "\n".join(reports)


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
    monkeypatch.setitem(maps.IDENTITY, "sum", 1.0)
    reduces = next(i for i in range(200) if failure(make(i), ("full",)))
    program = shrink(make(reduces))
    assert len(program.steps) <= len(make(reduces).steps)
    assert main(["--graphs", "1", "--seed", str(reduces)]) == 1
    assert "steps:" in capsys.readouterr().out


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
    optimisers = {"join", "moving_average", "adam_change", "velocity"}
    assert REGISTRY.keys() - reached - whole - optimisers <= {
        "arange",
        "bitwise_or",
        "bitwise_xor",
        "bitwise_not",
    }
    assert len(STEPS) > 60
