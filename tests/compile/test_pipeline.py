"""Each stage of the compiler is verified: what is unsound is found before it becomes native code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl
from rushlight.compile import pipeline
from rushlight.compile.capture.trace import trace
from rushlight.compile.graph import Graph, GraphError
from rushlight.compile.plan.memory import Memory
from rushlight.compile.plan.records import Schedule

pytest.importorskip("llvmlite")


def _graph() -> Graph:
    return trace(lambda x, y: ((x @ y).tanh() @ y, x.sum(0)), [rl.rand(5, 5), rl.rand(5, 5)]).graph


def _store_nothing(plan: Schedule) -> None:
    plan.kernels[0].stores = []


def _run_twice(plan: Schedule) -> None:
    plan.kernels.append(plan.kernels[0])


def _run_backward(plan: Schedule) -> None:
    plan.kernels.reverse()


def _lose_a_place(plan: Schedule) -> None:
    del plan.access[id(plan.graph.outputs[0])]


@pytest.mark.parametrize("damage", [_store_nothing, _run_twice, _run_backward, _lose_a_place])
def test_unsound_kernels_are_found(
    damage: Callable[[Schedule], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = pipeline.finish

    def damaged(plan: Schedule) -> Schedule:
        damage(finish(plan))
        return plan

    pipeline.schedule(_graph())
    monkeypatch.setattr(pipeline, "finish", damaged)
    with pytest.raises(GraphError):
        pipeline.schedule(_graph(), fuse=False)


def test_unsound_memory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plan_memory = pipeline.plan_memory

    def damaged(plan: Schedule) -> Memory:
        memory = plan_memory(plan)
        places: Any = memory.places
        first = next(place for place in places.values() if place.kind == "arena")
        memory.places = {key: first if p.kind != "input" else p for key, p in places.items()}
        return memory

    pipeline.build(_graph())
    monkeypatch.setattr(pipeline, "plan_memory", damaged)
    with pytest.raises(GraphError, match="written over"):
        pipeline.build(_graph())
