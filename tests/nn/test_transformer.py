"""Attention: by hand, with masks, and in layers."""

from __future__ import annotations

import math

import numpy as np

import rushlight as rl
from rushlight import nn


def test_multihead_attention_by_hand() -> None:
    rl.manual_seed(0)
    layer, x = nn.MultiheadAttention(4, 2, batch_first=True), rl.randn(1, 3, 4)
    out, weights = layer(x, x, x, average_attn_weights=False)
    q, k, v = (x[0] @ layer.in_proj_weight.T).chunk(3, 1)
    heads = []
    for i in range(2):
        part = slice(2 * i, 2 * i + 2)
        seen = (q[:, part] @ k[:, part].T / math.sqrt(2)).softmax(-1)
        np.testing.assert_allclose(weights[0, i].detach().numpy(), seen.detach().numpy(), rtol=1e-5)
        heads.append(seen @ v[:, part])
    expected = layer.out_proj(rl.cat(heads, 1))
    np.testing.assert_allclose(out[0].detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_a_causal_mask_hides_what_comes() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    x = rl.randn(1, 5, 8)
    other = x.clone()
    other[:, 3:] = 0.0
    a, b = layer(x, mask, is_causal=True), layer(other, mask, is_causal=True)
    np.testing.assert_allclose(a[:, :3].detach().numpy(), b[:, :3].detach().numpy(), rtol=1e-5, atol=1e-6)


def test_dropout_acts_in_training_only() -> None:
    model = nn.Transformer(8, 2, 1, 1, 16, dropout=0.5)
    src, tgt = rl.randn(4, 1, 8), rl.randn(3, 1, 8)
    assert model(src, tgt).tolist() != model(src, tgt).tolist()
    model.eval()
    assert model(src, tgt).tolist() == model(src, tgt).tolist()


def test_encoders_of_ones_own_layers() -> None:
    class Twice(nn.Module):
        def forward(self, src, src_mask=None, is_causal=False, src_key_padding_mask=None):  # type: ignore[no-untyped-def]
            return src * 2

    assert nn.TransformerEncoder(Twice(), 3)(rl.ones(2, 1)).tolist() == [[8.0], [8.0]]
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2, nn.LayerNorm(8))
    first, second = encoder.layers
    assert first.linear1.weight.tolist() == second.linear1.weight.tolist()
    encoder.reset_parameters()
    assert first.linear1.weight.tolist() != second.linear1.weight.tolist()
