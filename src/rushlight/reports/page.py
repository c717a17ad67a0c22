"""The page of one report: Markdown with tables, the code that ran, and pictures in a folder beside it."""

from __future__ import annotations

import inspect
import io
import math
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.interop.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Page", "Picture", "by_column", "cell", "duration", "panels", "percent"]

DPI = 110  # a panel of 4.8 inches is 530 pixels wide: legible on a page, and below 100 kB


@dataclass(frozen=True)
class Picture:
    """A picture of a page: its address, seen from the page, and what it shows."""

    address: str
    caption: str


class Page:
    """A page of Markdown, put together from top to bottom and written by `write`, with its pictures.

    The page of report `name` is ``folder/name.md``, its pictures are ``folder/name/*.png``. Pictures are
    written as they come, the page at the end, each in one move: a reader never sees half a file.
    ``data`` is the folder with data sets, for reports that need one; ``say`` takes a line of progress.

    >>> import tempfile
    >>> page = Page("R0", "A page", Path(tempfile.mkdtemp()), say=lambda line: None)
    >>> page.table({"activation": ["tanh", "ReLU"], "test error": [percent(0.25), percent(0.3)]})
    >>> print(page.write().read_text())
    # R0. A page
    <BLANKLINE>
    | activation | test error |
    |---|--:|
    | tanh | 25.0 % |
    | ReLU | 30.0 % |
    <BLANKLINE>
    """

    def __init__(
        self,
        name: str,
        title: str,
        folder: Path,
        data: Path | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        if not name or Path(name).name != name:
            raise ArgumentError(message("Page", f"name={name!r}", "a name without folders", "Try 'R1'."))
        self.name, self.title = name, title
        self.folder, self.data = Path(folder), data
        self.say = say
        self.pictures: list[Picture] = []
        self.cover: Picture | None = None
        self.started = time.perf_counter()
        self._blocks = [f"# {name}. {title}"]

    @property
    def seconds(self) -> float:
        """How long ago the page was begun."""
        return time.perf_counter() - self.started

    def section(self, title: str) -> None:
        """Begin a section, and say so with the seconds that have passed since the page was begun."""
        self.say(f"{self.name} ({self.seconds:5.1f} s): {title}")
        self._blocks.append(f"## {title}")

    def text(self, markdown: str) -> None:
        """A paragraph, a list or several, in Markdown; indentation that all lines share is taken away."""
        self._blocks.append(textwrap.dedent(markdown).strip())

    def code(self, *things: Any) -> None:
        """The source of functions and classes, as it stands in the program that runs: never out of date."""
        parts = [textwrap.dedent(inspect.getsource(thing)).rstrip() for thing in things]
        self._blocks.append("```python\n" + "\n\n\n".join(parts) + "\n```")

    def table(self, columns: Mapping[str, Sequence[Any]], caption: str | None = None) -> None:
        """A table from its columns; `cell` formats the entries, and columns of numbers stand to the right.

        Raises ShapeError for no columns, or for columns of unequal length.
        """
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) != 1:
            raise ShapeError(
                message("Page.table", f"columns of lengths {lengths}", "equal lengths, at least one")
            )
        cells = {str(name): [cell(value) for value in values] for name, values in columns.items()}
        rules = ["--:" if _numeric(entries) else "---" for entries in cells.values()]
        rows = [
            "| " + " | ".join(_escaped(name) for name in cells) + " |",
            "|" + "|".join(rules) + "|",
            *("| " + " | ".join(map(_escaped, row)) + " |" for row in zip(*cells.values(), strict=True)),
        ]
        # A caption right below the rows would become a row.
        self._blocks.append("\n".join(rows) + (f"\n\n*{caption}*" if caption else ""))

    def picture(self, figure: Figure, name: str, caption: str, *, cover: bool = False) -> None:
        """Write ``figure`` as ``name.png``, show it with its caption, and give its memory back.

        ``cover``: this picture stands for the page in the index; otherwise the first one does.
        """
        content = _png(figure)
        figure.clear()
        target = self.folder / self.name / f"{name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)
        picture = Picture(f"{self.name}/{name}.png", " ".join(textwrap.dedent(caption).split()))
        self.pictures.append(picture)
        if cover or self.cover is None:
            self.cover = picture
        self._blocks.append(f"![{_alternative(picture.caption)}]({picture.address})\n\n*{picture.caption}*")

    def write(self) -> Path:
        """Write the page and return its path."""
        path = self.folder / f"{self.name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, "\n\n".join(self._blocks) + "\n")
        return path


def by_column(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The columns of a table that is given row by row.

    >>> by_column([{"name": "tanh", "error": 0.2}, {"name": "ReLU", "error": 0.3}])
    {'name': ['tanh', 'ReLU'], 'error': [0.2, 0.3]}
    """
    return {name: [row[name] for row in rows] for name in rows[0]}


def panels(count: int, columns: int = 2, size: tuple[float, float] = (4.8, 3.9)) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels of ``size`` inches, ``columns`` to a row, for pictures put together."""
    from rushlight.plot._figure import grid_of

    return grid_of("reports", count, columns, size)


def _png(figure: Figure) -> bytes:
    """The figure as a PNG of 256 colours, a third as long as one of all colours and as good to look at."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    # Without the program's version in it, the same picture gives the same file.
    figure.savefig(drawn, format="png", dpi=DPI, metadata={"Software": None})
    with Image.open(drawn) as image:
        flat = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    flat.save(small, format="png", optimize=True)
    return small.getvalue()


def cell(value: Any) -> str:
    """One entry of a table as text: four significant digits, thousands set off, nothing for None.

    >>> [cell(v) for v in (0.0123456, 12345, 1e-7, 3.0, float("nan"), None, "tanh", True)]
    ['0.01235', '12,345', '1e-07', '3', 'NaN', '', 'tanh', 'yes']
    """
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
    return str(value)


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction in per cent.

    >>> percent(0.0734), percent(0.5, 0), percent(float("nan"))
    ('7.3 %', '50 %', 'NaN')
    """
    return "NaN" if math.isnan(fraction) else f"{100 * fraction:.{digits}f} %"


def duration(seconds: float) -> str:
    """A time that people can read.

    >>> duration(0.0042), duration(0.62), duration(12.3), duration(125)
    ('4 ms', '0.6 s', '12 s', '2 min 5 s')
    """
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def _numeric(entries: Sequence[str]) -> bool:
    """Whether entries are numbers (with a unit, perhaps), so that they read best set to the right."""
    filled = [entry for entry in entries if entry]
    return bool(filled) and all(entry.lstrip("-−+±")[:1].isdigit() or entry == "NaN" for entry in filled)


def _escaped(text: str) -> str:
    """Text that stays in its cell: a bar would end it, a new line would end the table."""
    return text.replace("|", "\\|").replace("\n", "<br>")


def _alternative(caption: str) -> str:
    """A caption for who cannot see the picture; brackets would end it."""
    return caption.replace("[", "(").replace("]", ")").replace("`", "").replace("*", "")
