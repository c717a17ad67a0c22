"""A model in one safetensors file: weights, and what the columns taught. Loading runs no code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rushlight as rl
from rushlight.core.random import fork_rng
from rushlight.errors import DataError, RushlightError
from rushlight.interop.safetensors import parse, save_file
from rushlight.interop.strict import parse_json
from rushlight.tabular.encoder import Encoder
from rushlight.tabular.fitting import make_network
from rushlight.tabular.settings import Settings
from rushlight.tabular.target import Target
from rushlight.train import History
from rushlight.train.tables import Figures

if TYPE_CHECKING:
    from rushlight.tabular.model import TabularModel

__all__ = ["FORMAT", "from_parts", "load", "save"]

FORMAT = "rushlight.table"


def save(model: TabularModel, path: str | os.PathLike[str]) -> None:
    """Write `model` to `path`."""
    about = {
        "version": rl.__version__,
        "encoder": model.encoder.to_json(),
        "target": model.target.to_json(),
        "settings": model.settings.to_json(),
        "history": model.history.rows,
        "validation": {name: _number(value) for name, value in model.validation.items()},
        "weights": model.weights,
    }
    save_file(model.network.state_dict(), path, {"format": FORMAT, "rushlight": json.dumps(about)})


def _number(value: float) -> float | None:
    return value if value == value else None


def load(path: str | os.PathLike[str]) -> TabularModel:
    """The model in the file at `path` that `TabularModel.save` wrote; DataError for any other file.

    >>> import tempfile
    >>> import rushlight as rl
    >>> frame = {"x": list(range(40)), "y": [i % 2 == 0 for i in range(40)]}
    >>> model = rl.tabular.fit(frame, "y", epochs=2, categories=["x"], progress=False)
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> model.save(path)
    >>> bool((rl.tabular.load(path).predict(frame) == model.predict(frame)).all())
    True
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from error
    return from_parts(*parse(data, str(path)), str(path))


def from_parts(arrays: dict[str, Any], metadata: dict[str, str], name: str) -> TabularModel:
    """The model of the arrays and the metadata of a file, checked before they are believed."""
    from rushlight.tabular.model import TabularModel

    if metadata.get("format") != FORMAT:
        raise DataError(f"{name} is a safetensors file, but no model of a table")
    try:
        about = parse_json(metadata.get("rushlight", "null"))
        if not isinstance(about, dict):
            raise ValueError("incomplete metadata")
        encoder, target = Encoder.from_json(about.get("encoder")), Target.from_json(about.get("target"))
        settings = Settings.from_json(about.get("settings"))
        history, validation = _history(about.get("history")), _figures(about.get("validation"))
        weighed_by = about.get("weights")
        if weighed_by is not None and not isinstance(weighed_by, str):
            raise ValueError("its column of weights")
        if _weights(encoder, target, settings) != sum(array.size for array in arrays.values()):
            raise ValueError("its weights do not fit its settings")  # before so much is allocated
        with fork_rng():
            network = make_network(encoder, target, settings)
        network.load_state_dict({key: rl.from_numpy(array) for key, array in arrays.items()})
    except (RushlightError, ValueError) as error:
        raise DataError(f"{name} is damaged: {error}") from error
    network.eval()
    return TabularModel(network, encoder, target, settings, history, validation, weighed_by)


def _weights(encoder: Encoder, target: Target, settings: Settings) -> int:
    """How many parameters the network has, counted without making it."""
    embedded = sum((len(f.words) + 1) * f.width for f in encoder.embedded)
    inputs = len(encoder.columns) + sum(f.width for f in encoder.embedded)
    widths, outputs = [inputs, *(settings.hidden or ())], len(target.labels) or 1
    hidden = sum((a + 1) * b for a, b in zip(widths[:-1], widths[1:], strict=True))
    return embedded + (settings.members or 1) * (hidden + sum((size + 1) * outputs for size in widths))


def _history(rows: Any) -> History:
    good = isinstance(rows, list) and all(
        isinstance(row, dict) and all(type(v) in (int, float) for v in row.values()) for row in rows
    )
    if not good:
        raise ValueError("its history")
    return History(rows)


def _figures(values: Any) -> Figures:
    good = isinstance(values, dict) and all(v is None or type(v) in (int, float) for v in values.values())
    if not good:
        raise ValueError("its measures")
    return Figures((k, float("nan") if v is None else v) for k, v in values.items())
