"""The gamma function's logarithm, its derivatives, the incomplete gamma functions, Hurwitz' zeta."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rushlight.core.apply import apply, apply_
from rushlight.core.op import Op, elementwise, register
from rushlight.core.spec import Spec, broadcast
from rushlight.core.tensor import Tensor, method
from rushlight.device import gamma, incomplete
from rushlight.errors import ArgumentError, NotSupportedError, message

__all__ = ["digamma", "igamma", "igammac", "lgamma", "mvlgamma", "polygamma"]  # rl.special has zeta


def in_float64(function: Callable[..., Any]) -> Callable[..., Any]:
    """The formula `function` of one array, computed in float64 and rounded once."""

    def formula(m: Any, x: Any, **attrs: Any) -> Any:
        if x.dtype == m.float64:
            return function(m, x, **attrs)
        return m.cast(function(m, m.cast(x, m.float64), **attrs), x.dtype)

    return formula


LGAMMA: Op = elementwise(
    "lgamma", in_float64(gamma.lgamma), (lambda g, y, x: g * apply(DIGAMMA, x),), promote="float"
)
DIGAMMA: Op = elementwise(
    "digamma", in_float64(gamma.digamma), (lambda g, y, x: g * apply(POLYGAMMA, x, n=1),), promote="float"
)
POLYGAMMA: Op = elementwise(
    "polygamma",
    in_float64(lambda m, x, *, n: gamma.polygamma(m, x, n)),
    (lambda g, y, x, *, n: g * apply(POLYGAMMA, x, n=n + 1),),
    promote="float",
)


def _of_two(name: str, function: Callable[..., Any], vjp: Any, saves: Any = "inputs") -> Op:
    """An op of two broadcast inputs that NumPy computes: its loops end where the last element is exact."""

    def infer(a: Any, b: Any) -> Spec:
        tensors = [s for s in (a, b) if isinstance(s, Spec)]
        return Spec(broadcast(name, [s.shape for s in tensors]), tensors[0].dtype)

    return register(Op(name, lambda m, a, b: function(a, b), infer, vjp, saves=saves, promote="float"))


def _density(a: Tensor, x: Tensor) -> Tensor:
    """x^(a - 1) e^-x / Gamma(a): the derivative of the lower incomplete gamma function."""
    return ((a - 1) * x.log() - x - lgamma(a)).exp()


def _flat_slope(*_: Any) -> Tensor:
    raise NotSupportedError(
        message("gamma_slope", "a second derivative", "first ones", "The density's are there: use log_prob.")
    )


def _slope(a: Tensor, x: Tensor) -> Tensor:
    """d/da of the lower incomplete gamma function."""
    return -(apply(GAMMA_SLOPE, a, x.log()) * x * _density(a, x))


GAMMA_SLOPE: Op = _of_two("gamma_slope", incomplete.log_slope, (_flat_slope, _flat_slope))
"""How ln x changes with a where P(a, x) stays as it is, given a and ln x."""

IGAMMA: Op = _of_two(
    "igamma",
    incomplete.igamma,
    (lambda g, y, a, x: g * _slope(a, x), lambda g, y, a, x: g * _density(a, x)),
)
IGAMMAC: Op = _of_two(
    "igammac",
    incomplete.igammac,
    (lambda g, y, a, x: -(g * _slope(a, x)), lambda g, y, a, x: -(g * _density(a, x))),
)


ZETA: Op = _of_two("zeta", incomplete.zeta, (None, lambda g, y, s, q: -(g * s * apply(ZETA, s + 1, q))))


@method()
def lgamma(input: Tensor) -> Tensor:
    """ln |Gamma(x)|; d/dx = digamma(x).

    >>> import rushlight as rl
    >>> rl.lgamma(rl.tensor([1.0, 5.0])).exp()
    tensor([ 1., 24.])
    """
    return apply(LGAMMA, input)


@method()
def digamma(input: Tensor) -> Tensor:
    """The derivative of ln Gamma(x).

    >>> import rushlight as rl
    >>> rl.digamma(rl.tensor([1.0, 2.0]))
    tensor([-0.5772,  0.4228])
    """
    return apply(DIGAMMA, input)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma(x). Raises ArgumentError for a negative n.

    >>> import rushlight as rl
    >>> rl.polygamma(1, rl.tensor([1.0]))
    tensor([1.6449])
    """
    if n < 0:
        raise ArgumentError(message("polygamma", f"n={n}", "0 or more"))
    return apply(POLYGAMMA, input, n=int(n)) if n else digamma(input)


@method("polygamma")
def _polygamma_method(input: Tensor, n: int) -> Tensor:
    return polygamma(n, input)


@method()
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """ln of the multivariate gamma function of dimension p: p(p - 1)/4 ln pi + the sum of
    ln Gamma(x - i/2) for i < p. It is real for x > (p - 1)/2.

    >>> import rushlight as rl
    >>> rl.mvlgamma(rl.tensor([2.0]), 2)
    tensor([0.4516])
    """
    if p < 1:
        raise ArgumentError(message("mvlgamma", f"p={p}", "1 or more"))
    total = lgamma(input) + p * (p - 1) / 4 * math.log(math.pi)
    for i in range(1, p):
        total = total + lgamma(input - i / 2)
    return total


@method()
def igamma(input: Tensor, other: Tensor) -> Tensor:
    """The regularised lower incomplete gamma function P(a, x): the integral of t^(a - 1) e^-t from 0 to x,
    divided by Gamma(a). nan where a or x is negative.

    Both arguments have derivatives, that of a by itself only once.

    >>> import rushlight as rl
    >>> rl.igamma(rl.tensor([1.0]), rl.tensor([1.0]))
    tensor([0.6321])
    """
    return apply(IGAMMA, input, other)


@method()
def igammac(input: Tensor, other: Tensor) -> Tensor:
    """The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x), exact where it is small.

    >>> import rushlight as rl
    >>> rl.igammac(rl.tensor([1.0]), rl.tensor([1.0]))
    tensor([0.3679])
    """
    return apply(IGAMMAC, input, other)


def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz' zeta function: the sum of (q + k)^-s over k = 0, 1, ... for s = `input` and q = `other`.

    inf where s is 1, nan below; the derivative is q's.

    >>> import rushlight as rl
    >>> rl.special.zeta(rl.tensor([2.0]), 1)
    tensor([1.6449])
    """
    return apply(ZETA, input, other)


# In place


@method()
def lgamma_(input: Tensor) -> Tensor:
    """x = ln |Gamma(x)|, in its memory."""
    return apply_(LGAMMA, input)


@method()
def digamma_(input: Tensor) -> Tensor:
    """x = digamma(x), in its memory."""
    return apply_(DIGAMMA, input)
