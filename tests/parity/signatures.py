"""What parameters PyTorch's functions have: from their signatures, the schemas of its operators, or the first
lines of their docstrings."""

from __future__ import annotations

import ast
import inspect
import keyword
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
    name = re.escape(getattr(value, "__name__", "?").removeprefix("linalg_").removeprefix("special_"))
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
    return of_schemas(value) or documented(value)


def of_schemas(value: Any) -> list[Parameters]:
    """The forms of an operator that Python may call: none that writes into `out`, or names axes."""
    import torch

    name = getattr(value, "__name__", "")
    operators = (torch, torch.Tensor, torch._C._nn, torch._C._linalg, torch._C._special)
    if (
        isinstance(value, type)
        or inspect.isfunction(value)
        or not any(getattr(o, name, None) is value for o in operators)
    ):
        return []
    method = getattr(value, "__objclass__", None) is not None
    found: list[Parameters] = []
    for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name}"):
        arguments = schema.arguments
        full = f"aten::{name}.{schema.overload_name}".rstrip(".")
        if any(a.is_out for a in arguments) or "Dimname" in str(schema):
            continue
        # Those of TorchScript's own numbers have no kernels; those with a dtype of the result are for GPUs.
        if not torch._C._dispatch_has_kernel(full) or schema.overload_name.endswith("dtype"):
            continue
        names = [a.name for a in arguments]
        if method and "self" not in names:
            continue
        form: Parameters = {}
        for a in arguments:
            own = "input" if a.name == "self" and not method else a.name
            if keyword.iskeyword(own):  # it is given by its place
                continue
            default = a.default_value if a.has_default_value() else EMPTY
            form[own] = inspect.Parameter(own, KEYWORD if a.kwarg_only else POSITIONAL, default=default)
        if form not in found:
            found.append(form)
    return merged(found)


def merged(forms: list[Parameters]) -> list[Parameters]:
    """Forms that differ in kinds of arguments only, of which Python sees nothing, are one."""
    found: dict[tuple[Any, ...], Parameters] = {}
    for form in forms:
        found.setdefault(tuple((p.name, p.kind) for p in form.values()), form)
    return list(found.values())
