"""The names that people see: complete, without leaks, and helpful where one is missing."""

from __future__ import annotations

import importlib
import types
from typing import Any

import pytest

import rushlight as rl
from rushlight import data, nn, optim
from rushlight.errors import NotSupportedError, missing, refuse_options

SUBPACKAGES = {"autograd", "data", "errors", "interop", "nn", "ops", "optim", "plot", "train"}
FAMILIES = [
    "arithmetic", "creation", "einsum", "elementwise", "gather", "index", "join", "matmul", "movement",
    "norm", "random", "reduce", "select", "softmax",
]  # fmt: skip
INTERNAL = {
    "apply", "arithmetic", "creation", "elementwise", "entropy", "gradcheck", "index", "join", "loss",
    "movement", "random", "reduce", "state",
}  # fmt: skip


def test_no_module_leaks_into_the_root() -> None:
    names = {n for n in dir(rl) if not n.startswith("__")}
    assert not names & (INTERNAL | {"core", "cli", "TYPE_CHECKING", "xp", "np", "numpy"})
    assert not any(n.startswith("_") for n in names)
    modules = {n for n in names if isinstance(getattr(rl, n), types.ModuleType)}
    assert modules - {"compile"} == SUBPACKAGES
    for name in INTERNAL:
        assert not hasattr(rl, name)


def test_the_root_has_every_public_operation() -> None:
    assert set(rl.ops.__all__) <= set(dir(rl))
    for family in FAMILIES:
        module = importlib.import_module(f"rushlight.ops.{family}")
        for name in module.__all__:
            assert getattr(rl, name) is getattr(module, name)
    assert len(set(rl.__all__)) == len(rl.__all__)


def test_functions_that_share_a_name_with_their_file() -> None:
    for name in ("select", "softmax", "norm", "einsum"):
        assert callable(getattr(rl, name))
        assert callable(getattr(rl.ops, name))


def test_star_import() -> None:
    names: dict[str, Any] = {}
    exec("from rushlight import *", names)
    assert names["Tensor"] is rl.Tensor
    assert "core" not in names


MISSING = [
    (rl, "save", "rl.interop.save_file"),
    (rl, "load", "rl.interop.load_file"),
    (rl, "zeross", "'zeros'"),
    (rl, "cross_entropy", "rl.nn.functional.cross_entropy"),
    (rl, "Linear", "rl.nn.Linear"),
    (rl, "fft", "not yet"),
    (nn, "Conv2d", "not yet"),
    (nn, "Lineer", "'Linear'"),
    (nn, "CrossEntropy", "'CrossEntropyLoss'"),
    (nn.functional, "gelu", "rushlight.nn.functional has no 'gelu'"),
    (nn.functional, "Relu", "'relu'"),
    (optim, "Adamw", "'AdamW'"),
    (optim, "LBFGS", "not yet"),
    (data, "Dataloader", "'DataLoader'"),
]


@pytest.mark.parametrize(("module", "name", "words"), MISSING, ids=lambda p: getattr(p, "__name__", p))
def test_a_missing_name_is_explained(module: Any, name: str, words: str) -> None:
    assert not hasattr(module, name)
    with pytest.raises(AttributeError) as caught:
        getattr(module, name)
    assert words in str(caught.value)
    assert caught.value.name == name


def test_dunders_are_missing_without_advice() -> None:
    assert str(missing("rushlight", "__wrapped__", ["wrap"])) == "rushlight has no '__wrapped__'"


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.AdamW])
def test_options_that_choose_pytorchs_implementation(make: Any) -> None:
    params = [nn.Parameter(rl.ones(2))]
    make(params, lr=0.1, foreach=None, fused=False, differentiable=False)
    assert "foreach" not in make(params, lr=0.1, foreach=False).param_groups[0]
    for option in ("foreach", "fused", "capturable", "differentiable"):
        with pytest.raises(NotSupportedError, match=f"{option}=True"):
            make(params, lr=0.1, **{option: True})
    with pytest.raises(TypeError, match="unexpected keyword argument 'momentun'"):
        make(params, lr=0.1, momentun=0.9)


def test_refuse_options_takes_defaults_only() -> None:
    defaults = {"workers": 0, "sampler": None}
    refuse_options("f", {"workers": 0, "sampler": False}, defaults, "")
    with pytest.raises(NotSupportedError, match="workers=2"):
        refuse_options("f", {"workers": 2}, defaults, "")
