"""The two factors of a contraction, over one space of axes.

out[o] = sum over s of a[o, s] b[o, s], where each factor is read at strides over the axes of the result and
over the summed ones. An axis along which only one factor moves is a row or a column of a matrix product, one
along which both move is a batch; nothing else is known of them, and nothing else need be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.compile.graph import Node
from rushlight.compile.write.kernel_writer import KernelWriter, Point, body_streams, write_root
from rushlight.compile.write.nest import Stream
from rushlight.core.lower import Contract

__all__ = ["Operands", "finish", "operands"]


@dataclass(slots=True)
class Operands:
    """A contraction as it is written.

    sizes   of the axes of the result, and then of the summed ones, of which there are `summed`.
    a, b    the factors, over all axes.
    after   what the nodes that follow read and write, over the axes of the result.
    rows, columns   once axes are merged: the sizes of those that the rows are in `a`, and the columns in `b`.
    """

    sizes: list[int]
    summed: int
    a: Stream
    b: Stream
    after: dict[Any, Stream | None]
    dtype: Any
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()

    @property
    def rank(self) -> int:
        """How many axes the result has."""
        return len(self.sizes) - self.summed

    @property
    def depth(self) -> int:
        """How many products are added up."""
        return math.prod(self.sizes[self.rank :])

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.depth * math.prod(self.sizes[: self.rank])

    def steps(self, d: int) -> Iterator[tuple[list[int], int]]:
        """All lists that have a number for axis `d`, and where in them it stands."""
        for factor in (self.a, self.b):
            yield from ((steps, d) for steps in factor.lists())
        for stream in self.after.values():
            if stream is not None and d < self.rank:
                yield from ((steps, d) for steps in stream.lists())

    def drop(self, d: int) -> None:
        """Forget an axis."""
        for steps, at in [*self.steps(d)]:
            del steps[at]
        self.summed -= d >= self.rank
        del self.sizes[d]

    def insert(self, d: int, summed: bool) -> None:
        """A new axis of size 1 at `d`."""
        rank = self.rank
        for factor in (self.a, self.b):
            for steps in factor.lists():
                steps.insert(d, 0)
        for stream in self.after.values():
            if stream is not None and not summed and d <= rank:
                for steps in stream.lists():
                    steps.insert(d, 0)
        self.sizes.insert(d, 1)
        self.summed += summed

    def fold(self) -> None:
        """Drop axes of size 1, and join any two that everything walks over as over one."""
        for d in reversed(range(len(self.sizes))):
            if self.sizes[d] == 1:
                self.drop(d)
        while (pair := self._joined()) is not None:
            outer, inner = pair
            self.sizes[inner] *= self.sizes[outer]
            self.drop(outer)

    def _joined(self) -> tuple[int, int] | None:
        parts = range(self.rank), range(self.rank, len(self.sizes))
        pairs = ((d, e) for axes in parts for d in axes for e in axes if d != e)
        return next((pair for pair in pairs if self._as_one(*pair)), None)

    def _as_one(self, outer: int, inner: int) -> bool:
        """Whether everything moves along `outer` as along `inner` past its end."""
        at = [s[d] for s, d in self.steps(inner)]
        return all(
            s[d] == step * self.sizes[inner] for (s, d), step in zip(self.steps(outer), at, strict=True)
        )

    def order(self, axes: Sequence[int]) -> None:
        """Put the axes into this order; those of the result stay before the summed ones."""
        rank = self.rank
        for factor in (self.a, self.b):
            for steps in factor.lists():
                steps[:] = [steps[d] for d in axes]
        for stream in self.after.values():
            if stream is not None:
                for steps in stream.lists():
                    steps[:] = [steps[d] for d in axes[:rank]]
        self.sizes = [self.sizes[d] for d in axes]

    def chain(self, inner: int, moving: Stream) -> tuple[int, ...]:
        """Axes of the result of which the last is `inner`, over which everything but the factor `moving`
        walks as over one, the other factor not at all."""
        still = self.b if moving is self.a else self.a
        others = [steps for stream in self.after.values() if stream is not None for steps in stream.lists()]

        def follows(d: int, chain: tuple[int, ...]) -> bool:
            past = math.prod(self.sizes[c] for c in chain)
            return (
                d not in chain
                and any(steps[d] for steps in moving.lists())
                and not any(steps[d] for steps in still.lists())
                and all(steps[d] == steps[inner] * past for steps in others)
            )

        chain: tuple[int, ...] = (inner,)
        if any(steps[inner] for steps in still.lists()):
            return chain
        while (more := next((d for d in range(self.rank) if follows(d, chain)), None)) is not None:
            chain = (more, *chain)
        return chain

    def merge(self, rows: int, columns: int) -> None:
        """Make of the last axes of the result two, the rows and the columns, of so many each, over which
        `chain` found that one can walk; the factors that move along them keep theirs."""
        end = self.rank
        middle, start = end - columns, end - columns - rows
        self.rows, self.columns = tuple(self.sizes[start:middle]), tuple(self.sizes[middle:end])
        others = [s for s in self.after.values() if s is not None]
        for stream in (self.a, self.b, *others):
            for steps in stream.lists():
                if stream is not self.b:
                    steps[middle:end] = steps[end - 1 : end]
                if stream is not self.a:
                    steps[start:middle] = steps[middle - 1 : middle]
        self.sizes[start:end] = [math.prod(self.rows), math.prod(self.columns)]


def operands(writer: KernelWriter, node: Node) -> Operands:
    """What the kernel's product is made of, over the axes of its result in their order."""
    terms, letters, axes = _letters(node)
    place, rank = list(axes), len(letters)

    def factor(term: str, value: Any) -> Stream:
        found = writer.stream(value, [place.index(c) for c in term], len(place))
        assert found is not None
        return found

    a, b = (factor(term, value) for term, value in zip(terms, node.values(), strict=True))
    kernel = writer.kernel
    after = body_streams(writer, kernel.body, {id(node.out)}, kernel.space, range(rank), rank)
    write_root(writer, node, after, range(rank), rank)
    return Operands(list(axes.values()), len(axes) - rank, a, b, after, node.out.spec.dtype)


def _letters(node: Node) -> tuple[list[str], str, dict[str, int]]:
    """The letters of the factors' axes, of the result's, and the size of each; one of size 1 may be
    spread."""
    assert isinstance(node.op.lower, Contract)
    terms, letters = node.op.lower.letters([v.spec.ndim for v in node.values()], node.attrs)
    sizes = dict.fromkeys([*letters, *"".join(terms)], 1)
    for term, value in zip(terms, node.values(), strict=True):
        sizes.update({c: n for c, n in zip(term, value.spec.shape, strict=True) if n != 1})
    return terms, letters, sizes


def finish(writer: KernelWriter, after: Any, indices: list[str], lanes: int, count: int, total: Any) -> None:
    """What comes after the sum, at one point: the nodes that follow, and the stores."""
    root = writer.kernel.root
    assert root is not None
    point = Point(indices, lanes, count)
    known = {id(root.out): total}
    writer.run(writer.kernel.body, known, after, point)
    writer.store_all([root, *writer.kernel.body], known, after, point)
