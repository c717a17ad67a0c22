"""Packages that import PyTorch, as they are: `import torch` gives Rushlight to whoever asks from then on."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from rushlight.errors import ArgumentError, message
from rushlight.port.names import ROOTS, WHOLE, counterpart, is_ported

__all__ = ["stand_in"]

VERSION = "2.13.0"
"""The PyTorch whose names and meanings are here."""


class _Root(ModuleType):
    """`torch`: Rushlight's names, with PyTorch's version, for which packages look."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"{counterpart(name)}, under PyTorch's name.")
        self.__version__ = VERSION

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(counterpart(self.__name__)), name)

    def __dir__(self) -> list[str]:
        return dir(importlib.import_module(counterpart(self.__name__)))


class _Finder:
    """Finds `torch`, `torchvision` and what stands in them, as `sys.meta_path` asks."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        """The spec of a module that is here; None for every other."""
        if not is_ported(name) or name in WHOLE or (name not in ROOTS and _here(name) is None):
            return None
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """A module that is replaced as soon as it is asked to run, or a root."""
        return _Root(spec.name) if spec.name in ROOTS else None

    def exec_module(self, module: ModuleType) -> None:
        """It has no code; the module here takes its place."""
        if module.__name__ not in ROOTS:
            sys.modules[module.__name__] = _here(module.__name__)


def _here(name: str) -> Any:
    """The module of that name here, or None."""
    path = counterpart(name)
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not path.startswith(error.name):
            raise  # it is there, and asks for a package that is not
        parent, _, last = path.rpartition(".")
        found = getattr(sys.modules.get(parent), last, None)
        return found if hasattr(found, "__dict__") and not isinstance(found, type) else None


def stand_in() -> None:
    """From now on ``import torch`` and ``import torchvision`` give Rushlight, unchanged packages included.

    What has been imported already keeps what it has, so it is called first. ``torch.__version__`` is that of
    the PyTorch whose names are here. Raises ArgumentError where PyTorch itself has been imported.

    ```
    from rushlight.port import stand_in

    stand_in()
    from vit_pytorch import ViT  # its torch.nn is rushlight.nn
    ```
    """
    there = sys.modules.get("torch")
    if there is not None and not isinstance(there, _Root):
        raise ArgumentError(message("stand_in", "a program that has imported PyTorch", "a call before that"))
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
