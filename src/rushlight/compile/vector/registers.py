"""Numbers in registers: a Vec is the name of an LLVM value whose operators write instructions.

A formula that runs over Vecs instead of arrays writes the code that computes it; fusing two formulas is
calling one on the other's result.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from rushlight.compile.write.emit import Emitter, llvm_type
from rushlight.device import xp
from rushlight.errors import NotSupportedError

__all__ = [
    "LANES",
    "Unsupported",
    "Vec",
    "bitcast",
    "cast",
    "compare",
    "constant",
    "intrinsic",
    "kind_of",
    "pair",
    "quotient",
    "select",
    "splat",
    "vec",
    "widen",
]


LANES = 16
"""Numbers in a vector as most kernels are written; where registers are narrower LLVM takes several."""


class Unsupported(NotSupportedError):
    """A formula asks for what cannot be written as instructions; NumPy has to run it."""


def kind_of(dtype: Any, lanes: int) -> str:
    """The LLVM type of `lanes` numbers of `dtype`; of one, the plain scalar type."""
    return llvm_type(dtype, 0 if lanes == 1 else lanes)


def _both(name: str) -> tuple[Callable[..., Vec], Callable[..., Vec]]:
    """The operator of that name with the Vec on the left, and with it on the right."""
    return (lambda self, other: _operate(name, self, other)), (
        lambda self, other: _operate(name, other, self)
    )


class Vec:
    """`lanes` numbers of one dtype in a register; `value` is the number when all are one known constant.

    The operators follow NumPy to the last bit: mixed dtypes promote, Python numbers take the Vec's dtype. One
    lane spreads over many.
    """

    __slots__ = ("dtype", "emitter", "lanes", "name", "value")
    __hash__ = object.__hash__
    shape = ()
    ndim = 0

    def __init__(
        self, emitter: Emitter, name: str, dtype: Any, lanes: int, value: bool | int | float | None = None
    ) -> None:
        self.emitter = emitter
        self.name = name
        self.dtype = xp.known(dtype)
        self.lanes = lanes
        self.value = value

    def __repr__(self) -> str:
        return f"Vec({self.kind} {self.name})"

    @property
    def kind(self) -> str:
        """The LLVM type."""
        return kind_of(self.dtype, self.lanes)

    def astype(self, dtype: Any) -> Vec:
        """The same numbers as `dtype`."""
        return cast(self, dtype)

    __add__, __radd__ = _both("add")
    __sub__, __rsub__ = _both("sub")
    __mul__, __rmul__ = _both("mul")
    __truediv__, __rtruediv__ = _both("div")
    __floordiv__, __rfloordiv__ = _both("floor_divide")
    __mod__, __rmod__ = _both("remainder")
    __pow__, __rpow__ = _both("power")
    __and__, __rand__ = _both("and")
    __or__, __ror__ = _both("or")
    __xor__, __rxor__ = _both("xor")
    __lt__ = _both("lt")[0]
    __le__ = _both("le")[0]
    __gt__ = _both("gt")[0]
    __ge__ = _both("ge")[0]

    def __neg__(self) -> Vec:
        if self.dtype.kind == "f":
            return vec(self, f"fneg {self.kind} {self.name}")
        if self.dtype.kind == "b":
            raise Unsupported("the negative of a bool")
        return constant(self.emitter, 0, self.dtype, self.lanes) - self

    def __pos__(self) -> Vec:
        return self

    def __abs__(self) -> Vec:
        return _rest().absolute(self)

    def __invert__(self) -> Vec:
        if self.dtype.kind == "f":
            raise Unsupported(f"~ of {self.dtype}")
        return self ^ (True if self.dtype.kind == "b" else ones(self.dtype))

    def __eq__(self, other: Any) -> Vec:  # type: ignore[override]
        return compare("eq", self, other)

    def __ne__(self, other: Any) -> Vec:  # type: ignore[override]
        return compare("ne", self, other)

    def __bool__(self) -> bool:
        raise Unsupported("a formula that branches in Python on a value of the data")


def _rest() -> Any:
    from rushlight.compile.vector import rest

    return rest


def _operate(name: str, a: Any, b: Any) -> Vec:
    if name in _FLOAT:
        return _arithmetic(name, a, b)
    if name == "div":
        return _divide(a, b)
    if name in _ORDERS:
        return compare(name, a, b)
    if name in ("and", "or", "xor"):
        return _bitwise(name, a, b)
    return getattr(_rest(), name)(a, b)


def vec(like: Vec, text: str, dtype: Any = None) -> Vec:
    """The result of one instruction, with the lanes of `like`, and its dtype unless another is given."""
    return Vec(like.emitter, like.emitter.value(text), like.dtype if dtype is None else dtype, like.lanes)


# Constants


def ones(dtype: Any) -> int:
    """The whole number of `dtype` whose bits are all one."""
    return -1 if dtype.kind == "i" else (1 << (8 * dtype.itemsize)) - 1


def _float_literal(value: float, dtype: Any) -> str:
    if dtype is xp.bfloat16:
        return str(int(xp.full((), value, xp.float32).astype(dtype).view(xp.int16)))
    if dtype.itemsize == 2:
        return f"0xH{struct.unpack('<H', struct.pack('<e', value))[0]:04X}"
    if dtype.itemsize == 4 and math.isfinite(value):
        try:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            value = math.copysign(math.inf, value)
    if math.isnan(value):
        return "0x7FF8000000000000"
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def _int_literal(value: int, dtype: Any) -> str:
    bits = 8 * dtype.itemsize
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if dtype.kind == "i" else (0, 1 << bits)
    if not low <= value < high:
        raise Unsupported(f"the constant {value} as {dtype}")
    return str(value)


def constant(emitter: Emitter, value: Any, dtype: Any, lanes: int) -> Vec:
    """`value` in every lane; it is rounded to `dtype`."""
    dtype = xp.known(dtype)
    if dtype.kind == "b":
        value = bool(value)
        literal = "true" if value else "false"
    elif dtype.kind == "f":
        value = float(value)
        literal = _float_literal(value, dtype)
    else:
        value = int(value)
        literal = _int_literal(value, dtype)
    if lanes > 1:
        literal = f"splat ({llvm_type(dtype)} {literal})"
    return Vec(emitter, literal, dtype, lanes, value)


def splat(emitter: Emitter, scalar: str, dtype: Any, lanes: int) -> Vec:
    """The scalar of that name in every lane."""
    if lanes == 1:
        return Vec(emitter, scalar, dtype, 1)
    kind = kind_of(dtype, lanes)
    first = emitter.value(f"insertelement {kind} poison, {llvm_type(dtype)} {scalar}, i64 0")
    name = emitter.value(f"shufflevector {kind} {first}, {kind} poison, <{lanes} x i32> zeroinitializer")
    return Vec(emitter, name, dtype, lanes)


def widen(x: Vec, lanes: int) -> Vec:
    """One lane spread over `lanes`."""
    if x.lanes == lanes:
        return x
    if x.lanes != 1:
        raise Unsupported(f"{x.lanes} lanes together with {lanes}")
    if x.value is not None:
        return constant(x.emitter, x.value, x.dtype, lanes)
    return splat(x.emitter, x.name, x.dtype, lanes)


# Operands


def weak(number: Any, dtype: Any) -> Any:
    """The dtype in which a Python number meets numbers of `dtype`."""
    if isinstance(number, float):
        return dtype if dtype.kind == "f" else xp.float32
    if isinstance(number, bool) or dtype.kind != "b":
        return dtype
    return xp.int64


def pair(a: Any, b: Any) -> tuple[Vec, Vec]:
    """Two operands, at least one of them a Vec, in their common dtype and lanes."""
    if isinstance(a, Vec) and isinstance(b, Vec):
        dtype = a.dtype if a.dtype == b.dtype else xp.result_type(a.dtype, b.dtype)
        lanes = max(a.lanes, b.lanes)
        return widen(cast(a, dtype), lanes), widen(cast(b, dtype), lanes)
    if isinstance(a, Vec):
        dtype = weak(b, a.dtype)
        return cast(a, dtype), _number(a, b, dtype)
    dtype = weak(a, b.dtype)
    return _number(b, a, dtype), cast(b, dtype)


def _number(like: Vec, value: Any, dtype: Any) -> Vec:
    if not isinstance(value, (bool, int, float)):
        raise Unsupported(f"a Vec together with {type(value).__name__}")
    return constant(like.emitter, value, dtype, like.lanes)


# Instructions

# Without leave to fuse a product into a sum: arithmetic then equals NumPy's to the last bit.
_FLOAT = {"add": "fadd", "sub": "fsub", "mul": "fmul"}
_BOOL = {"add": "or", "mul": "and"}


def _arithmetic(name: str, a: Any, b: Any) -> Vec:
    a, b = pair(a, b)
    word = _FLOAT[name] if a.dtype.kind == "f" else _BOOL.get(name) if a.dtype.kind == "b" else name
    if word is None:
        raise Unsupported("the difference of two bools")
    return vec(a, f"{word} {a.kind} {a.name}, {b.name}")


def _divide(a: Any, b: Any) -> Vec:
    a, b = pair(a, b)
    if a.dtype.kind != "f":
        a, b = cast(a, xp.float32), cast(b, xp.float32)
    return quotient("fdiv", a, b)


def quotient(word: str, a: Vec, b: Vec) -> Vec:
    """The instruction `word`, fdiv or frem. LLVM (22 at least) takes 0 for the quotient of lanes that its own
    code makes 0, such as those past the end, and leaves out what puts 0 there; not if it is frozen."""
    found = vec(a, f"{word} {a.kind} {a.name}, {b.name}")
    return vec(a, f"freeze {a.kind} {found.name}")


def _bitwise(name: str, a: Any, b: Any) -> Vec:
    a, b = pair(a, b)
    if a.dtype.kind == "f":
        raise Unsupported(f"bitwise {name} of {a.dtype}")
    return vec(a, f"{name} {a.kind} {a.name}, {b.name}")


_ORDERS = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}


def compare(name: str, a: Any, b: Any) -> Vec:
    """eq, ne, lt, le, gt or ge, as bools; with a nan only ne holds."""
    a, b = pair(a, b)
    if a.dtype.kind == "f":
        return vec(a, f"fcmp {_ORDERS[name]} {a.kind} {a.name}, {b.name}", xp.bool_)
    order = name if name in ("eq", "ne") else f"{'s' if a.dtype.kind == 'i' else 'u'}{name}"
    return vec(a, f"icmp {order} {a.kind} {a.name}, {b.name}", xp.bool_)


def select(condition: Vec, a: Any, b: Any) -> Vec:
    """`a` where the condition holds, else `b`; one of the two may be a number."""
    a, b = pair(a, b)
    lanes = max(condition.lanes, a.lanes)
    condition, a, b = widen(condition, lanes), widen(a, lanes), widen(b, lanes)
    return vec(a, f"select {condition.kind} {condition.name}, {a.kind} {a.name}, {b.kind} {b.name}")


def intrinsic(name: str, *operands: Vec, extra: tuple[tuple[str, str], ...] = ()) -> Vec:
    """``llvm.name`` of operands of one kind."""
    x = operands[0]
    letter = "f" if x.dtype.kind == "f" else "i"
    suffix = f"{'' if x.lanes == 1 else f'v{x.lanes}'}{letter}{8 * x.dtype.itemsize}"
    arguments = [(v.kind, v.name) for v in operands] + list(extra)
    return Vec(x.emitter, x.emitter.call(f"llvm.{name}.{suffix}", x.kind, arguments), x.dtype, x.lanes)


def bitcast(x: Vec, dtype: Any) -> Vec:
    """The same bits read as another dtype of the same size."""
    return vec(x, f"bitcast {x.kind} {x.name} to {kind_of(dtype, x.lanes)}", dtype)


def cast(x: Any, dtype: Any) -> Vec:
    """The numbers of `x` as `dtype`: as C converts, a bool is whether the number is not 0."""
    dtype = xp.known(dtype)
    if x.dtype == dtype:
        return x
    if x.value is not None and (dtype.kind != "f" or x.dtype.kind != "f") and math.isfinite(x.value):
        return _cast_constant(x, dtype)
    if x.dtype is xp.bfloat16:
        return cast(_from_bfloat16(x), dtype)
    if dtype is xp.bfloat16:
        return _to_bfloat16(cast(x, xp.float32))
    if dtype.kind == "b":
        return compare("ne", x, 0)
    if xp.float16 in (x.dtype, dtype) and xp.float32 not in (x.dtype, dtype):
        # The other conversions of float16 are not instructions, but calls of functions that may be missing.
        return cast(cast(x, xp.float32), dtype)
    if x.dtype.kind == "b" and dtype.kind == "f":
        one, zero = (constant(x.emitter, n, dtype, x.lanes) for n in (1, 0))
        return select(x, one, zero)
    if x.dtype.kind == "f" and dtype.kind != "f":
        return _float_to_int(x, dtype)
    return _convert(_word(x.dtype, dtype), x, dtype)


def _shifted(word: str, x: Vec, places: int) -> Vec:
    return vec(x, f"{word} {x.kind} {x.name}, {constant(x.emitter, places, x.dtype, x.lanes).name}")


def _from_bfloat16(x: Vec) -> Vec:
    """bfloat16, which lies in registers as its bits, as float32: these are its upper half."""
    wide = vec(x, f"zext {x.kind} {x.name} to {kind_of(xp.uint32, x.lanes)}", xp.uint32)
    return bitcast(_shifted("shl", wide, 16), xp.float32)


def _to_bfloat16(x: Vec) -> Vec:
    """The upper half of float32, rounded: not quite half of its last place is added, and of halfway the last
    bit too, so that the even one comes out. nan has bits of its own, which might carry over into infinity."""
    bits = bitcast(x, xp.uint32)
    rounded = _shifted("lshr", bits + ((_shifted("lshr", bits, 16) & 1) + 0x7FFF), 16)
    rounded = select(compare("ne", x, x), 0x7FC0, rounded)
    return vec(x, f"trunc {rounded.kind} {rounded.name} to {kind_of(xp.bfloat16, x.lanes)}", xp.bfloat16)


def _cast_constant(x: Vec, dtype: Any) -> Vec:
    try:
        return constant(x.emitter, x.value, dtype, x.lanes)
    except Unsupported:
        # Too large for the type: what the instruction makes of it is what NumPy makes of it.
        return _convert(_word(x.dtype, dtype), x, dtype)


def _word(source: Any, target: Any) -> str:
    if source.kind == target.kind == "f":
        return "fpext" if target.itemsize > source.itemsize else "fptrunc"
    if target.kind == "f":
        return "sitofp" if source.kind == "i" else "uitofp"
    if source.kind == "f":
        return "fptosi" if target.kind == "i" else "fptoui"
    if target.itemsize == source.itemsize and source.kind != "b":
        return "bitcast"
    if target.itemsize < source.itemsize:
        return "trunc"
    return "sext" if source.kind == "i" else "zext"


def _convert(word: str, x: Vec, dtype: Any) -> Vec:
    return vec(x, f"{word} {x.kind} {x.name} to {kind_of(dtype, x.lanes)}", dtype)


def _float_to_int(x: Vec, dtype: Any) -> Vec:
    """By way of a wider int where there is one, as compiled C does: so that -1.0 as uint8 is 255."""
    if dtype == xp.uint64:
        whole = _convert("fptoui", x, dtype)
    else:
        way = xp.int64 if dtype in (xp.int64, xp.uint32) else xp.int32
        whole = _convert("fptosi", x, way)
    # Out of range the instruction's result is undefined to LLVM; freezing makes it some number.
    whole = vec(whole, f"freeze {whole.kind} {whole.name}")
    return cast(whole, dtype)
