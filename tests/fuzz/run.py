"""``python -m tests.fuzz --graphs N --seed S --jobs J``: random programs, compiled and eager.

Each runs in all modes on equal inputs and states. Results, gradients and the states afterwards are
compared up to rounding. One that fails is made smaller and printed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any
from unittest import mock

import rushlight as rl
from rushlight.compile import host
from rushlight.compile.capture import record
from rushlight.compile.capture.trace import Traced, TraceError, trace
from rushlight.compile.capture.visible import look
from rushlight.compile.function import compile
from rushlight.compile.proof.check import close, disagreements
from rushlight.errors import RushlightError
from tests.fuzz import closures
from tests.fuzz.fences import Fences
from tests.fuzz.programs import Input, Random, make

__all__ = ["Input", "Random", "failure", "fuzz", "fuzz_in_processes", "main", "shrink"]

Fuzz = Callable[..., int]
"""Tries the cases of some seeds: (how many, first seed, report), and gives how many failed."""
MODES = ("interpret", "nofuse", "full")
SMALL = host.Caches(1 << 8, 1 << 10, 1 << 12)
"""Caches of every other program's processor, so that what is done with large values is done with these."""
PART = 25
"""How many programs a process takes at a time."""


def say(text: str) -> None:
    """Print at once: who ends the run early shall have what was found so far."""
    print(text, flush=True)


def failure(program: Random, modes: Sequence[str] = MODES) -> str:
    """What is wrong with a program, in words; nothing if all modes agree with eager."""
    rl.manual_seed(program.seed)
    inputs, states = program.build()
    expected = [t.array.copy() for t in program.run(inputs, states)] + [s.array for s in states]
    for mode in modes:
        try:
            wrong = _compare(program, mode, expected)
        except TraceError:
            return ""  # refused aloud, as what depends on the layout of memory is
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            return f"{mode}: {wrong}"
    return ""


def _at_arguments(function: Any, arguments: Any = (), ran: Any = None) -> Any:
    """What a program can read, of which the modules here are no part: guards have a fuzzer of their own."""
    return look(None, arguments, ran)


def like(name: str) -> host.Host:
    """This host with the vector registers of another instruction set. Programs are written as for that one;
    LLVM makes each of their vectors of as many as it takes here."""
    here, isa = host.describe(), host.ISAS[name]
    return dataclasses.replace(
        here, isa=name, width=isa.width, registers=isa.registers, fused=isa.fused, halves=isa.halves
    )


def _compare(program: Random, mode: str, expected: list[Any]) -> str:
    inputs, states = program.build()
    compiled = compile(lambda *given: program.run(given, states), mode=mode)
    rl.manual_seed(program.seed)
    described = dataclasses.replace(host.describe(), caches=SMALL) if program.seed % 2 else host.describe()
    with (
        warnings.catch_warnings(),
        Fences() as fences,
        mock.patch.object(record, "look", _at_arguments),
        mock.patch.object(host, "describe", return_value=described),
    ):
        warnings.simplefilter("error")
        found = [t.array for t in compiled(*inputs)] + [s.array for s in states]
    if fences.broken():
        return "a program writes past the end of its memory"
    if len(found) != len(expected):
        return f"{len(found)} results, eager has {len(expected)}"
    far = [i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if not close(a, b)]
    if not far:
        return ""
    for i in far:
        if (found[i].shape, found[i].dtype) != (expected[i].shape, expected[i].dtype):
            kinds = [f"{a.dtype}{a.shape}" for a in (found[i], expected[i])]
            return f"result {i} is {kinds[0]}, eager's {kinds[1]}"
    far = _beyond_rounding(program, found, expected, far)
    return "; ".join(
        f"result {i}: {found[i].reshape(-1)[:6]}, eager's {expected[i].reshape(-1)[:6]}" for i in far
    )


def _beyond_rounding(program: Random, found: list[Any], expected: list[Any], far: list[int]) -> list[int]:
    """Those of the differences that the graph's own rounding does not explain."""
    inputs, states = program.build()
    rl.manual_seed(program.seed)
    traced: Traced = trace(lambda *given: program.run(given, states), inputs)
    new = {id(t): v for t, v in traced.graph.updates}
    place = {id(t): v for t, v in zip(traced.lifted, traced.graph.inputs, strict=True)}
    values = list(traced.graph.outputs)
    for s in states:
        before = place.get(id(s))
        values.append(new.get(id(before), before))  # type: ignore[arg-type]
    arrays = [t.array for t in traced.lifted]
    known = [i for i in far if values[i] is not None]
    wrong = disagreements(
        traced.graph,
        arrays,
        [values[i] for i in known],
        [found[i] for i in known],
        [expected[i] for i in known],
    )
    return [known[i] for i in wrong] + [i for i in far if values[i] is None]


def shrink(program: Random) -> Random:
    """The same failure with fewer steps."""
    k = len(program.steps) - 1
    while k >= 0:
        less = program.without(k)
        with contextlib.suppress(Exception):
            program = less if failure(less) else program
        k -= 1
    return program


def fuzz_like(name: str, graphs: int, seed: int, report: Any = say) -> int:
    """`fuzz` with programs written as for the instruction set of that name."""
    with mock.patch.object(host, "describe", return_value=like(name)):
        return fuzz(graphs, seed, report)


def fuzz(graphs: int, seed: int, report: Any = say) -> int:
    """Try the programs of the seeds from `seed` on; gives how many failed."""
    failed = 0
    for number in range(seed, seed + graphs):
        program = make(number)
        try:
            wrong = failure(program)
        except RushlightError:
            continue  # eager code refuses it
        except Exception as error:
            wrong = f"eager fails: {type(error).__name__}: {error}"
        if wrong:
            failed += 1
            less = shrink(program)
            report(f"seed {number}: {wrong}\n{less}\n")
    return failed


def fuzz_in_processes(fuzz: Fuzz, count: int, seed: int, jobs: int, report: Any = say) -> int:
    """The same in several processes; reports come in any order."""
    parts = [(min(PART, seed + count - first), first) for first in range(seed, seed + count, PART)]
    failed = 0
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as workers:
        for done in as_completed([workers.submit(_part, fuzz, *part) for part in parts]):
            reports = done.result()
            failed += len(reports)
            for text in reports:
                report(text)
    return failed


def _part(fuzz: Fuzz, count: int, seed: int) -> list[str]:
    reports: list[str] = []
    fuzz(count, seed, reports.append)
    return reports


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--graphs", type=int, default=1000, help="how many programs")
    parser.add_argument("--seed", type=int, default=0, help="the first program's; the next one's is one more")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes")
    parser.add_argument(
        "--like", choices=host.ISAS, help="an instruction set, whose programs LLVM fits to this host"
    )
    parser.add_argument("--closures", type=int, default=0, help="how many closures, in place of graphs")
    options = parser.parse_args(arguments)
    # Thousands of small programs shall not fill the user's cache.
    os.environ.setdefault("RUSHLIGHT_CACHE", "")
    start = time.perf_counter()
    one: Fuzz = functools.partial(fuzz_like, options.like) if options.like else fuzz
    one = closures.fuzz if options.closures else one
    what, count = ("closures", options.closures) if options.closures else ("graphs", options.graphs)
    if options.jobs > 1:
        failed = fuzz_in_processes(one, count, options.seed, options.jobs)
    else:
        failed = one(count, options.seed)
    seconds = time.perf_counter() - start
    say(f"{count} {what} from seed {options.seed}: {failed} failed, {seconds:.0f} s")
    return 1 if failed else 0
