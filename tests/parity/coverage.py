"""Which public names some comparison with PyTorch uses: read from the tables and the text of the tests.

A name counts where one of these holds:

- PyTorch's OpInfo or ModuleInfo has samples of it that are run.
- A function that takes the framework as `L`, or a part of it as one of the file's `PARTS`, uses it as
  `L.path.name`, or calls it as a method: such functions are run with both.
- One test, or helper of tests, uses both `torch.path.name` and `rl.path.name`.
- A file of `tests/parity/` has it in `COVERED`: the names of a table, which are looked up by `getattr`.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import rushlight as rl
from tests.op_samples import SAMPLES, as_dtype
from tests.parity.names import PLACES

TESTS = Path(__file__).resolve().parents[1]
OURS = {theirs.replace("torch", "rushlight", 1): ours for ours, theirs in PLACES.items()}
"""Where names are that PyTorch has elsewhere: rushlight.utils.data is rushlight.data."""
NOT_METHODS = {"index", "name", "names", "split", "values", "sort"}
"""Methods of lists, strings and dicts too: a tensor's are only counted where a table has them by name."""

Name = tuple[str, str]


def place_of(path: str) -> Name | None:
    """`rushlight.nn.Linear`, or PyTorch's path of it with that first word, as (namespace, name)."""
    place, _, name = path.rpartition(".")
    if path.startswith("rushlight.Tensor."):
        return "Tensor", name
    return (OURS.get(place, place), name) if place else None


def chain(node: ast.AST) -> list[str] | None:
    """The names of `a.b.c`, or of `getattr(a.b, "c")`."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        before = chain(node.value)
        return None if before is None else [*before, node.attr]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
        match node.args:
            case [owner, ast.Constant(value=str(name))]:
                before = chain(owner)
                return None if before is None else [*before, name]
    return None


def imported(tree: ast.Module) -> dict[str, str]:
    """What the names mean that a file imports from either framework."""
    known = {"torch": "torch"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for a in node.names:
                known[a.asname or a.name.split(".")[0]] = a.name if a.asname else a.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module:
            known.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = chain(node.value)
            if value and value[0] in known and value[0] in ("torch", "rl"):
                known[node.targets[0].id] = ".".join([known[value[0]], *value[1:]])
    return {k: v for k, v in known.items() if v.split(".")[0] in ("torch", "rushlight")}


def paths(node: ast.AST, known: dict[str, str]) -> set[str]:
    """The full paths of either framework's names that stand below a node."""
    found = set()
    for child in ast.walk(node):
        names = chain(child)
        if names and names[0] in known:
            found.add(".".join([known[names[0]], *names[1:]]))
    return found


def shared(node: ast.AST, known: dict[str, str]) -> set[str]:
    """Ours of which PyTorch's stand there as well."""
    found = paths(node, known)
    theirs = {place_of(p.replace("torch", "rushlight", 1)) for p in found if p.startswith("torch")}
    return {p for p in found if p.startswith("rushlight") and place_of(p) in theirs}


def parts(tree: ast.Module) -> dict[str, str]:
    """The paths of the arguments that stand for a framework or a part of it: `L`, and those of `PARTS`."""
    found = {"L": "rushlight"}
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PARTS":
            found.update({k: f"rushlight.{v}" for k, v in ast.literal_eval(node.value).items()})
    return found


def taken(node: ast.AST, known: dict[str, str]) -> dict[str, str]:
    """Which of these are arguments of a function, or run over both frameworks in a loop."""
    if isinstance(node, (ast.FunctionDef, ast.Lambda)):
        return {a.arg: known[a.arg] for a in node.args.args if a.arg in known}
    loops = getattr(node, "generators", [node])  # for L in (rl, torch)
    targets = [n for loop in loops if hasattr(loop, "target") for n in ast.walk(loop.target)]
    return {"L": known["L"]} if any(isinstance(n, ast.Name) and n.id == "L" for n in targets) else {}


def with_locals(node: ast.AST, known: dict[str, str]) -> dict[str, str]:
    """Also what stands for a part of the framework within a function: `P = L.nn.utils.parametrize`."""
    known = dict(known)
    for child in ast.walk(node):
        if isinstance(child, ast.Assign):
            target, value = child.targets[0], child.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=False))
            for name, source in pairs:
                names = chain(source)
                if isinstance(name, ast.Name) and names and names[0] in known:
                    known[name.id] = ".".join([known[names[0]], *names[1:]])
    return known


def methods(node: ast.AST) -> set[str]:
    """Attributes of what is computed in a function of the framework: `x.add(y)`."""
    found = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Attribute) and not isinstance(child.value, ast.Constant):
            names = chain(child)
            if child.attr not in NOT_METHODS and not (names and names[0] in ("L", "np", "self")):
                found.add(child.attr)
    return found


def of_file(path: Path) -> set[Name]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known, short, found = imported(tree), parts(tree), set()
    for node in ast.walk(tree):
        if frameworks := taken(node, short):
            found |= {place_of(p) for p in paths(node, with_locals(node, frameworks))}
            found |= {("Tensor", m) for m in methods(node)}
    for node in tree.body:
        found |= {place_of(p) for p in shared(node, known)}
    return {f for f in found if f is not None}


class Seen:
    """A framework that notes which of its names are asked for."""

    def __init__(self, real: Any, path: str, names: set[str]) -> None:
        self._real, self._path, self._names = real, path, names

    def __getattr__(self, name: str) -> Any:
        value, path = getattr(self._real, name), f"{self._path}.{name}"
        self._names.add(path)
        return Seen(value, path, self._names) if isinstance(value, ModuleType) else value


def of_samples() -> Iterator[Name]:
    """Entries that look a name up by `getattr` are run; the others are read as text."""
    done = set()
    for s in SAMPLES:
        if s.peer and s.name not in done and "getattr" in s.call.__code__.co_names:
            done.add(s.name)
            names: set[str] = set()
            s.call(Seen(rl, "rushlight", names), *(rl.from_numpy(as_dtype(a, "float64")) for a in s.arrays))
            yield from filter(None, map(place_of, names))
            if not any(path.endswith(f".{s.name}") for path in names):  # then it was x's
                yield "Tensor", s.name


def of_op_info() -> Iterator[Name]:
    from tests.parity import test_opinfo_parity as ops

    for op in ops.OPS.values():
        for form in ops.forms(op):
            if form.startswith("x."):
                yield "Tensor", form[2:]
            else:
                yield place_of(f"rushlight.{form}") or ("", "")


def of_module_info() -> Iterator[Name]:
    from tests.parity import test_moduleinfo_parity as modules

    for name in modules.MODULES:
        yield place_of(f"rushlight.{name}") or ("", "")


def of_tables() -> Iterator[Name]:
    for path in sorted((TESTS / "parity").glob("test_*.py")):
        if path.stem != "test_matrix":
            module = importlib.import_module(f"tests.parity.{path.stem}")
            for place, names in getattr(module, "COVERED", {}).items():
                yield from ((place, name) for name in names)


@cache
def covered() -> frozenset[Name]:
    """All (namespace, name) that some comparison with PyTorch uses."""
    found = {*of_samples(), *of_op_info(), *of_module_info(), *of_tables()}
    for folder in ("samples", "parity"):
        for path in (TESTS / folder).glob("*.py"):
            if path.name != "test_matrix.py":
                found |= of_file(path)
    return frozenset(found)
