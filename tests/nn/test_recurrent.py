"""Recurrent layers: each is a loop of its cell; packed sequences are computed as each would be alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn.utils import rnn

KINDS = ["RNN", "LSTM", "GRU"]
LENGTHS = [3, 5, 1]


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_a_loop_of_its_cell(kind: str) -> None:
    rl.manual_seed(0)
    layer, cell = getattr(nn, kind)(3, 4), getattr(nn, f"{kind}Cell")(3, 4)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x, state, found = rl.randn(6, 2, 3), None, []
    for t in range(6):
        state = cell(x[t], state)
        found.append(state[0] if kind == "LSTM" else state)
    out, last = layer(x)
    close(out, rl.stack(found))
    close((last[0] if kind == "LSTM" else last)[0], found[-1])
    for y in (out, rl.stack(found)):
        y.pow(2).sum().backward()
    for p, q in zip(layer.parameters(), cell.parameters(), strict=True):
        close(p.grad, q.grad)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences_are_as_each_alone(kind: str) -> None:
    rl.manual_seed(0)
    layer = getattr(nn, kind)(3, 4, num_layers=2, bidirectional=True)
    sequences = [rl.randn(n, 3) for n in LENGTHS]
    out, last = layer(rnn.pack_sequence(sequences, enforce_sorted=False))
    for i, (x, y) in enumerate(zip(sequences, rnn.unpack_sequence(out), strict=True)):
        alone, end = layer(x)
        close(y, alone)
        close((last[0] if kind == "LSTM" else last)[:, i], end[0] if kind == "LSTM" else end)


def test_dropout_acts_between_layers_in_training() -> None:
    layer, x = nn.GRU(3, 4, num_layers=2, dropout=0.5), rl.ones(5, 2, 3)
    runs = []
    for _ in range(2):
        rl.manual_seed(1)
        runs.append(layer(x)[0])
    assert runs[0].tolist() == runs[1].tolist() != layer(x)[0].tolist()
    layer.eval()
    assert layer(x)[0].tolist() == layer(x)[0].tolist()
    with pytest.warns(UserWarning, match="num_layers=1"):
        nn.GRU(3, 4, dropout=0.5)


def test_the_reports_protocol_and_what_pytorchs_programs_call() -> None:
    layer, x = nn.LSTM(3, 4), rl.randn(5, 2, 3)
    layer.flatten_parameters()
    out, _ = layer(x)
    assert layer.backward(rl.ones_like(out)).shape == x.shape
    assert all(g.abs().sum().item() > 0 for _, g in layer.param())
    before = layer.weight_hh_l0.detach().clone()
    layer.reset_parameters()
    assert layer.weight_hh_l0.tolist() != before.tolist()


def test_nothing_is_asked_of_states_that_are_not_used() -> None:
    layer = nn.LSTM(3, 4)
    h, c = rl.zeros(1, 2, 4), rl.zeros(1, 2, 4, requires_grad=True)
    layer(rl.ones(5, 2, 3), (h, c))[0].sum().backward()
    assert h.grad is None
    assert c.grad is not None
    with rl.no_grad():
        assert not layer(rl.ones(5, 2, 3))[0].requires_grad


def test_packed_sequences_keep_what_they_are() -> None:
    packed = rnn.pack_sequence([rl.tensor([1.0, 2.0]), rl.tensor([3.0])])
    assert packed.double().data.dtype == rl.float64
    assert packed.long().half().float().cpu().pin_memory().data.tolist() == [1.0, 3.0, 2.0]
    assert (packed.is_cuda, packed.is_pinned(), packed.sizes) == (False, False, (2, 1))
    data, sizes, _, _ = packed
    assert rnn.PackedSequence(data, sizes).sizes == (2, 1)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize(
    "options",
    [{}, {"bidirectional": True, "num_layers": 2}, {"batch_first": True}],
    ids=["plain", "both ways", "batch first"],
)
def test_an_empty_batch(kind, options):
    layer = getattr(rl.nn, kind)(3, 4, **options)
    x = rl.zeros(*((0, 5) if "batch_first" in options else (5, 0)), 3, requires_grad=True)
    for run in (layer, rl.compile(lambda x: layer(x))):
        out, last = run(x.detach())
        ways = 2 if "bidirectional" in options else 1
        assert out.shape == (*x.shape[:2], 4 * ways)
        for state in last if kind == "LSTM" else (last,):
            assert state.shape == (ways * options.get("num_layers", 1), 0, 4)
    layer(x)[0].sum().backward()
    assert x.grad.shape == x.shape
    assert layer.weight_hh_l0.grad.abs().sum() == 0
    with pytest.raises(rl.errors.ShapeError, match="0 steps"):
        layer(rl.zeros(*((2, 0) if "batch_first" in options else (0, 2)), 3))
