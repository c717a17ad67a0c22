"""Row fusion: softmax and its like are one kernel, and right along every axis, for every size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
import rushlight.nn.functional as F
from rushlight.compile import pipeline
from rushlight.compile.plan.rows import LONG
from rushlight.compile.write import cuts
from rushlight.compile.write.work import work_of
from rushlight.errors import IndexingError
from tests.compile.compare import check_same
from tests.compile.nets import Case, build

Step = Callable[..., Any]


def layer_norm(x: Any, axis: int) -> Any:
    d = x - x.mean(axis, keepdim=True)
    return d / ((d * d).mean(axis, keepdim=True) + 1e-5).sqrt()


NORMS: dict[str, Step] = {
    "softmax": F.softmax,
    "log_softmax": F.log_softmax,
    "layer_norm": layer_norm,
    "share": lambda x, axis: x * (1 / x.abs().sum(axis, keepdim=True)),
    "standard": lambda x, axis: (x - x.mean(axis, keepdim=True)) / (x.std(axis, keepdim=True) + 1),
    "without the axis": lambda x, axis: x * x.amax(axis).exp().unsqueeze(axis),
    "whether": lambda x, axis: (x == x.amax(axis, keepdim=True)).to(x.dtype) * x,
}


def kernels(compiled: Any) -> list[Any]:
    (entry,) = [e for group in compiled._entries.values() for e in group]
    assert entry.proved, "the program was wrong"
    return list(entry.program.plan.kernels)


def forward_backward(norm: Step, axis: int) -> Step:
    def step(x: Any, g: Any) -> tuple[Any, Any]:
        x = x.detach().requires_grad_()
        y = norm(x, axis)
        (y * g).sum().backward()
        return y.detach(), x.grad

    return step


def tensors(shape: tuple[int, ...], dtype: str) -> list[Any]:
    rng = np.random.default_rng(sum(shape))
    return [rl.from_numpy(rng.standard_normal(shape).astype(dtype)) for _ in range(2)]


@pytest.mark.parametrize("norm", NORMS)
def test_one_kernel_forward(norm: str) -> None:
    compiled = rl.compile(lambda x: NORMS[norm](x, -1))
    check_same(
        [compiled(*tensors((9, 40), "float32")[:1])], [NORMS[norm](tensors((9, 40), "float32")[0], -1)], norm
    )
    assert [k.kind for k in kernels(compiled)] == ["rows"]


@pytest.mark.parametrize("norm", ["softmax", "log_softmax", "layer_norm"])
def test_the_derivative_is_one_kernel(norm: str) -> None:
    """It may run with the forward kernel, where what comes in is known by then."""

    def step(x: Any, g: Any) -> Any:
        x = x.detach().requires_grad_()
        NORMS[norm](x, -1).backward(g)
        return x.grad

    compiled = rl.compile(step)
    compiled(*tensors((9, 40), "float32"))
    assert {k.kind for k in kernels(compiled)} == {"rows"}
    assert len(kernels(compiled)) <= 2


@given(
    st.sampled_from(sorted(NORMS)),
    st.lists(st.sampled_from([1, 2, 3, 7, 16, 17, 40]), min_size=1, max_size=3),
    st.integers(0, 2),
    st.sampled_from(["float32", "float64"]),
)
@settings(max_examples=40, deadline=None)
def test_every_axis_and_size(norm: str, shape: list[int], axis: int, dtype: str) -> None:
    step = forward_backward(NORMS[norm], axis % len(shape))
    given = tensors(tuple(shape), dtype)
    compiled = rl.compile(step)
    check_same(compiled(*given), step(*given), f"{norm} {shape} {axis} {dtype}")
    kernels(compiled)


@pytest.mark.parametrize("shape", [(3, LONG + 5), (LONG + 5, 3), (LONG + 5,)])
def test_long_rows_need_no_memory_on_the_stack(shape: tuple[int, ...]) -> None:
    axis = shape.index(max(shape))
    step = forward_backward(F.softmax, axis)
    compiled = rl.compile(step)
    check_same(compiled(*tensors(shape, "float32")), step(*tensors(shape, "float32")), str(shape))
    kernels(compiled)
    assert "alloca" not in compiled.stages()["llvm"]


def test_what_a_row_kernel_makes_on_the_way_can_go_out() -> None:
    def step(x: Any) -> tuple[Any, ...]:
        top = x.amax(1, keepdim=True)
        e = (x - top).exp()
        total = e.sum(1)
        return top, e, total, e / total.unsqueeze(1)

    compiled = rl.compile(step)
    check_same(compiled(*tensors((20, 33), "float32")[:1]), step(*tensors((20, 33), "float32")[:1]), "parts")
    assert len(kernels(compiled)) == 1


def test_rows_that_meet_other_rows_stay_apart() -> None:
    """The second kernel reads every row's total at another row."""

    def step(x: Any) -> Any:
        return x / x.sum(1).flip(0).unsqueeze(1) + x.sum(1)

    compiled = rl.compile(step)
    (x, _) = tensors((8, 8), "float64")
    check_same([compiled(x)], [step(x)], "flipped")
    assert len(kernels(compiled)) > 1


def test_a_kernel_does_not_run_before_what_it_reads() -> None:
    def step(x: Any, w: Any) -> Any:
        top = x.amax(1, keepdim=True)
        y = (x - top) @ w
        return (y - top).exp().sum(1), top + y

    compiled = rl.compile(step)
    x, w = tensors((8, 8), "float64")
    check_same(compiled(x, w), step(x, w), "a product in between")
    kernels(compiled)


def trained(model: Any, optimizer: Any) -> Any:
    """The program of a classifier's training step."""
    case = Case(lambda: model, F.cross_entropy, optimizer, lambda: (rl.rand(20, 6), rl.randint(0, 3, (20,))))
    compiled = rl.compile(build(case)[2])
    for _ in range(2):
        compiled(*case.batch())
    kernels(compiled)
    return compiled._explained().program


def test_a_training_step_updates_in_place() -> None:
    """Bias gradients of two layers share no rows, and updates within a row kernel need no copies."""
    model = rl.nn.MLP(6, [5, 5], 3, activation="relu")
    program = trained(model, lambda p: rl.optim.SGD(p, 0.1, momentum=0.9))
    assert program.memory.copies == []


def test_a_target_that_a_later_stage_reads_is_not_overwritten() -> None:
    state = rl.ones(4)

    def step(x: Any) -> Any:
        total = x.sum(1)
        with rl.no_grad():
            state.add_(total)
        return x * (state + total).unsqueeze(1) - state.unsqueeze(1), state * 2

    twin = state.clone()
    compiled = rl.compile(step)
    (x, _) = tensors((4, 9), "float32")
    for _ in range(2):
        found = compiled(x)
        twin = twin + x.sum(1)
        check_same(found, [x * (twin + x.sum(1)).unsqueeze(1) - twin.unsqueeze(1), twin * 2], "updated rows")
    check_same([state], [twin], "state")


def test_nothing_is_overwritten_before_a_check() -> None:
    """Else every call would work on copies of all that it updates."""
    program = trained(rl.nn.Linear(6, 3), lambda p: rl.optim.Adam(p, 0.1))
    assert program.module.checks
    assert not program._apart


def classifier(batch: int, classes: int) -> tuple[Any, tuple[Any, ...]]:
    """A step of a linear classifier, and what it is given."""
    weight, bias = (rl.zeros(*shape).requires_grad_() for shape in ((classes, 6), (classes,)))

    def step(x: Any, y: Any) -> tuple[Any, ...]:
        weight.grad = bias.grad = None
        loss = F.cross_entropy(F.linear(x, weight, bias), y)
        loss.backward()
        return loss.detach(), weight.grad.clone(), bias.grad.clone()

    rng = np.random.default_rng(classes)
    x = rl.from_numpy(rng.standard_normal((batch, 6)).astype("float32"))
    return step, (x, rl.from_numpy(rng.integers(0, classes, batch)))


@pytest.mark.parametrize("classes", [3, 10, 40])
def test_cross_entropy_is_two_kernels(classes: int) -> None:
    """One looks at the targets, and checks them; one makes the loss and all of its gradient."""
    step, given = classifier(128, classes)
    compiled = rl.compile(step)
    check_same(compiled(*given), step(*given), "cross-entropy")
    kinds = [k.kind for k in kernels(compiled)]
    assert kinds.count("rows") == 2
    # The bias's gradient is a sum over the batch.
    assert sorted(set(kinds) - {"product"}) == ["reduce", "rows"]
    assert kinds.count("reduce") == 1


def test_a_target_out_of_range_leaves_all_as_it_was() -> None:
    step, (x, y) = classifier(128, 10)
    seen = rl.zeros(())

    def counted(x: Any, y: Any) -> Any:
        seen.add_((y >= 0).sum())
        return step(x, y)

    compiled = rl.compile(counted)
    compiled(x, y)
    wrong = y.clone()
    wrong[77] = 12
    with pytest.raises(IndexingError, match="class 12"):
        compiled(x, wrong)
    assert seen.item() == 128
    check_same(compiled(x, y), step(x, y), "after it")
    assert seen.item() == 256


@pytest.mark.parametrize("seen", [None, "through a view"])
@pytest.mark.parametrize("shape", [(16, 64), (4096, 257)])
def test_totals_of_rows_are_made_by_them_where_they_are_not_divided(
    shape: tuple[int, int], seen: str | None
) -> None:
    def step(x: Any, g: Any) -> tuple[Any, Any]:
        y = F.log_softmax(x, 1) * g
        return y, (y.sum(1) if seen is None else y.sum(1, keepdim=True).squeeze(1)).mean()

    compiled = rl.compile(step)
    check_same(compiled(*tensors(shape, "float32")), step(*tensors(shape, "float32")), str(shape))
    assert {k.kind for k in kernels(compiled)} == ({"rows"} if shape == (16, 64) else {"rows", "reduce"})


def test_rows_that_would_be_divided_with_their_total_keep_it_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of just less work than is divided, and of just more with the total."""

    def step(x: Any) -> tuple[Any, Any]:
        y = F.log_softmax(x, 1)
        return y, y.sum(1).mean()

    (x, _) = tensors((64, 48), "float32")
    found = []
    for round_ in ("whole", "apart"):
        compiled = rl.compile(step)
        check_same(compiled(x), step(x), round_)
        found.append(len(kernels(compiled)))
        monkeypatch.setattr(cuts, "LEAST", work_of(kernels(compiled)[0]) - 1)
        monkeypatch.setattr(pipeline, "LEAST", cuts.LEAST)
    assert found == [1, 2]
