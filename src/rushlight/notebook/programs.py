"""The pages of compiled programs: what each kernel costs, and the graph that was traced."""

from __future__ import annotations

from typing import Any

from rushlight.notebook.markup import GAP, escaped, fold, pre, shortened, table

__all__ = ["explanation_html", "graph_html", "stages_html"]

NODES = 200


def explanation_html(head: list[str], titles: Any, rows: Any, foot: list[str], left: Any) -> str:
    """The lines above and below the table of kernels, and the table; `left` names its columns of text."""
    above = [f"<div>{escaped(line)}</div>" for line in head]
    below = [f'<div style="opacity:.75;font-size:90%">{escaped(line)}</div>' for line in foot]
    return "".join([*above, table(titles, rows, [titles.index(title) for title in left]), *below])


def graph_html(graph: Any) -> str:
    """What comes in, a row a node, what goes out."""
    inputs = ", ".join(f"{v}: {v.spec}" for v in graph.inputs[:20]) + (", " + GAP) * (len(graph.inputs) > 20)
    first, last = shortened(graph.nodes, NODES)
    rows = [_node(node) for node in first]
    if last:
        rows += [[GAP] * 4, *(_node(node) for node in last)]
    head = f"<b>Graph</b> {len(graph.inputs)} inputs, {len(graph.nodes)} nodes, {len(graph.outputs)} results"
    updates = [f"{target} \u2190 {value}" for target, value in graph.updates]
    ends = [f"<div>in: {escaped(inputs)}</div>", table(("result", "op", "of", "shape"), rows, left=range(4))]
    ends += [f"<div>updates: {escaped(', '.join(updates))}</div>"] if updates else []
    ends += [f"<div>out: {escaped(', '.join(map(repr, graph.outputs)))}</div>"]
    return fold(head, "".join(ends), opened=len(graph.nodes) <= 30)


def _node(node: Any) -> list[str]:
    attributes = [f"{k}={'a graph' if v in node.graphs else repr(v)}" for k, v in node.attrs.items()]
    return [
        repr(node.out),
        node.op.name,
        ", ".join([*map(repr, node.inputs), *attributes]),
        str(node.out.spec),
    ]


def stages_html(stages: dict[str, str]) -> str:
    """The texts of the compiler's stages, each folded."""
    return "".join(
        fold(f"<b>{escaped(name)}</b> {text.count(chr(10)) + 1:,} lines", pre(text))
        for name, text in stages.items()
    )
