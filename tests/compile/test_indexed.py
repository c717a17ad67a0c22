"""Gathers, scatters and joins in native code: every op, dtype and layout, repeated and negative indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.function import compile
from rushlight.compile.write import scatter
from tests.compile.compare import check_same
from tests.compile.indexed_cases import OPS, Case, array, by_numpy, inputs, kinds, put

pytest.importorskip("llvmlite")

DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool", "float16")


def forward_and_backward(functions: list[Callable[..., Any]], given: list[list[Any]]) -> tuple[Any, ...]:
    """The results, after backward has left gradients behind."""
    results = [f(*x) for f, x in zip(functions, given, strict=True)]
    totals = [
        (r * (rl.arange(r.numel()).reshape(r.shape).to(r.dtype) % 5)).sum()
        for r in results
        if r.requires_grad
    ]
    if totals:
        sum(totals[1:], totals[0]).backward()
    return tuple(r.detach() for r in results)


@pytest.mark.parametrize("name", OPS)
def test_native_is_eager(name: str) -> None:
    _compare([OPS[name]], "float32", "rows", "full")


@pytest.mark.parametrize(
    ("dtype", "layout", "mode"),
    [
        *[("float32", "rows", mode) for mode in ("nofuse", "interpret")],
        *[(dtype, "rows", "full") for dtype in DTYPES[1:]],
        *[("float32", layout, "full") for layout in ("transposed", "flipped", "spread")],
        ("uint8", "transposed", "full"),
    ],
)
def test_any_mode_dtype_and_layout(dtype: str, layout: str, mode: str) -> None:
    _compare(list(OPS.values()), dtype, layout, mode)


def _compare(cases: list[Case], dtype: str, layout: str, mode: str) -> None:
    """All cases as one program."""
    counts = [len(c[1]) + len(c[2]) for c in cases]

    def run(*given: Any) -> tuple[Any, ...]:
        rest = iter(given)
        parts = [[next(rest) for _ in range(n)] for n in counts]
        return forward_and_backward([c[0] for c in cases], parts)

    def fresh() -> list[Any]:
        return [t for case in cases for t in inputs(case, dtype, layout)]

    plain = fresh()
    expected = [*run(*plain), *[t.grad for t in plain if t.grad is not None]]
    compiled = compile(run, mode=mode)
    for _ in range(2):
        given = fresh()
        found = [*compiled(*given), *[t.grad for t in given if t.grad is not None]]
        check_same(found, expected, f"{mode} {dtype} {layout}")
    if mode != "interpret":
        # Sums of float16 need memory in float32.
        assert by_numpy(compiled) <= ({"index_add", "add_along"} if dtype == "float16" else set())


def test_layouts_made_inside_the_program() -> None:
    """Views of inputs and of results are indexed, and are indices themselves."""
    x, table = rl.from_numpy(array((6, 40), "float32", 1)), rl.from_numpy(array((3, 5), "float32", 2))
    i = rl.tensor([[0, 2, 1], [-1, 1, 0]])

    def run(x: Any, table: Any, i: Any) -> Any:
        first = (x.T[::2] + 1).flip(0)[i.T]
        second = table.expand(2, 3, 5)[i[0, ::2].flip(0) % 2, i[1, :2]]
        return rl.cat([first.reshape(-1), second.T.reshape(-1), (table * 3)[i[:, 1]].flip(1).reshape(-1)])

    compiled = compile(run)
    for _ in range(2):
        check_same([compiled(x, table, i)], [run(x, table, i)], "views")
    assert kinds(compiled) >= {"gather", "cat"}
    assert "callback" not in kinds(compiled)


def test_sums_are_those_of_numpy_to_the_last_bit() -> None:
    r = np.random.default_rng(0)
    values, index = r.normal(size=(500, 20)).astype(np.float32), r.integers(-7, 7, 500)
    total = np.zeros((7, 20), np.float32)
    np.add.at(total, index, values)
    table = rl.zeros(7, 20, requires_grad=True)

    @compile
    def step(values: Any, index: Any) -> Any:
        return rl.autograd.grad((table[index] * values).sum(), [table])[0]

    for _ in range(2):
        assert np.array_equal(step(rl.from_numpy(values), rl.from_numpy(index)).numpy(), total)


def test_neighbours_fuse_into_a_gather() -> None:
    compiled = compile(lambda x, i: (x[i].exp() * 2).sum(1))
    x, i = rl.ones(5, 30), rl.tensor([1, 4])
    compiled(x, i)
    assert [row.kind for row in compiled.explain().kernels] == ["check", "reduce"]
    scores = compile(lambda x, i: 1 - x.gather(1, i))
    scores(x, rl.tensor([[1], [4], [0], [0], [2]]))
    rows = scores.explain().kernels
    assert [row.kind for row in rows] == ["check", "gather"]
    assert rows[1].bytes == 5 * (4 + 8 + 4)


def test_whatever_follows_a_gather() -> None:
    x, i = rl.from_numpy(array((9, 30), "float32", 3)), rl.tensor([1, -1, 4, 4, 0])

    def run(x: Any, i: Any) -> list[Any]:
        rows = [x[i], x[i] * 2, x.gather(0, i.abs().unsqueeze(1).expand(5, 30))]
        found = [
            y for r in rows for y in (r.cumsum(0), r.cumsum(1), r.argmax(1), r.amax(0), r.mean(), r @ r.T)
        ]
        return [
            *found,
            (x[i] > 2).any(1),
            x[i].prod(1, keepdim=True),
            x[i].sort(1).values,
            x[x[i].argmin(0) % 9],
        ]

    for mode in ("full", "nofuse"):
        compiled = compile(run, mode=mode)
        for _ in range(2):
            check_same(compiled(x, i), run(x, i), mode)
        assert not by_numpy(compiled)


def test_the_table_counts_what_is_moved() -> None:
    step = compile(lambda x, i, g: (rl.cat([x, g]), rl.zeros(9, 20).index_select(0, i) + g, put(x, i, g)))
    step(rl.ones(9, 20), rl.tensor([1, 4]), rl.ones(2, 20))
    rows = {row.kind: row for row in step.explain().kernels}
    assert rows["check"].bytes == 2 * 8
    assert rows["cat"].bytes == 2 * 11 * 20 * 4
    assert rows["scatter"].bytes == 2 * 9 * 20 * 4 + 2 * 8 + 2 * 20 * 4
    assert rows["cat"].flops == rows["scatter"].flops == 0
    table = rl.ones(50, 20, requires_grad=True)
    grads = compile(lambda i, g: rl.autograd.grad((table[i] * g).sum(), [table])[0])
    grads(rl.tensor([1, 4]), rl.ones(2, 20))
    assert {row.kind: row.flops for row in grads.explain().kernels}["scatter"] == 2 * 20


def test_a_wrong_scatter_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scatter, "_adds", lambda node: False)
    table = rl.ones(5, 3, requires_grad=True)

    def step(i: Any) -> Any:
        return rl.autograd.grad((table[i] ** 2).sum(), [table])[0]

    i = rl.tensor([1, 1, 0])
    with pytest.warns(UserWarning, match="scatter kernel index_add"):
        found = compile(step)(i)
    check_same([found], [step(i)], "the interpreter's")


def test_an_index_is_checked_once_and_a_safe_one_never() -> None:
    table = rl.ones(6, 4, requires_grad=True)

    @compile
    def step(i: Any) -> Any:
        return rl.autograd.grad((table[i] ** 2).sum(), [table])[0]

    step(rl.tensor([1, 5]))
    assert [row.kind for row in step.explain().kernels].count("check") == 1
    ordered = compile(lambda x: x.sort(1).values)
    ordered(rl.rand(3, 5))
    found = [row.kind for row in ordered.explain().kernels]
    # What NumPy computes may be interrupted, and then it is no index.
    assert ("check" in found) == ("callback" in found)


def test_a_table_is_written_in_its_own_memory() -> None:
    table = rl.zeros(1000, 50)
    place = table.numpy().ctypes.data

    @compile
    def step(i: Any, x: Any) -> None:
        table[i] = x

    for value in (1, 2):
        step(rl.tensor([3, -1]), rl.full((2, 50), value))
        assert table.numpy()[[3, 999]].tolist() == [[value] * 50] * 2
        assert table.sum().item() == 100 * value
    assert table.numpy().ctypes.data == place
    assert "%1 in input 2" in step.stages()["memory"]


def test_a_table_that_is_read_again_is_copied() -> None:
    plain, native = rl.ones(4, 3), rl.ones(4, 3)

    def step(table: Any, i: Any) -> Any:
        old = table * 1
        table[i] = table[i.flip(0)] * 2 + table.flip(0)[i]
        return old + table

    compiled = compile(lambda i: step(native, i))
    for i in ([0, 3], [1, 0], [2, 2]):
        check_same([compiled(rl.tensor(i))], [step(plain, rl.tensor(i))], "step")
        check_same([native], [plain], "table")
