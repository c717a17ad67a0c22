"""MultiheadAttention."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.placement import check_device
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.nn.fill import zeros_
from rushlight.nn.functional.attention import multi_head_attention_forward
from rushlight.nn.init import xavier_normal_, xavier_uniform_
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module

__all__ = ["MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """Linear, by the name that it has within attention in PyTorch's texts of networks."""


class MultiheadAttention(Module):
    """Attention by several heads at once: each projects queries, keys and values to E / heads numbers, and
    softmax(q kᵀ / sqrt(E / heads)) v of all heads together is projected to the output.

    ``forward(query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
    average_attn_weights=True, is_causal=False)``: query (L, N, E), key (S, N, kdim), value (S, N, vdim), with
    ``batch_first`` the batch first, or without a batch. Gives (output, weights or None). In masks True hides;
    floats are added: see `F.multi_head_attention_forward`.

    dropout      the probability with which a weight is dropped in training.
    bias         of the projections.
    add_bias_kv  a learned key and value more; ``add_zero_attn``: one of zeros more.
    kdim, vdim   the widths of keys and values, E by default.

    Weights follow Glorot's uniform distribution, biases are 0. Raises ArgumentError unless E is a multiple of
    the heads. (Vaswani et al., 2017.)

    >>> import rushlight as rl
    >>> x = rl.ones(2, 5, 4)
    >>> out, weights = rl.nn.MultiheadAttention(4, 2, batch_first=True)(x, x, x)
    >>> list(out.shape), list(weights.shape)
    ([2, 5, 4], [2, 5, 5])
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_device(device)
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            got = f"embed_dim={embed_dim}, num_heads={num_heads}"
            raise ArgumentError(message("MultiheadAttention", got, "a multiple of num_heads, 1 or more"))
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        one = self._qkv_same_embed_dim
        for name, shape, there in (
            ("q_proj_weight", (embed_dim, embed_dim), not one),
            ("k_proj_weight", (embed_dim, self.kdim), not one),
            ("v_proj_weight", (embed_dim, self.vdim), not one),
            ("in_proj_weight", (3 * embed_dim, embed_dim), one),
            ("in_proj_bias", (3 * embed_dim,), bias),
            ("bias_k", (1, 1, embed_dim), add_bias_kv),
            ("bias_v", (1, 1, embed_dim), add_bias_kv),
        ):
            self.register_parameter(name, Parameter(ops.empty(*shape, dtype=dtype)) if there else None)
        self.out_proj = NonDynamicallyQuantizableLinear(
            embed_dim, embed_dim, bias=bias, bias_init="zeros", dtype=dtype
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the weights of the projections of queries, keys and values anew; their bias is 0."""
        for p in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if p is not None:
                xavier_uniform_(p)
        if self.in_proj_bias is not None:
            zeros_(self.in_proj_bias)
        for p in (self.bias_k, self.bias_v):
            if p is not None:
                xavier_normal_(p)

    _reset_parameters = reset_parameters

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
            got = f"a query of shape {query.shape}, keys {key.shape}, values {value.shape}"
            raise ShapeError(message("MultiheadAttention", got, "2 axes each, or with a batch 3"))
        first = self.batch_first and query.ndim == 3
        if first:
            turned = {id(t): t.transpose(0, 1) for t in (query, key, value)}  # what is one tensor stays one
            query, key, value = turned[id(query)], turned[id(key)], turned[id(value)]
        out, weights = multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias,
            self.bias_k, self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight,
            self.out_proj.bias, self.training, key_padding_mask, need_weights, attn_mask,
            not self._qkv_same_embed_dim, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight,
            average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return (out.transpose(0, 1) if first else out), weights
