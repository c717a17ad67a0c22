"""`rl.onnx.load`: a file of ONNX as a module that runs, trains and compiles."""

from __future__ import annotations

import os
from typing import Any

import rushlight as rl
from rushlight import nn
from rushlight.core.atomic import struck
from rushlight.errors import ArgumentError, DataError, DTypeError, NotSupportedError, RushlightError, message
from rushlight.interop.strict import parse_json
from rushlight.onnx.external import inferred, read_beside
from rushlight.onnx.program import Reading, sequences, tensor_of, types_of
from rushlight.optional import load as load_package

__all__ = ["OnnxModule", "load"]

BUFFERS = "rushlight.buffers"
"""Where in a model's properties `export` writes which initialisers are not trained."""
PRODUCER = "rushlight"

NOT_TRAINED = {
    "BatchNormalization": (3, 4), "Clip": (1, 2), "Dropout": (1, 2), "OneHot": (1, 2), "Pad": (1, 2),
    "Pow": (1,), "Resize": (1, 2, 3), "Upsample": (1,), "QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2),
    "RNN": (5,), "GRU": (5,), "LSTM": (5, 6), "QLinearConv": (1, 4, 6), "QLinearMatMul": (1, 4, 6),
    "Range": (0, 1, 2), "Equal": (0, 1), "Greater": (0, 1), "Less": (0, 1),
}  # fmt: skip
"""The inputs of operators at which a float initialiser is no weight."""


class OnnxModule(nn.Module):
    """A model of ONNX: ``module(*inputs)`` gives its output, or a tuple of several; made by `load`.

    Initialisers are parameters and buffers under their names. The graph does what the file says, in training
    as in evaluation: a Dropout that a file was exported without does not come back.

    input_names, output_names   as in the file.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.input_names: list[str] = []
        self.output_names: list[str] = []
        self._paths: dict[str, str] = {}
        object.__setattr__(self, "_program", None)  # so that no initialiser takes the name
        graph = model.graph
        reading = Reading({o.domain: o.version for o in model.opset_import}, model.functions, types_of(graph))
        names = {t.name for t in graph.initializer}
        program = reading.program(graph, dict.fromkeys(names))
        _refuse(reading.missing)
        trained = _trained(model)
        early = set()
        for t in graph.initializer:
            tensor = tensor_of(t)
            weight = t.name in trained and tensor.dtype.kind == "f"
            self._paths[t.name] = _enter(self, t.name, tensor, weight)
            if tensor.dtype.kind in "iu" and tensor.ndim < 2:  # sizes, axes and the like
                early.add(t.name)
        program.settle(early, names)
        object.__setattr__(self, "_program", program)
        self.input_names, self.output_names = list(program.inputs), list(program.outputs)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        values = dict(zip(self.input_names, inputs, strict=False))
        values.update(named)
        if len(inputs) > len(self.input_names) or set(values) != set(self.input_names):
            got = f"{len(inputs)} inputs" + (f" and {', '.join(named)}" if named else "")
            raise ArgumentError(message("OnnxModule", got, f"the inputs {', '.join(self.input_names)}"))
        for name, path in self._paths.items():
            owner: Any = self
            *folders, last = path.split(".")
            for folder in folders:
                owner = getattr(owner, folder)
            values[name] = getattr(owner, last)
        return sequences(self._program(values))

    def extra_repr(self) -> str:
        return f"{', '.join(self.input_names)} -> {', '.join(self.output_names)}"


class Weights(nn.Module):
    """Initialisers whose names begin alike."""

    def extra_repr(self) -> str:
        held = {**self._parameters, **self._buffers}
        return ", ".join(f"{name} {tuple(t.shape)}" for name, t in held.items())


def _enter(root: nn.Module, name: str, tensor: rl.Tensor, weight: bool) -> str:
    """Register an initialiser under its name, dots making a tree, or another where that is taken; gives the
    path."""
    path = name
    while not _is_free(root, path):
        path = path.replace(".", "_") + "_"
    *folders, last = path.split(".")
    owner: Any = root
    for folder in folders:
        if folder not in owner._modules:
            owner.add_module(folder, Weights())
        owner = owner._modules[folder]
    if weight:
        owner.register_parameter(last, rl.nn.Parameter(tensor))
    else:
        owner.register_buffer(last, tensor)
    return path


def _is_free(root: nn.Module, path: str) -> bool:
    """Whether a path leads through modules of our own to a name that nothing has."""
    *folders, last = path.split(".")
    owner: Any = root
    for folder in folders:
        child = owner._modules.get(folder)
        if not folder or (child is None and hasattr(owner, folder)):
            return False
        owner = Weights() if child is None else child
    return bool(last) and isinstance(owner, Weights | OnnxModule) and not hasattr(owner, last)


def _refuse(missing: dict[str, str]) -> None:
    if missing:
        listed = ", ".join(f"{op} (node {node!r})" if node else op for op, node in missing.items())
        raise NotSupportedError(
            message("onnx.load", f"operators that are not here: {listed}", "ops of rushlight.onnx.readers")
        )


def _trained(model: Any) -> set[str]:
    """The names of the initialisers that are weights: those that the exporter says; else floats with axes,
    used where operators have weights."""
    properties = {p.key: p.value for p in model.metadata_props}
    names = {t.name for t in model.graph.initializer}
    if model.producer_name == PRODUCER and BUFFERS in properties:
        return names - set(parse_json(properties[BUFFERS]))
    found = {t.name for t in model.graph.initializer if t.dims}
    for node in model.graph.node:
        for place in NOT_TRAINED.get(node.op_type, ()):
            if place < len(node.input):
                found.discard(node.input[place])
    return found


def load(f: Any) -> OnnxModule:
    """The model in an ONNX file as a Module.

    f   a path, the bytes of a file, a file, or an ``onnx.ModelProto``. Weights in other files are read from
        the folder of a path, and from nowhere else.

    Float initialisers that are weights become parameters, others buffers, under their names (dots make
    submodules). The module runs, gives gradients, compiles, and has a `state_dict`.

    Raises DataError for a file that is damaged or no ONNX, NotSupportedError for operators that are not here,
    naming them and their nodes, DTypeError for tensors of types that are not here.
    """
    onnx = load_package("onnx", "rushlight.onnx")
    if isinstance(f, onnx.ModelProto):
        model, name = f, "the model"
        read_beside(model, None, name)
    else:
        name = (
            "the bytes given" if isinstance(f, (bytes, bytearray, memoryview)) else str(getattr(f, "name", f))
        )
        model = _parsed(onnx, f, name)
    try:
        if not model.graph.node and not model.graph.output:
            raise ValueError("it has no graph")
        model = inferred(model)
    except Exception as error:
        if struck(error):
            raise
        reason = str(error).strip().split("\n")[0]
        raise DataError(message("onnx.load", f"{name}, which is no sound model ({reason})", "ONNX")) from None
    try:
        return OnnxModule(model)
    except RushlightError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        got = f"{name}, which cannot be read ({type(error).__name__}: {error})"
        raise DataError(message("onnx.load", got, "a sound model")) from error


def _parsed(onnx: Any, f: Any, name: str) -> Any:
    """The ModelProto in a file or in bytes."""
    if not isinstance(f, (str, os.PathLike, bytes, bytearray, memoryview)) and not hasattr(f, "read"):
        got = f"a {type(f).__name__}"
        raise DTypeError(message("onnx.load", got, "a path, bytes, a file or a ModelProto"))
    try:
        if isinstance(f, (str, os.PathLike)):
            model, path = onnx.load(os.fspath(f), load_external_data=False), os.fspath(f)
        else:
            model, path = onnx.load_model_from_string(bytes(f) if not hasattr(f, "read") else f.read()), None
        read_beside(model, path, name)
        return model
    except (FileNotFoundError, DataError):
        raise
    except Exception as error:
        if struck(error):
            raise
        reason = str(error).strip().split("\n")[0]
        raise DataError(
            message("onnx.load", f"{name}, which is damaged ({reason})", "a file of ONNX")
        ) from None
