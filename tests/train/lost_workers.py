"""Kill workers of a sweep with SIGKILL while they train, and compare with the networks trained alone.

python -m tests.train.lost_workers dask|pool [kills] [seed] [compiled] [one]

With "one" all of them are killed in one sweep of more networks that take longer.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import rushlight as rl
from rushlight import nn
from rushlight.train import Callback, Trainer

EPOCHS, BATCH = 4, 40
CONFIGS = rl.grid(width=[5, 7], lr=[0.01, 0.02], seed=range(3))
MANY = rl.grid(width=[5, 7], lr=[0.01, 0.02], seed=range(15))
TRAIN, VALIDATION = rl.data.Disk(150, seed=1), rl.data.Disk(70, seed=1, split="test")


class Slowly(Callback):
    """Makes an epoch long enough to be killed in, at no cost to the machine."""

    def on_epoch_end(self, trainer: Trainer, row: Any) -> None:
        time.sleep(float(os.environ.get("RUSHLIGHT_SLOWLY", "0.03")))


def build(width: int, lr: float, seed: int) -> Trainer:
    """A network with dropout, Adam and a metric."""
    model = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, 1))
    optimizer = rl.optim.Adam(model.parameters(), lr=lr)
    return Trainer(model, optimizer, nn.MSELoss(), metrics=["error"], callbacks=[Slowly()])


def bits(trainer: Trainer) -> Any:
    """Weights, optimiser state and history, but for the seconds."""
    return (
        [(name, value.numpy().tobytes()) for name, value in trainer.model.state_dict().items()],
        [
            (i, key, rl.as_tensor(v).numpy().tobytes())
            for i, entries in trainer.optimizer.state_dict()["state"].items()
            for key, v in entries.items()
        ],
        [{k: v for k, v in row.items() if k != "seconds"} for row in trainer.history.rows],
    )


def alone(config: dict[str, Any], compile: Any = False) -> Any:
    """What the network of a config comes to by itself."""
    rl.manual_seed(config["seed"])
    trainer = build(**config)
    trainer.seed, trainer.progress, trainer.callbacks.items = config["seed"], False, []
    trainer.compile = compile
    trainer.fit(TRAIN, EPOCHS, batch_size=BATCH, validation=VALIDATION)
    return bits(trainer)


def sweep(executor: Any, configs: Any = CONFIGS, **options: Any) -> rl.Sweep:
    """The networks, trained by an executor."""
    given = {"batch_size": BATCH, "validation": VALIDATION, "progress": False, "compile": False, **options}
    return rl.sweep(build, configs, TRAIN, EPOCHS, executor=executor, **given)


@contextlib.contextmanager
def killing(
    pids: Callable[[], list[int]], kills: int, seed: int, pause: tuple[float, float] = (0.1, 0.5)
) -> Iterator[list[int]]:
    """Kill one of the processes now and then, at most so often, for the length of a ``with``."""
    over, struck, chance = threading.Event(), [], random.Random(seed)

    def strike() -> None:
        while len(struck) < kills and not over.wait(chance.uniform(*pause)):
            alive = sorted(set(pids()) - set(struck))
            if alive:
                struck.append(chance.choice(alive))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(struck[-1], signal.SIGKILL)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield struck
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def dask(workers: int = 2) -> Iterator[tuple[Any, Callable[[], list[int]], Any]]:
    """An executor with workers in processes of their own, those that train now, and the cluster."""
    from dask import config
    from distributed import Client, LocalCluster

    # The cluster would give a worker up so long after it was killed, though its nanny has started it again.
    config.set({"distributed.deploy.lost-worker-timeout": "1h"})
    options = {"processes": True, "threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50}
    with LocalCluster(n_workers=workers, **options) as cluster, Client(cluster) as client:

        def busy() -> list[int]:
            with contextlib.suppress(RuntimeError):  # they come and go while we look
                at_work = {a for a, w in cluster.scheduler.workers.items() if w.processing}
                # One that is killed while it starts is not started again.
                up = [n for n in cluster.workers.values() if n.process and n.process.status.name == "running"]
                return [n.pid for n in up if n.status.name == "running" and n.worker_address in at_work]
            return []

        yield client.get_executor(), busy, cluster


@contextlib.contextmanager
def pool(workers: int = 2) -> Iterator[tuple[Any, Callable[[], list[int]], Any]]:
    """A function that makes a pool of processes, and its processes."""
    made: list[Any] = []

    def make() -> ProcessPoolExecutor:
        made.append(ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")))
        return made[-1]

    yield make, lambda: list(made[-1]._processes or ()) if made else [], None


def check(engine: str, kills: int, seed: int, compile: Any = False) -> int:
    """How many sweeps it took for so many kills; AssertionError where bits differ."""
    expected, sweeps, left = [alone(config, compile) for config in CONFIGS], 0, kills
    with {"dask": dask, "pool": pool}[engine]() as (executor, pids, _):
        while left > 0:
            with killing(pids, min(left, 4), seed + sweeps) as struck:
                found = [bits(run.trainer) for run in sweep(executor, compile=compile)]
            sweeps, left = sweeps + 1, left - len(struck)
            assert found == expected, f"bits differ in sweep {sweeps}, with {len(struck)} kills"
    return sweeps


def check_one(engine: str, kills: int, seed: int, compile: Any = False) -> int:
    """How many were killed in one sweep; AssertionError where bits differ."""
    os.environ["RUSHLIGHT_SLOWLY"] = str(0.0125 * kills)
    expected = [alone(config, compile) for config in MANY]
    with (
        {"dask": dask, "pool": pool}[engine]() as (executor, pids, _),
        killing(pids, kills, seed, (0.5, 2.0)) as struck,
    ):
        found = [bits(run.trainer) for run in sweep(executor, MANY, compile=compile)]
    assert found == expected, f"bits differ, with {len(struck)} kills"
    return len(struck)


def main() -> None:
    engine, began = sys.argv[1], time.perf_counter()
    numbers = [int(word) for word in sys.argv[2:] if word.isdigit()]
    kills, seed = (*numbers, *(20, 0)[len(numbers) :])[:2]
    compile: Any = "auto" if "compiled" in sys.argv else False
    if "one" in sys.argv:
        kills, where = check_one(engine, kills, seed, compile), f"one sweep of {len(MANY)} networks"
    else:
        where = f"{check(engine, kills, seed, compile)} sweeps of {len(CONFIGS)} networks"
    print(
        f"{engine}: {kills} workers killed in {where}: every result is there, equal to the network trained "
        f"alone, bit for bit ({time.perf_counter() - began:.0f} s)"
    )


if __name__ == "__main__":
    main()
