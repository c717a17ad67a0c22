"""A graph of a file as a list of steps that Python runs: each calls a function of the table of readers."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import rushlight as rl
from rushlight.core.atomic import struck
from rushlight.core.state import state, untraced
from rushlight.errors import DataError, NotSupportedError, message
from rushlight.onnx.dtypes import dtype_of
from rushlight.onnx.readers import Reader, find
from rushlight.optional import load

__all__ = ["Program", "Reading", "sequences", "tensor_of", "types_of"]

Values = dict[str, Any]
PASSED_OVER = ("consumed_inputs",)
"""Attributes of old operator sets that say nothing about the result."""
SHAPES = ("Shape", "Size", "Constant")
"""Operators whose result the shapes of their inputs say."""


@dataclass(slots=True)
class Step:
    """One node: ``outputs = function(*inputs, **attrs)``.

    bodies  attributes that are graphs, which see what is known where they stand.
    early   whether it is computed at once while a compiled function is traced: shapes and what follows from
            them are numbers there.
    last    the values that no later step reads.
    """

    label: str
    reader: Reader
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: dict[str, Any]
    bodies: dict[str, Program]
    early: bool = False
    last: tuple[str, ...] = ()

    def run(self, values: Values) -> None:
        """Compute the outputs among the values."""
        given = [values[name] if name else None for name in self.inputs]
        attrs = self.attrs
        if self.bodies:
            attrs = {**attrs, **{n: functools.partial(b.within, values) for n, b in self.bodies.items()}}
        try:
            found = self.reader.function(*given, **attrs)
        except NotImplementedError as error:
            if isinstance(error, NotSupportedError):
                raise
            raise NotSupportedError(message(self.label, "an operator", "one that is here")) from None
        except Exception as error:
            error.add_note(f"while computing {self.label} of an ONNX model")
            raise
        results = found if isinstance(found, tuple) else (found,)
        values.update((name, out) for name, out in zip(self.outputs, results, strict=False) if name)


@dataclass(slots=True)
class Program:
    """The steps of a graph, in their order."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)
    constants: Values = field(default_factory=dict)

    def __call__(self, values: Values) -> tuple[Any, ...]:
        """The outputs, from the values of all inputs, which are added to."""
        values.update(self.constants)
        tracing = state.tracing
        for step in self.steps:
            if step.early and tracing:
                with untraced():
                    step.run(values)
            else:
                step.run(values)
            for name in step.last:
                values.pop(name, None)
        return tuple(values.get(name) for name in self.outputs)

    def within(self, around: Mapping[str, Any], *given: Any) -> tuple[Any, ...]:
        """The outputs of a graph that sees the values around it."""
        return self({**around, **dict(zip(self.inputs, given, strict=False))})

    def settle(self, early: set[str], kept: Iterable[str]) -> None:
        """Note what is computed early, and what nobody reads later."""
        early |= set(self.constants)
        needed = {*self.outputs, *kept}
        for step in self.steps:
            of_shapes = step.label.split()[0] in SHAPES
            read = [n for n in step.inputs if n]
            step.early = not step.bodies and not step.reader.random and (of_shapes or (
                bool(read) and all(n in early for n in read)
            ))  # fmt: skip
            if step.early:
                early.update(step.outputs)
        for step in reversed(self.steps):
            read_here = {n for n in step.inputs if n} | {n for b in step.bodies.values() for n in b.reads()}
            step.last = tuple(n for n in (*read_here, *step.outputs) if n and n not in needed)
            needed |= read_here

    def reads(self) -> set[str]:
        """All names that the steps read, of whatever graph."""
        found = set(self.outputs)
        for step in self.steps:
            found.update(step.inputs)
            for body in step.bodies.values():
                found |= body.reads()
        return found


class Reading:
    """Makes programs of the graphs of one model.

    versions   of the operator sets, by their domains.
    functions  the model's own functions, by (domain, name).
    types      what is known of the types of values, by their names.
    """

    def __init__(self, versions: dict[str, int], functions: Any = (), types: Any = None) -> None:
        self.versions = {**versions, "": versions.get("", versions.get("ai.onnx", 1))}
        self.functions = {(f.domain, f.name): f for f in functions}
        self.types = dict(types or {})
        self.missing: dict[str, str] = {}

    def program(self, graph: Any, initial: Values | None = None) -> Program:
        """The program of a GraphProto; `initial` are its initialisers where they are kept elsewhere."""
        constants = {t.name: tensor_of(t) for t in graph.initializer} if initial is None else {}
        if graph.sparse_initializer:
            raise NotSupportedError(message("onnx.load", "a sparse initialiser", "dense ones"))
        names = tuple(v.name for v in graph.input if v.name not in (initial or {}))
        made = Program(names, tuple(v.name for v in graph.output), constants=constants)
        made.steps = [self.step(node, {}) for node in graph.node]
        return made

    def step(self, node: Any, given: Mapping[str, Any]) -> Step:
        """A node; `given` are the attributes of the function that it stands in."""
        domain = "" if node.domain == "ai.onnx" else node.domain
        attrs: dict[str, Any] = {}
        bodies: dict[str, Program] = {}
        for a in node.attribute:
            if a.ref_attr_name and a.ref_attr_name not in given:
                continue
            value = given[a.ref_attr_name] if a.ref_attr_name else self._value(a)
            (bodies if isinstance(value, Program) else attrs)[a.name] = value
        label = f"{node.op_type} {node.name!r}" if node.name else node.op_type
        reader = None
        if (domain, node.op_type) not in self.functions:
            reader = find(domain, node.op_type, self.versions.get(domain, 1))
        if reader is None:
            reader = self._by_function(domain, node, attrs, bodies)
            attrs, bodies = {}, {}
        else:
            attrs = {name: value for name, value in attrs.items() if name not in PASSED_OVER}
            if unknown := reader.unknown((*attrs, *bodies)):
                got = f"{label} with {', '.join(unknown)}"
                raise NotSupportedError(message("onnx.load", got, "attributes that are known here"))
            if reader.counts:
                attrs["outputs"] = len(node.output)
        return Step(label, reader, tuple(node.input), tuple(node.output), attrs, bodies)

    def _value(self, a: Any) -> Any:
        proto = load("onnx", "rushlight.onnx")
        kind = a.type
        if kind == proto.AttributeProto.TENSOR:
            return tensor_of(a.t)
        if kind == proto.AttributeProto.GRAPH:
            return self.program(a.g)
        if kind == proto.AttributeProto.TYPE_PROTO:
            return a.tp
        if kind not in (1, 2, 3, 6, 7, 8):
            raise NotSupportedError(
                message("onnx.load", f"an attribute {a.name!r} of kind {kind}", "another")
            )
        value = proto.helper.get_attribute_value(a)
        if kind == proto.AttributeProto.STRING:
            return value.decode()
        if kind == proto.AttributeProto.STRINGS:
            return [text.decode() for text in value]
        return list(value) if kind in (6, 7) else value

    def _by_function(
        self, domain: str, node: Any, attrs: dict[str, Any], bodies: dict[str, Program]
    ) -> Reader:
        """What computes a node by other operators: as the model or the standard defines it."""
        function, given = self.functions.get((domain, node.op_type)), {**attrs, **bodies}
        if function is None:
            function, defaults = self._standard(domain, node)
            given = {**defaults, **given}
        else:
            given = {**{a.name: self._value(a) for a in function.attribute_proto}, **given}
        if function is None:
            self.missing[f"{domain or 'ai.onnx'}.{node.op_type}"] = node.name
            return Reader(1, _absent)
        inner = Reading({o.domain: o.version for o in function.opset_import} or self.versions)
        inner.functions, inner.missing = self.functions, self.missing
        inner.types = {
            name: self.types[outer]
            for name, outer in zip(function.input, node.input, strict=False)
            if outer in self.types
        }
        program = Program(tuple(function.input), tuple(function.output))
        program.steps = [inner.step(n, given) for n in function.node]
        program.settle(set(), ())
        random = any(step.reader.random for step in program.steps)
        return Reader(1, functools.partial(_call, program), random=random)

    def _standard(self, domain: str, node: Any) -> tuple[Any, dict[str, Any]]:
        """The standard's definition of an operator, and the defaults of its attributes; or None."""
        proto = load("onnx", "rushlight.onnx")
        version = self.versions.get(domain, 1)
        try:
            schema = proto.defs.get_schema(node.op_type, version, domain)
        except Exception:
            return None, {}
        defaults = {
            name: self._value(a.default_value)
            for name, a in schema.attributes.items()
            if a.default_value.name
        }
        if schema.has_function:
            return schema.function_body, defaults
        if not schema.has_context_dependent_function:
            return None, {}
        types = [self.types.get(name, proto.TypeProto()).SerializeToString() for name in node.input]
        text = schema.get_context_dependent_function(node.SerializeToString(), types)
        return proto.FunctionProto.FromString(text), defaults


def _call(program: Program, *given: Any) -> tuple[Any, ...]:
    padded = [*given, *[None] * (len(program.inputs) - len(given))]
    return program(dict(zip(program.inputs, padded, strict=False)))


def _absent(*given: Any, **how: Any) -> Any:
    raise NotImplementedError


def tensor_of(proto: Any) -> rl.Tensor:
    """A TensorProto as a Tensor; raises DTypeError for a type that there is not, DataError for a damaged
    one."""
    dtype = dtype_of(proto.data_type)
    onnx = load("onnx", "rushlight.onnx")
    try:
        array = onnx.numpy_helper.to_array(proto)
    except Exception as error:
        if struck(error):
            raise
        got = f"the tensor {proto.name!r}, whose data do not fit its shape {list(proto.dims)}"
        raise DataError(message("onnx.load", got, "a whole one", str(error))) from None
    return rl.tensor(array, dtype=dtype)


def types_of(graph: Any) -> dict[str, Any]:
    """The types that a graph declares, by the names of values."""
    found = {v.name: v.type for v in (*graph.input, *graph.value_info, *graph.output)}
    onnx = load("onnx", "rushlight.onnx")
    for t in graph.initializer:
        found[t.name] = onnx.helper.make_tensor_type_proto(t.data_type, list(t.dims))
    return found


def sequences(values: Sequence[Any]) -> Any:
    """One value as it is, several as a tuple."""
    return values[0] if len(values) == 1 else tuple(values)
