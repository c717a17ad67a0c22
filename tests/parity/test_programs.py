"""Whole programs in PyTorch's style come to the same with PyTorch, and with their imports changed.

Each file of tests/programs has `make()`, which gives modules and tensors; `train(parts, steps, compile)`,
which gives the losses; and `outputs(parts)`, which gives what else is to agree; each may be left out.
PyTorch's programs draw their random numbers from Rushlight's generator, so nothing of Rushlight is changed.
"""

from __future__ import annotations

import io
import linecache
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.port import check, rewrite
from tests.parity.draws import SameDraws
from tests.parity.torchvision_here import TORCHVISION

torch = pytest.importorskip("torch")

FOLDER = Path(__file__).parents[1] / "programs"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py"))
STEPS = 20

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)


def program(name: str, ours: bool, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of the program as a module, which pickle asks for, with PyTorch or with Rushlight."""
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    source = rewrite(source) if ours else source
    file = f"<{name} {'here' if ours else 'there'}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    module = types.ModuleType(f"program_{name}")
    patch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, file, "exec"), vars(module))
    return vars(module)


def seed(number: int) -> None:
    import random

    random.seed(number)
    np.random.seed(number)
    rl.manual_seed(number)
    torch.manual_seed(number)


def run(space: dict[str, Any], state: Any = None, **options: Any) -> tuple[Any, list[float], Any]:
    """The parts' states before training, the losses, and the outputs."""
    seed(1)
    parts = space["make"]() if "make" in space else None
    if state is not None:
        load(parts, state)
    before = states(parts)
    seed(2)
    losses = space["train"](parts, STEPS, **options) if "train" in space else []
    outputs = space["outputs"](parts) if "outputs" in space else None
    return before, losses, plain(outputs)


def modules(parts: Any) -> Iterator[Any]:
    if isinstance(parts, (torch.nn.Module, rl.nn.Module)):
        yield parts
    elif isinstance(parts, dict):
        parts = list(parts.values())
    if isinstance(parts, (list, tuple)):
        for part in parts:
            yield from modules(part)


def states(parts: Any) -> list[bytes]:
    """The modules' state_dicts, as files."""
    files = []
    for module in modules(parts):
        L = torch if isinstance(module, torch.nn.Module) else rl
        file = io.BytesIO()
        L.save(module.state_dict(), file)
        files.append(file.getvalue())
    return files


def load(parts: Any, files: list[bytes]) -> None:
    ours = list(modules(parts))
    for module, file in zip(ours, files, strict=True):
        module.load_state_dict(rl.load(io.BytesIO(file)))


def plain(value: Any) -> Any:
    """Tensors as arrays; in texts, sizes and dtypes without the names of the packages."""
    if isinstance(value, str):
        return value.replace("rushlight.", "").replace("torch.", "")
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (torch.Tensor, rl.Tensor)):
        return np.array(value.detach().numpy())
    return value


def agree(ours: Any, theirs: Any, where: str) -> None:
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key, item in theirs.items():
            agree(ours[key], item, f"{where}[{key!r}]")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for i, (mine, their) in enumerate(zip(ours, theirs, strict=True)):
            agree(mine, their, f"{where}[{i}]")
    elif isinstance(theirs, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), where
        if theirs.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4, err_msg=where)
        else:
            np.testing.assert_array_equal(ours, theirs, err_msg=where)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-5, nan_ok=True), where
    else:
        assert ours == theirs, where


@pytest.fixture(autouse=True)
def _gradients_on() -> Iterator[None]:
    """Programs may switch gradients off for good."""
    yield
    for L in (rl, torch):
        L.set_grad_enabled(True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [str(found) for found in check((FOLDER / f"{name}.py").read_text(encoding="utf-8"))] == []
    for module, stand_in in TORCHVISION.items():
        monkeypatch.setitem(sys.modules, module, stand_in)
    with SameDraws():
        before, losses, outputs = run(program(name, ours=False, patch=monkeypatch))
    here = program(name, ours=True, patch=monkeypatch)
    _, our_losses, our_outputs = run(here, before)
    assert all(type(loss) is float for loss in our_losses)
    assert our_losses == pytest.approx(losses, rel=1e-4, abs=1e-7)
    assert losses == [] or len(losses) >= STEPS
    agree(our_outputs, outputs, name)


COMPILED = [name for name in PROGRAMS if "compile=" in (FOLDER / f"{name}.py").read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_program(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = program(name, ours=True, patch=monkeypatch)
    before, eager, _ = run(here)
    _, compiled, _ = run(here, before, compile=True)
    assert compiled == pytest.approx(eager[: len(compiled)], rel=1e-4, abs=1e-7)


MISSING = {
    "a device": ("torch.ones(2).cuda()", ".cuda()"),
    "complex numbers": ("torch.fft.rfft(torch.ones(4))", "torch.fft.rfft"),
    "models of a hub": ("torch.hub.load('a/b', 'c')", "torch.hub.load"),
    "quantised layers": ("torch.ao.quantization.quantize_dynamic(1)", "torch.ao"),
    "sharded parameters": ("import torch.distributed.fsdp", "torch.distributed.fsdp"),
    "models with weights": ("from torchvision.models import resnet18", "torchvision.models"),
    "a layer": ("torch.nn.CrossMapLRN2d(3)", "torch.nn.CrossMapLRN2d"),
    "an optimiser": (
        "from torch.optim import swap_in_optimizer_params_and_state",
        "torch.optim.swap_in_optimizer_params_and_state",
    ),
    "an option": ("torch.nn.Linear(2, 1, biass=True)", "torch.nn.Linear(biass=)"),
    "a place for a result that is a view": ("torch.flatten(x, out=x)", "torch.flatten(out=)"),
    "a method": ("torch.ones(2).to_mkldnn()", ".to_mkldnn"),
}


@pytest.mark.parametrize("kind", MISSING)
def test_what_is_missing_is_told(kind: str) -> None:
    """With its line, before the program runs; and then it fails with the framework's error, or Python's."""
    line, name = MISSING[kind]
    source = f"import torch\n\nx = torch.ones(3)\n{line}\n"
    assert [(found.line, found.name) for found in check(source)] == [(4, name)]
    with pytest.raises((AttributeError, ImportError, TypeError, RuntimeError)):
        exec(rewrite(source), {})
