"""Imports point one way, and array and optional libraries stay where they belong."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"
FILES = sorted((SRC / "rushlight").rglob("*.py"))

BASE = {"errors", "optional", "device", "core", "notebook"}
TENSORS = BASE | {"ops", ""}  # "" is `import rushlight`, whose names are ops for whoever stands above them
BESIDE = TENSORS | {"nn", "optim", "data"}
MAY_IMPORT = {
    "pytorch_names": set(),
    "pytorch_nearest": set(),
    "aliases": set(),
    "errors": {"pytorch_names", "pytorch_nearest", "aliases"},
    "optional": {"errors"},
    "device": {"errors", "optional"},
    "notebook": {"errors"},  # pages know what they show by what they read of it
    "core": {"errors", "device", "notebook"},
    "compile": BASE,
    "ops": BASE,
    "func": BASE | {"ops", "nn", "compile"},
    "linalg": BASE | {"ops"},
    "sparse": BASE | {"ops"},
    "testing": BASE | {"ops"},
    "special": BASE | {"ops"},
    "distributions": TENSORS | {"nn", "special", "linalg"},
    "nn": BASE | {"ops", "distributed"},  # gradients are shared by several processes
    "optim": BASE | {"ops", "nn"},  # averaged models are modules
    "data": BASE | {"ops"},
    "port": TENSORS | {"interop"},
    "types": {"core"},
    "distributed": BASE,
    "compiler": {"errors", "core"},
    "fx": {"errors"},
    "futures": {"errors"},
    "_C": {"errors", "core"},
    "fft": BASE | {"ops"},
    "hub": {"errors", "interop"},
    "utils": BASE | {"ops", "func", "data"},
    "plot": BESIDE | {"interop"},  # it writes files as checkpoints do, whole or not at all
    "interop": BESIDE,
    "train": BESIDE | {"compile", "plot", "interop", "utils"},  # writers of events
    "vision": BESIDE | {"interop"},  # it reads pickles, and writes files whole or not at all
    "reports": BESIDE | {"compile", "plot", "interop", "train"},
    "sklearn": BESIDE | {"train"},
    "onnx": BESIDE | {"compile", "compiler", "interop"},  # it traces, and writes files whole or not at all
    "tabular": BESIDE | {"train", "plot", "interop", "onnx", "optional"},
}
# They handle data of the host (files, pictures, tables), not the arithmetic of tensors.
HOST_DATA = (
    "data",
    "plot",
    "interop",
    "train/metrics",
    "train/ranking",
    "train/sweeping",
    "train/weights",
    "train/regression",
    "compile/interpret",
    "reports",
    "cli",
    "vision",
    "sklearn",
    "onnx",
    "tabular",
)
OPTIONAL = {
    "llvmlite",
    "scipy_openblas32",
    "matplotlib",
    "typer",
    "rich",
    "safetensors",
    "PIL",
    "ml_dtypes",
    "tensorboardX",
    "sklearn",
    "onnx",
    "cloudpickle",
    "dask",
    "distributed",
    "mpi4py",
    "pandas",
    "polars",
    "pyarrow",
}
NEVER = {"torch", "jax", "scipy", "tensorflow", "autograd", "tests", "benchmarks", "examples"}


def imports(tree: ast.AST, inside_function: bool = False) -> Iterator[tuple[str, bool]]:
    """Every dotted name imported, and whether inside a function; not what only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside_function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((f"{node.module}.{alias.name}", inside_function) for alias in node.names)
        yield from imports(node, inside_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def layer_of(parts: tuple[str, ...]) -> str:
    """The layer of a dotted path under rushlight; a public name of the root counts as the root, ''."""
    return parts[0] if parts and (parts[0] in MAY_IMPORT or parts[0] == "cli") else ""


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SRC)))
def test_imports(file: Path) -> None:
    inner = file.relative_to(SRC / "rushlight").with_suffix("")
    layer = layer_of(inner.parts)
    for name, lazy in imports(ast.parse(file.read_text(encoding="utf-8"))):
        top, *rest = name.split(".")
        assert top not in NEVER, (
            f"{name}: no deep-learning library, no peer, and nothing that is not installed"
        )
        if top == "rushlight" and layer in MAY_IMPORT:
            target = layer_of(tuple(rest))
            allowed = MAY_IMPORT[layer] | {layer}
            assert target in allowed, f"{name}: {layer} may import {sorted(allowed)}, not '{target}'"
        if top == "numpy":
            assert inner.as_posix().startswith(("device", *HOST_DATA)), f"{name}: arrays belong to device"
        if top in OPTIONAL and layer not in ("cli", top):
            assert lazy, f"{name}: an optional library is imported inside the function that needs it"


def test_every_layer_has_its_rule() -> None:
    unruled = {
        "__init__",
        "__main__",
        "cli",
        "doctor",
        "autograd",
        "settings",
        "amp",
        "jit",
        "multiprocessing",
        "version",
    }  # they stand at the top and import what they show
    found = {f.relative_to(SRC / "rushlight").with_suffix("").parts[0] for f in FILES}
    assert found <= MAY_IMPORT.keys() | unruled
