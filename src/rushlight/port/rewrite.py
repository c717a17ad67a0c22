"""A program with PyTorch's imports, as one with Rushlight's: nothing but its import statements changes."""

from __future__ import annotations

import ast

from rushlight.port.names import WHOLE, counterpart, is_ported

__all__ = ["rewrite"]


def rewrite(source: str) -> str:
    """The program `source` with `torch` and `torchvision` imported from here, under the names that it uses.

    Raises SyntaxError for what is no Python program.

    >>> print(rewrite("import torch  # the library\\nimport torch.nn as nn, math\\nfrom torch import optim"))
    import rushlight as torch  # the library
    import rushlight.nn as nn, math
    from rushlight import optim
    """
    lines = source.splitlines(keepends=True)
    statements = [n for n in ast.walk(ast.parse(source)) if isinstance(n, (ast.Import, ast.ImportFrom))]
    for node in sorted(statements, key=lambda n: (n.lineno, n.col_offset), reverse=True):
        new = _rewritten(node)
        if new is not None:
            _replace(lines, node, new)
    return "".join(lines)


def _rewritten(node: ast.Import | ast.ImportFrom) -> str | None:
    """The statement anew; None for one that stays."""
    if isinstance(node, ast.ImportFrom):
        if node.level or node.module is None or not is_ported(node.module):
            return None
        return ast.unparse(ast.ImportFrom(counterpart(node.module), node.names, 0))
    if not any(is_ported(a.name) for a in node.names):
        return None
    parts = [part for a in node.names for part in _imported(a)]
    return f"import {', '.join(dict.fromkeys(parts))}"


def _imported(alias: ast.alias) -> list[str]:
    """What binds the same name to the same module: ``import a.b`` binds a, and ``import a.b as c`` c."""
    if not is_ported(alias.name) or (alias.asname is None and alias.name in WHOLE):
        return [ast.unparse(alias)]
    here = counterpart(alias.name)
    if alias.asname is not None:
        return [f"{here} as {alias.asname}"]
    root = alias.name.split(".")[0]
    whole = f"{counterpart(root)} as {root}"
    return [whole] if here == counterpart(root) else [whole, here]


def _replace(lines: list[str], node: ast.stmt, new: str) -> None:
    """Put `new` where the statement stands; columns are counted in bytes."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    before = lines[first].encode()[: node.col_offset].decode()
    after = lines[last].encode()[node.end_col_offset :].decode()
    lines[first : last + 1] = [before + new + after]
