"""The two shapes of PyTorch's files: a zip archive, and before version 1.6 pickles one after another."""

from __future__ import annotations

import io
import pickletools
import struct
import sys
import zipfile
from collections.abc import Iterable
from typing import IO, Any, cast

import numpy as np

from rushlight.interop.pickles import Machine
from rushlight.interop.storages import Kind, Memory, Pending, Storage

__all__ = ["MAGIC", "Bounded", "is_legacy", "read_legacy", "read_zip", "write_zip"]

MAGIC = 0x1950A86A20F9469CFC6C
"""The number that the first pickle of an old file holds."""
ALIGNED = 64
"""Storages begin at multiples of this, so that they may be mapped into memory."""
NAME = "archive"
ZIP64 = 1 << 31


def write_zip(program: bytes, storages: Iterable[Any]) -> io.BytesIO:
    """The file of a pickle and of the storages 0, 1, ... that it names, each an array of bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        records = [("data.pkl", program), (".format_version", b"1"), (".storage_alignment", b"64")]
        records += [("byteorder", sys.byteorder.encode())]
        records += [(f"data/{number}", data) for number, data in enumerate(storages)]
        for name, data in [*records, ("version", b"3\n")]:
            entry = zipfile.ZipInfo(f"{NAME}/{name}")  # of a fixed date: equal values make equal files
            entry.extra = _padding(stream.tell(), entry.filename, len(data))
            archive.writestr(entry, data)
    return stream


def _padding(at: int, name: str, size: int) -> bytes:
    """A field to be skipped, so long that what follows is aligned."""
    begin = at + 30 + len(name) + 4 + (20 if size > ZIP64 - 1 else 0)
    count = -begin % ALIGNED
    return struct.pack("<HH", 0x4246, count) + b"Z" * count


def read_zip(stream: Bounded) -> Any:
    """The value in an archive. Every size is checked before it is believed.

    Raises what `Machine.run` raises; and BadZipFile and NotImplementedError, as zipfile does.
    """
    with zipfile.ZipFile(cast(IO[bytes], stream)) as archive:
        entries = archive.infolist()
        # Compressed entries, and entries over one another, may unpack to more than fits into memory.
        if any(e.compress_type or e.file_size != e.compress_size for e in entries):
            raise ValueError("a compressed entry")
        if sum(e.file_size for e in entries) > stream.size:
            raise ValueError("entries that are larger than the file")
        files = {e.filename.partition("/")[2]: e for e in entries}
        if "data.pkl" not in files:
            raise ValueError("no data.pkl in it")
        order = archive.read(files["byteorder"]) if "byteorder" in files else b"little"
        if order not in (b"little", b"big"):
            raise ValueError(f"the byte order {order[:20]!r}")
        known: dict[str, Memory] = {}

        def storage(named: tuple[Any, ...]) -> Storage:
            kind, key, count = _named(named)
            if key not in known:
                data = np.frombuffer(bytearray(archive.read(files[f"data/{key}"])), np.uint8)
                known[key] = Memory(data, order != sys.byteorder.encode())
            if count * kind.itemsize != known[key].data.size:
                raise ValueError("the size of a storage")
            return Storage(known[key], kind)

        return Machine(storage).run(io.BytesIO(archive.read(files["data.pkl"])))


def read_legacy(stream: Bounded) -> Any:
    """The value in a file of pickles: a number, a version, facts of the machine, the value, the names of the
    storages; then each storage, its count before its numbers. `stream` then stands behind it."""
    plain = Machine(_no_storage)
    if plain.run(stream) != MAGIC or plain.run(stream) != 1001:
        raise ValueError("a pickle that no torch.save wrote")
    facts = plain.run(stream)
    order = "little" if not isinstance(facts, dict) or facts.get("little_endian", True) else "big"
    begin = stream.tell()
    kinds: dict[str, Kind] = {}
    known: dict[str, Memory] = {}

    def ask(named: tuple[Any, ...]) -> Storage:
        kind, key, _ = _named(named)
        if kinds.setdefault(key, kind) != kind:
            raise ValueError("a storage of two dtypes")
        return Pending(Memory(np.empty(0, np.uint8)), kind)

    def storage(named: tuple[Any, ...]) -> Storage:
        kind, key, count = _named(named)
        memory = known[key]
        if len(named) > 5 and named[5] is not None:
            _, start, length = named[5]
            if type(start) is not int or type(length) is not int or min(start, length) < 0:
                raise ValueError("a part of a storage")
            data = memory.data[start * kind.itemsize : (start + length) * kind.itemsize]
            return Storage(Memory(data, memory.swapped), kind)
        if count * kind.itemsize != memory.data.size:
            raise ValueError("the size of a storage")
        return Storage(memory, kind)

    Machine(ask).run(stream)  # which storages there are, of which dtypes: their bytes come later
    for key in plain.run(stream):
        head = stream.read(8)
        size = int.from_bytes(head, order) * kinds[key].itemsize  # type: ignore[arg-type]
        data = stream.read(size)
        if len(head) < 8 or len(data) < size or key in known:
            raise ValueError("a storage that is cut short")
        known[key] = Memory(np.frombuffer(bytearray(data), np.uint8), order != sys.byteorder)
    end = stream.tell()
    stream.seek(begin)
    value = Machine(storage).run(stream)
    stream.seek(end)
    return value


def is_legacy(stream: Bounded) -> bool:
    """Whether a file of pickles begins here."""
    start = stream.tell()
    try:
        _, first, _ = next(
            step for step in pickletools.genops(cast(IO[bytes], stream)) if step[1] is not None and step[2]
        )
        return first == MAGIC
    except (ValueError, StopIteration):
        return False
    finally:
        stream.seek(start)


def _no_storage(named: tuple[Any, ...]) -> Storage:
    raise ValueError("a storage where none is")


def _named(named: tuple[Any, ...]) -> tuple[Kind, str, int]:
    """Kind, name and count of numbers of the storage that a persistent id names."""
    kind, key, count = named[1], named[2], named[4]
    if not isinstance(kind, Kind) or type(key) is not str or type(count) is not int or count < 0:
        raise ValueError("a persistent id that names no storage")
    return kind, key, count


class Bounded:
    """A stream that is asked for no more bytes than it has: asking alone would take the memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        self.tell, self.readline = stream.tell, stream.readline

    def read(self, count: int = -1) -> bytes:
        """Up to so many bytes."""
        left = max(0, self.size - self.tell())
        return self.stream.read(left if count < 0 else min(count, left))

    def seek(self, at: int, whence: int = io.SEEK_SET) -> int:
        """Move. Raises ValueError for a place outside."""
        at += (0, self.tell(), self.size)[whence]
        if not 0 <= at <= self.size:
            raise ValueError("a place outside the file")
        return self.stream.seek(at)

    def seekable(self) -> bool:
        """True."""
        return True
