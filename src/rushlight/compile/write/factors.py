"""The two factors of a product, over one space of axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.write.kernel_writer import KernelWriter, Point
from rushlight.compile.write.nest import Stream

__all__ = ["Operands", "finish", "operands"]


@dataclass(slots=True)
class Operands:
    """The two factors as streams over (batch..., m, n, k), and the sizes."""

    sizes: tuple[int, ...]
    depth: int
    a: Stream
    b: Stream
    dtype: Any


def operands(writer: KernelWriter, node: Node) -> Operands:
    """The product's factors over the axes (batch..., m, n, k); vectors count as a row or a column."""
    left, right = node.inputs
    ta, tb = node.attrs.get("ta", False), node.attrs.get("tb", False)
    a_axes, b_axes = _axes(left, "mk", ta), _axes(right, "kn", tb)
    depth = left.spec.shape[a_axes.index("k")]
    m = left.spec.shape[a_axes.index("m")] if "m" in a_axes else 1
    n = right.spec.shape[b_axes.index("n")] if "n" in b_axes else 1
    batch = node.out.spec.shape[: len(node.out.spec.shape) - ("m" in a_axes) - ("n" in b_axes)]
    sizes = (*batch, m, n)
    place = {"m": len(batch), "n": len(batch) + 1, "k": len(batch) + 2}

    def stream(value: Value, axes: list[str]) -> Stream:
        lead = len(batch) - (len(axes) - sum(x in place for x in axes))
        at = [place[x] if x in place else lead + i for i, x in enumerate(axes)]
        found = writer.stream(value, at, len(sizes) + 1)
        assert found is not None
        # An axis of size 1 is no broadcast here if it is m, n or k: it is walked once anyway.
        return found

    return Operands(sizes, depth, stream(left, a_axes), stream(right, b_axes), node.out.spec.dtype)


def _axes(value: Value, names: str, transposed: bool) -> list[str]:
    rank = value.spec.ndim
    if rank == 1:
        return ["k"]
    last = list(names[::-1] if transposed else names)
    return [f"batch{i}" for i in range(rank - 2)] + last


def finish(
    writer: KernelWriter, streams: Any, indices: list[str], lanes: int, count: int, total: Any
) -> None:
    """What comes after the sum, at one point: the nodes that follow, and the stores."""
    root = writer.kernel.root
    assert root is not None
    point = Point(indices, lanes, count)
    known = {id(root.out): total}
    writer.run(writer.kernel.body, known, streams, point)
    writer.store_all([root, *writer.kernel.body], known, streams, point)
