"""Paths of PyTorch's modules that are other modules here."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import rushlight as rl
from rushlight.aliases import TABLE

SAME = {
    "utils.data": "DataLoader Dataset TensorDataset Subset random_split",
    "utils.data.dataloader": "DataLoader default_collate",
    "utils.data.dataset": "Dataset",
    "utils.data.sampler": "__all__",
    "nn.parameter": "Parameter",
    "nn.modules": "Module Linear",
    "nn.modules.module": "Module",
    "nn.modules.linear": "Linear Identity",
    "optim.optimizer": "Optimizer",
    "optim.sgd": "SGD",
    "functional": "einsum split",
    "random": "manual_seed",
    "cuda.amp": "autocast GradScaler custom_fwd",
    "cuda.amp.grad_scaler": "GradScaler",
    "serialization": "save load",
}


@pytest.mark.parametrize("path", SAME)
def test_the_same_objects(path: str) -> None:
    target = importlib.import_module(f"rushlight.{TABLE[path][0]}")
    module = importlib.import_module(f"rushlight.{path}")
    for name in SAME[path].split():
        assert getattr(module, name) is getattr(target, name)


@pytest.mark.parametrize("path", TABLE)
def test_every_path_of_the_table(path: str) -> None:
    module = importlib.import_module(f"rushlight.{path}")
    if ":" in TABLE[path][0]:
        file, _, name = TABLE[path][0].partition(":")
        assert module is getattr(importlib.import_module(f"rushlight.{file}"), name)
    elif len(TABLE[path]) == 1:
        assert set(importlib.import_module(f"rushlight.{TABLE[path][0]}").__all__) & set(dir(module))


def test_without_imports_of_their_own() -> None:
    code = (
        "import rushlight as torch, sys\n"
        "assert torch.utils.data.DataLoader is torch.data.DataLoader\n"
        "assert torch.nn.modules.module.Module is torch.nn.Module is torch.nn.modules.Module\n"
        "assert torch.nn.parameter.Parameter is torch.nn.Parameter\n"
        "from rushlight.nn import linear\n"
        "assert linear is sys.modules['rushlight.nn.linear']\n"
        "import rushlight.utils.data as data\n"
        "from rushlight.utils.data import *\n"
        "assert data.DataLoader is DataLoader is torch.data.DataLoader"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_not_there() -> None:
    for path in ("rushlight.utils.foo", "rushlight.nn.modules.foo", "rushlight.utils.data.foo"):
        with pytest.raises(ModuleNotFoundError, match="foo"):
            importlib.import_module(path)
    with pytest.raises(AttributeError, match="rushlight.utils has no 'foo'"):
        rl.utils.foo  # noqa: B018
    with pytest.raises(AttributeError, match=r"rushlight\.data has no 'Dataloader'.*DataLoader"):
        rl.utils.data.Dataloader  # noqa: B018


def test_types() -> None:
    assert isinstance(1.5, rl.types.Number)  # type: ignore[arg-type]
    assert "Device" in rl.types.__all__
