"""Angles and hyperbolic functions beyond sine, cosine and tangent."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.op import elementwise
from rushlight.core.tensor import Tensor, method

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cosh",
    "deg2rad",
    "hypot",
    "rad2deg",
    "sinc",
    "sinh",
]

ACOS = elementwise(
    "acos", lambda m, x: m.arccos(x), (lambda g, y, x: -g * (1 - x * x).rsqrt(),), promote="float"
)
ACOSH = elementwise(
    "acosh", lambda m, x: m.arccosh(x), (lambda g, y, x: g * (x * x - 1).rsqrt(),), promote="float"
)
ASIN = elementwise(
    "asin", lambda m, x: m.arcsin(x), (lambda g, y, x: g * (1 - x * x).rsqrt(),), promote="float"
)
ASINH = elementwise(
    "asinh", lambda m, x: m.arcsinh(x), (lambda g, y, x: g * (x * x + 1).rsqrt(),), promote="float"
)
ATAN = elementwise("atan", lambda m, x: m.arctan(x), (lambda g, y, x: g / (x * x + 1),), promote="float")
ATANH = elementwise("atanh", lambda m, x: m.arctanh(x), (lambda g, y, x: g / (1 - x * x),), promote="float")
COSH = elementwise("cosh", lambda m, x: m.cosh(x), (lambda g, y, x: g * x.sinh(),), promote="float")
SINH = elementwise("sinh", lambda m, x: m.sinh(x), (lambda g, y, x: g * x.cosh(),), promote="float")
ATAN2 = elementwise(
    "atan2",
    lambda m, a, b: m.arctan2(a, b),
    (
        lambda g, y, a, b: g * (b / (a * a + b * b)),
        lambda g, y, a, b: g * (-a / (a * a + b * b)),
    ),
    promote="float",
)
HYPOT = elementwise(
    "hypot",
    lambda m, a, b: m.hypot(a, b),
    (lambda g, y, a, b: g * (a / y), lambda g, y, a, b: g * (b / y)),
    saves="both",
    promote="float",
)


@method("acos", "arccos")
def acos(input: Tensor) -> Tensor:
    """The angle in [0, pi] whose cosine x is; nan outside [-1, 1]. d/dx = -1 / sqrt(1 - x^2).

    >>> import rushlight as rl
    >>> rl.acos(rl.tensor([1.0, 0.0]))
    tensor([0.0000, 1.5708])
    """
    return apply(ACOS, input)


@method("acosh", "arccosh")
def acosh(input: Tensor) -> Tensor:
    """The number that is not negative and whose hyperbolic cosine x is; nan below 1.
    d/dx = 1 / sqrt(x^2 - 1)."""
    return apply(ACOSH, input)


@method("asin", "arcsin")
def asin(input: Tensor) -> Tensor:
    """The angle in [-pi/2, pi/2] whose sine x is; nan outside [-1, 1]. d/dx = 1 / sqrt(1 - x^2)."""
    return apply(ASIN, input)


@method("asinh", "arcsinh")
def asinh(input: Tensor) -> Tensor:
    """The number whose hyperbolic sine x is. d/dx = 1 / sqrt(x^2 + 1)."""
    return apply(ASINH, input)


@method("atan", "arctan")
def atan(input: Tensor) -> Tensor:
    """The angle in (-pi/2, pi/2) whose tangent x is. d/dx = 1 / (1 + x^2)."""
    return apply(ATAN, input)


@method("atanh", "arctanh")
def atanh(input: Tensor) -> Tensor:
    """The number whose hyperbolic tangent x is; nan outside [-1, 1]. d/dx = 1 / (1 - x^2)."""
    return apply(ATANH, input)


@method("atan2", "arctan2")
def atan2(input: Any, other: Any) -> Tensor:
    """The angle in [-pi, pi] of the point with the ordinate `input` and the abscissa `other`.

    >>> import rushlight as rl
    >>> rl.atan2(rl.tensor([1.0, -1.0]), rl.tensor([-1.0, 1.0]))
    tensor([ 2.3562, -0.7854])
    """
    return apply(ATAN2, input, other)


@method()
def cosh(input: Tensor) -> Tensor:
    """The hyperbolic cosine, (e^x + e^-x) / 2."""
    return apply(COSH, input)


@method()
def sinh(input: Tensor) -> Tensor:
    """The hyperbolic sine, (e^x - e^-x) / 2."""
    return apply(SINH, input)


@method()
def hypot(input: Any, other: Any) -> Tensor:
    """sqrt(input^2 + other^2), without overflow on the way.

    >>> import rushlight as rl
    >>> rl.hypot(rl.tensor([3.0, 3e30]), rl.tensor([4.0, 4e30]))
    tensor([5.e+00, 5.e+30])
    """
    return apply(HYPOT, input, other)


@method()
def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0, where the derivative is 0."""
    zero = input == 0
    angle = input.masked_fill(zero, 1) * math.pi
    return (angle.sin() / angle).masked_fill(zero, 1.0)


@method()
def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians: x * pi / 180."""
    return input * (math.pi / 180)


@method()
def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees: x * 180 / pi."""
    return input * (180 / math.pi)


arccos, arccosh, arcsin, arcsinh = acos, acosh, asin, asinh
arctan, arctanh, arctan2 = atan, atanh, atan2
