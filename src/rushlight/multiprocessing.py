"""Python's `multiprocessing`, with PyTorch's few names beside it.

Tensors are sent between processes as copies, but for those that `share_memory_` moved into memory that other
processes see.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import *  # noqa: F403
from typing import Any

from rushlight.errors import ArgumentError, message

__all__ = [  # noqa: PLE0604
    *multiprocessing.__all__,
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
]


def get_all_sharing_strategies() -> set[str]:
    """How tensors get from process to process: as copies, whatever the name says."""
    return {"file_descriptor", "file_system"}


_strategy = ["file_descriptor"]


def get_sharing_strategy() -> str:
    """The name that was set."""
    return _strategy[0]


def set_sharing_strategy(new_strategy: str) -> None:
    """Note one of PyTorch's names; nothing depends on it."""
    if new_strategy not in get_all_sharing_strategies():
        expected = " or ".join(map(repr, sorted(get_all_sharing_strategies())))
        raise ArgumentError(message("set_sharing_strategy", repr(new_strategy), expected))
    _strategy[0] = new_strategy


class _Processes:
    """Processes that `spawn` started and did not wait for."""

    def __init__(self, processes: list[Any]) -> None:
        self.processes = processes

    def pids(self) -> list[int]:
        """The numbers of the processes."""
        return [p.pid for p in self.processes]

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the processes; whether all have ended. Raises RuntimeError for one that failed."""
        for process in self.processes:
            process.join(timeout)
        for rank, process in enumerate(self.processes):
            if process.exitcode:
                for other in self.processes:
                    if other.is_alive():
                        other.terminate()
                raise RuntimeError(f"process {rank} ended with exit code {process.exitcode}")
        return all(p.exitcode is not None for p in self.processes)


def spawn(
    fn: Any,
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> _Processes | None:
    """Run ``fn(i, *args)`` in `nprocs` processes, i counting them, and wait for them unless not `join`.

    Raises RuntimeError when one fails; the others are ended then.
    """
    context = multiprocessing.get_context(start_method)
    processes = [context.Process(target=fn, args=(i, *args), daemon=daemon) for i in range(nprocs)]  # type: ignore[attr-defined]
    for process in processes:
        process.start()
    running = _Processes(processes)
    if not join:
        return running
    running.join()
    return None
