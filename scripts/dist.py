"""Builds wheel and sdist into dist/, checks them, and tries the wheel in an empty environment.

    python scripts/dist.py [PYTHON ...]     with each of these Pythons; with the running one if left out

The wheel is built from the sdist, so both are tried. Needs `build`, `twine`, and pip's index for NumPy.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import rushlight as rl
from rushlight import nn
model = nn.MLP(2, [8], 1)
optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
x = rl.rand(64, 2)
losses = []
for _ in range(50):
    loss = nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0] / 2, losses
print("trains:", round(losses[0], 4), "to", round(losses[-1], 4))
"""


def run(*words: str | Path, **options: object) -> str:
    """Run a command; its output. Ends the script where it fails."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))} failed:\n{done.stdout}{done.stderr}")
    return str(done.stdout)


def odd(wheel: Path) -> list[str]:
    """What a wheel holds beside the package and its description."""
    names = zipfile.ZipFile(wheel).namelist()
    own = re.compile(r"rushlight/(.*/)?(\w+\.py|py\.typed)|rushlight-[^/]+\.dist-info/.+")
    return [name for name in names if not own.fullmatch(name)]


def try_in(python: str, wheel: Path) -> None:
    """Install the wheel into an empty environment of `python`, train there, and ask for help."""
    with tempfile.TemporaryDirectory() as folder:
        run(python, "-m", "venv", folder)
        bin = Path(folder) / ("Scripts" if os.name == "nt" else "bin")
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        options = {"cwd": folder, "env": clean}
        run(
            bin / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, **options
        )
        print(run(bin / "python", "--version", **options).strip(), "-", end=" ")
        print(run(bin / "python", "-W", "error", "-c", PROGRAM, **options), end="")
        run(bin / "python", "-m", "rushlight.doctor", **options)
        asked = subprocess.run([bin / "rushlight", "--help"], capture_output=True, text=True, **options)  # type: ignore[call-overload]
        if asked.returncode and 'pip install "rushlight[app]"' not in asked.stderr:
            sys.exit(f"rushlight --help failed:\n{asked.stdout}{asked.stderr}")


def main(pythons: list[str]) -> None:
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", ROOT / "dist", ROOT)
    built = sorted((ROOT / "dist").iterdir())
    run(sys.executable, "-m", "twine", "check", "--strict", *built)
    wheel = next(file for file in built if file.suffix == ".whl")
    if found := odd(wheel):
        sys.exit(f"{wheel.name} holds what it should not: {', '.join(found)}")
    for file in built:
        print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")
    for python in pythons or [sys.executable]:
        try_in(python, wheel)


if __name__ == "__main__":
    main(sys.argv[1:])
