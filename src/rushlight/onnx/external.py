"""Models whose weights lie in a file beside them, as those of more than 2 GB have to.

A tensor then says ``location`` (a name in the model's folder), ``offset`` and ``length`` in bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from rushlight.errors import ArgumentError, DataError, message
from rushlight.interop.files import write_atomically
from rushlight.optional import load as load_package

__all__ = ["MOST", "SIDE", "inferred", "read_beside", "save"]

MOST = 2**31 - 2**20
"""Bytes of weights that a file of ONNX itself can hold."""
SMALL = 1024
"""Tensors of fewer bytes stay in the model's file."""
PAGE = 4096
"""Weights begin at multiples of so many bytes, where they can be mapped into memory."""
SIDE = ".data"
"""What the name of the file beside a model ends in."""


def _large(model: Any) -> list[Any]:
    return [t for t in model.graph.initializer if len(t.raw_data) >= SMALL]


def save(model: Any, path: str | os.PathLike[str], beside: bool | None) -> None:
    """Write a ModelProto; its weights `beside` it, or if that is None only where they have to be.

    The file of weights is written first; each of the two is there whole or not at all.
    """
    path, large = Path(path), _large(model)
    total = sum(len(t.raw_data) for t in large)
    if beside is None:
        beside = total > MOST
    if not beside:
        if total > MOST:
            got = f"weights of {total / 1e9:.1f} GB and external_data=False"
            raise ArgumentError(message("onnx.export", got, "less than 2 GB, which a file of ONNX can hold"))
        write_atomically(path, model.SerializeToString())
        return
    onnx = load_package("onnx", "rushlight.onnx")
    light, parts, offset = _without(model, large), [], 0
    for tensor in large:
        start = -offset % PAGE
        parts += [bytes(start), tensor.raw_data]
        entry = light.graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        entry.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": path.name + SIDE, "offset": offset + start, "length": len(tensor.raw_data)}
        for key, value in place.items():
            entry.external_data.add(key=key, value=str(value))
        offset += start + len(tensor.raw_data)
    order = {t.name: k for k, t in enumerate(model.graph.initializer)}
    entries = sorted(light.graph.initializer, key=lambda t: order[t.name])
    del light.graph.initializer[:]
    light.graph.initializer.extend(entries)
    write_atomically(path.with_name(path.name + SIDE), parts)
    write_atomically(path, light.SerializeToString())


def _without(model: Any, large: list[Any]) -> Any:
    """A copy of a model without some of its initialisers."""
    gone = {t.name for t in large}
    light = type(model)()
    _copy(model, light, ("graph",))
    _copy(model.graph, light.graph, ("initializer",))
    light.graph.initializer.extend(t for t in model.graph.initializer if t.name not in gone)
    return light


def _copy(source: Any, target: Any, but: tuple[str, ...]) -> None:
    """The fields of a message, but for some."""
    for field, value in source.ListFields():
        if field.name in but:
            continue
        if hasattr(value, "CopyFrom"):
            getattr(target, field.name).CopyFrom(value)
        elif hasattr(value, "MergeFrom"):
            getattr(target, field.name).MergeFrom(value)
        elif isinstance(value, bytes | str | int | float):
            setattr(target, field.name, value)
        else:
            getattr(target, field.name).extend(value)


def inferred(model: Any) -> Any:
    """The model, checked, with the types of all values; large weights stay where they are meanwhile."""
    onnx = load_package("onnx", "rushlight.onnx")
    large = _large(model)
    if sum(len(t.raw_data) for t in large) <= MOST:
        onnx.checker.check_model(model)
        return onnx.shape_inference.infer_shapes(model)
    light = _without(model, large)  # the large ones are inputs there
    given = {v.name for v in model.graph.input}
    light.graph.input.extend(
        onnx.helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
        for t in large
        if t.name not in given
    )
    onnx.checker.check_model(light)
    found = onnx.shape_inference.infer_shapes(light)
    del model.graph.value_info[:]
    model.graph.value_info.extend(found.graph.value_info)
    for mine, known in zip(model.graph.output, found.graph.output, strict=True):
        mine.CopyFrom(known)
    return model


def read_beside(model: Any, path: str | os.PathLike[str] | None, name: str) -> None:
    """Read the weights that lie beside a model's file into it.

    Raises DataError for a place outside the file's folder, for files that are missing or too short, and where
    the model was not given as a path.
    """
    onnx = load_package("onnx", "rushlight.onnx")
    for tensor in _tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        if path is None:
            got = f"{name}, whose tensor {tensor.name!r} lies in another file"
            raise DataError(
                message("onnx.load", got, "the path of the model", "Files beside it are found so.")
            )
        place = {entry.key: entry.value for entry in tensor.external_data}
        tensor.raw_data = _bytes_at(Path(path).parent, place, f"the tensor {tensor.name!r} of {name}")
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _bytes_at(folder: Path, place: dict[str, str], what: str) -> bytes:
    """The bytes at a place in a file of a folder."""
    location = place.get("location", "")
    parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
    outside = not location or ".." in parts or "\0" in location or PureWindowsPath(location).drive
    if outside or PurePosixPath(location).is_absolute() or PureWindowsPath(location).root:
        raise DataError(message("onnx.load", f"{what} at {location!r}", "a name in the model's folder"))
    file = folder / location
    if not file.resolve().is_relative_to(folder.resolve()):
        raise DataError(
            message("onnx.load", f"{what} at {location!r}, a link", "a file in the model's folder")
        )
    try:
        offset, length = int(place.get("offset", 0)), place.get("length")
        if not file.is_file():
            raise DataError(message("onnx.load", f"{what} at {location!r}, which is not there", "that file"))
        with open(file, "rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            count = size - offset if length is None else int(length)
            if offset < 0 or count < 0 or offset + count > size:
                got = f"{what} at bytes {offset} to {offset + count} of {location!r}, which has {size}"
                raise DataError(message("onnx.load", got, "bytes that are there"))
            opened.seek(offset)
            return opened.read(count)
    except OSError as error:
        raise DataError(
            message("onnx.load", f"{what} at {location!r} ({error})", "a file to read")
        ) from error
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(message("onnx.load", f"{what} at {place}", "an offset and a length")) from error


def _tensors(model: Any) -> Iterator[Any]:
    """All tensors of a model: initialisers and attributes, in graphs and functions within it too."""
    stack = [model.graph, *model.functions]
    while stack:
        graph = stack.pop()
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            for a in node.attribute:
                yield from (*([a.t] if a.HasField("t") else []), *a.tensors)
                stack += [*([a.g] if a.HasField("g") else []), *a.graphs]
