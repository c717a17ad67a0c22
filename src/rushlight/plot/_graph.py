"""A drawing of the graph that ``backward`` walks, by Graphviz where it is installed, else by ourselves."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rushlight.errors import ArgumentError, NotSupportedError, message
from rushlight.plot import style
from rushlight.plot._figure import check_suffix, finish, new_figure, write
from rushlight.plot._layout import Layout, layered
from rushlight.plot._walk import KINDS, Boxes, walk

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["graph", "graph_dot"]

PAD = 0.25  # inches around the picture
LEGEND_ROW = 0.24  # inches


def graph(
    tensor: Any,
    path: str | os.PathLike[str] | None = None,
    params: Any = None,
    *,
    engine: Literal["auto", "dot", "matplotlib"] = "auto",
    title: str | None = None,
    max_nodes: int = 400,
) -> Figure | None:
    """The graph that ``tensor.backward()`` will walk: operations, shapes, leaves, and who carries a gradient.

    Arrows follow the data; backward walks them the other way. ``params`` (a Module, a mapping or pairs of
    name and tensor) names the parameters. ``path`` ends in .png, .svg or .pdf.

    With ``path``, Graphviz's ``dot`` draws the file when it is installed, and None is returned; otherwise
    matplotlib draws, and the Figure is returned. ``engine`` insists on one of them.

    Raises GradError for a tensor without a graph or with one that an earlier backward used up,
    ArgumentError for more than ``max_nodes`` nodes, NotSupportedError when ``engine="dot"`` finds no dot.

    >>> import rushlight as rl
    >>> w = rl.ones(3, requires_grad=True)
    >>> figure = rl.plot.graph((w * w).sum(), params={"w": w})
    >>> sorted(text.get_text() for text in figure.axes[0].texts)
    ['mul\\n3', 'sum\\nscalar', 'w\\n3']
    """
    if engine not in ("auto", "dot", "matplotlib"):
        raise ArgumentError(message("plot.graph", f"engine={engine!r}", "'auto', 'dot' or 'matplotlib'"))
    boxes = walk("graph", tensor, params, max_nodes)
    if engine == "dot" and path is None:
        raise ArgumentError(message("plot.graph", "engine='dot' without a path", "a file for dot to write"))
    if path is not None and engine != "matplotlib":
        suffix = check_suffix("graph", Path(path))
        drawn = _run_dot(_dot(boxes, title), suffix, insist=engine == "dot")
        if drawn is not None:
            write("graph", Path(path), drawn)
            return None
    return finish("graph", _draw(boxes, title), path)


def graph_dot(tensor: Any, params: Any = None, *, title: str | None = None, max_nodes: int = 400) -> str:
    """The same graph as text in Graphviz's DOT language; needs neither Graphviz nor matplotlib.

    Raises as `graph` does.

    >>> import rushlight as rl
    >>> w = rl.ones(3, requires_grad=True)
    >>> print(rl.plot.graph_dot((w * w).sum(), {"w": w}).splitlines()[0])
    digraph backward {
    """
    return _dot(walk("graph_dot", tensor, params, max_nodes), title)


def _dot(boxes: Boxes, title: str | None) -> str:
    font = 'fontname="Helvetica", fontsize=10'
    lines = [
        "digraph backward {",
        f"  graph [rankdir=TB, nodesep=0.3, ranksep=0.35, pad=0.15, {font}, label={_legend(boxes, title)}];",
        f'  node [shape=box, style="rounded,filled", {font}, margin="0.12,0.06"];',
        f'  edge [color="{style.TEXT}", arrowsize=0.7];',
    ]
    for place, box in enumerate(boxes.boxes):
        label = _quoted(f"{box.name}\n{box.size}")
        edge = style.FAINT if box.kind == "constant" else style.TEXT
        lines.append(
            f'  n{place} [label={label}, fillcolor="{style.GRAPH_COLOURS[box.kind]}", color="{edge}"];'
        )
    for above, below in boxes.arrows:
        look = f' [style=dashed, color="{style.FAINT}"]' if boxes.boxes[above].kind == "constant" else ""
        lines.append(f"  n{above} -> n{below}{look};")
    return "\n".join([*lines, "}"]) + "\n"


def _legend(boxes: Boxes, title: str | None) -> str:
    head = [f'<TR><TD COLSPAN="2"><B>{_escaped(title)}</B></TD></TR>'] if title else []
    rows = [
        f'<TR><TD BGCOLOR="{style.GRAPH_COLOURS[kind]}" BORDER="1" WIDTH="22"></TD>'
        f'<TD ALIGN="LEFT">{_escaped(KINDS[kind])}</TD></TR>'
        for kind in _kinds(boxes)
    ]
    table = "".join([*head, *rows])
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="4"><TR><TD COLSPAN="2"></TD></TR>{table}</TABLE>>'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _kinds(boxes: Boxes) -> list[str]:
    used = {box.kind for box in boxes.boxes}
    return [kind for kind in KINDS if kind in used]


def _run_dot(text: str, suffix: str, insist: bool) -> bytes | None:
    """What dot makes of the text, or None when it is absent or fails and nobody insists."""
    program = shutil.which("dot")
    problem = "no program of that name on the path"
    if program is not None:
        resolution = ["-Gdpi=150"] if suffix == "png" else []
        try:
            done = subprocess.run(
                [program, f"-T{suffix}", *resolution],
                input=text.encode(),
                capture_output=True,
                timeout=60,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as failure:
            problem = str(failure)
        else:
            if done.returncode == 0 and done.stdout:
                return done.stdout
            problem = done.stderr.decode(errors="replace").strip()
    if insist:
        raise NotSupportedError(
            message(
                "plot.graph",
                f"engine='dot': {problem}",
                "Graphviz's dot",
                "Install Graphviz, or leave engine='auto'.",
            )
        )
    return None


def _draw(boxes: Boxes, title: str | None) -> Figure:
    """The layered layout, in inches: the axes fill the figure, one unit of data is one inch."""
    figure = new_figure("graph", 1.0, 1.0)
    labels = [f"{box.name}\n{box.size}" if box.size else box.name for box in boxes.boxes]
    sizes = [(_width(label) + 0.24, 0.44) for label in labels]
    layout = layered(sizes, boxes.arrows)
    kinds = _kinds(boxes)
    columns = 2 if layout.width > 5.4 else 1
    foot = LEGEND_ROW * -(-len(kinds) // columns) + 0.15
    head = 0.35 if title else 0.0
    width, height = max(layout.width, 3.2) + 2 * PAD, layout.height + foot + head + 2 * PAD
    figure.set_layout_engine("none")
    figure.set_size_inches(width, height)
    ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    left = (layout.width - width) / 2
    ax.set_xlim(left, left + width)
    ax.set_ylim(-foot - PAD, height - foot - PAD)
    ax.set_axis_off()
    _arrows(ax, boxes, layout, sizes)
    _boxes(ax, boxes, layout, sizes, labels)
    _swatches(ax, kinds, columns)
    if title:
        ax.set_title(title, fontsize=style.TITLE_SIZE, color=style.TEXT, y=1 - 0.3 / height, pad=0)
    return figure


def _width(label: str) -> float:
    """Width in inches of the widest line."""
    from matplotlib.textpath import TextPath

    lines = [line for line in label.split("\n") if line]
    return max(float(TextPath((0, 0), line, size=style.TICK_SIZE).get_extents().width) for line in lines) / 72


def _boxes(
    ax: Axes, boxes: Boxes, layout: Layout, sizes: list[tuple[float, float]], labels: list[str]
) -> None:
    from matplotlib.patches import FancyBboxPatch

    for box, (x, y), (width, height), label in zip(boxes.boxes, layout.centres, sizes, labels, strict=True):
        constant = box.kind == "constant"
        ax.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor=style.GRAPH_COLOURS[box.kind],
                edgecolor=style.FAINT if constant else style.TEXT,
                linewidth=0.8,
                linestyle="--" if constant else "-",
                zorder=2,
            )
        )
        ax.text(x, y, label, ha="center", va="center", fontsize=style.TICK_SIZE, color=style.TEXT, zorder=3)


def _arrows(ax: Axes, boxes: Boxes, layout: Layout, sizes: list[tuple[float, float]]) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    for (above, below), route in zip(boxes.arrows, layout.routes, strict=True):
        points = list(route)
        points[0] = (points[0][0], points[0][1] - sizes[above][1] / 2)
        points[-1] = (points[-1][0], points[-1][1] + sizes[below][1] / 2)
        vertices, codes = [points[0]], [int(Curve.MOVETO)]
        for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
            # Leaving and arriving vertically keeps each piece between its two layers.
            middle = (y0 + y1) / 2
            vertices += [(x0, middle), (x1, middle), (x1, y1)]
            codes += [int(Curve.CURVE4)] * 3
        constant = boxes.boxes[above].kind == "constant"
        ax.add_patch(
            FancyArrowPatch(
                path=Curve(vertices, codes),
                arrowstyle="-|>",
                mutation_scale=9,
                linewidth=0.9,
                color=style.FAINT if constant else style.TEXT,
                linestyle="--" if constant else "-",
                zorder=1,
            )
        )


def _swatches(ax: Axes, kinds: list[str], columns: int) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=style.GRAPH_COLOURS[kind], edgecolor=style.TEXT, linewidth=0.6, label=KINDS[kind])
        for kind in kinds
    ]
    ax.legend(
        handles=handles,
        loc="lower center",
        ncols=columns,
        frameon=False,
        fontsize=style.TICK_SIZE,
        borderaxespad=0.6,
        labelspacing=0.35,
    )
