"""Ways to damage a file: bits and pieces of any, parts of JSON, headers that lie with right sums."""

from __future__ import annotations

import contextlib
import io
import json
import random
import struct
import zipfile
import zlib
from typing import Any

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2, 64, 65, 2**31, 2**32, 2**63, 2**64, 10**30, 0.5, -0.0, 1e308,
    float("inf"), float("nan"), "", "a", "\0", "\ud800", "F32", "BF16", "F8_E4M3", "__metadata__", "x" * 3000,
    [], {}, [[]], [None], {"": None}, {"__tensor__": "a"}, {"__tuple__": 1}, {"__items__": [[[], 1]]},
    {"__array__": []},
]  # fmt: skip
WORDS = [
    b"\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff" * 8, b"[" * 5000, b'{"a":' * 3000, b'"', b",",
    b";", b"\n", b"\r", b"\t", b"nan", b"-inf", b"1e999", b"1_0", b"0x1", b"1" * 140_000, b"\xd9\xa1",
    b"\xef\xbb\xbf", b"PK\x03\x04", b"\x1f\x8b", b"\x89PNG\r\n\x1a\n", b"IDAT", b"tRNS", b"zTXt", b"iCCP",
    b"eXIf", b"\xff\xd9",
]  # fmt: skip


def damaged(data: bytes, other: bytes, luck: random.Random) -> bytes:
    """`data` with a few bits, bytes or pieces changed; `other` lends pieces."""
    found = bytearray(data)
    for _ in range(luck.choice((1, 1, 2, 5))):
        size, kind = len(found), luck.randrange(8)
        at = luck.randrange(size + 1)
        if kind == 0 and size:
            found[at % size] ^= 1 << luck.randrange(8)
        elif kind == 1 and size:
            found[at % size] = luck.choice((0, 1, 127, 128, 255, luck.randrange(256)))
        elif kind == 2:
            del found[at:]
        elif kind == 3:
            del found[at : at + luck.randrange(1, 40)]
        elif kind == 4:
            found[at:at] = luck.choice(WORDS)
        elif kind == 5:
            start = luck.randrange(len(other) + 1)
            found[at : at + luck.randrange(40)] = other[start : start + luck.randrange(1, 200)]
        elif kind == 6:  # a size in a header
            form = luck.choice((">I", "<I", "<Q", ">H"))
            width = struct.calcsize(form)
            at = luck.randrange(max(1, min(64, size)))
            found[at : at + width] = struct.pack(form, luck.choice((0, 1, 255, 60_000, 2 ** (8 * width) - 1)))
        else:
            found[at : at + 100] = found[at : at + 100] * luck.randrange(2, 5)
    return bytes(found)


def odd_json(value: Any, luck: random.Random) -> Any:
    """`value` with one of its parts, at any depth, replaced, dropped, doubled, or put under another name."""
    value = json.loads(json.dumps(value))
    spots: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        item = stack.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else []
        spots += [(item, key) for key in keys]
        stack += [item[key] for key in keys]
    if not spots or luck.random() < 0.05:
        return luck.choice(ODD)
    for _ in range(luck.choice((1, 1, 1, 3))):
        item, key = luck.choice(spots)
        part = luck.choice(spots)
        with contextlib.suppress(LookupError, ValueError):
            kind = luck.randrange(6)
            if kind == 0:
                del item[key]
            elif kind == 1:
                item[key] = json.loads(json.dumps(part[0][part[1]]))
            elif kind == 2 and isinstance(item, dict):
                item[str(luck.choice(ODD))] = item[key]
            else:
                item[key] = luck.choice(ODD)
    return value


def summed(data: bytes) -> bytes:
    """A PNG with right sums over its chunks, so that what they say is believed."""
    found, at = data[:8], 8
    while at + 8 <= len(data):
        size = min(int.from_bytes(data[at : at + 4], "big"), len(data) - at - 8)
        chunk = data[at + 4 : at + 8 + size]
        found += data[at : at + 4] + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        at += 12 + size
    return found


def deep(luck: random.Random) -> bytes:
    """JSON that is nested more deeply than Python recurses."""
    start, end = luck.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"__tuple__":', b"}]")))
    count = luck.choice((150, 300, 900, 5000, 100_000))
    return start * count + b"0" + end * count


def odd_tensors(data: bytes, luck: random.Random) -> bytes:
    """A safetensors file with a header that lies, but parses; a checkpoint is signed anew."""
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    metadata = header.get("__metadata__", {})
    inside = next((name for name in ("rushlight", "state") if name in metadata), None)
    if inside is None or luck.random() < 0.3:
        header = odd_json(header, luck)
    elif luck.random() < 0.1:
        metadata[inside] = deep(luck).decode()
    else:
        metadata[inside] = json.dumps(odd_json(json.loads(metadata[inside]), luck))
    if "sum" in metadata and isinstance(metadata.get("state"), str):
        with contextlib.suppress(Exception):
            metadata["sum"] = _sum(header, body, metadata["state"])
    text = deep(luck) if luck.random() < 0.05 else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def _sum(header: dict[str, Any], body: bytes, text: str) -> str:
    from rushlight.interop.safetensors import parse
    from rushlight.train.checkpoint import _digest

    plain = json.dumps({name: one for name, one in header.items() if name != "__metadata__"}).encode()
    arrays, _ = parse(len(plain).to_bytes(8, "little") + plain + body, "")
    return _digest(arrays, text)


def odd_archive(data: bytes, luck: random.Random) -> bytes:
    """An archive of rl.save with right sums, in which an entry is damaged, missing, or another's."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    program = next(name for name in entries if name.endswith("data.pkl"))
    name = program if luck.random() < 0.8 else luck.choice(list(entries))
    entries[name] = damaged(entries[name], luck.choice(list(entries.values())), luck)
    if luck.random() < 0.05:
        entries[program] = b"\x80\x02" + luck.choice((b"(", b"]", b"}", b")\x85")) * 100_000 + b"."
    if luck.random() < 0.1:
        del entries[luck.choice(list(entries))]
    stream, kind = io.BytesIO(), luck.choice((zipfile.ZIP_STORED,) * 9 + (zipfile.ZIP_DEFLATED,))
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()
