"""Random numbers: the words of Philox4x64-10, and what is made of them while they are in registers.

A block of eight 32-bit words is a function of a key and of the block's number alone, ten rounds of two
products of 64 by 64 bits. Processors multiply so in one instruction of few cycles, vectors do not; so the
blocks are scalar code, two side by side, and vectors from there on.

Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011); counted as NumPy counts.
"""

from __future__ import annotations

import functools
from typing import Any

from rushlight.compile.plan.words import PICK
from rushlight.compile.vector import registers, transfer
from rushlight.compile.vector.registers import Vec
from rushlight.compile.write.emit import Emitter
from rushlight.compile.write.kernel_writer import LANES, KernelWriter, Point, body_streams
from rushlight.compile.write.maps import over_space
from rushlight.compile.write.nest import Nest, Stream, offset_of
from rushlight.device import xp

__all__ = ["ten_rounds", "write_random"]

MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
ROUNDS = 10
BLOCK = 8
"""Words of 32 bits in a block."""


def write_random(writer: KernelWriter) -> None:
    """Words, and the nodes that follow on them; or the state, moved on."""
    if writer.kernel.root is None:
        _write_advance(writer)
    else:
        _write_words(writer)


def _state(writer: KernelWriter, value: Any) -> tuple[str, str]:
    """Key and counter."""
    stream = writer.stream(value, [0], 1)
    assert stream is not None
    e = writer.emitter
    key, counter = (e.value(f"load i64, ptr {offset_of(e, stream, [i])}, align 8") for i in "01")
    return key, counter


def _write_advance(writer: KernelWriter) -> None:
    """The same key, the counter further on."""
    (node,) = writer.kernel.body
    e = writer.emitter
    key, counter = _state(writer, node.inputs[0])
    moved = e.value(f"add i64 {counter}, {node.attrs['blocks']}")
    out = writer.target(node.out, [0], 1)
    for i, number in (("0", key), ("1", moved)):
        e.line(f"store i64 {number}, ptr {offset_of(e, out, [i])}, align 8")


def _write_words(writer: KernelWriter) -> None:
    kernel = writer.kernel
    root = kernel.root
    assert root is not None
    key, counter = _state(writer, root.inputs[0])
    space, rank = kernel.space, len(kernel.space)
    streams = body_streams(writer, kernel.body, {id(root.out)}, space, range(rank), rank)
    nest = Nest(list(space), [False] * rank, {k: s for k, s in streams.items() if s is not None})
    nest.simplify()
    size = nest.sizes[0] if nest.sizes else 1
    group = root.out.spec.size // size
    kept = any(v is root.out for v in kernel.stores)
    whole = writer.target(root.out, [0], 1) if kept else None

    def block(indices: list[str], lanes: int, count: int) -> None:
        start = indices[0] if indices else "0"
        words = _groups(writer.emitter, key, counter, start, group)
        if whole is not None:
            _store(writer, whole, words, start, count)
        point = Point(indices, lanes, count)
        known: dict[int, Any] = {id(root.out): [transfer.lane(w, 0) if lanes == 1 else w for w in words]}
        picks = [n for n in kernel.body if n.inputs and n.inputs[0] is root.out and n.op is PICK]
        writer.run(picks, known, streams, point)
        if group == 1:
            known[id(root.out)] = known[id(root.out)][0]
        writer.run([n for n in kernel.body if n not in picks], known, streams, point)
        writer.store_all(kernel.body, known, streams, point)

    over_space(writer, nest.sizes, block)


def _store(writer: KernelWriter, stream: Stream, words: list[Vec], start: str, count: int) -> None:
    """The words themselves, those of a group side by side."""
    e, group = writer.emitter, len(words)
    for at, vec in enumerate(words):
        moved = Stream(stream.pointer, stream.dtype, at, [group])
        transfer.scatter(vec, offset_of(e, moved, [start]), group, count)


def _groups(e: Emitter, key: str, counter: str, start: str, group: int) -> list[Vec]:
    """The words of LANES groups from group `start` on, a multiple of LANES: one Vec for each place."""
    e.declarations["rushlight_philox"] = _two_blocks()
    ways = BLOCK // group
    first = str(int(start) // ways) if start.isdigit() else e.value(f"udiv exact i64 {start}, {ways}")
    drawn = []
    for i in range(0, LANES // ways, 2):
        block = first if i == 0 else e.value(f"add i64 {first}, {i}")
        call = f"call <8 x i64> @rushlight_philox(i64 {key}, i64 {counter}, i64 {block})"
        drawn.append(Vec(e, e.value(call), xp.uint64, 8))
    if group == 1:
        name = e.value(f"bitcast {drawn[0].kind} {drawn[0].name} to <{LANES} x i32>")
        return [Vec(e, name, xp.uint32, LANES)]
    wide = transfer.joined(*drawn)
    half = registers.constant(e, 32, xp.uint64, LANES)
    high = registers.vec(wide, f"lshr {wide.kind} {wide.name}, {half.name}")
    return [registers.cast(wide, xp.uint32), registers.cast(high, xp.uint32)]


@functools.cache
def _two_blocks() -> str:
    """The function that gives a block and the next as eight 64-bit numbers, from key, counter and number."""
    e = Emitter()
    numbers = [*_block(e, "%block", 1), *_block(e, "%block", 2)]
    name = "poison"
    for i, number in enumerate(numbers):
        name = e.value(f"insertelement <8 x i64> {name}, i64 {number}, i64 {i}")
    body = "\n".join(e.lines)
    return (
        "define internal <8 x i64> @rushlight_philox(i64 %key, i64 %counter, i64 %block) "
        f"noinline nounwind {{\n{body}\n  ret <8 x i64> {name}\n}}"
    )


def _block(e: Emitter, block: str, ahead: int) -> list[str]:
    """The four numbers of a block. The counter moves on before the first block is drawn, and what it carries
    goes to its second word; the key has one word."""
    low = e.value(f"add i64 {e.value(f'add i64 {block}, {ahead}')}, %counter")
    wrapped = e.value(f"icmp ult i64 {low}, %counter")
    return ten_rounds(e, [low, e.value(f"zext i1 {wrapped} to i64"), "0", "0"], ("%key", "0"))


def ten_rounds(e: Emitter, words: list[str], key: tuple[str, str]) -> list[str]:
    """The four random numbers that a counter of four words and a key of two give, by name or as numbers."""
    for i in range(ROUNDS):
        first, second = (_moved(e, k, i * step) for k, step in zip(key, WEYL, strict=True))
        high0, low0 = _product(e, MULTIPLIERS[0], words[0])
        high1, low1 = _product(e, MULTIPLIERS[1], words[2])
        other = _xor(e, high0, words[3], second)
        words = [_xor(e, high1, words[1], first), low1, other, low0]
    return words


def _moved(e: Emitter, key: str, by: int) -> str:
    """A word of the key, moved on."""
    return str(_signed(int(key) + by)) if key.isdigit() else e.value(f"add i64 {key}, {_signed(by)}")


def _signed(number: int) -> int:
    """The 64 bits of a number as LLVM writes them."""
    number %= 2**64
    return number - 2**64 if number >= 2**63 else number


def _product(e: Emitter, factor: int, x: str) -> tuple[str, str]:
    """The upper and the lower 64 bits of a product."""
    wide = e.value(f"zext i64 {x} to i128")
    product = e.value(f"mul nuw i128 {wide}, {factor}")
    high = e.value(f"lshr i128 {product}, 64")
    return e.value(f"trunc i128 {high} to i64"), e.value(f"trunc i128 {product} to i64")


def _xor(e: Emitter, a: str, b: str, c: str) -> str:
    return e.value(f"xor i64 {e.value(f'xor i64 {a}, {b}')}, {c}")
