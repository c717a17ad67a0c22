"""Random orders in native code: the words of Philox4x64-10, sorted.

``shuffles(keys, streams, total, low, shift, buckets, counts, scratch, out)`` writes a line of `total`
numbers for each stream, whose key are two words of `keys`. A number's place is that of its random word among
all, with the bits of `low` in each word replaced by the number itself. The words are spread over many buckets
by their highest bits, so that few are left to be moved one by one.
"""

from __future__ import annotations

from rushlight.compile.write.emit import Emitter
from rushlight.compile.write.philox import ten_rounds

__all__ = ["shuffles_text"]


def shuffles_text() -> str:
    """The LLVM text of the module."""
    e = Emitter()
    words = ten_rounds(e, ["%first", "0", "0", "0"], ("%k.0", "%k.1"))
    return TEXT.replace("$ROUNDS", "\n".join([*e.lines, *map(_store, range(len(words)), words)]))


def _store(j: int, word: str) -> str:
    return f"""
  %place.{j} = add i64 %i, {j}
  %cut.{j} = and i64 {word}, %high
  %made.{j} = or i64 %cut.{j}, %place.{j}
  %to.{j} = getelementptr i64, ptr %scratch, i64 %place.{j}
  store i64 %made.{j}, ptr %to.{j}"""


TEXT = """
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define void @shuffles(ptr %keys, i64 %streams, i64 %total, i64 %low, i64 %shift, i64 %buckets, ptr %counts, \
ptr %scratch, ptr %all) {
entry:
  %high = xor i64 %low, -1
  %bytes = mul i64 %buckets, 4
  br label %stream
stream:
  %s = phi i64 [ 0, %entry ], [ %s.next, %done ]
  %twice = mul i64 %s, 2
  %k.at = getelementptr i64, ptr %keys, i64 %twice
  %k.0 = load i64, ptr %k.at
  %k.then = getelementptr i64, ptr %k.at, i64 1
  %k.1 = load i64, ptr %k.then
  %line = mul i64 %s, %total
  %out = getelementptr i64, ptr %all, i64 %line
  call void @llvm.memset.p0.i64(ptr %counts, i8 0, i64 %bytes, i1 false)
  br label %draw
draw:
  %i = phi i64 [ 0, %stream ], [ %i.next, %draw ]
  %block = lshr i64 %i, 2
  %first = add i64 %block, 1
$ROUNDS
  %i.next = add i64 %i, 4
  %draws = icmp ult i64 %i.next, %total
  br i1 %draws, label %draw, label %count
count:
  %c = phi i64 [ 0, %draw ], [ %c.next, %count ]
  %c.at = getelementptr i64, ptr %scratch, i64 %c
  %c.word = load i64, ptr %c.at
  %c.bucket = lshr i64 %c.word, %shift
  %c.to = getelementptr i32, ptr %counts, i64 %c.bucket
  %c.old = load i32, ptr %c.to
  %c.new = add i32 %c.old, 1
  store i32 %c.new, ptr %c.to
  %c.next = add i64 %c, 1
  %counts.on = icmp ult i64 %c.next, %total
  br i1 %counts.on, label %count, label %sum
sum:
  %b = phi i64 [ 0, %count ], [ %b.next, %sum ]
  %before = phi i32 [ 0, %count ], [ %after, %sum ]
  %b.at = getelementptr i32, ptr %counts, i64 %b
  %b.count = load i32, ptr %b.at
  store i32 %before, ptr %b.at
  %after = add i32 %before, %b.count
  %b.next = add i64 %b, 1
  %sums = icmp ult i64 %b.next, %buckets
  br i1 %sums, label %sum, label %spread
spread:
  %p = phi i64 [ 0, %sum ], [ %p.next, %spread ]
  %p.at = getelementptr i64, ptr %scratch, i64 %p
  %p.word = load i64, ptr %p.at
  %p.bucket = lshr i64 %p.word, %shift
  %p.from = getelementptr i32, ptr %counts, i64 %p.bucket
  %p.place = load i32, ptr %p.from
  %p.new = add i32 %p.place, 1
  store i32 %p.new, ptr %p.from
  %p.wide = zext i32 %p.place to i64
  %p.to = getelementptr i64, ptr %out, i64 %p.wide
  store i64 %p.word, ptr %p.to
  %p.next = add i64 %p, 1
  %spreads = icmp ult i64 %p.next, %total
  br i1 %spreads, label %spread, label %insert
insert:
  %n = phi i64 [ 0, %spread ], [ %n.next, %set ]
  %n.at = getelementptr i64, ptr %out, i64 %n
  %n.word = load i64, ptr %n.at
  br label %look
look:
  %j = phi i64 [ %n, %insert ], [ %j.less, %move ]
  %begins = icmp eq i64 %j, 0
  br i1 %begins, label %set, label %compare
compare:
  %j.less = sub i64 %j, 1
  %j.at = getelementptr i64, ptr %out, i64 %j.less
  %j.word = load i64, ptr %j.at
  %greater = icmp ugt i64 %j.word, %n.word
  br i1 %greater, label %move, label %set
move:
  %j.to = getelementptr i64, ptr %out, i64 %j
  store i64 %j.word, ptr %j.to
  br label %look
set:
  %set.to = getelementptr i64, ptr %out, i64 %j
  store i64 %n.word, ptr %set.to
  %n.next = add i64 %n, 1
  %inserts = icmp ult i64 %n.next, %total
  br i1 %inserts, label %insert, label %cut
cut:
  %m = phi i64 [ 0, %set ], [ %m.next, %cut ]
  %m.at = getelementptr i64, ptr %out, i64 %m
  %m.word = load i64, ptr %m.at
  %m.number = and i64 %m.word, %low
  store i64 %m.number, ptr %m.at
  %m.next = add i64 %m, 1
  %cuts = icmp ult i64 %m.next, %total
  br i1 %cuts, label %cut, label %done
done:
  %s.next = add i64 %s, 1
  %more = icmp ult i64 %s.next, %streams
  br i1 %more, label %stream, label %end
end:
  ret void
}
"""
