"""Contractions of many axes: convolutions by hand, whose windows overlap and end outside, and their
derivatives."""

from __future__ import annotations

import dataclasses
import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rushlight.compile import host
from rushlight.compile.write import arrange as arrangement
from rushlight.compile.write import cuts, dots
from rushlight.compile.write.arrange import arrange
from rushlight.compile.write.contract import write_contraction
from rushlight.compile.write.dots import outside
from rushlight.compile.write.emit import Emitter
from rushlight.compile.write.factors import Operands
from rushlight.compile.write.kernel_writer import KernelWriter
from rushlight.compile.write.nest import Bound, Stream
from tests.compile.native import compiled

pytest.importorskip("llvmlite")

Index = tuple[dict[str, int], int]
"""Where an axis of an array is read: so many times the index of each letter, and a number."""


class Writer:
    """A kernel that is nothing but its root."""

    def __init__(self) -> None:
        self.emitter, self.parts = Emitter(), 1
        self.kernel = SimpleNamespace(root=SimpleNamespace(out=self), body=[])

    def run(self, *given: Any) -> None:
        """No nodes follow."""

    def store_all(self, nodes: Any, known: Any, streams: Any, point: Any) -> None:
        KernelWriter.write(self, streams["out"], known[id(self)], point)  # type: ignore[arg-type]


def at(text: str) -> list[Index]:
    """``"b 2h+i-1"`` as the indices of two axes."""
    out: list[Index] = []
    for axis in text.split():
        steps: dict[str, int] = {}
        first = 0
        for term in axis.replace("-", "+-").split("+"):
            if term.lstrip("-").isdigit():
                first += int(term)
            elif term:
                sign, number = (-1 if term[0] == "-" else 1), term.lstrip("-")[:-1]
                steps[term[-1]] = sign * int(number or 1)
        out.append((steps, first))
    return out


def factor(pointer: str, array: np.ndarray, where: list[Index], sizes: dict[str, int]) -> Stream:
    steps = [s // array.itemsize for s in array.strides]
    offset, strides, bounds = 0, [0] * len(sizes), []
    for size, step, (terms, first) in zip(array.shape, steps, where, strict=True):
        along = [terms.get(c, 0) for c in sizes]
        ends = [k * (n - 1) for k, n in zip(along, sizes.values(), strict=True)]
        strides = [s + step * k for s, k in zip(strides, along, strict=True)]
        offset += step * first
        if first + sum(k for k in ends if k < 0) < 0 or first + sum(k for k in ends if k > 0) >= size:
            bounds.append(Bound(first, along, size))
    return Stream(pointer, array.dtype, offset, strides, bounds)


def contract(
    sizes: dict[str, int], out: str, a: np.ndarray, a_at: str, b: np.ndarray, b_at: str
) -> tuple[np.ndarray, np.ndarray]:
    """(what the code that is written gives, what a plain sum in float64 gives)."""
    order = out + "".join(c for c in sizes if c not in out)
    shape = [sizes[c] for c in out]
    got = np.full(shape, 77, a.dtype)
    strides = [s // a.itemsize for s in got.strides]
    ordered = {c: sizes[c] for c in order}
    factors = factor("%p0", a, at(a_at), ordered), factor("%p1", b, at(b_at), ordered)
    after: dict[Any, Stream | None] = {"out": Stream("%p2", a.dtype, 0, strides)}
    writer: Any = Writer()
    numbers = list(ordered.values())
    write_contraction(writer, Operands([*numbers], len(order) - len(out), *factors, after, a.dtype))
    writer.emitter.lines.insert(0, "  %part = add i64 %n0, 0")
    engine, run = compiled(writer.emitter, 3, 1)
    for part in range(writer.parts):
        run(a.ctypes.data, b.ctypes.data, got.ctypes.data, part)
    del engine
    places = np.meshgrid(*[np.arange(sizes[c]) for c in order], indexing="ij", sparse=True)

    def read(array: np.ndarray, where: list[Index]) -> Any:
        inside: Any = True
        found = []
        for size, (terms, first) in zip(array.shape, where, strict=True):
            index: Any = first + sum(k * places[order.index(c)] for c, k in terms.items())
            inside = inside & (index >= 0) & (index < size)
            found.append(np.clip(index, 0, size - 1))
        return np.where(inside, array[tuple(found)].astype(np.float64), 0.0)

    terms = np.broadcast_to(read(a, at(a_at)) * read(b, at(b_at)), numbers)
    return got, terms.sum(tuple(range(len(out), len(order))))


def check(sizes: dict[str, int], out: str, a: Any, a_at: str, b: Any, b_at: str) -> None:
    got, expected = contract(sizes, out, a, a_at, b, b_at)
    np.testing.assert_allclose(got, expected, atol=(2e-5 if a.dtype == np.float32 else 1e-12) * 10, rtol=1e-5)


def arrays(*shapes: tuple[int, ...], dtype: str = "float32") -> list[Any]:
    numbers = np.random.default_rng(sum(map(sum, shapes)))
    return [numbers.normal(size=s).astype(dtype) for s in shapes]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("channels", "filters", "size", "window", "pad"), [(3, 8, 9, 3, 1), (2, 20, 18, 5, 2), (4, 1, 7, 1, 0)]
)
def test_a_convolution_and_its_derivatives(
    channels: int, filters: int, size: int, window: int, pad: int, dtype: str
) -> None:
    wide = size + 2 * pad - window + 1
    x, w, g = arrays(
        (2, channels, size, size + 2),
        (filters, channels, window, window),
        (2, filters, wide, wide + 2),
        dtype=dtype,
    )
    inner = {"c": channels, "o": filters, "k": window, "l": window}
    sizes = {"b": 2, **inner, "h": wide, "w": wide + 2}
    reads = f"b c h+k-{pad} w+l-{pad}"
    check(sizes, "bohw", x, reads, w, "o c k l")
    check(sizes, "ockl", x, reads, g, "b o h w")
    check({"b": 2, **inner, "i": size, "j": size + 2}, "bcij", g, f"b o i-k+{pad} j-l+{pad}", w, "o c k l")


@pytest.mark.parametrize(("stride", "spread"), [(2, 1), (1, 2), (3, 2)])
def test_strides_and_dilation(stride: int, spread: int) -> None:
    x, w = arrays((2, 5, 40), (7, 5, 4))
    sizes = {"b": 2, "o": 7, "t": 36 // stride, "c": 5, "k": 4}
    check(sizes, "bot", x, f"b c {stride}t+{spread}k-3", w, "o c k")


@pytest.mark.parametrize("filters", [1, 3, 6, 8])
@pytest.mark.parametrize(("channels", "size"), [(2, 9), (3, 23), (50, 20)])
def test_windows_that_share_their_weights(filters: int, channels: int, size: int) -> None:
    """Without a border: several places of the loop around a block are done at once, then the rest of them;
    in pieces where the sum is long."""
    x, w, g = arrays((2, channels, size, 17), (filters, channels, 5, 5), (2, filters, size - 4, 13))
    sizes = {"b": 2, "o": filters, "h": size - 4, "w": 13, "c": channels, "k": 5, "l": 5}
    check(sizes, "bohw", x, "b c h+k w+l", w, "o c k l")
    check(sizes, "ockl", x, "b c h+k w+l", g, "b o h w")


def test_channels_that_lie_last_and_a_sum_that_is_cut_within_its_axes() -> None:
    x, w = arrays((1, 6, 20, 150), (9, 3, 3, 150))
    sizes = {"b": 1, "h": 6, "w": 20, "o": 9, "k": 3, "l": 3, "c": 150}
    check(sizes, "bhwo", x, "b h+k-1 w+l-1 c", w, "o k l c")


@pytest.mark.parametrize("width", [3, 4, 5, 7, 8, 12, 14, 16, 17, 28, 32, 40])
@pytest.mark.parametrize(("pad", "filters"), [(0, 40), (1, 40), (1, 6)])
def test_rows_and_columns_of_several_axes(width: int, pad: int, filters: int) -> None:
    """Windows of several lines of a picture, or of several channels, are rows or columns of one product."""
    size = 6
    x, w, g = arrays(
        (2, 7, size + 2 - 2 * pad, width + 2 - 2 * pad), (filters, 7, 3, 3), (2, filters, size, width)
    )
    sizes = {"b": 2, "o": filters, "c": 7, "k": 3, "l": 3, "h": size, "w": width}
    check(sizes, "bohw", x, f"b c h+k-{pad} w+l-{pad}", w, "o c k l")
    check(sizes, "ockl", x, f"b c h+k-{pad} w+l-{pad}", g, "b o h w")
    check({**sizes, "b": 1}, "owhb", x, f"b c h+k-{pad} w+l-{pad}", w, "o c k l")


def test_lines_of_a_picture_are_the_columns_where_the_factors_allow() -> None:
    wide = host.describe().lanes(4)  # a line is one vector: too few sums for a block

    def arranged(out: list[int]) -> tuple[int, ...]:
        sizes = {"o": 64, "h": 32, "w": wide, "c": 32, "k": 3}
        x, w = arrays((32, 34, wide + 2), (64, 32, 3))
        factors = factor("", w, at("o c k"), sizes), factor("", x, at("c h+k w"), sizes)
        after: dict[Any, Stream | None] = {"out": Stream("", x.dtype, 0, out)}
        ops = Operands(list(sizes.values()), 2, *factors, after, x.dtype)
        assert not arrange(ops)
        return ops.columns

    assert arranged([32 * wide, wide, 1]) == (32, wide)
    assert len(arranged([32 * wide, 2 * wide, 1])) == 1  # the result's lines do not lie one after the other


@pytest.mark.parametrize("size", [3, 16, 20])
def test_an_axis_along_which_neither_factor_moves(size: int) -> None:
    """All along it is the same; it may become the columns, and what moves the loop whose places share a
    block."""
    a, b = arrays((5, 5), (3, 5))
    check({"z": size, "m": 5, "n": 3, "k": 5}, "zmn", a, "m k", b, "n k")
    check({"z": size, "m": 5, "n": 3, "k": 5}, "mzn", a, "m k", b, "n k")


def test_both_factors_may_end() -> None:
    """The full correlation of two signals."""
    x, y = arrays((3, 30), (3, 25))
    check({"t": 54, "c": 3, "k": 54}, "t", x, "c k", y, "c k-t+24")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("around", [0, 1, 2])
@pytest.mark.parametrize("wide", [7, 16, 20, 33])
def test_gradients_of_few_weights(
    wide: int, around: int, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vectors along the last of several summed axes, of which so many run around all blocks."""
    written = []
    monkeypatch.setattr(arrangement, "_outer", lambda *given: np.inf)
    monkeypatch.setattr(arrangement, "outside", lambda *given: around)
    monkeypatch.setattr(dots, "outside", lambda *given: written.append(given) or around)
    monkeypatch.setattr(cuts, "worthwhile", lambda work, most: min(3, most))
    sizes = {"o": 6, "c": 2, "k": 3, "l": 3, "n": 5, "x": 9, "y": wide}
    g, images = arrays((5, 6, 9, wide), (5, 2, 11, wide + 2), dtype=dtype)
    check(sizes, "ockl", g, "n o x y", images, "n c x+k y+l")
    assert written


def test_what_runs_around_blocks_follows_from_the_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"o": 6, "k": 3, "n": 5, "x": 9, "y": 20}
    g, images = arrays((5, 6, 9, 20), (5, 9, 22))
    factors = factor("%a", g, at("n o x y"), sizes), factor("%b", images, at("n x y+k"), sizes)
    ops = Operands([*sizes.values()], 3, *factors, {}, g.dtype)
    for l2, expected in ((1 << 20, 0), (1 << 15, 1), (1 << 13, 2), (1 << 10, None)):
        held = dataclasses.replace(host.describe(), width=16, caches=host.Caches(l2, l2, l2))
        monkeypatch.setattr(host, "describe", lambda held=held: held)
        assert outside(ops, *factors, [2, 3, 4]) == expected


def test_a_deep_sum_is_accurate() -> None:
    """No register adds up more than a thousand products before they join the total."""
    sizes = {"o": 2, "k": 2, "x": 400, "y": 100}
    g, images = arrays((2, 400, 100), (400, 101))
    got, expected = contract(sizes, "ok", g + 1, "o x y", images + 1, "x y+k")
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the parts are, together they are all: loops, columns, rows, with a sum in pieces and
    without."""
    monkeypatch.setattr(cuts, "worthwhile", lambda work, most: min(3, most))
    for batch, m, n, k in ((7, 5, 6, 8), (1, 4, 200, 30), (1, 90, 4, 30), (1, 90, 4, 3000), (2, 9, 9, 2100)):
        a, b = arrays((batch, m, k), (batch, n, k))
        got, expected = contract({"b": batch, "m": m, "n": n, "k": k}, "bmn", a, "b m k", b, "b n k")
        np.testing.assert_allclose(got, expected, atol=1e-4 * k**0.5)


@pytest.mark.parametrize("seed", range(40))
def test_any_axes(seed: int) -> None:
    """Letters at random in either factor and in the result, and windows over two of them."""
    r = random.Random(seed)
    letters = "abcdef"[: r.randint(1, 6)]
    sizes = {c: r.choice((1, 2, 3, 5, 17)) for c in letters}
    while np.prod(list(sizes.values())) > 20000:
        sizes[max(sizes, key=lambda c: sizes[c])] = 2
    terms, shapes = [], []
    for _ in range(2):
        own = r.sample(letters, r.randint(1, len(letters)))
        if len(own) > 1 and r.random() < 0.4:
            one, two = own.pop(), own.pop()
            own.append(f"{r.choice((1, 2))}{one}+{two}-{r.randint(0, 3)}")
        shapes.append(tuple(sizes[c] if len(c) == 1 else r.randint(1, 12) for c in own))
        terms.append(" ".join(own))
    out = "".join(r.sample(letters, r.randint(0, len(letters))))
    a, b = arrays(*shapes, dtype=r.choice(("float32", "float64")))
    check(sizes, out, a, terms[0], b, terms[1])
