"""model.safetensors: weights, and in the metadata all that is needed to build the net again and predict."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rushlight as rl
from rushlight.cli.console import UserError
from rushlight.cli.settings import INPUTS, Settings, weights
from rushlight.interop import save_file
from rushlight.interop.safetensors import parse
from rushlight.interop.strict import parse_json

__all__ = ["FILE", "SavedModel", "build_model", "load_any", "load_model"]

FILE = "model.safetensors"


def build_model(settings: Settings) -> Any:
    """The net of `settings`, its parameters drawn from the global generator."""
    return rl.nn.MLP(
        INPUTS[settings.dataset],
        list(settings.hidden),
        settings.outputs,
        activation=list(settings.activation),
        output=None if settings.output == "none" else settings.output,
        init=settings.init,
    )


@dataclass
class SavedModel:
    """A trained net with its settings and the facts of its data (statistics, class names)."""

    model: Any
    settings: Settings
    facts: dict[str, Any]

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.facts["classes"])

    def save(self, path: Path) -> None:
        """Write the model file, atomically."""
        about = {"settings": self.settings.to_json(), "facts": self.facts, "version": rl.__version__}
        save_file(
            self.model.state_dict(), path, {"format": "rushlight.model", "rushlight": json.dumps(about)}
        )

    def normalise(self, points: Any) -> Any:
        """Raw points (N, 2) of the unit square, on the scale of the net's inputs."""
        raw = rl.as_tensor(points, dtype=rl.float64)
        mean, std = (rl.tensor(self.facts[name], dtype=rl.float64) for name in ("mean", "std"))
        return ((raw - mean) / std).float()

    def probabilities(self, inputs: Any) -> Any:
        """The probability of each class, a float64 Tensor (N, classes), for inputs on the net's scale.

        After training on a squared error the output itself estimates the probability; it is cut to [0, 1].
        """
        self.model.eval()
        with rl.no_grad():
            return self.chances(self.model(inputs).double())

    def chances(self, output: Any) -> Any:
        """The probability of each class, from what the net gives."""
        return _probabilities(output, self.settings)


def _hint(target: Path) -> str:
    if target.is_dir():
        return " (has the training finished?)"
    return "; pass the folder that `rushlight train ... --out FOLDER` left, or a model.safetensors"


def load_model(target: Path) -> SavedModel:
    """The model of a built-in data set at `target`; UserError for anything else."""
    found = load_any(target)
    if not isinstance(found, SavedModel):
        raise UserError(f"{target} is a model of a table, whose columns are encoded outside its network")
    return found


def load_any(target: Path) -> Any:
    """The model at `target`, a file or a run's folder: a SavedModel, or a TabularModel of a table.

    UserError for anything else. Runs no code of it.
    """
    path = target / FILE if target.is_dir() else target
    if not path.exists():
        raise UserError(f"there is no {path}{_hint(target)}")
    arrays, metadata = parse(path.read_bytes(), str(path))
    if metadata.get("format") == "rushlight.table":
        from rushlight.tabular.saving import from_parts

        return from_parts(arrays, metadata, str(path))
    if metadata.get("format") != "rushlight.model":
        raise UserError(f"{path} is a safetensors file, but no model saved by `rushlight train`")
    try:
        about = parse_json(metadata.get("rushlight", "null"))
        if not isinstance(about, dict):
            raise ValueError("incomplete metadata")
        settings = Settings.from_json(about.get("settings"))
        facts = _checked(settings, about.get("facts"))
    except (UserError, ValueError) as error:
        raise UserError(f"{path} is damaged: {error}") from error
    try:
        if weights(settings) != sum(array.size for array in arrays.values()):  # before so much is allocated
            raise UserError(f"a net of {weights(settings):,} parameters")
        model = build_model(settings)
        model.load_state_dict({name: rl.from_numpy(array) for name, array in arrays.items()})
    except rl.errors.RushlightError as error:
        raise UserError(f"{path} is damaged, its weights do not fit its settings: {error}") from error
    return SavedModel(model, settings, facts)


def _checked(settings: Settings, facts: Any) -> dict[str, Any]:
    """The facts of the data, if they are what `settings` need; ValueError if not."""
    if not isinstance(facts, dict):
        raise ValueError("incomplete metadata")
    names, disk = facts.get("classes"), settings.dataset == "disk"
    if not isinstance(names, list) or len(names) != (2 if disk else 10):
        raise ValueError("its names of classes")
    if not all(isinstance(name, str) and name.isprintable() for name in names):
        raise ValueError("its names of classes")
    for key in ("mean", "std"):
        values = facts.get(key) if disk else [facts.get(key)]
        if not isinstance(values, list) or len(values) != INPUTS["disk"] ** disk:
            raise ValueError(f"its {key}")
        if not all(type(value) in (int, float) and abs(value) < 1e30 for value in values):
            raise ValueError(f"its {key}")
        if key == "std" and not all(value > 1e-30 for value in values):
            raise ValueError("its std")
    return facts


def _probabilities(output: Any, settings: Settings) -> Any:
    if settings.loss == "cross-entropy":
        return rl.softmax(output, dim=1)
    if settings.output == "log_softmax":
        return rl.exp(output)
    if settings.loss == "bce-logits":
        output = rl.sigmoid(output)
    elif targets_of(settings) == "signed":
        output = (output + 1.0) / 2.0
    scores = output.clamp(0.0, 1.0)
    if settings.outputs == 1:
        return rl.cat([1.0 - scores, scores], dim=1)
    total = scores.sum(dim=1, keepdim=True)
    return rl.where(total > 0, scores / total.clamp(min=1e-300), 1.0 / settings.outputs)


def targets_of(settings: Settings) -> str:
    """How targets are given to the loss: as classes, one-hot rows, 0 and 1, or -1 and 1 for a tanh output."""
    if settings.loss in ("nll", "cross-entropy"):
        return "class"
    if settings.outputs > 1:
        return "one_hot"
    return "signed" if settings.output == "tanh" else "scalar"
