"""Recurrent layers: Elman's RNN, LSTM and GRU."""

from __future__ import annotations

import math
from typing import Any

from rushlight import ops
from rushlight.core.anomaly import warn
from rushlight.core.placement import check_device
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.nn.fill import uniform_
from rushlight.nn.functional.dropout import check_probability
from rushlight.nn.functional.recurrent import Weights, recurrent
from rushlight.nn.module import Module
from rushlight.nn.utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What the recurrent layers have in common; ``mode`` is "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".

    The parameters of layer k are ``weight_ih_lk`` (gates * H, I), ``weight_hh_lk`` (gates * H, H),
    ``bias_ih_lk`` and ``bias_hh_lk`` (gates * H), with a projection ``weight_hr_lk`` (P, H); those of the
    direction back have ``_reverse`` behind. All are drawn uniformly from ±1/sqrt(H).

    Raises ArgumentError for sizes below 1, a dropout that is no probability, a projection that is no smaller
    than H, or of another mode than "LSTM".
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_device(device)
        self.mode = mode
        self.input_size, self.hidden_size, self.proj_size = input_size, hidden_size, proj_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional = float(dropout), bidirectional
        self._check_options(dropout)
        for layer in range(num_layers):
            width = input_size if layer == 0 else self._out * self._directions
            for suffix in self._suffixes(layer):
                for name, shape in self._shapes(width):
                    setattr(self, name + suffix, Parameter(ops.empty(*shape, dtype=dtype)))
        self.reset_parameters()

    def _check_options(self, dropout: Any) -> None:
        name = type(self).__name__
        if self.mode not in GATES:
            raise ArgumentError(message(name, f"mode={self.mode!r}", f"one of {', '.join(GATES)}"))
        if not isinstance(self.hidden_size, int) or isinstance(self.hidden_size, bool):
            raise DTypeError(message(name, f"hidden_size={self.hidden_size!r}", "a whole number"))
        if isinstance(dropout, bool):
            raise ArgumentError(message(name, f"dropout={dropout}", "a probability", "Use 0.5, for example."))
        check_probability(name, self.dropout)
        if self.hidden_size <= 0 or self.num_layers <= 0:
            got = f"hidden_size={self.hidden_size}, num_layers={self.num_layers}"
            raise ArgumentError(message(name, got, "1 or more of each"))
        if self.proj_size and not (self.mode == "LSTM" and 0 < self.proj_size < self.hidden_size):
            got = f"proj_size={self.proj_size}"
            raise ArgumentError(message(name, got, "0; or of an LSTM, less than hidden_size"))
        if self.dropout and self.num_layers == 1:
            warn(f"{name}: dropout acts between layers; with num_layers=1 it does nothing")

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _out(self) -> int:
        return self.proj_size or self.hidden_size

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions]

    def _shapes(self, width: int) -> list[tuple[str, tuple[int, ...]]]:
        gates = GATES[self.mode] * self.hidden_size
        shapes: list[tuple[str, tuple[int, ...]]] = [
            ("weight_ih", (gates, width)),
            ("weight_hh", (gates, self._out)),
        ]
        if self.bias:
            shapes += [("bias_ih", (gates,)), ("bias_hh", (gates,))]
        return [*shapes, ("weight_hr", (self.proj_size, self.hidden_size))] if self.proj_size else shapes

    def reset_parameters(self) -> None:
        """Draws all parameters anew."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            uniform_(p, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing to do: it is for PyTorch's programs for GPUs."""

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters, a list for each direction of each layer."""
        return [[w for w in weights if w is not None] for layer in self._layers() for weights in layer]

    def _layers(self) -> list[list[Weights]]:
        names = [name for name, _ in self._shapes(0)]
        fields = [name.removeprefix("weight_") for name in names]
        return [
            [
                Weights(**{f: getattr(self, n + suffix) for f, n in zip(fields, names, strict=True)})
                for suffix in self._suffixes(layer)
            ]
            for layer in range(self.num_layers)
        ]

    def forward(self, input: Any, hx: Any = None) -> Any:
        name = type(self).__name__
        if isinstance(input, PackedSequence):
            self._check_width(input.data, 2)
            given = self._initial(hx, input.sizes[0], input.data, input.sorted_indices)
            data, final = self._run(input.data, input.sizes, given)
            if input.unsorted_indices is not None:
                final = tuple(s.index_select(1, input.unsorted_indices) for s in final)
            return input.like(data), self._packed(final)
        if not isinstance(input, Tensor):
            raise DTypeError(message(name, f"a {type(input).__name__}", "a Tensor or a PackedSequence"))
        if input.ndim not in (2, 3):
            got = f"an input of shape {input.shape}"
            raise ShapeError(message(name, got, "2 axes, or with a batch 3", "See batch_first."))
        batched = input.ndim == 3
        steps = input if batched else input.unsqueeze(1)
        steps = steps.transpose(0, 1) if batched and self.batch_first else steps
        self._check_width(steps, 3)
        length, count = steps.shape[:2]
        if not length:
            raise ShapeError(message(name, "a sequence of 0 steps", "at least one step"))
        states = self._initial(hx, count, input, None, batched)
        out, final = self._run(steps.reshape(length * count, steps.shape[2]), (count,) * length, states)
        out = out.reshape(length, count, out.shape[1])
        if not batched:
            return out.squeeze(1), self._packed(tuple(s.squeeze(1) for s in final))
        return out.transpose(0, 1) if self.batch_first else out, self._packed(final)

    def _run(self, x: Tensor, sizes: tuple[int, ...], states: tuple[Tensor, ...]) -> Any:
        return recurrent(self.mode, x, sizes, states, self._layers(), self.dropout if self.training else 0.0)

    def _check_width(self, x: Tensor, ndim: int) -> None:
        if x.ndim != ndim or x.shape[-1] != self.input_size:
            got, expected = f"an input of shape {x.shape}", f"input_size={self.input_size} as the last size"
            raise ShapeError(message(type(self).__name__, got, expected, "Check batch_first and input_size."))

    def _widths(self) -> tuple[int, ...]:
        """The widths of the states."""
        return (self.hidden_size,)

    def _unpacked(self, hx: Any) -> tuple[Any, ...]:
        return (hx,)

    def _packed(self, states: tuple[Tensor, ...]) -> Any:
        return states[0]

    def _initial(
        self, hx: Any, count: int, x: Tensor, order: Tensor | None, batched: bool = True
    ) -> tuple[Tensor, ...]:
        """The initial states with a batch axis, in the order of the batch; zeros where none were given."""
        layers = self.num_layers * self._directions
        if hx is None:
            return tuple(ops.zeros(layers, count, n, dtype=x.dtype) for n in self._widths())
        states = self._unpacked(hx)
        for s, n in zip(states, self._widths(), strict=True):
            expected = (layers, count, n) if batched else (layers, n)
            if not isinstance(s, Tensor) or s.shape != expected:
                got = f"a state of shape {s.shape}" if isinstance(s, Tensor) else f"a {type(s).__name__}"
                remedy = "Its axes are (layers * directions, N, H), whatever batch_first is."
                raise ShapeError(message(type(self).__name__, got, f"shape {expected}", remedy))
        states = states if batched else tuple(s.unsqueeze(1) for s in states)
        return states if order is None else tuple(s.index_select(1, order) for s in states)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
            "bidirectional": False,
        }  # fmt: skip
        changed = [f"{k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k) != v]
        return ", ".join([text, *changed])


class RNN(RNNBase):
    """Elman's recurrent layers: h_t = tanh(x_t W_ihᵀ + b_ih + h_{t-1} W_hhᵀ + b_hh), or max(0, ...).

    ``forward(input, hx=None)``: input (steps, N, I), (steps, I), with ``batch_first`` (N, steps, I), or a
    PackedSequence; hx (layers * directions, N, H), zeros by default. Gives (output (steps, N, H *
    directions), the last h of all layers). ``dropout`` acts between the layers, in training.

    >>> import rushlight as rl
    >>> output, h = rl.nn.RNN(3, 4, num_layers=2)(rl.ones(5, 1, 3))
    >>> list(output.shape), list(h.shape)
    ([5, 1, 4], [2, 1, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(message("RNN", f"nonlinearity={nonlinearity!r}", "'tanh' or 'relu'"))
        if proj_size:
            raise ArgumentError(message("RNN", f"proj_size={proj_size}", "0", "Only an LSTM projects."))
        self.nonlinearity = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, device=device, dtype=dtype,
        )  # fmt: skip


class LSTM(RNNBase):
    """Long short-term memory: with (i, f, g, o) = x_t W_ihᵀ + b_ih + h_{t-1} W_hhᵀ + b_hh, split into four,
    c_t = σ(f) c_{t-1} + σ(i) tanh(g) and h_t = σ(o) tanh(c_t); with ``proj_size`` h_t W_hrᵀ in its place.

    ``forward(input, hx=None)``: input (steps, N, I), (steps, I), with ``batch_first`` (N, steps, I), or a
    PackedSequence; hx the pair (h, c) of (layers * directions, N, H), zeros by default. Gives (output (steps,
    N, H * directions), (h, c) after the last step, of all layers). (Hochreiter and Schmidhuber, 1997.)

    >>> import rushlight as rl
    >>> output, (h, c) = rl.nn.LSTM(3, 4, batch_first=True, bidirectional=True)(rl.ones(2, 5, 3))
    >>> list(output.shape), list(h.shape), list(c.shape)
    ([2, 5, 8], [2, 2, 4], [2, 2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
            device, dtype,
        )  # fmt: skip

    def _widths(self) -> tuple[int, ...]:
        return self._out, self.hidden_size

    def _unpacked(self, hx: Any) -> tuple[Any, ...]:
        if not isinstance(hx, (tuple, list)) or len(hx) != 2:
            raise DTypeError(message("LSTM", f"hx that is a {type(hx).__name__}", "the pair (h, c)"))
        return tuple(hx)

    def _packed(self, states: tuple[Tensor, ...]) -> Any:
        return states


class GRU(RNNBase):
    """Gated recurrent units: with x_t W_ihᵀ + b_ih split into (r, z, n) and h_{t-1} W_hhᵀ + b_hh into (r',
    z', n'), ñ = tanh(n + σ(r + r') n') and h_t = (1 - σ(z + z')) ñ + σ(z + z') h_{t-1}.

    ``forward(input, hx=None)``: input (steps, N, I), (steps, I), with ``batch_first`` (N, steps, I), or a
    PackedSequence; hx (layers * directions, N, H), zeros by default. Gives (output (steps, N, H *
    directions), the last h of all layers). (Cho et al., 2014.)

    >>> import rushlight as rl
    >>> output, h = rl.nn.GRU(3, 4)(rl.ones(5, 3))
    >>> list(output.shape), list(h.shape)
    ([5, 4], [1, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if proj_size:
            raise ArgumentError(message("GRU", f"proj_size={proj_size}", "0", "Only an LSTM projects."))
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip
