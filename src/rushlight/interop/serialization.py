"""`rl.save` and `rl.load`: values in files that PyTorch reads and writes too. Loading runs no code."""

from __future__ import annotations

import io
import os
import zipfile
from typing import IO, Any

from rushlight.core.placement import check_device
from rushlight.core.state import READERS
from rushlight.errors import DataError, DTypeError, RushlightError, message, refuse_options
from rushlight.interop.containers import Bounded, is_legacy, read_legacy, read_zip, write_zip
from rushlight.interop.files import write_atomically
from rushlight.interop.layout import Layout
from rushlight.interop.pickles import RefusedError
from rushlight.interop.pickling import Writer
from rushlight.interop.recognise import recognise

__all__ = ["load", "save"]

DAMAGED = (
    ValueError, TypeError, LookupError, AttributeError, OverflowError, EOFError, zipfile.BadZipFile,
    RuntimeError, NotImplementedError, RecursionError,
)  # fmt: skip
"""What zipfile, pickletools and the machine raise for files that are not what they should be."""
PATH = (str, os.PathLike)


def save(
    obj: Any,
    f: str | os.PathLike[str] | IO[bytes],
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write `obj` to the file `f`, a path or a file that is open for writing.

    It may consist of tensors and Parameters; state_dicts, dicts, lists, tuples and sets; numbers, strings,
    bytes, None; arrays and numbers of NumPy; dtypes, devices and sizes. Tensors that share memory do so after
    loading too. The format is PyTorch's: ``torch.load(f, weights_only=True)`` reads it. A file at a path
    is replaced as a whole, or stays as it was. `pickle_module` and `pickle_protocol` change nothing.

    Raises NotSupportedError for a whole module, DTypeError for what else a file cannot hold, OSError as
    `open` does.

    >>> import io
    >>> import rushlight as rl
    >>> stream = io.BytesIO()
    >>> rl.save({"weight": rl.ones(2), "epoch": 3}, stream)
    >>> _ = stream.seek(0)
    >>> rl.load(stream)
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    given = {"_use_new_zipfile_serialization": _use_new_zipfile_serialization}
    refuse_options(
        "save", given, dict.fromkeys(given, True), "Leave it out: PyTorch reads zip files since 1.4."
    )
    if not isinstance(f, PATH) and not hasattr(f, "write"):
        raise DTypeError(message("save", f"a {type(f).__name__}", "a path, or a file open for writing"))
    layout = Layout()
    Writer(layout).write(obj)  # tells the layout of all tensors; where they lie follows from all of them
    layout.close()
    data = write_zip(Writer(layout).write(obj), layout.storages).getbuffer()
    if isinstance(f, PATH):
        write_atomically(f, data)
    else:
        f.write(data)


def load(
    f: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = True,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What `save`, or PyTorch's torch.save, wrote to the file `f`, a path or a file that is open for reading.

    No code of the file is run, whatever `weights_only` says: only values of the kinds that `save` takes are
    made. All tensors come to lie on the CPU.
    `map_location` may be the CPU, or what maps other devices to it; the other arguments change nothing.

    Raises DataError for a file that is damaged or of another format, or that holds an object of another
    class, as a whole module is; OSError as `open` does.
    """
    if not (map_location is None or callable(map_location) or isinstance(map_location, dict)):
        check_device(map_location)
    if isinstance(f, PATH):
        with open(f, "rb") as file:
            return _load(file, os.fspath(f))
    if not hasattr(f, "read"):
        raise DTypeError(message("load", f"a {type(f).__name__}", "a path, or a file open for reading"))
    begin = f.tell() if hasattr(f, "tell") else 0
    stream = io.BytesIO(f.read())
    value = _load(stream, str(getattr(f, "name", "the file")))
    if hasattr(f, "seek") and stream.tell():
        f.seek(begin + stream.tell())  # old files may follow one another
    return value


READERS.add(load.__code__)


def _load(file: IO[bytes], name: str) -> Any:
    """The value in `file`, which then stands behind it."""
    stream = Bounded(file)
    head = stream.read(32)
    stream.seek(0)
    try:
        if head.startswith(b"PK\x03\x04"):
            value = read_zip(stream)
            stream.seek(0, io.SEEK_END)
            return value
        if head.startswith(b"\x80") and is_legacy(stream):
            return read_legacy(stream)
    except RushlightError:
        raise
    except RefusedError as error:
        remedy = "Save what it holds as tensors, numbers and dicts: model.state_dict() in place of model."
        got = f"an object of {error} in {name}"
        expected = "tensors and plain values: no code of a file is run"
        raise DataError(message("load", got, expected, remedy)) from None
    except DAMAGED as error:
        raise DataError(
            f"{name} is damaged, or no file of torch.save ({error}). Copy or create it again."
        ) from error
    raise DataError(_other(name, head))


def _other(name: str, head: bytes) -> str:
    """What a file of another format is."""
    if head[8:9] == b"{":
        return f"{name} seems to be a safetensors file. Read it with rl.interop.load_file."
    if head.startswith(b"\x80"):
        return f"{name} is a Python pickle, but no file of torch.save. Save it with rl.save."
    what, remedy = recognise(head)
    return f"{name} is {what or 'no file of rl.save or torch.save'}. {remedy}".rstrip()
