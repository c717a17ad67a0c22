"""The files of `examples/` as modules: they are no package."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"


@functools.cache
def example(name: str) -> Any:
    """The module of examples/NAME.py, whose main does not run."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
