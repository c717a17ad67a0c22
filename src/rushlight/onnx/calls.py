"""How a module is called while it is exported: its mode, its inputs' names, the axes that are dynamic."""

from __future__ import annotations

import enum
import inspect
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rushlight.compile.capture.arguments import flatten
from rushlight.errors import ArgumentError, message
from rushlight.onnx.loading import OnnxModule

__all__ = ["Mode", "TrainingMode", "check_names", "dynamic", "is_in_onnx_export", "names_of_inputs"]


class TrainingMode(enum.IntEnum):
    """In which mode a module is exported."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class _Now(threading.local):
    """How many exports run in this thread."""

    count = 0


_now = _Now()


def is_in_onnx_export() -> bool:
    """Whether a module is being traced for export: what it does only then may ask.

    >>> is_in_onnx_export()
    False
    """
    return _now.count > 0


class Mode:
    """The module in training or evaluation while it is exported, and afterwards as it was."""

    def __init__(self, model: Any, training: int) -> None:
        self._modules = list(model.modules()) if hasattr(model, "modules") else []
        self._model, self._training = model, int(training)
        self._before = [m.training for m in self._modules]

    def __enter__(self) -> None:
        _now.count += 1
        if self._modules and self._training != TrainingMode.PRESERVE:
            self._model.train(self._training == TrainingMode.TRAINING)

    def __exit__(self, *error: object) -> None:
        _now.count -= 1
        for module, mode in zip(self._modules, self._before, strict=True):
            module.training = mode


def names_of_inputs(
    model: Any, args: Sequence[Any], kwargs: Mapping[str, Any], tensors: Sequence[Any], given: Any
) -> list[str]:
    """One name for each tensor: those given, then those of the parameters that take them."""
    if given is not None and len(given) > len(tensors):
        got = f"{len(given)} input_names for {len(tensors)} tensors"
        raise ArgumentError(message("onnx.export", got, "at most one for each"))
    function = getattr(model, "forward", model)
    try:
        bound = dict(inspect.signature(function).bind_partial(*args).arguments)
    except (TypeError, ValueError):
        bound = {}
    bound.update(sorted(kwargs.items()))  # the order in which they are flattened
    found: list[str] = []
    for name, value in bound.items():
        several = flatten((value,), {}).tensors
        found += (
            [name]
            if len(several) == 1 and several[0] is value
            else [f"{name}_{k}" for k in range(len(several))]
        )
    if isinstance(model, OnnxModule) and len(args) == len(model.input_names):
        found = list(model.input_names)
    if len(found) != len(tensors):
        found = [f"input_{k}" for k in range(len(tensors))]
    asked = [*(given or ())]
    taken = _weights_of(model)
    found[: len(asked)] = asked
    for k in range(len(asked), len(found)):
        while found[k] in taken:  # a weight has the name of a parameter of `forward`
            found[k] += "_"
    if len(set(found)) != len(found):
        raise ArgumentError(message("onnx.export", f"input names {found}", "names that differ"))
    check_names("input_names", asked, taken)
    return found


def _weights_of(model: Any) -> set[str]:
    """The names of the module's parameters and buffers, which they keep."""
    if not hasattr(model, "named_parameters"):
        return set()
    return {name for pairs in (model.named_parameters(), model.named_buffers()) for name, _ in pairs}


def check_names(option: str, names: Sequence[Any], taken: Collection[str]) -> None:
    """Raise ArgumentError for names that cannot be given, for others have them."""
    for k, name in enumerate(names):
        if not isinstance(name, str) or not name:
            raise ArgumentError(message("onnx.export", f"{option} with {name!r}", "words"))
        if name in taken or name in names[:k]:
            got = f"{name!r} in {option}, which is another's name, too"
            raise ArgumentError(message("onnx.export", got, "names that differ"))


def dynamic(
    names: list[str], tensors: Sequence[Any], dynamic_axes: Any, dynamic_shapes: Any, outputs: Any
) -> dict[str, list[tuple[int, int]]]:
    """For each dynamic axis's name where it stands."""
    wanted = dict(dynamic_axes or {})
    if dynamic_shapes is not None:
        rows = (
            dynamic_shapes.items()
            if isinstance(dynamic_shapes, Mapping)
            else zip(names, dynamic_shapes, strict=False)
        )
        wanted.update((name, row) for name, row in rows if row)
    unknown = set(wanted) - set(names) - set(outputs or ("output",)) - {f"output_{k}" for k in range(99)}
    if unknown:
        got = f"dynamic axes of {', '.join(map(repr, sorted(unknown)))}"
        raise ArgumentError(
            message("onnx.export", got, f"inputs {', '.join(names)} or outputs", "See input_names.")
        )
    found: dict[str, list[tuple[int, int]]] = {}
    for i, name in enumerate(names):
        row = wanted.get(name) or {}
        if not isinstance(row, Mapping):
            row = (
                {d: f"{name}_dynamic_axes_{k}" if isinstance(d, int) else d for k, d in enumerate(row, 1)}
                if all(isinstance(d, int) for d in row)
                else {d: v for d, v in enumerate(row) if v is not None}
            )
        for axis, text in row.items():
            rank = tensors[i].ndim
            if not -rank <= axis < rank:
                got = f"axis {axis} of {name!r} of shape {tuple(tensors[i].shape)}"
                raise ArgumentError(message("onnx.export", got, "an axis that it has"))
            label = text if isinstance(text, str) else getattr(text, "__name__", f"{name}_{axis}")
            found.setdefault(label, []).append((i, axis % rank))
    return found
