"""A module's page: its parts, folded as they are nested, with shapes, parameters and arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rushlight.notebook.markup import CELL, escaped, facts, fold

__all__ = ["module_html", "summary_html"]

MOST, IN_ALL = 200, 1000
"""So many parts of a module are listed, and so many on a page; a list of thousands would be no help."""
OPEN = 2
"""So deep are the parts open at first."""
WIDTHS = (4, 0, 15, 7, 8)
"""Of the columns, in ems; the second takes what is left, so that the others are one below the other, however
deep the parts are nested."""
INSIDE = "border-collapse:collapse;font-size:inherit;width:100%;margin:0"


@dataclass
class Part:
    """A module with its parts: what it is called, its kind and settings, shapes, parameters and FLOPs."""

    name: str
    kind: str
    shapes: str = ""
    parameters: int = 0
    flops: str = ""
    settings: str = ""
    parts: list[Part] = field(default_factory=list)


def module_html(module: Any, flops: Any) -> str:
    """The page of a module; `flops(layer)` gives what a layer's sizes tell of its operations on one row."""
    numbers = list(module.parameters())
    total = sum(_size(p) for p in numbers)
    frozen = sum(_size(p) for p in numbers if not p.requires_grad)
    size = sum(_size(p) * getattr(p, "itemsize", 4) for p in numbers)
    what = [
        f"{total:,} parameters" + (f" ({frozen:,} frozen)" if frozen else ""),
        _bytes(size),
        "training" if module.training else "evaluation",
    ]
    body = _table(_part("", module, flops, itertools.count()), "weights", "FLOPs a row") + facts(
        "Output shapes, and FLOPs of all layers: rl.train.summary(model, input_shape)"
    )
    return fold(f"<b>{escaped(type(module).__name__)}</b> {_faint(what)}", body, opened=True)


def summary_html(summary: Any) -> str:
    """The page of what `rl.train.summary` found."""
    root = Part("", "")
    places: dict[str, Part] = {"": root}
    for layer in summary.layers:
        above, _, name = layer.name.rpartition(".")
        flops = "?" if layer.flops is None else f"{layer.flops:,}"
        part = Part(name, layer.kind, str(tuple(layer.output_shape)), layer.parameters, flops)
        _within(above, places, summary.kinds).parts.append(part)
    _add_up(root)
    what = [f"input {tuple(summary.input_shape)}", *(" ".join(line.split()) for line in summary.totals())]
    return fold(f"<b>{escaped(summary.kind)}</b> {_faint(what)}", _table(root, "output shape", "FLOPs"), True)


def _within(path: str, places: dict[str, Part], kinds: dict[str, str]) -> Part:
    """The part at a dotted path, made with those above it."""
    if path not in places:
        above, _, name = path.rpartition(".")
        places[path] = Part(name, kinds.get(path, ""))
        _within(above, places, kinds).parts.append(places[path])
    return places[path]


def _add_up(part: Part) -> None:
    for inner in part.parts:
        if inner.parts:
            _add_up(inner)
            inner.parameters = sum(p.parameters for p in inner.parts)


def _part(name: str, module: Any, flops: Any, seen: Iterator[int]) -> Part:
    """A module with its parts, of which `seen` counts those on the page."""
    own = {key: _shape(p) for key, p in module._parameters.items() if p is not None}
    found = Part(
        name,
        type(module).__name__,
        ", ".join(f"{key} {shape}" for key, shape in own.items()),
        sum(_size(p) for p in module.parameters()),
        "" if (count := flops(module)) is None else f"{count:,}",
        module.extra_repr(),
    )
    for key, child in module._modules.items():
        if child is not None and next(seen) < IN_ALL:
            found.parts.append(_part(key, child, flops, seen))
    return found


def _table(root: Part, shapes: str, flops: str) -> str:
    titles = ("", "layer", shapes, "parameters", flops)
    head = "".join(_cell("th", i, title) for i, title in enumerate(titles))
    rows = _rows(root, 0) if root.parts else _row(root)
    style = "border-collapse:collapse;font-size:90%;width:62em"
    return f'<table style="{style}"><tr>{head}</tr>{rows}</table>'


def _rows(part: Part, depth: int) -> str:
    lines = []
    for inner in part.parts[:MOST]:
        if not inner.parts:
            lines.append(_row(inner))
            continue
        count = _faint([f"{inner.parameters:,} parameters"])
        head = f"{escaped(inner.name)}: <b>{escaped(inner.kind)}</b> {count}"
        body = f'<table style="{INSIDE}">{_rows(inner, depth + 1)}</table>'
        inside = fold(head, body, depth + 1 < OPEN)
        lines.append(f'<tr><td colspan="5" style="text-align:left;padding:1px 0 1px 8px">{inside}</td></tr>')
    if len(part.parts) > MOST:
        lines.append(f'<tr><td colspan="5">{len(part.parts) - MOST:,} more</td></tr>')
    return "".join(lines)


def _row(part: Part) -> str:
    kind = f"{escaped(part.kind)} {_faint([part.settings])}" if part.settings else escaped(part.kind)
    count = f"{part.parameters:,}"
    cells = (escaped(part.name), kind, escaped(part.shapes), count, part.flops)
    return f"<tr>{''.join(_cell('td', i, cell) for i, cell in enumerate(cells))}</tr>"


def _cell(tag: str, column: int, content: str) -> str:
    """Names, kinds and shapes flush left, numbers flush right."""
    side = "left" if column < 3 else "right"
    width = f";width:{WIDTHS[column]}em" if WIDTHS[column] else ""
    return f'<{tag} style="text-align:{side};{CELL}{width}">{content}</{tag}>'


def _faint(parts: list[str]) -> str:
    text = " \u00b7 ".join(escaped(part) for part in parts)
    return f'<span style="opacity:.75">{text}</span>'


def _shape(parameter: Any) -> str:
    try:
        return str(tuple(parameter.shape))
    except Exception:  # of a lazy layer, which has not seen an input yet
        return "not known yet"


def _size(parameter: Any) -> int:
    try:
        return int(parameter.numel())
    except Exception:
        return 0


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.3g} {unit}"
        size /= 1000
    raise AssertionError
