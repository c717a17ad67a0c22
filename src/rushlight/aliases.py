"""Paths of PyTorch's modules under which a name may be imported, and where it is here.

PyTorch keeps many names in several modules: `torch.nn.modules.linear.Linear` is `torch.nn.Linear`. A path of
the table is a module without names of its own: it shows those of another, now and at any time later. `import
rushlight` enters a finder at the end of Python's list, which is asked for what no file is there for; no alias
costs anything before it is imported.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

__all__ = ["Finder", "find", "install"]

_LAYERS = """
    activation adaptive batchnorm channelshuffle container conv distance dropout flatten fold instancenorm
    lazy linear loss module normalization padding pixelshuffle pooling rnn sparse transformer upsampling
"""
_RULES = """
    adadelta adagrad adam adamax adamw asgd lbfgs nadam optimizer radam rmsprop rprop sgd sparse_adam
"""
TABLE: dict[str, tuple[str, ...]] = {
    "utils.data": ("data",),
    **{f"utils.data.{name}": ("data",) for name in ("dataloader", "dataset", "distributed", "sampler")},
    "utils.data._utils": ("data",),
    **{f"utils.data._utils.{name}": ("data",) for name in ("collate", "worker")},
    "nn.parameter": ("nn",),
    "nn.modules": ("nn",),
    **{f"nn.modules.{name}": ("nn", f"nn.{name}", "nn.internals") for name in _LAYERS.split()},
    "nn.modules.utils": ("nn.internals",),
    **{f"optim.{name}": ("optim", "optim.base") for name in _RULES.split()},
    **{f"autograd.{name}": ("autograd",) for name in ("grad_mode", "variable")},
    "functional": ("ops",),
    "random": ("core.random",),
    "cuda": ("core.placement:cuda",),
    **{f"cuda.amp{name}": ("amp",) for name in ("", ".autocast_mode", ".grad_scaler")},
    "vision.transforms.transforms": ("vision.transforms",),
    "vision.datasets.vision": ("vision.datasets",),
    "serialization": ("interop.serialization", "types"),
    "distributed.nn": ("distributed",),
    "_dynamo": ("compiler",),
    "nn.parallel.scatter_gather": ("nn.parallel",),
    "nn.parallel.distributed": ("nn.parallel",),
    "utils.model_zoo": ("hub",),
    "utils.hooks": ("core.hooks",),
}
"""For each path the modules whose names it shows; of several, the later ones where there is such a file.
Behind a colon stands an object that is the module."""
_ROOT = "rushlight."


class Alias(ModuleType):
    """A module that shows the names of others."""

    def __init__(self, name: str, targets: tuple[str, ...]) -> None:
        super().__init__(name, f"The names of {_ROOT}{targets[0]}, where PyTorch has them too.")
        self.targets = targets

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":  # its path above all is its own
            raise AttributeError(f"{self.__name__} has no {name!r}", name=name)
        below = find(self.__name__, name)
        if below is not None:
            return below
        first, *others = self.targets
        try:
            return getattr(importlib.import_module(_ROOT + first), name)
        except AttributeError:
            for other in others:
                try:
                    return getattr(importlib.import_module(_ROOT + other), name)
                except (ImportError, AttributeError):
                    continue
            raise

    def __dir__(self) -> list[str]:
        return dir(importlib.import_module(_ROOT + self.targets[0]))


class Finder:
    """Finds the paths of the table, as `sys.meta_path` asks, and makes their modules."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        """The spec of an alias, None for every other name."""
        if name.startswith(_ROOT) and name[len(_ROOT) :] in TABLE:
            return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]
        return None

    def create_module(self, spec: ModuleSpec) -> Alias:
        """The module."""
        return Alias(spec.name, TABLE[spec.name[len(_ROOT) :]])

    def exec_module(self, module: ModuleType) -> None:
        """It has no code; an object of the table takes its place."""
        file, _, name = TABLE[module.__name__[len(_ROOT) :]][0].partition(":")
        if name:
            sys.modules[module.__name__] = getattr(importlib.import_module(_ROOT + file), name)


class Einops:
    """Has einops know Rushlight's tensors when its file of backends has run, and takes itself out."""

    FILE = "einops._backends"

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        """The spec of that file, whose loader also makes our backend; None for every other name."""
        if name != self.FILE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def then_ours(module: ModuleType) -> None:
                run(module)
                importlib.import_module("rushlight.interop.einops_backend")

            spec.loader.exec_module = then_ours  # type: ignore[method-assign]
        return spec


def find(module: str, name: str) -> Any:
    """The alias `name` of `module`, or None."""
    path = f"{module}.{name}"
    return importlib.import_module(path) if path[len(_ROOT) :] in TABLE else None


def install() -> None:
    """Have Python ask for aliases."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())
        if Einops.FILE in sys.modules:
            importlib.import_module("rushlight.interop.einops_backend")
        else:
            sys.meta_path.insert(0, Einops())
