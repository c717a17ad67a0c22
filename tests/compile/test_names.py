"""The compiler knows operations by what their records say, and none by its name."""

from __future__ import annotations

import ast
from pathlib import Path

import rushlight
from rushlight.core.op import REGISTRY

COMPILER = Path(rushlight.__file__).parent / "compile"
SHARED = {
    *("all", "any", "cat", "copy", "full", "gather", "ge", "gt", "i1", "index"),
    *("le", "linear", "lt", "max", "min", "prod", "scatter", "slice", "sum", "to"),
}
"""Words of English, of LLVM and of the compiler as well."""
APART = {"vector", "number.py"}
"""The names that formulas use, and the operators of Python's numbers."""


def _names(tree: ast.AST) -> set[str]:
    """The strings that a file compares with, or collects in a set, a list, a tuple or as a table's keys."""
    found: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            found += [node.left, *node.comparators]
        elif isinstance(node, (ast.Set, ast.List, ast.Tuple)):
            found += node.elts
        elif isinstance(node, ast.Dict):
            found += node.keys
    return {n.value for n in found if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def test_no_table_of_op_names_and_no_comparison_with_one():
    ops = set(REGISTRY) - SHARED
    for path in COMPILER.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "op.name ==" not in text, path
        assert "op.name in" not in text, path
        if not APART & set(path.parts):
            assert not _names(ast.parse(text)) & ops, path
