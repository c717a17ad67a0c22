"""Writes what the compiler prints into docs/guide/compile.md: python docs/make_compile.py (quiet machine)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import rushlight as rl
from rushlight import nn

PAGE = Path(__file__).parent / "guide" / "compile.md"


def compiled(widths: tuple[int, ...], activation: str, loss: Any, batch: tuple[Any, Any], lr: float) -> Any:
    """A compiled training step that has run."""
    rl.manual_seed(0)
    model = nn.MLP(widths[0], list(widths[1:-1]), widths[-1], activation=activation)
    optimizer = rl.optim.SGD(model.parameters(), lr=lr, momentum=0.9)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        return value

    made = rl.compile(step)
    made(*batch)
    return made


def abridged(graph: str) -> str:
    """The graph without most of its inputs, and of the updates that are all alike."""
    lines = graph.splitlines()
    inputs = [i for i, line in enumerate(lines) if line.startswith("input")]
    ends = [i for i, line in enumerate(lines) if line.startswith("update")]
    left_out = {*inputs[4:], *ends[2:-2]}
    kept = []
    for i, line in enumerate(lines):
        if i not in left_out:
            kept.append(line)
        elif i - 1 not in left_out:
            kept.append("...")
    return "\n".join(kept)


def around(graph: str, first: str, last: str) -> str:
    """The lines of the graph from the one that makes `first` to the one that makes `last`."""
    lines = graph.splitlines()
    start, end = (next(i for i, line in enumerate(lines) if f"= {name}(" in line) for name in (first, last))
    return "\n".join(["...", *lines[start - 4 : end + 1], "..."])


def records(kernels: str) -> list[str]:
    """Each kernel's text."""
    return re.split(r"\n(?=k\d+: )", kernels)


def heads(kernels: str, *whole: int) -> str:
    """All of some kernels, and of the others the first line."""
    return "\n".join(
        text if i in whole else text.partition("\n")[0] for i, text in enumerate(records(kernels))
    )


def fill(page: str, name: str, text: str) -> str:
    """The page with `text` in the block between the marks that carry `name`."""
    pattern = re.compile(rf"(<!-- {name} -->\n+```text\n).*?(\n```\n+<!-- end -->)", re.DOTALL)
    assert pattern.search(page), name
    return pattern.sub(lambda found: found[1] + text + found[2], page)


def main() -> None:
    os.environ["RUSHLIGHT_CACHE"] = ""  # the tables show what LLVM takes
    points = rl.rand(100, 2), rl.rand(100, 1)
    disk = compiled((2, 25, 25, 25, 1), "tanh", nn.functional.mse_loss, points, 0.05)
    digits = rl.rand(128, 784), rl.randint(0, 10, (128,))
    mnist = compiled((784, 100, 100, 10), "relu", nn.functional.cross_entropy, digits, 0.01)
    stages = disk.stages()
    page = PAGE.read_text(encoding="utf-8")
    page = fill(page, "graph", abridged(stages["graph"]))
    page = fill(page, "simplified", around(stages["simplified"], "mean", "mm"))
    page = fill(page, "kernels", heads(stages["kernels"], 0, 6))
    rows = [text for text in records(mnist.stages()["kernels"]) if ": rows over [128, 10]" in text]
    page = fill(page, "rows", "\n".join(rows))
    page = fill(page, "memory", stages["memory"])
    page = fill(page, "disk", str(disk.explain()).strip())
    page = fill(page, "mnist", str(mnist.explain()).strip())
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
