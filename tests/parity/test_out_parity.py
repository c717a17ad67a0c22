"""`out=` beside PyTorch: what is written, into which shapes and dtypes, and what is refused."""

from __future__ import annotations

import ast
import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from tests.parity import test_opinfo_parity as info  # noqa: E402 (they need PyTorch)
from tests.parity.signatures import signature  # noqa: E402

DTYPES = (torch.float32, torch.int64)
SAMPLES = 3


def takes_out(function: Any) -> bool:
    return "out" in inspect.signature(function).parameters


def functions(op: Any) -> dict[str, info.Form]:
    """(ours, PyTorch's) of every form of the op with `out`."""
    found = info.forms(op).items()
    return {form: pair for form, pair in found if not form.startswith("x.") and takes_out(pair[0])}


NAMES = [name for name, op in info.OPS.items() if functions(op)]


def outs(result: Any, dtype: Any, size: Callable[[Any], tuple[int, ...]]) -> Any:
    """PyTorch's tensors to write such a result into, of other sizes and, where it is given, another dtype."""
    if isinstance(result, tuple):
        return tuple(outs(t, dtype, size) for t in result)
    return torch.full(size(result), 3, dtype=dtype or result.dtype)


WAYS: dict[str, tuple[Any, Callable[[Any], tuple[int, ...]]]] = {
    "fits": (None, lambda t: tuple(t.shape)),
    "empty": (None, lambda t: (0,)),
    "another size": (None, lambda t: (*t.shape, 2)),
    "float64": (torch.float64, lambda t: tuple(t.shape)),
    "whole": (torch.int32, lambda t: tuple(t.shape)),
    "truth": (torch.bool, lambda t: tuple(t.shape)),
}
UNDETERMINED = (*info.TIES, "linalg.eigh")
LEFT_OUT = {("bernoulli", "whole"), ("bernoulli", "truth")}
"""PyTorch draws in the dtype of what is written."""


def attempt(call: Callable[..., Any], sample: Any, fresh: Any, out: Any) -> tuple[Any, Any]:
    """What came back, or was raised, and whether it was warned of another size."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            with_out = call(fresh(sample.input), *fresh(sample.args), **fresh(sample.kwargs), out=out)
        except Exception as error:
            return error, False
    return with_out, any("resized" in str(w.message) for w in told)


def cases(name: str) -> Iterator[tuple[str, Any, Any, Any]]:
    op = info.OPS[name]
    for dtype in DTYPES:
        for sample in itertools.islice(info.samples(op, dtype), SAMPLES):
            sample = type(sample)(sample.input, args=sample.args, kwargs=sample.kwargs)
            for form, (ours, theirs) in functions(op).items():
                yield form, sample, ours, theirs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_out(name: str) -> None:
    checked = 0
    for form, sample, ours, theirs in cases(name):
        with torch.no_grad(), rl.no_grad():
            try:
                plain = theirs(*info.theirs_of([sample.input, *sample.args]), **info.theirs_of(sample.kwargs))
            except Exception:
                continue
            empty = not all(t.numel() for t in (plain if isinstance(plain, tuple) else (plain,)))
            for way, (dtype, size) in WAYS.items():
                if (empty and way == "another size") or (name, way) in LEFT_OUT:
                    continue
                out = outs(plain, dtype, size)
                expected, warned = attempt(theirs, sample, info.theirs_of, out)
                mine = info.ours_of(outs(plain, dtype, size))
                found, told = attempt(ours, sample, info.ours_of, mine)
                where = f"{form}, {way}: {sample.summary()}"
                try:
                    if isinstance(expected, Exception):
                        continue  # that is a matter of its own, below
                    assert not isinstance(found, Exception), repr(found)
                    assert found is mine or all(a is b for a, b in zip(found, mine, strict=True))
                    assert told is (way == "another size") or not warned
                    found, expected = map(sample.output_process_fn_grad, (found, expected))
                    slack = 4.0 if dtype is None else 2.0**31
                    info.compare(
                        found, expected, slack, name not in UNDETERMINED and not info.draws(name, sample)
                    )
                except AssertionError as error:
                    raise AssertionError(f"{where}: {error}") from error
                checked += 1
    assert checked or name in NONE


NONE = {name for name, _ in info.LEFT_OUT} | {"normal.in_place", "std.unbiased", "var.unbiased"}
"""Of which there are no samples, or all are of a form without `out`."""


@pytest.mark.parametrize("L", [rl, torch], ids=["rushlight", "torch"])
def test_what_is_refused(L: Any) -> None:
    x, grad = L.ones(3), L.ones(3, requires_grad=True)
    refused: list[tuple[type[Exception], Callable[[], Any]]] = [
        (RuntimeError, lambda: L.add(x, 1.5, out=L.zeros(3, dtype=L.int64))),
        (RuntimeError, lambda: L.add(x, x, out=L.zeros(3, dtype=L.bool))),
        (RuntimeError, lambda: L.exp(grad, out=L.zeros(3))),
        (RuntimeError, lambda: L.exp(x, out=grad)),
        (RuntimeError, lambda: L.cat([x, grad], out=L.zeros(6))),
        (RuntimeError, lambda: L.zeros(3, dtype=L.float64, out=L.ones(3))),
        (RuntimeError, lambda: L.sum(x, 0, dtype=L.float64, out=L.tensor(0.0))),
        (RuntimeError, lambda: L.exp(x, out=L.zeros(1).expand(3))),
        (TypeError, lambda: L.exp(x, out=3)),
        (TypeError, lambda: L.exp(x, out=(L.zeros(3),))),
        (TypeError, lambda: L.max(x, 0, out=L.zeros(()))),
        (TypeError, lambda: L.nn.functional.relu(x, out=x)),
    ]
    for kind, call in refused:
        with pytest.raises(kind):
            call()


@pytest.mark.parametrize("L", [rl, torch], ids=["rushlight", "torch"])
def test_what_is_written(L: Any) -> None:
    a = L.arange(6.0).reshape(2, 3)
    L.add(a, a, out=a)
    assert a.tolist() == [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]
    rows = L.zeros(3, 4)
    L.exp(L.zeros(3), out=rows[:, 1])  # a view: what it looks at is written
    assert rows.sum(0).tolist() == [0.0, 3.0, 0.0, 0.0]
    values, indices = L.empty(0), L.empty(0, dtype=L.int64)
    found = L.sort(L.tensor([2.0, 1.0]), out=(values, indices))
    assert found.values is values
    assert indices.tolist() == [1, 0]
    weight = L.ones(2, requires_grad=True)
    with L.no_grad():
        L.mul(weight, 3.0, out=weight)
    assert weight.is_leaf
    assert weight.tolist() == [3.0, 3.0]
    count = L.zeros((), dtype=L.int64)
    assert L.sum(L.tensor([1, 2]), 0, out=count) is count
    assert count.item() == 3
    assert L.arange(3, out=L.empty(0, dtype=L.float64)).tolist() == [0.0, 1.0, 2.0]
    assert L.nn.functional.normalize(L.tensor([[3.0, 4.0]]), out=L.empty(0)).shape == (1, 2)
    saved = L.ones(2, requires_grad=True)
    kept = saved.exp()
    with L.no_grad():
        L.neg(kept, out=kept)
    with pytest.raises(RuntimeError):  # the derivative needs what was there
        kept.sum().backward()


def test_compiled() -> None:
    def function(x: Any, kept: Any) -> Any:
        rl.exp(x, out=kept[0])
        best, where = rl.max(kept, 1, out=(rl.empty(2), rl.empty(2, dtype=rl.int64)))
        return best, where, rl.add(x, 1, out=rl.empty(3))

    kept, held = rl.zeros(2, 3), rl.zeros(2, 3)
    x = rl.tensor([1.0, 3.0, 2.0])
    found, expected = rl.compile(function)(x, kept), function(x, held)
    for a, b in zip([*found, kept], [*expected, held], strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


STUBS = Path(torch.__file__).parent / "_C" / "_VariableFunctions.pyi"


def test_the_tables_are_those_of_pytorch() -> None:
    """Of the functions that both have; for what is written in C++ PyTorch's stubs have the parameters."""
    defined = [d for d in ast.walk(ast.parse(STUBS.read_text("utf-8"))) if isinstance(d, ast.FunctionDef)]
    known = {d.name for d in defined if any(a.arg == "out" for a in (*d.args.args, *d.args.kwonlyargs))}
    for place, theirs in ((rl, torch), (rl.linalg, torch.linalg), (rl.special, torch.special)):
        for name in place.__all__:
            there = getattr(theirs, name, None)
            if not callable(there) or isinstance(there, type) or not inspect.isfunction(getattr(place, name)):
                continue
            own = signature(there)
            if own is None and theirs is torch:
                expected = name in known
            else:
                first = (inspect.getdoc(there) or "").partition(") ->")[0]
                expected = "out" in (own or {}) or "out=" in first or name == "lstsq"
            assert takes_out(getattr(place, name)) == expected, f"{place.__name__}.{name}"
