"""PyTorch's public names; ``python -m tests.parity.names`` writes `src/rushlight/pytorch_names.py`."""

from __future__ import annotations

import importlib
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

PLACES = {
    "Tensor": "torch.Tensor",
    "rushlight": "torch",
    "rushlight.autograd": "torch.autograd",
    "rushlight.autograd.functional": "torch.autograd.functional",
    "rushlight.data": "torch.utils.data",
    "rushlight.distributions": "torch.distributions",
    "rushlight.fft": "torch.fft",
    "rushlight.func": "torch.func",
    "rushlight.linalg": "torch.linalg",
    "rushlight.nn": "torch.nn",
    "rushlight.nn.functional": "torch.nn.functional",
    "rushlight.nn.init": "torch.nn.init",
    "rushlight.nn.utils": "torch.nn.utils",
    "rushlight.nn.utils.parametrizations": "torch.nn.utils.parametrizations",
    "rushlight.nn.utils.parametrize": "torch.nn.utils.parametrize",
    "rushlight.nn.utils.rnn": "torch.nn.utils.rnn",
    "rushlight.optim": "torch.optim",
    "rushlight.optim.lr_scheduler": "torch.optim.lr_scheduler",
    "rushlight.optim.swa_utils": "torch.optim.swa_utils",
    "rushlight.sparse": "torch.sparse",
    "rushlight.special": "torch.special",
    "rushlight.utils": "torch.utils",
}
"""Our namespaces, and PyTorch's that they stand for."""

HEAD = '''"""PyTorch's (2.13) public names: whoever asks for one that Rushlight does not have is told so.

Read only when a name is missing. `python -m tests.parity.names` writes it; a test compares it with PyTorch.
"""

from __future__ import annotations

__all__ = ["NAMES"]

NAMES: dict[str, str] = {
'''


def found(path: str) -> Any:
    if path == "torch.Tensor":
        return importlib.import_module("torch").Tensor
    return importlib.import_module(path)


def public(place: Any) -> list[str]:
    """The names of a namespace of PyTorch's, without what it imported from elsewhere for itself."""
    return [name for name in dir(place) if not name.startswith("_") and _own(getattr(place, name, None))]


def _own(value: Any) -> bool:
    home = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return home is None or not isinstance(home, str) or home.split(".")[0] not in _FOREIGN


_FOREIGN = set(sys.stdlib_module_names) - {"builtins"} | {"typing_extensions", "numpy", "sympy", "packaging"}


def main() -> None:
    text = HEAD
    for ours, theirs in PLACES.items():
        lines = textwrap.fill(
            " ".join(public(found(theirs))), 100, initial_indent=" " * 8, subsequent_indent=" " * 8
        )
        text += f'    "{ours}": """\n{lines}\n    """,\n'
    path = Path(__file__).resolve().parents[2] / "src" / "rushlight" / "pytorch_names.py"
    path.write_text(text + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
