"""``python -m benchmarks.memory``: the most memory that a process needs which trains a wide net.

Every contender runs in a new process: a few steps of a net of square linear layers, by SGD with momentum and
by Adam. The first call is timed too, for compiled programs prove themselves in it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import environment, peak
from benchmarks.run import installed

__all__ = ["CONTENDERS", "main", "measure"]

CONTENDERS = {
    "torch": "PyTorch eager",
    "rushlight": "Rushlight eager",
    "rushlight-compiled": "Rushlight compiled",
    "rushlight-scan": "Rushlight scan",
}
OPTIMIZERS = "sgd", "adam"
ROOT = Path(__file__).resolve().parent.parent


def measure(
    contender: str, optimizer: str, width: int = 4096, layers: int = 4, batch: int = 256, steps: int = 3
) -> dict[str, Any]:
    """Peak in MB, seconds of the first call and of the quickest later one, and the last loss."""
    given = [contender, optimizer, *map(str, (width, layers, batch, steps))]
    command = [sys.executable, "-m", "benchmarks.memory", "--worker", *given]
    told = environment(1)
    told["PYTHONPATH"] = f"{told.get('PYTHONPATH', '')}:{ROOT}".lstrip(":")
    out = subprocess.run(command, env=told, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _work(contender: str, optimizer: str, width: int, layers: int, batch: int, steps: int) -> dict[str, Any]:
    """Train in this process."""
    lib: Any = import_module("torch" if contender == "torch" else "rushlight")
    if contender == "torch":
        lib.set_num_threads(1)
    before = peak()
    lib.manual_seed(0)
    parts: list[Any] = []
    for _ in range(layers):
        parts += [lib.nn.Linear(width, width), lib.nn.ReLU()]
    model = lib.nn.Sequential(*parts[:-1])
    rule: Any = (
        lib.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        if optimizer == "sgd"
        else lib.optim.Adam(model.parameters())
    )
    rng = np.random.default_rng(0)
    x = lib.from_numpy(rng.random((batch, width), dtype=np.float32))
    y = lib.from_numpy(rng.integers(0, width, batch))

    def step(x: Any, y: Any) -> Any:
        rule.zero_grad()
        loss = lib.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        rule.step()
        return loss.detach()

    call: Any = lib.compile(step) if contender.startswith("rushlight-") else step
    scans = contender.endswith("scan")
    given = [lib.stack([x, x]), lib.stack([y, y])] if scans else [x, y]
    times, loss = [], 0.0
    for _ in range(steps):
        start = time.perf_counter()
        loss = float(call.scan(*given)[-1] if scans else call(*given))
        times.append(time.perf_counter() - start)
    return {"peak": peak(), "import": before, "first": times[0], "later": min(times[1:]), "loss": loss}


def main(argv: list[str] | None = None) -> int:
    """Measure and print a table; the ratio is to PyTorch's peak."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS))
    for name, value in (("width", 4096), ("layers", 4), ("batch", 256), ("steps", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--worker", nargs=6, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        contender, optimizer, *numbers = args.worker
        print(json.dumps(_work(contender, optimizer, *map(int, numbers))))
        return 0
    size = {name: getattr(args, name) for name in ("width", "layers", "batch", "steps")}
    names = [n for n in args.contenders if n != "torch" or installed("torch")]
    print("| optimiser | contender | peak MB | of PyTorch's | first call s | later call s | loss |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for optimizer in args.optimizers:
        base = 0.0
        for name in names:
            found = measure(name, optimizer, **size)
            base = found["peak"] if name == "torch" else base
            ratio = f"{found['peak'] / base:.2f}" if base else ""
            row = [optimizer, CONTENDERS[name], f"{found['peak']:.0f}", ratio]
            row += [f"{found['first']:.2f}", f"{found['later']:.2f}", f"{found['loss']:.4f}"]
            print(f"| {' | '.join(row)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
