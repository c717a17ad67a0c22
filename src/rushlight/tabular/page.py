"""A page about a model of a table, one file of HTML: how good it is, what matters, how it was trained."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

import rushlight as rl
from rushlight.interop.files import write_atomically
from rushlight.tabular.measures import SHARES, confusion, measure
from rushlight.tabular.sources import as_table
from rushlight.tabular.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rushlight.tabular.model import Importance, TabularModel

__all__ = ["Findings", "write_page"]

SHOWN = 30
"""So many columns of a table are listed."""

CURVES = """The loss of every epoch, on the rows that the networks train on and on those that they hold out.
The weights are those of the epoch with the lowest validation loss."""
IMPORTANCE = """Permutation importance: how much worse the predictions get when a column's values are shuffled
among the rows. Correlated columns share their importance."""
STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.big { display: flex; gap: 1rem; flex-wrap: wrap; margin: 1.2rem 0; }
.big div { background: #f1f6fa; border-radius: .5rem; padding: .6rem 1.1rem; }
.big b { display: block; font-size: 1.5rem; } .big span, .note { color: #555; font-size: .9rem; }
table { border-collapse: collapse; font-size: .92rem; }
td, th { padding: .25rem .8rem .25rem 0; text-align: left; border-bottom: 1px solid #ddd; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; } figure { margin: 1rem 0; } img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: .9rem; }
"""


class Findings:
    """What a model does on the rows of a table: measures, importance, pictures."""

    def __init__(self, model: TabularModel, frame: Any, repeats: int = 3, weights: Any = None) -> None:
        self.model, self.table = model, as_table(frame, "report")
        x, codes, self.y, self.weights = model.encoded_with_target(self.table, "report", weights=weights)
        self.answers = model.answers(x, codes)
        self.measures = measure(model.target, self.answers, self.y, self.weights)
        few = self.table if self.table.rows <= 2000 else self.table.take(np.arange(2000))
        if weights is not None and not isinstance(weights, str):
            weights = np.asarray(weights)[: few.rows]
        self.importance: list[Importance] = model.importance(few, repeats, weights=weights)

    @cached_property
    def figures(self) -> dict[str, tuple[Figure, str]]:
        """The pictures, by name, each with its caption."""
        model = self.model
        losses = {name: model.history[name] for name in ("train_loss", "validation_loss")}
        found = {"curves": (rl.plot.curves(losses, scale="log"), CURVES)}
        if model.target.labels:
            counts = confusion(model.target, self.answers, self.y)
            figure = rl.plot.confusion_matrix(counts, model.target.classes)
            found["confusion-matrix"] = (figure, "Confusion matrix: true classes by predicted classes.")
        else:
            true, guess = model.target.decode(self.y), model.target.decode(self.answers[:, 0])
            found["predicted"] = (rl.plot.predicted(true, guess), "Predicted against true values.")
            caption = "Residuals (true value minus prediction) by the prediction."
            found["residuals"] = (rl.plot.residuals(true, guess), caption)
        bars = {one.column: (one.mean, one.std) for one in self.importance}
        measured = self.importance[0].measure.replace("_", " ")
        drawn = rl.plot.importance(bars, xlabel=f"increase of the {measured} when shuffled")
        found["importance"] = (drawn, IMPORTANCE)
        return found


def write_page(
    findings: Findings, path: str | os.PathLike[str], title: str, about: Sequence[tuple[str, str]] = ()
) -> None:
    """Write the page, with its pictures in it, atomically. about: lines of a name and what is said of it."""
    model = findings.model
    parts = [
        f"<h1>{_text(title)}</h1>",
        f"<p class=note>{_text(_sentence(findings))}</p>",
        _big(findings.measures),
        _rows(("", ""), about) if about else "",
        "<h2>Which columns matter</h2>",
    ]
    figures = dict(findings.figures)
    parts += [_figure(*figures.pop("importance")), "<h2>How good the predictions are</h2>"]
    parts += [_figure(*figures[name]) for name in figures if name != "curves"]
    if model.target.labels:
        parts.append(_classes(findings))
    parts += ["<h2>How it was trained</h2>", _figure(*figures["curves"]), _settings(model)]
    parts += ["<h2>The columns</h2>", _columns(findings.table, model)]
    body = "\n".join(parts)
    text = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body>\n{body}\n<p class=note>Written by Rushlight {rl.__version__}.</p></body></html>\n"
    )
    write_atomically(path, text)


def _text(value: Any) -> str:
    return html.escape(str(value))


def _sentence(findings: Findings) -> str:
    target = findings.model.target
    what = f"one of {len(target.labels)} classes" if target.labels else "a number"
    rows = len(findings.y)
    weighed = ", by their weights" if findings.weights is not None else ""
    return f"Predicts “{target.name}”, {what}. Measured on {rows:,} rows that were not trained on{weighed}."


def _big(measures: dict[str, Any]) -> str:
    cells = [
        f"<div><b>{_figure_of(n, v)}</b><span>{_text(n.replace('_', ' '))}</span></div>"
        for n, v in measures.items()
    ]
    return f"<div class=big>{''.join(cells)}</div>"


def _figure_of(name: str, value: float) -> str:
    return f"{100 * value:.1f} %" if name in SHARES else f"{value:.4g}"


def _rows(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        marks = [
            "".join(f"<{tag}{' class=n' if i in right else ''}>{_text(c)}</{tag}>")
            for i, c in enumerate(cells)
        ]
        return f"<tr>{''.join(marks)}</tr>"

    head = line(header, "th") if any(header) else ""
    return f"<div class=wide><table>{head}{''.join(line(row, 'td') for row in rows)}</table></div>"


def _figure(figure: Figure, caption: str) -> str:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=110, metadata={"Software": None})
    data = base64.b64encode(drawn.getvalue()).decode()
    return (
        f'<figure><img alt="{_text(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{_text(caption)}</figcaption></figure>"
    )


def _classes(findings: Findings) -> str:
    target = findings.model.target
    counts = confusion(target, findings.answers, findings.y)
    rows = []
    for place, name in enumerate(target.classes):
        right, true, found = counts[place, place], counts[place].sum(), counts[:, place].sum()
        shares = [f"{100 * right / whole:.1f} %" if whole else "" for whole in (true, found)]
        rows.append((name, f"{true:,}", f"{found:,}", *shares))
    header = ("class", "rows", "predicted", "recall", "precision")
    return _rows(header, rows, right=(1, 2, 3, 4))


def _settings(model: TabularModel) -> str:
    from rushlight.tabular.words import network_words, training_words

    measured = ", ".join(f"{n.replace('_', ' ')} {_figure_of(n, v)}" for n, v in model.validation.items())
    rows = [
        ("network", network_words(model)),
        ("training", training_words(model.settings)),
        ("epochs", f"{len(model.history.rows)}, best {model.history.best('validation_loss')['epoch']}"),
        ("held-out rows", measured),
    ]
    return _rows(("", ""), rows)


def _columns(table: Table, model: TabularModel) -> str:
    from rushlight.tabular.words import feature_words

    rows = [(f.name, feature_words(f), _missing(table, f.name)) for f in model.encoder.features[:SHOWN]]
    rows += [
        (name, f"left out: {why}", _missing(table, name)) for name, why in list(model.dropped.items())[:SHOWN]
    ]
    more = len(model.encoder.features) + len(model.dropped) - len(rows)
    note = f"<p class=note>and {more} more</p>" if more else ""
    return _rows(("column", "how it is used", "missing here"), rows, right=(2,)) + note


def _missing(table: Table, name: str) -> str:
    share = table[name].missing.mean() if name in table and table.rows else 0.0
    return f"{100 * share:.1f} %" if share else ""
