"""The incomplete gamma functions and Hurwitz' zeta function, which NumPy does not have, to about 1e-14.

Series, continued fractions and sums run until the last element is exact.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.device import numpy as m
from rushlight.device.gamma import BERNOULLI, digamma, lgamma, stirling_rest

__all__ = ["igamma", "igammac", "log_front", "log_slope", "zeta"]

MANY = 100.0
"""The a from which the density is integrated: its peak is then smooth enough."""


def _wide(*arrays: Any) -> tuple[Any, list[Any]]:
    """The shape and dtype of the result, and the arrays in float64, broadcast and flat."""
    floats = [a.dtype for a in arrays if hasattr(a, "dtype")]
    wide = np.broadcast_arrays(*[np.asarray(a, np.float64) for a in arrays])
    return (wide[0].shape, floats[0]), [w.reshape(-1) for w in wide]


def _as(form: Any, flat: Any) -> Any:
    return flat.reshape(form[0]).astype(form[1])


def _excess(t: Any) -> Any:
    """ln(1 + t) - t, exact near 0: twice artanh of t / (2 + t), whose first term is taken off exactly."""
    near = np.abs(t) < 0.5
    small = np.where(near, t, 0.0)
    r = small / (2.0 + small)
    total, square = np.zeros_like(r), r * r
    for k in range(35, 1, -2):
        total = total * square + 1.0 / k
    with np.errstate(divide="ignore"):
        return np.where(near, 2.0 * r * square * total - small * r, np.log1p(np.where(near, 0.0, t)) - t)


def log_front(a: Any, x: Any, log_x: Any) -> Any:
    """ln of x^a e^-x / Gamma(a + 1)."""
    large = a >= 10.0
    small = np.where(large, 1.0, a)
    direct = small * log_x - x - lgamma(m, small + 1.0)
    b = np.where(large, a, 10.0)
    peak = b * _excess((x - b) / b) - 0.5 * np.log(2 * math.pi * b) - stirling_rest(b)
    return np.where(large, peak, direct)


def _on(mask: Any, out: Any, function: Callable[..., Any], *arrays: Any) -> None:
    """out[mask] = function of the arrays' elements there."""
    if mask.any():
        out[mask] = function(*[a[mask] for a in arrays])


def _series(a: Any, x: Any, log_x: Any) -> Any:
    """P(a, x), quick where x < a + 1."""
    term, total, n = np.ones_like(a), np.ones_like(a), a.copy()
    while (term > total * 1e-17).any():
        n += 1.0
        term = term * (x / n)
        total += term
    return np.exp(log_front(a, x, log_x)) * total


def _fraction(a: Any, x: Any) -> tuple[Any, Any]:
    """h with Q(a, x) = h x^a e^-x / Gamma(a), and dh/da: Legendre's continued fraction by Lentz' method."""
    b = x + 1.0 - a
    db = -np.ones_like(a)
    c, dc = np.full_like(a, 1e300), np.zeros_like(a)
    d = 1.0 / b
    dd = -db * d * d
    h, dh = d.copy(), dd.copy()
    open_ = np.ones(a.shape, bool)
    for i in range(1, 5000):
        an, da = -i * (i - a), float(i)
        b = b + 2.0
        low = an * d + b
        dlow = da * d + an * dd + db
        d, dd = 1.0 / low, -dlow / (low * low)
        c, dc = b + an / c, db + da / c - an * dc / (c * c)
        step, dstep = c * d, dc * d + c * dd
        h, dh = np.where(open_, h * step, h), np.where(open_, dh * step + h * dstep, dh)
        # What has converged is left alone: thousands of factors of 1, rounded, would move it.
        open_ = open_ & ((np.abs(step - 1.0) > 3e-16) | (np.abs(dstep) > 3e-16))
        if not open_.any():
            break
    return h, dh


def _upper(a: Any, x: Any, log_x: Any) -> Any:
    return np.exp(log_front(a, x, log_x)) * a * _fraction(a, x)[0]


def _upper_near_zero(a: Any, x: Any, log_x: Any) -> Any:
    """Q(a, x) for small a and x, without the difference 1 - P, which would lose its digits."""
    total, factor = np.zeros_like(a), np.ones_like(a)
    for n in range(1, 24):
        factor = factor * (-x / n)
        total += factor * (a / (a + n))
    front = a * log_x - lgamma(m, a + 1.0)
    return -np.expm1(front) - np.exp(front) * total


@functools.cache
def _nodes() -> tuple[Any, Any]:
    return np.polynomial.legendre.leggauss(64)


def _tail(a: Any, x: Any) -> tuple[Any, Any]:
    """The integrals of (t/x)^(a - 1) e^(x - t) / x, and of that times ln t - psi(a), over the tail of the
    density on the side of x: below it where x <= a, else above."""
    width = 12.0 * np.sqrt(a) + 30.0
    width = np.where(x <= a, -np.minimum(x, width), width)
    nodes, weights = _nodes()
    psi = digamma(m, a)
    total, slope = np.zeros_like(a), np.zeros_like(a)
    for node, weight in zip(nodes, weights, strict=True):
        s = width * (0.5 * (1.0 + node))
        part = np.exp((a - 1.0) * np.log1p(s / x) - s) * (weight * 0.5)
        total += part
        slope += part * (np.log(x + s) - psi)
    size = np.abs(width) / x
    return total * size, slope * size


def _peak(a: Any, x: Any, log_x: Any) -> Any:
    return np.exp(log_front(a, x, log_x)) * a * _tail(a, x)[0]


def _parts(a: Any, x: Any, upper: bool) -> Any:
    """P(a, x) or Q(a, x) for a and x that are positive and finite."""
    log_x = np.log(x)
    out, other = np.empty_like(a), np.zeros(a.shape, bool)
    many = a > MANY
    near = ~many & (x < np.maximum(a, 0.1) + 1.0)
    tiny = near & (x <= 1.1) & (a <= 1.1) if upper else np.zeros(a.shape, bool)
    _on(many, out, _peak, a, x, log_x)
    _on(tiny, out, _upper_near_zero, a, x, log_x)
    _on(near & ~tiny, out, _series, a, x, log_x)
    _on(~many & ~near, out, _upper, a, x, log_x)
    other = np.where(many, x <= a, near & ~tiny)  # where it is P that was found
    out = np.clip(out, 0.0, 1.0)
    return np.where(other == upper, 1.0 - out, out)


def _regularised(a: Any, x: Any, upper: bool) -> Any:
    form, (a, x) = _wide(a, x)
    with np.errstate(all="ignore"):
        start, end = (1.0, 0.0) if upper else (0.0, 1.0)
        out = np.where(x == 0.0, np.where(a == 0.0, np.nan, start), np.where(a == 0.0, end, np.nan))
        out = np.where(np.isinf(x), end, out)
        out = np.where(np.isinf(a), np.where(np.isinf(x), np.nan, start), out)
        out[(a < 0.0) | (x < 0.0) | np.isnan(a) | np.isnan(x)] = np.nan
        inside = (a > 0.0) & (x > 0.0) & np.isfinite(a) & np.isfinite(x)
        _on(inside, out, lambda a, x: _parts(a, x, upper), a, x)
    return _as(form, out)


def igamma(a: Any, x: Any) -> Any:
    """The regularised lower incomplete gamma function P(a, x)."""
    return _regularised(a, x, False)


def igammac(a: Any, x: Any) -> Any:
    """The regularised upper incomplete gamma function Q(a, x)."""
    return _regularised(a, x, True)


def _slope_series(a: Any, x: Any, log_x: Any) -> Any:
    gap = log_x - digamma(m, a + 1.0)
    term, n = np.ones_like(a), a + 1.0
    total = gap.copy()
    while (term * (np.abs(gap) + 1.0) > np.abs(total) * 1e-17).any():
        gap -= 1.0 / n
        term = term * (x / n)
        n += 1.0
        total += term * gap
    return -total / a


def _slope_fraction(a: Any, x: Any, log_x: Any) -> Any:
    h, dh = _fraction(a, x)
    return h * (log_x - digamma(m, a)) + dh


def _slope_peak(a: Any, x: Any, log_x: Any) -> Any:
    slope = _tail(a, x)[1]
    return np.where(x <= a, -slope, slope)


def log_slope(a: Any, log_x: Any) -> Any:
    """d ln x / da along P(a, x) = constant: (dQ/da) / (x density)."""
    form, (a, log_x) = _wide(a, log_x)
    out = np.full(a.shape, np.nan)
    with np.errstate(all="ignore"):
        x = np.exp(log_x)
        fits = (a > 0.0) & np.isfinite(a) & (log_x < 709.0)
        many = fits & (a > MANY)
        near = fits & ~many & (x < np.maximum(a, 0.1) + 1.0)
        _on(many, out, _slope_peak, a, x, log_x)
        _on(near, out, _slope_series, a, x, log_x)
        _on(fits & ~many & ~near, out, _slope_fraction, a, x, log_x)
    return _as(form, out)


def zeta(s: Any, q: Any) -> Any:
    """Hurwitz' zeta function, the sum of (q + k)^-s: terms up to q + k = 12, then Euler's and Maclaurin's."""
    form, (s, q) = _wide(s, q)
    with np.errstate(all="ignore"):
        fits = (s > 1.0) & ((q > 0.0) | (s == np.floor(s))) & np.isfinite(q)
        t, z = np.where(fits, s, 2.0), np.where(fits, q, 1.0)
        total = np.zeros_like(t)
        while (z < 12.0).any():
            total = np.where(z < 12.0, total + np.power(z, -t), total)
            z = np.where(z < 12.0, z + 1.0, z)
        last = np.power(z, -t)
        total = total + last * (z / (t - 1.0) + 0.5)
        factor = last * t / z
        for k, b in enumerate(BERNOULLI, 1):
            total = total + factor * (b / math.factorial(2 * k))
            factor = factor * (t + (2 * k - 1)) * (t + 2 * k) / (z * z)
        total = np.where(fits, total, np.nan)
        total = np.where((s == 1.0) | ((s > 1.0) & (q <= 0.0) & (q == np.floor(q))), np.inf, total)
    return _as(form, np.where(np.isposinf(q) & (s > 1.0), 0.0, total))
