"""Samples of recurrent cells and of layers of them, with sequences of equal and of different lengths."""

from __future__ import annotations

from typing import Any

import rushlight as rl
from rushlight.compile.graph import Graph
from rushlight.core.apply import apply
from rushlight.core.op import REGISTRY
from rushlight.ops.loop import plain
from rushlight.ops.recurrent import GRU, LSTM, RNN
from tests.samples.record import X, sample

N, I, H = 2, 3, 2


def cell(gates: int) -> tuple[Any, ...]:
    weights = X(gates * H, I), X(gates * H, H, high=1.7), X(gates * H), X(gates * H, low=-1.0)
    return X(N, I), X(N, H, low=-0.9), *weights


def rounds(h: Any, x: Any, w: Any, reverse: bool) -> Any:
    """A loop that is made by hand: h' = h x + w, and h' + h beside it."""
    body = Graph()
    state, part, weight = body.inputs = [body.fresh(t.spec) for t in (h, x[0], w)]
    new = body.append(REGISTRY["add"], body.append(REGISTRY["mul"], state, part), weight)
    body.outputs = [new, body.append(REGISTRY["add"], new, state)]
    facts = {"body": body, "count": x.shape[0], "carried": 1, "stacked": 1, "reverse": reverse}
    return plain([h, x, w], facts)


def turned(carry: Any, x: Any, w: Any) -> Any:
    """One step of a scan, with two states and two outputs."""
    h, c = carry
    h = (h @ w + x["a"]).tanh()
    return (h, c * x["b"] + h.sum(1)), [h * c.unsqueeze(1), c]


# fmt: off
sample("lstm_cell", lambda L, x, h, *w: L.lstm_cell(x, (h, h * 2), *w), cell(4), cell(4)[:4], exact=False)
sample("gru_cell", lambda L, *t: L.gru_cell(*t), cell(3), cell(3)[:4], exact=False)
sample("rnn_tanh_cell", lambda L, *t: L.rnn_tanh_cell(*t), cell(1), cell(1)[:4], exact=False)
sample("rnn_relu_cell", lambda L, *t: L.rnn_relu_cell(*t), cell(1), cell(1)[:4], exact=False)
for _sizes in ((2, 2, 2), (3, 2, 2, 1)):
    for _reverse in (False, True):
        _how = {"sizes": _sizes, "reverse": _reverse}
        _rows, _batch = sum(_sizes), _sizes[0]
        sample("lstm", lambda L, *t, how=_how: apply(LSTM, *t, **how),
            (X(_rows, 4 * H), X(4 * H, H), X(_batch, H), X(_batch, H, low=-1.5)), peer=False)
        sample("gru", lambda L, *t, how=_how: apply(GRU, *t, **how),
            (X(_rows, 3 * H), X(3 * H, H), X(_batch, H), X(3 * H)),
            (X(_rows, 3 * H), X(3 * H, H), X(_batch, H)), peer=False)
        for _relu in (False, True):
            sample("rnn", lambda L, *t, how={**_how, "relu": _relu}: apply(RNN, *t, **how),
                (X(_rows, H), X(H, H), X(_batch, H)), peer=False)
for _reverse in (False, True):
    sample("loop", lambda L, h, x, w, how=_reverse: rounds(h, x, w, how), peer=False,
        plain=[(X(N, H), X(3, N, H), X(N, H))])
    for _length in (1, 3):
        sample("scan", lambda L, h, c, a, b, w, how=_reverse: rl.func.scan(
            lambda carry, x: turned(carry, x, w), (h, c), {"a": a, "b": b}, dim=-1, reverse=how),
            (X(N, H), X(N, low=-0.9), X(N, H, _length), X(N, _length, low=-1.1), X(H, H)), peer=False)
