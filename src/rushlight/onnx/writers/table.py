"""The table from Rushlight's operations to functions that write them as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rushlight.compile.graph import Node
    from rushlight.onnx.writer import GraphWriter

__all__ = ["WRITERS", "Write", "direct", "writes"]

Write = Callable[["GraphWriter", "Node"], str]
F = TypeVar("F", bound=Callable[..., str])

WRITERS: dict[str, Write] = {}
"""For each operation's name what writes it, and gives the name of the result."""


def writes(*names: str) -> Callable[[F], F]:
    """Enter a function for operations of these names."""

    def enter(function: F) -> F:
        for name in names:
            WRITERS[name] = function
        return function

    return enter


def direct(**names: str) -> None:
    """Enter operations that are one node of ONNX with the same inputs."""
    for name, op in names.items():

        def write(w: GraphWriter, node: Node, op: str = op) -> str:
            return w.add(op, *w.operands(node))

        WRITERS[name] = write
