"""A graph and its inputs in a folder, so that a program that went wrong can be run again elsewhere.

`graph.json` is text, `inputs.npz` holds arrays; reading them runs no code.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Sequence
from typing import Any

from rushlight.compile.graph import Graph, Node, Value, verify
from rushlight.core.op import REGISTRY, Op
from rushlight.core.spec import Spec
from rushlight.device import xp
from rushlight.device.files import load_arrays, save_arrays
from rushlight.errors import DataError, message

__all__ = ["load", "save"]


def save(folder: str, graph: Graph, arrays: Sequence[Any], mode: str) -> None:
    """Write the graph, the mode in which it was compiled and the inputs' arrays."""
    text = {"mode": mode, **_text(graph)}
    with open(os.path.join(folder, "graph.json"), "w", encoding="utf-8") as file:
        json.dump(text, file, indent=1)
    save_arrays(os.path.join(folder, "inputs.npz"), arrays)


def _text(graph: Graph) -> dict[str, Any]:
    """A graph as JSON, its values by their numbers."""
    number = {id(v): i for i, v in enumerate([*graph.inputs, *[n.out for n in graph.nodes]])}

    def place(value: Any) -> Any:
        return {"value": number[id(value)]} if isinstance(value, Value) else {"number": value}

    return {
        "inputs": [[list(v.spec.shape), str(v.spec.dtype)] for v in graph.inputs],
        "nodes": [
            {
                "op": n.op.name,
                "file": n.op.formula.__module__,
                "inputs": [place(v) for v in n.inputs],
                "attrs": _encode(n.attrs)["dict"],
            }
            for n in graph.nodes
        ],
        "outputs": [number[id(v)] for v in graph.outputs],
        "updates": [[number[id(a)], number[id(b)]] for a, b in graph.updates],
    }


def load(folder: str) -> tuple[Graph, list[Any], str]:
    """(graph, inputs' arrays, mode) of a folder that `save` wrote.

    Raises DataError for a folder that holds something else.
    """
    try:
        with open(os.path.join(folder, "graph.json"), encoding="utf-8") as file:
            text = json.load(file)
        graph = _graph(text)
        return graph, load_arrays(os.path.join(folder, "inputs.npz")), str(text["mode"])
    except (OSError, ImportError, KeyError, ValueError, TypeError, IndexError) as error:
        raise DataError(
            message("replay", f"{folder}: {error}", "a folder with graph.json and inputs.npz")
        ) from None


def _graph(text: Any) -> Graph:
    values = [Value(Spec(tuple(shape), dtype), f"%in{i}") for i, (shape, dtype) in enumerate(text["inputs"])]
    graph = Graph(list(values))
    for i, entry in enumerate(text["nodes"]):
        op, attrs = _op(entry), {k: _decode(v) for k, v in entry["attrs"].items()}
        inputs = [values[v["value"]] if "value" in v else v["number"] for v in entry["inputs"]]
        spec = op.infer(*[v.spec if isinstance(v, Value) else v for v in inputs], **attrs)
        graph.nodes.append(Node(op, tuple(inputs), attrs, Value(spec, f"%{i}")))
        values.append(graph.nodes[-1].out)
    graph.outputs = [values[i] for i in text["outputs"]]
    graph.updates = [(values[a], values[b]) for a, b in text["updates"]]
    return verify(graph)


def _op(entry: Any) -> Op:
    """The op of a node; its file is loaded where that has not been used yet."""
    name, file = entry["op"], str(entry.get("file", ""))
    if name not in REGISTRY and file.startswith("rushlight.ops."):
        importlib.import_module(file)
    return REGISTRY[name]


def _encode(value: Any) -> Any:
    """An attribute as JSON: tuples, dtypes and the like are marked as what they are."""
    if isinstance(value, dict):
        return {"dict": {k: _encode(v) for k, v in value.items()}}
    if isinstance(value, tuple):
        return {"tuple": [_encode(v) for v in value]}
    if isinstance(value, list):
        return [_encode(v) for v in value]
    if isinstance(value, xp.DTYPES):
        return {"dtype": str(value)}
    if isinstance(value, Graph):
        return {"graph": _text(value)}
    if hasattr(value, "item"):
        return value.item()
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"tuple"}:
            return tuple(_decode(v) for v in value["tuple"])
        if value.keys() == {"dtype"}:
            return xp.known(value["dtype"])
        if value.keys() == {"graph"}:
            return _graph(value["graph"])
        return {k: _decode(v) for k, v in value["dict"].items()}
    return [_decode(v) for v in value] if isinstance(value, list) else value
