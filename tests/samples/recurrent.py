"""Samples of recurrent cells and of layers of them, with sequences of equal and of different lengths."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply
from rushlight.ops.recurrent import GRU, LSTM, RNN
from tests.samples.record import X, sample

N, I, H = 2, 3, 2


def cell(gates: int) -> tuple[Any, ...]:
    weights = X(gates * H, I), X(gates * H, H, high=1.7), X(gates * H), X(gates * H, low=-1.0)
    return X(N, I), X(N, H, low=-0.9), *weights


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
