"""Values from one process to another: the arrays in them through memory that both share, where there is some.

The memory has no name: it is a file that only its descriptor knows, which goes through the same socket as the
rest. When the last process that has it ends, in whatever way, it is gone. Where there are no such files, and
for small arrays, all goes through the socket.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import socket
import weakref
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["hang_up", "receive", "send"]

SMALL = 1 << 16
"""Arrays of less bytes in all go through the socket: that costs less than sharing."""
ALIGNED = 64
MOST = 200
"""So many shared pieces a process keeps, each of which takes a descriptor; what comes then is copied."""

_shared: weakref.WeakSet[Any] = weakref.WeakSet()


def send(connection: Connection, value: Any) -> None:
    """Send `value`. Raises what pickle raises for it, and OSError where nobody receives any more."""
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    raws = [buffer.raw() for buffer in buffers]
    places, size = [], 0
    for raw in raws:
        places.append((size, raw.nbytes))
        size += -(-raw.nbytes // ALIGNED) * ALIGNED
    if size < SMALL or not hasattr(os, "memfd_create"):
        connection.send((data, [bytes(raw) for raw in raws]))
        return
    descriptor = os.memfd_create("rushlight")
    try:
        os.ftruncate(descriptor, size)
        with mmap.mmap(descriptor, size) as memory:
            for (start, length), raw in zip(places, raws, strict=True):
                memory[start : start + length] = raw
        connection.send((data, places))
        with _socket(connection) as channel:
            socket.send_fds(channel, [b"m"], [descriptor])
    finally:
        os.close(descriptor)


def receive(connection: Connection) -> Any:
    """What `send` sent. Raises EOFError or OSError where nobody sends any more."""
    data, parts = connection.recv()
    if not parts or isinstance(parts[0], bytes):
        return pickle.loads(data, buffers=[bytearray(part) for part in parts])
    with _socket(connection) as channel:
        _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
    if not descriptors:
        raise EOFError
    try:
        memory = mmap.mmap(descriptors[0], 0)
    finally:
        os.close(descriptors[0])
    if len(_shared) >= MOST:
        with memory:
            return pickle.loads(data, buffers=[bytearray(memory[a : a + n]) for a, n in parts])
    _shared.add(memory)
    view = memoryview(memory)
    return pickle.loads(data, buffers=[view[a : a + n] for a, n in parts])


def hang_up(connection: Connection) -> None:
    """End a connection, also for processes that inherited an end of it, which closing alone would not."""
    if os.name == "posix":
        with contextlib.suppress(OSError), _socket(connection) as channel:
            channel.shutdown(socket.SHUT_RDWR)


def _socket(connection: Connection) -> socket.socket:
    """The connection's socket, under a descriptor of its own."""
    return socket.socket(fileno=os.dup(connection.fileno()))
