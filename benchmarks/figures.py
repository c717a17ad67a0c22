"""What all tables need: quartiles, and remarks on what the figures are worth."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from benchmarks.run import Result

__all__ = ["quartiles", "remarks"]

_AGREE = 1e-3
_BUSY = 0.9


def quartiles(figures: Sequence[float]) -> tuple[float, float]:
    """The first and third quartile; of a single figure, itself."""
    if len(figures) < 2:
        return figures[0], figures[0]
    low, _, high = statistics.quantiles(figures, n=4, method="inclusive")
    return low, high


def remarks(ran: Sequence[Result], base: Result | None) -> list[str]:
    """Whether all computed the same as `base`, and whether those that were pinned had their core."""
    lines = []
    odd = [r.title for r in ran if base and not math.isclose(r.check, base.check, rel_tol=_AGREE)]
    if odd:
        lines += ["", f"**Not the same computation as {base.title if base else ''}: {', '.join(odd)}.**"]
    elif base and len(ran) > 1:
        lines += ["", f"All agree on the last column to {_AGREE:.1%}: they compute the same thing."]
    share = min((statistics.median(r.core_share) for r in ran if r.threads == 1), default=1.0)
    if share < _BUSY:
        lines += ["", f"**The machine was busy: a contender got only {share:.0%} of its core.**"]
    return lines
