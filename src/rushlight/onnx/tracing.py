"""A module's graph for export: traced with composite operations whole, for several sizes of dynamic axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import rushlight as rl
from rushlight.compile.capture.placeholder import TraceError
from rushlight.compile.capture.results import tensors_of
from rushlight.compile.capture.trace import Trace, Traced, trace
from rushlight.compile.graph import Graph, Node, Value
from rushlight.core.anomaly import warn
from rushlight.core.op import Op
from rushlight.core.state import state
from rushlight.errors import NotSupportedError, RushlightError, message
from rushlight.onnx.sizes import Runs, merged

__all__ = ["Axes", "Captured", "capture"]

Axes = dict[str, list[tuple[int, int]]]
"""For each dynamic axis's name the places (input, axis) that have its size."""
RECURRENT = ("lstm", "gru", "rnn")
DRAWS = ("philox", "philox_advance")
IN_PARTS = ("pad", "index_add", "fold")
"""Operations that have a form of their own only where they are no composition."""


@dataclass(slots=True)
class Captured:
    """A traced function.

    lifted   the tensors behind the graph's inputs, in their order; the first `count` are the arguments.
    shapes   of values, by id, with a Dim for each size that follows a dynamic axis.
    scopes   for each node, by id, the names of the modules that it stands in, outermost first.
    ranges   inputs of the graph, by id, that are 0, 1, ... up to a dynamic size.
    states   those that are states of random generators.
    """

    graph: Graph
    lifted: list[rl.Tensor]
    count: int
    shapes: dict[int, tuple[int, ...]]
    scopes: dict[int, tuple[str, ...]]
    ranges: dict[int, int]

    @property
    def states(self) -> set[int]:
        return {id(v) for node in self.graph.nodes if node.op.name in DRAWS for v in node.values()}


class _Tracer(Trace):
    """Keeps whole what has a writer, and notes in which module each node stands."""

    def __init__(self, kept: Any) -> None:
        super().__init__(whole=True)
        self.kept = kept
        self.scopes: dict[int, tuple[str, ...]] = {}

    def run(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        self.whole = op.name in self.kept and op.name not in IN_PARTS
        before = len(self.graph.nodes)
        out = super().run(op, inputs, attrs)
        for node in self.graph.nodes[before:]:
            self.scopes.setdefault(id(node), state.modules)
        return out


def capture(call: Callable[..., Any], tensors: list[rl.Tensor], axes: Axes, kept: Any) -> Captured:
    """The graph of `call(*tensors)`, with the operations of `kept` whole."""
    if not axes:
        traced, scopes = _traced(call, tensors, kept)
        graph = traced.graph
        shapes = {id(v): tuple(v.spec.shape) for v in _values(graph)}
        return Captured(graph, traced.lifted, len(tensors), shapes, scopes, {})
    return _dynamic(call, tensors, axes, kept)


def _traced(call: Callable[..., Any], tensors: list[rl.Tensor], kept: Any) -> tuple[Traced, dict[int, Any]]:
    tracer = _Tracer(kept)
    before = state.origin
    state.origin = _nowhere  # modules tell their names while somebody asks where nodes come from
    try:
        with rl.no_grad():
            traced = trace(lambda *given: tensors_of(call(*given)), tensors, tracer=tracer)
    except TraceError as error:
        text = str(error).replace("compile: ", "onnx.export: ", 1)
        raise NotSupportedError(text) from None
    finally:
        state.origin = before
    _check_updates(traced, len(tensors))
    _keep_needed(traced.graph)
    return traced, tracer.scopes


def _check_updates(traced: Traced, count: int) -> None:
    """A file keeps nothing from one call to the next. Raises NotSupportedError where results depend on what
    an earlier call wrote; what is only written, as the means of BatchNorm in training, is warned of."""
    graph = traced.graph
    drawn = {id(node.out) for node in graph.nodes if node.op.name in DRAWS}
    needed = {id(v) for v in graph.outputs} - drawn
    for node in reversed(graph.nodes):
        if id(node.out) in needed:
            reads = node.inputs[1:] if node.op.name == "copy" else node.inputs  # it writes over the first
            needed.update(id(v) for v in reads if id(v) not in drawn and node.op.name not in DRAWS)
    given = {id(v) for v in graph.inputs[:count]}  # what the caller passed may be written, and is his
    written = [v for v, new in graph.updates if id(v) not in given and id(new) not in drawn]
    if any(id(v) in needed for v in written):
        shapes = ", ".join(str(tuple(v.spec.shape)) for v in written if id(v) in needed)
        got = f"a module whose result depends on what it wrote into its buffers before (shape {shapes})"
        remedy = "Export it in evaluation, which is the default of training."
        raise NotSupportedError(message("onnx.export", got, "one that only computes", remedy))
    if written:
        warn("onnx.export: the file does not update the module's buffers, as the module does in training.")


def _keep_needed(graph: Graph) -> None:
    """Leave out what no result follows from: it may be another thing for each size."""
    needed, kept = {id(v) for v in graph.outputs}, []
    for node in reversed(graph.nodes):
        if id(node.out) in needed:
            needed.update(id(v) for v in node.values())
            kept.append(node)
    graph.nodes = kept[::-1]


def _nowhere() -> None:
    return None


def _values(graph: Graph) -> list[Value]:
    return [*graph.inputs, *(node.out for node in graph.nodes)]


def _dynamic(call: Callable[..., Any], tensors: list[rl.Tensor], axes: Axes, kept: Any) -> Captured:
    """The traces for several sizes, laid over each other."""
    given = {name: tensors[i].shape[d] for name, ((i, d), *_) in axes.items()}
    for name, places in axes.items():
        sizes = {tensors[i].shape[d] for i, d in places}
        if len(sizes) > 1:
            got = f"axes called {name!r} of sizes {sorted(sizes)}"
            raise NotSupportedError(message("onnx.export", got, "one size for one name"))
    first = {name: size if size > 1 else 2 for name, size in given.items()}
    try:
        return _from(call, tensors, axes, kept, first)
    except NotSupportedError:
        # The sizes given may be those of other tensors too, by chance.
        try:
            return _from(call, tensors, axes, kept, {name: 2 * n + 1 for name, n in first.items()})
        except RushlightError:
            pass
        raise


def _from(
    call: Callable[..., Any], tensors: list[rl.Tensor], axes: Axes, kept: Any, first: dict[str, int]
) -> Captured:
    """The traces for these sizes and others."""
    rows, found = [first], [_traced(call, _resized(tensors, axes, first), kept)]
    others: dict[str, list[int]] = {name: [] for name in axes}
    for name in axes:
        size, traced = _another(call, tensors, axes, kept, first, name, others)
        rows.append({**first, name: size})
        found.append(traced)
    last = {name: sizes[-1] for name, sizes in others.items()}
    # All at once, and if the function takes them, sizes that are no multiples of the first.
    finals = ({n: first[n] + last[n] + 1 for n in axes}, {n: 3 * first[n] for n in axes})
    for final in finals:
        try:
            found.append(_traced(call, _resized(tensors, axes, final), kept))
        except RushlightError:
            continue
        rows.append(final)
        break
    else:
        found.append(_traced(call, _resized(tensors, axes, last), kept))
        rows.append(last)
    names = list(axes)
    runs = Runs(names, [tuple(row[n] for n in names) for row in rows])
    return _laid_over([t for t, _ in found], found[0][1], runs, len(tensors))


def _another(
    call: Callable[..., Any], tensors: list[rl.Tensor], axes: Axes, kept: Any, first: dict[str, int],
    name: str, others: dict[str, list[int]],
) -> tuple[int, Any]:  # fmt: skip
    """Another size of one axis for which the function runs, and the trace with it."""
    n, problem = first[name], None
    for size in (2 * n, n + 1, n - 1, n // 2, 3 * n):
        if size < 2 or size == n:
            continue
        try:
            traced = _traced(call, _resized(tensors, axes, {**first, name: size}), kept)
        except RushlightError as error:
            problem = error
            continue
        others[name].append(size)
        return size, traced
    got = f"a function that does not run with other sizes of {name!r} than {n} ({problem})"
    raise NotSupportedError(message("onnx.export", got, "a dynamic axis", "Leave it out of dynamic_axes."))


def _resized(tensors: list[rl.Tensor], axes: Axes, sizes: dict[str, int]) -> list[rl.Tensor]:
    """The arguments with other sizes: their elements again and again, or fewer."""
    made = list(tensors)
    for name, places in axes.items():
        for i, d in places:
            n = made[i].shape[d]
            made[i] = made[i].detach().index_select(d, rl.arange(sizes[name]) % n)
    return made


def _laid_over(traces: list[Traced], scopes: dict[int, Any], runs: Runs, count: int) -> Captured:
    graphs = [t.graph for t in traces]
    names = ", ".join(runs.names)
    if len({tuple(n.op.name for n in g.nodes) for g in graphs}) > 1:
        lengths = sorted({len(g.nodes) for g in graphs})
        got = f"a program that is another one for another size of {names} (of {lengths} operations)"
        raise NotSupportedError(message("onnx.export", got, "the same operations", "Leave the axis out."))
    graph = Graph(inputs=graphs[0].inputs, outputs=graphs[0].outputs)
    shapes: dict[int, tuple[int, ...]] = {}
    ranges: dict[int, int] = {}
    for column in zip(*(_values(g) for g in graphs), strict=True):
        where = f"a tensor {column[0]}"
        shapes[id(column[0])] = merged([tuple(v.spec.shape) for v in column], runs, where)
    for k, column in enumerate(zip(*(t.lifted for t in traces), strict=True)):
        if k >= count:
            _constant(column, graph.inputs[k], runs, shapes, ranges)
    for nodes in zip(*(g.nodes for g in graphs), strict=True):
        node = nodes[0]
        place = " in ".join([node.op.name, ".".join(_plain(scopes.get(id(node), ())))]).removesuffix(" in ")
        attrs = {k: merged([_settled(n)[k] for n in nodes], runs, f"{place}: {k}") for k in _settled(node)}
        inputs = tuple(
            column[0] if isinstance(column[0], Value) else merged(column, runs, f"{place}: a number")
            for column in zip(*(n.inputs for n in nodes), strict=True)
        )
        new = Node(node.op, inputs, attrs, node.out)
        scopes[id(new)] = scopes.get(id(node), ())
        graph.nodes.append(new)
    return Captured(graph, traces[0].lifted, count, shapes, scopes, ranges)


def _plain(scope: tuple[str, ...]) -> list[str]:
    return [name.split(" ")[0] for name in scope[1:]]


def _settled(node: Node) -> dict[str, Any]:
    """The attributes; of recurrent operations the number of steps and the batch in the place of all sizes."""
    sizes = node.attrs.get("sizes")
    if node.op.name not in RECURRENT or not sizes or len(set(sizes)) > 1:
        return node.attrs
    rest = {k: v for k, v in node.attrs.items() if k != "sizes"}
    return {**rest, "steps": len(sizes), "count": sizes[0]}


def _constant(
    column: tuple[rl.Tensor, ...], value: Value, runs: Runs, shapes: dict[int, Any], ranges: dict[int, int]
) -> None:
    """A tensor that the function reads: it has to be the same for all sizes, or count up to one of them."""
    first = column[0]
    if all(t.array is first.array for t in column):
        return
    arrays = [t.array for t in column]
    if all(a.shape == arrays[0].shape and (a == arrays[0]).all() for a in arrays):
        return
    for k, a in enumerate(arrays):
        if a.ndim != 1 or a.dtype.kind != "i" or not (a == rl.arange(a.shape[0]).array).all():
            got = f"a tensor of numbers that are others for another size of {', '.join(runs.names)}"
            remedy = "Compute it from the input with operations, or leave the axis out."
            raise NotSupportedError(message("onnx.export", f"{got} (trace {k})", "fixed ones", remedy))
    ranges[id(value)] = shapes[id(value)][0]
