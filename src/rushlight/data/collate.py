"""How samples become a batch: `default_collate`, and `default_convert` where there are no batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from rushlight.core.spec import default
from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import DataError, DTypeError, message

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack samples into a batch, as PyTorch does: tensors and arrays gain a first axis, numbers become a
    tensor (int64, float64, bool), tuples, lists and dicts are stacked field by field, tuples into a list.
    Strings stay as they are.

    Raises DataError when the samples do not match each other, DTypeError for what cannot be stacked.

    >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
    {'x': tensor([1, 2]), 'name': ['a', 'b']}
    >>> default_collate([(1, 0.5), (2, 1.5)])
    [tensor([1, 2]), tensor([0.5000, 1.5000], dtype=rushlight.float64)]
    """
    first = batch[0]
    if isinstance(first, Tensor | np.ndarray | np.generic | bool | int | float) and not isinstance(
        first, str
    ):
        return _stack(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        try:
            return _like(first, {key: default_collate([s[key] for s in batch]) for key in first})
        except KeyError as error:
            raise DataError(
                message("collate", f"a sample without {error}", "the same fields always")
            ) from None
    if isinstance(first, Sequence):
        if any(len(s) != len(first) for s in batch):
            got = f"samples of {sorted({len(s) for s in batch})} fields"
            remedy = "Make __getitem__ return the same fields always."
            raise DataError(message("collate", got, "equally many", remedy))
        return _sequence_like(first, [default_collate(field) for field in zip(*batch, strict=True)])
    raise _unstackable(first)


def default_convert(data: Any) -> Any:
    """The arrays in one sample as tensors; everything else as it is, but tuples as lists.

    >>> import numpy as np
    >>> default_convert({"x": np.array([1, 2]), "name": "a"})
    {'x': tensor([1, 2]), 'name': 'a'}
    """
    if isinstance(data, np.ndarray | np.generic) and data.dtype.kind in "biuf":
        return wrap(np.asarray(data))
    if isinstance(data, Tensor | str | bytes):
        return data
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence):
        return _sequence_like(data, [default_convert(item) for item in data])
    return data


def _like(first: Mapping[Any, Any], fields: dict[Any, Any]) -> Any:
    """A mapping of the kind of `first`, or a dict where that cannot be made of fields."""
    try:
        if isinstance(first, MutableMapping):
            clone = copy.copy(first)
            clone.update(fields)
            return clone
        return type(first)(fields)  # type: ignore[call-arg]
    except TypeError:
        return fields


def _sequence_like(first: Sequence[Any], fields: list[Any]) -> Any:
    """A sequence of the kind of `first`; of a tuple a list, as in PyTorch, unless its fields have names."""
    if isinstance(first, tuple):
        return type(first)(*fields) if hasattr(first, "_fields") else fields
    if type(first) is list:
        return fields
    try:
        if isinstance(first, MutableSequence):
            clone = copy.copy(first)
            for i, field in enumerate(fields):
                clone[i] = field
            return clone
        make: Callable[[list[Any]], Any] = type(first)
        return make(fields)
    except TypeError:
        return fields


def _unstackable(sample: Any) -> DTypeError:
    kind = f"an array of {sample.dtype}" if isinstance(sample, np.ndarray) else f"a {type(sample).__name__}"
    remedy = "Return tensors, arrays or numbers from __getitem__, or pass a collate_fn."
    return DTypeError(message("collate", kind, "something that stacks", remedy))


def _stack(samples: Sequence[Any]) -> Tensor:
    first = samples[0]
    if isinstance(first, Tensor) and any(isinstance(s, Tensor) and s.requires_grad for s in samples):
        from rushlight.ops.join import stack

        return stack(list(samples))
    arrays = [s.array if isinstance(s, Tensor) else np.asarray(s) for s in samples]
    for sample, array in zip(samples, arrays, strict=True):
        if array.dtype.kind not in "biuf":
            raise _unstackable(sample)
    shapes = {a.shape for a in arrays}
    if len(shapes) > 1:
        listed = ", ".join(str(s) for s in sorted(shapes))
        remedy = "Pad them, or pass a collate_fn."
        raise DataError(message("collate", f"samples of shapes {listed}", "one shape", remedy))
    stacked = np.stack(arrays)
    if stacked.dtype.kind == "f" and isinstance(first, int):  # whole numbers first, then others: as rl.tensor
        stacked = stacked.astype(default.dtype)
    return wrap(stacked)
