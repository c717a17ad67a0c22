"""Programs that an earlier process proved: not written and not proved again, and the same in all else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.function import compile
from rushlight.compile.native import jit, known
from rushlight.compile.pipeline import Recalled
from rushlight.compile.write.maps import write_map
from rushlight.compile.write.render import WRITERS
from tests.compile.test_cache import place

pytest.importorskip("llvmlite")
__all__ = ["place"]


@pytest.fixture
def kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, in a process that does not verify all that it does."""
    monkeypatch.delenv("RUSHLIGHT_VERIFY")
    return place


def _step() -> Callable[..., Any]:
    rl.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))
    net(rl.zeros(1, 1, 8, 8))
    optimizer = rl.optim.Adam(net.parameters(), lr=0.01)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _large() -> Callable[..., Any]:
    """Of a program that is proved in its own memory."""
    weight = rl.ones(1500, 3000)
    return lambda x: ((x @ weight).relu().sum(), weight.add_(1e-3).mean())


def _scanned() -> Callable[..., Any]:
    """Of a loop inside a program, random numbers and a view of the weights."""
    weight = rl.linspace(0, 1, 12).reshape(3, 4)

    def step(x: Any) -> Any:
        state, _ = rl.func.scan(lambda h, row: ((h + row @ weight).tanh(), h.sum()), rl.zeros(4), x)
        weight[1].mul_(0.5)
        return state + rl.dropout(state, 0.5, True)

    return step


def _example(n: int) -> tuple[Any, ...]:
    return rl.rand(n, 1, 8, 8), rl.arange(n) % 4


STEPS: dict[str, tuple[Callable[[], Any], Callable[[], tuple[Any, ...]]]] = {
    "training": (_step, lambda: _example(6)),
    "large": (_large, lambda: (rl.rand(4, 1500),)),
    "loop": (_scanned, lambda: (rl.rand(5, 3),)),
}


def _run(make: Callable[[], Any], example: Callable[[], tuple[Any, ...]]) -> tuple[Any, list[Any]]:
    """(the program, the results of two calls), as in a new process."""
    jit._held.clear()
    rl.manual_seed(1)
    step = compile(make())
    rl.manual_seed(7)
    found = []
    for _ in range(2):
        with rl.no_grad() if make is not _step else rl.enable_grad():
            found += rl.utils._pytree.tree_leaves(step(*example()))
    return step._explained(), [t.numpy() for t in found]


@pytest.mark.parametrize("name", STEPS)
def test_a_program_is_known_again(kept: Path, name: str) -> None:
    first, expected = _run(*STEPS[name])
    second, found = _run(*STEPS[name])
    assert first.proof.startswith("Proved in its first call")
    assert second.proof == "Proved in the first call of an earlier process."
    assert not isinstance(first.program.built, Recalled)
    assert second.program.built._built is None  # no stage ran
    assert [a.tobytes() for a in found] == [a.tobytes() for a in expected]
    assert second.program.facts == first.program.facts


def test_it_is_explained_like_any_other(kept: Path) -> None:
    steps = []
    for _ in range(2):
        jit._held.clear()
        step = compile(_step())
        step(*_example(6))
        steps.append(step)
    texts, again = (step.stages() for step in steps)
    assert {k: v for k, v in again.items() if k != "assembly"} == {
        k: v for k, v in texts.items() if k != "assembly"
    }
    assert [r.name for r in steps[1].explain().kernels] == [r.name for r in steps[0].explain().kernels]


def test_its_checks_raise_the_same_errors(kept: Path) -> None:
    table = rl.rand(5, 3)
    said = []
    for _ in range(2):
        jit._held.clear()
        look = compile(lambda i: table[i])
        look(rl.tensor([1, 2]))
        with pytest.raises(IndexError) as caught:
            look(rl.tensor([1, 9]))
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert isinstance(look._explained().program.built, Recalled)


def test_a_loop_over_steps_is_known_too(kept: Path) -> None:
    results = []
    for _ in range(2):
        jit._held.clear()
        total = rl.zeros(3)

        def add(x: Any, total: Any = total) -> Any:
            total += x
            return total.sum()

        step = compile(add)
        results.append((step.scan(rl.ones(4, 3)).tolist(), total.tolist()))
    assert results == [([3.0, 6.0, 9.0, 12.0], [4.0, 4.0, 4.0])] * 2
    assert isinstance(step._explained().program.built, Recalled)


def _double(shape: tuple[int, ...] = (3,), number: float = 2.0, mode: str = "full") -> bool:
    """Whether this program is known, which it is from now on."""
    jit._held.clear()
    step = compile(lambda x: number * x, mode=mode)
    assert (step(rl.ones(shape)) == number).all()
    return isinstance(step._explained().program.built, Recalled)


def test_what_differs_is_another_program(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not _double()
    assert _double()
    assert not _double(shape=(4,))
    assert not _double(number=3.0)
    assert not _double(number=-0.0)
    assert not _double(number=0.0)
    assert not _double(mode="nofuse")
    assert _double()
    known._settings.cache_clear()
    monkeypatch.setattr(known, "WRITERS", ("compile", "core"))  # as if the package's files had changed
    assert not _double()
    known._settings.cache_clear()
    monkeypatch.setenv("RUSHLIGHT_VERIFY", "1")
    assert not _double()


def test_files_that_are_gone_or_damaged(kept: Path) -> None:
    assert not _double()
    assert _double()
    for damage in (Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-3])):
        for path in sorted(kept.glob("*.object")):
            if path.exists():
                damage(path)
                assert not _double()
                assert _double()


def test_what_is_wrong_is_not_noted(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(writer: Any) -> None:
        write_map(writer)
        writer.emitter.lines = [line.replace("fmul", "fadd") for line in writer.emitter.lines]

    with monkeypatch.context() as patch:
        patch.setitem(WRITERS, "map", wrong)
        with pytest.warns(UserWarning, match="disagrees"):
            rl.compile(lambda x: x * 3.0)(rl.ones(5))
    jit._held.clear()
    step = compile(lambda x: x * 3.0)
    assert step(rl.ones(5)).tolist() == [3.0] * 5
    assert not isinstance(step._explained().program.built, Recalled)


def test_what_python_computes_is_not_noted(kept: Path) -> None:
    for _ in range(2):
        jit._held.clear()
        step = compile(lambda x: x.sort(dim=1).values + 1)
        step(rl.rand(300, 300))
        program = step._explained().program
        assert program.facts.callbacks
        assert not isinstance(program.built, Recalled)
