"""Recurrent layers as a function: several layers, in one direction or both, over a batch of sequences."""

from __future__ import annotations

from typing import Any, NamedTuple

from rushlight import ops
from rushlight.core.apply import apply
from rushlight.core.tensor import Tensor
from rushlight.nn.functional.dropout import dropout
from rushlight.ops import composed
from rushlight.ops.matmul import MM, linear
from rushlight.ops.recurrence import plan_of, resized, take
from rushlight.ops.recurrent import GRU, LSTM, RNN, joined_bias

__all__ = ["Weights", "recurrent"]


class Weights(NamedTuple):
    """The parameters of one direction of one layer."""

    ih: Tensor
    hh: Tensor
    bias_ih: Tensor | None = None
    bias_hh: Tensor | None = None
    hr: Tensor | None = None


def recurrent(
    mode: str,
    x: Tensor,
    sizes: tuple[int, ...],
    states: tuple[Tensor, ...],
    layers: list[list[Weights]],
    drop: float,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """What the last layer gives, in rows as `x`, and the last states of all layers.

    mode    "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
    x       the elements of all sequences step by step, `sizes[t]` of step t: see `ops/recurrence.py`.
    states  the initial ones, (layers * directions, N, H) each: h, and of an LSTM c.
    layers  the weights of each layer, one for each direction.
    drop    the probability with which what passes from one layer to the next is dropped.
    """
    last: list[tuple[Tensor, ...]] = []
    for number, directions in enumerate(layers):
        x = dropout(x, drop, bool(number and drop))
        made = []
        for back, weights in enumerate(directions):
            initial = tuple(s[len(last)] for s in states)
            out, ends = _direction(mode, x, sizes, bool(back), initial, weights)
            made.append(out)
            last.append(ends)
        x = made[0] if len(made) == 1 else ops.cat(made, 1)
    final = [
        found[0].unsqueeze(0) if len(found) == 1 else ops.stack(found) for found in zip(*last, strict=True)
    ]
    return x, tuple(final)


def _direction(
    mode: str, x: Tensor, sizes: tuple[int, ...], reverse: bool, states: tuple[Tensor, ...], w: Weights
) -> tuple[Tensor, tuple[Tensor, ...]]:
    attrs: dict[str, Any] = {"sizes": sizes, "reverse": reverse}
    after: tuple[Tensor, ...]
    if mode == "GRU":  # there the state's bias is within a product with a gate
        given = () if w.bias_hh is None else (w.bias_hh,)
        after = (apply(GRU, linear(x, w.ih, w.bias_ih), w.hh, *states, *given, **attrs),)
    else:
        gates = linear(x, w.ih, joined_bias(w.bias_ih, w.bias_hh))
        if w.hr is not None:
            after = _projected(gates, w.hh, w.hr, *states, **attrs)
        elif mode == "LSTM":
            after = apply(LSTM, gates, w.hh, *states, **attrs).unbind(0)
        else:
            after = (apply(RNN, gates, w.hh, *states, relu=mode == "RNN_RELU", **attrs),)
    leave = plan_of(sizes, reverse).leave
    return after[0], tuple(take(composed, s, leave) for s in after)


def _projected(
    gates: Tensor, hh: Tensor, hr: Tensor, h0: Tensor, c0: Tensor, *, sizes: tuple[int, ...], reverse: bool
) -> tuple[Tensor, Tensor]:
    """The states of an LSTM whose output is projected before it goes into the next step: step by step."""
    h, c, n = h0, c0, hr.shape[1]
    hs, cs = composed.sheet(h0.shape, h0.dtype), composed.sheet(c0.shape, c0.dtype)
    for a, b in plan_of(sizes, reverse).steps:
        h, c = resized(composed, h, b - a, h0), resized(composed, c, b - a, c0)
        y = gates[a:b] + apply(MM, h, hh, tb=True)
        i, f, o = y[:, :n].sigmoid(), y[:, n : 2 * n].sigmoid(), y[:, 3 * n :].sigmoid()
        c = f * c + i * y[:, 2 * n : 3 * n].tanh()
        h = apply(MM, o * c.tanh(), hr, tb=True)
        hs.write(a, h)
        cs.write(a, c)
    return hs.whole(), cs.whole()
