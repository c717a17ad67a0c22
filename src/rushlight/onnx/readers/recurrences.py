"""RNN, GRU and LSTM: as the operations here where these do the same, else step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as rl
from rushlight.core.apply import apply
from rushlight.nn import functional as F
from rushlight.onnx.readers.table import reads
from rushlight.ops.recurrent import GRU, LSTM, RNN

Tensor = rl.Tensor

_ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "relu": lambda x, a, b: rl.relu(x),
    "tanh": lambda x, a, b: rl.tanh(x),
    "sigmoid": lambda x, a, b: rl.sigmoid(x),
    "affine": lambda x, a, b: (1.0 if a is None else a) * x + (0.0 if b is None else b),
    "leakyrelu": lambda x, a, b: F.leaky_relu(x, 0.01 if a is None else a),
    "thresholdedrelu": lambda x, a, b: F.threshold(x, 1.0 if a is None else a, 0.0),
    "scaledtanh": lambda x, a, b: (1.0 if a is None else a) * rl.tanh((1.0 if b is None else b) * x),
    "hardsigmoid": lambda x, a, b: rl.clamp((0.2 if a is None else a) * x + (0.5 if b is None else b), 0, 1),
    "elu": lambda x, a, b: F.elu(x, 1.0 if a is None else a),
    "softsign": lambda x, a, b: F.softsign(x),
    "softplus": lambda x, a, b: F.softplus(x),
}


class _Layer:
    """The inputs and attributes that the three have in common, direction by direction."""

    def __init__(self, x: Tensor, lengths: Tensor | None, how: dict[str, Any], defaults: list[str]) -> None:
        self.swapped = bool(how.get("layout", 0))
        self.x = x.transpose(0, 1) if self.swapped else x
        self.size = how["hidden_size"]
        self.clip = how.get("clip")
        self.directions = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[
            how.get("direction", "forward")
        ]
        self.names = [n.lower() for n in how.get("activations") or defaults * len(self.directions)]
        self.default = self.names == [n.lower() for n in defaults] * len(self.directions) and not self.clip
        self.alpha, self.beta = how.get("activation_alpha") or [], how.get("activation_beta") or []
        self.lengths = lengths
        self.count = self.x.shape[1]

    def activations(self, direction: int) -> list[Callable[[Tensor], Tensor]]:
        each = len(self.names) // len(self.directions)
        alphas, betas = iter(self.alpha), iter(self.beta)
        with_a = ("affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu")
        with_b = ("affine", "scaledtanh", "hardsigmoid")
        made = []
        for name in self.names:
            a = next(alphas, None) if name in with_a else None
            b = next(betas, None) if name in with_b else None
            made.append(self._clipped(_ACTIVATIONS[name], a, b))
        return made[direction * each : (direction + 1) * each]

    def _clipped(self, function: Callable[..., Tensor], a: Any, b: Any) -> Callable[[Tensor], Tensor]:
        clip = self.clip
        return lambda x: function(rl.clamp(x, -clip, clip) if clip else x, a, b)

    def initial(self, given: Tensor | None, direction: int) -> Tensor:
        if given is None:
            return rl.zeros(self.count, self.size, dtype=self.x.dtype)
        return (given.transpose(0, 1) if self.swapped else given)[direction]

    def steps(
        self, reverse: bool, states: tuple[Tensor, ...], step: Callable[..., tuple[Tensor, ...]]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Step by step: what `step(x, *states)` gives, of which the first is the output."""
        total = self.x.shape[0]
        found: list[Any] = [None] * total
        for t in reversed(range(total)) if reverse else range(total):
            new = step(self.x[t], *states)
            out = new[0]
            if self.lengths is not None:
                runs = (self.lengths > t).reshape(-1, 1)
                new = tuple(rl.where(runs, a, b) for a, b in zip(new, states, strict=True))
                out = rl.where(runs, out, rl.zeros_like(out))
            states, found[t] = new, out
        return rl.stack(found), states

    def rows(self) -> tuple[Tensor, dict[str, Any]]:
        """All steps as rows, and how many each has."""
        total = self.x.shape[0]
        return self.x.reshape(total * self.count, self.x.shape[2]), {"sizes": (self.count,) * total}

    def joined(self, outs: list[Tensor], *lasts: list[Tensor]) -> tuple[Tensor, ...]:
        """(steps, directions, N, H) and the last states (directions, N, H), or with the batch first."""
        out, ends = rl.stack(outs, 1), [rl.stack(last) for last in lasts]
        if self.swapped:
            return out.permute(2, 0, 1, 3), *(end.transpose(0, 1) for end in ends)
        return out, *ends


def _in_order(w: Tensor, order: tuple[int, ...]) -> Tensor:
    """The blocks of a weight, one for each gate, in another order."""
    parts = w.chunk(len(order), 0)
    return rl.cat([parts[k] for k in order])


def _bias(b: Tensor | None, direction: int, rows: int, like: Tensor) -> tuple[Tensor, Tensor]:
    if b is None:
        zero = rl.zeros(rows, dtype=like.dtype)
        return zero, zero
    return b[direction, :rows], b[direction, rows:]


def _last(rows: Tensor, count: int, reverse: bool) -> Tensor:
    """The rows of the step that ran last."""
    return rows[:count] if reverse else rows[-count:]


@reads("RNN")
def rnn(
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: Tensor | None = None,
    h0: Tensor | None = None, **how: Any,
) -> Any:  # fmt: skip
    layer = _Layer(x, lengths, how, ["Tanh"])
    outs, lasts = [], []
    for d, reverse in enumerate(layer.directions):
        wb, rb = _bias(b, d, layer.size, x)
        name = layer.names[d]
        if name in ("tanh", "relu") and not layer.clip and lengths is None:
            rows, attrs = layer.rows()
            pre = F.linear(rows, w[d], wb + rb)
            y = apply(RNN, pre, r[d], layer.initial(h0, d), relu=name == "relu", reverse=reverse, **attrs)
            out = y.reshape(layer.x.shape[0], layer.count, layer.size)
            last = _last(y, layer.count, reverse)
        else:
            (f,) = layer.activations(d)
            out, (last,) = layer.steps(
                reverse,
                (layer.initial(h0, d),),
                lambda x, h, d=d, f=f, wb=wb, rb=rb: (f(F.linear(x, w[d], wb) + F.linear(h, r[d], rb)),),
            )
        outs.append(out)
        lasts.append(last)
    return layer.joined(outs, lasts)


@reads("GRU")
def gru(
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: Tensor | None = None,
    h0: Tensor | None = None, *, linear_before_reset: int = 0, **how: Any,
) -> Any:  # fmt: skip
    layer = _Layer(x, lengths, how, ["Sigmoid", "Tanh"])
    n = layer.size
    outs, lasts = [], []
    for d, reverse in enumerate(layer.directions):
        wb, rb = _bias(b, d, 3 * n, x)
        if layer.default and linear_before_reset and lengths is None:
            order = (1, 0, 2)  # update, reset, new there; reset, update, new here
            rows, attrs = layer.rows()
            pre = F.linear(rows, _in_order(w[d], order), _in_order(wb, order))
            weight, bias = _in_order(r[d], order), _in_order(rb, order)
            y = apply(GRU, pre, weight, layer.initial(h0, d), bias, reverse=reverse, **attrs)
            out = y.reshape(layer.x.shape[0], layer.count, n)
            last = _last(y, layer.count, reverse)
        else:
            f, g = layer.activations(d)

            def step(
                x: Tensor, h: Tensor, d: int = d, f: Any = f, g: Any = g, wb: Any = wb, rb: Any = rb
            ) -> Any:
                wx, rd = F.linear(x, w[d], wb), r[d]
                zr = f(wx[:, : 2 * n] + F.linear(h, rd[: 2 * n], rb[: 2 * n]))
                z, reset = zr[:, :n], zr[:, n:]
                if linear_before_reset:
                    new = g(wx[:, 2 * n :] + reset * F.linear(h, rd[2 * n :], rb[2 * n :]))
                else:
                    new = g(wx[:, 2 * n :] + F.linear(reset * h, rd[2 * n :], rb[2 * n :]))
                return ((1 - z) * new + z * h,)

            out, (last,) = layer.steps(reverse, (layer.initial(h0, d),), step)
        outs.append(out)
        lasts.append(last)
    return layer.joined(outs, lasts)


@reads("LSTM")
def lstm(
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: Tensor | None = None,
    h0: Tensor | None = None, c0: Tensor | None = None, p: Tensor | None = None, *, input_forget: int = 0,
    **how: Any,
) -> Any:  # fmt: skip
    layer = _Layer(x, lengths, how, ["Sigmoid", "Tanh", "Tanh"])
    n = layer.size
    outs, lasts, cells = [], [], []
    for d, reverse in enumerate(layer.directions):
        wb, rb = _bias(b, d, 4 * n, x)
        h, c = layer.initial(h0, d), layer.initial(c0, d)
        if layer.default and p is None and lengths is None and not input_forget:
            order = (0, 2, 3, 1)  # input, output, forget, new there; input, forget, new, output here
            rows, attrs = layer.rows()
            pre = F.linear(rows, _in_order(w[d], order), _in_order(wb + rb, order))
            y = apply(LSTM, pre, _in_order(r[d], order), h, c, reverse=reverse, **attrs)
            hs, cs = y.unbind(0)
            out = hs.reshape(layer.x.shape[0], layer.count, n)
            last, cell = _last(hs, layer.count, reverse), _last(cs, layer.count, reverse)
        else:
            f, g, last_of = layer.activations(d)
            peep = rl.zeros(3 * n, dtype=x.dtype) if p is None else p[d]

            def step(
                x: Tensor, h: Tensor, c: Tensor, d: int = d, f: Any = f, g: Any = g, k: Any = last_of,
                wb: Any = wb, rb: Any = rb, peep: Any = peep,
            ) -> Any:  # fmt: skip
                y = F.linear(x, w[d], wb) + F.linear(h, r[d], rb)
                i = f(y[:, :n] + peep[:n] * c)
                forget = 1 - i if input_forget else f(y[:, 2 * n : 3 * n] + peep[2 * n :] * c)
                c = forget * c + i * g(y[:, 3 * n :])
                return f(y[:, n : 2 * n] + peep[n : 2 * n] * c) * k(c), c

            out, (last, cell) = layer.steps(reverse, (h, c), step)
        outs.append(out)
        lasts.append(last)
        cells.append(cell)
    return layer.joined(outs, lasts, cells)
