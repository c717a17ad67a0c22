"""What of a program would not run here: names that are missing, arguments that are not taken, devices."""

from __future__ import annotations

import ast
import importlib
import inspect
from dataclasses import dataclass
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import in_pytorch, nearest, not_here
from rushlight.port.names import WHOLE, counterpart, is_ported

__all__ = ["Finding", "check"]


@dataclass(frozen=True, order=True)
class Finding:
    """Something that would not run.

    line   where it stands, from 1.
    name   what is asked for, as it stands there.
    words  why it would not run, and what is nearest.
    sure   whether it is; else it depends on what stands before a dot.
    """

    line: int
    name: str
    words: str
    sure: bool = True

    def __str__(self) -> str:
        return f"{self.line}: {self.name}: {self.words}" + ("" if self.sure else " (if that is a tensor)")


def check(source: str) -> list[Finding]:
    """What of the program `source`, written for PyTorch, would not run here, in the order of its lines.

    Raises SyntaxError for what is no Python program.

    >>> for found in check("import torch\\nx = torch.ones(2).cuda()\\ntorch.profiler.profile()"):
    ...     print(found)
    2: .cuda(): there is only the CPU: leave the call out, or ask torch.cuda.is_available() before it
    3: torch.profiler: rushlight has no 'profiler': PyTorch has it, Rushlight does not, or not yet
    """
    tree = ast.parse(source)
    walk = _Walk(tree)
    walk.visit(tree)
    return sorted(set(walk.findings))


OF_RESULTS = {"indices", "values"}
"""What max() and sort() give has these, without a call; sparse tensors have methods of these names."""


BUILT_ON = frozenset(
    [
        "accelerate",
        "botorch",
        "captum",
        "dgl",
        "fastai",
        "gpytorch",
        "ignite",
        "kornia",
        "lightning",
        "monai",
        "pyro",
        "pytorch_lightning",
        "skorch",
        "tianshou",
        "timm",
        "torch_geometric",
        "torchaudio",
        "torchdiffeq",
        "torchmetrics",
        "torchsde",
        "torchtext",
        "transformers",
    ]
)
"""Packages that work on PyTorch's tensors, and import it themselves."""


class _Missing(Exception):
    """A name that is not there, and why."""


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        parent, _, last = name.rpartition(".")
        if parent.startswith("rushlight"):
            return _attribute(_module(parent), last)
        raise _Missing(str(error)) from None


def _attribute(owner: Any, name: str) -> Any:
    try:
        found = getattr(owner, name)
    except AttributeError as error:
        raise _Missing(str(error).rstrip(".")) from None
    except ImportError as error:
        raise _Missing(f"it needs a package that is not installed: {error}") from None
    if isinstance(words := getattr(found, "absent", None), str):
        raise _Missing(words)
    return found


class _Walk(ast.NodeVisitor):
    def __init__(self, tree: ast.AST) -> None:
        self.findings: list[Finding] = []
        self._known: dict[str, Any] = {}
        self._own = _own_names(tree)
        self._guarded = 0
        self._called: set[ast.expr] = set()

    # Imports

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._note_built_on(node.lineno, alias.name)
            if is_ported(alias.name) and alias.name not in WHOLE:
                root = alias.name.split(".")[0]
                found = self._imported(node.lineno, alias.name)
                if alias.asname is not None:
                    self._known[alias.asname] = found
                else:
                    self._known[root] = self._imported(node.lineno, root)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module is None:
            return
        self._note_built_on(node.lineno, node.module)
        if not is_ported(node.module):
            return
        module = self._imported(node.lineno, node.module)
        for alias in node.names if module is not None else ():
            if alias.name == "*":
                self._known.update((n, getattr(module, n)) for n in getattr(module, "__all__", ()))
                continue
            try:
                found = _attribute(module, alias.name)
            except _Missing as missing:
                try:
                    found = _module(f"{counterpart(node.module)}.{alias.name}")
                except _Missing:
                    self._note(node.lineno, f"{node.module}.{alias.name}", str(missing))
                    continue
            self._known[alias.asname or alias.name] = found

    def _note_built_on(self, line: int, module: str) -> None:
        root = module.split(".")[0]
        if root in BUILT_ON:
            words = "it imports PyTorch itself: call rushlight.port.stand_in() first, and try"
            self._note(line, root, words)

    def _imported(self, line: int, name: str) -> Any:
        try:
            return _module(counterpart(name))
        except _Missing as missing:
            self._note(line, name, str(missing))
            return None

    # Names, and what is asked of them

    def visit_If(self, node: ast.If) -> None:
        """What stands behind a question for a device is not reached here."""
        self.visit(node.test)
        asks = "is_available" in ast.unparse(node.test)
        self._guarded += asks
        for part in node.body:
            self.visit(part)
        self._guarded -= asks
        for part in node.orelse:
            self.visit(part)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = _chain(node)
        if chain is not None and chain[0] in self._known:
            self._resolve(node.lineno, chain)
            return
        if node in self._called or node.attr not in OF_RESULTS:
            self._of_tensor(node.lineno, node.attr)
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        self._called.add(function)
        if isinstance(function, ast.Attribute) and function.attr == "cuda" and not self._guarded:
            words = "there is only the CPU: leave the call out, or ask torch.cuda.is_available() before it"
            self._note(node.lineno, ".cuda()", words)
            self.visit(function.value)
        else:
            self.visit(function)
        chain = _chain(function)
        if chain is not None and chain[0] in self._known:
            self._arguments(node, chain)
        for part in (*node.args, *node.keywords):
            self.visit(part)

    def _resolve(self, line: int, chain: list[str]) -> Any:
        """What the names lead to; None where they lead nowhere, which is noted, or beyond modules."""
        found = self._known[chain[0]]
        for i, name in enumerate(chain[1:], 1):
            if found is None or not (inspect.ismodule(found) or inspect.isclass(found)):
                return None
            try:
                found = _attribute(found, name)
            except _Missing as missing:
                self._note(line, ".".join(chain[: i + 1]), str(missing))
                return None
        return found

    def _arguments(self, node: ast.Call, chain: list[str]) -> None:
        """Note keywords that what is called does not take."""
        called = self._quietly(chain)
        if called is None or not callable(called):
            return
        try:
            parameters = inspect.signature(called).parameters
        except (TypeError, ValueError):
            return
        rest = [p.name for p in parameters.values() if p.kind is p.VAR_KEYWORD]
        if rest and rest != ["numpy"]:
            return
        taken = {*parameters, *(("axis", "keepdims") if rest else ())}
        for keyword in node.keywords:
            if keyword.arg is not None and keyword.arg not in taken:
                near = nearest(keyword.arg, parameters, 1)
                words = f"it takes no {keyword.arg}=" + (f"; did you mean {near[0]}=?" if near else "")
                self._note(node.lineno, f"{'.'.join(chain)}({keyword.arg}=)", words)

    def _quietly(self, chain: list[str]) -> Any:
        before = list(self.findings)
        try:
            return self._resolve(0, chain)
        finally:
            self.findings = before

    def _of_tensor(self, line: int, name: str) -> None:
        """Note a method of PyTorch's tensors that those here do not have, whatever it is asked of."""
        if name.startswith("_") or name in self._own or hasattr(Tensor, name) or hasattr(str, name):
            return
        if in_pytorch("Tensor", name) and not any(hasattr(kind, name) for kind in (list, dict, set)):
            self._note(line, f".{name}", not_here("Tensor", name), sure=False)

    def _note(self, line: int, name: str, words: str, sure: bool = True) -> None:
        self.findings.append(Finding(line, name, words.rstrip("."), sure))


def _chain(node: ast.AST) -> list[str] | None:
    """The names of a.b.c, or None for something else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *names[::-1]] if isinstance(node, ast.Name) else None


def _own_names(tree: ast.AST) -> set[str]:
    """Names that the program defines itself: methods, and attributes that it assigns."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return found
