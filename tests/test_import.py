"""`import rushlight` is light. Its time is printed by the benchmark; here, only what it loads is held."""

from __future__ import annotations

import subprocess
import sys

OPTIONAL = {"llvmlite", "scipy_openblas32", "matplotlib", "typer", "rich", "safetensors", "PIL"}
HEAVY = OPTIONAL | {"torch", "jax", "scipy", "sklearn"}


def loaded_by(code: str) -> set[str]:
    code += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_nothing_optional() -> None:
    loaded = loaded_by("import rushlight")
    assert "rushlight" in loaded
    assert not loaded & HEAVY


def test_training_loads_nothing_optional() -> None:
    loaded = loaded_by(
        "import rushlight as rl\n"
        "model = rl.nn.Linear(2, 1)\n"
        "optimizer = rl.optim.SGD(model.parameters(), lr=0.1)\n"
        "rl.nn.functional.mse_loss(model(rl.ones(3, 2)), rl.zeros(3, 1)).backward()\n"
        "optimizer.step()"
    )
    assert not loaded & HEAVY
