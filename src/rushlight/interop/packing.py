"""Nested state (dicts, lists, numbers, tensors) as one JSON tree and a flat table of arrays, and back.

State dicts hold tensors at any depth and keys that are integers; JSON holds neither. A tensor becomes
``{"__tensor__": name}``, an array ``{"__array__": name}``, a tuple ``{"__tuple__": [...]}``, and a dict
whose keys are not all strings ``{"__items__": [[key, value], ...]}``. Floats survive exactly: Python
writes the shortest decimal that reads back as the same float.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.errors import CheckpointError

__all__ = ["pack", "unpack"]

MARKS = ("__tensor__", "__array__", "__tuple__", "__items__")


def pack(value: Any, arrays: dict[str, Any], path: str) -> Any:
    """`value` as JSON; its tensors and arrays are entered into `arrays` under names that begin with `path`.

    >>> arrays = {}
    >>> pack({"step": 3, "rates": (0.1, None)}, arrays, "state"), arrays
    ({'step': 3, 'rates': {'__tuple__': [0.1, None]}}, {})
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if hasattr(value, "detach"):
        return _enter("__tensor__", value.detach()._seen(), arrays, path)
    if isinstance(value, np.ndarray | np.generic):
        return _enter("__array__", np.asarray(value), arrays, path)
    if isinstance(value, dict):
        return _pack_dict(value, arrays, path)
    if isinstance(value, list | tuple):
        items = [pack(item, arrays, f"{path}.{i}") for i, item in enumerate(value)]
        return items if isinstance(value, list) else {"__tuple__": items}
    raise CheckpointError(
        f"save_checkpoint: {path} is a {type(value).__name__}, which a checkpoint cannot hold; expected "
        "numbers, strings, tensors, or lists and dicts of them. Leave it out of the state dict."
    )


def _enter(mark: str, array: Any, arrays: dict[str, Any], path: str) -> dict[str, str]:
    while path in arrays:  # {"a.b": x} and {"a": {"b": y}} meet here; the tree keeps the names apart
        path += "'"
    arrays[path] = array
    return {mark: path}


def _pack_dict(value: dict[Any, Any], arrays: dict[str, Any], path: str) -> Any:
    packed = {key: pack(item, arrays, f"{path}.{key}") for key, item in value.items()}
    if all(isinstance(key, str) and key not in MARKS for key in packed):
        return packed
    return {"__items__": [[pack(key, arrays, path), item] for key, item in packed.items()]}


def unpack(tree: Any, arrays: dict[str, Any]) -> Any:
    """The value that `pack` turned into `tree` and `arrays`. Raises KeyError where an array is missing."""
    if isinstance(tree, list):
        return [unpack(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) == 1:
        ((mark, content),) = tree.items()
        if mark == "__tensor__":
            from rushlight import from_numpy

            return from_numpy(arrays[content])
        if mark == "__array__":
            return arrays[content]
        if mark == "__tuple__":
            return tuple(unpack(item, arrays) for item in content)
        if mark == "__items__":
            return {unpack(key, arrays): unpack(item, arrays) for key, item in content}
    return {key: unpack(item, arrays) for key, item in tree.items()}
