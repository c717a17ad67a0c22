"""`rl.onnx.export`: a module as a model of ONNX."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Mapping, Sequence
from typing import Any

import rushlight as rl
from rushlight.compile.capture.arguments import flatten
from rushlight.compile.capture.results import tensors_of
from rushlight.core.random import fork_rng
from rushlight.errors import ArgumentError, DTypeError, message, unexpected
from rushlight.onnx.assembling import assembled
from rushlight.onnx.calls import Mode, TrainingMode, dynamic, names_of_inputs
from rushlight.onnx.external import save
from rushlight.onnx.loading import load
from rushlight.onnx.tracing import capture
from rushlight.onnx.writers import WRITERS
from rushlight.optional import load as load_package

__all__ = ["ONNXProgram", "TrainingMode", "export"]

OLDEST, USUAL = 18, 20
"""The oldest operator set that is written, and the one that is if none is asked for."""
CHOICES = (
    "operator_export_type", "do_constant_folding", "custom_opsets", "export_modules_as_functions",
    "autograd_inlining", "fallback",
)  # fmt: skip
"""Options of PyTorch's that choose within its exporter."""
NAMES = ("input_names", "output_names")


class ONNXProgram:
    """What `export` gives: ``model_proto`` is the model; called, it computes as the file would.

    >>> import rushlight as rl
    >>> program = rl.onnx.export(rl.nn.Linear(3, 2), rl.ones(1, 3))
    >>> [node.op_type for node in program.model_proto.graph.node]
    ['Gemm']
    >>> program(rl.ones(1, 3)).shape
    Size([1, 2])
    """

    def __init__(self, model_proto: Any) -> None:
        self.model_proto = model_proto
        self._module: Any = None

    def save(self, destination: Any, *, external_data: bool | None = None, **others: Any) -> None:
        """Write the model to a path, whole or not at all, or into a file.

        external_data   whether its weights go into a file of their own, ``destination`` + ".data"; None: if
                        they have more than 2 GB, which a file of ONNX cannot hold.
        """
        if not hasattr(destination, "write"):
            save(self.model_proto, os.fspath(destination), external_data)
        elif external_data:
            raise ArgumentError(message("ONNXProgram.save", "external_data=True and a file", "a path"))
        else:
            destination.write(self.model_proto.SerializeToString())

    def __call__(self, *inputs: Any) -> Any:
        if self._module is None:
            self._module = load(self.model_proto)
        return self._module(*inputs)

    def __repr__(self) -> str:
        graph = self.model_proto.graph
        named = [", ".join(v.name for v in side) for side in (graph.input, graph.output)]
        return f"ONNXProgram({len(graph.node)} nodes: {named[0]} -> {named[1]})"


def export(
    model: Any,
    args: Any = (),
    f: Any = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    verbose: bool | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamo: bool = True,
    external_data: bool = True,
    dynamic_shapes: Any = None,
    custom_translation_table: Any = None,
    report: bool = False,
    optimize: bool = True,
    verify: bool = False,
    profile: bool = False,
    dump_exported_program: bool = False,
    artifacts_dir: Any = ".",
    export_params: bool = True,
    keep_initializers_as_inputs: bool = False,
    dynamic_axes: Mapping[str, Any] | None = None,
    training: int = TrainingMode.EVAL,
    **others: Any,
) -> ONNXProgram:
    """The module as a model of ONNX, written to `f` if that is a path or a file.

    args, kwargs        what the module is called with; the tensors in them are the model's inputs.
    input_names, output_names   by default the names of `forward`'s parameters, and "output".
    opset_version       18 or newer; 20 by default.
    dynamic_axes        ``{input: {axis: name}}`` or ``{input: [axis, ...]}``: axes of any size. Those of
                        outputs follow.
    dynamic_shapes      the same in PyTorch's newer form: by parameters, or a tuple in their order.
    training            a TrainingMode: EVAL by default.
    external_data       whether weights of more than 2 GB may go into a file of their own, `f` + ".data".
    verify              computes the example with the model that was written, and compares.

    The module is traced: what Python decides is fixed. With dynamic axes it is traced with several sizes, and
    the numbers that follow them are computed in the model. Parameters and buffers keep their names, and each
    node has that of its module. Other options of PyTorch's choose within its exporter, and change nothing.

    Random draws, such as those of Dropout in training, become draws of the engine that runs the file. Updates
    in place of what the function made, or was given, are values; buffers that it writes are not kept.

    Raises NotSupportedError, naming the operation and its module, where ONNX has no counterpart, where the
    result depends on buffers that an earlier call wrote, and where an axis cannot be dynamic; ArgumentError
    for names that are none.

    >>> import rushlight as rl
    >>> net = rl.nn.Sequential(rl.nn.Linear(2, 3), rl.nn.Tanh())
    >>> program = rl.onnx.export(net, rl.ones(1, 2), dynamic_axes={"input": {0: "batch"}})
    >>> program
    ONNXProgram(2 nodes: input -> output)
    >>> program(rl.ones(5, 2)).shape
    Size([5, 3])
    """
    del verbose, dynamo, custom_translation_table, report, optimize, profile
    del dump_exported_program, artifacts_dir
    for name in set(others) - set(CHOICES):
        raise unexpected("export", name, inspect.signature(export).parameters)
    version = _version(opset_version)
    args = args if isinstance(args, tuple) else tuple(args) if isinstance(args, list) else (args,)
    _check_kinds(model, f, kwargs, dynamic_axes, input_names, output_names)
    flat = flatten(args, kwargs or {})
    _check_call(model, args, kwargs or {}, flat.tensors)
    names = names_of_inputs(model, args, kwargs or {}, flat.tensors, input_names)
    axes = dynamic(names, flat.tensors, dynamic_axes, dynamic_shapes, output_names)

    def call(*tensors: rl.Tensor) -> Any:
        given, options = flat.rebuild(tensors, ())
        return model(*given, **options)

    with Mode(model, training):
        captured = capture(call, flat.tensors, axes, WRITERS)
    proto = assembled(model, captured, version, names, output_names, axes, keep_initializers_as_inputs)
    if not export_params:
        del proto.graph.initializer[:]
    program = ONNXProgram(proto)
    if verify:
        _verify(program, call, flat.tensors, model, training, random=bool(captured.states))
    if f is not None:
        program.save(f, external_data=None if external_data else False)
    return program


def _version(asked: Any) -> int:
    """The operator set that is asked for. Raises ArgumentError for one that cannot be written."""
    newest = load_package("onnx", "rushlight.onnx").defs.onnx_opset_version()
    version = USUAL if asked is None else asked
    if type(version) is not int or not OLDEST <= version <= newest:
        expected = f"a number from {OLDEST} to {newest}"
        raise ArgumentError(message("onnx.export", f"opset_version={asked!r}", expected))
    return version


def _check_kinds(model: Any, f: Any, kwargs: Any, axes: Any, *names: Any) -> None:
    """DTypeError for arguments of another kind than `export` takes."""
    lists = tuple(
        (option, value, list | tuple, "a list of words") for option, value in zip(NAMES, names, strict=True)
    )
    for option, value, kind, expected in (
        ("kwargs", kwargs, Mapping, "a dict"),
        ("dynamic_axes", axes, Mapping, "a dict, such as {'input': {0: 'batch'}}"),
        *lists,
    ):
        if value is not None and not isinstance(value, kind):
            raise DTypeError(message("onnx.export", f"{option}={value!r:.60}", expected))
    if f is not None and not isinstance(f, str | os.PathLike) and not hasattr(f, "write"):
        raise DTypeError(message("onnx.export", f"f={f!r:.60}", "a path or a file"))
    if not callable(model):
        raise DTypeError(message("onnx.export", f"a {type(model).__name__}", "a Module or a function"))


def _check_call(model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], tensors: Sequence[Any]) -> None:
    """DTypeError for arguments without a tensor, or others than the model takes."""
    if (args or kwargs) and not tensors:
        got = " and ".join(f"a {type(a).__name__}" for a in (*args, *kwargs.values()))
        expected = "args with a tensor: one, or a tuple of all that the module is called with"
        raise DTypeError(message("onnx.export", f"args with {got}", expected, "rl.tensor() converts arrays."))
    with contextlib.suppress(ValueError):  # it has no signature
        signature = inspect.signature(getattr(model, "forward", model))
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            got = f"{len(args)} args" + (f" and {', '.join(kwargs)}" if kwargs else "") + f" ({error})"
            raise DTypeError(
                message("onnx.export", got, f"those that {type(model).__name__} takes, {signature}")
            ) from None


def _verify(
    program: ONNXProgram, call: Any, tensors: list[Any], model: Any, training: int, random: bool
) -> None:
    """DTypeError where the model gives something else; of random numbers, other shapes or dtypes."""
    with Mode(model, training), rl.no_grad(), fork_rng():
        expected = tensors_of(call(*[t.clone() for t in tensors]))
        found = tensors_of(program(*tensors))
    for a, b in zip(found, expected, strict=True):
        same = a.dtype == b.dtype and a.shape == b.shape
        if not same or not (random or rl.allclose(a.double(), b.double(), 1e-3, 1e-5, True)):
            raise DTypeError(
                message("onnx.export", "a model that computes something else", "the same numbers")
            )
