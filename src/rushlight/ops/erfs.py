"""The normal distribution's functions: erfc, erfcx, erfinv, ndtr, ndtri, log_ndtr; and entr, xlog1py."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.apply import apply, apply_
from rushlight.core.op import Op, elementwise
from rushlight.core.tensor import Tensor, method
from rushlight.device.erf import FAR_BOTTOM, FAR_TOP, MIDDLE_BOTTOM, MIDDLE_TOP, SMALL_BOTTOM, SMALL_TOP
from rushlight.device.gamma import horner
from rushlight.ops.gammas import in_float64
from rushlight.ops.select import kept

__all__ = ["erfc", "erfinv"]  # rl.special has the others

# Wichura's rational functions for the normal quantile, from the power 0 on.
CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
MIDDLE = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2,
     7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)  # fmt: skip
FAR = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5,
     2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15),
)  # fmt: skip


def _ratio(x: Any, top: tuple[float, ...], bottom: tuple[float, ...]) -> Any:
    """Of polynomials whose coefficients begin with the highest power."""
    return horner(x, top[::-1]) / horner(x, bottom[::-1])


def _scaled_tail(m: Any, y: Any) -> Any:
    """e^(y²) erfc(y) for y from 0.46875 on."""
    near, far = m.minimum(y, 4.0), m.maximum(y, 4.0)
    inverse = 1.0 / (far * far)
    tail = (1.0 / math.sqrt(math.pi) - inverse * _ratio(inverse, FAR_TOP, FAR_BOTTOM)) / far
    return m.where(y <= 4.0, _ratio(near, MIDDLE_TOP, MIDDLE_BOTTOM), tail)


def _square_exp(m: Any, y: Any, sign: float) -> Any:
    """e^(sign y²), the square in two parts so that no digits are lost."""
    head = m.trunc(y * 16.0) / 16.0
    return m.exp(head * head * sign) * m.exp((y - head) * (y + head) * sign)


def _small_erf(m: Any, x: Any, size: Any) -> Any:
    low = m.minimum(size, 0.5)
    return x * _ratio(low * low, SMALL_TOP, SMALL_BOTTOM)


def _erfc(m: Any, x: Any) -> Any:
    size = m.abs(x)
    y = m.minimum(m.maximum(size, 0.46875), 28.0)
    tail = _scaled_tail(m, y) * _square_exp(m, y, -1.0)
    tail = m.where(x < 0.0, 2.0 - tail, tail)
    return m.where(size <= 0.46875, 1.0 - _small_erf(m, m.where(size <= 0.5, x, 0.5), size), tail)


def _erfcx(m: Any, x: Any) -> Any:
    size = m.abs(x)
    tail = _scaled_tail(m, m.maximum(size, 0.46875))
    y = m.where(x < 0.0, m.minimum(size, 28.0), 0.0)
    tail = m.where(x < 0.0, _square_exp(m, y, 1.0) * 2.0 - tail, tail)
    low = m.where(size <= 0.5, x, 0.5)
    return m.where(size <= 0.46875, m.exp(low * low) * (1.0 - _small_erf(m, low, size)), tail)


def _quantile(m: Any, q: Any, rest: Any) -> Any:
    """The normal quantile of 1/2 + q, where `rest` is the smaller of the probabilities on its sides.

    Source: M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988).
    """
    inner = m.abs(q) <= 0.425
    c = m.where(inner, q, 0.0)
    t = 0.180625 - c * c
    centre = c * (horner(t, CENTRE[0]) / horner(t, CENTRE[1]))
    r = m.sqrt(-m.log(m.where(inner, 0.5, rest)))
    near, far = m.minimum(r, 5.0) - 1.6, m.maximum(r, 5.0) - 5.0
    far = m.where(m.isinf(far), 0.0, far)
    outer = m.where(
        r <= 5.0,
        horner(near, MIDDLE[0]) / horner(near, MIDDLE[1]),
        horner(far, FAR[0]) / horner(far, FAR[1]),
    )
    outer = m.where(m.isinf(r), r, outer)
    return m.where(inner, centre, m.where(q < 0.0, -outer, outer))


def _erfinv(m: Any, x: Any) -> Any:
    return _quantile(m, x * 0.5, (1.0 - m.abs(x)) * 0.5) * math.sqrt(0.5)


def _ndtri(m: Any, p: Any) -> Any:
    return _quantile(m, p - 0.5, m.minimum(p, 1.0 - p))


def _ndtr(m: Any, x: Any) -> Any:
    return _erfc(m, x * -math.sqrt(0.5)) * 0.5


def _log_ndtr(m: Any, x: Any) -> Any:
    below = x < -1.0
    low = m.where(below, x, -1.0)
    tail = m.log(_erfcx(m, low * -math.sqrt(0.5)) * 0.5) - low * low * 0.5
    high = m.where(below, 0.0, x)
    return m.where(below, tail, m.log1p(_erfc(m, high * math.sqrt(0.5)) * -0.5))


ERFC: Op = elementwise(
    "erfc",
    in_float64(_erfc),
    (lambda g, y, x: g * ((-(x * x)).exp() * (-2 / math.sqrt(math.pi))),),
    promote="float",
)
ERFCX: Op = elementwise(
    "erfcx",
    in_float64(_erfcx),
    (lambda g, y, x: g * (2 * x * y - 2 / math.sqrt(math.pi)),),
    saves="both",
    promote="float",
)
ERFINV: Op = elementwise(
    "erfinv",
    in_float64(_erfinv),
    (lambda g, y, x: g * ((y * y).exp() * (math.sqrt(math.pi) / 2)),),
    saves="out",
    promote="float",
)
NDTR: Op = elementwise(
    "ndtr",
    in_float64(_ndtr),
    (lambda g, y, x: g * ((x * x * -0.5).exp() * (1 / math.sqrt(2 * math.pi))),),
    promote="float",
)
NDTRI: Op = elementwise(
    "ndtri",
    in_float64(_ndtri),
    (lambda g, y, x: g * ((y * y * 0.5).exp() * math.sqrt(2 * math.pi)),),
    saves="out",
    promote="float",
)


def _log_ndtr_slope(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """The density over the distribution function, in a form that is 0 over 0 nowhere."""
    return g * (math.sqrt(2 / math.pi) / apply(ERFCX, x * -math.sqrt(0.5)))


LOG_NDTR: Op = elementwise("log_ndtr", in_float64(_log_ndtr), (_log_ndtr_slope,), promote="float")


def _entr(m: Any, x: Any) -> Any:
    inner = m.where(x > 0, x, 1.0)
    value = m.where(x == 0, 0.0, m.where(x < 0, -math.inf, -(inner * m.log(inner))))
    return m.where(m.isnan(x), x, m.cast(value, x.dtype))


ENTR: Op = elementwise("entr", _entr, (lambda g, y, x: g * (-x.log() - 1),), promote="float")


def _xlog1py(m: Any, x: Any, y: Any) -> Any:
    return m.where(m.equal(x, 0) & m.logical_not(m.isnan(y)), x * 0.0, x * m.log1p(y))


def _log1p(y: Any) -> Any:
    return y.log1p() if isinstance(y, Tensor) else math.log1p(y)


XLOG1PY: Op = elementwise(
    "xlog1py",
    _xlog1py,
    (
        lambda g, out, x, y: kept((x != 0) | (y > -1), g * _log1p(y)),
        lambda g, out, x, y: g * x / (y + 1),
    ),
    promote="float",
)


@method()
def erfc(input: Tensor) -> Tensor:
    """1 - erf(x), exact where it is small; d/dx = -2/sqrt(pi) e^(-x²).

    >>> import rushlight as rl
    >>> rl.erfc(rl.tensor([0.0, 5.0]))
    tensor([1.0000e+00, 1.5375e-12])
    """
    return apply(ERFC, input)


@method()
def erfinv(input: Tensor) -> Tensor:
    """The inverse of erf: infinite at -1 and 1, nan outside.

    >>> import rushlight as rl
    >>> rl.erfinv(rl.tensor([0.0, 0.5, -1.0]))
    tensor([0.0000, 0.4769,   -inf])
    """
    return apply(ERFINV, input)


def erfcx(input: Tensor) -> Tensor:
    """e^(x²) erfc(x), which falls as 1/x only.

    >>> import rushlight as rl
    >>> rl.special.erfcx(rl.tensor([0.0, 100.0]))
    tensor([1.0000, 0.0056])
    """
    return apply(ERFCX, input)


def ndtr(input: Tensor) -> Tensor:
    """The distribution function of the standard normal distribution, exact in its left tail.

    >>> import rushlight as rl
    >>> rl.special.ndtr(rl.tensor([0.0, -10.0]))
    tensor([5.0000e-01, 7.6199e-24])
    """
    return apply(NDTR, input)


def ndtri(input: Tensor) -> Tensor:
    """The quantile of the standard normal distribution, the inverse of `ndtr`.

    >>> import rushlight as rl
    >>> rl.special.ndtri(rl.tensor([0.5, 0.975]))
    tensor([0.0000, 1.9600])
    """
    return apply(NDTRI, input)


def log_ndtr(input: Tensor) -> Tensor:
    """ln ndtr(x), exact where `ndtr` itself would be 0.

    >>> import rushlight as rl
    >>> rl.special.log_ndtr(rl.tensor([0.0, -100.0]))
    tensor([-6.9315e-01, -5.0055e+03])
    """
    return apply(LOG_NDTR, input)


def entr(input: Tensor) -> Tensor:
    """-x ln x, 0 at 0 and -inf below: what a probability adds to an entropy.

    >>> import rushlight as rl
    >>> rl.special.entr(rl.tensor([0.0, 0.5, -1.0]))
    tensor([0.0000, 0.3466,   -inf])
    """
    return apply(ENTR, input)


def xlog1py(input: Any, other: Any) -> Tensor:
    """x ln(1 + y), 0 where x is 0, tensors or numbers.

    >>> import rushlight as rl
    >>> rl.special.xlog1py(rl.tensor([0.0, 2.0]), rl.tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """
    return apply(XLOG1PY, input, other)


# In place


@method()
def erfc_(input: Tensor) -> Tensor:
    """x = erfc(x), in its memory."""
    return apply_(ERFC, input)


@method()
def erfinv_(input: Tensor) -> Tensor:
    """x = erfinv(x), in its memory."""
    return apply_(ERFINV, input)
