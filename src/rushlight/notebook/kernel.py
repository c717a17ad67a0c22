"""Whether this program is a notebook's kernel, and what shows things in its cells."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["Page", "in_notebook", "show"]


def in_notebook() -> bool:
    """Whether cells of a notebook show what this program displays. IPython is asked if it is loaded."""
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return getattr(ask() if ask is not None else None, "kernel", None) is not None


class Page:
    """Something to display: as `html`, or where only text can be shown, as `text`."""

    def __init__(self, html: str, text: str) -> None:
        self.html, self.text = html, text

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def show(page: Page) -> Any:
    """Display a page; what it gives has a method `update` that puts another page into its place."""
    return sys.modules["IPython"].display.display(page, display_id=True)
