"""Embeddings as functions."""

from __future__ import annotations

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError, message
from rushlight.ops import lookup

__all__ = ["embedding", "embedding_bag"]


def _padding(name: str, padding_idx: int | None, weight: Tensor) -> int | None:
    """`padding_idx` counted from the front."""
    rows = weight.shape[0]
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ArgumentError(message(name, f"padding_idx={padding_idx}", f"a number of the {rows} rows"))
    return padding_idx % rows


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` (V, D) that `input` (*), of integers, names: (*, D).

    padding_idx         the row that gets no gradient.
    max_norm            rows that are named and whose norm is larger are first scaled down to it, in place.
    norm_type           which norm that is.
    scale_grad_by_freq  a row's gradient is divided by how often it was named.
    sparse              the weight's gradient is a sparse tensor, of the rows that were named: for large
                        tables, with `optim.SparseAdam`, SGD or Adagrad.

    Raises IndexingError for a number that is no row, DTypeError for an input that is no integers,
    ArgumentError for a `padding_idx` that is no row.

    >>> import rushlight as rl
    >>> rl.nn.functional.embedding(rl.tensor([1, 0]), rl.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    padding = _padding("embedding", padding_idx, weight)
    lookup.check_index("embedding", input)
    if max_norm is not None:
        lookup.limit_rows(weight, input, max_norm, norm_type)
    return lookup.embedding(weight, input, -1 if padding is None else padding, scale_grad_by_freq, sparse)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The rows of `weight` (V, D) that each bag of numbers names, merged to one: (B, D).

    input                (B, L), a bag a row; or (n,) with `offsets` (B,), which say where each bag begins.
    mode                 "sum", "mean" or "max".
    per_sample_weights   of the input's shape: each row is multiplied by it; with mode "sum" only.
    include_last_offset  `offsets` has at its end where the last bag ends.
    padding_idx          a number that counts as not there.

    The other options are those of `embedding`. An empty bag gives 0. Raises ShapeError for shapes that do not
    fit, ArgumentError for another mode or offsets that do not begin at 0, NotSupportedError for weights
    with another mode, and for `scale_grad_by_freq` and `sparse` with "max", as PyTorch does.

    >>> import rushlight as rl
    >>> weight = rl.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> rl.nn.functional.embedding_bag(rl.tensor([0, 2, 1]), weight, rl.tensor([0, 2]), mode="sum")
    tensor([[6., 8.],
            [3., 4.]])
    """
    name = "embedding_bag"
    lookup.check_mode(name, mode)
    lookup.check_index(name, input)
    _check_options(mode, per_sample_weights, scale_grad_by_freq, sparse, input)
    offsets = _offsets(input, offsets, include_last_offset)
    if max_norm is not None:
        lookup.limit_rows(weight, input, max_norm, norm_type)
    factors = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    padding = _padding(name, padding_idx, weight)
    number, by_count = input.reshape(-1), scale_grad_by_freq
    return lookup.bagged(weight, number, offsets, mode, factors, padding, by_count, sparse)


def _check_options(mode: str, factors: Tensor | None, by_count: bool, sparse: bool, input: Tensor) -> None:
    if factors is not None and factors.shape != input.shape:
        got = f"per_sample_weights of shape {factors.shape}"
        raise ShapeError(message("embedding_bag", got, f"the input's shape {input.shape}"))
    if factors is not None and mode != "sum":
        raise NotSupportedError(message("embedding_bag", f"per_sample_weights with mode={mode!r}", "'sum'"))
    if mode == "max" and (by_count or sparse):
        option = "scale_grad_by_freq" if by_count else "sparse=True"
        raise NotSupportedError(message("embedding_bag", f"{option} with mode='max'", "another mode"))


def _offsets(input: Tensor, offsets: Tensor | None, include_last: bool) -> Tensor:
    name = "embedding_bag"
    if input.ndim == 2 and offsets is None:
        return lookup.bags_of_rows(input)
    if input.ndim != 1 or offsets is None or offsets.ndim != 1:
        given = "no offsets" if offsets is None else f"offsets of shape {offsets.shape}"
        got = f"an input of shape {input.shape} and {given}"
        raise ShapeError(message(name, got, "(B, L) without offsets, or (n,) with offsets (B,)"))
    if offsets.dtype.kind not in "iu":
        raise DTypeError(message(name, f"offsets of {offsets.dtype}", "whole numbers", "Use x.long()."))
    return offsets[: offsets.shape[0] - 1] if include_last else offsets
