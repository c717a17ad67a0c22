"""What parameters PyTorch's functions have: from their signatures, or the first lines of their docstrings."""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

Parameters = dict[str, inspect.Parameter]
EMPTY = inspect.Parameter.empty
POSITIONAL, KEYWORD = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def signature(value: Any) -> Parameters | None:
    """The parameters of a Python function or class, None of what is not written in Python."""
    try:
        return dict(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return None


def documented(value: Any) -> list[Parameters]:
    """The forms that a docstring begins with: ``add(input, other, *, alpha=1, out=None) -> Tensor``."""
    name = re.escape(getattr(value, "__name__", "?"))
    text = inspect.getdoc(value) or ""
    forms = [parsed(m[1]) for m in re.finditer(rf"^(?:torch\.)?\w*\.?{name}(\(.*?\)) *->", text, re.M)]
    return [form for form in forms if form is not None]


def parsed(text: str) -> Parameters | None:
    text = re.sub(r"(\w+) *\[[^\]]*\]", r"\1", text)  # int[2]
    try:
        tree = ast.parse(f"def f{text}: pass").body[0]
    except SyntaxError:
        return None
    assert isinstance(tree, ast.FunctionDef)
    a = tree.args
    found: Parameters = {}
    plain = [*a.posonlyargs, *a.args]
    defaults: list[Any] = [EMPTY] * (len(plain) - len(a.defaults)) + list(a.defaults)
    for arg, default in zip(plain, defaults, strict=True):
        found[arg.arg] = inspect.Parameter(arg.arg, POSITIONAL, default=constant(default))
    if a.vararg:
        found[a.vararg.arg] = inspect.Parameter(a.vararg.arg, inspect.Parameter.VAR_POSITIONAL)
    for arg, default in zip(a.kwonlyargs, a.kw_defaults, strict=True):
        found[arg.arg] = inspect.Parameter(arg.arg, KEYWORD, default=constant(default))
    return found


def constant(node: Any) -> Any:
    if node is None or node is EMPTY:
        return EMPTY
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ...  # a name


def forms(value: Any) -> list[Parameters]:
    """All forms of one of PyTorch's functions or classes that are known."""
    own = signature(value)
    if own is not None and not all(p.kind in VARIADIC for p in own.values()):
        return [own]
    return documented(value)
