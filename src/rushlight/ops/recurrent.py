"""Recurrent layers: an op for one direction of one layer, and the cells, which are layers of one step."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.autocast import autocasts
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec
from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.errors import ShapeError, message
from rushlight.ops import composed
from rushlight.ops.matmul import MM, linear
from rushlight.ops.recurrence import (
    Plan,
    Sizes,
    before,
    gru,
    gru_grad,
    lstm,
    lstm_grad,
    plan_of,
    rnn,
    rnn_grad,
)

__all__ = ["gru_cell", "lstm_cell", "rnn_relu_cell", "rnn_tanh_cell"]


def _infer(pre: Spec, w: Spec, h0: Spec, *rest: Spec, sizes: Sizes, **attrs: Any) -> Spec:
    n = w.shape[-1] if w.ndim else 0
    rows = (sum(sizes), w.shape[0] if w.ndim else 0)
    if w.ndim != 2 or pre.shape != rows or h0.shape != (max(sizes, default=0), n):
        got = f"gates of shape {pre.shape}, weights {w.shape} and a state {h0.shape}"
        raise ShapeError(message("recurrent layer", got, f"gates {rows} and a state ({max(sizes)}, {n})"))
    return Spec((rows[0], n), pre.dtype)


def _infer_lstm(pre: Spec, w: Spec, h0: Spec, c0: Spec, *, sizes: Sizes, reverse: bool) -> Spec:
    return Spec((2, *_infer(pre, w, h0, c0, sizes=sizes).shape), pre.dtype)


def _gradient(op: Op, *inputs: Tensor, **attrs: Any) -> Tensor:
    """The result of a `..._grad` op; where that is to be differentiated again, by the ops it is made of."""
    return op.formula(composed, *inputs, **attrs) if state.grad_enabled else apply(op, *inputs, **attrs)


def _weights(gates: Tensor, h0: Tensor, out: Tensor, plan: Plan) -> Tensor:
    """The gradient of what the states before each row were multiplied by."""
    return apply(MM, gates, before(composed, h0, out, plan), ta=True)


def _lstm_vjp(g: Tensor, out: Tensor, pre: Tensor, w: Tensor, h0: Tensor, c0: Tensor, **attrs: Any) -> Any:
    found = _gradient(LSTM_GRAD, g, out, pre, w, h0, c0, **attrs)
    rows, count = 4 * pre.shape[0], h0.shape[0]
    gates = found[:rows].reshape(pre.shape)
    weights = _weights(gates, h0, out[0], plan_of(**attrs))
    return [gates, weights, found[rows : rows + count], found[rows + count :]]


def _gru_vjp(
    g: Tensor, out: Tensor, pre: Tensor, w: Tensor, h0: Tensor, b: Tensor | None = None, **attrs: Any
) -> Any:
    found = _gradient(GRU_GRAD, g, out, pre, w, h0, *(() if b is None else (b,)), **attrs)
    rows, n = out.shape
    gates = found[: 4 * rows].reshape(rows, 4 * n)
    brought = gates[:, : 3 * n]
    inputs = composed.concatenate([gates[:, : 2 * n], gates[:, 3 * n :]], 1)
    grads = [inputs, _weights(brought, h0, out, plan_of(**attrs)), found[4 * rows :]]
    return grads if b is None else [*grads, brought.sum(0)]


def _rnn_vjp(g: Tensor, out: Tensor, pre: Spec, w: Tensor, h0: Tensor, *, relu: bool, **attrs: Any) -> Any:
    found = _gradient(RNN_GRAD, g, out, w, relu=relu, **attrs)
    rows = out.shape[0]
    return [found[:rows], _weights(found[:rows], h0, out, plan_of(**attrs)), found[rows:]]


def _recurrent(
    name: str,
    formula: Callable[..., Any],
    infer: Callable[..., Spec],
    vjp: Callable[..., Any],
    gradient: Callable[..., Any],
    per_row: int,
    spare: tuple[int, ...] = (),
) -> tuple[Op, Op]:
    """The record of a layer, and that of its gradient: that gives so many rows for a row of the states'."""

    def infer_gradient(g: Spec, *rest: Spec, sizes: Sizes, **attrs: Any) -> Spec:
        initial = sizes[0] * (g.ndim - 1)  # there is one state, or two
        return Spec((per_row * sum(sizes) + initial, g.shape[-1]), g.dtype)

    whole, back = functools.partial(formula, composed), functools.partial(gradient, composed)
    lowers = name != "gru"  # as PyTorch has it
    facts: dict[str, Any] = {"promote": "same", "decompose": whole, "lowers": lowers}
    op = Op(name, formula, infer, vjp, saves="both", spare=spare, **facts)
    grad = Op(f"{name}_grad", gradient, infer_gradient, promote="same", decompose=back)
    return register(op), register(grad)


LSTM, LSTM_GRAD = _recurrent("lstm", lstm, _infer_lstm, _lstm_vjp, lstm_grad, 4)
GRU, GRU_GRAD = _recurrent("gru", gru, _infer, _gru_vjp, gru_grad, 4)
RNN, RNN_GRAD = _recurrent("rnn", rnn, _infer, _rnn_vjp, rnn_grad, 1, spare=(0,))


def _cell(name: str, gates: int, input: Tensor, states: Any, w_ih: Tensor, w_hh: Tensor) -> None:
    """Refuse what does not fit a cell of so many gates."""
    n = w_hh.shape[-1]
    fit = (
        input.ndim == w_ih.ndim == 2
        and input.shape[1] == w_ih.shape[1]
        and w_ih.shape[0] == w_hh.shape[0] == gates * n
        and all(s.shape == (input.shape[0], n) for s in states)
    )
    if not fit:
        given = ", ".join(str(t.shape) for t in (input, *states, w_ih, w_hh))
        got = f"an input, states and weights of shapes {given}"
        expected = f"(N, I), states (N, H), weights ({gates} H, I) and ({gates} H, H)"
        raise ShapeError(message(name, got, expected, "Check the layer's input_size and hidden_size."))


def joined_bias(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """The sum of two biases that may be missing."""
    return second if first is None else first if second is None else first + second


@autocasts("as it is")
def lstm_cell(
    input: Tensor,
    hx: tuple[Tensor, Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: (h', c') from x (N, I) and the states h, c (N, H).

    (i, f, g, o) = x W_ihᵀ + b_ih + h W_hhᵀ + b_hh, split into four; c' = σ(f) c + σ(i) tanh(g);
    h' = σ(o) tanh(c'). Raises ShapeError for sizes that do not fit.

    >>> import rushlight as rl
    >>> zeros = rl.zeros(1, 2)
    >>> h, c = rl.lstm_cell(rl.ones(1, 3), (zeros, zeros), rl.zeros(8, 3), rl.zeros(8, 2))
    >>> h.tolist()
    [[0.0, 0.0]]
    """
    _cell("lstm_cell", 4, input, hx, w_ih, w_hh)
    pre = linear(input, w_ih, joined_bias(b_ih, b_hh))
    out = apply(LSTM, pre, w_hh, *hx, sizes=(input.shape[0],), reverse=False)
    return out[0], out[1]


@autocasts("as it is")
def gru_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of a GRU: h' from x (N, I) and the state h (N, H).

    With x W_ihᵀ + b_ih split into (r, z, n) and h W_hhᵀ + b_hh into (r', z', n'): n = tanh(n + σ(r + r') n');
    h' = (1 - σ(z + z')) n + σ(z + z') h. Raises ShapeError for sizes that do not fit.

    >>> import rushlight as rl
    >>> rl.gru_cell(rl.ones(1, 3), rl.ones(1, 2), rl.zeros(6, 3), rl.zeros(6, 2)).tolist()
    [[0.5, 0.5]]
    """
    _cell("gru_cell", 3, input, (hx,), w_ih, w_hh)
    given = () if b_hh is None else (b_hh,)
    return apply(GRU, linear(input, w_ih, b_ih), w_hh, hx, *given, sizes=(input.shape[0],), reverse=False)


def _rnn_cell(
    name: str, relu: bool, input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Any
) -> Tensor:
    _cell(name, 1, input, (hx,), w_ih, w_hh)
    return apply(RNN, linear(input, w_ih, bias), w_hh, hx, relu=relu, sizes=(input.shape[0],), reverse=False)


@autocasts("as it is")
def rnn_tanh_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of Elman's RNN: h' = tanh(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh), of x (N, I) and h (N, H).

    Raises ShapeError for sizes that do not fit.

    >>> import rushlight as rl
    >>> rl.rnn_tanh_cell(rl.ones(1, 3), rl.zeros(1, 2), rl.zeros(2, 3), rl.zeros(2, 2)).tolist()
    [[0.0, 0.0]]
    """
    return _rnn_cell("rnn_tanh_cell", False, input, hx, w_ih, w_hh, joined_bias(b_ih, b_hh))


@autocasts("as it is")
def rnn_relu_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of an RNN with h' = max(0, x W_ihᵀ + b_ih + h W_hhᵀ + b_hh), of x (N, I) and h (N, H).

    Raises ShapeError for sizes that do not fit.

    >>> import rushlight as rl
    >>> rl.rnn_relu_cell(rl.ones(1, 3), rl.zeros(1, 2), rl.ones(2, 3), rl.zeros(2, 2)).tolist()
    [[3.0, 3.0]]
    """
    return _rnn_cell("rnn_relu_cell", True, input, hx, w_ih, w_hh, joined_bias(b_ih, b_hh))
