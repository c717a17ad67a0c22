"""DataLoader with worker processes: the same batches, errors that arrive, and nothing left behind."""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import DataLoader, Dataset, get_worker_info
from rushlight.errors import WorkerError

LARGE = (60, 80)
"""A batch of some of these goes through shared memory."""


@pytest.fixture(autouse=True)
def _fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing else is said: the sets of these tests are not all importable."""
    context = multiprocessing.get_context
    monkeypatch.setattr(multiprocessing, "get_context", lambda method=None: context(method or "fork"))


class Pictures(Dataset[Any]):
    def __init__(self, count: int = 12, shape: tuple[int, ...] = LARGE) -> None:
        self.count, self.shape = count, shape

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> Any:
        return np.full(self.shape, i, np.float32), {"name": f"p{i}", "label": i % 3}


class Broken(Pictures):
    """Fails, in one way or another, at one sample."""

    def __init__(self, how: Any) -> None:
        super().__init__()
        self.how = how

    def __getitem__(self, i: int) -> Any:
        if i == 5:
            return self.how()
        return i


class Odd(Exception):
    def __init__(self, one: Any, two: Any) -> None:
        super().__init__(one, two)


def fail(error: Any) -> Any:
    raise error


def numbers(loader: Any) -> list[Any]:
    return [[(x.tolist(), y["name"], y["label"].tolist())] for x, y in loader]


def nothing_left() -> bool:
    """Whether all workers have ended."""
    gc.collect()
    return not multiprocessing.active_children()


@pytest.mark.parametrize("shape", [LARGE, (2,)])
@pytest.mark.parametrize(
    "options", [{}, {"shuffle": True, "seed": 3}, {"drop_last": True}, {"prefetch_factor": 1}]
)
def test_the_same_batches(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    data = Pictures(13, shape)
    alone = {k: v for k, v in options.items() if k != "prefetch_factor"}
    assert numbers(DataLoader(data, 5, num_workers=2, **options)) == numbers(DataLoader(data, 5, **alone))
    assert nothing_left()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_ways_to_start(method: str) -> None:
    loader = DataLoader(Pictures(4), 2, num_workers=1, multiprocessing_context=method)
    assert numbers(loader) == numbers(DataLoader(Pictures(4), 2))
    assert nothing_left()


def test_batches_can_be_written_to_and_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.data.parcels.MOST", 3)
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None
    batches = [x for x, _ in DataLoader(Pictures(24), 4, num_workers=1)]
    for x in batches:
        x += 1
    assert [x[0, 0, 0].item() for x in batches] == [1 + 4 * i for i in range(6)]
    del batches, x
    gc.collect()
    if descriptors is not None:
        assert len(os.listdir("/proc/self/fd")) <= descriptors


class Draws(Pictures):
    def __getitem__(self, i: int) -> Any:
        info = get_worker_info()
        assert info is not None
        return info.id, info.num_workers, info.seed, random.random(), np.random.rand(), rl.rand(1).item()


def test_seeds_count_from_the_base_seed() -> None:
    def epoch(loader: Any) -> list[Any]:
        return [[x.tolist() for x in batch] for batch in loader]

    found = epoch(DataLoader(Draws(4), 1, num_workers=2, generator=rl.Generator().manual_seed(1)))
    assert [b[0][0] for b in found] == [0, 1, 0, 1]
    assert found[0][1] == [2]
    assert found[1][2][0] == found[0][2][0] + 1
    assert len({tuple(b[k]) for b in found for k in (3, 4, 5)}) == 12
    again = DataLoader(Draws(4), 1, num_workers=2, generator=rl.Generator().manual_seed(1))
    assert epoch(again) == found
    assert epoch(again) != found
    seeded = DataLoader(Draws(4), 1, num_workers=2, seed=3)
    first = epoch(seeded)
    assert epoch(seeded) != first
    seeded.set_epoch(0)
    assert epoch(seeded) == first
    assert get_worker_info() is None


def set_up(folder: Path, number: int) -> None:
    (folder / str(number)).touch()


def test_worker_init_fn(tmp_path: Path) -> None:
    list(DataLoader(Pictures(2), num_workers=2, worker_init_fn=functools.partial(set_up, tmp_path)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "1"]
    with pytest.raises(ValueError, match="in worker"):
        list(DataLoader(Pictures(2), num_workers=1, worker_init_fn=lambda n: fail(ValueError("in worker"))))
    assert nothing_left()


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        (
            lambda: fail(ValueError("sample 5")),
            ValueError,
            r"Caught ValueError in DataLoader worker process 0",
        ),
        (lambda: fail(KeyError("five")), KeyError, r"line \d+, in fail\n"),
        (lambda: fail(Odd(1, 2)), WorkerError, "Caught Odd"),
        (lambda: fail(rl.errors.ShapeError("shapes")), rl.errors.ShapeError, "shapes"),
        (lambda: lambda: 5, TypeError, "collate"),
        (lambda: os._exit(3), WorkerError, "exit status 3"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), WorkerError, "SIGKILL"),
        (lambda: sys.exit(4), WorkerError, "exit status 4"),
    ],
)
def test_what_goes_wrong_arrives(how: Any, kind: type[Exception], words: str) -> None:
    loader = DataLoader(Broken(how), 2, num_workers=2)
    found: list[Any] = []
    with pytest.raises(kind, match=words):
        found.extend(batch.tolist() for batch in loader)
    assert found == [[0, 1], [2, 3]]
    assert nothing_left()


def test_what_cannot_be_sent_is_said() -> None:
    with pytest.raises(WorkerError, match=r"(?s)lambda.*pickle|pickle.*lambda"):
        list(DataLoader(Broken(lambda: lambda: 5), None, num_workers=1))


def test_a_worker_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.data.workers.PATIENCE", 0.1)
    loader = DataLoader(Broken(lambda: time.sleep(60)), 2, num_workers=1, timeout=0.3)
    with pytest.raises(WorkerError, match="timed out after 0.3"):
        list(loader)
    assert nothing_left()


def test_a_loop_that_is_left() -> None:
    for _ in DataLoader(Pictures(), num_workers=2):
        break
    assert nothing_left()
    with pytest.raises(ZeroDivisionError):
        _ = [1 / 0 for _ in DataLoader(Pictures(), num_workers=2)]
    assert nothing_left()


def pids(loader: Any) -> set[int]:
    return {int(p) for batch in loader for p in batch.tolist()}


class Pids(Pictures):
    def __getitem__(self, i: int) -> Any:
        return os.getpid()


def test_persistent_workers() -> None:
    loader = DataLoader(Pids(), 2, num_workers=2, persistent_workers=True)
    first = pids(loader)
    assert len(first) == 2
    for _ in loader:
        break
    pairs = [(a.tolist(), b.tolist()) for a, b in zip(loader, loader, strict=True)]
    assert {p for a, _ in pairs for p in a} == first
    assert not {p for _, b in pairs for p in b} & first
    assert pids(loader) == first
    assert len(multiprocessing.active_children()) == 2
    del loader
    assert nothing_left()


def test_persistent_workers_give_the_same_after_a_loop_that_is_left() -> None:
    loader = DataLoader(Pictures(9, (3,)), 2, shuffle=True, seed=0, num_workers=2, persistent_workers=True)
    whole = DataLoader(Pictures(9, (3,)), 2, shuffle=True, seed=0)
    expected = [numbers(whole) for _ in range(3)]
    assert numbers(loader) == expected[0]
    next(iter(loader))
    assert numbers(loader) == expected[2]


def test_a_set_in_memory_needs_no_workers() -> None:
    data = rl.data.TensorDataset(rl.arange(6))
    batches = iter(DataLoader(data, 2, num_workers=4))
    next(batches)
    assert not multiprocessing.active_children()


def test_going_on_with_workers() -> None:
    loader = DataLoader(Pictures(9, (3,)), 2, shuffle=True, seed=0, num_workers=2)
    whole = numbers(DataLoader(Pictures(9, (3,)), 2, shuffle=True, seed=0))
    for step, _ in enumerate(loader):
        if step == 1:
            state = loader.state_dict()
            break
    other = DataLoader(Pictures(9, (3,)), 2, shuffle=True, num_workers=1)
    other.load_state_dict(state)
    assert numbers(other) == whole[2:]


PROGRAM = """
import os, sys, time, signal
import numpy as np
import rushlight as rl
class Slow(rl.data.Dataset):
    def __len__(self): return 1000
    def __getitem__(self, i):
        open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
        time.sleep(0.01)
        return np.zeros(50_000)
kept = sys.argv[2] == "kept"
loader = rl.data.DataLoader(
    Slow(), 2, num_workers=2, multiprocessing_context="fork", persistent_workers=kept)
for step, batch in enumerate(loader):
    if step == 3:
        print("ready", flush=True)
        if sys.argv[2] == "raise": raise SystemExit(7)
        if sys.argv[2] == "kept": break
        if sys.argv[2] == "exit": os._exit(7)
        if sys.argv[2] == "global": it = iter(loader); next(it); break
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("end", ["raise", "kept", "exit", "global", "SIGINT", "SIGKILL"])
def test_nothing_is_left_however_a_program_ends(end: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), end],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    if end == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    elif end.startswith("SIG"):
        process.send_signal(getattr(signal, end))
    _, errors = process.communicate(timeout=30)
    assert "resource_tracker" not in errors
    assert errors.count("Traceback") == (1 if end == "SIGINT" else 0), errors
    until = time.monotonic() + 20
    workers = [int(p.name) for p in tmp_path.iterdir()]
    assert len(workers) >= 2
    while (alive := [p for p in workers if is_alive(p)]) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
