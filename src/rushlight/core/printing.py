"""Tensors as text, to the letter as PyTorch prints them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from rushlight.core.spec import default
from rushlight.device import xp
from rushlight.errors import ArgumentError, message

__all__ = [
    "TRACED",
    "PrintOptions",
    "describe",
    "describe_sparse",
    "get_printoptions",
    "options",
    "set_printoptions",
]

TRACED = "<traced>"
"""What a tensor shows for its numbers while a function is traced, which has none."""


@dataclass
class PrintOptions:
    """How tensors are printed; see `set_printoptions`."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}

options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Say how tensors are printed from now on; what is left out stays as it is.

    precision  digits behind the point (4).
    threshold  of how many elements on only the edges are printed (1000).
    edgeitems  how many at each end of an axis then (3).
    linewidth  characters to a line (80).
    profile    "default", "short" (2 digits and 2 edge items) or "full" (all elements): sets the first four.
    sci_mode   powers of ten always or never; None, which every call sets that does not name it: as needed.

    Raises ArgumentError for an unknown profile.

    >>> import rushlight as rl
    >>> rl.set_printoptions(precision=2)
    >>> rl.tensor([3.14159])
    tensor([3.14])
    >>> rl.set_printoptions(profile="default")
    """
    if profile is not None:
        if profile not in PROFILES:
            expected = " or ".join(map(repr, PROFILES))
            raise ArgumentError(message("set_printoptions", f"profile={profile!r}", expected))
        _take(replace(PROFILES[profile], sci_mode=options.sci_mode))
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    for name, value in given.items():
        if value is not None:
            setattr(options, name, value)
    options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """How tensors are printed.

    >>> get_printoptions()["precision"]
    4
    """
    return {f.name: getattr(options, f.name) for f in fields(options)}


def _take(new: PrintOptions) -> None:
    for f in fields(new):
        setattr(options, f.name, getattr(new, f.name))


def describe(tensor: Any) -> str:
    """The text of a tensor: its numbers, then what of it is not as usual."""
    array, start = tensor.array, "tensor("
    facts: list[str] = []
    usual = {default.dtype}
    if array.__class__ is not xp.ndarray:
        text = TRACED
        usual |= {xp.int64, xp.bool_}
    elif not array.size:
        text = "[]"
        if array.ndim != 1:
            facts.append(f"size={tuple(array.shape)}")
    else:
        text = _numbers(array, len(start))
        usual |= {xp.int64, xp.bool_}
    if array.dtype not in usual:
        facts.append(f"dtype=rushlight.{array.dtype}")
    facts.extend(_history(tensor))
    return _joined(start, text, facts)


def describe_sparse(tensor: Any) -> str:
    """The text of a sparse tensor: its places, its values, then what of it is not as usual."""
    start, parts = "tensor(", []
    for name, part in (("indices", tensor._indices()), ("values", tensor._values())):
        begin = f"{name}=tensor("
        if part.array.__class__ is not xp.ndarray:
            text = TRACED
        elif part.array.size:
            text = _numbers(part.array, len(start + begin))
        else:
            text = f"[], size={tuple(part.shape)}"
        parts.append(f"{begin}{text})")
    facts = [f"size={tuple(tensor.shape)}", f"nnz={tensor._nnz()}"]
    if tensor.dtype not in (default.dtype, xp.int64, xp.bool_):
        facts.append(f"dtype=rushlight.{tensor.dtype}")
    facts.append(f"layout={tensor.layout}")
    if tensor.grad_fn is not None:
        facts.append(f"grad_fn=<{tensor.grad_fn.label}>")
    elif tensor.requires_grad:
        facts.append("requires_grad=True")
    gap = ",\n" + " " * len(start)
    return _joined(start, gap.join([*parts, facts[0]]), facts[1:])


def _history(tensor: Any) -> Iterator[str]:
    node = tensor.node
    if node is not None and node.name == "invalid":
        yield "grad_fn=<Invalid>"
    elif tensor.grad_fn is not None:
        yield f"grad_fn=<{tensor.grad_fn.label}>"
    elif tensor.requires_grad:
        yield "requires_grad=True"


def _joined(start: str, text: str, facts: list[str]) -> str:
    """The numbers and the facts, each on the last line as long as it fits there."""
    out = start + text
    used = len(out) - out.rfind("\n") + 1
    for fact in facts:
        if used + len(fact) + 2 > options.linewidth:
            out += ",\n" + " " * len(start) + fact
            used = len(start) + len(fact)
        else:
            out += ", " + fact
            used += len(fact) + 2
    return out + ")"


def _numbers(array: Any, indent: int) -> str:
    short = array.size > options.threshold
    style = _Style(_edges(array) if short else array)
    return _nested(array, indent, short, style)


def _edges(array: Any) -> Any:
    """Of every axis what is printed of it: the ends of a long one, all of a short one."""
    n = options.edgeitems
    index = []
    for axis, size in enumerate(array.shape):
        places = xp.asarray(_ends(size) if size > 2 * n else range(size))
        index.append(places.reshape([-1 if other == axis else 1 for other in range(array.ndim)]))
    return array[tuple(index)]


def _ends(size: int) -> list[int]:
    """The places that are printed of an axis so long."""
    n = options.edgeitems
    return [*range(n), *range(size - n, size)]


def _nested(array: Any, indent: int, short: bool, style: _Style) -> str:
    if array.ndim == 0:
        return style.text(array.item())
    length, n = array.shape[0], options.edgeitems
    cut = short and length > 2 * n
    places = _ends(length) if cut else range(length)
    if array.ndim == 1:
        parts = [style.text(value) for value in (array[places] if cut else array).tolist()]
        if cut:
            parts.insert(n, " ...")
        to_a_line = max(1, (options.linewidth - indent) // (style.width + 2))
        lines = [", ".join(parts[i : i + to_a_line]) for i in range(0, len(parts), to_a_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [_nested(array[i], indent + 1, short, style) for i in places]
    if cut:
        parts.insert(n, "...")
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


class _Style:
    """How the numbers of one tensor are written: all in one form, filled up to one width.

    Whole numbers end in a point; others have `precision` digits. Where the largest is more than 1000 times
    the smallest, or is above 10^8, or a broken one is below 10^-4, they are written as powers of ten. Zeros,
    infinities and nan count for neither.
    """

    def __init__(self, array: Any) -> None:
        self.floats = xp.known(array.dtype).kind == "f"
        self.whole, self.powers, self.width = True, False, 1
        if not self.floats:
            self.width = max(len(str(v)) for v in array.reshape(-1).tolist()) if array.size else 1
            return
        counted = array[xp.isfinite(array) & (array != 0)].astype(xp.float64).tolist()
        if not counted:
            return
        self.whole = all(v == math.ceil(v) for v in counted)
        sizes = [abs(v) for v in counted]
        low, high = min(sizes), max(sizes)
        wide = high / low > 1000 or high > 1e8
        self.powers = wide or (not self.whole and low < 1e-4)
        if options.sci_mode is not None:
            self.powers = options.sci_mode
        self.width = max(len(self._plain(v)) for v in counted)

    def text(self, value: Any) -> str:
        return (self._plain(value) if self.floats else str(value)).rjust(self.width)

    def _plain(self, value: float) -> str:
        if self.powers:
            return f"{value:.{options.precision}e}"
        if self.whole:
            return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
        return f"{value:.{options.precision}f}"
