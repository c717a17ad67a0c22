"""Recurrent layers by PyTorch's functions of the root: ``rl.lstm(input, hx, params, ...)`` and its like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.nn.functional.recurrent import Weights, recurrent

__all__ = ["gru", "lstm", "rnn_relu", "rnn_tanh"]


def lstm(input: Tensor, *args: Any, **options: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The layers of `nn.LSTM` as a function: (output, h_n, c_n) of
    ``lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)``.

    input   (steps, N, I), or with `batch_first` (N, steps, I).
    hx      the initial states [h, c], (layers * directions, N, H) each.
    params  for each direction of each layer weight_ih, weight_hh, bias_ih, bias_hh, and of a projection
            weight_hr; in one list, without the biases unless `has_biases`.

    The other form is that of packed sequences: ``lstm(data, batch_sizes, hx, params, has_biases, num_layers,
    dropout, train, bidirectional)``.

    Raises ShapeError for another number of axes, ArgumentError for another number of parameters.

    >>> import rushlight as rl
    >>> layer = rl.nn.LSTM(3, 4)
    >>> x, state, params = rl.ones(5, 2, 3), [rl.zeros(1, 2, 4)] * 2, list(layer.parameters())
    >>> output, h, c = rl.lstm(x, state, params, True, 1, 0.0, False, False, False)
    >>> rl.equal(output, layer(x)[0])
    True
    """
    return _run("LSTM", input, args, options)


def gru(input: Tensor, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
    """The layers of `nn.GRU`: the arguments are those of `lstm`, `hx` is one tensor. Gives (output, h_n)."""
    return _run("GRU", input, args, options)


def rnn_tanh(input: Tensor, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
    """The layers of `nn.RNN`: the arguments are those of `lstm`, `hx` is one tensor. Gives (output, h_n)."""
    return _run("RNN_TANH", input, args, options)


def rnn_relu(input: Tensor, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
    """The same with max(0, x) in the place of tanh."""
    return _run("RNN_RELU", input, args, options)


_DENSE = ("hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
_PACKED = ("batch_sizes", *_DENSE[:-1])


def _run(mode: str, data: Tensor, args: Sequence[Any], options: dict[str, Any]) -> Any:
    name = mode.lower()
    if not isinstance(data, Tensor):
        raise DTypeError(message(name, f"a {type(data).__name__}", "a tensor", f"See rl.{name}."))
    # Packed, the parameters are third; else the second, and a flag follows them.
    packed = "batch_sizes" in options or (len(args) > 2 and isinstance(args[2], (list, tuple)))
    names = _PACKED if packed else _DENSE
    given = {**dict(zip(names, args, strict=False)), **options}
    if len(args) > len(names) or given.keys() != set(names):
        raise TypeError(f"{name}() takes (input, {', '.join(names)})")
    states = tuple(given["hx"]) if mode == "LSTM" else (given["hx"],)
    layers = _layers(name, given)
    drop = float(given["dropout"]) if given["train"] else 0.0
    if packed:
        sizes = tuple(int(n) for n in given["batch_sizes"].tolist())
        out, final = recurrent(mode, data, sizes, states, layers, drop)
        return (out, *final)
    if data.ndim != 3:
        got = f"an input of shape {tuple(data.shape)}"
        raise ShapeError(message(name, got, "3 axes: steps, N, features", "Use unsqueeze for a batch of 1."))
    steps = data.transpose(0, 1) if given["batch_first"] else data
    length, count, width = steps.shape
    out, final = recurrent(
        mode, steps.reshape(length * count, width), (count,) * length, states, layers, drop
    )
    out = out.reshape(length, count, out.shape[1])
    return (out.transpose(0, 1) if given["batch_first"] else out, *final)


def _layers(name: str, given: dict[str, Any]) -> list[list[Weights]]:
    """The parameters, which are in one list, by layers and directions."""
    flat, directions = list(given["params"]), 2 if given["bidirectional"] else 1
    parts = given["num_layers"] * directions
    fields = ["ih", "hh", "bias_ih", "bias_hh"] if given["has_biases"] else ["ih", "hh"]
    if parts and len(flat) == parts * (len(fields) + 1):
        fields.append("hr")
    each = len(fields)
    if len(flat) != parts * each:
        got = f"{len(flat)} parameters"
        raise ArgumentError(message(name, got, f"{parts * each}: {each} for each direction of each layer"))
    found = [Weights(**dict(zip(fields, flat[i * each : (i + 1) * each], strict=True))) for i in range(parts)]
    return [found[i : i + directions] for i in range(0, parts, directions)]
