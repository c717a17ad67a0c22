"""Weights of a model in a folder, laid out as the Hub has it: one safetensors file, or several with an index.

    model.safetensors
    model-00001-of-00003.safetensors ... and model.safetensors.index.json, which says where each tensor is

Older folders hold `pytorch_model.bin` in the same two forms; they are read, and never written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ArgumentError, DataError, message
from rushlight.interop import safetensors, serialization
from rushlight.interop.files import write_atomically
from rushlight.interop.strict import parse_json

if TYPE_CHECKING:
    from rushlight.nn.module import Module

__all__ = ["load_model", "load_sharded", "save_model", "weights_of"]

WEIGHTS, OLDER, INDEX = "model.safetensors", "pytorch_model.bin", ".index.json"
_SHARD = re.compile(r"model-\d{5,}-of-\d{5,}\.safetensors")
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def save_model(
    model: Module, save_directory: str | os.PathLike[str], *, max_shard_size: int | str = "5GB"
) -> None:
    """Write the `state_dict` of `model` to a folder, in files of at most `max_shard_size` bytes.

    A tensor that stands in the model under several names is written once, under the first of them by the
    alphabet; the file's metadata tell the others. Files of an earlier call that no longer count are removed.
    Raises ArgumentError for a size that is none, and what `save_file` raises.

    >>> import tempfile
    >>> import rushlight as rl
    >>> folder = tempfile.mkdtemp()
    >>> net = rl.nn.Linear(3, 2)
    >>> rl.hub.save_model(net, folder, max_shard_size="24B")
    >>> sorted(os.listdir(folder))[-1]
    'model.safetensors.index.json'
    >>> rl.hub.load_model(rl.nn.Linear(3, 2), folder)
    <All keys matched successfully>
    """
    limit, folder = _bytes(max_shard_size), Path(save_directory)
    tensors, twins = _without_twins(model.state_dict())
    parts = list(_parts(tensors, limit))
    count = len(parts)
    names = [WEIGHTS] if count == 1 else [f"model-{i + 1:05}-of-{count:05}.safetensors" for i in range(count)]
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in zip(names, parts, strict=True):
        safetensors.save_file(part, folder / name, {"format": "pt", **twins})
    if count > 1:
        where = {key: name for name, part in zip(names, parts, strict=True) for key in part}
        total = sum(_size(value) for value in tensors.values())
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(where.items()))}
        write_atomically(folder / (WEIGHTS + INDEX), json.dumps(index, indent=2) + "\n")
    _remove_others(folder, names)


def load_model(model: Module, path: str | os.PathLike[str], *, strict: bool = True) -> Any:
    """Read weights into `model`, from a folder, a file, or the index of several files.

    strict  as of `load_state_dict`, which also says what is missing or unexpected, and refuses other shapes.

    A name that the file lacks is no fault where the model has the same tensor under another one. Weights are
    rounded to the dtypes of the model; bfloat16 ones need no library for that. Raises DataError for damaged
    or missing files.
    """
    own = model.state_dict()
    narrow = any(getattr(value, "dtype", None) == xp.bfloat16 for value in own.values())
    tensors = weights_of(path, widen=not narrow)
    places: dict[Any, str] = {}
    for name, value in own.items():
        if name in tensors and (place := _place(value)):
            places.setdefault(place, name)
    for name, value in own.items():
        if name not in tensors and (place := _place(value)) in places:
            tensors[name] = tensors[places[place]]
    return model.load_state_dict(tensors, strict=strict)


def weights_of(path: str | os.PathLike[str], widen: bool = False) -> dict[str, Any]:
    """The tensors of a file, of an index, or of the folder that holds either.

    widen  bfloat16 becomes float32, which holds the same numbers.

    Raises DataError for a folder without weights and for what is damaged.
    """
    path = Path(path)
    if path.is_dir():
        known = [name + end for name in (WEIGHTS, OLDER) for end in ("", INDEX)]
        found = next((path / name for name in known if (path / name).is_file()), None)
        if found is None:
            raise DataError(f"{path} holds no weights; expected one of {', '.join(known)}.")
        path = found
    if path.name.endswith(INDEX):
        return load_sharded(path, widen)
    return _read(path, widen)


def load_sharded(path: Path, widen: bool = False) -> dict[str, Any]:
    """The tensors of the files that an index names, each where the index has it.

    Raises DataError where the index is none, names a file outside its folder, or says other than its files.
    """
    where = _weight_map(path)
    tensors: dict[str, Any] = {}
    for file in dict.fromkeys(where.values()):
        if not os.path.isfile(path.parent / file):  # False for a name that is too long, too
            raise DataError(f"{path.parent / file} is missing, which {path.name} names. Fetch it, too.")
        held = _read(path.parent / file, widen)
        names = [name for name, place in where.items() if place == file]
        lost = next((name for name in names if name not in held), None)
        if lost is not None:
            raise DataError(f"{path.name} says that {lost!r} is in {file}, where it is not.")
        tensors.update((name, held[name]) for name in names)
    return tensors


def _weight_map(path: Path) -> dict[str, str]:
    try:
        index = parse_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise DataError(f"{path} is damaged, or no index of weights ({error}).") from error
    where = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(where, dict) or not all(isinstance(file, str) for file in where.values()):
        raise DataError(f"{path} is no index of weights: it has no table 'weight_map' of names and files.")
    odd = next((file for file in where.values() if not _plain(file)), None)
    if odd is not None:
        raise DataError(f"{path} names {odd!r}; expected files of its own folder.")
    return where


def _plain(name: str) -> bool:
    return bool(re.fullmatch(r"[^/\\:\0]+\.(safetensors|bin)", name)) and not name.startswith(".")


def _read(path: Path, widen: bool) -> dict[str, Any]:
    if path.suffix == ".bin":
        held = serialization.load(path)
        if not isinstance(held, Mapping):
            raise DataError(f"{path} holds a {type(held).__name__}; expected tensors by name.")
        return dict(held)
    return safetensors.load_file(path, widen=widen)


def _without_twins(tensors: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The tensors, each once, in the order of the model; and for each name left out the one that stays."""
    stays: dict[Any, str] = {}
    for name in sorted(tensors):
        if place := _place(tensors[name]):
            stays.setdefault(place, name)
    twins = {name: stays.get(_place(value), name) for name, value in tensors.items()}
    kept = {name: value for name, value in tensors.items() if twins[name] == name}
    return kept, {name: other for name, other in twins.items() if name != other}


def _place(value: Any) -> tuple[Any, ...]:
    """Tells tensors that are the same numbers in memory; empty for what has none."""
    if not isinstance(value, Tensor) or value.numel() == 0:
        return ()
    return value.data_ptr(), value.dtype, tuple(value.shape), value.stride()


def _parts(tensors: Mapping[str, Any], limit: int) -> Iterator[dict[str, Any]]:
    """The tensors in their order, as many at once as the limit allows, and one at least."""
    part: dict[str, Any] = {}
    full = 0
    for name, value in tensors.items():
        if part and full + _size(value) > limit:
            yield part
            part, full = {}, 0
        part[name] = value
        full += _size(value)
    yield part


def _size(value: Any) -> int:
    return value.numel() * value.dtype.itemsize if isinstance(value, Tensor) else 0


def _bytes(size: int | str) -> int:
    match = re.fullmatch(r"(\d+) *([KMGT]?)B?", str(size).upper())
    if match is None or not int(match[1]):
        raise ArgumentError(message("max_shard_size", repr(size), "a number of bytes, or text such as '5GB'"))
    return int(match[1]) * _UNITS[match[2] and match[2] + "B"]


def _remove_others(folder: Path, names: list[str]) -> None:
    """Remove the weights of an earlier save: they would be read in the place of these."""
    kept = {*names, WEIGHTS + INDEX} if len(names) > 1 else set(names)
    for file in folder.iterdir():
        ours = file.name in (WEIGHTS, WEIGHTS + INDEX) or _SHARD.fullmatch(file.name)
        if ours and file.name not in kept:
            file.unlink()
