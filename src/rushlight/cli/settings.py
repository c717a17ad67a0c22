"""The settings of a run: defaults for each data set, checks, and config.json."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from rushlight.cli.console import UserError
from rushlight.interop.files import write_atomically
from rushlight.interop.strict import parse_json

__all__ = [
    "ACTIVATIONS", "DATASETS", "INPUTS", "LOSSES", "OPTIMIZERS", "OUTPUTS", "Settings", "from_options",
    "weights",
]  # fmt: skip

DATASETS = ("disk", "mnist", "fashion-mnist")
INPUTS = {"disk": 2, "mnist": 784, "fashion-mnist": 784}
ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu")
OUTPUTS = ("none", "tanh", "sigmoid", "relu", "softmax", "log_softmax")
LOSSES = ("mse", "l1", "bce", "bce-logits", "nll", "cross-entropy")
OPTIMIZERS = ("sgd", "adam", "adamw")
MOST = 2**63
LARGEST = 2**30
"""More weights than this are a mistake."""
FREE_ON_RESUME = ("epochs", "threads", "data", "runs")
"""Settings that may change when a run is resumed."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a run computes, and where its data lie."""

    dataset: str
    hidden: tuple[int, ...] = (25, 25, 25)
    activation: tuple[str, ...] = ("relu", "relu", "tanh")
    output: str = "tanh"
    outputs: int = 1
    loss: str = "mse"
    init: str = "pytorch"
    optimizer: str = "sgd"
    lr: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 0.0
    epochs: int = 100
    batch_size: int = 100
    seed: int = 0
    data_seed: int | None = None
    """Of the disk's points; None: that of `seed`."""
    patience: int | None = None
    runs: int = 1
    threads: int = 1
    compile: bool | None = None
    data: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As config.json keeps it."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Any) -> Settings:
        """From what `to_json` gave; UserError for anything else."""
        if not isinstance(values, dict):
            raise UserError(f"a {type(values).__name__} in the place of settings")
        known = {field.name: str(field.type) for field in fields(cls)}
        given = {name: value for name, value in values.items() if name in known}
        wrong = [name for name, value in given.items() if not _is(value, known[name])]
        if wrong or "dataset" not in given:
            raise UserError(f"wrong kind of value for {', '.join(wrong)}" if wrong else "no data set")
        return from_options(given.pop("dataset"), given)

    def write(self, path: Path, versions: dict[str, str]) -> None:
        """Write config.json."""
        write_atomically(path, json.dumps({**self.to_json(), "versions": versions}, indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read config.json."""
        try:
            return cls.from_json(parse_json(path.read_bytes()))
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from error
        except (UserError, ValueError) as error:
            raise UserError(f"{path} is damaged, or was written by another program: {error}") from error

    def resumed(self, given: dict[str, Any]) -> Settings:
        """These settings with the options of a resumed run; only some may differ from the first run's."""
        chosen = {name: value for name, value in given.items() if value is not None}
        asked = from_options(self.dataset, {**self.to_json(), **chosen})
        wrong = [
            f"--{name.replace('_', '-')} {_text(getattr(asked, name))} (was {_text(getattr(self, name))})"
            for name in self.to_json()
            if name not in FREE_ON_RESUME and getattr(asked, name) != getattr(self, name)
        ]
        if wrong:
            raise UserError(
                f"a resumed run cannot change {', '.join(wrong)}. "
                "Leave that out, or start anew in another --out.",
                2,
            )
        return asked


def _is(value: Any, kind: str) -> bool:
    """Whether a value of config.json is of a field's kind, such as "int | None"."""
    if kind.endswith(" | None"):
        return value is None or _is(value, kind.removesuffix(" | None"))
    if kind.startswith("tuple["):
        inner = kind.removeprefix("tuple[").removesuffix(", ...]")
        return isinstance(value, list) and all(_is(item, inner) for item in value)
    if kind == "str":
        return isinstance(value, str) and value.isprintable()
    if kind == "float":
        return type(value) in (int, float) and abs(value) < MOST
    return type(value).__name__ == kind and (kind != "int" or abs(value) < MOST)


DEFAULTS: dict[str, dict[str, Any]] = {
    "disk": {},
    "mnist": {
        "hidden": (100, 100),
        "activation": ("relu",),
        "loss": "nll",
        "init": "auto",
        "lr": 0.02,
        "epochs": 10,
    },
}
DEFAULTS["fashion-mnist"] = DEFAULTS["mnist"]


def from_options(dataset: str, given: dict[str, Any]) -> Settings:
    """Settings from options, those that are None or absent filled in; UserError for what does not fit."""
    if dataset not in DATASETS:
        raise UserError(f"unknown data set {dataset!r}; there are {', '.join(DATASETS)}", 2)
    values = {**DEFAULTS[dataset], **{k: v for k, v in given.items() if v is not None}}
    values["dataset"] = dataset
    values["hidden"] = widths(values.get("hidden", Settings.hidden))
    asked = "activation" in given and given["activation"] is not None
    values["activation"] = _activations(
        values.get("activation", Settings.activation), len(values["hidden"]), asked
    )
    values["loss"] = _choice("loss", values.get("loss", "mse"), LOSSES)
    values["outputs"] = _outputs(dataset, values["loss"], given.get("outputs"))
    values["output"] = _output(dataset, values, given.get("output"))
    values["init"] = _init(values.get("init", "pytorch"), values["activation"])
    values["optimizer"] = _choice("optimizer", values.get("optimizer", "sgd"), OPTIMIZERS)
    values |= {name: value for name, value in _tuned(dataset, values).items() if given.get(name) is None}
    settings = Settings(**values)
    _check_numbers(settings)
    if (count := weights(settings)) > LARGEST:
        raise UserError(f"--hidden {_text(settings.hidden)}: a net of {count:,} parameters is too large", 2)
    return settings


def weights(settings: Settings) -> int:
    """How many parameters the net has, counted without making it."""
    sizes = (INPUTS[settings.dataset], *settings.hidden, settings.outputs)
    return sum((before + 1) * after for before, after in pairwise(sizes))


def _tuned(dataset: str, values: dict[str, Any]) -> dict[str, Any]:
    """Defaults that depend on other options."""
    if values["optimizer"] != "sgd":
        return {"lr": 0.01 if dataset == "disk" else 0.001}
    if dataset == "disk":
        return {}
    if values["loss"] not in ("nll", "cross-entropy"):
        return {"lr": 0.1}  # their mean is over the ten outputs too, so gradients are smaller
    return {} if values["hidden"] else {"lr": 0.002, "epochs": 20}


def widths(text: Any) -> tuple[int, ...]:
    """Hidden widths from ``25,25,25``, ``none`` or the empty string, or a sequence."""
    parts = text.split(",") if isinstance(text, str) else text
    if not parts or (isinstance(text, str) and text.strip().lower() in ("", "none", "0")):
        return ()
    words = [str(part).strip() for part in parts]
    found = tuple(
        int(word) if word.isascii() and word.isdecimal() and len(word) < 10 else 0 for word in words
    )
    if min(found) < 1:
        raise UserError(
            f"--hidden {text!r}: expected widths such as 25,25,25, or none for no hidden layer", 2
        )
    return found


def _activations(names: Any, layers: int, asked: bool) -> tuple[str, ...]:
    """One name for each hidden layer. A default list of another length is cut, or its last name repeated."""
    parts = names.split(",") if isinstance(names, str) else list(names)
    found = [_choice("activation", part, ACTIVATIONS) for part in parts]
    if len(found) not in (1, layers) and asked and isinstance(names, str):
        raise UserError(
            f"--activation has {len(found)} names for {layers} hidden layers; give one, or one for each",
            2,
        )
    return tuple((found + found[-1:] * layers)[:layers])


def _choice(option: str, text: Any, allowed: tuple[str, ...]) -> str:
    """The member of `allowed` that `text` names, however it is spelled."""
    spelled = {name.replace("-", "_"): name for name in allowed}
    key = str(text).strip().lower().replace("-", "_")
    key = {"leakyrelu": "leaky_relu", "logsoftmax": "log_softmax", "identity": "none", "": "none"}.get(
        key, key
    )
    if key not in spelled:
        raise UserError(f"unknown --{option} {str(text)!r}; there are {', '.join(allowed)}", 2)
    return spelled[key]


def _outputs(dataset: str, loss: str, asked: int | None) -> int:
    classes = 2 if dataset == "disk" else 10
    one = dataset == "disk" and loss not in ("nll", "cross-entropy")
    allowed = (1, 2) if one else (classes,)
    chosen = (1 if one else classes) if asked is None else asked
    if chosen not in allowed:
        fits = " or ".join(str(n) for n in allowed)
        raise UserError(f"--outputs {chosen} does not fit {dataset} with loss {loss}; expected {fits}", 2)
    return chosen


def _output(dataset: str, values: dict[str, Any], asked: Any) -> str:
    """The function on the last layer: what the loss needs, or what was asked for if the loss can take it."""
    loss = values["loss"]
    usual = {"bce": "sigmoid", "nll": "log_softmax"}.get(loss, "none")
    if dataset == "disk" and loss in ("mse", "l1"):
        usual = "tanh" if values["outputs"] == 1 else "sigmoid"
    if asked is None:
        return usual
    chosen = _choice("output", asked, OUTPUTS)
    fits = {
        "bce": ("sigmoid", "softmax"),
        "nll": ("log_softmax",),
        "bce-logits": ("none",),
        "cross-entropy": ("none",),
    }.get(loss, ("none", "tanh", "sigmoid", "relu", "softmax"))
    if loss == "nll" and chosen == "none":  # the log-softmax is part of what the reports call this loss
        return "log_softmax"
    if chosen not in fits or (chosen == "softmax" and values["outputs"] == 1):
        raise UserError(f"--output {chosen} does not fit --loss {loss}; expected {' or '.join(fits)}", 2)
    return chosen


def _init(name: str, activations: tuple[str, ...]) -> str:
    if name != "auto":
        from rushlight.nn import init

        init.from_name(name)
        return name
    linear_or_relu = all(activation in ("relu", "leaky_relu") for activation in activations)
    return "kaiming_uniform" if activations and linear_or_relu else "xavier_uniform"


def _check_numbers(settings: Settings) -> None:
    rules = [
        ("lr", 0 < settings.lr < math.inf, "above 0"),
        ("momentum", 0 <= settings.momentum < 1, "from 0 to below 1"),
        ("weight-decay", 0 <= settings.weight_decay < math.inf, "at least 0"),
        ("epochs", settings.epochs >= 1, "at least 1"),
        ("batch-size", settings.batch_size >= 1, "at least 1"),
        ("runs", settings.runs >= 1, "at least 1"),
        ("threads", 1 <= settings.threads <= 1024, "from 1 to 1024"),
        ("seed", 0 <= settings.seed < 2**63, "from 0 to 2**63 - 1"),
        ("data-seed", settings.data_seed is None or 0 <= settings.data_seed < 2**63, "from 0 to 2**63 - 1"),
        ("patience", settings.patience is None or settings.patience >= 1, "at least 1"),
    ]
    for name, holds, expected in rules:
        if not holds:
            value = getattr(settings, name.replace("-", "_"))
            raise UserError(f"--{name} {value}: expected a number {expected}", 2)


def _text(value: Any) -> str:
    return ",".join(str(item) for item in value) or "none" if isinstance(value, tuple) else str(value)
