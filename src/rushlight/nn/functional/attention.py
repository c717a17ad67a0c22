"""Attention as functions: scaled dot products, and several heads with their projections."""

from __future__ import annotations

import math
from typing import Any

from rushlight import ops
from rushlight.core.autocast import autocasts
from rushlight.core.spec import broadcast
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.nn.functional.dropout import dropout
from rushlight.ops.matmul import linear
from rushlight.ops.select import kept

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


@autocasts("lower")
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(Q Kᵀ scale + mask) V, of Q (..., L, E), K (..., S, E), V (..., S, Ev): (..., L, Ev).

    attn_mask   to (..., L, S): bools, True where a query may see a key, or floats, which are added. A query
                that may see no key gives 0.
    dropout_p   the probability with which a weight is dropped, also in evaluation.
    is_causal   query i sees the keys up to i; without attn_mask only.
    scale       1 / sqrt(E) by default.
    enable_gqa  K and V may have fewer heads (the axis -3), each for as many of the query's.

    Raises ArgumentError for attn_mask with is_causal, ShapeError for sizes that do not fit, DTypeError for
    different dtypes. (Vaswani et al., 2017.)

    >>> import rushlight as rl
    >>> x = rl.eye(2).reshape(1, 2, 2)
    >>> rl.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)[0, 0].tolist()
    [1.0, 0.0]
    """
    name = "scaled_dot_product_attention"
    _check(name, query, key, value, attn_mask, is_causal)
    if enable_gqa:
        key, value = (_for_all_heads(name, query, t) for t in (key, value))
    scores = (query * (1.0 / math.sqrt(query.shape[-1] or 1) if scale is None else scale)) @ key.mT
    alone = None
    if is_causal:
        attn_mask = ops.full(scores.shape[-2:], -math.inf, dtype=scores.dtype).triu(1)
    elif attn_mask is not None:
        attn_mask, alone = _with_something_to_see(attn_mask)
        attn_mask = _added(~attn_mask, scores.dtype) if attn_mask.dtype.kind == "b" else attn_mask
    if attn_mask is not None:
        scores = scores + attn_mask  # of which only a small mask's derivative is asked, or none
    out = dropout(scores.softmax(-1), dropout_p) @ value
    return out if alone is None else kept(~alone, out)


def _check(name: str, query: Any, key: Any, value: Any, mask: Any, is_causal: bool) -> None:
    given = [query, key, value]
    if not all(isinstance(t, Tensor) and t.ndim >= 2 for t in given) or query.shape[-1] != key.shape[-1]:
        got = ", ".join(str(t.shape) if isinstance(t, Tensor) else type(t).__name__ for t in given)
        raise ShapeError(message(name, got, "(..., L, E), (..., S, E) and (..., S, Ev)"))
    if len({t.dtype for t in given}) > 1:
        got = ", ".join(str(t.dtype) for t in given)
        raise DTypeError(message(name, f"dtypes {got}", "one dtype", "Convert them: x.float()."))
    if mask is None:
        return
    if is_causal:
        raise ArgumentError(message(name, "attn_mask with is_causal=True", "one of them", "Leave one out."))
    if mask.dtype.kind != "b" and mask.dtype != query.dtype:
        got = f"attn_mask of {mask.dtype} for a query of {query.dtype}"
        raise DTypeError(message(name, got, "bools, or the query's dtype"))
    broadcast(name, [mask.shape, (query.shape[-2], key.shape[-2])])


def _for_all_heads(name: str, query: Tensor, t: Tensor) -> Tensor:
    """Each head of `t` as often as there are heads of the query for it."""
    if query.ndim < 3 or t.ndim < 3 or not t.shape[-3] or query.shape[-3] % t.shape[-3]:
        got = f"a query of shape {query.shape} and keys or values {t.shape}"
        raise ShapeError(message(name, got, "the query's heads to be a multiple of theirs"))
    times = query.shape[-3] // t.shape[-3]
    if times == 1:
        return t
    spread = t.unsqueeze(-3).expand(*t.shape[:-2], times, *t.shape[-2:])
    return spread.reshape(*t.shape[:-3], query.shape[-3], *t.shape[-2:])


def _with_something_to_see(mask: Tensor) -> tuple[Tensor, Tensor]:
    """The mask without the rows that hide everything, whose softmax would be 0 / 0, and which those are."""
    if mask.dtype.kind == "b":
        alone = ~mask.any(-1, keepdim=True)
        return mask | alone, alone
    alone = (mask == -math.inf).all(-1, keepdim=True)
    return kept(~alone, mask), alone


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What `nn.MultiheadAttention` computes, with its weights as arguments: query (L, N, E) or (L, E), key
    and value (S, N, E) or (S, E). Gives the output, of the query's shape, and with ``need_weights`` the
    weights, (N, L, S), averaged over the heads, or (N, heads, L, S).

    in_proj_weight       (3 E, E), or with ``use_separate_proj_weight`` q_proj_weight (E, E), k_proj_weight
                         (E, kdim), v_proj_weight (E, vdim).
    bias_k, bias_v       (1, 1, E): a key and a value more; with ``add_zero_attn`` zeros more.
    key_padding_mask     (N, S) or (S,): bools, True for keys that nobody sees, or floats, which are added.
    attn_mask            (L, S) or (N * heads, L, S), likewise; True hides.
    is_causal            says that attn_mask is causal; it changes no result.
    static_k, static_v   (N * heads, S, E / heads) in the place of the projected keys and values.

    Raises ShapeError for sizes that do not fit, ArgumentError for is_causal without attn_mask.

    >>> import rushlight as rl
    >>> x, eye = rl.eye(2).reshape(2, 1, 2), rl.eye(2)
    >>> out, weights = rl.nn.functional.multi_head_attention_forward(
    ...     x, x, x, 2, 1, rl.cat([eye] * 3), None, None, None, False, 0.0, eye, None)
    >>> list(out.shape), list(weights.shape)
    ([2, 1, 2], [1, 2, 2])
    """
    name = "multi_head_attention_forward"
    batched = query.ndim == 3
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    _check_heads(name, query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if is_causal and attn_mask is None:
        remedy = "Pass a mask, from nn.Transformer.generate_square_subsequent_mask for example."
        raise ArgumentError(message(name, "is_causal=True without attn_mask", "a mask", remedy))
    length, count, width = query.shape
    separate = (q_proj_weight, k_proj_weight, v_proj_weight)
    weights = separate if use_separate_proj_weight else in_proj_weight
    q, k, v = _projected(query, key, value, weights, in_proj_bias)
    extra = 0
    if bias_k is not None and bias_v is not None:
        k, v = (ops.cat([t, b.expand(1, count, width)]) for t, b in ((k, bias_k), (v, bias_v)))
        extra += 1
    heads = (count, num_heads, width // num_heads)
    q, k, v = _in_heads(q, heads), _given(name, k, static_k, heads), _given(name, v, static_v, heads)
    if add_zero_attn:
        zero = ops.zeros(count, num_heads, 1, heads[2], dtype=k.dtype)
        k, v = ops.cat([k, zero], 2), ops.cat([v, zero], 2)
        extra += 1
    mask = _merged(name, attn_mask, key_padding_mask, q, k.shape[2] - extra, extra)
    drop = dropout_p if training else 0.0
    seen: Tensor | None = None
    if need_weights:
        scores = (q * heads[2] ** -0.5) @ k.mT
        scores = scores if mask is None else scores + _added(mask, q.dtype)
        seen = dropout(scores.softmax(-1), drop)
        out = seen @ v
        seen = seen.mean(1) if average_attn_weights else seen
    else:
        mask = ~mask if mask is not None and mask.dtype.kind == "b" else mask
        out = scaled_dot_product_attention(q, k, v, mask, drop)
    out = linear(out.permute(2, 0, 1, 3).reshape(length, count, width), out_proj_weight, out_proj_bias)
    if batched:
        return out, seen
    return out.squeeze(1), None if seen is None else seen.squeeze(0)


def _check_heads(
    name: str, query: Tensor, key: Tensor, value: Tensor, width: int, heads: int, separate: bool
) -> None:
    same = key.shape[:2] == value.shape[:2] if separate else key.shape == value.shape
    fit = query.ndim == key.ndim == value.ndim == 3 and query.shape[1] == key.shape[1]
    if not (fit and same and query.shape[2] == width):
        got = f"a query of shape {query.shape}, keys {key.shape}, values {value.shape}"
        raise ShapeError(message(name, got, f"(L, N, {width}), and keys and values (S, N, ...) of one batch"))
    if width % heads:
        raise ShapeError(message(name, f"{width} numbers for {heads} heads", "a multiple of the heads"))


def _projected(query: Tensor, key: Tensor, value: Tensor, weight: Any, bias: Tensor | None) -> Any:
    """Queries, keys and values, with one product where inputs and weights are in one tensor."""
    width = query.shape[2]
    if not isinstance(weight, tuple):
        if query is key and key is value:
            return linear(query, weight, bias).chunk(3, -1)
        if key is value:
            q = linear(query, weight[:width], None if bias is None else bias[:width])
            return (q, *linear(key, weight[width:], None if bias is None else bias[width:]).chunk(2, -1))
        weight = weight.chunk(3)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), weight, biases, strict=True))


def _in_heads(t: Tensor, heads: tuple[int, int, int]) -> Tensor:
    """(N, heads, steps, E / heads) of (steps, N, E)."""
    return t.reshape(t.shape[0], *heads).permute(1, 2, 0, 3)


def _given(name: str, t: Tensor, static: Tensor | None, heads: tuple[int, int, int]) -> Tensor:
    if static is None:
        return _in_heads(t, heads)
    if static.ndim != 3 or static.shape[0] != heads[0] * heads[1] or static.shape[2] != heads[2]:
        got = f"static keys or values of shape {static.shape}"
        raise ShapeError(message(name, got, f"({heads[0] * heads[1]}, S, {heads[2]})"))
    return static.reshape(*heads[:2], *static.shape[1:])


def _merged(
    name: str, attn: Tensor | None, padding: Tensor | None, q: Tensor, steps: int, extra: int
) -> Tensor | None:
    """Both masks as one that fits (N, heads, L, S): bools, True where a key is hidden, or floats to be added.
    The `extra` keys at the end are seen by all."""
    count, heads, length = q.shape[:3]
    found = []
    if attn is not None:
        if attn.shape not in ((length, steps), (count * heads, length, steps)):
            expected = f"({length}, {steps}) or ({count * heads}, {length}, {steps})"
            raise ShapeError(message(name, f"attn_mask of shape {attn.shape}", expected))
        found.append(attn if attn.ndim == 2 else attn.reshape(count, heads, length, steps))
    if padding is not None:
        if padding.shape != (count, steps):
            got = f"key_padding_mask of shape {padding.shape}"
            raise ShapeError(message(name, got, f"({count}, {steps})", "True stands for what is hidden."))
        found.append(padding.reshape(count, 1, 1, steps))
    for t in found:
        if t.dtype.kind not in "bf":
            raise DTypeError(message(name, f"a mask of {t.dtype}", "bools or floats", "Use mask.bool()."))
    if extra:
        found = [ops.cat([t, ops.zeros(*t.shape[:-1], extra, dtype=t.dtype)], -1) for t in found]
    if len(found) < 2:
        return found[0] if found else None
    if all(t.dtype.kind == "b" for t in found):
        return found[0] | found[1]
    return _added(found[0], q.dtype) + _added(found[1], q.dtype)


def _added(mask: Tensor, dtype: Any) -> Tensor:
    """A mask as floats to be added."""
    if mask.dtype.kind == "f":
        return mask
    return ops.zeros(mask.shape, dtype=dtype).masked_fill(mask, -math.inf)
