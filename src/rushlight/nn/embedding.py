"""Tables of vectors that are looked up by number."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.placement import check_device
from rushlight.core.state import no_grad
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.nn.functional.lookup import embedding, embedding_bag
from rushlight.nn.init import normal_
from rushlight.nn.module import Module

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """A table of `num_embeddings` vectors of `embedding_dim` numbers; `padding_idx` may be left out."""

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        weight: Tensor | None,
        freeze: bool,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        check_device(device)
        name = type(self).__name__
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            got = f"padding_idx={padding_idx}"
            raise ArgumentError(message(name, got, f"a number of the {num_embeddings} rows"))
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        shape = (num_embeddings, embedding_dim)
        if weight is None:
            self.weight = Parameter(ops.empty(shape, dtype=dtype), not freeze)
            self.reset_parameters()
            return
        if weight.shape != shape:
            raise ShapeError(message(name, f"a weight of shape {weight.shape}", f"{shape}"))
        self.weight = Parameter(weight, not freeze)

    def reset_parameters(self) -> None:
        """Standard normal numbers, and 0 in the row `padding_idx`."""
        normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def _shown(self, *names: str) -> list[str]:
        return [f"{name}={getattr(self, name)}" for name in names]


def _size(name: str, embeddings: Tensor) -> tuple[int, int]:
    if embeddings.ndim != 2:
        got = f"embeddings of shape {embeddings.shape}"
        raise ShapeError(message(f"{name}.from_pretrained", got, "(rows, columns)"))
    rows, columns = embeddings.shape
    return rows, columns


class Embedding(_Table):
    """Numbers (*) below `num_embeddings` become vectors (*, embedding_dim): the rows of `weight`.

    padding_idx         a row that is 0 at first and gets no gradient.
    max_norm            rows that are looked up are first scaled down, in place, to that `norm_type`-norm.
    scale_grad_by_freq  a row's gradient is divided by how often it was looked up in the batch.
    sparse              the gradient of `weight` is a sparse tensor, of the rows that were looked up: for
                        large tables, with `optim.SparseAdam`, SGD or Adagrad.

    `weight` is drawn from the standard normal distribution. Raises IndexingError for other numbers,
    DTypeError for an input that is no integers.

    >>> import rushlight as rl
    >>> tuple(rl.nn.Embedding(10, 3)(rl.tensor([[1, 2], [4, 5]])).shape)
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx, _weight, _freeze, device, dtype)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """The layer whose weight is `embeddings` (V, D); it is not trained unless ``freeze=False``.

        >>> import rushlight as rl
        >>> layer = rl.nn.Embedding.from_pretrained(rl.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> layer(rl.tensor([1])), layer.weight.requires_grad
        (tensor([[3., 4.]]), False)
        """
        return cls(
            *_size("Embedding", embeddings),
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def forward(self, input: Tensor) -> Tensor:
        return embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        defaults = {"padding_idx": None, "max_norm": None, "norm_type": 2, "scale_grad_by_freq": False}
        parts += self._shown(*(k for k, default in defaults.items() if getattr(self, k) != default))
        return ", ".join([*parts, *(["sparse=True"] if self.sparse else [])])


class EmbeddingBag(_Table):
    """Bags of numbers become a vector each: the sum, the mean or the largest of the rows that they name.

    Takes (B, L), a bag a row, or (n,) and `offsets` (B,), where each bag begins; gives (B, embedding_dim).
    The options are those of `Embedding` and of `nn.functional.embedding_bag`; `padding_idx` is left out of
    the bags.

    >>> import rushlight as rl
    >>> layer = rl.nn.EmbeddingBag(10, 3, mode="sum")
    >>> tuple(layer(rl.tensor([1, 2, 4, 5, 4]), rl.tensor([0, 3])).shape)
    (2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx, _weight, False, device, dtype)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """The layer whose weight is `embeddings` (V, D); it is not trained unless ``freeze=False``.

        >>> import rushlight as rl
        >>> layer = rl.nn.EmbeddingBag.from_pretrained(rl.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> layer(rl.tensor([[0, 1]]))
        tensor([[2., 3.]])
        """
        made = cls(
            *_size("EmbeddingBag", embeddings),
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        made.weight.requires_grad_(not freeze)
        return made

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        return embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        defaults = {"max_norm": None, "norm_type": 2, "scale_grad_by_freq": False}
        parts += self._shown(*(k for k, default in defaults.items() if getattr(self, k) != default))
        parts.append(f"mode={self.mode!r}")
        return ", ".join([*parts, *(self._shown("padding_idx") if self.padding_idx is not None else [])])
