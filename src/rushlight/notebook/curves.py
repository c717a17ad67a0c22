"""Curves as small pictures in SVG, made of text: no library is loaded, and cells redraw them as they run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rushlight.notebook.markup import escaped

__all__ = ["curves_svg", "grouped", "panel_svg"]

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 330, 150
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 22, 20
MOST = 150
"""So many points of a curve are drawn."""
PANELS, LINES, FEW = 4, 60, 6
COLOURS = ("#3A8FC9", "#D98200", "#1FA37A", "#C65FA0")
"""They can be seen on white and on black."""
DASHES = ("", "5 3", "2 2", "7 2 2 2")
SPLITS = ("train", "validation", "test")
LOG = 50.0
"""Where the largest value is so many times the least, the scale is logarithmic."""


def grouped(columns: Mapping[str, Points]) -> dict[str, dict[str, Points]]:
    """Curves by what they measure: "train_loss" and "validation_loss" are two lines of the panel "loss".

    >>> grouped({"train_loss": [], "validation_loss": [], "lr": []})
    {'loss': {'train': [], 'validation': []}, 'lr': {'lr': []}}
    """
    found: dict[str, dict[str, Points]] = {}
    for name, points in columns.items():
        split, _, quantity = name.partition("_")
        known = split in SPLITS and quantity
        found.setdefault(quantity if known else name, {})[split if known else name] = points
    return found


def curves_svg(columns: Mapping[str, Points], xlabel: str = "epoch") -> str:
    """Panels of curves, given as points (x, y) by name; those without two finite points are left out."""
    panels = []
    for quantity, lines in list(grouped(columns).items()):
        panels += [panel] if (panel := panel_svg(quantity, lines, xlabel)) else []
    return f'<div style="display:flex;flex-wrap:wrap">{"".join(panels[:PANELS])}</div>' if panels else ""


def _kept(points: Points) -> list[tuple[float, float]]:
    """The finite points, thinned; the last one stays."""
    finite = [(x, y) for x, y in points if _is_number(y)]
    step = -(-len(finite) // MOST) or 1
    return finite[::-step][::-1]


def _is_number(value: Any) -> bool:
    """Whether it can be drawn; a metric may give anything."""
    try:
        return math.isfinite(value)
    except (TypeError, OverflowError):
        return False


def panel_svg(quantity: str, curves: Mapping[str, Points], xlabel: str = "epoch") -> str:
    """One panel with a line for each curve; nothing where no curve has two finite points."""
    lines = {name: kept for name, points in curves.items() if (kept := _kept(points))}
    if not any(len(points) > 1 for points in lines.values()):
        return ""
    x = [point[0] for points in lines.values() for point in points]
    y = [point[1] for points in lines.values() for point in points]
    log = min(y) > 0 and max(y) > LOG * min(y)
    across = _scale(min(x), max(x), LEFT, WIDTH - RIGHT)
    low, high = (math.log(v) if log else v for v in (min(y), max(y)))
    up = _scale(low, high, HEIGHT - BOTTOM, TOP)
    drawn = []
    stroke = "1.8" if len(lines) <= FEW else "1"
    for place, (name, points) in enumerate(list(lines.items())[:LINES]):
        look = SPLITS.index(name) if name in SPLITS else place
        at = " ".join(f"{across(a):.1f},{up(math.log(b) if log else b):.1f}" for a, b in points)
        dash = f' stroke-dasharray="{DASHES[look % len(DASHES)]}"' if look % len(DASHES) else ""
        colour = COLOURS[look % len(COLOURS)]
        drawn.append(f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="{stroke}"{dash}/>')
    frame = (
        f'<path d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="currentColor" '
        'stroke-opacity=".4"/>'
    )
    labels = [
        _text(LEFT - 5, TOP + 4, _short(max(y)), "end"),
        _text(LEFT - 5, HEIGHT - BOTTOM + 3, _short(min(y)), "end"),
        _text(LEFT, HEIGHT - 6, _short(min(x)), "middle"),
        _text(WIDTH - RIGHT, HEIGHT - 6, f"{xlabel} {_short(max(x))}", "end"),
        _text(LEFT, 13, quantity + (" (log)" if log else ""), "start", ' font-weight="bold"'),
        *_legend(lines),
    ]
    title = escaped(f"{quantity} by {xlabel}")
    return (
        f'<svg role="img" aria-label="{title}" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11">{frame}{"".join(drawn)}{"".join(labels)}</svg>'
    )


def _scale(low: float, high: float, start: float, end: float) -> Any:
    """The place between `start` and `end` of a value between `low` and `high`."""
    if high == low:
        return lambda value: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _legend(lines: Mapping[str, Points]) -> Iterable[str]:
    """The names of the lines at the top, from the right, with their last values."""
    if len(lines) > 3:
        return
    x = float(WIDTH - RIGHT)
    for place, (name, points) in reversed(list(enumerate(lines.items()))):
        look = SPLITS.index(name) if name in SPLITS else place
        said = (f"{name} " if len(lines) > 1 or name in SPLITS else "") + _short(points[-1][1])
        yield _text(x, 13, said, "end", f' style="fill:{COLOURS[look % len(COLOURS)]}"')
        x -= 6.3 * len(said) + 10


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    fill = "" if "fill" in more else ' fill="currentColor"'
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{fill}{more}>{escaped(text)}</text>'


def _short(value: float) -> str:
    return f"{value:.4g}"
