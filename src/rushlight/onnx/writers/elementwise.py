"""Element by element."""

from __future__ import annotations

import math
from typing import Any

import rushlight as rl
from rushlight.compile.graph import Node, Value
from rushlight.onnx.sizes import alike
from rushlight.onnx.writer import GraphWriter
from rushlight.onnx.writers.table import direct, writes

direct(
    abs="Abs", acos="Acos", acosh="Acosh", asin="Asin", asinh="Asinh", atan="Atan", atanh="Atanh",
    clamp_max="Min", clamp_min="Max", clone="Identity", cos="Cos", cosh="Cosh", div="Div", eq="Equal",
    erf="Erf", exp="Exp", ge="GreaterOrEqual", gt="Greater", le="LessOrEqual", log="Log", lt="Less",
    neg="Neg", pow="Pow", relu="Relu",
    sigmoid="Sigmoid", sign="Sign", sin="Sin", sinh="Sinh", softplus="Softplus", sqrt="Sqrt",
    sub="Sub", tan="Tan", tanh="Tanh", where="Where",
)  # fmt: skip


def _dtype(node: Node) -> Any:
    return next(v.spec.dtype for v in node.inputs if isinstance(v, Value))


def _of_whole_numbers(op: str, value: bool | None) -> Any:
    """An operation on floats; of whole numbers its result is they themselves, or the same for all."""

    def write(w: GraphWriter, node: Node) -> str:
        (x,) = node.inputs
        if x.spec.dtype.kind in "fV":
            return w.add(op, w.name(x))
        if value is None:
            return w.add("Identity", w.name(x))
        return w.add("Expand", w.constant(value, rl.bool), w.sizes(w.shape(node.out)))

    return write


for _name, _op, _value in (
    ("ceil", "Ceil", None), ("floor", "Floor", None), ("round", "Round", None), ("isinf", "IsInf", False),
    ("isnan", "IsNaN", False),
):  # fmt: skip
    writes(_name)(_of_whole_numbers(_op, _value))


def _logical(op: str) -> Any:
    def write(w: GraphWriter, node: Node) -> str:
        names = [
            w.cast(name, rl.bool) if isinstance(v, Value) and v.spec.dtype != rl.bool else name
            for v, name in zip(node.inputs, w.operands(node), strict=True)
        ]
        return w.add(op, *names)

    return write


for _name in ("And", "Or", "Xor", "Not"):
    writes(f"logical_{_name.lower()}")(_logical(_name))


def _bits(bitwise: str, logical: str) -> Any:
    def write(w: GraphWriter, node: Node) -> str:
        return w.add(logical if _dtype(node) == rl.bool else bitwise, *w.operands(node))

    return write


for _name in ("And", "Or", "Xor", "Not"):
    writes(f"bitwise_{_name.lower()}")(_bits(f"Bitwise{_name}", _name))
for _name, _op, _truth in (
    ("add", "Add", "Or"), ("mul", "Mul", "And"), ("maximum", "Max", "Or"), ("minimum", "Min", "And"),
):  # fmt: skip
    writes(_name)(_bits(_op, _truth))


@writes("ne")
def not_equal(w: GraphWriter, node: Node) -> str:
    return w.add("Not", w.add("Equal", *w.operands(node)))


@writes("in_range", "none_outside")
def checked(w: GraphWriter, node: Node) -> str:
    return w.add("Identity", w.name(node.inputs[0]))


@writes("to")
def to(w: GraphWriter, node: Node) -> str:
    return w.cast(w.name(node.inputs[0]), node.out.spec.dtype)


@writes("copy")
def copy(w: GraphWriter, node: Node) -> str:
    target, source = node.inputs
    found = w.name(source, node.out.spec.dtype)
    if isinstance(source, Value) and source.spec.dtype != node.out.spec.dtype:
        found = w.cast(found, node.out.spec.dtype)
    if isinstance(source, Value) and alike(w.shape(source), w.shape(node.out)):
        return w.add("Identity", found)
    return w.add("Expand", found, w.sizes(w.shape(target)))


@writes("isfinite")
def isfinite(w: GraphWriter, node: Node) -> str:
    if node.inputs[0].spec.dtype.kind not in "fV":
        return w.add("Expand", w.constant(True, rl.bool), w.sizes(w.shape(node.out)))
    x = w.name(node.inputs[0])
    return w.add("Not", w.add("Or", w.add("IsInf", x), w.add("IsNaN", x)))


@writes("trunc")
def trunc(w: GraphWriter, node: Node) -> str:
    x = w.name(node.inputs[0])
    return _trunc(w, x) if _dtype(node).kind in "fV" else w.add("Identity", x)


def _trunc(w: GraphWriter, x: str) -> str:
    return w.add("Mul", w.add("Sign", x), w.add("Floor", w.add("Abs", x)))


@writes("fmod")
def fmod(w: GraphWriter, node: Node) -> str:
    return w.add("Mod", *w.operands(node), fmod=1)


@writes("remainder")
def remainder(w: GraphWriter, node: Node) -> str:
    a, b = w.operands(node)
    if _dtype(node).kind != "f":
        return w.add("Mod", a, b)
    return w.add("Sub", a, w.add("Mul", w.add("Floor", w.add("Div", a, b)), b))


@writes("floor_divide", "div_floor")
def div_floor(w: GraphWriter, node: Node) -> str:
    a, b = w.operands(node)
    if _dtype(node).kind == "f":
        return w.add("Floor", w.add("Div", a, b))
    return w.add("Div", w.add("Sub", a, w.add("Mod", a, b)), b)


@writes("div_trunc")
def div_trunc(w: GraphWriter, node: Node) -> str:
    found = w.add("Div", *w.operands(node))
    return found if _dtype(node).kind != "f" else _trunc(w, found)


@writes("exp2")
def exp2(w: GraphWriter, node: Node) -> str:
    return w.add("Pow", w.name(2.0, _dtype(node)), *w.operands(node))


@writes("expm1")
def expm1(w: GraphWriter, node: Node) -> str:
    return w.add("Sub", w.add("Exp", *w.operands(node)), w.name(1.0, _dtype(node)))


@writes("log1p")
def log1p(w: GraphWriter, node: Node) -> str:
    return w.add("Log", w.add("Add", *w.operands(node), w.name(1.0, _dtype(node))))


@writes("log2", "log10")
def log_of_base(w: GraphWriter, node: Node) -> str:
    base = 2 if node.op.name == "log2" else 10
    return w.add("Div", w.add("Log", *w.operands(node)), w.name(math.log(base), _dtype(node)))


@writes("erfc")
def erfc(w: GraphWriter, node: Node) -> str:
    return w.add("Sub", w.name(1.0, _dtype(node)), w.add("Erf", *w.operands(node)))


@writes("hypot")
def hypot(w: GraphWriter, node: Node) -> str:
    a, b = w.operands(node)
    return w.add("Sqrt", w.add("Add", w.add("Mul", a, a), w.add("Mul", b, b)))


@writes("atan2")
def atan2(w: GraphWriter, node: Node) -> str:
    """The angle of (b, a): atan of the quotient, and half a turn more where b is negative."""
    a, b = w.operands(node)
    zero, half = w.name(0.0, _dtype(node)), w.name(math.pi, _dtype(node))
    turn = w.add("Where", w.add("Less", a, zero), w.add("Neg", half), half)
    turned = w.add("Where", w.add("Less", b, zero), turn, zero)
    upright = w.add("Mul", w.add("Sign", a), w.name(math.pi / 2, _dtype(node)))
    angle = w.add("Add", w.add("Atan", w.add("Div", a, b)), turned)
    return w.add("Where", w.add("Equal", b, zero), upright, angle)


@writes("logaddexp", "logaddexp2")
def logaddexp(w: GraphWriter, node: Node) -> str:
    """The larger, and the logarithm of 1 + base^-gap."""
    a, b = w.operands(node)
    unit = w.name(math.log(2) if node.op.name == "logaddexp2" else 1.0, _dtype(node))
    gap = w.add("Where", w.add("Equal", a, b), w.name(0.0, _dtype(node)), w.add("Sub", a, b))
    gap = w.add("Mul", w.add("Neg", w.add("Abs", gap)), unit)
    more = w.add("Log", w.add("Add", w.add("Exp", gap), w.name(1.0, _dtype(node))))
    return w.add("Add", w.add("Max", a, b), w.add("Div", more, unit))


@writes("entr")
def entropy(w: GraphWriter, node: Node) -> str:
    """-x log x, 0 at 0, and -inf below."""
    (x,) = w.operands(node)
    zero, least = w.name(0.0, _dtype(node)), w.name(-math.inf, _dtype(node))
    product = w.add("Neg", w.add("Mul", x, w.add("Log", x)))
    above = w.add("Where", w.add("Less", x, zero), least, product)
    return w.add("Where", w.add("Equal", x, zero), zero, above)


@writes("xlogy")
def xlogy(w: GraphWriter, node: Node) -> str:
    a, b = w.operands(node)
    zero = w.name(0.0, _dtype(node))
    return w.add("Where", w.add("Equal", a, zero), zero, w.add("Mul", a, w.add("Log", b)))


@writes("clamp")
def clamp(w: GraphWriter, node: Node) -> str:
    ends = [node.attrs.get(k) for k in ("min", "max")]
    dtype = node.out.spec.dtype
    return w.add("Clip", w.name(node.inputs[0]), *[None if n is None else w.name(n, dtype) for n in ends])


@writes("masked_fill")
def masked_fill(w: GraphWriter, node: Node) -> str:
    x, mask, value = node.inputs
    return w.add("Where", w.name(mask), w.name(value, node.out.spec.dtype), w.name(x))


@writes("kept", "dropped")
def kept(w: GraphWriter, node: Node) -> str:
    mask, x = node.inputs
    zero = w.name(0, node.out.spec.dtype)
    pair = (w.name(x), zero) if node.op.name == "kept" else (zero, w.name(x))
    return w.add("Where", w.name(mask), *pair)


@writes("leaky_relu")
def leaky_relu(w: GraphWriter, node: Node) -> str:
    return w.add("LeakyRelu", *w.operands(node), alpha=float(node.attrs["negative_slope"]))


@writes("silu")
def silu(w: GraphWriter, node: Node) -> str:
    x = w.name(node.inputs[0])
    return w.add("Mul", x, w.add("Sigmoid", x))


@writes("gelu")
def gelu(w: GraphWriter, node: Node) -> str:
    x, tanh, dtype = w.name(node.inputs[0]), node.attrs["tanh"], node.out.spec.dtype
    if w.version >= 20:
        return w.add("Gelu", x, approximate="tanh" if tanh else "none")
    one, half = w.name(1.0, dtype), w.name(0.5, dtype)
    if tanh:
        cube = w.add("Mul", w.add("Mul", w.add("Mul", x, x), x), w.name(0.044715, dtype))
        inner = w.add("Tanh", w.add("Mul", w.add("Add", x, cube), w.name(math.sqrt(2 / math.pi), dtype)))
    else:
        inner = w.add("Erf", w.add("Div", x, w.name(math.sqrt(2), dtype)))
    return w.add("Mul", w.add("Mul", x, w.add("Add", inner, one)), half)


@writes("binary_cross_entropy_with_logits")
def bce_with_logits(w: GraphWriter, node: Node) -> str:
    z, y = w.operands(node)
    return w.add("Sub", w.add("Softplus", z), w.add("Mul", z, y))


@writes("binary_cross_entropy")
def bce(w: GraphWriter, node: Node) -> str:
    """Logarithms are at least -100."""
    p, y = w.operands(node)
    dtype = node.out.spec.dtype
    one, least = w.name(1.0, dtype), w.name(-100.0, dtype)
    yes = w.add("Mul", y, w.add("Max", w.add("Log", p), least))
    no = w.add("Mul", w.add("Sub", one, y), w.add("Max", w.add("Log", w.add("Sub", one, p)), least))
    return w.add("Neg", w.add("Add", yes, no))
