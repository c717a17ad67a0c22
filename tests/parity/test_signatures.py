"""Every parameter that PyTorch's functions, classes and methods have is taken here under the same name.

PyTorch's names are read from signatures, of functions that are not written in Python from the schemas of its
operators, or else the first lines of their docstrings. Parameters that are not taken stand below, with the
reason.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import rushlight as rl

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from tests.parity.names import PLACES, found  # noqa: E402 (they need PyTorch)
from tests.parity.signatures import EMPTY, KEYWORD, VARIADIC, Parameters, forms, signature  # noqa: E402
from tests.parity.test_matrix import HERE, shared  # noqa: E402

UNDOCUMENTED = "PyTorch's own name; the documented one, which PyTorch does not take, is taken here"
OLD = "deprecated"
LEFT_OUT: dict[str, dict[str, str]] = {
    UNDOCUMENTED: {
        "rushlight.linalg": """cholesky.input cholesky_ex.input cond.input eigh.input eigvalsh.input
            householder_product.input lstsq.b lstsq.input matrix_exp.input matrix_norm.input
            matrix_power.input matrix_rank.input norm.input pinv.input solve_triangular.input
            tensorinv.input tensorsolve.input tensorsolve.other vector_norm.input""",
        "rushlight.nn.functional": "one_hot.input",
    },
    OLD: {
        "rushlight.linalg": "matrix_rank.tol pinv.rcond",
        "rushlight.autograd": "backward.grad_variables",
        "rushlight.nn": "Hardtanh.max_value Hardtanh.min_value",
    },
    "a function or a base class whose argument is given by its place": {
        "rushlight": """enable_grad.orig_func isin.element isin.test_element result_type.other
            result_type.scalar result_type.scalar1 result_type.scalar2 result_type.tensor""",
        "rushlight.autograd": "enable_grad.orig_func",
        "rushlight.distributions": """HalfCauchy.icdf.prob HalfNormal.icdf.prob MixtureSameFamily.cdf.x
            MixtureSameFamily.log_prob.x""",
        "rushlight.nn": "RMSNorm.forward.x Sequential.extend.sequential",
    },
    "refused whatever the arguments": {
        "Tensor": "cdouble.memory_format cfloat.memory_format chalf.memory_format",
    },
    "there are no storages apart from tensors": {"Tensor": "set_.size set_.storage_offset set_.stride"},
    "sparse tensors are in coordinate form": {
        "Tensor": "to_sparse.blocksize to_sparse.dense_dim",
        "rushlight": "sparse_coo_tensor.layout",
    },
    "how PyTorch's compiler or engine works": {
        "Tensor": "expand.implicit",
        "rushlight": "compile.isolate_recompiles compile.model compile.recompile_limit compile.shapes_spec",
        "rushlight.distributions": "CorrCholeskyTransform.log_abs_det_jacobian.intermediates",
        "rushlight.func": "jacrev._preallocate_and_copy jvp.strict",
        "rushlight.nn.functional": "max_pool1d_with_indices.return_indices",
    },
}
"""For each reason and namespace the parameters that are not taken."""


def left_out(place: str) -> set[str]:
    return {name for table in LEFT_OUT.values() for name in table.get(place, "").split()}


def pairs(place: str) -> Iterator[tuple[str, Any, Any]]:
    """(name, ours, PyTorch's) of the functions and classes of a namespace, and of the classes' methods."""
    theirs_all = found(PLACES[place])
    for name, ours in shared(place).items():
        theirs = getattr(theirs_all, name)
        if not callable(ours) or not callable(theirs) or name.endswith("Tensor"):
            continue
        yield name, ours, theirs
        if isinstance(ours, type) and isinstance(theirs, type):
            for method, value in vars(theirs).items():
                if inspect.isfunction(value) and not method.startswith("_"):
                    mine = getattr(ours, method, None)
                    if inspect.isfunction(mine):
                        yield f"{name}.{method}", mine, value


def named(parameters: Parameters) -> list[inspect.Parameter]:
    return [p for p in parameters.values() if p.kind not in VARIADIC and p.name not in ("self", "cls")]


def untaken(ours: Any, theirs: Any) -> set[str]:
    """The names of PyTorch's parameters that ours does not have."""
    mine = signature(ours)
    if mine is None or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in mine.values()):
        return set()
    return {p.name for form in forms(theirs) for p in named(form)} - set(mine)


@pytest.mark.parametrize("place", HERE)
def test_every_parameter_is_taken(place: str) -> None:
    missing = {f"{name}.{p}" for name, ours, theirs in pairs(place) for p in untaken(ours, theirs)}
    expected = left_out(place)
    assert not missing - expected, f"{place}: not taken, nor in LEFT_OUT: {sorted(missing - expected)}"
    assert not expected - missing, f"{place}: LEFT_OUT has what is taken: {sorted(expected - missing)}"


OTHER_ORDER = {
    "Tensor.uniform_": "its first one is called as Python's word `from`, and can only be given by its place",
    "rushlight.rrelu": "the function of `nn.functional`, which also takes inplace; a generator is a keyword",
}
OTHER_DEFAULTS = {
    "dim": "None and the last axis, or all axes, mean the same where they stand",
    "device": "there is one",
    "generator": "None is the default generator",
    "correction": "None is 1; an older argument has the same meaning",
    "stable": "every sort is stable",
    "margin": "None is the default of the function beneath",
    "p": "'fro' and 2 mean the same",
    "weights_only": "a file with other things needs weights_only=False in PyTorch, too",
    "pickle_module": "there is one",
    "requires_grad": "None and False mean the same",
    "return_indices": "the name says that they are returned",
    "masked_grad": "None and True mean the same",
    "data": "a parameter has some",
    "pin_memory": "there is nothing to pin",
    "nan": "None is 0",
    "dtype": "None is that which results have",
    "memory_format": "there is one",
}


def agrees(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, list):  # a number for each axis; none where another argument says
        same = isinstance(ours, (list, tuple)) and list(ours) == theirs
        return same or (ours is None if not theirs else all(n == ours for n in theirs))
    if callable(theirs):
        return callable(ours) and ours.__name__ == theirs.__name__
    return ours is theirs or str(ours) == str(theirs).removeprefix("torch.") or bool(ours == theirs)


@pytest.mark.parametrize("place", HERE)
def test_order_and_defaults(place: str) -> None:
    """Where there is one form only, arguments given by their place, or left out, mean the same."""
    wrong = []
    others = {name.rpartition(".")[0] for name in left_out(place)}
    for name, ours, theirs in pairs(place):
        mine, known = signature(ours), forms(theirs)
        if (
            mine is None
            or len(known) != 1
            or name in others
            or any(p.kind in VARIADIC for p in mine.values())
        ):
            continue
        own, their = named(mine), named(known[0])
        if "self" not in mine and (place == "Tensor" or "self" in known[0]):
            own = own[1:]
        mine = {p.name: p for p in own}
        wanted = [p.name for p in their if p.kind is not KEYWORD and p.name in mine]
        if [p.name for p in own if p.kind is not KEYWORD][: len(wanted)] != wanted:
            wrong.append(name)
        compared = [p for p in their if p.name in mine and p.name not in OTHER_DEFAULTS]
        wrong += [
            f"{name}.{p.name}={mine[p.name].default}, not {p.default}"
            for p in compared
            if p.default not in (EMPTY, ...) and not agrees(mine[p.name].default, p.default)
        ]
    wrong = [w for w in wrong if f"{place}.{w}" not in OTHER_ORDER]
    assert not wrong, "; ".join(wrong)


def test_words_without_effect() -> None:
    """Programs say how numbers lie; the numbers are the same."""
    x = rl.tensor([[1.0, 2.0]], pin_memory=True)
    same = [
        x.clone(memory_format=rl.preserve_format), x.contiguous(memory_format=rl.contiguous_format),
        x.float(memory_format=rl.preserve_format), x.new_tensor([[1.0, 2.0]], layout=rl.strided),
    ]  # fmt: skip
    assert all(t.tolist() == x.tolist() for t in same)
    assert x.new_ones(2, requires_grad=True, pin_memory=False).requires_grad
    assert rl.zeros_like(x, layout=rl.strided, memory_format=rl.preserve_format).tolist() == [[0.0, 0.0]]
    assert rl.rand_like(x, requires_grad=True).requires_grad
    assert (x.stride(0), x.stride(-1), x.is_contiguous(memory_format=rl.contiguous_format)) == (2, 1, True)


def test_most_signatures_are_known() -> None:
    """Nothing can be read of functions that take anything; settings take nothing."""
    unknown = [
        f"{place}.{name}"
        for place in HERE
        for name, _, theirs in pairs(place)
        if not isinstance(theirs, type) and not inspect.isfunction(theirs) and not forms(theirs)
    ]
    assert len(unknown) < 45, unknown
