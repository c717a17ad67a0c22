"""Kill a training run with SIGKILL at many random moments, resume each time, compare with a run left alone.

python -m tests.train.kill_many [kills] [seed]
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.train.kill_worker import fit, make_trainer, outcome

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, epochs: int) -> subprocess.Popen[str]:
    """The worker, once it trains."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.train.kill_worker", str(folder), str(epochs)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "training\n", "the worker did not start"
    return worker


def kill_and_resume(folder: Path, kills: int, epochs: int, seed: int) -> list[str]:
    """Kill `kills` times, after at most 0.1 s of training each; returns where each kill struck."""
    moments, struck = random.Random(seed), []
    while len(struck) < kills:
        worker = start(folder, epochs)
        time.sleep(moments.uniform(0.0, 0.1))
        worker.kill()
        code = worker.wait()
        assert worker.stdout is not None
        worker.stdout.close()
        if code == 0:  # it was faster
            break
        assert code < 0, f"the worker failed with exit code {code}"
        names = sorted(path.name for path in folder.iterdir())
        struck.append("while saving" if any(name.endswith(".tmp") for name in names) else "between saves")
    return struck


def check(kills: int, epochs: int, seed: int) -> list[str]:
    """Where the kills struck; AssertionError if the resumed run differs in anything from the whole one."""
    with tempfile.TemporaryDirectory() as name:
        struck = kill_and_resume(Path(name), kills, epochs, seed)
        resumed = outcome(fit(make_trainer(Path(name), seed=99), epochs))
        leftovers = [path.name for path in Path(name).iterdir() if path.name.endswith(".tmp")]
    whole = outcome(fit(make_trainer(None), epochs, resume=False))
    assert not leftovers, f"temporary files were left: {leftovers}"
    for part in whole:
        assert resumed[part] == whole[part], f"{part} differ after {len(struck)} kills"
    return struck


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    began, epochs = time.perf_counter(), 10 * kills
    struck = check(kills, epochs, seed)
    saving = struck.count("while saving")
    print(
        f"killed {len(struck)} times in {epochs} epochs ({saving} while a checkpoint was being written), "
        "resumed each time: weights, moments, history and random state equal a whole run's, bit for bit "
        f"({time.perf_counter() - began:.0f} s)"
    )


if __name__ == "__main__":
    main()
