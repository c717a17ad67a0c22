"""How the network of a table is made and trained."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from rushlight.errors import ArgumentError, message
from rushlight.nn.activation import activation_from_name

__all__ = ["Settings"]

SMALL = 600
"""Up to so many rows one hidden layer does better than two, by cross-validation over small data sets."""


@dataclass(frozen=True)
class Settings:
    """What decides the network and its training; None: chosen by the number of rows.

    hidden        widths of the hidden layers: (256,) for few rows, (128, 128) for more; () for none.
    members       so many networks are trained side by side, and their answers averaged: 8, or 4 of many rows.
    epochs        of at most 15,000 steps; patience: training stops after so many epochs without a better
                  validation loss, of 800 steps at least.
    """

    hidden: tuple[int, ...] | None = None
    activation: str = "silu"
    dropout: float = 0.0
    members: int | None = None
    lr: float = 1e-3
    weight_decay: float = 1e-2
    epochs: int | None = None
    batch_size: int | None = None
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        hidden = self.hidden
        if hidden is not None:
            object.__setattr__(self, "hidden", (hidden,) if isinstance(hidden, int) else tuple(hidden))
        rules = [
            (
                "hidden",
                all(type(n) is int and 1 <= n <= 2**16 for n in self.hidden or ()),
                "widths of at least 1",
            ),
            ("dropout", 0 <= self.dropout < 1, "from 0 to below 1"),
            ("members", self.members is None or 1 <= self.members <= 256, "from 1 to 256"),
            ("lr", 0 < self.lr < math.inf, "above 0"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0"),
            ("epochs", self.epochs is None or self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size is None or self.batch_size >= 1, "at least 1"),
            ("patience", self.patience is None or self.patience >= 1, "at least 1"),
            ("seed", 0 <= self.seed < 2**63, "from 0 to 2**63 - 1"),
        ]
        for name, holds, expected in rules:
            if not holds:
                raise ArgumentError(message("fit", f"{name}={getattr(self, name)!r}", expected))
        activation_from_name(self.activation)

    def for_rows(self, rows: int) -> Settings:
        """With what depends on the number of rows chosen."""
        members = self.members or (8 if rows <= 20_000 else 4)
        batch = self.batch_size or min(256, max(16, 2 ** round(math.log2(max(rows, 1) / 30))))
        steps = math.ceil(rows / batch)
        return replace(
            self,
            hidden=self.hidden if self.hidden is not None else (256,) if rows <= SMALL else (128, 128),
            members=members,
            batch_size=batch,
            epochs=self.epochs or min(2000, max(60, 15_000 // steps)),
            patience=self.patience or max(12, 800 // steps),
        )

    def to_json(self) -> dict[str, Any]:
        """As a model file keeps it."""
        return {**asdict(self), "hidden": list(self.hidden or ())}

    @classmethod
    def from_json(cls, values: Any) -> Settings:
        """From what `to_json` gave; ValueError for anything else."""
        if not isinstance(values, dict) or values.keys() != {field.name for field in fields(cls)}:
            raise ValueError("its settings")
        for field in fields(cls):
            if not _is(values[field.name], str(field.type)):
                raise ValueError(f"its setting {field.name}")
        return cls(**values)


def _is(value: Any, kind: str) -> bool:
    if kind.endswith(" | None"):
        return value is None or _is(value, kind.removesuffix(" | None"))
    if kind.startswith("tuple["):
        return isinstance(value, list) and all(type(item) is int for item in value)
    if kind == "float":
        return type(value) in (int, float)
    return type(value).__name__ == kind
