"""``rushlight export``: a saved model in another format, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rushlight as rl
from rushlight.cli.console import UserError, say
from rushlight.cli.saved import SavedModel, load_any

if TYPE_CHECKING:
    from rushlight.tabular import TabularModel

__all__ = ["Whole", "export"]


class Whole(rl.nn.Module):
    """From what users have to what they want: points or pictures in, the chances of the classes out."""

    def __init__(self, saved: SavedModel) -> None:
        super().__init__()
        self.model, self._saved = saved.model, saved
        mean, std = (rl.tensor(saved.facts[name], dtype=rl.float32) for name in ("mean", "std"))
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    @property
    def example(self) -> Any:
        """An input: points (n, 2), or pictures (n, 28, 28) with pixels from 0 to 255, white on black."""
        return rl.zeros(1, 2) if self._saved.settings.dataset == "disk" else rl.zeros(1, 28, 28)

    def forward(self, input: Any) -> Any:
        x = input if input.ndim == 2 else input.reshape(-1, 784) / 255
        return self._saved.chances(self.model((x - self.mean) / self.std))


def export(target: Path, form: str, out: Path | None, force: bool) -> None:
    """Write the model of a run, or of a file, as ONNX."""
    if form != "onnx":
        raise UserError(f"--to {form}: expected onnx", 2)
    saved = load_any(target)
    path = out or (target if target.is_dir() else target.parent) / "model.onnx"
    if path.exists() and not force:
        raise UserError(f"{path} exists; pass --overwrite, or another --out")
    if not isinstance(saved, SavedModel):
        _export_table(saved, path)
        return
    whole = Whole(saved)
    kind = "points" if saved.settings.dataset == "disk" else "pictures"
    program = rl.onnx.export(
        whole,
        (whole.example,),
        input_names=[kind],
        output_names=["probabilities"],
        dynamic_axes={kind: {0: "n"}},
    )
    program.save(path)
    sizes = "n x 2" if kind == "points" else "n x 28 x 28, 0 to 255"
    say(f"{path}  {kind} ({sizes}) -> probabilities (n x {len(saved.classes)}): {', '.join(saved.classes)}")


def _export_table(model: TabularModel, path: Path) -> None:
    from rushlight.tabular.onnx_file import input_words, output_names

    model.to_onnx(path)
    names = " and ".join(output_names(model))
    what = f"{model.target.name}: {', '.join(model.target.classes)}" if model.classes else model.target.name
    say(f"{path}  {len(model.columns)} columns, each n x 1 -> {names} ({what})")
    for name, kind in input_words(model):
        say(f"  {name}: {kind}")
