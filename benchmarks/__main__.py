"""``python -m benchmarks``: see ``--help``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS, load
from benchmarks.first_call import FIRST, first_calls
from benchmarks.machine import HELD, cores, describe
from benchmarks.report import markdown
from benchmarks.run import Plan, all_contenders, imports, installed, race
from benchmarks.workloads import WORKLOADS

__all__ = ["main"]

RESULTS = Path(__file__).resolve().parent / "results"
FULL = Plan(rounds=15, seconds=0.25)
QUICK = Plan(rounds=3, seconds=0.05)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and write the tables."""
    args = _arguments(argv)
    os.environ.update(HELD.get(args.isa, {}))
    wanted = args.contenders or all_contenders(args.slow)
    present = [name for name in wanted if installed(name)]
    plan = QUICK if args.quick else FULL
    if args.rounds:
        plan = Plan(args.rounds, plan.seconds)
    settings = {"one": [1], "all": [len(cores())], "both": [1, len(cores())]}[args.threads]
    workloads = args.only or list(WORKLOADS)
    report: dict[str, Any] = {
        "machine": describe(),
        "plan": asdict(plan),
        "absent": [name for name in wanted if name not in present],
        "left_out": [] if args.contenders else [name for name in CONTENDERS if name not in wanted],
        "races": [],
        "first_calls": {},
        "imports": {},
    }
    alone = [name for name in workloads if WORKLOADS[name].kind != "sweep"]
    races: list[tuple[str, int | list[int]]] = [(name, n) for n in dict.fromkeys(settings) for name in alone]
    # What two cores bring is seen in one race.
    races += [(name, list(dict.fromkeys(settings))) for name in workloads if name not in alone]
    for workload, threads in races:
        records = [result.record() for result in race(workload, present, threads, plan, _log)]
        report["races"].append({"workload": workload, "threads": threads, "results": records})
    if args.first_call or not args.only:
        compiling = [name for name in present if load(name).compiles]
        rounds = 1 if args.quick else 3
        for workload in (name for name in FIRST if name in workloads):
            report["first_calls"][workload] = first_calls(workload, compiling, rounds, _log)
    if not (args.only or args.no_imports):
        report["imports"] = imports(present, 2 if args.quick else 5, _log)
    _write(report, args, complete=not (args.quick or args.only or args.contenders or args.threads != "both"))
    failed = [r for one in report["races"] for r in one["results"] if r["error"]]
    return 1 if failed else 0


def _write(report: dict[str, Any], args: argparse.Namespace, complete: bool) -> None:
    """The tables on standard output; files where asked for, or beside this one after a complete run."""
    table, data = markdown(report), json.dumps(report, indent=1)
    print(data if args.json else table)
    folder = args.out or (RESULTS if complete else None)
    if folder is None:
        _log("A partial run: no file was written (--out DIR writes them).")
        return
    folder.mkdir(parents=True, exist_ok=True)
    name = args.isa or "latest"
    (folder / f"{name}.md").write_text(table, encoding="utf-8")
    (folder / f"{name}.json").write_text(data + "\n", encoding="utf-8")
    _log(f"Written: {folder / name}.md and {name}.json")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time Rushlight beside the peers that are installed, in one run.",
    )
    some = parser.add_argument_group("less than everything, or more")
    some.add_argument("--quick", action="store_true", help="few and short rounds: a look, no measurement")
    some.add_argument("--only", nargs="+", choices=list(WORKLOADS), help="these workloads")
    some.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), help="these contenders")
    some.add_argument("--threads", choices=["one", "all", "both"], default="both")
    some.add_argument("--rounds", type=int, help=f"rounds of each race (normally {FULL.rounds})")
    some.add_argument("--slow", action="store_true", help="also the contenders that take long to start")
    some.add_argument("--first-call", action="store_true", help="the first calls too, with --only")
    some.add_argument("--isa", choices=list(HELD), help="hold all libraries to this instruction set")
    some.add_argument("--no-imports", action="store_true", help="leave import times out")
    parser.add_argument("--json", action="store_true", help="print the JSON in place of the tables")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write the tables there, as latest.md and latest.json or by the name of --isa",
    )
    return parser.parse_args(argv)


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
