"""Recurrent cells: one step of a recurrent layer, for loops of one's own."""

from __future__ import annotations

import math
from typing import Any

from rushlight import ops
from rushlight.core.placement import check_device
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.nn.fill import uniform_
from rushlight.nn.module import Module
from rushlight.ops.recurrent import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What the cells have in common: ``weight_ih`` (chunks * H, I), ``weight_hh`` (chunks * H, H), and unless
    ``bias`` is False ``bias_ih`` and ``bias_hh`` (chunks * H), all drawn uniformly from ±1/sqrt(H)."""

    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_device(device)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(ops.empty(gates, input_size, dtype=dtype))
        self.weight_hh = Parameter(ops.empty(gates, hidden_size, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(ops.empty(gates, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all parameters anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for p in self.parameters():
            uniform_(p, -bound, bound)

    @property
    def _parts(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _batch(self, input: Tensor, states: tuple[Any, ...] | None, count: int = 1) -> tuple[Tensor, ...]:
        """The input and its states with a batch axis; zeros where no states were given."""
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise ShapeError(message(name, f"an input of shape {input.shape}", "1 axis, or with a batch 2"))
        for s in states or ():
            if not isinstance(s, Tensor) or s.ndim != input.ndim:
                got = f"a state of shape {s.shape}" if isinstance(s, Tensor) else f"a {type(s).__name__}"
                raise ShapeError(message(name, got, f"a state of {input.ndim} axes, as the input"))
        rows = input if input.ndim == 2 else input.unsqueeze(0)
        if states is None:
            zeros = ops.zeros(rows.shape[0], self.hidden_size, dtype=input.dtype)
            return (rows, *[zeros] * count)
        return (rows, *[s if s.ndim == 2 else s.unsqueeze(0) for s in states])

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        text += "" if self.bias else f", bias={self.bias}"
        kind = getattr(self, "nonlinearity", "tanh")
        return text if kind == "tanh" else f"{text}, nonlinearity={kind}"


class RNNCell(RNNCellBase):
    """One step of Elman's RNN: h' = tanh(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh), or with ``nonlinearity="relu"``
    max(0, ...). x (N, I) or (I,), h (N, H) or (H,), zeros by default.

    >>> import rushlight as rl
    >>> list(rl.nn.RNNCell(3, 4)(rl.ones(2, 3)).shape)
    [2, 4]
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(message("RNNCell", f"nonlinearity={self.nonlinearity!r}", "'tanh' or 'relu'"))
        cell = rnn_tanh_cell if self.nonlinearity == "tanh" else rnn_relu_cell
        x, h = self._batch(input, None if hx is None else (hx,))
        out = cell(x, h, *self._parts)
        return out if input.ndim == 2 else out.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of an LSTM, (h', c') from x (N, I) or (I,) and the pair (h, c), (N, H) or (H,) each, zeros by
    default; the formula is that of `lstm_cell`.

    >>> import rushlight as rl
    >>> h, c = rl.nn.LSTMCell(3, 4)(rl.ones(2, 3))
    >>> list(h.shape), list(c.shape)
    ([2, 4], [2, 4])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        if hx is not None and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
            raise DTypeError(message("LSTMCell", f"hx that is a {type(hx).__name__}", "the pair (h, c)"))
        x, h, c = self._batch(input, None if hx is None else tuple(hx), 2)
        h, c = lstm_cell(x, (h, c), *self._parts)
        return (h, c) if input.ndim == 2 else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a GRU, h' from x (N, I) or (I,) and h (N, H) or (H,), zeros by default; the formula is that
    of `gru_cell`.

    >>> import rushlight as rl
    >>> list(rl.nn.GRUCell(3, 4)(rl.ones(3)).shape)
    [4]
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, h = self._batch(input, None if hx is None else (hx,))
        out = gru_cell(x, h, *self._parts)
        return out if input.ndim == 2 else out.squeeze(0)
