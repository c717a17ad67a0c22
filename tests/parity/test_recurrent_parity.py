"""Recurrent layers, cells and packed sequences against PyTorch: values, gradients, state dicts, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

I, H, T, N = 3, 4, 5, 3
rng = np.random.default_rng(0)


def both(name: str, *args: Any, dtype: str = "float64", **options: Any) -> tuple[Any, Any]:
    """The same layer in both frameworks, ours with PyTorch's weights by its state dict."""
    ours = getattr(rl.nn, name)(*args, dtype=getattr(rl, dtype), **options)
    theirs = getattr(torch.nn, name)(*args, dtype=getattr(torch, dtype), **options)
    ours.load_state_dict({k: rl.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


def flat(L: Any, result: Any) -> list[Any]:
    """All tensors of a result, packed sequences' data too."""
    if isinstance(result, L.Tensor):
        return [result]
    return [t for part in result if part is not None for t in flat(L, part)]


def close(a: Any, b: Any, dtype: str) -> None:
    tolerance = 1e-10 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


def compare(ours: Any, theirs: Any, call: Any, arrays: list[np.ndarray], dtype: str = "float64") -> None:
    """`call(L, layer, *tensors)` in both: results, gradients of inputs and parameters."""
    found = []
    for L, layer in ((rl, ours), (torch, theirs)):
        inputs = [L.tensor(a.astype(dtype)).requires_grad_() for a in arrays]
        out = flat(L, call(L, layer, *inputs))
        floats = [o for o in out if o.requires_grad]
        total = sum((o * o * (k + 1)).sum() for k, o in enumerate(floats))
        layer.zero_grad()
        total.backward()
        grads = [t.grad for t in (*inputs, *layer.parameters()) if t.grad is not None]
        found.append([*out, *grads])
    assert len(found[0]) == len(found[1])
    for a, b in zip(*found, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        close(a, b, dtype)


LAYERS = [
    ("RNN", {}), ("RNN", {"nonlinearity": "relu", "num_layers": 2, "bias": False}), ("GRU", {}), ("LSTM", {}),
    ("GRU", {"bias": False}), ("LSTM", {"bias": False}),
    ("RNN", {"bidirectional": True, "batch_first": True}),
    ("GRU", {"num_layers": 2, "bidirectional": True}), ("LSTM", {"num_layers": 2, "bidirectional": True}),
    ("GRU", {"num_layers": 3, "batch_first": True}), ("LSTM", {"num_layers": 3, "batch_first": True}),
    ("LSTM", {"proj_size": 2, "num_layers": 2}),
    ("LSTM", {"proj_size": 1, "bidirectional": True, "batch_first": True}),
]  # fmt: skip
LENGTHS = {"equal": [5, 5, 5], "falling": [5, 3, 1], "ends together": [4, 2, 2], "mixed": [2, 5, 3]}


def states(options: dict[str, Any], name: str, *, batch: tuple[int, ...] = (N,)) -> list[np.ndarray]:
    layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    out = [rng.standard_normal((layers, *batch, options.get("proj_size") or H))]
    return [*out, rng.standard_normal((layers, *batch, H))] if name == "LSTM" else out


def hidden(given: Any) -> Any:
    return None if not given else given if len(given) > 1 else given[0]


@pytest.mark.parametrize("given", [False, True], ids=["zeros", "states"])
@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_layers(name: str, options: dict[str, Any], given: bool) -> None:
    ours, theirs = both(name, I, H, **options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    shape = (N, T, I) if options.get("batch_first") else (T, N, I)
    first = states(options, name) if given else []
    compare(ours, theirs, lambda L, f, x, *s: f(x, hidden(s)), [rng.standard_normal(shape), *first])
    alone = states(options, name, batch=()) if given else []
    compare(ours, theirs, lambda L, f, x, *s: f(x, hidden(s)), [rng.standard_normal((T, I)), *alone])


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_layers_in_float32(name: str) -> None:
    ours, theirs = both(name, I, H, dtype="float32")
    compare(ours, theirs, lambda L, f, x: f(x), [rng.standard_normal((T, N, I))], "float32")


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_packed_sequences(name: str, options: dict[str, Any], lengths: list[int]) -> None:
    ours, theirs = both(name, I, H, **options)
    first = bool(options.get("batch_first"))

    def call(L: Any, layer: Any, x: Any, *s: Any) -> Any:
        rnn = L.nn.utils.rnn
        packed = rnn.pack_padded_sequence(x, L.tensor(lengths), batch_first=first, enforce_sorted=False)
        out, last = layer(packed, hidden(s))
        padded, found = rnn.pad_packed_sequence(out, batch_first=first, padding_value=-1.5, total_length=7)
        return padded, last, found

    shape = (N, T, I) if first else (T, N, I)
    compare(ours, theirs, call, [rng.standard_normal(shape), *states(options, name)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    ("name", "options"),
    [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("LSTMCell", {}), ("GRUCell", {}),
     ("GRUCell", {"bias": False}), ("LSTMCell", {"bias": False})], ids=str,
)  # fmt: skip
def test_cells(name: str, options: dict[str, Any], given: bool, dtype: str) -> None:
    ours, theirs = both(name, I, H, dtype=dtype, **options)
    assert repr(ours) == repr(theirs)
    for batch in ((N,), ()):
        count = (2 if name == "LSTMCell" else 1) * given
        first = [rng.standard_normal((*batch, H)) for _ in range(count)]
        x = rng.standard_normal((*batch, I))
        compare(ours, theirs, lambda L, f, x, *s: f(x, hidden(s)), [x, *first], dtype)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_second_derivatives_of_layers(name: str) -> None:
    ours, theirs = both(name, I, H)
    x = rng.standard_normal((T, N, I))
    found = []
    for L, layer in ((rl, ours), (torch, theirs)):
        inputs = L.tensor(x).requires_grad_()
        leaves = [inputs, *layer.parameters()]
        first = L.autograd.grad((layer(inputs)[0] ** 2).sum(), leaves, create_graph=True)
        found.append([*first, *L.autograd.grad(sum((g * g).sum() for g in first), leaves)])
    for a, b in zip(*found, strict=True):
        close(a, b, "float64")


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_state_dicts_go_both_ways(name: str) -> None:
    ours = getattr(rl.nn, name)(I, H, 2, bidirectional=True)
    theirs = getattr(torch.nn, name)(I, H, 2, bidirectional=True)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    x = rng.standard_normal((T, N, I)).astype("float32")
    close(ours(rl.tensor(x))[0], theirs(torch.tensor(x))[0], "float32")
    assert [[tuple(w.shape) for w in ws] for ws in ours.all_weights] == [
        [tuple(w.shape) for w in ws] for ws in theirs.all_weights
    ]


def test_initial_weights_follow_the_same_distribution() -> None:
    for name, args in (("LSTM", (50, 100)), ("GRU", (50, 100)), ("LSTMCell", (50, 100)), ("RNN", (50, 100))):
        for p in getattr(rl.nn, name)(*args).parameters():
            assert p.abs().max().item() <= 0.1
            assert p.std().item() == pytest.approx(0.2 / 12**0.5, rel=0.15)


RAGGED = [[4.0, 1.0, 2.0], [3.0], [5.0, 6.0]]
PACKING = {
    "pad": lambda r, s: r.pad_sequence(s), "pad first": lambda r, s: r.pad_sequence(s, True, -1.0),
    "pad left": lambda r, s: r.pad_sequence(s, padding_side="left"),
    "pack": lambda r, s: tuple(r.pack_sequence(s, enforce_sorted=False)),
    "unpack": lambda r, s: r.unpack_sequence(r.pack_sequence(s, False)),
    "unpad": lambda r, s: r.unpad_sequence(*r.pad_packed_sequence(r.pack_sequence(s, False))),
    "sorted": lambda r, s: tuple(r.pack_sequence([s[0], s[2], s[1]])),
    "half": lambda r, s: tuple(r.pack_sequence(s, False).double().to(s[0].dtype)),
}  # fmt: skip


@pytest.mark.parametrize("name", PACKING)
@pytest.mark.parametrize("wide", [False, True])
def test_padding_and_packing(name: str, wide: bool) -> None:
    found = []
    for L in (rl, torch):
        given = [L.tensor([[v, -v] for v in s] if wide else s).requires_grad_() for s in RAGGED]
        out = flat(L, PACKING[name](L.nn.utils.rnn, given))
        sum((o * o).sum() for o in out if o.requires_grad).backward()
        found.append([*out, *[g.grad for g in given]])
    for a, b in zip(*found, strict=True):
        assert str(b.dtype).removeprefix("torch.") == str(a.dtype).removeprefix("rushlight.")
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


REFUSED = {
    "width": lambda L: L.nn.LSTM(I, H)(L.ones(T, N, I + 1)), "axes": lambda L: L.nn.GRU(I, H)(L.ones(I)),
    "four axes": lambda L: L.nn.RNN(I, H)(L.ones(1, 1, 1, I)),
    "no steps": lambda L: L.nn.LSTM(I, H)(L.ones(0, N, I)),
    "state": lambda L: L.nn.GRU(I, H)(L.ones(T, N, I), L.zeros(2, N, H)),
    "state batch": lambda L: L.nn.GRU(I, H)(L.ones(T, N, I), L.zeros(1, 1, H)),
    "state axes": lambda L: L.nn.RNN(I, H)(L.ones(T, N, I), L.zeros(1, H)),
    "pair": lambda L: L.nn.LSTM(I, H)(L.ones(T, I), (L.zeros(1, H), L.zeros(1, H + 1))),
    "nonlinearity": lambda L: L.nn.RNN(I, H, nonlinearity="sin"),
    "dropout": lambda L: L.nn.GRU(I, H, 2, dropout=2.0),
    "layers": lambda L: L.nn.GRU(I, H, 0), "hidden": lambda L: L.nn.GRU(I, 0),
    "projection": lambda L: L.nn.LSTM(I, H, proj_size=H),
    "GRU projects": lambda L: L.nn.GRU(I, H, proj_size=2), "kind": lambda L: L.nn.GRU(I, 2.5),
    "cell input": lambda L: L.nn.GRUCell(I, H)(L.ones(N, I + 1)),
    "cell axes": lambda L: L.nn.LSTMCell(I, H)(L.ones(1, N, I)),
    "cell state": lambda L: L.nn.RNNCell(I, H)(L.ones(N, I), L.ones(N, H + 1)),
    "cell state axes": lambda L: L.nn.RNNCell(I, H)(L.ones(N, I), L.ones(H)),
    "not sorted": lambda L: L.nn.utils.rnn.pack_padded_sequence(L.ones(3, 2), [1, 3]),
    "no length": lambda L: L.nn.utils.rnn.pack_padded_sequence(L.ones(3, 2), [3, 0]),
    "lengths": lambda L: L.nn.utils.rnn.pack_padded_sequence(L.ones(3, 2), [3, 2, 1]),
    "total": lambda L: L.nn.utils.rnn.pad_packed_sequence(
        L.nn.utils.rnn.pack_sequence([L.ones(3)]), total_length=2),
    "side": lambda L: L.nn.utils.rnn.pad_sequence([L.ones(3)], padding_side="up"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises((ValueError, RuntimeError, TypeError)):
        REFUSED[name](torch)
    with pytest.raises((ValueError, TypeError), match="expected"):
        REFUSED[name](rl)
