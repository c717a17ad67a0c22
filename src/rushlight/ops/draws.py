"""Random numbers of further distributions, and choices, from the words of the counter-based generator."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.apply import apply, apply_
from rushlight.core.op import Op, register
from rushlight.core.random import Generator
from rushlight.core.spec import Spec, broadcast
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.convert import COPY
from rushlight.ops.counting import searchsorted
from rushlight.ops.gather import argsort
from rushlight.ops.random import RADIUS, float_dtype, gaussian, random_words, uniform
from rushlight.ops.select import kept, where

__all__ = ["binomial", "multinomial", "poisson"]

# The numbers come from a generator of NumPy's that the words name: as many of its own as each one takes.
POISSON = register(
    Op(
        "poisson",
        lambda m, words, rate: m.poisson(words, rate),
        lambda words, rate: rate,
        (None, lambda g, out, words, rate: kept(False, g)),
        saves="specs",
    )
)
BINOMIAL = register(
    Op(
        "binomial",
        lambda m, words, count, prob: m.binomial(words, count, prob),
        lambda words, count, prob: Spec(broadcast("binomial", [count.shape, prob.shape]), count.dtype),
        (None, None, lambda g, out, words, count, prob: kept(False, g)),
        saves="specs",
    )
)
SEED_WORDS = 4


def _in_range(name: str, values: Tensor, high: float, what: str) -> None:
    """Refuse numbers outside [0, high]; in a compiled function nobody looks."""
    if not state.tracing and not bool(((values >= 0) & (values <= high)).all()):
        raise ArgumentError(message(name, f"{what} outside [0, {high}], or nan", f"{what} within"))


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of events, of a Poisson distribution with the rate that each element gives.

    >>> import rushlight as rl
    >>> rl.poisson(rl.tensor([0.0, 0.0]))
    tensor([0., 0.])
    """
    float_dtype("poisson", input.dtype)
    _in_range("poisson", input.detach(), float("inf"), "rates")
    return apply(POISSON, random_words(SEED_WORDS, generator), input)


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of successes in `count` trials, each with the probability `prob`; the two broadcast.

    >>> import rushlight as rl
    >>> rl.binomial(rl.tensor([5.0, 5.0]), rl.tensor([0.0, 1.0]))
    tensor([0., 5.])
    """
    if count.dtype != prob.dtype:
        got = f"dtypes {count.dtype} and {prob.dtype}"
        raise DTypeError(message("binomial", got, "one floating dtype", "Convert one of them."))
    float_dtype("binomial", count.dtype)
    _in_range("binomial", prob.detach(), 1.0, "probabilities")
    _in_range("binomial", count.detach(), float("inf"), "counts")
    return apply(BINOMIAL, random_words(SEED_WORDS, generator), count, prob)


@method()
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """`num_samples` positions, drawn with the weights of a vector, or of each row of a matrix, which need not
    add up to 1. Without `replacement` none is drawn twice.

    >>> import rushlight as rl
    >>> rl.multinomial(rl.tensor([0.0, 3.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    if input.ndim not in (1, 2):
        raise ShapeError(message("multinomial", f"shape {input.shape}", "a vector or a matrix of weights"))
    weights = input.detach().to(xp.float64)
    float_dtype("multinomial", input.dtype)
    _check_weights(weights, num_samples, replacement)
    if num_samples <= 0:
        raise ArgumentError(message("multinomial", f"num_samples={num_samples}", "a positive number"))
    if replacement:
        return _with_replacement(weights, num_samples, generator)
    # The order of exponential times with these rates: the first to come is drawn first.
    times = _waits(weights.shape, generator) / weights
    times = where(weights > 0, times, float("inf"))
    return argsort(times, -1).narrow(-1, 0, num_samples)


def _check_weights(weights: Tensor, count: int, replacement: bool) -> None:
    columns = weights.shape[-1]
    if not replacement and count > columns:
        got = f"{count} of {columns} without replacement"
        raise ArgumentError(message("multinomial", got, "at most as many as there are weights"))
    if state.tracing:
        return
    _in_range("multinomial", weights, float("inf"), "weights")
    if bool((weights.sum(-1) <= 0).any()) or not bool(weights.isfinite().all()):
        raise ArgumentError(
            message("multinomial", "weights that are all 0, or infinite", "a finite positive sum")
        )
    if not replacement and bool(((weights > 0).sum(-1) < count).any()):
        got = f"fewer than {count} weights above 0"
        raise ArgumentError(message("multinomial", got, "as many as are drawn", "Use replacement=True."))


def _with_replacement(weights: Tensor, count: int, generator: Generator | None) -> Tensor:
    ends = weights.cumsum(-1)
    drawn = uniform((*weights.shape[:-1], count), xp.float64, generator) * ends[..., -1:]
    # Rounding may reach the very end, which belongs to the last weight above 0.
    columns = weights.shape[-1]
    last = columns - 1 - (weights > 0).long().flip(-1).argmax(-1, True)
    return searchsorted(ends, drawn, right=True).minimum(last)


def _waits(shape: tuple[int, ...], generator: Generator | None) -> Tensor:
    """Exponential times with the rate 1, in float64, from half the square of a normal's radius."""
    radius = apply(RADIUS, uniform(shape, xp.float64, generator))
    return radius * radius * 0.5


def _overwrite(input: Tensor, drawn: Tensor) -> Tensor:
    return apply_(COPY, input, drawn)


@method()
def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with exponential numbers of the rate `lambd`."""
    float_dtype("exponential_", input.dtype)
    if lambd < 0:
        raise ArgumentError(message("exponential_", f"lambd={lambd}", "0 or more"))
    waits = _waits(input.shape, generator)
    return _overwrite(input, waits / lambd if lambd else waits * float("inf"))


@method()
def geometric_(input: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with numbers of trials up to the first success, of probability `p`."""
    if not 0 < p < 1:
        raise ArgumentError(message("geometric_", f"p={p}", "between 0 and 1"))
    waits = _waits(input.shape, generator) * (-1 / math.log1p(-p))
    return _overwrite(input, waits.ceil().clamp(min=1.0))


@method()
def cauchy_(
    input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Overwrite with numbers of a Cauchy distribution around `median`, of width `sigma`."""
    float_dtype("cauchy_", input.dtype)
    if sigma <= 0:
        raise ArgumentError(message("cauchy_", f"sigma={sigma}", "above 0"))
    angle = (uniform(input.shape, xp.float64, generator) - 0.5) * math.pi
    return _overwrite(input, angle.tan() * sigma + median)


@method()
def log_normal_(
    input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None
) -> Tensor:
    """Overwrite with numbers whose logarithms are normal, of this mean and deviation."""
    dtype = float_dtype("log_normal_", input.dtype)
    if std <= 0:
        raise ArgumentError(message("log_normal_", f"std={std}", "above 0"))
    return _overwrite(input, (gaussian(input.shape, dtype, generator) * std + mean).exp())


# `from` is a word of Python's: PyTorch takes it by position too.
@method()
def random_(input: Tensor, *limits: Any, generator: Generator | None = None, **named: Any) -> Tensor:
    """Overwrite with whole numbers from `from` (0) to `to` - 1; without limits up to the largest that the
    dtype holds, floats up to those that they hold exactly.

    >>> import rushlight as rl
    >>> rl.zeros(2).random_(3, 4)
    tensor([3., 3.])
    """
    given = list(limits) + [named[name] for name in ("from", "to") if name in named]
    if len(given) > 2:
        raise ArgumentError(message("random_", f"{len(given)} limits", "at most two"))
    low, high = given if len(given) == 2 else (0, given[0] if given else None)
    dtype = input.dtype
    if high is None:
        bits = {2: 11, 4: 24, 8: 53}[dtype.itemsize] if dtype.kind == "f" else 0
        high = 2**bits + 1 if bits else 2 if dtype.kind == "b" else xp.largest(dtype)
    if not low < high:
        raise ArgumentError(message("random_", f"from {low} to {high}", "a first number below the end"))
    drawn = (uniform(input.shape, xp.float64, generator) * float(high - low)).floor()
    # Of the largest whole numbers float64 rounds: the last is not to become the end itself.
    return _overwrite(input, where(drawn >= high - low, drawn - 1, drawn).to(xp.int64) + low)
