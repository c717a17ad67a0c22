"""Kill a sweep with SIGKILL at many random moments, resume each time, compare with a sweep left alone.

python -m tests.train.kill_sweeps [kills] [seed]
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.train.killed_sweep import CONFIGS, outcome, run

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, epochs: int, how: str) -> subprocess.Popen[str] | None:
    """The worker, once it trains; None if there was nothing left to train."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.train.killed_sweep", str(folder), str(epochs), how]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    assert worker.stdout is not None
    if worker.stdout.readline() == "training\n":
        return worker
    assert worker.wait() == 0, "the worker did not start"
    worker.stdout.close()
    return None


def check(kills: int, epochs: int, seed: int, how: str) -> int:
    """How many kills struck; AssertionError if the resumed sweep differs in anything from the whole one."""
    moments, struck = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as name:
        while struck < kills and (worker := start(Path(name), epochs, how)) is not None:
            time.sleep(moments.uniform(0.0, 0.1))
            worker.kill()
            code = worker.wait()
            assert worker.stdout is not None
            worker.stdout.close()
            if code == 0:
                break
            assert code < 0, f"the worker failed with exit code {code}"
            struck += 1
        resumed = outcome(run(Path(name), epochs, how))
        again = outcome(run(Path(name), epochs, how))
        left = [str(path) for path in Path(name).rglob("*") if path.name.endswith(".tmp")]
    whole = outcome(run(None, epochs, how))
    assert not left, f"temporary files were left: {left}"
    for place, config in enumerate(CONFIGS):
        assert resumed[place] == whole[place], f"{config} differs after {struck} kills"
        assert again[place] == whole[place], f"{config} is kept otherwise than it was"
    return struck


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for how, epochs in (("auto", 200 * kills), ("plain", 60 * kills), ("eager", 10 * kills)):
        began = time.perf_counter()
        struck = check(kills, epochs, seed, how)
        print(
            f"{how}: killed {struck} times in {len(CONFIGS)} networks of {epochs} epochs, resumed each time: "
            "weights, optimisers, schedules and histories equal a whole sweep's, bit for bit "
            f"({time.perf_counter() - began:.0f} s)"
        )


if __name__ == "__main__":
    main()
