"""The names that people see: complete, without leaks, and helpful where one is missing."""

from __future__ import annotations

import copy
import importlib
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import data, nn, optim
from rushlight.errors import GradError, NotSupportedError, missing, nearest, refuse_options

SUBPACKAGES = {
    "amp", "autograd", "compiler", "data", "distributed", "distributions", "errors", "fft", "func", "futures",
    "fx", "hub", "interop", "jit", "linalg",
    "multiprocessing", "nn", "onnx", "ops", "optim", "plot", "sparse", "special", "tabular", "testing",
    "train", "types", "utils", "version", "vision",
}  # fmt: skip
FAMILIES = [
    "arithmetic", "creation", "einsum", "elementwise", "gather", "index", "join", "matmul", "movement",
    "norm", "random", "reduce", "select", "softmax",
]  # fmt: skip
INTERNAL = {
    "apply", "arithmetic", "composed", "creation", "elementwise", "gradcheck", "index", "join", "loss",
    "movement", "reduce", "state",
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
            function = getattr(module, name)
            if name in rl.ops.out.ROOT:
                function = rl.ops.out.with_out(function, "rushlight", name)
            assert getattr(rl, name) is function
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
    (rl, "zeross", "'zeros'"),
    (rl, "cross_entropy", "rl.nn.functional.cross_entropy"),
    (rl, "Linear", "rl.nn.Linear"),
    (rl, "istft", "no complex tensors"),
    (nn, "NLLLoss2d", "PyTorch has it, Rushlight does not. Use NLLLoss."),
    (rl, "stft", "no complex tensors"),
    (rl, "profiler", "not yet"),
    (nn, "Container", "PyTorch has it"),
    (nn, "Lineer", "'Linear'"),
    (nn, "CrossEntropy", "'CrossEntropyLoss'"),
    (nn.functional, "scaled_mm", "rushlight.nn.functional has no 'scaled_mm'"),
    (nn.functional, "Relu", "'relu'"),
    (optim, "Adamw", "'AdamW'"),
    (optim, "SparseAdm", "'SparseAdam'"),
    (data, "Dataloader", "'DataLoader'"),
    (rl, "Trainer", "rl.train.Trainer"),
    (rl, "DataLoader", "rl.data.DataLoader"),
    (nn.init, "xavier_unifrom_", "'xavier_uniform_'"),
    (nn.utils, "convert_conv2d_weight_memory_format", "PyTorch has it"),
    (optim.lr_scheduler, "ReduceLROnPlateu", "'ReduceLROnPlateau'"),
    (rl.train, "EarlyStop", "'EarlyStopping'"),
    (rl.plot, "curve", "'curves'"),
    (rl.interop, "save_fil", "'save_file'"),
    (rl.autograd, "forward_ad", "PyTorch has it"),
    (rl.errors, "ShapeEror", "'ShapeError'"),
    (rl.vision, "models", "no ready-made networks"),
    (rl.vision.datasets, "ImageFoldr", "'ImageFolder'"),
    (rl.vision.transforms, "AutoAugmnt", "'AutoAugment'"),
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
    for option in ("foreach", "fused", "capturable"):
        assert option not in make(params, lr=0.1, **{option: True}).param_groups[0]
    with pytest.raises(NotSupportedError, match="differentiable=True"):
        make(params, lr=0.1, differentiable=True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'momentun'"):
        make(params, lr=0.1, momentun=0.9)


def test_refuse_options_takes_defaults_only() -> None:
    defaults = {"workers": 0, "sampler": None}
    refuse_options("f", {"workers": 0, "sampler": False}, defaults, "")
    with pytest.raises(NotSupportedError, match="workers=2"):
        refuse_options("f", {"workers": 2}, defaults, "")


NAMESPACES = [
    rl, rl.autograd, rl.data, rl.distributions, rl.errors, rl.func, rl.interop, rl.linalg, nn, nn.functional,
    nn.init, nn.utils, rl.ops, optim, optim.lr_scheduler, optim.swa_utils, rl.plot, rl.special, rl.train,
    rl.utils, rl.vision, rl.vision.datasets, rl.vision.transforms, rl.vision.transforms.functional,
    nn.init, nn.utils, rl.ops, optim, optim.lr_scheduler, optim.swa_utils, rl.plot, rl.special, rl.testing,
    nn.init, nn.utils, rl.ops, optim, optim.lr_scheduler, optim.swa_utils, rl.plot, rl.sparse, rl.special,
    rl.train, rl.utils, rl.vision, rl.vision.datasets, rl.vision.transforms, rl.vision.transforms.functional,
    rl.vision.transforms.v2, rl.vision.transforms.v2.functional, rl.vision.utils,
]  # fmt: skip
HIDDEN = {"__all__", "__doc__", "__file__", "__name__", "__path__", "__version__"}


@pytest.mark.parametrize("module", NAMESPACES, ids=lambda m: m.__name__)
def test_a_namespace_lists_what_is_public_and_no_more(module: Any) -> None:
    assert set(dir(module)) - HIDDEN == set(module.__all__) - HIDDEN
    for name in module.__all__:
        assert hasattr(module, name), name


def public_classes() -> dict[str, type]:
    found = {n: getattr(m, n) for m in NAMESPACES for n in m.__all__ if n != "Function"}
    return {n: c for n, c in found.items() if isinstance(c, type)}


@pytest.mark.parametrize("name", public_classes())
def test_every_public_class_has_a_repr(name: str) -> None:
    assert public_classes()[name].__repr__ is not object.__repr__


def test_reprs() -> None:
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    trainer = rl.train.Trainer(model, optimizer, nn.MSELoss(), metrics=["mae"])
    assert repr(trainer) == "Trainer(Linear of 3 parameters; SGD; MSELoss; metrics mae; after epoch 0)"
    assert repr(rl.train.EarlyStopping()) == (
        "EarlyStopping('validation_loss', patience=10, min_delta=0, mode='auto', restore_best=True)"
    )
    assert repr(optim.lr_scheduler.StepLR(optimizer, 3)) == "StepLR(step_size=3, gamma=0.1, epoch=0, lr=0.5)"
    assert repr(rl.data.Disk(10)).startswith("Disk(n=10, seed=0, split='train'")
    assert repr(rl.data.TensorDataset(rl.zeros(3))) == "TensorDataset(n=3)"
    assert repr(rl.data.Dataset()) == "Dataset()"
    assert repr(rl.no_grad()) == "no_grad()"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("zeross", ["zeros"]), ("amp", []), ("GELU", []), ("HuberLoss", []), ("Lienar", ["Linear"])],
)
def test_the_nearest_name_or_none(wrong: str, right: list[str]) -> None:
    known = ["zeros", "clamp", "Linear", "BCELoss", "Embedding"]
    assert nearest(wrong, known) == right


def test_a_tensor_says_what_pytorch_has() -> None:
    x = rl.ones(2)
    with pytest.raises(AttributeError, match="PyTorch has it"):
        x.record_stream()
    with pytest.raises(AttributeError, match="no attribute 'shap'$"):
        x.shap  # noqa: B018
    for thing in (x, nn.Linear(1, 1)):
        with pytest.raises(NotSupportedError, match="CPU"):
            thing.cuda()


def test_a_trainer_explains_an_option_that_it_has_not() -> None:
    with pytest.raises(TypeError, match="'hooks'.*callbacks"):
        rl.train.Trainer(nn.Linear(1, 1), None, nn.MSELoss(), hooks=[])
    with pytest.raises(TypeError, match="Did you mean 'metrics'"):
        rl.train.Trainer(nn.Linear(1, 1), None, nn.MSELoss(), metric=["mae"])


def test_layers_in_a_list_are_pointed_at() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.layers = [nn.Linear(2, 2)]

    with pytest.raises(rl.errors.ArgumentError, match="ModuleList"):
        optim.SGD(Net().parameters(), lr=0.1)


REDUCTIONS = [
    "sum",
    "mean",
    "prod",
    "var",
    "std",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "max",
    "min",
    "any",
    "all",
]


@pytest.mark.parametrize("name", REDUCTIONS)
def test_numpys_names_of_options(name: str) -> None:
    x = rl.tensor([[1.0, 5.0, 0.0], [7.0, 3.0, 2.0]])
    for function in (getattr(rl, name), getattr(rl.Tensor, name)):
        right, found = function(x, dim=1, keepdim=True), function(x, axis=1, keepdims=True)
        pairs = zip(right, found, strict=True) if isinstance(right, tuple) else [(right, found)]
        assert all(a.tolist() == b.tolist() for a, b in pairs)
        with pytest.raises(TypeError, match=f"{name}.*'axes'"):
            function(x, axes=1)


def test_numpys_functions_call_ours() -> None:
    assert np.mean(rl.tensor([1.0, 3.0])).item() == 2.0
    assert np.sum(rl.ones(2, 3), axis=0).tolist() == [2.0, 2.0, 2.0]


def test_a_copy_keeps_memory_and_history() -> None:
    x = rl.ones(2, requires_grad=True)
    y = copy.copy(x * 3)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]
    with pytest.raises(GradError, match=r"detach\(\)\.numpy"):
        np.asarray(copy.copy(x * 3))


@pytest.mark.parametrize("name", ["rushlight.nn", "rushlight.nn.functional", "rushlight.ops"])
def test_type_checkers_see_files_that_load_later(name: str) -> None:
    package = importlib.import_module(name)
    text = Path(package.__file__ or "").read_text(encoding="utf-8")
    unseen = [file for file in package.LATER if f"    from {name}.{file} import *\n" not in text]
    assert unseen == []
