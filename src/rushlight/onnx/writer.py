"""Writes a captured graph as a graph of ONNX: what the functions of the table of writers work with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import rushlight as rl
from rushlight.compile.graph import Node, Value
from rushlight.core.apply import apply
from rushlight.core.tensor import wrap
from rushlight.errors import DTypeError, NotSupportedError, message
from rushlight.onnx.dtypes import TYPES, number_of
from rushlight.onnx.sizes import Dim
from rushlight.onnx.tracing import Captured
from rushlight.optional import load

__all__ = ["Fused", "GraphWriter"]

SMALL = 4096
"""Elements of a constant that may be computed while a model is written, whatever it follows from."""


@dataclass(frozen=True, slots=True)
class Fused:
    """Several nodes that are written as one: what they read, and the function that writes them."""

    reads: tuple[Value, ...]
    write: Callable[[GraphWriter, Node], str]


class GraphWriter:
    """The nodes, initialisers and types of a graph that is being written.

    version  of the operator set.
    """

    def __init__(self, captured: Captured, version: int, axes: dict[str, tuple[int, int]]) -> None:
        self.onnx = load("onnx", "rushlight.onnx")
        self.captured, self.version, self.axes = captured, version, axes
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.types: dict[str, Any] = {}
        self.names: dict[int, str] = {}
        self.made = {id(node.out): node for node in captured.graph.nodes}
        self.constants: dict[int, Any] = {}
        self._cache: dict[Any, str] = {}
        self._taken: set[str] = set()
        self._scope = ""
        self._axis_names: dict[str, str] = {}
        self.written: dict[int, Any] = {}
        self.outputs: list[Any] = []
        self._sizes: dict[tuple[int, ...], tuple[str, int]] = {}
        self._uses: Counter[int] | None = None

    # What writers ask

    def shape(self, value: Value) -> tuple[int, ...]:
        """The sizes of a value; a Dim is one that follows a dynamic axis."""
        return self.captured.shapes[id(value)]

    def source(self, value: Any, *ops: str) -> Node | None:
        """The node that makes a value, if it is one of these operations."""
        node = self.made.get(id(value))
        return node if node is not None and node.op.name in ops else None

    def uses(self, value: Value) -> int:
        """How often the graph reads a value; its results are read, too."""
        if self._uses is None:
            graph = self.captured.graph
            self._uses = Counter(id(v) for node in graph.nodes for v in node.values())
            self._uses.update(map(id, graph.outputs))
        return self._uses[id(value)]

    def array(self, value: Any) -> Any:
        """The numbers of a value that is a constant; None of another."""
        return self.constants.get(id(value))

    def fold(self) -> None:
        """Compute what follows from constants alone, unless it is much larger than they."""
        for node in self.captured.graph.nodes:
            arrays = [self.constants.get(id(v)) if isinstance(v, Value) else v for v in node.inputs]
            if not any(isinstance(v, Value) for v in node.inputs) or any(a is None for a in arrays):
                continue
            most = max(getattr(a, "size", 1) for a in arrays)
            if _follows((node.attrs, node.inputs)) or node.out.spec.size > max(most, SMALL):
                continue
            given = [wrap(a) if hasattr(a, "size") else a for a in arrays]
            self.constants[id(node.out)] = apply(node.op, *given, **node.attrs).array

    def name(self, value: Any, dtype: Any = None) -> str:
        """The name of a value, or of a number as a constant of a dtype."""
        if isinstance(value, Value):
            return self.names[id(value)]
        if isinstance(value, Dim):
            size = self.add("Squeeze", self.size(value), self.ints([0]))
            return self.cast(size, dtype)
        return self.constant(value, dtype)

    def operands(self, node: Node) -> list[str]:
        """The names of a node's inputs; numbers have the dtype of the tensors beside them."""
        dtypes = [v.spec.dtype for v in node.inputs[node.op.first :] if isinstance(v, Value)]
        dtype = dtypes[0] if dtypes else node.out.spec.dtype
        return [self.name(v, dtype) for v in node.inputs]

    # What they write

    def add(self, op: str, *inputs: str | None, outputs: int = 1, domain: str = "", **attrs: Any) -> Any:
        """Append a node; gives the name of its output, or of several a list."""
        for key, value in attrs.items():
            for n in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(n, Dim):
                    got = f"{op} whose {key} follows a dynamic axis ({n.text}), in {self.scope}"
                    raise NotSupportedError(message("onnx.export", got, "a fixed number", "Fix the axis."))
        name = self._fresh(f"{self._scope}/{op}")
        found = [f"{name}_output_{k}" for k in range(outputs)]
        attrs = {k: list(v) if isinstance(v, tuple) else v for k, v in attrs.items() if v is not None}
        made = self.onnx.helper.make_node(op, [i or "" for i in inputs], found, name, domain=domain, **attrs)
        self.nodes.append(made)
        return found[0] if outputs == 1 else found

    def constant(self, value: Any, dtype: Any) -> str:
        """A constant, of numbers in lists or of an array."""
        array = np.asarray(value, dtype=dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._cache:
            tensor = self.tensor(array, "")
            self._cache[key] = self.add("Constant", value=tensor)
        return self._cache[key]

    def ints(self, values: Iterable[int]) -> str:
        """Whole numbers that stand in a file, such as axes."""
        return self.constant([int(v) for v in values], np.int64)

    def sizes(self, values: Sequence[int], free: bool = False) -> str:
        """Sizes as a tensor: computed where some follow dynamic axes; `free` if one may be -1."""
        open_ = [k for k, n in enumerate(values) if isinstance(n, Dim)]
        if not open_:
            return self.ints(values)
        one = open_[-1]
        if free:  # what is left; of several the one that there is no other way to
            one = next((k for k in open_ if not self._is_known(values[k])), one)
            if len(open_) == 1:
                return self.ints([-1 if k == one else int(n) for k, n in enumerate(values)])
        parts = [
            self.ints([-1]) if free and k == one else self.size(n) if isinstance(n, Dim) else self.ints([n])
            for k, n in enumerate(values)
        ]
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=0)

    def size(self, dim: Dim) -> str:
        """A size that follows dynamic axes, as a tensor of one number."""
        key = ("size", dim.values)
        if key not in self._cache and dim.values in self._sizes:
            name, axis = self._sizes[dim.values]
            self._cache[key] = self.add("Shape", name, start=axis, end=axis + 1)
        if not self._is_known(dim):
            got = f"a size ({int(dim)} in the example) that follows dynamic axes in no simple way"
            raise NotSupportedError(
                message("onnx.export", got, "a multiple or a sum of sizes", "Fix the axis.")
            )
        if key not in self._cache:
            self._cache[key] = self._product(dim) if dim.factor is not None else self._sum(dim)
        return self._cache[key]

    def _is_known(self, n: int) -> bool:
        """Whether a size can be computed, or read off a tensor."""
        return not isinstance(n, Dim) or n.text is not None or n.values in self._sizes

    def named(self, value: Value, name: str) -> None:
        """A value is there now, under a name: its sizes may be asked for."""
        self.names[id(value)] = name
        for axis, n in enumerate(self.shape(value)):
            if isinstance(n, Dim):
                self._sizes.setdefault(n.values, (name, axis))

    def _product(self, dim: Dim) -> str:
        assert dim.factor is not None
        found = None
        for name, power in dim.powers.items():
            for _ in range(power):
                axis = self._axis(name)
                found = axis if found is None else self.add("Mul", found, axis)
        assert found is not None
        if dim.factor.numerator != 1:
            found = self.add("Mul", found, self.ints([dim.factor.numerator]))
        return (
            found
            if dim.factor.denominator == 1
            else self.add("Div", found, self.ints([dim.factor.denominator]))
        )

    def _sum(self, dim: Dim) -> str:
        found = None
        for name, share in dim.shares.items():
            part = self._axis(name)
            part = part if share == 1 else self.add("Mul", part, self.ints([share]))
            found = part if found is None else self.add("Add", found, part)
        assert found is not None
        return self.add("Add", found, self.ints([dim.rest])) if dim.rest else found

    def _axis(self, name: str) -> str:
        if name not in self._axis_names:
            place, axis = self.axes[name]
            given = self.names[id(self.captured.graph.inputs[place])]
            self._axis_names[name] = self.add("Shape", given, start=axis, end=axis + 1)
        return self._axis_names[name]

    def cast(self, name: str, dtype: Any) -> str:
        """Another dtype."""
        return self.add("Cast", name, to=number_of(dtype))

    def reshape(self, name: str, shape: Sequence[int]) -> str:
        """Another shape."""
        return self.add("Reshape", name, self.sizes(shape, free=True))

    def permute(self, name: str, order: Sequence[int]) -> str:
        """The axes in another order."""
        return name if list(order) == sorted(order) else self.add("Transpose", name, perm=list(order))

    # The whole

    def tensor(self, array: Any, name: str) -> Any:
        """An array as a TensorProto."""
        number = self._number(array.dtype, name)
        bytes_ = np.ascontiguousarray(array).tobytes()
        made = self.onnx.TensorProto(data_type=number, dims=array.shape, raw_data=bytes_)
        made.name = name
        return made

    def _number(self, dtype: Any, name: str) -> int:
        if not any(dtype == d for d in TYPES.values()):
            raise DTypeError(message("onnx.export", f"{name or 'a tensor'} of {dtype}", "a type of ONNX"))
        return number_of(dtype)

    def type_of(self, value: Value, name: str) -> Any:
        """The ValueInfoProto of a value under a name."""
        sizes = [(n.text if n.text else None) if isinstance(n, Dim) else int(n) for n in self.shape(value)]
        return self.onnx.helper.make_tensor_value_info(name, self._number(value.spec.dtype, name), sizes)

    def _fresh(self, name: str) -> str:
        found, k = name, 0
        while found in self._taken:
            k += 1
            found = f"{name}_{k}"
        self._taken.add(found)
        return found

    def enter(self, scope: tuple[str, ...]) -> None:
        """Nodes that follow stand in this module."""
        parts = [re.sub(r" \(.*\)$", "", name) for name in scope[1:]]
        self._scope = "".join(f"/{p.replace('.', '/')}" for p in parts)

    @property
    def scope(self) -> str:
        """The module that is being written, in words."""
        return self._scope or "the model"

    def initializer(self, name: str, array: Any) -> str:
        """A weight or another tensor of the module under its name."""
        self.initializers[name] = self.tensor(array, name)
        return name

    def range(self, value: Value, dim: int) -> str:
        """0, 1, ... up to a size that follows dynamic axes."""
        assert isinstance(dim, Dim)
        limit = self.add("Squeeze", self.size(dim), self.ints([0]))
        found = self.add("Range", self.constant(0, np.int64), limit, self.constant(1, np.int64))
        return found if value.spec.dtype == rl.int64 else self.cast(found, value.spec.dtype)


def _follows(value: Any) -> bool:
    """Whether a Dim is anywhere in attributes."""
    if isinstance(value, dict):
        value = tuple(value.values())
    return isinstance(value, Dim) or (isinstance(value, (tuple, list)) and any(map(_follows, value)))
