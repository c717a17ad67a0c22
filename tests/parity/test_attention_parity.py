"""Attention and the Transformer against PyTorch, beyond its own samples: masks, gradients, refusals."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from tests.parity.test_recurrent_parity import both, close, compare

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")

L_, S, N, E, HEADS = 4, 5, 2, 6, 3
rng = np.random.default_rng(0)


def agree(call: Any, *arrays: np.ndarray, dtype: str = "float64") -> None:
    """`call(L, *tensors)` in both: values and gradients; arrays of floats require grad."""
    found = []
    for L in (rl, torch):
        floats = [a.dtype.kind == "f" for a in arrays]
        given = [L.tensor(a.astype(dtype) if f else a) for a, f in zip(arrays, floats, strict=True)]
        leaves = [t.requires_grad_() for t, f in zip(given, floats, strict=True) if f]
        out = call(L, *given)
        found.append([out, *L.autograd.grad((out * out).sum(), leaves)])
    for a, b in zip(*found, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        close(a, b, dtype)


def causal(L: Any, n: int, s: int) -> Any:
    return L.ones(n, s, dtype=L.bool).tril()


SEEN = rng.integers(0, 2, (N, 1, L_, S)).astype(bool)
SEEN[0, 0, 1] = False  # a query that sees nothing
DOTS = {
    "plain": lambda F, L, q, k, v: F(q, k, v), "scale": lambda F, L, q, k, v: F(q, k, v, scale=0.3),
    "causal": lambda F, L, q, k, v: F(q, k, v, is_causal=True),
    "bools": lambda F, L, q, k, v: F(q, k, v, L.tensor(SEEN)),
    "floats": lambda F, L, q, k, v: F(q, k, v, L.tensor(np.where(SEEN, 0.5, -np.inf)).to(q.dtype)),
    "rows": lambda F, L, q, k, v: F(q, k, v, causal(L, L_, S)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DOTS)
def test_scaled_dot_products(name: str, dtype: str) -> None:
    shapes = [(N, HEADS, L_, E), (N, HEADS, S, E), (N, HEADS, S, 2)]

    def call(L: Any, *t: Any) -> Any:
        return DOTS[name](L.nn.functional.scaled_dot_product_attention, L, *t)

    agree(call, *[rng.standard_normal(s) for s in shapes], dtype=dtype)


def test_groups_of_queries_and_fewer_axes() -> None:
    dots = "scaled_dot_product_attention"
    q, k = rng.standard_normal((N, 4, L_, E)), rng.standard_normal((N, 2, S, E))
    agree(lambda L, *t: getattr(L.nn.functional, dots)(*t, enable_gqa=True), q, k, k)
    agree(lambda L, *t: getattr(L.nn.functional, dots)(*t), q[0, 0], k[0, 0], k[0, 0])
    mask = rng.standard_normal((L_, S))
    agree(lambda L, q, k, m: getattr(L.nn.functional, dots)(q, k, k, attn_mask=m), q[:, :2], k, mask)


ATTENTION = [
    {}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"kdim": 3, "vdim": 2},
    {"kdim": 3, "add_bias_kv": True, "add_zero_attn": True, "batch_first": True}, {"batch_first": True},
]  # fmt: skip
PADDING = np.array([[False, False, True, False, True], [False] * 5])


@pytest.mark.parametrize(
    ("masks", "weights"),
    list(itertools.product(["none", "bools", "floats", "3d"], [None, True, False])),
    ids=str,
)
@pytest.mark.parametrize("options", ATTENTION, ids=str)
def test_multihead_attention(options: dict[str, Any], masks: str, weights: bool | None) -> None:
    ours, theirs = both("MultiheadAttention", E, HEADS, **options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    hidden = np.triu(np.ones((L_, S), bool), 2)
    tall = rng.standard_normal((N * HEADS, L_, S))
    given = {"none": (None, None), "bools": (hidden, PADDING), "3d": (tall, None)}.get(
        masks, (np.where(hidden, -np.inf, 0.25), np.where(PADDING, -np.inf, 0.0))
    )

    def call(L: Any, layer: Any, q: Any, k: Any, v: Any) -> Any:
        attn, padding = (None if g is None else L.tensor(g) for g in given)
        how = {"need_weights": False} if weights is None else {"average_attn_weights": weights}
        return layer(q, k, v, attn_mask=attn, key_padding_mask=padding, **how)

    widths = E, options.get("kdim", E), options.get("vdim", E)
    order = (1, 0, 2) if options.get("batch_first") else (0, 1, 2)
    arrays = [
        rng.standard_normal((n, N, w)).transpose(order) for n, w in zip((L_, S, S), widths, strict=True)
    ]
    compare(ours, theirs, call, arrays)


def test_attention_of_a_sequence_to_itself() -> None:
    ours, theirs = both("MultiheadAttention", E, HEADS, dtype="float32")
    x = rng.standard_normal((L_, N, E))
    compare(ours, theirs, lambda L, f, x: f(x * 1.0, x * 1.0, x * 1.0)[0], [x], "float32")
    compare(ours, theirs, lambda L, f, x: [f(y, y, y)[0] for y in [x * 1.0]], [x], "float32")
    compare(ours, theirs, lambda L, f, x: f(x, x, x), [x[:, 0]], "float32")
    causal = {"is_causal": True, "need_weights": False}
    mask = lambda L: L.nn.Transformer.generate_square_subsequent_mask(L_)  # noqa: E731
    compare(ours, theirs, lambda L, f, x: f(x, x, x, attn_mask=mask(L), **causal), [x], "float32")


BLOCKS = [
    {"norm_first": n, "batch_first": b, "activation": a, "bias": i, "dropout": 0.0}
    for n, b, a, i in [(False, False, "relu", True), (True, True, "gelu", True), (True, False, "gelu", False)]
]


@pytest.mark.parametrize("options", BLOCKS, ids=str)
def test_transformer(options: dict[str, Any]) -> None:
    sizes = {"num_encoder_layers": 2, "num_decoder_layers": 2, "dim_feedforward": 7}
    ours, theirs = both("Transformer", E, HEADS, **sizes, **options)
    assert repr(ours) == repr(theirs)
    order = (1, 0, 2) if options["batch_first"] else (0, 1, 2)
    src, tgt = (rng.standard_normal((n, N, E)).transpose(order) for n in (S, L_))

    def call(L: Any, model: Any, src: Any, tgt: Any) -> Any:
        mask = L.nn.Transformer.generate_square_subsequent_mask(L_, dtype=L.float64)
        padding = L.tensor(np.where(PADDING, -np.inf, 0.0))
        return model(src, tgt, tgt_mask=mask, src_key_padding_mask=padding, memory_key_padding_mask=padding)

    compare(ours, theirs, call, [src, tgt])


def test_a_callable_and_a_module_as_activation() -> None:
    for name in ("TransformerEncoderLayer", "TransformerDecoderLayer"):
        made = [
            getattr(L.nn, name)(E, HEADS, 7, 0.0, activation=L.nn.SiLU() if module else L.nn.functional.silu)
            for module in (False, True)
            for L in (rl, torch)
        ]
        assert repr(made[2]) == repr(made[3])
        made[0].load_state_dict({k: rl.tensor(v.numpy()) for k, v in made[1].state_dict().items()})
        x = rng.standard_normal((S, N, E)).astype("float32")
        twice = 1 if "Encoder" in name else 2
        close(made[0](*[rl.tensor(x)] * twice), made[1](*[torch.tensor(x)] * twice), "float32")


def test_initial_weights_follow_the_same_distribution() -> None:
    ours, theirs = rl.nn.Transformer(64, 4, 1, 1, 96), torch.nn.Transformer(64, 4, 1, 1, 96)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        a, b = p.detach().numpy(), q.detach().numpy()
        assert a.std() == pytest.approx(b.std(), rel=0.25, abs=1e-6), name
        assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.1, abs=1e-6), name
    ours.reset_parameters()  # a net of such layers may be drawn anew


def dots(L: Any, *args: Any, **options: Any) -> Any:
    return L.nn.functional.scaled_dot_product_attention(*args, **options)


REFUSED = {
    "both masks": lambda L: dots(L, *[L.ones(2, 3)] * 3, attn_mask=L.ones(2, 2), is_causal=True),
    "widths": lambda L: dots(L, L.ones(2, 3), L.ones(2, 4), L.ones(2, 4)),
    "mask": lambda L: dots(L, *[L.ones(2, 3)] * 3, attn_mask=L.ones(3, 5)),
    "groups": lambda L: dots(L, L.ones(1, 3, 2, 4), *[L.ones(1, 2, 2, 4)] * 2, enable_gqa=True),
    "dtypes": lambda L: dots(L, L.ones(2, 3), *[L.ones(2, 3, dtype=L.float64)] * 2),
    "heads": lambda L: L.nn.MultiheadAttention(5, 2), "no width": lambda L: L.nn.MultiheadAttention(0, 1),
    "query": lambda L: L.nn.MultiheadAttention(4, 2)(*[L.ones(3, 1, 5)] * 3),
    "axes": lambda L: L.nn.MultiheadAttention(4, 2)(L.ones(4), L.ones(4), L.ones(4)),
    "attn_mask": lambda L: L.nn.MultiheadAttention(4, 2)(*[L.ones(3, 1, 4)] * 3, attn_mask=L.ones(2, 2)),
    "padding": lambda L: L.nn.MultiheadAttention(4, 2)(*[L.ones(3, 1, 4)] * 3, key_padding_mask=L.ones(2, 2)),
    "causal": lambda L: L.nn.MultiheadAttention(4, 2)(*[L.ones(3, 1, 4)] * 3, is_causal=True),
    "activation": lambda L: L.nn.TransformerEncoderLayer(4, 2, activation="sin"),
    "width": lambda L: L.nn.Transformer(4, 2, 1, 1, 4)(L.ones(3, 1, 5), L.ones(3, 1, 5)),
    "batches": lambda L: L.nn.Transformer(4, 2, 1, 1, 4)(L.ones(3, 1, 4), L.ones(3, 2, 4)),
    "gelu": lambda L: L.nn.functional.gelu(L.ones(2), approximate="sin"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises((ValueError, RuntimeError, AssertionError)):
        REFUSED[name](torch)
    with pytest.raises((ValueError, TypeError), match="expected"):
        REFUSED[name](rl)


def test_a_query_that_sees_nothing_is_0() -> None:
    x = rl.ones(1, 2, 2, requires_grad=True)
    mask = rl.tensor([[True, False], [False, False]])
    out = dots(rl, x, x, x, attn_mask=mask)
    out.sum().backward()
    assert out[0, 1].tolist() == [0.0, 0.0]
    assert x.grad is not None
    assert bool(rl.isfinite(x.grad).all())
    assert dots(rl, x, x, x, attn_mask=rl.full((2, 2), -math.inf)).abs().sum().item() == 0.0
