"""R5's Fig. 2: the classes of the framework, drawn from the classes themselves."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rushlight as rl
from rushlight import nn
from rushlight.plot import style
from rushlight.plot._figure import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Box", "boxes", "class_diagram"]

MOST = 5
"""How many attributes, and how many methods, of a class are listed."""
WIDTH, LINE, GAP = 2.15, 0.17, 0.35  # inches


@dataclass(frozen=True)
class Box:
    """A class as it is drawn: what its objects hold, what it defines, whom it derives from, whom it uses."""

    name: str
    attributes: list[str]
    methods: list[str]
    base: str | None
    uses: dict[str, str]
    """By attribute, the class of this diagram that the object there is of."""

    @property
    def lines(self) -> int:
        """How many lines of text it has."""
        return 1 + len(self.attributes) + len(self.methods)


def examples() -> list[Any]:
    """An object of each class: R5's layers, activations, loss, optimiser, data, and what trains them."""
    model = nn.Sequential(nn.Linear(2, 25), nn.ReLU(), nn.Linear(25, 1), nn.Tanh())
    optimizer, loss = rl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), nn.MSELoss()
    trainer = rl.train.Trainer(model, optimizer, loss)
    return [nn.Module(), model, model[0], model[1], model[3], loss, optimizer, rl.data.Disk(10), trainer]


def boxes() -> list[Box]:
    """The classes of `examples`, by looking at them.

    >>> {box.name: box.base for box in boxes()}["Linear"]
    'Module'
    """
    objects = examples()
    shown = [type(thing) for thing in objects]
    return [_box(thing, shown) for thing in objects]


def _box(thing: Any, shown: list[type]) -> Box:
    kind = type(thing)
    held = {n: v for n, v in vars(thing).items() if n[0] != "_" and not callable(getattr(kind, n, None))}
    # A base may stand between two classes of the diagram and not be shown: what it defines counts as own.
    above = [c for c in kind.__mro__[1:] if c in shown]
    own = [c for c in kind.__mro__ if c is not object and not any(issubclass(a, c) for a in above)]
    methods = [n for c in own for n, v in vars(c).items() if n[0] != "_" and inspect.isfunction(v)]
    uses = {n: type(v).__name__ for n, v in held.items() if type(v) in shown}
    return Box(
        kind.__name__,
        _shortened([f"{name}: {uses[name]}" if name in uses else name for name in held]),
        _shortened([f"{name}()" for name in dict.fromkeys(methods)]),
        above[0].__name__ if above else None,
        uses,
    )


def _shortened(names: list[str]) -> list[str]:
    more = [f"... {len(names) - MOST + 1} more"] if len(names) > MOST else []
    return names[: MOST - 1] + more if more else names


def class_diagram() -> Figure:
    """The picture: arrows with open heads lead to the base, dashed ones to what an object holds."""
    found = {box.name: box for box in boxes()}
    roots = [b for b in found.values() if b.base is None and any(o.base == b.name for o in found.values())]
    rows = [
        roots,
        [b for b in found.values() if b.base is not None],
        [b for b in found.values() if b.base is None and b not in roots],
    ]
    width = max(len(row) for row in rows) * (WIDTH + GAP) + GAP
    heights = [max((box.lines for box in row), default=0) * LINE + 0.25 for row in rows]
    figure = new_figure("reports", width, sum(heights) + 0.9 * len(rows))
    ax = figure.add_subplot()
    ax.set_axis_off()
    ax.set_xlim(0, width)
    ax.set_ylim(-sum(heights) - 0.9 * (len(rows) - 1) - 0.2, 0.2)
    places: dict[str, tuple[float, float, float]] = {}
    top = 0.0
    for row, height in zip(rows, heights, strict=True):
        left = (width - len(row) * (WIDTH + GAP) + GAP) / 2
        for box in row:
            places[box.name] = (left + WIDTH / 2, top, top - box.lines * LINE - 0.18)
            _draw(ax, box, left, top)
            left += WIDTH + GAP
        top -= height + 0.9
    for box in found.values():
        _join(ax, box, places)
    return figure


def _draw(ax: Axes, box: Box, left: float, top: float) -> None:
    from matplotlib.patches import Rectangle

    height = box.lines * LINE + 0.18
    ax.add_patch(
        Rectangle((left, top - height), WIDTH, height, facecolor="white", edgecolor=style.BLACK, zorder=3)
    )
    text: dict[str, Any] = {"fontsize": style.TICK_SIZE, "color": style.TEXT, "va": "center", "zorder": 4}
    ax.text(left + WIDTH / 2, top - 0.13, box.name, ha="center", fontweight="bold", **text)
    level = top - 0.13 - LINE
    for part in (box.attributes, box.methods):
        if part:
            ax.plot([left, left + WIDTH], [level + LINE / 2] * 2, color=style.FAINT, linewidth=0.8, zorder=4)
        for line in part:
            ax.text(left + 0.1, level, line, **text)
            level -= LINE


def _join(ax: Axes, box: Box, places: dict[str, tuple[float, float, float]]) -> None:
    x, top, _ = places[box.name]
    if box.base is not None:
        to, _, bottom = places[box.base]
        ax.annotate("", (to, bottom), (x, top), arrowprops={"arrowstyle": "-|>", "facecolor": "white"})
    for shift, (name, kind) in enumerate(box.uses.items()):
        to, there, bottom = places[kind]
        if there == top:  # what stands in the same row is named beside the attribute
            continue
        start = (x + 0.5 * (shift - 1), top)
        ax.annotate(
            "", (to, bottom), start, arrowprops={"arrowstyle": "->", "linestyle": "--", "color": style.BLUE}
        )
        words = ((2 * start[0] + to) / 3, (2 * top + bottom) / 3)
        ax.text(*words, name, fontsize=style.TICK_SIZE, color=style.BLUE, ha="center", va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1}, zorder=5)  # fmt: skip
