"""Packages that a part of Rushlight needs and its other users do not: what for, how to install them, and the
one way in which they are imported."""

from __future__ import annotations

import importlib
from typing import Any

from rushlight.errors import NotSupportedError

__all__ = ["EXTRAS", "WANTED_FOR", "MissingPackageError", "install", "load", "missing_package"]

EXTRAS = {
    "compile": ("llvmlite", "scipy-openblas32"),
    "app": ("typer", "rich", "matplotlib", "safetensors"),
    "bfloat16": ("ml_dtypes",),
}
"""What the package's extras install."""

WANTED_FOR = {
    "numpy": "everything",
    "llvmlite": "rl.compile, the default of Trainer, sweeps of compiled networks",
    "scipy-openblas32": "long products in compiled programs",
    "typer": "the command line",
    "rich": "the command line, progress bars",
    "matplotlib": "pictures",
    "safetensors": "saving models",
    "ml_dtypes": "bfloat16",
    "pillow": "reading and resizing pictures",
    "huggingface_hub": "hub.ModelHubMixin with the Hub: push_to_hub, from_pretrained by name",
    "pandas": "tables of results as data frames",
    "onnx": "rushlight.onnx, rushlight export",
    "pyarrow": "Parquet files as tables",
    "scikit-learn": "rushlight.sklearn, estimators for its pipelines",
    "tensorboardX": "utils.tensorboard.SummaryWriter, the callback TensorBoard",
    "cloudpickle": "sweeps by the workers of an executor",
    "distributed": "rushlight sweep --dask",
    "mpi4py": "rushlight.distributed with several processes",
    "mlflow": "the callback MLflow",
    "wandb": "the callback WandB",
}
"""Distributions, as pip names them, and what needs them."""

DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "scipy_openblas32": "scipy-openblas32"}
"""The distribution of a module that is called otherwise."""


class MissingPackageError(NotSupportedError, ImportError):
    """A package that is not installed; an ImportError too, for who guards an optional import."""


def load(module: str, what: str) -> Any:
    """Import `module` and return it.

    Raises MissingPackageError where its package is not installed: that `what` needs it, and what to install.
    An error from inside an installed package passes as it is.

    >>> load("json", "Reading a configuration").loads("[1]")
    [1]
    >>> load("no_such_package", "Drawing")
    Traceback (most recent call last):
    rushlight.optional.MissingPackageError: Drawing needs no_such_package: pip install no_such_package
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        top = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != top:
            raise
        raise missing_package(top, what) from None


def missing_package(module: str, what: str) -> MissingPackageError:
    """The error that says that `what` needs the package of `module`, and what to install."""
    package = DISTRIBUTIONS.get(module, module)
    error = MissingPackageError(f"{what} needs {package}: {install(package)}")
    error.name = module
    return error


def install(package: str) -> str:
    """The command that installs a distribution: by the extra that holds it.

    >>> install("typer"), install("pandas")
    ('pip install "rushlight[app]"', 'pip install pandas')
    """
    extra = next((extra for extra, names in EXTRAS.items() if package in names), None)
    return f"pip install {package}" if extra is None else f'pip install "rushlight[{extra}]"'
