"""Keeping the weights of the best epochs."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight.errors import ArgumentError, message
from rushlight.interop.safetensors import save_file
from rushlight.train.better import Mode, direction
from rushlight.train.callbacks.base import Callback

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(Callback):
    """Writes the weights of `model` to `path` (safetensors) whenever `monitor` was never better.

    path     may have columns of the history in it: "best-{epoch}-{validation_loss:.3f}.safetensors".
    monitor  a column of the history; mode: as in EarlyStopping.
    keep     so many of the best files are kept, with numbers where names meet; what they replace is removed.

    The files are written whole or not at all; `rl.interop.load_file` reads them. `best` is the best value,
    `best_path` its file.

    >>> import tempfile
    >>> import rushlight as rl
    >>> folder = tempfile.mkdtemp()
    >>> best = rl.train.callbacks.ModelCheckpoint(folder + "/{epoch}.safetensors", "train_loss")
    >>> model = rl.nn.Linear(1, 1)
    >>> optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    >>> options = {"progress": False, "callbacks": [best]}
    >>> x = rl.linspace(-1, 1, 8).reshape(8, 1)
    >>> _ = rl.train.Trainer(model, optimizer, rl.nn.MSELoss(), **options).fit((x, x), epochs=3)
    >>> best.best_path.name, sorted(rl.interop.load_file(best.best_path))
    ('3.safetensors', ['bias', 'weight'])
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str = "validation_loss",
        mode: Mode = "auto",
        keep: int = 1,
    ) -> None:
        if keep < 1:
            raise ArgumentError(message("ModelCheckpoint", f"keep={keep}", "at least 1"))
        self.path, self.monitor, self.mode, self.keep = os.fspath(path), monitor, mode, keep
        self.kept: list[tuple[float, Path]] = []

    @property
    def best(self) -> float | None:
        """The best value so far."""
        return self.kept[0][0] if self.kept else None

    @property
    def best_path(self) -> Path | None:
        """The file with the weights of that epoch."""
        return self.kept[0][1] if self.kept else None

    def on_epoch_end(self, trainer: Trainer, row: Mapping[str, Any]) -> None:
        if self.monitor not in row:
            measured = ", ".join(row)
            got = f"monitor {self.monitor!r}"
            raise ArgumentError(message("ModelCheckpoint", got, f"one of the columns {measured}"))
        value = float(row[self.monitor])
        sign = (
            1
            if direction("ModelCheckpoint", self.monitor, self.mode, trainer.metrics.better) == "min"
            else -1
        )
        worst = sign * self.kept[-1][0] if len(self.kept) == self.keep else math.inf
        if not sign * value < worst:
            return
        path = self._free(Path(self.path.format(**row)))
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(trainer.model.state_dict(), path)
        self.kept.append((value, path))
        self.kept.sort(key=lambda pair: sign * pair[0])
        for _, old in self.kept[self.keep :]:
            if old != path:
                old.unlink(missing_ok=True)
        del self.kept[self.keep :]

    def _free(self, path: Path) -> Path:
        """The path, with a number where one of several files that are kept has this name."""
        taken = {kept for _, kept in self.kept} if self.keep > 1 else set()
        names = (path.with_stem(f"{path.stem}-{i}") for i in count(1))
        return path if path not in taken else next(name for name in names if name not in taken)

    def state_dict(self) -> dict[str, Any]:
        """The best values and their files."""
        return {"kept": [[value, str(path)] for value, path in self.kept]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.kept = [(float(value), Path(path)) for value, path in state["kept"]]
