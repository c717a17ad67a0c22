"""The lists of the array library's names: what formulas may use, and what the host uses."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from rushlight.core.op import REGISTRY
from rushlight.device import m, xp

SRC = Path(__file__).resolve().parents[1] / "src" / "rushlight"
TREES = {
    file.relative_to(SRC).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
    for file in SRC.rglob("*.py")
}
CHOSEN = {"argmax", "argmin"}
"""Which of the two a formula asks for is decided by name."""


def names_of(variable: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == variable:
            yield node.attr


def formulas(tree: ast.AST) -> Iterator[ast.AST]:
    """The functions whose first argument is the namespace."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            first = [*node.args.posonlyargs, *node.args.args][:1]
            if first and first[0].arg == "m":
                yield node


def test_formulas_have_exactly_the_names_they_use() -> None:
    of_metrics = ("train/", "compile/")
    trees = [tree for name, tree in TREES.items() if not name.startswith(of_metrics)]
    used = {name for tree in trees for f in formulas(tree) for name in names_of("m", f)}
    assert used | CHOSEN == set(m.__all__)
    for name in CHOSEN:
        assert f'"{name}"' in (SRC / "ops" / "extremes.py").read_text(encoding="utf-8")


def test_every_formula_calls_its_namespace_m() -> None:
    for op in REGISTRY.values():
        assert next(iter(inspect.signature(op.formula).parameters)) == "m", op.name


def test_the_host_has_exactly_the_names_it_uses() -> None:
    used = {name for tree in TREES.values() for name in names_of("xp", tree)}
    public = {"bool_", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16"}
    assert used | public == set(xp.__all__)
