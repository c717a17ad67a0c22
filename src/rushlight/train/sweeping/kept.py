"""The folder of a sweep: what was asked for, and the states of its networks, from which it goes on.

plan.json             what was asked for; a sweep goes on only with the same.
done-0001.safetensors and so on: networks that came to their end.
running.safetensors   those that train side by side, as they were when it was written.
run-7/                a network that trains alone: the folder of its own `fit`.
away-3/               the same of a share that an executor was sent, written by a worker that reaches it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.core.tensor import Tensor
from rushlight.data import DataLoader
from rushlight.data.memory import in_memory_set
from rushlight.errors import ArgumentError, CheckpointError, message
from rushlight.interop.files import check_writable, remove_leftovers, write_atomically
from rushlight.interop.locks import locked, made
from rushlight.interop.strict import parse_json
from rushlight.train.folder import CHECKPOINT
from rushlight.train.sweeping.states import State, dump, parse

if TYPE_CHECKING:
    from rushlight.train.sweeping.loop import Task
    from rushlight.train.sweeping.result import Run

__all__ = ["Kept", "Lent", "Place"]

PLAN, RUNNING, TOKEN = "plan.json", "running.safetensors", "token"
FORMAT = "rushlight.sweep"
SECONDS = 10.0
"""Between two writings, unless they take long."""
SHARE = 20
"""Writing takes at most one part in so many of the time."""


Place = tuple[str, str]
"""A folder, and what the token in it says: on another machine the name may be that of another folder."""


class Kept:
    """The folder `out` of one sweep. `resume` and `overwrite` say what becomes of a sweep that it holds."""

    def __init__(self, out: str | os.PathLike[str], resume: bool, overwrite: bool) -> None:
        self.out, self.resume, self.overwrite = Path(out), resume, overwrite
        self._written: set[int] = set()
        """The runs that came to their end, and that a file holds."""
        self._next = 0.0

    @contextlib.contextmanager
    def open(self, task: Task, configs: Sequence[Mapping[str, Any]]) -> Iterator[None]:
        """Make and lock the folder for the length of a ``with``, and write the plan.

        Raises ArgumentError for a folder that cannot be written, that another sweep writes into, that holds
        a sweep where neither to resume nor to overwrite was asked for, and that holds another sweep.
        """
        plan = json.loads(json.dumps(_plan(task, configs)))
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(made(self.out))
                check_writable(self.out)
                stack.enter_context(locked(self.out, "sweep"))
            except OSError as error:
                got = f"out={os.fspath(self.out)!r} ({error.strerror or error})"
                raise ArgumentError(message("sweep", got, "a folder to write to")) from error
            self._take(plan)
            for name in (PLAN, RUNNING, *(path.name for path in self._done())):
                remove_leftovers(self.out / name)
            self._next = time.perf_counter() + SECONDS
            yield

    def clear(self) -> None:
        """Remove what a sweep left; the plan last, by which it is known."""
        if (self.out / PLAN).exists():
            for path in self._own():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            (self.out / PLAN).unlink(missing_ok=True)

    def _own(self) -> list[Path]:
        """What has a name that a sweep gives, but for the plan."""
        return [
            *self._done(),
            *_folders(self.out, "run"),
            *_folders(self.out, "away"),
            *self.out.glob(RUNNING),
        ]

    def _take(self, plan: dict[str, Any]) -> None:
        """Make the folder that of the plan."""
        if (self.out / PLAN).exists() and not self.overwrite:
            self._check(plan)
            return
        self.clear()
        if others := self._own():
            got = f"out={os.fspath(self.out)!r}, which holds {others[0].name} and no {PLAN}"
            raise ArgumentError(message("sweep", got, "a folder of its own"))
        write_atomically(self.out / PLAN, json.dumps(plan, indent=1) + "\n")

    def restore(self, runs: Sequence[Run]) -> None:
        """Give the runs the states that were kept. Raises CheckpointError for files that do not fit."""
        every = dict(enumerate(runs))
        found = best_of([state for path in self._files(self.out) for state in _read(path)], every)
        self._written = {number for number, state in found.items() if state.over}
        for folder in _folders(self.out, "away"):
            self.take_back(int(folder.name.partition("-")[2]), runs)

    def lend(self, share: int, numbers: Sequence[int]) -> Place:
        """A folder for the worker that trains these runs, with what is there of those that train alone."""
        folder = self._away(share)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for number in numbers:
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.folder(number), folder / self.folder(number).name)
        token = secrets.token_hex()
        (folder / TOKEN).write_text(token)
        return os.path.abspath(folder), token

    def take_back(self, share: int, runs: Sequence[Run]) -> set[int]:
        """Give the runs what a worker that is lost left in its folder, and remove that; gives the numbers of
        those that came further."""
        folder = self._away(share)
        states = [state for path in self._files(folder) for state in _read(path)]
        further = set(best_of(states, dict(enumerate(runs))))
        for path in _folders(folder, "run"):
            number = int(path.name.partition("-")[2])
            with contextlib.suppress(OSError):
                if (path / CHECKPOINT).stat().st_mtime_ns > (folder / TOKEN).stat().st_mtime_ns:
                    further.add(number)
            shutil.rmtree(self.folder(number), ignore_errors=True)
            with contextlib.suppress(OSError):
                os.replace(path, self.folder(number))
        self.save(runs)
        self.drop(share)
        return further

    def drop(self, share: int) -> None:
        """Remove the folder of a worker that is done."""
        shutil.rmtree(self._away(share), ignore_errors=True)

    def _away(self, share: int) -> Path:
        return self.out / f"away-{share}"

    def due(self) -> bool:
        """Whether it is time to save."""
        return time.perf_counter() >= self._next

    def save(self, runs: Sequence[Run]) -> None:
        """Write what is new of the runs."""
        began = time.perf_counter()
        over = [run for run in runs if run.over and run.number not in self._written]
        if over:
            self.add(dump(over), [run.number for run in over])
        going = [run for run in runs if not run.over and run.random is not None]
        if going:
            write_atomically(self.out / RUNNING, dump(going))
        else:
            (self.out / RUNNING).unlink(missing_ok=True)
        now = time.perf_counter()
        self._next = now + max(SECONDS, SHARE * (now - began))

    def add(self, states: bytes, numbers: Sequence[int]) -> None:
        """Write the states of runs that came to their end."""
        known = [int(path.stem.partition("-")[2]) for path in self._done()]
        write_atomically(self.out / f"done-{max(known, default=0) + 1:04d}.safetensors", states)
        self._written.update(numbers)
        for number in numbers:
            shutil.rmtree(self.folder(number), ignore_errors=True)

    def folder(self, number: int) -> Path:
        """The folder of a run that trains alone."""
        return self.out / f"run-{number}"

    def _done(self) -> list[Path]:
        return _done_in(self.out)

    def _files(self, folder: Path) -> list[Path]:
        return [*_done_in(folder), folder / RUNNING]

    def _check(self, plan: dict[str, Any]) -> None:
        """ArgumentError unless the folder's sweep is to be gone on with, and is this one."""
        where = os.fspath(self.out)
        if not self.resume:
            remedy = (
                "Call sweep(..., resume=True) to go on with it, sweep(..., overwrite=True) to train anew "
                "over it, or choose another folder."
            )
            got = f"out={where!r}, which holds an earlier sweep"
            raise ArgumentError(message("sweep", got, "a folder without one", remedy))
        try:
            was = parse_json((self.out / PLAN).read_bytes())
            other = [key for key in plan if was[key] != plan[key]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{self.out / PLAN} is damaged ({error!r}).") from error
        if other:
            got = f"out={where!r}, which holds a sweep with other {' and '.join(other)}"
            remedy = "Repeat its arguments, or choose another folder."
            raise ArgumentError(message("sweep(resume=True)", got, "the same sweep", remedy))


class Lent(Kept):
    """A share's folder, as its worker has it; and what its runs begin with. Where the worker does not reach
    the folder, or another one writes into it, nothing is kept.

    numbers   of the runs in the whole sweep; states: of those that have begun, as bytes.
    """

    def __init__(self, place: Place | None, numbers: Sequence[int], states: bytes | None) -> None:
        super().__init__(place[0] if place is not None else "", resume=True, overwrite=False)
        self._place, self._numbers, self._states = place, numbers, states
        self.reached = False

    @contextlib.contextmanager
    def open(self, task: Task, configs: Sequence[Mapping[str, Any]]) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError, ArgumentError, UnicodeDecodeError):
                if self._place is not None and (self.out / TOKEN).read_text() == self._place[1]:
                    stack.enter_context(locked(self.out, "sweep"))
                    self.reached = True
            self._next = time.perf_counter() + SECONDS
            yield

    def restore(self, runs: Sequence[Run]) -> None:
        for run, number in zip(runs, self._numbers, strict=True):
            run.number = number
        states = [] if self._states is None else parse(self._states, "what was sent")
        if self.reached:
            states += [state for path in self._files(self.out) for state in _read(path)]
        found = best_of(states, dict(zip(self._numbers, runs, strict=True)))
        self._written = {number for number, state in found.items() if state.over}

    def due(self) -> bool:
        return self.reached and super().due()

    def save(self, runs: Sequence[Run]) -> None:
        if self.reached and not all(run.over for run in runs):  # then they are sent
            super().save(runs)

    def folder(self, number: int) -> Path | None:  # type: ignore[override]
        return super().folder(number) if self.reached else None


def best_of(states: Iterable[State], runs: Mapping[int, Run]) -> dict[int, State]:
    """Give the runs, by their numbers, the states that came further than they; gives these. Raises
    CheckpointError for states of other runs."""
    best: dict[int, State] = {}
    for state in states:
        run = runs.get(state.number)
        if run is None:
            raise CheckpointError(f"{state.where} holds run {state.number}, which the sweep has not.")
        position = run.trainer.position
        come = (run.over, position.epoch, position.batch)
        if state.progress > (best[state.number].progress if state.number in best else come):
            best[state.number] = state
    for number, state in best.items():
        state.restore(runs[number])
    return best


def _read(path: Path) -> list[State]:
    """The states in a file; none where there is none."""
    try:
        return parse(path.read_bytes(), os.fspath(path))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}.") from error


def _folders(within: Path, kind: str) -> list[Path]:
    return [path for path in within.glob(f"{kind}-*") if re.fullmatch(rf"{kind}-\d+", path.name)]


def _done_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("done-*") if re.fullmatch(r"done-\d+\.safetensors", p.name))


def _plan(task: Task, configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": 1,
        "epochs": task.epochs,
        "batch_size": task.batch_size,
        "shuffle": task.shuffle,
        "compile": task.compile,
        "data": [_facts(task.train), _facts(task.validation)],
        "configs": [_plain(config) for config in configs],
    }


def _plain(value: Any) -> Any:
    """A setting as JSON; objects by their names, so that they are found again in another process."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return getattr(value, "__qualname__", None) or type(value).__qualname__


def _facts(data: Any) -> Any:
    """What tells data from others: of tensors the shapes, and a sum over their bytes."""
    if isinstance(data, DataLoader):
        return [data.batch_size, _facts(data.dataset)]
    if isinstance(data, Tensor | np.ndarray):
        array = np.ascontiguousarray(data.detach().array if isinstance(data, Tensor) else data)
        return [str(array.dtype), list(array.shape), zlib.crc32(array.reshape(-1).view(np.uint8).data)]
    if isinstance(data, tuple | list):
        return [_facts(item) for item in data]
    held = in_memory_set(data)
    if held is not None:
        return [*map(_facts, held.tensors), None if held.rows is None else _facts(held.rows)]
    return type(data).__qualname__
