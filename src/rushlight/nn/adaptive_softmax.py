"""A softmax over very many classes: rare ones stand in clusters, computed where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rushlight import ops
from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, IndexingError, ShapeError, message
from rushlight.nn import functional as F
from rushlight.nn.containers import ModuleList, Sequential
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    """What the layer gives: the log-probability of each target, and the mean of their negatives."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log-probability of a class among `n_classes`, which are sorted from frequent to rare
    (Grave et al., 2017).

    cutoffs    where the clusters begin: with [10, 100] the classes 0 to 9 stand in the head, 10 to 99 in one
               cluster, and those from 100 on in another. The head decides among its classes and the clusters;
               the log-probability of a class in cluster i is that of i plus that of the class within it.
    div_value  the i-th cluster, from 1, works on in_features / div_value^i features.
    head_bias  whether the head adds a bias.

    Takes (N, in_features) and targets (N,), or (in_features,) and a 0-d target. Raises ArgumentError for
    cutoffs that do not rise from 1 to below n_classes, ShapeError for inputs that do not fit, IndexingError
    for a target that is no class.

    >>> import rushlight as rl
    >>> layer = rl.nn.AdaptiveLogSoftmaxWithLoss(16, 200, cutoffs=[10, 100], div_value=2.0)
    >>> output, loss = layer(rl.rand(5, 16), rl.tensor([0, 9, 10, 99, 199]))
    >>> output.shape, loss.shape, list(layer.state_dict())[:3]
    (Size([5]), Size([]), ['head.weight', 'tail.0.0.weight', 'tail.0.1.weight'])
    """

    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = [int(c) for c in cutoffs]
        if not cutoffs or cutoffs != sorted({c for c in cutoffs if 0 < c < n_classes}):
            got, expected = f"cutoffs={cutoffs}", f"whole numbers that rise from 1 to at most {n_classes - 1}"
            raise ArgumentError(message("AdaptiveLogSoftmaxWithLoss", got, expected))
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList(self._cluster(i, device, dtype) for i in range(self.n_clusters))

    def _cluster(self, i: int, device: Any, dtype: Any) -> Sequential:
        hidden = int(self.in_features // self.div_value ** (i + 1))
        classes = self.cutoffs[i + 1] - self.cutoffs[i]
        down = Linear(self.in_features, hidden, False, device, dtype)
        return Sequential(down, Linear(hidden, classes, False, device, dtype))

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        self.head.reset_parameters()
        for layer in self.tail.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        input, target = input_, target_
        self._check(input, target)
        single = target.ndim == 0
        if single:
            input, target = input.unsqueeze(0), target.unsqueeze(0)
        head = F.log_softmax(self.head(input), 1)
        place, within = target, ops.zeros_like(head[:, 0])
        for i in range(self.n_clusters):
            low, high = self.cutoffs[i], self.cutoffs[i + 1]
            inside = (target >= low) & (target < high)
            place = ops.where(inside, self.shortlist_size + i, place)
            within = self._added(within, i, input, target - low, inside)
        output = head.gather(1, place.unsqueeze(1)).squeeze(1) + within
        return _ASMoutput(output.squeeze(0) if single else output, (-output).mean())

    def _added(self, total: Tensor, i: int, input: Tensor, number: Tensor, inside: Tensor) -> Tensor:
        """`total` and, for the rows `inside` cluster i, the log-probability of class `number` within it."""
        if state.tracing:  # how many rows there are is not known: all are computed
            found = F.log_softmax(self.tail[i](input), 1).gather(1, ops.where(inside, number, 0).unsqueeze(1))
            return total + ops.where(inside, found.squeeze(1), 0.0)
        rows = inside.nonzero().squeeze(1)
        if not rows.numel():
            return total
        found = F.log_softmax(self.tail[i](input.index_select(0, rows)), 1)
        return total.index_add(0, rows, found.gather(1, number[rows].unsqueeze(1)).squeeze(1))

    def _check(self, input: Tensor, target: Tensor) -> None:
        name = type(self).__name__
        fits = input.shape[:-1] == target.shape and input.ndim in (1, 2)
        if not fits or input.shape[-1] != self.in_features:
            got = f"an input of shape {input.shape} and targets of shape {target.shape}"
            expected = f"(N, {self.in_features}) and (N,), or ({self.in_features},) and ()"
            raise ShapeError(message(name, got, expected))
        if state.tracing or not target.numel():
            return
        low, high = target.min().item(), target.max().item()
        if low < 0 or high >= self.n_classes:
            got = f"target {low if low < 0 else high}"
            raise IndexingError(message(name, got, f"classes from 0 to {self.n_classes - 1}"))

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities (N, n_classes) of all classes.

        >>> import rushlight as rl
        >>> layer = rl.nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs=[4, 10])
        >>> bool(layer.log_prob(rl.rand(2, 8)).exp().sum(1).isclose(rl.ones(2)).all())
        True
        """
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            of_cluster = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(cluster(input), 1) + of_cluster)
        return ops.cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """A class (N,) for each row: the head's choice, or, where that is a cluster, the most probable class.

        >>> import rushlight as rl
        >>> layer = rl.nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs=[4, 10])
        >>> layer.predict(rl.rand(3, 8)).shape
        Size([3])
        """
        chosen = self.head(input).argmax(1)
        rare = chosen >= self.shortlist_size
        if state.tracing:
            return ops.where(rare, self.log_prob(input).argmax(1), chosen)
        rows = rare.nonzero().squeeze(1)
        if not rows.numel():
            return chosen
        return chosen.index_copy(0, rows, self.log_prob(input.index_select(0, rows)).argmax(1))
