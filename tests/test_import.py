"""`import rushlight` is light. Its time is printed by the benchmark; here, only what it loads is held."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import rushlight as rl
from rushlight.core.tensor import LaterMethod
from tests.test_layers_of_imports import OPTIONAL

HEAVY = OPTIONAL | {"torch", "jax", "scipy", "sklearn"}


def loaded_by(code: str) -> set[str]:
    code += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_nothing_optional() -> None:
    loaded = loaded_by("import rushlight")
    assert "rushlight" in loaded
    assert not loaded & HEAVY


def test_training_loads_nothing_optional() -> None:
    loaded = loaded_by(
        "import rushlight as rl\n"
        "model = rl.nn.Linear(2, 1)\n"
        "optimizer = rl.optim.SGD(model.parameters(), lr=0.1)\n"
        "rl.nn.functional.mse_loss(model(rl.ones(3, 2)), rl.zeros(3, 1)).backward()\n"
        "optimizer.step()"
    )
    assert not loaded & HEAVY


PACKAGES = (
    "rushlight.ops",
    "rushlight.nn",
    "rushlight.nn.functional",
    "rushlight.optim",
    "rushlight.optim.lr_scheduler",
)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_tables_of_what_loads_later_are_those_of_the_files(package: str) -> None:
    place = importlib.import_module(package)
    for file, names in place.LATER.items():
        module = importlib.import_module(f"{package}.{file}")
        if not names:  # the file itself is asked for
            continue
        assert sorted(names.split()) == sorted(module.__all__), file
        assert file not in place.__all__, "importing the file would hide the function"
        others = [name for name in names.split() if getattr(place, name) is not getattr(module, name)]
        assert others == [], file


def test_methods_that_load_later_are_those_that_their_files_attach() -> None:
    for file, names in rl.ops.METHODS.items():
        importlib.import_module(f"rushlight.ops.{file}")
        missing = [name for name in names.split() if isinstance(vars(rl.Tensor)[name], LaterMethod)]
        assert missing == [], file
    listed = {name for names in rl.ops.METHODS.values() for name in names.split()}
    for name, value in vars(rl.Tensor).items():
        function = value.fget if isinstance(value, property) else value
        place, _, file = getattr(function, "__module__", "").rpartition(".")
        assert place != "rushlight.ops" or file not in rl.ops.METHODS or name in listed, (file, name)


def test_nothing_loads_before_it_is_used() -> None:
    code = (
        "import rushlight as rl, sys\n"
        "later = [f'{p.__name__}.{f}' for p in (rl.ops, rl.nn, rl.nn.functional) for f in p.LATER]\n"
        "later += [f'rushlight.{p}' for p in rl._PACKAGES.split()]\n"
        "later += [f'rushlight.{p}' for p in ('pytorch_names', 'pytorch_nearest', 'optional', 'nn.gate')]\n"
        "later += [f'rushlight.device.{f}' for f in sys.modules['rushlight.device.numpy'].LATER]\n"
        "later += ['rushlight.core.refused', 'rushlight.core.function']\n"
        "assert not set(later) & set(sys.modules), set(later) & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
