"""A captured graph as a ModelProto: which nodes are written, and the names, types and weights around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import rushlight as rl
from rushlight.compile.graph import Node, Value
from rushlight.errors import ArgumentError, NotSupportedError, message
from rushlight.onnx import patterns
from rushlight.onnx.calls import check_names
from rushlight.onnx.external import inferred
from rushlight.onnx.loading import BUFFERS, PRODUCER
from rushlight.onnx.tracing import Captured
from rushlight.onnx.writer import Fused, GraphWriter
from rushlight.onnx.writers import WRITERS

__all__ = ["assembled"]


def assembled(
    model: Any, captured: Captured, version: int, names: list[str], outputs: Any, axes: Any, as_inputs: bool
) -> Any:
    """The ModelProto."""
    w = GraphWriter(captured, version, {name: places[0] for name, places in axes.items()})
    state = _state(model)
    graph = captured.graph
    for value, name in zip(graph.inputs, names, strict=False):
        w.named(value, name)
    constants: dict[int, Any] = {}
    for value, tensor in list(zip(graph.inputs, captured.lifted, strict=True))[captured.count :]:
        known = state.get(id(tensor.array))
        constants[id(value)] = (tensor, known)
        if known is None and id(value) not in captured.ranges and id(value) not in captured.states:
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
        w.named(node.out, w.constant(constant, constant.dtype))
        return
    write: Callable[[GraphWriter, Node], str] | None = (
        WRITERS.get(node.op.name) if found is None else found.write
    )
    if write is None:
        remedy = "Leave that part out, or write it with other operations."
        got = f"the operation {node.op.name!r} in {w.scope}"
        raise NotSupportedError(message("onnx.export", got, "one that ONNX has a counterpart of", remedy))
    name = write(w, node)
    w.named(node.out, name)
    if name not in w.initializers:
        w.types[name] = w.type_of(node.out, name)


def _state_or_constant(w: GraphWriter, value: Value, tensor: rl.Tensor, name: str | None) -> None:
    w.enter(())
    if name is not None:
        w.named(value, w.initializer(name, tensor.array))
    elif id(value) in w.captured.ranges:
        w.named(value, w.range(value, w.captured.ranges[id(value)]))
    else:
        w.named(value, w.constant(tensor.array, tensor.array.dtype))


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
    taken = {*inputs, *w.initializers}
    check_names("output_names", names[: len(given or ())], taken)
    for k in range(len(given or ()), len(names)):
        while names[k] in taken or names[k] in names[:k]:
            names[k] += "_"
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
    helper = w.onnx.helper
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
    return inferred(model)
