"""What a model of a table is, in words: for the command line and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.tabular.features import Feature
from rushlight.tabular.settings import Settings

if TYPE_CHECKING:
    from rushlight.tabular.model import TabularModel

__all__ = ["feature_words", "network_words", "training_words", "used_words"]


def feature_words(feature: Feature) -> str:
    """How a column is encoded."""
    if feature.kind == "number":
        missing = f"; missing: {feature.fill:.4g} and an indicator column" if feature.indicator else ""
        return f"a number{missing}"
    if feature.kind == "date":
        parts = f", and phase of the {', '.join(feature.parts)}" if feature.parts else ""
        return f"a date: days{parts}"
    count = len(feature.words)
    if count == 1:
        return f"whether it is {feature.words[0] or 'missing'}"
    if feature.width:
        return f"{count} categories, embedded as vectors of {feature.width} numbers"
    return f"{count} categories, one-hot"


def used_words(model: TabularModel) -> str:
    """How many columns of each kind it looks at."""
    kinds = [feature.kind for feature in model.encoder.features]
    counts = {kind: kinds.count(kind) for kind in ("number", "category", "date")}
    plural = {"number": "numbers", "category": "categories", "date": "dates"}
    words = [f"{n} {kind if n == 1 else plural[kind]}" for kind, n in counts.items() if n]
    embedded = [feature.name for feature in model.encoder.embedded]
    return ", ".join(words) + (f"; embedded: {', '.join(embedded)}" if embedded else "")


def network_words(model: TabularModel) -> str:
    """Widths, activation and number of the networks."""
    settings, encoder = model.settings, model.encoder
    inputs = len(encoder.columns) + sum(feature.width for feature in encoder.embedded)
    widths = "-".join(str(n) for n in (inputs, *(settings.hidden or ()), len(model.target.labels) or 1))
    members = settings.members or 1
    many = f"{members} networks of {widths}" if members > 1 else widths
    count = sum(parameter.numel() for parameter in model.network.parameters())
    return f"{many} ({settings.activation}, and a linear path), {count:,} parameters"


def training_words(settings: Settings) -> str:
    """Optimiser and its numbers."""
    parts = [f"AdamW, lr {settings.lr:g}", f"weight decay {settings.weight_decay:g}"]
    parts += [f"dropout {settings.dropout:g}"] if settings.dropout else []
    parts += [f"batches of {settings.batch_size}", f"at most {settings.epochs} epochs"]
    return ", ".join([*parts, f"patience {settings.patience}"])
