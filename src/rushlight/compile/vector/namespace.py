"""The namespace `m` of formulas that write instructions: the elementwise names of `device/numpy.py`."""

from __future__ import annotations

from typing import Any

from rushlight.compile.vector import float32, rest
from rushlight.compile.vector.registers import (
    Unsupported,
    Vec,
    cast,
    compare,
    constant,
    intrinsic,
    select,
)
from rushlight.compile.write.emit import Emitter
from rushlight.device import m, xp

__all__ = ["VectorMath"]


class VectorMath:
    """`m` for formulas over Vecs of `lanes` lanes. A name that is not here raises Unsupported."""

    def __init__(self, emitter: Emitter, lanes: int) -> None:
        self.emitter = emitter
        self.lanes = lanes

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(m, name, None)
        if isinstance(found, xp.dtype):
            return found
        raise Unsupported(f"{name} in a formula that is to become instructions")

    def vec(self, x: Any) -> Vec:
        """`x` as a Vec: a number becomes a constant of the dtype that NumPy's default rules give it."""
        if isinstance(x, Vec):
            return x
        if isinstance(x, (bool, int)):
            return constant(self.emitter, x, xp.bool_ if isinstance(x, bool) else xp.int64, self.lanes)
        if isinstance(x, float):
            return constant(self.emitter, x, xp.float32, self.lanes)
        raise Unsupported(f"a {type(x).__name__} in a formula that is to become instructions")

    def pair(self, a: Any, b: Any) -> tuple[Any, Any]:
        """Two operands, one of which is a Vec."""
        return (a, b) if isinstance(b, Vec) else (self.vec(a), b)

    # Exponentials, logarithms, trigonometry

    def exp(self, x: Any) -> Vec:
        return self._function("exp", x)

    def expm1(self, x: Any) -> Vec:
        return self._function("expm1", x)

    def log(self, x: Any) -> Vec:
        return self._function("log", x)

    def log1p(self, x: Any) -> Vec:
        return self._function("log1p", x)

    def log2(self, x: Any) -> Vec:
        return self._function("log2", x)

    def log10(self, x: Any) -> Vec:
        return self._function("log10", x)

    def sin(self, x: Any) -> Vec:
        return self._function("sin", x)

    def cos(self, x: Any) -> Vec:
        return self._function("cos", x)

    def tan(self, x: Any) -> Vec:
        return self._function("tan", x)

    def tanh(self, x: Any) -> Vec:
        return self._function("tanh", x)

    def erf(self, x: Any) -> Vec:
        return self._function("erf", x)

    def _function(self, name: str, x: Any) -> Vec:
        """float64 in the C library, float32 by instructions, float16 by way of float32."""
        x = self.vec(x)
        value = self._real(x)
        if value.dtype == xp.float64:
            return float32.by_lane(name, value)
        out: Vec = getattr(float32, name)(cast(value, xp.float32))
        return cast(out, value.dtype)

    def _real(self, x: Vec) -> Vec:
        return x if x.dtype.kind == "f" else cast(x, xp.float32)

    def arccos(self, x: Any) -> Vec:
        return self._library("acos", x)

    def arccosh(self, x: Any) -> Vec:
        return self._library("acosh", x)

    def arcsin(self, x: Any) -> Vec:
        return self._library("asin", x)

    def arcsinh(self, x: Any) -> Vec:
        return self._library("asinh", x)

    def arctan(self, x: Any) -> Vec:
        return self._library("atan", x)

    def arctanh(self, x: Any) -> Vec:
        return self._library("atanh", x)

    def cosh(self, x: Any) -> Vec:
        return self._library("cosh", x)

    def sinh(self, x: Any) -> Vec:
        return self._library("sinh", x)

    def arctan2(self, a: Any, b: Any) -> Vec:
        return self._library("atan2", *self.pair(a, b))

    def hypot(self, a: Any, b: Any) -> Vec:
        return self._library("hypot", *self.pair(a, b))

    def _library(self, name: str, *given: Any) -> Vec:
        """A function that few programs use: in the C library, in float64."""
        operands = [self._real(self.vec(x)) for x in given]
        wide = [cast(x, xp.float64) for x in operands]
        return cast(float32.by_lane(name, *wide), operands[0].dtype)

    def sqrt(self, x: Any) -> Vec:
        return intrinsic("sqrt", self._real(self.vec(x)))

    def in_pieces(self, function: Any, x: Any) -> Vec:
        """``function(x)``: a Vec is a piece."""
        return function(x)

    def frexp(self, x: Any) -> tuple[Vec, Vec]:
        return rest.frexp(self._real(self.vec(x)))

    # Signs and rounding

    def abs(self, x: Any) -> Vec:
        return rest.absolute(self.vec(x))

    def sign(self, x: Any) -> Vec:
        x = self.vec(x)
        if x.dtype.kind == "b":
            raise Unsupported("the sign of a bool")
        if x.dtype.kind == "u":
            return cast(x != 0, x.dtype)
        # Of either zero it is 0, of nan nan.
        return select(x > 0, 1, select(x < 0, -1, select(x == 0, 0, x)))

    def _rounded(self, name: str, x: Any) -> Vec:
        x = self.vec(x)
        return intrinsic(name, x) if x.dtype.kind == "f" else x

    def floor(self, x: Any) -> Vec:
        return self._rounded("floor", x)

    def ceil(self, x: Any) -> Vec:
        return self._rounded("ceil", x)

    def trunc(self, x: Any) -> Vec:
        return self._rounded("trunc", x)

    def round(self, x: Any) -> Vec:
        return self._rounded("roundeven", x)

    # Two operands

    def maximum(self, a: Any, b: Any) -> Vec:
        return rest.maximum(*self.pair(a, b))

    def minimum(self, a: Any, b: Any) -> Vec:
        return rest.minimum(*self.pair(a, b))

    def power(self, a: Any, b: Any) -> Vec:
        return rest.power(*self.pair(a, b))

    def remainder(self, a: Any, b: Any) -> Vec:
        return rest.remainder(*self.pair(a, b))

    def fmod(self, a: Any, b: Any) -> Vec:
        return rest.fmod(*self.pair(a, b))

    def floor_divide(self, a: Any, b: Any) -> Vec:
        return rest.floor_divide(*self.pair(a, b))

    def trunc_divide(self, a: Any, b: Any) -> Vec:
        return rest.trunc_divide(*self.pair(a, b))

    # Comparisons and tests

    def equal(self, a: Any, b: Any) -> Vec:
        return compare("eq", *self.pair(a, b))

    def not_equal(self, a: Any, b: Any) -> Vec:
        return compare("ne", *self.pair(a, b))

    def less(self, a: Any, b: Any) -> Vec:
        return compare("lt", *self.pair(a, b))

    def less_equal(self, a: Any, b: Any) -> Vec:
        return compare("le", *self.pair(a, b))

    def greater(self, a: Any, b: Any) -> Vec:
        return compare("gt", *self.pair(a, b))

    def greater_equal(self, a: Any, b: Any) -> Vec:
        return compare("ge", *self.pair(a, b))

    def isnan(self, x: Any) -> Vec:
        x = self.vec(x)
        return compare("ne", x, x)

    def isinf(self, x: Any) -> Vec:
        x = self.vec(x)
        return rest.absolute(x) == float("inf") if x.dtype.kind == "f" else compare("ne", x, x)

    def isfinite(self, x: Any) -> Vec:
        x = self.vec(x)
        return rest.absolute(x) < float("inf") if x.dtype.kind == "f" else compare("eq", x, x)

    # Logic and bits

    def _bool(self, x: Any) -> Vec:
        return cast(self.vec(x), xp.bool_)

    def logical_and(self, a: Any, b: Any) -> Vec:
        return self._bool(a) & self._bool(b)

    def logical_or(self, a: Any, b: Any) -> Vec:
        return self._bool(a) | self._bool(b)

    def logical_xor(self, a: Any, b: Any) -> Vec:
        return self._bool(a) ^ self._bool(b)

    def logical_not(self, x: Any) -> Vec:
        return ~self._bool(x)

    def bitwise_and(self, a: Any, b: Any) -> Vec:
        a, b = self.pair(a, b)
        return a & b

    def bitwise_or(self, a: Any, b: Any) -> Vec:
        a, b = self.pair(a, b)
        return a | b

    def bitwise_xor(self, a: Any, b: Any) -> Vec:
        a, b = self.pair(a, b)
        return a ^ b

    def invert(self, x: Any) -> Vec:
        return ~self.vec(x)

    def standard(self, x: Any, middle: Any, factor: Any) -> Any:
        return (x if middle is None else self.vec(x) - middle) * factor

    # Choice and form

    def where(self, condition: Any, a: Any, b: Any) -> Vec:
        if not isinstance(a, Vec) and not isinstance(b, Vec):
            a, b = (a, self.vec(b)) if isinstance(b, float) else (self.vec(a), b)
        return select(self._bool(condition), a, b)

    def kept(self, mask: Any, x: Any) -> Vec:
        return select(self._bool(mask), self.vec(x), 0)

    def cast(self, x: Any, dtype: Any) -> Vec:
        if not isinstance(x, Vec):
            return constant(self.emitter, x, dtype, self.lanes)
        return cast(x, dtype)

    def broadcast_to(self, x: Any, shape: Any) -> Vec:
        """`x`: the shapes are the affair of whoever loads and stores."""
        return self.vec(x)

    def full(self, shape: Any, value: Any, dtype: Any) -> Vec:
        return self.cast(value, dtype)
