"""Tensors for other libraries: the DLPack protocol's giving side."""

from __future__ import annotations

from typing import Any

from rushlight.device import xp
from rushlight.errors import ArgumentError, GradError, message

__all__ = ["ExportError", "dlpack"]


class ExportError(GradError, BufferError):
    """A tensor whose history another library cannot see; a BufferError too, which the protocol asks for."""


def dlpack(tensor: Any, stream: Any, **options: Any) -> Any:
    """The capsule of a tensor's memory, or of a copy of it.

    stream   None, or -1 for no waiting: memory of the host has no streams.
    options  of the array API: `max_version` (major, minor), the latest that the taker understands: from
             (1, 0) on a capsule says its version, and whether it may be written; `dl_device`, the host;
             `copy` always (True), never (False) or as needed (None).

    Raises ExportError for a tensor that requires grad, ArgumentError for a stream, BufferError for a device.
    """
    if stream not in (None, -1):
        raise ArgumentError(message("__dlpack__", f"stream={stream!r}", "None: memory of the host has none"))
    if tensor.requires_grad:
        got = "a tensor that requires grad"
        raise ExportError(message("__dlpack__", got, "plain data", "Use x.detach()."))
    return xp.to_dlpack(tensor._seen(), **{name: v for name, v in options.items() if v is not None})
