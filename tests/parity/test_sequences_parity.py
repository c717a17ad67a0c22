"""Sequence models as users write them: five steps of training in PyTorch, here, and compiled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")
pytest.importorskip("llvmlite")
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")

WORDS, E, HEADS, T, N = 7, 8, 2, 6, 3


def gpt(L: Any, mask: str, tied: bool) -> Any:
    """A GPT with hand-written attention: its causal mask a buffer, its head tied to the embedding."""
    nn, F = L.nn, L.nn.functional

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(E), nn.LayerNorm(E)
            self.attn, self.proj = nn.Linear(E, 3 * E, bias=False), nn.Linear(E, E)
            self.mlp = nn.Sequential(nn.Linear(E, 4 * E), nn.GELU(), nn.Linear(4 * E, E))
            self.register_buffer("bias", L.tril(L.ones(T, T)).view(1, 1, T, T))
            self.register_buffer("upper", L.triu(L.full((T, T), -math.inf), diagonal=1), persistent=False)

        def attention(self, x: Any) -> Any:
            n, t, e = x.size(0), x.size(1), x.size(2)
            q, k, v = (y.view(n, t, HEADS, e // HEADS).transpose(1, 2) for y in self.attn(x).split(E, dim=2))
            if mask == "function":
                y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            else:
                scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
                if mask == "filled":
                    scores = scores.masked_fill(self.bias[:, :, :t, :t] == 0, float("-inf"))
                else:
                    scores = scores + self.upper[:t, :t]
                y = F.softmax(scores, dim=-1) @ v
            return self.proj(y.transpose(1, 2).contiguous().view(n, t, e))

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.h = nn.Embedding(WORDS, E), nn.ModuleList([Block() for _ in range(2)])
            self.ln_f, self.lm_head = nn.LayerNorm(E), nn.Linear(E, WORDS, bias=False)
            if tied:
                self.lm_head.weight = self.wte.weight

        def forward(self, index: Any) -> Any:
            x = self.wte(index)
            for block in self.h:
                x = block(x)
            return self.lm_head(self.ln_f(x))

    return GPT()


def tagger(L: Any, kind: str, packed: bool) -> Any:
    """A recurrent network over words; with `packed` sequences of different lengths."""
    nn, rnn = L.nn, L.nn.utils.rnn

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(WORDS, E)
            self.rnn = getattr(nn, kind)(E, 5, num_layers=2, batch_first=True, bidirectional=True)
            self.head = nn.Linear(10, WORDS)

        def forward(self, index: Any) -> Any:
            x = self.words(index)
            if packed:
                x = rnn.pack_padded_sequence(x, [4, 6, 2], batch_first=True, enforce_sorted=False)
            x, _ = self.rnn(x)
            if packed:
                x, _ = rnn.pad_packed_sequence(x, batch_first=True, total_length=T)
            return self.head(x)

    return Tagger()


def looped(L: Any, kind: str) -> Any:
    """A cell in a loop of one's own."""
    nn = L.nn

    class Looped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.cell = nn.Embedding(WORDS, E), getattr(nn, kind)(E, 5)
            self.head = nn.Linear(5, WORDS)

        def forward(self, index: Any) -> Any:
            x, state, found = self.words(index), None, []
            for t in range(T):
                state = self.cell(x[:, t], state)
                found.append(self.head(state[0] if kind == "LSTMCell" else state))
            return L.stack(found, 1)

    return Looped()


def encoder(L: Any, first: bool) -> Any:
    nn = L.nn

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(WORDS, E)
            layer = nn.TransformerEncoderLayer(E, HEADS, 16, 0.0, "gelu", batch_first=True, norm_first=first)
            self.body, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(E, WORDS)

        def forward(self, index: Any) -> Any:
            mask = L.nn.Transformer.generate_square_subsequent_mask(T)
            return self.head(self.body(self.words(index), mask=mask, is_causal=True))

    return Encoder()


MODELS = {
    "GPT": lambda L: gpt(L, "function", False), "GPT, filled mask": lambda L: gpt(L, "filled", True),
    "GPT, added mask": lambda L: gpt(L, "added", True), "LSTM": lambda L: tagger(L, "LSTM", False),
    "GRU": lambda L: tagger(L, "GRU", False), "RNN": lambda L: tagger(L, "RNN", False),
    "LSTM, packed": lambda L: tagger(L, "LSTM", True), "GRU, packed": lambda L: tagger(L, "GRU", True),
    "LSTMCell": lambda L: looped(L, "LSTMCell"), "GRUCell": lambda L: looped(L, "GRUCell"),
    "Transformer": lambda L: encoder(L, True), "Transformer, norm last": lambda L: encoder(L, False),
}  # fmt: skip


def losses(L: Any, model: Any, wrap: Any = lambda f: f) -> list[float]:
    optimizer = L.optim.Adam(model.parameters(), lr=0.02)
    words = L.tensor(np.random.default_rng(1).integers(0, WORDS, (N, T + 1)))

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = L.nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        optimizer.step()
        return loss

    run = wrap(step)
    return [run(words[:, :-1], words[:, 1:]).item() for _ in range(5)]


@pytest.mark.parametrize("name", MODELS)
def test_training(name: str) -> None:
    theirs, ours, compiled = MODELS[name](torch), MODELS[name](rl), MODELS[name](rl)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    weights = {k: v.detach().numpy().copy() for k, v in theirs.state_dict().items()}
    for model in (ours, compiled):
        model.load_state_dict({k: rl.tensor(v) for k, v in weights.items()})
    expected = losses(torch, theirs)
    assert expected[-1] < expected[0]
    np.testing.assert_allclose(losses(rl, ours), expected, rtol=1e-5)
    np.testing.assert_allclose(losses(rl, compiled, rl.compile), expected, rtol=1e-5)


def test_tied_weights_are_one_parameter() -> None:
    ours, theirs = gpt(rl, "filled", True), gpt(torch, "filled", True)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    optimizer = rl.optim.Adam(ours.parameters())
    assert len(optimizer.param_groups[0]["params"]) == len(list(theirs.parameters()))
    assert ours.lm_head.weight is ours.wte.weight
