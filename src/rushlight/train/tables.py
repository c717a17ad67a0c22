"""Tables for people: as text, abridged, and as pandas frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rushlight.optional import load

__all__ = ["Figures", "as_table", "frame"]

SHOWN = 20
"""How many rows of a longer table are printed: the first and the last."""


class Figures(dict[str, Any]):
    """What was measured, by name; printed, the numbers have six digits.

    >>> Figures(loss=0.1 + 0.2, samples=3)
    {'loss': 0.3, 'samples': 3}
    """

    def __repr__(self) -> str:
        short = {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in self.items()}
        return repr(short)


def as_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The columns, each flush right; of more than `SHOWN` rows the first and the last half of so many.

    >>> print(as_table(["epoch", "loss"], [(1, 0.123456), (2, None)]))
    epoch    loss
        1  0.1235
        2
    """
    cells = [[_shown(value) for value in row] for row in rows]
    if len(cells) > SHOWN:
        half = SHOWN // 2
        cells = [*cells[:half], ["..."] * len(names), *cells[-half:]]
    lines = [list(names), *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in lines)


def frame(columns: Mapping[str, Sequence[Any]]) -> Any:
    """A pandas DataFrame of the columns; NotSupportedError where pandas is not installed."""
    return load("pandas", "to_pandas (to_csv writes a file without it)").DataFrame(dict(columns))


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
