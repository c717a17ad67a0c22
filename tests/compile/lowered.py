"""Checking that a program is native code throughout, and gives what eager and the interpreter give."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import rushlight as rl
from rushlight.compile.function import compile
from rushlight.compile.native.threads import get_num_threads, set_num_threads
from tests.compile.compare import check_same

__all__ = ["check_lowered", "kinds", "threads"]


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Compiled programs run on so many threads."""
    before = get_num_threads()
    set_num_threads(count)
    try:
        yield
    finally:
        set_num_threads(before)


def kinds(compiled: Any) -> list[str]:
    """The kinds of the kernels of a compiled function's last program, in order."""
    return [kernel.kind for kernel in compiled._explained().program.plan.kernels]


def check_lowered(
    function: Callable[..., Any],
    *inputs: rl.Tensor,
    native: bool = True,
    modes: Sequence[str] = ("full", "nofuse", "interpret"),
) -> None:
    """`function`, compiled in these modes, gives what it gives eagerly; with `native`, without NumPy."""
    expected = _all(function(*inputs))
    for mode in modes:
        compiled: Any = compile(function, mode=mode)
        for _ in range(2):
            check_same(_all(compiled(*inputs)), expected, f"mode {mode}")
        if native and mode != "interpret":
            called = [k.name for k in compiled._explained().program.plan.kernels if k.kind == "callback"]
            assert not called, f"mode {mode}: NumPy computes {called}"


def _all(results: Any) -> tuple[Any, ...]:
    return results if isinstance(results, tuple) else (results,)
