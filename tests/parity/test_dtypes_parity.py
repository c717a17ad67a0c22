"""Of which dtypes classes, indices and masks may be: what PyTorch refuses is refused, in words of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl
from rushlight.errors import RushlightError

torch = pytest.importorskip("torch")

DTYPES = ("float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
Case = Callable[[Any, Callable[..., Any]], Any]
"""Takes the library, and ones(*shape) of the dtype in question."""
CASES: dict[str, Case] = {
    "cross_entropy": lambda L, t: L.nn.functional.cross_entropy(L.ones(3, 4), t(3)),
    "cross_entropy smooth": lambda L, t: L.nn.functional.cross_entropy(
        L.ones(3, 4), t(3), label_smoothing=0.1
    ),
    "cross_entropy weight": lambda L, t: L.nn.functional.cross_entropy(L.ones(3, 4), t(3), L.ones(4)),
    "cross_entropy one": lambda L, t: L.nn.functional.cross_entropy(L.ones(4), t()),
    "weight": lambda L, t: L.nn.functional.cross_entropy(L.ones(3, 4), L.zeros(3, dtype=L.int64), t(4)),
    "nll_loss": lambda L, t: L.nn.functional.nll_loss(L.ones(3, 4), t(3)),
    "nll_loss of planes": lambda L, t: L.nn.functional.nll_loss(L.ones(1, 3, 2, 2), t(1, 2, 2)),
    "multi_margin_loss": lambda L, t: L.nn.functional.multi_margin_loss(L.ones(3, 4), t(3)),
    "multilabel_margin_loss": lambda L, t: L.nn.functional.multilabel_margin_loss(L.ones(3, 4), t(3, 4)),
    "kl_div": lambda L, t: L.nn.functional.kl_div(L.ones(3), t(3), reduction="sum"),
    "ctc targets": lambda L, t: L.nn.functional.ctc_loss(
        L.zeros(5, 1, 3), t(1, 2), L.tensor([5]), L.tensor([2])
    ),
    "ctc lengths": lambda L, t: L.nn.functional.ctc_loss(
        L.zeros(5, 1, 3), L.ones(1, 2, dtype=L.int64), t(1) * 5, L.tensor([1])
    ),
    "embedding": lambda L, t: L.nn.functional.embedding(t(3), L.ones(3, 4)),
    "embedding_bag": lambda L, t: L.nn.functional.embedding_bag(t(2, 2), L.ones(3, 4)),
    "one_hot": lambda L, t: L.nn.functional.one_hot(t(3)),
    "max_unpool1d": lambda L, t: L.nn.functional.max_unpool1d(L.ones(1, 1, 2), t(1, 1, 2), 2),
    "gather": lambda L, t: L.gather(L.ones(3, 4), 1, t(3, 1)),
    "scatter": lambda L, t: L.scatter(L.ones(3, 4), 1, t(3, 1), 2.0),
    "scatter src": lambda L, t: L.ones(3, 4).scatter_(1, L.zeros(3, 1, dtype=L.int64), t(3, 1)),
    "scatter_add_": lambda L, t: L.ones(3, 4).scatter_add_(1, t(3, 1), L.ones(3, 1)),
    "index_select": lambda L, t: L.index_select(L.ones(3, 4), 0, t(3)),
    "index_add": lambda L, t: L.index_add(L.ones(3, 4), 0, t(3), L.ones(3, 4)),
    "index_copy": lambda L, t: L.index_copy(L.ones(3, 4), 0, t(3), L.ones(3, 4)),
    "index_fill": lambda L, t: L.index_fill(L.ones(3, 4), 0, t(3), 1.0),
    "take": lambda L, t: L.take(L.ones(3, 4), t(3)),
    "take_along_dim": lambda L, t: L.take_along_dim(L.ones(3, 4), t(3, 1), 1),
    "put_": lambda L, t: L.ones(3, 4).put_(t(3), L.ones(3)),
    "getitem": lambda L, t: L.ones(3, 4)[t(3)],
    "masked_select": lambda L, t: L.ones(3, 4).masked_select(t(3, 4)),
    "masked_fill": lambda L, t: L.ones(3, 4).masked_fill(t(3, 4), 0),
    "where": lambda L, t: L.where(t(3, 4), L.ones(3, 4), L.ones(3, 4)),
    "minus": lambda L, t: -t(3),
    "difference": lambda L, t: t(3) - t(3),
    "power": lambda L, t: t(3) ** -1,
}
TAKEN = {
    ("nll_loss of planes", "uint8"): "PyTorch takes bytes of rows only",
    ("masked_fill", "uint8"): "bytes were masks before there were bools, and elsewhere they still are",
    ("weight", "float16"): "floats promote",
}
"""What PyTorch refuses and is taken here."""


def attempt(L: Any, case: Case, dtype: str) -> Exception | None:
    try:
        case(L, lambda *shape: L.ones(shape, dtype=getattr(L, dtype)))
    except Exception as error:
        return error
    return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_dtypes(name: str) -> None:
    for dtype in DTYPES:
        ours, theirs = (attempt(L, CASES[name], dtype) for L in (rl, torch))
        if (name, dtype) in TAKEN:
            assert ours is None, ours
            assert theirs is not None
            continue
        assert (ours is None) == (theirs is None), f"{dtype}: {ours!r}; PyTorch: {theirs!r}"
        if ours is not None:
            assert isinstance(ours, RushlightError), (dtype, ours)
            assert isinstance(ours, RuntimeError), (dtype, ours)
            assert "array library" not in str(ours)


@pytest.mark.parametrize("name", ["cross_entropy", "minus", "power", "gather", "embedding"])
def test_compiled_too(name: str) -> None:
    pytest.importorskip("llvmlite")
    dtype = {"minus": "bool"}.get(name, "int16")
    given = rl.ones(3, dtype=dtype) if name != "gather" else rl.ones(3, 1, dtype=dtype)
    with pytest.raises(RushlightError) as eager:
        CASES[name](rl, lambda *shape: given)
    with pytest.raises(RushlightError) as compiled:
        rl.compile(lambda x: CASES[name](rl, lambda *shape: x))(given)
    assert str(compiled.value) == str(eager.value)
