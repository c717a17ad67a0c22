"""Recurrent layers as a function: several layers, in one direction or both, over a batch of sequences."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from rushlight import ops
from rushlight.core.apply import apply
from rushlight.core.autocast import lower_dtype, within
from rushlight.core.narrow import widened
from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.nn.functional.dropout import dropout
from rushlight.ops import composed
from rushlight.ops.looped import loop
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
    # A GRU's bias of the state is within a product with a gate.
    gates = linear(x, w.ih, w.bias_ih if mode == "GRU" else joined_bias(w.bias_ih, w.bias_hh))
    lower = lower_dtype()
    if lower is not None and gates.dtype == lower:  # as in PyTorch a GRU's steps stay in the states' dtype
        dtype = states[0].dtype if mode == "GRU" else lower
        gates, states = gates.to(dtype), tuple(t.to(dtype) for t in states)
        w = Weights(*[None if t is None else t.to(dtype) for t in w])  # type: ignore[arg-type]
    looped = _looped(mode, gates, sizes, reverse, states, w)
    if looped is not None:
        return looped
    attrs: dict[str, Any] = {"sizes": sizes, "reverse": reverse}
    after: tuple[Tensor, ...]
    if mode == "GRU":
        given = () if w.bias_hh is None else (w.bias_hh,)
        after = (apply(GRU, gates, w.hh, *states, *given, **attrs),)
    elif w.hr is not None:
        after = _projected(gates, w.hh, w.hr, *states, **attrs)
    elif mode == "LSTM":
        after = apply(LSTM, gates, w.hh, *states, **attrs).unbind(0)
    else:
        after = (apply(RNN, gates, w.hh, *states, relu=mode == "RNN_RELU", **attrs),)
    leave = plan_of(sizes, reverse).leave
    return after[0], tuple(take(composed, s, leave) for s in after)


def _looped(
    mode: str, gates: Tensor, sizes: tuple[int, ...], reverse: bool, states: tuple[Tensor, ...], w: Weights
) -> tuple[Tensor, tuple[Tensor, ...]] | None:
    """The same as one loop, which a compiled program has in the place of so many steps: sequences of one
    length, more than one step long. None of others, and where nothing is traced. 16-bit floats are float32
    from the first step to the last, as within the operation that does all steps."""
    if state.body is None or len(set(sizes)) != 1 or len(sizes) == 1:
        return None

    def step(old: list[Tensor], slices: list[Tensor]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        return STEPS[mode](slices[0], w, *old), ()

    dtype = gates.dtype
    if w.hr is None:  # else it is written step by step, each of its operations rounded
        gates, states = widened(gates), tuple(map(widened, states))
        w = Weights(*map(widened, w))
    with within(None):
        found = loop(step, states, [gates.reshape(len(sizes), sizes[0], gates.shape[1])], reverse)
    if found is None:
        return None
    after = found.after[0].to(dtype)
    return after.reshape(after.shape[0] * after.shape[1], after.shape[2]), tuple(
        t.to(dtype) for t in found.last
    )


def _lstm_step(x: Tensor, w: Weights, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    n = c.shape[1]
    y = x + apply(MM, h, w.hh, tb=True)
    i, f, o = y[:, :n].sigmoid(), y[:, n : 2 * n].sigmoid(), y[:, 3 * n :].sigmoid()
    c = f * c + i * y[:, 2 * n : 3 * n].tanh()
    h = o * c.tanh()
    return h if w.hr is None else apply(MM, h, w.hr, tb=True), c


def _gru_step(x: Tensor, w: Weights, h: Tensor) -> tuple[Tensor]:
    n = h.shape[1]
    y = apply(MM, h, w.hh, tb=True)
    y = y if w.bias_hh is None else y + w.bias_hh
    r, z = (x[:, :n] + y[:, :n]).sigmoid(), (x[:, n : 2 * n] + y[:, n : 2 * n]).sigmoid()
    new = (x[:, 2 * n :] + r * y[:, 2 * n :]).tanh()
    return (new + z * (h - new),)


def _rnn_step(x: Tensor, w: Weights, h: Tensor, relu: bool) -> tuple[Tensor]:
    y = x + apply(MM, h, w.hh, tb=True)
    return (y.relu() if relu else y.tanh(),)


STEPS: dict[str, Any] = {
    "LSTM": _lstm_step,
    "GRU": _gru_step,
    "RNN_TANH": functools.partial(_rnn_step, relu=False),
    "RNN_RELU": functools.partial(_rnn_step, relu=True),
}
"""The states after a step, from what its input brings to the gates, the weights, and the states before it."""


def _projected(
    gates: Tensor, hh: Tensor, hr: Tensor, h0: Tensor, c0: Tensor, *, sizes: tuple[int, ...], reverse: bool
) -> tuple[Tensor, Tensor]:
    """The states of an LSTM whose output is projected before it goes into the next step: step by step."""
    h, c, w = h0, c0, Weights(hh, hh, hr=hr)
    hs, cs = composed.sheet(h0.shape, h0.dtype), composed.sheet(c0.shape, c0.dtype)
    for a, b in plan_of(sizes, reverse).steps:
        h, c = resized(composed, h, b - a, h0), resized(composed, c, b - a, c0)
        h, c = _lstm_step(gates[a:b], w, h, c)
        hs.write(a, h)
        cs.write(a, c)
    return hs.whole(), cs.whole()
