"""The gamma function's logarithm and its derivatives, as formulas over a namespace `m`.

All in float64: whoever wants less rounds the result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

__all__ = ["digamma", "horner", "lgamma", "polygamma", "stirling_rest"]

CENTRE = (
    0.4831289505409809, -0.07297994795715304, 0.01572785026864124, -0.003913560937626182,
    0.0010498186644489656, -0.0002945507015196472, 8.510090382507709e-05, -2.5094328668947195e-05,
    7.511391134979752e-06, -2.2742474102383936e-06, 6.948461695085761e-07, -2.1386323384115519e-07,
    6.622899723826762e-08, -2.0621027431854287e-08, 6.448537660005262e-09, -2.016947955623982e-09,
    6.34708063084356e-10, -2.0874620693971093e-10, 6.659994986020335e-11, -1.5395748006420787e-11,
    4.705387815328221e-12, -3.803618166622364e-12, 1.2510413599689193e-12,
)  # fmt: skip
"""ln Gamma(x) / ((x - 1)(x - 2)) on [1, 2], in powers of 2x - 3: interpolated at Chebyshev's nodes."""

BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
)  # fmt: skip
"""The Bernoulli numbers B2, B4, ..."""

STIRLING = tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI, 1))
DIGAMMA = tuple(b / (2 * k) for k, b in enumerate(BERNOULLI, 1))


def horner(x: Any, terms: Sequence[float]) -> Any:
    """The polynomial whose coefficients are `terms`, from the power 0 on."""
    total = x * terms[-1] + terms[-2]
    for term in terms[-3::-1]:
        total = total * x + term
    return total


def stirling_rest(x: Any) -> Any:
    """ln Gamma(x) - ((x - 1/2) ln x - x + ln sqrt(2 pi)), for x of at least 8."""
    return horner(1.0 / (x * x), STIRLING) / x


def lgamma(m: Any, x: Any) -> Any:
    """ln |Gamma(x)|; inf at 0 and at negative whole numbers.

    Below 0 by Gamma(x) Gamma(1 - x) = pi / sin(pi x); up to 3 by a polynomial that has the zeros at 1 and
    2 as factors; from there by Stirling's series, after Gamma(x + 1) = x Gamma(x) where x is small.
    """
    size = m.abs(x)
    reflected = x < 0.0
    y = m.where(reflected, 1.0 - x, x)
    low, high = y < 1.0, y > 2.0
    near = y < 3.0
    t = m.where(near, m.where(low, y + 1.0, m.where(high, y - 1.0, y)), 1.5)
    centre = horner(t * 2.0 - 3.0, CENTRE)
    # t - 1 and t - 2, from y so that their digits are exact beside the zeros.
    centre = centre * m.where(low, y, m.where(high, t - 1.0, y - 1.0)) * m.where(low, y - 1.0, t - 2.0)
    factor = m.where(near & (low | high), m.abs(m.where(low, y, t)), 1.0)
    sign = m.where(low, -1.0, 1.0)
    centre = centre + m.log(factor) * sign
    far = m.maximum(y, 3.0)
    small = far < 8.0
    product = m.where(small, far * (far + 1.0) * (far + 2.0) * (far + 3.0) * (far + 4.0), 1.0)
    z = m.where(small, far + 5.0, far)
    finite = z < 1e305
    w = m.where(finite, z, 8.0)
    outer = (w - 0.5) * (m.log(w) - 1.0) + (math.log(2 * math.pi) / 2 - 0.5) + stirling_rest(w)
    outer = m.where(finite, outer, z * (m.log(z) - 1.0)) - m.log(product)
    value = m.where(near, centre, outer)
    r = m.where(reflected, size - m.round(size), 0.5)
    sine = m.abs(m.sin(r * math.pi))
    value = m.where(reflected, math.log(math.pi) - m.log(sine) - value, value)
    return m.where(m.isinf(x), size, value)


def _cotangent(m: Any, x: Any) -> Any:
    """pi cot(pi x)."""
    r = x - m.round(x)
    return m.cos(r * math.pi) / m.sin(r * math.pi) * math.pi


def digamma(m: Any, x: Any) -> Any:
    """The derivative of ln Gamma(x): -inf at 0, inf at -0, nan at negative whole numbers.

    Below 0 by psi(1 - x) - psi(x) = pi cot(pi x); after psi(x + 1) = psi(x) + 1/x by Stirling's series.
    """
    reflected = x < 0.0
    y = m.where(reflected, 1.0 - x, x)
    small = y < 10.0
    taken: Any = 0.0
    for k in range(10):
        taken = taken + 1.0 / (y + float(k))
    z = m.where(small, y + 10.0, y)
    value = m.log(z) - 0.5 / z - horner(1.0 / (z * z), DIGAMMA) / (z * z)
    value = m.where(small, value - taken, value)
    pole = reflected & (x == m.round(x))
    shift = _cotangent(m, m.where(reflected & (x != m.round(x)), x, 0.25))
    value = m.where(reflected, value - shift, value)
    return m.where(pole, math.nan, m.where(x == float("inf"), x, value))


def _cotangents(order: int) -> list[float]:
    """The polynomial p with d^n cot(x) / dx^n = p(cot x)."""
    p = [0.0, 1.0]
    for _ in range(order):
        slope = [k * c for k, c in enumerate(p)][1:]
        p = [-a - b for a, b in zip([*slope, 0.0, 0.0], [0.0, 0.0, *slope], strict=True)]
    return p


def polygamma(m: Any, x: Any, order: int) -> Any:
    """The derivative of digamma of the given order, 1 or more: (-1)^(n + 1) n! times the sum of
    (x + k)^(-n - 1).

    Euler's and Maclaurin's sum after some terms; below 0 by the derivatives of pi cot(pi x).
    """
    n, steps = order, 10 + order
    reflected = x < 0.0
    y = m.where(reflected, 1.0 - x, x)
    taken: Any = 0.0
    for k in range(steps):
        taken = taken + _power(1.0 / (y + float(k)), n + 1)
    z = y + float(steps)
    v = 1.0 / z
    # Without n!: the terms of the series are its multiples.
    tail, factor = z / n + 0.5, 1.0
    terms = []
    for k, b in enumerate(BERNOULLI, 1):
        factor *= 1.0 if k == 1 else (n + 2 * k - 2) * (n + 2 * k - 1) / ((2 * k - 1) * (2 * k))
        terms.append(b * factor * ((n + 1) / 2))
    tail = tail + v * horner(v * v, terms)
    value = (taken + tail * _power(v, n + 1)) * (math.factorial(n) * (-1.0) ** (n + 1))
    cot = _cotangent(m, m.where(reflected, x, 0.25)) / math.pi
    bent = horner(cot, _cotangents(n)) * math.pi ** (n + 1)
    value = m.where(reflected, value * (-1.0) ** n - bent, value)
    pole = (x <= 0.0) & (x == m.round(x))
    value = m.where(pole, math.inf if n % 2 else -math.inf, value)
    return m.where(x == float("inf"), 0.0, value)


def _power(x: Any, n: int) -> Any:
    out = None
    while n:
        if n & 1:
            out = x if out is None else out * x
        x = x * x
        n >>= 1
    return out
