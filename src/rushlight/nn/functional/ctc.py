"""Connectionist temporal classification (Graves et al., 2006)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rushlight import ops
from rushlight.core.autocast import autocasts
from rushlight.core.tensor import Tensor
from rushlight.errors import DTypeError, ShapeError, message
from rushlight.nn.functional.loss import reduction_of
from rushlight.ops.facts import as_numbers

__all__ = ["ctc_loss"]

Lengths = Tensor | Sequence[int]
NOWHERE = -math.inf


@autocasts("float32")
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the logarithm of the probability that a sequence of classes reads, without repetitions and
    blanks, as the target: the sum over all such alignments.

    log_probs       (T, N, C), or (T, C) for one sequence: log-probabilities of the classes at each time.
    targets         (N, S), padded, or (sum of lengths,), one after the other.
    input_lengths   how many of the T, and target_lengths how many of the S, count for each sequence.
    zero_infinity   targets that cannot be aligned cost 0, not infinity.

    The mean is over the batch, each loss divided by the length of its target.

    >>> import rushlight as rl
    >>> even = rl.full((2, 1, 2), 0.5).log()  # two times, a blank and one class
    >>> round(rl.nn.functional.ctc_loss(even, rl.tensor([[1]]), [2], [1]).exp().item(), 4)  # 1 / (3/4)
    1.3333
    """
    reduction = reduction_of("ctc_loss", None, None, reduction)
    single = log_probs.ndim == 2
    probs = log_probs.unsqueeze(1) if single else log_probs
    if probs.ndim != 3:
        raise ShapeError(message("ctc_loss", f"log_probs {tuple(log_probs.shape)}", "(T, N, C) or (T, C)"))
    batch = probs.shape[1]
    times, sizes = _lengths("input", input_lengths, batch), _lengths("target", target_lengths, batch)
    loss = -_alignments(probs, _padded(targets.long(), sizes, batch, blank), times, sizes, blank)
    if zero_infinity:
        loss = ops.where(loss == math.inf, 0.0, loss)
    if reduction == "mean":
        return (loss / ops.tensor(sizes, dtype=loss.dtype).clamp(min=1.0)).mean()
    if reduction == "sum":
        return loss.sum()
    return loss[0] if single else loss


def _lengths(name: str, lengths: Lengths, batch: int) -> list[int]:
    found = as_numbers("ctc_loss", lengths) if isinstance(lengths, Tensor) else [int(n) for n in lengths]
    if not all(isinstance(n, int) for n in found):
        got = f"{name}_lengths of {lengths.dtype}" if isinstance(lengths, Tensor) else f"{name}_lengths"
        raise DTypeError(message("ctc_loss", got, "whole numbers", "Use x.long()."))
    if len(found) != batch:
        got = f"{len(found)} {name}_lengths for a batch of {batch}"
        raise ShapeError(message("ctc_loss", got, "one for each sequence"))
    return found


def _padded(targets: Tensor, sizes: list[int], batch: int, blank: int) -> Tensor:
    """The targets as (N, S), with blanks behind each."""
    longest = max(sizes, default=0)
    if targets.ndim == 1 and batch == 1 and len(targets) >= longest:
        targets = targets.unsqueeze(0)
    if targets.ndim == 1:
        starts = [sum(sizes[:n]) for n in range(batch)]
        rows = [targets[s : s + n] for s, n in zip(starts, sizes, strict=True)]
    else:
        rows = [targets[i, :n] for i, n in enumerate(sizes)]
    return ops.stack([ops.cat([row, row.new_full((longest - len(row),), blank)]) for row in rows])


def _alignments(probs: Tensor, targets: Tensor, times: list[int], sizes: list[int], blank: int) -> Tensor:
    """ln of the sum over alignments, (N,): forward over time, where state 2i + 1 is target i, and the even
    states are the blanks around them."""
    batch, longest = targets.shape
    states = 2 * longest + 1
    blanks = ops.full((batch, longest), blank, dtype=targets.dtype)
    labels = ops.stack([blanks, targets], 2).reshape(batch, 2 * longest)
    labels = ops.cat([labels, ops.full((batch, 1), blank, dtype=targets.dtype)], 1)
    # From two states back comes only what is no blank, and no repetition.
    skips = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    of_labels = [probs[t].gather(1, labels) for t in range(max(times, default=0))]
    nowhere = ops.full((batch, states), NOWHERE, dtype=probs.dtype)
    first = ops.arange(states) < 2
    now = (
        ops.where(first, of_labels[0], nowhere)
        if of_labels
        else ops.where(ops.arange(states) == 0, 0.0, nowhere)
    )
    ends = [now]
    for step in of_labels[1:]:
        one = ops.cat([nowhere[:, :1], now[:, :-1]], 1)
        two = ops.cat([nowhere[:, :2], ops.where(skips, now[:, :-2], NOWHERE)], 1) if longest else nowhere
        now = _logsumexp([now, one, two]) + step
        ends.append(now)
    last = ops.stack([ends[max(t - 1, 0)][n] for n, t in enumerate(times)])
    at = ops.tensor([[2 * s, max(2 * s - 1, 0)] for s in sizes])
    found = last.gather(1, at)
    empty = ops.tensor([s == 0 for s in sizes])
    return _logsumexp([found[:, 0], ops.where(empty, NOWHERE, found[:, 1])])


def _logsumexp(parts: list[Tensor]) -> Tensor:
    """ln Σ exp of each element, with a gradient of 0 where all are -inf."""
    together = ops.stack(parts)
    most = together.detach().amax(0)
    none = most == NOWHERE
    total = (together - ops.where(none, 0.0, most)).exp().sum(0)
    return ops.where(none, NOWHERE, ops.where(none, 1.0, total).log() + ops.where(none, 0.0, most))
