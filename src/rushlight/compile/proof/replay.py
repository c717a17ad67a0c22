"""``python -m rushlight.compile.proof.replay FOLDER``: run a program again that failed its proof."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from rushlight.compile.interpret import interpret
from rushlight.compile.native.program import Program
from rushlight.compile.pipeline import build
from rushlight.compile.proof.blame import blame
from rushlight.compile.proof.check import agrees
from rushlight.compile.proof.reproducer import load
from rushlight.core.tensor import wrap
from rushlight.errors import DataError

__all__ = ["main", "replay"]


def replay(folder: str) -> tuple[bool, str]:
    """(whether the program is right now, a report). Raises DataError for a folder that holds none."""
    graph, arrays, mode = load(folder)
    outputs, updates = interpret(graph, arrays)
    tensors = [wrap(a.copy()) for a in arrays]
    try:
        program = Program(build(graph, mode == "full"), tensors, len(tensors))
        found = program.run(tensors)
    except Exception:
        return False, f"{graph}\n\nThe program cannot be compiled, or fails.\n{traceback.format_exc()}"
    index = {id(v): i for i, v in enumerate(graph.inputs)}
    found += [tensors[index[id(t)]].array for t, _ in graph.updates]
    lines = [str(graph), ""]
    right = agrees(graph, arrays, found, [*outputs, *updates])
    if right:
        lines.append("The program agrees with the interpreter.")
    else:
        lines.append(
            f"The program disagrees with the interpreter; at fault: {blame(graph, arrays, mode == 'full')}"
        )
        named = [*graph.outputs, *[v for _, v in graph.updates]]
        for value, a, b in zip(named, found, [*outputs, *updates], strict=True):
            lines.append(f"{value}: found {a.reshape(-1)[:8]}, expected {b.reshape(-1)[:8]}")
    return right, "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """The command."""
    if len(arguments) != 1:
        print("usage: python -m rushlight.compile.proof.replay FOLDER")
        return 2
    try:
        right, report = replay(arguments[0])
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    print(report)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
