"""Tracing: forward, backward and update in one graph, which means what the eager program does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.capture.trace import TraceError, trace
from rushlight.compile.graph import Graph, GraphError, Node, Value, verify
from rushlight.compile.interpret import interpret
from rushlight.core.op import REGISTRY
from rushlight.core.spec import Spec
from rushlight.core.state import state
from tests.compile.nets import CASES, build


@pytest.mark.parametrize("name", CASES)
def test_the_graph_means_what_the_program_does(name: str) -> None:
    case = CASES[name]
    _, _, step = build(case)
    x, y = case.batch()
    step(x, y)
    traced = trace(step, [x, y])
    graph, lifted = traced.graph, traced.lifted
    outputs, updates = interpret(graph, [t.array for t in lifted])
    loss = step(x, y)
    index = {id(v): i for i, v in enumerate(graph.inputs)}
    np.testing.assert_allclose(outputs[0], loss.item(), rtol=1e-6)
    assert len(updates) >= 4
    for (target, _), new in zip(graph.updates, updates, strict=True):
        np.testing.assert_allclose(new, lifted[index[id(target)]].array, rtol=1e-5, atol=1e-7)


def test_tracing_changes_nothing() -> None:
    model, _, step = build(CASES["disk"])
    x, y = CASES["disk"].batch()
    step(x, y)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    arrays = {k: v.array for k, v in model.named_parameters()}
    rng = rl.get_rng_state()
    trace(step, [x, y])
    assert all(v.array is arrays[k] for k, v in model.named_parameters())
    assert all(rl.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(isinstance(p.grad.array, np.ndarray) for p in model.parameters() if p.grad is not None)
    assert rl.equal(rl.get_rng_state(), rng)
    assert (state.run, state.write, state.tracing) == (None, None, False)


def test_a_look_at_numbers_names_the_users_line() -> None:
    def branch(x: rl.Tensor) -> rl.Tensor:
        if (x.sum() > 0).item():
            return x
        return -x

    with pytest.raises(TraceError, match=r"item.*test_trace\.py:\d+ in branch"):
        trace(branch, [rl.ones(3)])
    with pytest.raises(TraceError, match="rl.where"):
        trace(lambda x: x if x.sum() > 0 else -x, [rl.ones(3)])
    with pytest.raises(TraceError, match="numpy"):
        trace(lambda x: rl.tensor(np.asarray(x.detach()) * 2), [rl.ones(3)])
    assert state.tracing is False


def test_a_failure_in_the_middle_leaves_the_tensors_alone() -> None:
    p = nn.Parameter(rl.ones(3))
    array = p.array

    def step(x: rl.Tensor) -> rl.Tensor:
        with rl.no_grad():
            p.mul_(2.0)
        raise ValueError("the user's own")

    with pytest.raises(ValueError, match="own"):
        trace(step, [rl.ones(3)])
    assert p.array is array
    assert p.tolist() == [1.0, 1.0, 1.0]


def test_memory_that_is_shared_is_refused_where_it_is_written() -> None:
    whole = rl.zeros(4)
    part = whole[:2]

    def step(x: rl.Tensor) -> rl.Tensor:
        part.add_(x)
        return whole * 2

    with pytest.raises(TraceError, match="shares memory"):
        trace(step, [rl.ones(2)])


def test_verify_finds_what_is_unsound() -> None:
    spec = Spec((2,), "float32")
    a, b, c = (Value(spec, name) for name in "abc")
    exp = REGISTRY["exp"]
    verify(Graph([a], [Node(exp, (a,), {}, b)], [b]))
    with pytest.raises(GraphError, match="reads"):
        verify(Graph([a], [Node(exp, (c,), {}, b)], [b]))
    with pytest.raises(GraphError, match="twice"):
        verify(Graph([a], [Node(exp, (a,), {}, a)], [a]))
    with pytest.raises(GraphError, match="infers"):
        verify(Graph([a], [Node(exp, (a,), {}, Value(Spec((3,), "float32"), "b"))], []))
    with pytest.raises(GraphError, match="no input"):
        verify(Graph([a], [Node(exp, (a,), {}, b)], [], [(b, b)]))


def test_a_graph_prints_itself() -> None:
    traced = trace(lambda x: (x * 2).tanh(), [rl.ones(2, 3)])
    assert str(traced.graph).splitlines() == [
        "input  %in0: float32[2, 3]",
        "%0 = mul(%in0, 2)  : float32[2, 3]",
        "%1 = tanh(%0)      : float32[2, 3]",
        "return %1",
    ]


def test_ops_made_of_others_stay_whole_where_that_is_asked() -> None:
    net = rl.nn.Sequential(rl.nn.Linear(4, 5), rl.nn.Softmax(1))
    x, target = rl.rand(3, 4), rl.tensor([0, 4, 2])

    def loss(x: rl.Tensor, target: rl.Tensor) -> rl.Tensor:
        return rl.nn.functional.cross_entropy(net(x), target) + rl.einsum("ij,kj->", x, x)

    ops = {}
    for whole in (False, True):
        traced = trace(loss, [x, target], whole=whole)
        ops[whole] = {n.op for n in traced.graph.nodes}
        (found,), _ = interpret(traced.graph, [t.array for t in traced.lifted])
        assert np.allclose(found, loss(x, target).item(), rtol=1e-6)
    composite = {op.name for op in ops[True] if op.decompose is not None}
    assert composite == {"linear", "softmax", "cross_entropy", "einsum"}
    assert not any(op.decompose for op in ops[False])


@pytest.mark.parametrize("text", [str, repr, lambda x: {"loss": [f"{x.sum()}"]}])
def test_a_text_of_a_traced_tensor_is_no_result(text: Any) -> None:
    with pytest.raises(TraceError, match="Return the tensor"):
        rl.compile(text)(rl.ones(2))
