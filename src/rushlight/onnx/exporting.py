"""`rl.onnx.export`: a module as a model of ONNX."""

from __future__ import annotations

import enum
import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import rushlight as rl
from rushlight.compile.capture.arguments import flatten
from rushlight.compile.graph import Node, Value
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, message
from rushlight.onnx import patterns
from rushlight.onnx.loading import BUFFERS, PRODUCER, OnnxModule, load
from rushlight.onnx.tracing import Captured, capture
from rushlight.onnx.writer import Fused, GraphWriter
from rushlight.onnx.writers import WRITERS
from rushlight.optional import load as load_package

__all__ = ["ONNXProgram", "TrainingMode", "export"]

OLDEST, USUAL = 18, 20
"""The oldest operator set that is written, and the one that is if none is asked for."""


class TrainingMode(enum.IntEnum):
    """In which mode a module is exported."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


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

    def save(self, destination: Any, **others: Any) -> None:
        """Write the model to a path, whole or not at all, or into a file."""
        data = self.model_proto.SerializeToString()
        if hasattr(destination, "write"):
            destination.write(data)
            return
        from rushlight.interop.files import write_atomically

        write_atomically(os.fspath(destination), data)

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
    verify              computes the example with the model that was written, and compares.

    The module is traced: what Python decides is fixed. With dynamic axes it is traced with several sizes, and
    the numbers that follow them are computed in the model. Parameters and buffers keep their names, and each
    node has that of its module. Other options of PyTorch's choose within its exporter, and change nothing.

    Raises NotSupportedError, naming the operation and its module, where ONNX has no counterpart, where the
    module changes its buffers or draws random numbers, and where an axis cannot be dynamic; ArgumentError for
    names that are none.

    >>> import rushlight as rl
    >>> net = rl.nn.Sequential(rl.nn.Linear(2, 3), rl.nn.Tanh())
    >>> program = rl.onnx.export(net, rl.ones(1, 2), dynamic_axes={"input": {0: "batch"}})
    >>> program
    ONNXProgram(2 nodes: input -> output)
    >>> program(rl.ones(5, 2)).shape
    Size([5, 3])
    """
    del verbose, dynamo, external_data, custom_translation_table, report, optimize, profile
    del dump_exported_program, artifacts_dir, others
    version = USUAL if opset_version is None else int(opset_version)
    onnx = load_package("onnx", "rushlight.onnx")
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST <= version <= newest:
        got = f"opset_version={opset_version}"
        raise ArgumentError(message("onnx.export", got, f"a number from {OLDEST} to {newest}"))
    args = args if isinstance(args, tuple) else tuple(args) if isinstance(args, list) else (args,)
    flat = flatten(args, kwargs or {})
    names = _input_names(model, args, kwargs or {}, flat.tensors, input_names)
    axes = _axes(names, flat.tensors, dynamic_axes, dynamic_shapes, output_names)

    def call(*tensors: rl.Tensor) -> Any:
        given, options = flat.rebuild(tensors, ())
        return model(*given, **options)

    with _Mode(model, training):
        captured = capture(call, flat.tensors, axes, WRITERS)
    proto = _written(model, captured, version, names, output_names, axes, keep_initializers_as_inputs)
    if not export_params:
        del proto.graph.initializer[:]
    program = ONNXProgram(proto)
    if verify:
        _verify(program, call, flat.tensors, model, training)
    if f is not None:
        program.save(f)
    return program


class _Mode:
    """The module in training or evaluation, and afterwards as it was."""

    def __init__(self, model: Any, training: int) -> None:
        self._modules = list(model.modules()) if hasattr(model, "modules") else []
        self._model, self._training = model, int(training)
        self._before = [m.training for m in self._modules]

    def __enter__(self) -> None:
        if self._modules and self._training != TrainingMode.PRESERVE:
            self._model.train(self._training == TrainingMode.TRAINING)

    def __exit__(self, *error: object) -> None:
        for module, mode in zip(self._modules, self._before, strict=True):
            module.training = mode


def _input_names(
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
    found[: len(given or ())] = list(given or ())
    if len(set(found)) != len(found):
        raise ArgumentError(message("onnx.export", f"input names {found}", "names that differ"))
    return found


def _axes(
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
            message("onnx.export", got, f"of the inputs {', '.join(names)}", "See input_names.")
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


def _written(
    model: Any, captured: Captured, version: int, names: list[str], outputs: Any, axes: Any, as_inputs: bool
) -> Any:
    """The ModelProto."""
    w = GraphWriter(captured, version, {name: places[0] for name, places in axes.items()})
    state = _state(model)
    graph = captured.graph
    for value, name in zip(graph.inputs, names, strict=False):
        w.names[id(value)] = name
    constants: dict[int, Any] = {}
    for value, tensor in list(zip(graph.inputs, captured.lifted, strict=True))[captured.count :]:
        known = state.get(id(tensor.array))
        constants[id(value)] = (tensor, known)
        if known is None and id(value) not in captured.ranges:
            w.constants[id(value)] = tensor.array
    w.fold()
    needed, fused = _plan(w, graph.nodes, graph.outputs)
    for value in graph.inputs[captured.count :]:
        if id(value) in needed:
            _state_or_constant(w, value, *constants[id(value)])
    for node in graph.nodes:
        if id(node.out) in needed:
            _write_node(w, node, fused.get(id(node)))
    order = [*model.state_dict()] if hasattr(model, "state_dict") else []
    first = [name for name in order if name in w.initializers]
    w.initializers = {name: w.initializers[name] for name in dict.fromkeys([*first, *w.initializers])}
    _name_outputs(w, graph.outputs, outputs)
    return _model(w, names, as_inputs, [n for n, (_, trained) in _named(model).items() if not trained])


def _plan(w: GraphWriter, nodes: list[Node], outputs: Iterable[Value]) -> tuple[set[int], dict[int, Fused]]:
    """Which values are written, from the outputs back, and which nodes together with others."""
    needed = {id(v) for v in outputs}
    fused: dict[int, Fused] = {}
    for node in reversed(nodes):
        if id(node.out) not in needed or w.array(node.out) is not None:
            continue
        found = patterns.find(w, node)
        if found is not None:
            fused[id(node)] = found
        reads = node.values() if found is None else iter(found.reads)
        needed.update(id(v) for v in reads)
    return needed, fused


def _write_node(w: GraphWriter, node: Node, found: Fused | None) -> None:
    w.enter(w.captured.scopes.get(id(node), ()))
    constant = w.array(node.out)
    if constant is not None:
        w.names[id(node.out)] = w.constant(constant, constant.dtype)
        return
    write: Callable[[GraphWriter, Node], str] | None = (
        WRITERS.get(node.op.name) if found is None else found.write
    )
    if write is None:
        remedy = "Leave that part out, or write it with other operations."
        got = f"the operation {node.op.name!r} in {w.scope}"
        raise NotSupportedError(message("onnx.export", got, "one that ONNX has a counterpart of", remedy))
    name = write(w, node)
    w.names[id(node.out)] = name
    if name not in w.initializers:
        w.types[name] = w.type_of(node.out, name)


def _state_or_constant(w: GraphWriter, value: Value, tensor: rl.Tensor, name: str | None) -> None:
    w.enter(())
    if name is not None:
        w.names[id(value)] = w.initializer(name, tensor.array)
    elif id(value) in w.captured.ranges:
        w.names[id(value)] = w.range(value, w.captured.ranges[id(value)])
    else:
        w.names[id(value)] = w.constant(tensor.array, tensor.array.dtype)


def _named(model: Any) -> dict[str, tuple[Any, bool]]:
    """Parameters and buffers by their names, and whether they are trained."""
    if not hasattr(model, "named_parameters"):
        return {}
    found = {name: (t, False) for name, t in model.named_buffers()}
    return {**found, **{name: (t, True) for name, t in model.named_parameters()}}


def _state(model: Any) -> dict[int, str]:
    """The names of the module's tensors by their arrays."""
    return {id(t.array): name for name, (t, _) in _named(model).items()}


def _name_outputs(w: GraphWriter, outputs: Sequence[Value], given: Sequence[str] | None) -> None:
    """Give the results the names that the model's outputs are to have."""
    usual = ["output"] if len(outputs) == 1 else [f"output_{k}" for k in range(len(outputs))]
    names = [*(given or ()), *usual[len(given or ()) :]]
    if len(names) > len(outputs):
        got = f"{len(names)} output_names for {len(outputs)} results"
        raise ArgumentError(message("onnx.export", got, "at most one for each"))
    inputs = {w.names[id(v)] for v in w.captured.graph.inputs if id(v) in w.names}
    done: dict[str, str] = {}
    w.enter(())
    w.outputs = []
    for value, wanted in zip(outputs, names, strict=True):
        now = w.names[id(value)]
        if (
            now in done
            or now in inputs
            or now in w.initializers
            or any(now in n.output for n in w.nodes if n.op_type == "Constant")
        ):
            now = w.add("Identity", now)
        done[now] = wanted
        w.outputs.append(w.type_of(value, wanted))
    for node in w.nodes:
        for side in (node.input, node.output):
            for k, name in enumerate(side):
                if name in done:
                    side[k] = done[name]
    w.types = {name: t for name, t in w.types.items() if name not in done}


def _model(w: GraphWriter, names: list[str], as_inputs: bool, buffers: list[str]) -> Any:
    """The ModelProto, with the types of all values, checked."""
    helper, onnx = w.onnx.helper, w.onnx
    graph = w.captured.graph
    inputs = [w.type_of(v, name) for v, name in zip(graph.inputs, names, strict=False)]
    made = {name for node in w.nodes for name in node.output}
    types = [t for name, t in w.types.items() if name in made]
    if as_inputs:
        inputs += [
            helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in w.initializers.values()
        ]
    proto = helper.make_graph(
        w.nodes, "main_graph", inputs, w.outputs, [*w.initializers.values()], value_info=types
    )
    opset = helper.make_opsetid("", w.version)
    model = helper.make_model(
        proto, opset_imports=[opset], producer_name=PRODUCER, producer_version=rl.__version__
    )
    model.ir_version = helper.find_min_ir_version_for([opset])
    helper.set_model_props(model, {BUFFERS: json.dumps([n for n in buffers if n in w.initializers])})
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model)
    return model


def _verify(program: ONNXProgram, call: Any, tensors: list[Any], model: Any, training: int) -> None:
    from rushlight.compile.capture.results import tensors_of

    with _Mode(model, training), rl.no_grad():
        expected = tensors_of(call(*tensors))
        found = tensors_of(program(*tensors))
    for a, b in zip(found, expected, strict=True):
        if a.dtype != b.dtype or not rl.allclose(a.double(), b.double(), 1e-3, 1e-5, True):
            raise DTypeError(
                message("onnx.export", "a model that computes something else", "the same numbers")
            )
