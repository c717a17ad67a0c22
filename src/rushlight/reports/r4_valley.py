"""R4's Fig. 2: why the first weights matter, as gradient descent on a function of one weight."""

from __future__ import annotations

from typing import Any

import rushlight as rl
from rushlight.plot import style
from rushlight.plot._figure import legend_below, style_axes
from rushlight.reports.page import Page, panels

__all__ = ["valley"]

STARTS = {"A": 1.0, "B": -2.4}
STEPS, LR = 25, 0.3


def height(w: Any) -> Any:
    """A valley that is flat far from its bottom, as a loss is where units are saturated."""
    return 1.0 - (-w * w).exp()


def descend(start: float) -> list[float]:
    """The weight before and after each step of gradient descent."""
    w = rl.nn.Parameter(rl.tensor(start))
    optimizer = rl.optim.SGD([w], lr=LR)
    path = [w.item()]
    for _ in range(STEPS):
        optimizer.zero_grad()
        height(w).backward()
        optimizer.step()
        path.append(w.item())
    return path


def valley(page: Page) -> None:
    """The picture, and in words how far each start came."""
    figure, (ax,) = panels(1, 1)
    x = rl.linspace(-3, 3, 301)
    ax.plot(x.numpy(), height(x).numpy(), color=style.BLACK, linewidth=style.THIN_WIDTH, label="loss")
    left = {}
    for (name, start), colour in zip(STARTS.items(), (style.BLUE, style.ORANGE), strict=True):
        path = rl.tensor(descend(start))
        left[name] = height(path)[-1].item()
        ax.plot(path.numpy(), height(path).numpy(), "o-", color=colour, markersize=4, label=f"from {name}")
        ax.annotate(name, (start, height(path)[0].item()), (0, 8), textcoords="offset points", ha="center")
    ax.annotate("min", (0, 0), (0, 8), textcoords="offset points", ha="center")
    ax.set_ylim(-0.08, 1.16)
    style_axes(ax, None, "weight", "loss")
    legend_below(ax)
    page.picture(
        figure,
        "valley",
        f"R4's Fig. 2: from A the minimum is reached sooner than from B. {STEPS} steps of gradient descent "
        f"on 1 - exp(-w²), lr {LR:g}; the loss is then {left['A']:.2f} and {left['B']:.2f}.",
    )
