"""Gamma-distributed numbers and classes, from the words of the counter-based generator.

Each draws a fixed count of words, so that eager and compiled programs draw the same numbers.
"""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply
from rushlight.core.op import Op, elementwise
from rushlight.core.random import Generator
from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.ops.gammas import GAMMA_SLOPE
from rushlight.ops.random import gaussian, uniform
from rushlight.ops.select import where

__all__ = ["accepted", "categories", "log_gamma_draw", "open_uniform"]

PROPOSALS = 12
"""Of Marsaglia's and Tsang's proposals at least 95 in 100 are accepted: none of 12 is in 1 of 10^15 draws."""

GAMMA_PATH: Op = elementwise(
    "gamma_path",
    lambda m, a, log_x: log_x + a * 0.0,
    (lambda g, out, a, log_x: g * apply(GAMMA_SLOPE, a, log_x), None),
    promote="float",
)
"""ln x, drawn, as a function of a: its derivative is that at a fixed place of the distribution function."""


def open_uniform(shape: tuple[int, ...], dtype: Any, generator: Generator | None = None) -> Tensor:
    """Uniform in (0, 1), for logarithms: what would be 0 is half a step.

    >>> import rushlight as rl
    >>> rl.ops.gamma_draws.open_uniform((1000,), rl.float32).log().isfinite().all().item()
    True
    """
    return uniform(shape, dtype, generator).clamp(min=2.0**-54 if dtype == xp.float64 else 2.0**-25)


def accepted(fits: Tensor, proposals: Tensor) -> Tensor:
    """Of proposals along the first axis the first that fits, or the last.

    >>> import rushlight as rl
    >>> rl.ops.gamma_draws.accepted(rl.tensor([False, True, True]), rl.tensor([1.0, 2.0, 3.0]))
    tensor(2.)
    """
    chosen = proposals[-1]
    for k in range(proposals.shape[0] - 2, -1, -1):
        chosen = where(fits[k], proposals[k], chosen)
    return chosen


def log_gamma_draw(concentration: Tensor, generator: Generator | None = None) -> Tensor:
    """ln x, in float64, for x of the gamma distribution of rate 1, with the derivative by `concentration`.

    The method of Marsaglia and Tsang (2000); below 1 it draws for a + 1 and multiplies x by U^(1/a), which in
    logarithms is exact however small. The derivative is implicit: that of x at a fixed P(a, x).

    >>> import rushlight as rl
    >>> x = rl.ops.gamma_draws.log_gamma_draw(rl.full((10000,), 3.0)).exp()
    >>> bool(abs(x.mean() - 3) < 0.1)
    True
    """
    a = concentration.to(xp.float64)
    with no_grad():
        small = a < 1.0
        d = where(small, a + 1.0, a) - 1 / 3
        z = gaussian((PROPOSALS, *a.shape), xp.float64, generator)
        u = 1.0 - uniform((PROPOSALS, *a.shape), xp.float64, generator)
        root = z / (9 * d).sqrt() + 1.0
        positive = root > 0.0
        log_v = where(positive, root, 1.0).log() * 3.0
        fits = positive & (u.log() < z * z * 0.5 + d * (1.0 - root * root * root + log_v))
        boost = (1.0 - uniform(a.shape, xp.float64, generator)).log() / a
        drawn = d.log() + accepted(fits, log_v) + where(small, boost, 0.0)
    return apply(GAMMA_PATH, a, drawn)


def categories(probs: Tensor, shape: tuple[int, ...], generator: Generator | None = None) -> Tensor:
    """Classes drawn with the probabilities along the last axis of `probs`: int64 of shape `shape`, which ends
    with the shape of the other axes.

    >>> import rushlight as rl
    >>> rl.ops.gamma_draws.categories(rl.tensor([0.0, 1.0, 0.0]), (4,))
    tensor([1, 1, 1, 1])
    """
    until = probs.detach().to(xp.float64).cumsum(-1)
    u = uniform(shape, xp.float64, generator) * until[..., -1]
    return (until <= u.unsqueeze(-1)).to(xp.int64).sum(-1)
