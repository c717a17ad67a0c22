"""Every refusal names the operation, what came, what was expected, what to do, and has the right type."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import errors
from rushlight.compile.capture.trace import trace
from rushlight.errors import (
    ArgumentError,
    DTypeError,
    IndexingError,
    RushlightError,
    ShapeError,
)

A, B, I = rl.ones(2, 3), rl.ones(4, 3), rl.ones(2, 3, dtype=rl.int64)
M = A > 0

REFUSALS: dict[str, tuple[Callable[[], Any], type, tuple[str, ...]]] = {
    "add": (lambda: A + B, ShapeError, ("add", "(2, 3)", "(4, 3)", "Reshape")),
    "mul with numbers between": (lambda: rl.mul(A, rl.ones(2)), ShapeError, ("mul", "(2, 3)", "(2,)")),
    "add in place": (lambda: A.clone().add_(B), ShapeError, ("add", "(2, 3)", "(4, 3)")),
    "add in place, growing": (lambda: rl.ones(3).add_(A), ShapeError, ("add", "(3,)", "(2, 3)")),
    "where": (lambda: rl.where(M, A, B), ShapeError, ("where", "(2, 3)", "(4, 3)")),
    "where without bool": (lambda: rl.where(A, A, A), DTypeError, ("where", "float32", "x > 0")),
    "maximum": (lambda: rl.maximum(A, B), ShapeError, ("maximum",)),
    "matmul": (lambda: A @ B, ShapeError, ("matmul", "(2, 3)", "(4, 3)", "(3)", "(4)", ".mT")),
    "matmul of numbers": (lambda: A @ rl.tensor(1.0), ShapeError, ("matmul", "()", "a * b")),
    "matmul of a number": (lambda: A @ 2.0, DTypeError, ("matmul", "float", "Tensor")),
    "matmul of dtypes": (lambda: A @ B.T.double(), DTypeError,
        ("matmul", "float32 and float64", "x.float()", "model.double()")),
    "matmul of integers and floats": (lambda: I @ A.T, DTypeError, ("matmul", "int64 and float32")),
    "matmul of another array": (lambda: A @ np.ones((3, 2)), DTypeError, ("matmul", "float32 and float64")),
    "bmm of dtypes": (lambda: rl.bmm(A[None], A.T[None].double()), DTypeError, ("float32 and float64",)),
    "addmm of dtypes": (lambda: rl.addmm(rl.ones(2, 2).double(), A, A.T), DTypeError,
        ("addmm", "float64 and float32")),
    "linear of a double": (lambda: rl.nn.Linear(3, 1)(A.double()), DTypeError,
        ("linear", "float64 and float32", "x.float()")),
    "linear of integers": (lambda: rl.nn.Linear(3, 1)(I), DTypeError, ("linear", "int64 and float32")),
    "linear of an array": (lambda: rl.nn.Linear(3, 1)(np.ones((2, 3))), DTypeError,
        ("linear", "float64 and float32")),
    "linear of a list": (lambda: rl.nn.Linear(3, 1)([[1.0, 2.0, 3.0]]), DTypeError,
        ("linear", "list", "rl.tensor()")),
    "einsum of dtypes": (lambda: rl.einsum("ij,kj->ik", A, B.double()), DTypeError,
        ("einsum", "float32 and float64")),
    "matmul of batches": (lambda: rl.ones(2, 3, 4) @ rl.ones(3, 4, 5), ShapeError, ("matmul", "(2,)",
        "(3,)")),
    "mm": (lambda: rl.mm(A, rl.ones(3)), ShapeError, ("mm", "(3,)", "2 axes", "matmul")),
    "dot": (lambda: rl.dot(rl.ones(2), rl.ones(3)), ShapeError, ("(2,)", "(3,)")),
    "linear": (lambda: rl.nn.functional.linear(A, rl.ones(5, 4)), ShapeError, ("linear", "(2, 3)", "(5, 4)",
        "in_features")),
    "linear bias": (lambda: rl.nn.functional.linear(A, rl.ones(5, 3), rl.ones(4)), ShapeError, ("linear",
        "bias", "(4,)")),
    "reshape": (lambda: A.reshape(4, 2), ShapeError, ("reshape", "(2, 3)", "(4, 2)", "6 elements")),
    "reshape -1": (lambda: A.reshape(4, -1), ShapeError, ("reshape", "(2, 3)", "(4, -1)")),
    "reshape two -1": (lambda: A.reshape(-1, -1), ShapeError, ("reshape", "one -1")),
    "expand": (lambda: A.expand(4, 3), ShapeError, ("expand", "(2, 3)", "(4, 3)", "size 1")),
    "expand to fewer": (lambda: A.expand(3), ShapeError, ("expand", "(3,)")),
    "permute": (lambda: A.permute(0), ShapeError, ("permute", "(0,)", "each axis once")),
    "permute twice": (lambda: A.permute(0, 0), ShapeError, ("permute", "(0, 0)", "at most once")),
    "transpose": (lambda: A.transpose(0, 2), IndexingError, ("transpose", "dim=2", "from -2 to 1")),
    "t": (lambda: rl.ones(1, 2, 3).t(), ShapeError, ("t:", "3 axes", "transpose")),
    "flatten": (lambda: A.flatten(1, 0), ArgumentError, ("flatten", "start_dim=1")),
    "repeat": (lambda: A.repeat(2), ShapeError, ("repeat", "2 axes")),
    "unsqueeze": (lambda: A.unsqueeze(4), IndexingError, ("unsqueeze", "dim=4")),
    "sum": (lambda: A.sum(2), IndexingError, ("sum", "dim=2", "from -2 to 1")),
    "sum twice": (lambda: A.sum((0, 0)), ShapeError, ("sum", "(0, 0)", "once")),
    "sum over text": (lambda: A.sum("a"), DTypeError, ("sum", "dim=")),
    "mean of integers": (lambda: I.mean(), DTypeError, ("mean", "int64", "float()")),
    "max of nothing": (lambda: rl.ones(0).max(), ShapeError, ("amax", "(0,)", "at least one")),
    "argmax of nothing": (lambda: rl.ones(2, 0).argmax(1), IndexingError, ("argmax", "(2, 0)")),
    "cat": (lambda: rl.cat([A, rl.ones(2, 4)]), ShapeError, ("cat", "(2, 3)", "(2, 4)", "dim=0")),
    "cat with a list": (lambda: rl.cat([A, [1.0]]), DTypeError,
        ("cat", "a list as element 1", "rl.tensor()")),
    "cat of a tensor": (lambda: rl.cat(A), DTypeError, ("cat", "a list or tuple")),  # type: ignore[arg-type]
    "vstack with a number": (lambda: rl.vstack([A, 1.0]), DTypeError, ("vstack", "a float as element 1")),
    "view": (lambda: A.view(4, 2), ShapeError, ("view:", "(2, 3)", "(4, 2)", "6 elements")),
    "view -1": (lambda: A.view(4, -1), ShapeError, ("view:", "(4, -1)")),
    "a list before a tensor": (lambda: rl.sub([1.0, 2.0, 3.0], A), DTypeError,
        ("sub", "list", "rl.tensor()")),
    "cat of nothing": (lambda: rl.cat([]), ArgumentError, ("cat", "0 objects")),
    "stack": (lambda: rl.stack([A, B]), ShapeError, ("stack", "(2, 3)", "(4, 3)", "cat()")),
    "split": (lambda: A.split([1, 3], 1), ShapeError, ("split", "[1, 3]", "3")),
    "split by 0": (lambda: A.split(0), ArgumentError, ("split", "size of 0")),
    "chunk": (lambda: A.chunk(0), ArgumentError, ("chunk", "chunks=0")),
    "index": (lambda: A[2], IndexingError, ("index", "2 on axis 0", "(2, 3)", "from -2 to 1")),
    "a row that is not there": (
        lambda: rl.nn.Embedding(3, 2)(rl.tensor([[0, 7]])),
        IndexingError,
        ("embedding", "index 7", "from 0 to 2"),
    ),
    "index too many": (lambda: A[0, 0, 0], IndexingError, ("index", "3 indices", "(2, 3)")),
    "index tensor outside": (lambda: A[rl.tensor([5])], IndexError, ("index", "5")),
    "index by floats": (lambda: A[rl.ones(2)], IndexingError, ("index", "float32", "long()")),
    "index by mask": (lambda: A[rl.tensor([True, False, True])], IndexingError, ("index", "(3,)", "(2,)")),
    "index tensors": (lambda: A[rl.tensor([0, 1]), rl.tensor([0, 1, 2])], IndexingError, ("index", "(2,)",
        "(3,)")),
    "negative step": (lambda: A[::-1], ArgumentError, ("index", "-1", "flip")),
    "two ellipses": (lambda: A[..., ...], IndexingError, ("index", "'...'")),
    "setitem": (lambda: A.clone().__setitem__(0, rl.ones(2)), ShapeError, ("index_put", "(2,)", "(3,)")),
    "gather": (lambda: A.gather(1, rl.tensor([0])), ShapeError, ("gather", "(1,)", "(2, 3)")),
    "gather by floats": (lambda: A.gather(1, A), DTypeError, ("gather", "float32", "long()")),
    "scatter": (lambda: A.scatter(1, I, rl.ones(1, 1)), ShapeError, ("scatter", "(1, 1)", "(2, 3)")),
    "topk": (lambda: A.topk(4), ArgumentError, ("topk", "k=4", "3")),
    "narrow": (lambda: A.narrow(1, 2, 2), IndexingError, ("narrow", "start=2", "size 3")),
    "einsum": (lambda: rl.einsum("ij,jk->ik", A, B), ShapeError, ("einsum", "3 and 4", "'j'")),
    "einsum terms": (lambda: rl.einsum("ij->i", A, B), ArgumentError, ("einsum", "2 operands")),
    "einsum letters": (lambda: rl.einsum("ijk->i", A), ShapeError, ("einsum", "'ijk'")),
    "einsum result": (lambda: rl.einsum("ij->k", A), ArgumentError, ("einsum", "letters of the operands")),
    "einsum signs": (lambda: rl.einsum("i1->i", A), ArgumentError, ("einsum", "letters")),
    "softmax": (lambda: A.softmax(2), IndexingError, ("softmax", "dim=2")),
    "norm": (lambda: A.norm("max"), ArgumentError, ("norm", "max", "nuc")),
    "clamp": (lambda: A.clamp(), ArgumentError, ("clamp", "neither min nor max")),
    "clamp bools": (lambda: M.clamp(False, True), DTypeError, ("clamp", "bools", ".int()")),
    "clamp_ bools": (lambda: (A > 0).clamp_(0, 1), DTypeError, ("clamp_", "int64 into bool", "clamp")),
    "clamp_ ints": (lambda: A.long().clamp_(max=0.5), DTypeError, ("clamp_", "float32 into int64")),
    "bitwise": (lambda: A & M, DTypeError, ("bitwise_and", "floats", "x > 0")),
    "invert": (lambda: ~A, DTypeError, ("floats",)),
    "mse_loss": (lambda: rl.nn.functional.mse_loss(A, B), ShapeError, ("mse_loss", "(2, 3)", "(4, 3)")),
    "cross_entropy": (lambda: rl.nn.functional.cross_entropy(A, rl.tensor([0])), ShapeError,
        ("cross_entropy", "(2, 3)", "(1,)")),
    "dtype": (lambda: A.to("complex128"), DTypeError, ("dtype", "complex128", "real and imaginary")),
    "dtype name": (lambda: A.to("floaty"), DTypeError, ("dtype", "floaty")),
    "zeros": (lambda: rl.zeros(-1), ArgumentError, ("(-1,)", "0 or more")),
    "arange": (lambda: rl.arange(0, 5, -1), ArgumentError, ("arange", "by -1")),
    "linspace": (lambda: rl.linspace(0, 1, -2), ArgumentError, ("linspace", "steps=-2")),
    "a list for a tensor": (lambda: rl.exp([1.0]), DTypeError, ("exp", "list", "rl.tensor()")),
    "a list beside a tensor": (lambda: A * [1.0, 2.0, 3.0], DTypeError, ("mul", "list", "rl.tensor()")),
    "view as a dtype": (lambda: A.view(rl.float64), ArgumentError, ("view", "to(dtype)")),
    "sum_to_size": (lambda: A.sum_to_size(2, 2), ShapeError, ("(2, 3)", "(2, 2)")),
    "unflatten": (lambda: A.unflatten(1, (2, 2)), ShapeError, ("(3,)", "(2, 2)")),
    "masked_fill": (lambda: I.masked_fill(A, 1), DTypeError, ("masked_fill", "a mask of float32", "bool")),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str) -> None:
    call, kind, words = REFUSALS[name]
    with pytest.raises(kind) as caught:
        call()
    assert isinstance(caught.value, RushlightError)
    text = str(caught.value)
    assert "; expected " in text
    for word in words:
        assert word in text, text


@pytest.mark.parametrize(
    "name", [n for n in REFUSALS if n not in ("where without bool", "dtype", "dtype name")]
)
def test_refusals_with_recording_too(name: str) -> None:
    """A refused operation leaves the mode and the inputs as they were."""
    call, kind, _ = REFUSALS[name]
    before = A.tolist()
    with pytest.raises(kind), rl.no_grad():
        call()
    assert rl.is_grad_enabled()
    assert A.tolist() == before


def test_types_are_those_that_python_users_catch() -> None:
    pairs = {
        "ShapeError": ValueError, "DTypeError": TypeError, "ArgumentError": ValueError,
        "IndexingError": IndexError,
        "GradError": RuntimeError, "DataError": ValueError, "CheckpointError": RuntimeError,
        "AnomalyError": ArithmeticError, "NotSupportedError": NotImplementedError,
    }  # fmt: skip
    for name, builtin in pairs.items():
        kind = getattr(errors, name)
        assert issubclass(kind, RushlightError)
        assert issubclass(kind, builtin)


def test_arithmetic_is_silent_even_where_warnings_are_errors() -> None:
    zero, one = rl.zeros(2), rl.ones(2)
    np.testing.assert_array_equal((one / zero).numpy(), [np.inf, np.inf])
    assert zero.log().tolist() == [-float("inf")] * 2
    assert np.isnan((zero / zero).numpy()).all()
    assert (one * 1e38 * 1e38).tolist() == [float("inf")] * 2
    x = rl.ones(2)
    assert x.div_(0.0) is x
    assert x.tolist() == [float("inf")] * 2
    x.sub_(x)
    assert np.isnan(x.numpy()).all()


def test_the_users_own_numpy_keeps_its_settings() -> None:
    assert np.geterr()["divide"] == "warn"
    with pytest.warns(RuntimeWarning):
        np.ones(1) / np.zeros(1)


def test_products_of_one_dtype_stay_allowed() -> None:
    assert (I @ I.T).dtype == rl.int64
    assert (A @ np.ones((3, 2), np.float32)).dtype == rl.float32
    assert (
        rl.einsum("i,i->i", A[0], A[0].double()).dtype == rl.float64
    )  # nothing is summed, so it is a product


@pytest.mark.parametrize("name", ["add", "add in place", "add in place, growing", "reshape", "matmul"])
def test_the_array_librarys_error_is_not_shown_where_ours_says_it(name: str) -> None:
    call, kind, _ = REFUSALS[name]
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("run", [lambda f, x: f(x), lambda f, x: trace(f, [x])], ids=["eager", "traced"])
def test_a_refused_operation_leaves_nothing_to_the_garbage_collector(run: Callable[..., Any]) -> None:
    """An error knows the frames that it came through, and these the arrays."""

    def refused(x: rl.Tensor) -> rl.Tensor:
        for wrong in (lambda: x + rl.ones(7), lambda: x.reshape(7), lambda: x.clone().add_(rl.ones(9))):
            with contextlib.suppress(RushlightError):
                wrong()
        return x * 2

    x = rl.ones(3, 4)
    run(refused, x)  # what is loaded when it is first used leaves cycles
    gc.collect()
    gc.disable()
    try:
        run(refused, x)
        assert gc.collect() == 0
    finally:
        gc.enable()
