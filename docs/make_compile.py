"""Writes what the compiler prints into docs/guide/compile.md: python docs/make_compile.py (quiet machine)."""

from __future__ import annotations

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


def fill(page: str, name: str, text: str) -> str:
    """The page with `text` in the block between the marks that carry `name`."""
    pattern = re.compile(rf"(<!-- {name} -->\n+```text\n).*?(\n```\n+<!-- end -->)", re.DOTALL)
    assert pattern.search(page), name
    return pattern.sub(lambda found: found[1] + text + found[2], page)


def main() -> None:
    points = rl.rand(100, 2), rl.rand(100, 1)
    disk = compiled((2, 25, 25, 25, 1), "tanh", nn.functional.mse_loss, points, 0.05)
    digits = rl.rand(128, 784), rl.randint(0, 10, (128,))
    mnist = compiled((784, 100, 100, 10), "relu", nn.functional.cross_entropy, digits, 0.01)
    stages = disk.stages()
    page = PAGE.read_text(encoding="utf-8")
    page = fill(page, "graph", abridged(stages["graph"]))
    page = fill(page, "kernels", stages["kernels"].strip())
    page = fill(page, "disk", str(disk.explain()).strip())
    page = fill(page, "mnist", str(mnist.explain()).strip())
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
