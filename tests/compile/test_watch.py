"""Large programs: proved in their own memory, on a part of the work; and how much memory that takes."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.capture.trace import trace
from rushlight.compile.function import compile
from rushlight.compile.graph import Graph
from rushlight.compile.interpret import evaluate, interpret
from rushlight.compile.native import cache, program
from rushlight.compile.native import threads as workers
from rushlight.compile.native.program import Program
from rushlight.compile.pipeline import build, schedule
from rushlight.compile.plan import memory
from rushlight.compile.plan.verify import overwritten
from rushlight.compile.plan.views import is_view
from rushlight.compile.proof import part, watch
from rushlight.compile.vector import registers
from rushlight.compile.write import library
from rushlight.core.tensor import wrap

F = nn.functional
pytest.importorskip("llvmlite")


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small programs count as large, and are looked at in parts."""
    monkeypatch.setattr(memory, "WATCHED", 0)
    monkeypatch.setattr(part, "FEW", 64)
    monkeypatch.setattr(part, "FEWER", 16)
    monkeypatch.setattr(part, "ALONG", {1: 24, 2: 12})


def _training(
    rule: str, width: int = 40, layers: int = 2, batch: int = 24
) -> tuple[Any, Any, list[rl.Tensor]]:
    """(step, model, batch): the plain loop."""
    rl.manual_seed(5)
    model = nn.Sequential(*[m for _ in range(layers) for m in (nn.Linear(width, width), nn.Tanh())][:-1])
    optimizer = (
        rl.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        if rule == "sgd"
        else rl.optim.Adam(model.parameters())
    )

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, model, [rl.rand(batch, width), rl.randint(0, width, (batch,))]


@pytest.mark.parametrize("rule", ["sgd", "adam"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_large_program_trains_as_eager_does(
    rule: str, threads: int, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "HEAVY", 0)
    monkeypatch.setattr(workers, "_chosen", threads)
    looked: list[int] = []
    right = watch.Watch._look

    def look(self: Any, i: int) -> None:
        looked.append(i)
        right(self, i)

    monkeypatch.setattr(watch.Watch, "_look", look)
    step, model, given = _training(rule)
    twin_step, twin, _ = _training(rule)
    compiled = compile(step)
    for _ in range(3):
        assert compiled(*given).item() == pytest.approx(twin_step(*given).item(), rel=1e-5)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-3, atol=1e-5)
    assert looked == list(range(len(looked))), "one step was watched, from its first kernel to its end"
    assert len(looked) > 6


def _place_given_away(x: rl.Tensor) -> Any:
    zero = rl.full((17, 17), 0.0)
    product = zero @ zero.T
    return zero.clamp(min=0) >= x.float(), product @ product


def _index_of_a_constant(x: rl.Tensor) -> Any:
    rows = rl.full((2, 2, 1), 1.0)[(x[:2, :1] * 3 + 3) % 2]
    return rows @ rows.permute(0, 1, 3, 2)


@pytest.mark.parametrize("function", [_place_given_away, _index_of_a_constant])
@pytest.mark.parametrize("mode", ["full", "nofuse"])
def test_constants_raise_no_alarm(function: Any, mode: str, large: None) -> None:
    """Nobody reads them from memory: there, others may lie by now."""
    x = rl.randint(-9, 9, (17, 17))
    found, expected = compile(function, mode=mode)(x), function(x)
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in (found, expected)], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_what_a_wrong_kernel_stored_is_mended(
    large: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Also what it has written over: the step ends with eager's results."""
    monkeypatch.setattr(cache, "store", lambda *args: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(library, "is_large", lambda node: False)
    step, model, given = _training("sgd")
    twin_step, twin, _ = _training("sgd")
    right = registers.intrinsic

    def lost(name: str, *args: Any, **options: Any) -> Any:
        found = right(name, *args, **options)
        return found * 0.99 if name == "fmuladd" else found

    monkeypatch.setattr(registers, "intrinsic", lost)
    with pytest.warns(UserWarning, match="Kernel at fault: product kernel"):
        found = compile(step)(*given)
    assert found.item() == pytest.approx(twin_step(*given).item(), rel=1e-5)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_an_index_out_of_range_leaves_a_large_program_as_it_was(large: None) -> None:
    step, model, (x, y) = _training("sgd")
    before = [p.detach().clone() for p in model.parameters()]
    compiled = compile(step)
    with pytest.raises(IndexError):
        compiled(x, rl.full((24,), 77))
    assert all(rl.equal(p.detach(), q) for p, q in zip(model.parameters(), before, strict=True))
    assert compiled(x, y).item() > 0


@pytest.mark.parametrize("dim", [(0,), (1,)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_a_part_is_what_the_whole_has_there(
    dim: tuple[int], keepdim: bool, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "FEW", 8)

    def work(a: rl.Tensor, b: rl.Tensor, c: rl.Tensor) -> tuple[rl.Tensor, rl.Tensor]:
        product = (a @ b.T + c).tanh()
        return product, (product * 2).sum(dim, keepdim=keepdim)

    rng = np.random.default_rng(0)
    arrays = [rng.random(s, dtype=np.float32) for s in ((40, 20), (50, 20), (50,))]
    graph = trace(work, [wrap(a) for a in arrays]).graph
    made = {id(n.out): n for n in graph.nodes}
    whole = evaluate(graph, arrays)
    known = {id(v): whole[id(v)] for v in graph.inputs}
    known |= {id(n.out): whole[id(n.out)] for n in graph.nodes if is_view(n)}
    for value in graph.outputs:
        some = part.some_of(value.spec.shape)
        small, given = part.part_of([value], made, lambda v: known.get(id(v)), [some])
        np.testing.assert_allclose(
            interpret(small, given)[0][0], part.sample(whole[id(value)], some), rtol=1e-5
        )
        assert any(some)
        assert sum(a.size for a in given) < sum(a.size for a in arrays)


def _planned(width: int = 512, batch: int = 32) -> Any:
    step, _, given = _training("sgd", width, 3, batch)
    graph: Graph = trace(step, given).graph
    plan = schedule(graph)
    return plan, memory.plan_memory(plan)


def test_values_that_lose_their_place_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, places = _planned()
    assert overwritten(plan, places) is None
    monkeypatch.setattr(memory, "_first_fit", lambda taken, size: 0)
    assert overwritten(plan, memory.plan_memory(plan)) is not None


def test_the_arena_of_a_wide_net_holds_activations_and_no_gradient() -> None:
    width, batch = 512, 32
    _, places = _planned(width, batch)
    activation, weight = batch * width * 4, width * width * 4
    assert places.arena < 7.5 * activation < 1.5 * weight


def test_the_first_run_of_a_large_program_copies_no_more_than_one_kernel_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "WATCHED", 0)
    monkeypatch.setattr(library, "is_large", lambda node: False)
    width = 1024
    step, _, given = _training("sgd", width, 3, 8)
    compiled = compile(step)
    marks: list[int] = []
    run = Program.watched

    def measured(self: Program, *args: Any) -> Any:
        tracemalloc.start()
        try:
            return run(self, *args)
        finally:
            marks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    monkeypatch.setattr(Program, "watched", measured)
    compiled(*given)
    assert marks[0] < 3.5 * width * width * 4, "the weight and its velocity, and a part of their update"


def test_a_program_that_is_dropped_is_freed_at_once() -> None:
    graph = trace(lambda x: x * 2 + 1, [rl.ones(3)]).graph
    gc.disable()
    try:
        made = Program(build(graph), [rl.ones(3)], 1)
        made.run([rl.ones(3)])
        gone = weakref.ref(made)
        del made
        assert gone() is None
    finally:
        gc.enable()


def test_named_results_need_no_search_through_all_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes as long as the process has objects."""
    searched: list[Any] = []
    monkeypatch.setattr(gc, "get_referrers", lambda *codes: searched.extend(codes) or [])
    compile(lambda x: (x.sort().values, x.max(0).indices, x.topk(2)), mode="interpret")(rl.rand(5))
    assert searched == []
