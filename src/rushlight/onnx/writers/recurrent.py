"""RNN, GRU and LSTM: each direction of a layer is one node, with the product of the inputs before it."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.compile.graph import Node, Value
from rushlight.errors import NotSupportedError, message
from rushlight.onnx.sizes import in_each
from rushlight.onnx.writer import Fused, GraphWriter
from rushlight.onnx.writers.table import writes

__all__ = ["fused_recurrent", "fused_states"]

ORDERS = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}
"""The blocks of the weights, one for each gate, in ONNX's order: input, output, forget, new; update, reset,
new."""


@writes("lstm", "gru", "rnn")
def alone(w: GraphWriter, node: Node) -> str:
    got = f"a recurrent layer ({node.op.name}) in a form that is not ONNX's, in {w.scope}"
    expected = "sequences of one length, and of an LSTM the cells after the last step"
    raise NotSupportedError(message("onnx.export", got, expected, "Pad packed sequences."))


def _parts(w: GraphWriter, node: Node) -> tuple[Value, ...] | None:
    """What an operation reads, with the product that made its gates seen through; None where it has no form
    of ONNX's."""
    pre, *rest = node.inputs
    product = w.source(pre, "linear")
    if product is None or not _steps(node) or not all(isinstance(v, Value) for v in node.inputs):
        return None
    return (*product.inputs, *rest)


def _steps(node: Node) -> tuple[int, int] | None:
    """How many steps there are, and sequences."""
    if "steps" in node.attrs:
        return node.attrs["steps"], node.attrs["count"]
    sizes = node.attrs["sizes"]
    return (len(sizes), sizes[0]) if sizes and len(set(sizes)) == 1 else None


def fused_recurrent(w: GraphWriter, node: Node) -> Fused | None:
    """A GRU or an RNN: its states after every step."""
    parts = _parts(w, node) if node.op.name != "lstm" else None
    if parts is None:
        return None
    return Fused(parts, lambda w, _: _rows(w, _layer(w, node)[0], node))


def fused_states(w: GraphWriter, node: Node) -> Fused | None:
    """Slices of what an operation gives: an LSTM's states or cells, and those of any after the last step."""
    pattern, (x,) = node.attrs["pattern"], node.inputs
    op = w.source(x, "lstm")
    if op is not None and pattern in ((0,), (1,)):
        steps = _steps(op)
        if pattern == (0,):
            return _fused(w, op, lambda w, _: _rows(w, _layer(w, op)[0], op))
        return (
            _fused(w, op, lambda w, _: _last(w, _layer(w, op)[2])) if steps and int(steps[0]) == 1 else None
        )
    op, place = w.source(x, "gru", "rnn"), 1
    states = w.source(x, "slice")
    if op is None and states is not None and states.attrs["pattern"] in ((0,), (1,)):
        op, place = w.source(states.inputs[0], "lstm"), 1 + states.attrs["pattern"][0]
    steps = None if op is None else _steps(op)
    if op is None or steps is None or not _is_end(pattern, steps, op.attrs["reverse"]):
        return None
    made = op
    return _fused(w, op, lambda w, _: _last(w, _layer(w, made)[place]))


def _fused(w: GraphWriter, op: Node, write: Any) -> Fused | None:
    parts = _parts(w, op)
    return None if parts is None else Fused(parts, write)


def _is_end(pattern: Any, steps: tuple[int, int], reverse: bool) -> bool:
    """Whether a slice takes the rows of the step that runs last, in every trace."""
    if len(pattern) != 1 or not isinstance(pattern[0], tuple):
        return False
    for (total, count), ((_, *ends),) in in_each((steps, pattern)):
        rows = range(total * count)
        if rows[slice(*ends)] != (rows[:count] if reverse else rows[len(rows) - count :]):
            return False
    return True


def _rows(w: GraphWriter, out: str, node: Node) -> str:
    """(steps, 1, N, H) as rows."""
    return w.reshape(out, (-1, node.inputs[1].spec.shape[-1]))


def _last(w: GraphWriter, state: str) -> str:
    return w.add("Squeeze", state, w.ints([0]))


def _layer(w: GraphWriter, node: Node) -> list[str]:
    """The outputs of ONNX's node for a direction of a layer, written once."""
    done = w.written.get(id(node))
    if done is None:
        done = w.written[id(node)] = _write(w, node)
    return done


def _write(w: GraphWriter, node: Node) -> list[str]:
    product, kind = w.source(node.inputs[0], "linear"), node.op.name
    assert product is not None
    rows, weight_ih, *bias = product.inputs
    weight_hh, h0, *rest = node.inputs[1:]
    hidden, width = weight_hh.spec.shape[1], rows.spec.shape[1]
    steps = _steps(node)
    assert steps is not None
    x = w.add("Reshape", w.name(rows), w.sizes([steps[0], steps[1], width], free=True))
    biases = [w.name(bias[0]) if bias else None, w.name(rest[0]) if kind == "gru" and rest else None]
    inputs = [x, _gates(w, w.name(weight_ih), kind, hidden), _gates(w, w.name(weight_hh), kind, hidden)]
    inputs += [_biases(w, biases, kind, hidden, rows.spec.dtype), None, _first(w, h0)]
    how: dict[str, Any] = {
        "hidden_size": hidden,
        "direction": "reverse" if node.attrs["reverse"] else "forward",
    }
    if kind == "lstm":
        return w.add("LSTM", *inputs, _first(w, rest[0]), outputs=3, **how)
    if kind == "gru":
        return w.add("GRU", *inputs, outputs=2, linear_before_reset=1, **how)
    return w.add("RNN", *inputs, outputs=2, activations=["Relu" if node.attrs["relu"] else "Tanh"], **how)


def _gates(w: GraphWriter, name: str, kind: str, hidden: int) -> str:
    """A weight or bias with its blocks in ONNX's order, and an axis for the direction."""
    order = ORDERS[kind]
    if len(order) > 1:
        rows = [k * hidden + i for k in order for i in range(hidden)]
        name = w.add("Gather", name, w.ints(rows), axis=0)
    return w.add("Unsqueeze", name, w.ints([0]))


def _biases(w: GraphWriter, given: list[str | None], kind: str, hidden: int, dtype: Any) -> str | None:
    if not any(given):
        return None
    count = len(ORDERS[kind]) * hidden
    zero = w.add("Unsqueeze", w.constant(np.zeros(count), dtype), w.ints([0]))
    return w.add("Concat", *[zero if b is None else _gates(w, b, kind, hidden) for b in given], axis=1)


def _first(w: GraphWriter, state: Value) -> str:
    return w.add("Unsqueeze", w.name(state), w.ints([0]))
