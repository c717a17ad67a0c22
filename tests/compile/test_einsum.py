"""einsum in other operations, as programs have it: the same values and gradients, and none of it in NumPy."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.function import compile
from rushlight.ops.einsum import _decomposed
from tests.compile.compare import check_same

SIZES = {"a": 2, "b": 3, "c": 4, "d": 1, "e": 5}


def equation(r: random.Random) -> str:
    terms = ["".join(r.sample("abcde", r.randint(0, 3))) for _ in range(r.choice((1, 2, 2, 2, 3)))]
    letters = sorted(set("".join(terms)))
    return f"{','.join(terms)}->{''.join(r.sample(letters, r.randint(0, len(letters))))}"


def operands(text: str, seed: int, dtype: str) -> list[Any]:
    """Small whole numbers; now and then an axis of size 1 stands for a longer one."""
    r, numbers = random.Random(seed), np.random.default_rng(seed)
    shapes = [[1 if r.random() < 0.15 else SIZES[c] for c in term] for term in text.split("->")[0].split(",")]
    return [rl.from_numpy(np.asarray(numbers.integers(0, 4, s)).astype(dtype)) for s in shapes]


@pytest.mark.parametrize("dtype", ["float64", "int64", "int32", "bool"])
def test_decomposed_is_numpy(dtype: str) -> None:
    r = random.Random(1)
    for seed in range(60):
        text = equation(r)
        given = operands(text, seed, dtype)
        found = _decomposed(*given, equation=text)
        plain = np.einsum(text, *[t.numpy() for t in given])
        assert (found.shape, found.dtype) == (plain.shape, plain.dtype), text
        np.testing.assert_allclose(found.numpy(), plain, err_msg=text)


def test_native_with_gradients() -> None:
    pytest.importorskip("llvmlite")
    texts = ["ij,jk->ik", "bij,bkj->bik", "ij,ij->", "ij->ji", "i,j->ij", "bhid,bhjd->bhij", "ij,jk,kl->il"]
    sizes = {"i": 3, "j": 4, "k": 5, "l": 2, "b": 2, "h": 3, "d": 6}

    def run(*given: Any) -> list[Any]:
        rest, found = iter(given), []
        for text in texts:
            xs = [next(rest) for _ in text.split("->")[0].split(",")]
            y = rl.einsum(text, *xs)
            found += [
                y.detach(),
                *rl.autograd.grad((y * y).sum(), xs),
                *rl.autograd.grad(rl.einsum(text, *xs).sum(), xs),
            ]
        return found

    shapes = [[sizes[c] for c in term] for text in texts for term in text.split("->")[0].split(",")]
    given = [
        rl.from_numpy(np.random.default_rng(k).normal(size=s)).requires_grad_() for k, s in enumerate(shapes)
    ]
    compiled = compile(run)
    for _ in range(2):
        check_same(compiled(*given), run(*given), "einsum")
    assert all(k.kind != "callback" for k in compiled._explained().program.plan.kernels)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "ij,jk->ik",
            "ij,jk->ki",
            "ji,kj->ik",
            "bthd,bshd->bhts",
            "bhts,bshd->bthd",
            "abc,cbd->ad",
            "abc,dbc->da",
        ),
        *("ij,ij->i", "i,i->", "ijk,jk->i", "aij,bij->ab", "ai,bi->ab", "abi,abi->ba"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_pair_with_common_letters_is_one_product(text: str, dtype: str) -> None:
    """Whatever the order of its axes: nothing is copied."""
    pytest.importorskip("llvmlite")
    sizes = {c: 3 + k for k, c in enumerate("abcdefghijklmnopqrst"[::-1])}
    left, right = text.split("->")[0].split(",")
    numbers = np.random.default_rng(5)
    given = [rl.from_numpy(numbers.normal(size=[sizes[c] for c in t]).astype(dtype)) for t in (left, right)]
    compiled = compile(lambda a, b: rl.einsum(text, a, b).tanh())
    check_same([compiled(*given)], [rl.einsum(text, *given).tanh()], text)
    assert [k.kind for k in compiled._explained().program.plan.kernels] == ["product"]


SPREAD = {
    "i,i": [(2,), (1,)],
    "i,i,i->": [(1,), (3,), (1,)],
    "ij,ij->j": [(2, 3), (1, 3)],
    "ij,jk->k": [(2, 1), (4, 3)],
    "bij,bjk->bik": [(1, 2, 3), (4, 3, 2)],
    "...i,...i->...": [(3, 1, 2), (4, 1)],
    "ii,i->": [(1, 1), (3,)],
    "ij,i->ij": [(1, 2), (3,)],
}


@pytest.mark.parametrize("text", SPREAD)
def test_gradients_where_a_size_of_one_is_spread(text: str) -> None:
    """Against differences, to the second order; and compiled."""
    pytest.importorskip("llvmlite")
    numbers = np.random.default_rng(3)
    given = [rl.from_numpy(numbers.normal(size=s)).requires_grad_() for s in SPREAD[text]]
    assert rl.autograd.gradcheck(lambda *xs: rl.einsum(text, *xs), given)
    assert rl.autograd.gradgradcheck(lambda *xs: rl.einsum(text, *xs), given)

    def run(*xs: Any) -> list[Any]:
        y = rl.einsum(text, *xs)
        return [y.detach(), *rl.autograd.grad((y * y).sum(), xs)]

    check_same(compile(run)(*given), run(*given), text)


def test_gradients_of_nothing_are_zeros() -> None:
    x, y = rl.ones(0, requires_grad=True), rl.ones(1, requires_grad=True)
    rl.einsum("i,i", x, y).backward()
    assert (x.grad.shape, y.grad.tolist()) == ((0,), [0.0])  # type: ignore[union-attr]


def test_a_transpose_is_no_view() -> None:
    """What changes the operand afterwards does not change the result."""
    pytest.importorskip("llvmlite")
    state = rl.ones(2, 3)

    @compile
    def step() -> Any:
        turned = rl.einsum("ij->ji", state)
        state.add_(1)
        return turned

    assert [step().sum().item() for _ in range(3)] == [6.0, 12.0, 18.0]
