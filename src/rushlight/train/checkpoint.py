"""Checkpoints: everything a run needs to go on, in one safetensors file with JSON metadata.

A checkpoint is written whole or not at all, loading it runs no code, and everything is checked (sums,
names, shapes, kinds) before anything changes. The functions serve hand-written loops; Trainer uses them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rushlight.core.atomic import struck
from rushlight.errors import CheckpointError, DataError, DTypeError, message
from rushlight.interop import safetensors
from rushlight.interop.files import write_atomically
from rushlight.interop.packing import pack, unpack
from rushlight.interop.strict import parse_json
from rushlight.train.fit_check import problems_of

__all__ = [
    "Saved", "dump_checkpoint", "load_checkpoint", "load_parts", "parse_checkpoint", "read_checkpoint",
    "save_checkpoint",
]  # fmt: skip

FORMAT = "rushlight.checkpoint"
VERSION = 1


@dataclass(frozen=True)
class Saved:
    """One part of a checkpoint: the name of its class, and its state."""

    kind: str
    state: Any


def save_checkpoint(path: str | os.PathLike[str], *, random: bool = True, **parts: Any) -> None:
    """Write `parts` to `path`, atomically: a kill at any moment leaves the old file or the new one.

    A part with a ``state_dict`` (model, optimizer, scheduler, loader...) is saved by it; other parts are
    plain values (numbers, strings, tensors, lists and dicts of them). With `random` the state of the
    global random generator is kept too. Raises CheckpointError where the file cannot be written.

    >>> import tempfile
    >>> import rushlight as rl
    >>> path = tempfile.mkdtemp() + "/checkpoint.safetensors"
    >>> model = rl.nn.Linear(2, 1)
    >>> optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    >>> rl.train.save_checkpoint(path, model=model, optimizer=optimizer, epoch=3)
    >>> rl.train.load_checkpoint(path, model=model, optimizer=optimizer)
    {'epoch': 3}
    """
    contents = dump_checkpoint(random, parts)
    try:
        write_atomically(path, contents)
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(
            f"save_checkpoint: cannot write {os.fspath(path)}: {reason}. "
            "Choose a folder that you can write to."
        ) from error


def dump_checkpoint(random: bool, parts: Mapping[str, Any]) -> bytes:
    """What `save_checkpoint` writes."""
    arrays: dict[str, Any] = {}
    try:
        tree = {name: _packed(name, part, arrays) for name, part in parts.items()}
    except RecursionError as error:
        got, expected = "state that is nested without end, or too deeply", "fewer levels of lists and dicts"
        raise CheckpointError(message("save_checkpoint", got, expected)) from error
    if random:
        tree["random"] = {"kind": "random", "state": pack(_get_random(), arrays, "random")}
    text = json.dumps(tree)
    try:
        return safetensors.dump(
            arrays,
            {"format": FORMAT, "version": str(VERSION), "state": text, "sum": _digest(arrays, text)},
        )
    except DTypeError as error:
        raise CheckpointError(f"save_checkpoint: {error}") from error


def load_checkpoint(
    path: str | os.PathLike[str], *, random: bool = True, exact: bool = False, **parts: Any
) -> dict[str, Any]:
    """Give `parts` their state saved at `path`; returns the saved plain values by name.

    Everything is checked before anything changes: a damaged file, a missing part, other classes, names
    or shapes raise one CheckpointError that lists all that is wrong, and the parts stay as they were.
    Parts in the file that were not asked for are left alone, or are errors with `exact`.
    """
    saved = read_checkpoint(path)
    load_parts(path, saved, random, exact, parts)
    return {name: part.state for name, part in saved.items() if part.kind == "value"}


def load_parts(
    path: str | os.PathLike[str], saved: dict[str, Saved], random: bool, exact: bool, parts: dict[str, Any]
) -> None:
    """Give `parts` their state of `saved`, which comes from `path`, as `load_checkpoint` does."""
    before = _get_random()  # to ask a part for its state may draw a seed
    try:
        _check(path, saved, random, exact, parts)
        _load(path, saved, random, parts)
    except CheckpointError:
        _set_random(before)
        raise


def _check(
    path: str | os.PathLike[str], saved: dict[str, Saved], random: bool, exact: bool, parts: dict[str, Any]
) -> None:
    """CheckpointError with everything that keeps `parts` from loading `saved`."""
    wrong = [f"{name}: not in the file" for name in parts if name not in saved]
    for name, part in parts.items():
        if name in saved:
            wrong += problems_of(name, part, saved[name].kind, saved[name].state)
    if exact:
        extra = [name for name, part in saved.items() if name not in parts and part.kind != "value"]
        wrong += [f"{name}: in the file, but none was given" for name in extra if name != "random"]
    if random and "random" not in saved:
        wrong.append("random: not in the file")
    if wrong:
        lines = "\n  ".join(wrong)
        raise CheckpointError(f"{os.fspath(path)} does not fit; nothing was changed:\n  {lines}")


def _load(path: str | os.PathLike[str], saved: dict[str, Saved], random: bool, parts: dict[str, Any]) -> None:
    loads: list[tuple[Callable[[Any], Any], Any, Any]] = [
        (part.load_state_dict, saved[name].state, part.state_dict) for name, part in parts.items()
    ]
    if random:
        loads.append((_set_random, saved["random"].state, _get_random))
    _all_or_nothing(loads, path)


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Saved]:
    """The parts of the checkpoint at `path`, checked against its sum. Raises CheckpointError."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(f"cannot read the checkpoint {os.fspath(path)}: {reason}.") from error
    return parse_checkpoint(data, os.fspath(path))


def parse_checkpoint(data: bytes, where: str) -> dict[str, Saved]:
    """The parts of the checkpoint with these contents, which come from `where`."""
    try:
        arrays, metadata = safetensors.parse(data, where)
    except (DataError, DTypeError) as error:
        raise CheckpointError(f"the checkpoint {error}") from error
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{where} is a safetensors file but not a checkpoint of Rushlight.")
    if metadata.get("version") != str(VERSION):
        version = metadata.get("version")
        raise CheckpointError(f"{where}: checkpoint format {version}; this Rushlight reads format {VERSION}.")
    text = metadata.get("state", "")
    if metadata.get("sum") != _digest(arrays, text):
        raise CheckpointError(f"the checkpoint {where} is damaged: its contents do not match its sum.")
    try:
        tree = parse_json(text)
        return {name: Saved(part["kind"], unpack(part["state"], arrays)) for name, part in tree.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"the checkpoint {where} is damaged: {error!r}.") from error


def _packed(name: str, part: Any, arrays: dict[str, Any]) -> dict[str, Any]:
    if hasattr(part, "state_dict"):
        return {"kind": type(part).__name__, "state": pack(part.state_dict(), arrays, name)}
    return {"kind": "value", "state": pack(part, arrays, name)}


def _all_or_nothing(loads: list[tuple[Callable[[Any], Any], Any, Any]], path: str | os.PathLike[str]) -> None:
    """Run every load; if one fails in spite of the checks, undo those already done."""
    before = [_copied(get()) for _, _, get in loads]
    done = 0
    try:
        for load, state, _ in loads:
            done += 1
            load(state)
    except Exception as error:
        for (load, _, _), old in zip(loads[:done], before, strict=False):
            load(old)
        if struck(error):
            raise
        raise CheckpointError(f"{os.fspath(path)} does not fit; nothing was changed: {error}") from error


def _copied(state: Any) -> Any:
    """A copy that shares no array with `state`."""
    arrays: dict[str, Any] = {}
    tree = pack(state, arrays, "")
    return unpack(tree, {name: array.copy() for name, array in arrays.items()})


def _digest(arrays: Mapping[str, Any], text: str) -> str:
    total = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(arrays):
        array = arrays[name]
        total.update(f"{name}{array.dtype}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _get_random() -> Any:
    from rushlight import get_rng_state

    return get_rng_state()


def _set_random(state: Any) -> None:
    from rushlight import set_rng_state

    set_rng_state(state)
