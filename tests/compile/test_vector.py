"""Formulas as instructions: every function, dtype and width against NumPy."""

from __future__ import annotations

import functools
import importlib
import operator
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile import host
from rushlight.compile.vector.namespace import VectorMath
from rushlight.compile.vector.registers import Unsupported, Vec, cast, constant, splat
from rushlight.compile.vector.rest import maximum, minimum
from rushlight.compile.vector.transfer import gather, load, reduce_lanes, scatter, store, unweave, weave
from rushlight.compile.write.emit import Emitter
from rushlight.core.op import REGISTRY
from rushlight.device import m, xp

pytest.importorskip("llvmlite")
from tests.compile.native import address, compiled, evaluate, evaluate_widths

# The largest error in units in the last place that the docstrings of vector_float32 state.
BOUNDS = {
    "exp": 1.0,
    "expm1": 1.7,
    "log": 1.0,
    "log1p": 1.5,
    "log2": 1.1,
    "log10": 1.0,
    "tanh": 2.6,
    "erf": 1.2,
    "sin": 1.6,
    "cos": 1.6,
    "tan": 3.5,
}
WORST = {"tanh": [0.06202325597405434], "expm1": [0.3934488594532013, 1e-45, -1e-45, 3e-45, -4e-39]}
"""Where the error is largest of all numbers."""
EDGES = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-45, -1e-45, 2.0**-126, 3.4e38], np.float32
)


def everywhere() -> Any:
    """float32 numbers of every exponent and sign, nans and infinities included, one in 4099."""
    return np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32).view(np.float32)


def call(name: str) -> Any:
    return lambda m, *values: getattr(m, name)(*values)


def ulps(got: Any, exact: Any) -> Any:
    """The distance from `exact`, in float32's units in the last place there; 0 where both are nan."""
    with np.errstate(all="ignore"):
        near = exact.astype(np.float32)
        unit = np.spacing(np.abs(near)).astype(np.float64)
        error = np.abs(got.astype(np.float64) - exact) / unit
    same = (got == near) & ~np.isfinite(near) | np.isnan(got) & np.isnan(near)
    return np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))


@pytest.mark.parametrize("name", BOUNDS)
def test_float32_functions_keep_their_bound_everywhere(name: str) -> None:
    rng = np.random.default_rng(0)
    spans = [rng.uniform(-low, high, 100_000) for low, high in ((1, 1), (20, 20), (110, 90), (0, 2))]
    if name in ("sin", "cos", "tan"):
        spans += [rng.uniform(-50_000, 50_000, 200_000), np.arange(-30_000, 30_000) * np.pi / 2]
    spans.append(np.array(WORST.get(name, [])))
    x = np.concatenate([everywhere(), EDGES, *(s.astype(np.float32) for s in spans)])
    with xp.silence():
        exact = getattr(m, name)(x.astype(np.float64))
    got = evaluate(call(name), x)
    error = ulps(got, exact)
    worst = int(error.argmax())
    assert error[worst] <= BOUNDS[name], f"{error[worst]} ulp at {x[worst]}: {got[worst]}"


def test_tanh_at_its_edges() -> None:
    x = np.array([0.0, -0.0, 9.02, -9.02, 20.0, -1e30, np.inf, -np.inf, np.nan, 1e-45], np.float32)
    got = evaluate(call("tanh"), x)
    np.testing.assert_array_equal(got, np.array([0, -0.0, 1, -1, 1, -1, 1, -1, np.nan, 1e-45], np.float32))
    np.testing.assert_array_equal(np.signbit(got[:2]), [False, True])


@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh", "sin", "tan"])
def test_subnormal_numbers_are_their_own_results(name: str) -> None:
    x = np.arange(1, 0x800000, 997).astype(np.uint32).view(np.float32)
    x = np.concatenate([[1e-45, 3e-45, 4e-45, 7e-45], x, [0.0]]).astype(np.float32)
    for side in (x, -x):
        np.testing.assert_array_equal(evaluate(call(name), side).view(np.uint32), side.view(np.uint32))


@pytest.mark.parametrize(("name", "most"), [("tanh", 20), ("exp", 23), ("log", 34), ("erf", 36)])
def test_float32_functions_stay_lean(name: str, most: int) -> None:
    if not host.describe().fused:
        pytest.skip("a multiply-add is several instructions here")
    emitter = Emitter()
    getattr(VectorMath(emitter, 16), name)(Vec(emitter, "%x", xp.float32, 16))
    # A freeze only tells LLVM what it may assume: no instruction comes of it.
    assert len([line for line in emitter.lines if " = freeze " not in line]) <= most


@pytest.mark.parametrize("name", [*BOUNDS, "sqrt"])
def test_float64_functions(name: str) -> None:
    x = np.concatenate([np.linspace(-30, 30, 1001), np.logspace(-300, 300, 500), EDGES])
    with xp.silence():
        expected = getattr(m, name)(x)
    np.testing.assert_allclose(evaluate(call(name), x, lanes=8), expected, rtol=2e-14, atol=1e-300)


@pytest.mark.parametrize("name", [*BOUNDS, "sqrt", "floor", "ceil", "trunc", "round", "sign", "abs"])
def test_every_width_and_the_masked_end(name: str) -> None:
    x = np.concatenate([np.linspace(-4, 4, 40), EDGES, [0.5, 1.5, -2.5, 1e6, 12345.678]]).astype(np.float32)[
        :53
    ]
    with xp.silence():
        expected = getattr(m, name)(x.astype(np.float64)).astype(np.float32)
    widths = (1, 4, 8, 16)
    for lanes, got in zip(widths, evaluate_widths(call(name), x, widths=widths), strict=True):
        np.testing.assert_allclose(got, expected, rtol=5e-7, atol=1e-44, err_msg=f"{lanes} lanes")


# The registry

FLOATS = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -3.5, 0.3, 7.0, np.inf, -np.inf, np.nan, 1e30, -1e-30])
INTS = np.array([0, 1, 2, 3, 5, 7, 100, 127, -1, -2, -7, -128])
DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool")
ATTRS = {
    "leaky_relu": {"negative_slope": 0.1},
    "gelu": {"tanh": False},
    "gelu_grad": {"tanh": True},
    "clamp": {"min": 0, "max": 2},
    "moving_average": {"decay": 0.9},
    "to": {"dtype": np.dtype("float32")},
    "normal_turn": {"quarter": 1},
    "polygamma": {"n": 2},
    "standard": {"dim": (0,)},
}
UNIT = ("normal_radius", "normal_turn")
"""Formulas for uniform numbers of float64, from 0 to below 1."""
# What NumPy itself refuses, or computes in a dtype that no formula asks for.
REFUSED = {
    ("sign", "bool"),
    ("pow", "bool"),
    ("floor_divide", "bool"),
    ("div_floor", "bool"),
    ("div_trunc", "bool"),
    ("remainder", "bool"),
    ("relu", "bool"),
    ("fmod", "bool"),
}
REFUSED |= {(name, "bool") for name in ("neg", "sub", "velocity", "moving_average", "clamp", "relu_grad")}
REFUSED |= {(name, "bool") for name in ("floor", "ceil", "trunc", "round", "tanh_grad", "sigmoid_grad")}
REFUSED |= {(f"bitwise_{name}", kind) for name in ("and", "or", "xor", "not") for kind in DTYPES[:2]}
REFUSED |= {("pow", kind) for kind in DTYPES[2:]}
REFUSED |= {(name, kind) for name in ("moving_average", "standard") for kind in DTYPES[2:]}
REFUSED |= {(name, kind) for name in UNIT for kind in DTYPES if kind != "float64"}
for _file in rl.ops.LATER:
    importlib.import_module(f"rushlight.ops.{_file}")
ELEMENTWISE = [op for op in REGISTRY.values() if op.elementwise]


def operands(count: int, dtype: str) -> list[Any]:
    """Every pair (and some triples) of interesting numbers of `dtype`."""
    base = FLOATS if dtype.startswith("f") else np.unique(INTS.astype(dtype))
    grid = np.meshgrid(*[base] * min(count, 2), indexing="ij")
    columns = [g.ravel().astype(dtype) for g in grid]
    return columns + [np.roll(columns[0], 3 + k) for k in range(count - len(columns))]


def arity(op: Any) -> int:
    import inspect

    kinds = [p.kind for p in inspect.signature(op.formula).parameters.values()]
    several = inspect.Parameter.VAR_POSITIONAL in kinds
    return kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) - 1 + 2 * several


def asked_for(op: Any, dtype: str) -> bool:
    """Whether an op's formula meets a dtype: NumPy refuses some, promotion turns others to floats."""
    return (op.name, dtype) not in REFUSED and (op.promote != "float" or dtype.startswith("f"))


def inputs_of(op: Any, dtype: str) -> list[Any]:
    """Numbers on which an op's formula is looked at."""
    if op.name in UNIT:
        near_one = 1.0 - 2.0 ** -np.arange(1, 54)
        return [np.concatenate([np.linspace(0.0, 1.0, 1000, endpoint=False), near_one])]
    arrays = operands(arity(op), dtype)
    if op.name in ("where", "kept", "dropped"):
        arrays[0] = arrays[0] > 0
    if op.name == "masked_fill":
        arrays[1] = arrays[1] > 0
    return arrays


@pytest.mark.parametrize(
    ("op", "dtype"),
    [pytest.param(o, d, id=f"{o.name}-{d}") for o in ELEMENTWISE for d in DTYPES if asked_for(o, d)],
)
def test_every_elementwise_op_equals_its_formula_on_numpy(op: Any, dtype: str) -> None:
    arrays = inputs_of(op, dtype)
    attrs = ATTRS.get(op.name, {})
    with xp.silence():
        expected = op.formula(m, *arrays, **attrs)
    for got in evaluate_widths(op.formula, *arrays, widths=(16, 1), **attrs):
        assert got.dtype == expected.dtype
        rtol = 2e-6 if got.dtype == np.float32 else 1e-13
        np.testing.assert_allclose(got, expected, rtol=rtol)


class Asked:
    """The namespace of formulas, which remembers what it is asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return getattr(m, name)


def test_the_namespace_is_that_of_formulas_where_they_are_elementwise() -> None:
    own = {name for name in vars(VectorMath) if not name.startswith("_")} - {"vec", "pair"}
    assert own <= set(m.__all__)
    asked = Asked()
    for op in ELEMENTWISE:
        for dtype in filter(functools.partial(asked_for, op), DTYPES):
            op.formula(asked, *inputs_of(op, dtype), **ATTRS.get(op.name, {}))
    dtypes = {name for name in asked.names if isinstance(getattr(m, name), np.dtype)}
    assert asked.names - dtypes <= own
    assert own - asked.names == {"full"}, "which constants ask for"


# Operators, dtypes, constants


def test_numbers_on_both_sides() -> None:
    x = np.array([-2.0, 0.5, 3.0, -0.7, 9.0], np.float32)
    cases: list[Any] = [
        lambda m, x: 1 - x, lambda m, x: 2.5 * x + 1, lambda m, x: 3 / x, lambda m, x: x // 2,
        lambda m, x: 7 // x, lambda m, x: x % 0.4, lambda m, x: 5 % x, lambda m, x: -x, lambda m, x: abs(x),
        lambda m, x: x**2, lambda m, x: x**3, lambda m, x: x**-1, lambda m, x: x**4, lambda m, x: x**-2,
        lambda m, x: m.abs(x) ** 0.5, lambda m, x: m.abs(x) ** 2.7, lambda m, x: 2**x, lambda m, x: x**0,
        lambda m, x: (x > 0) & (x <= 3), lambda m, x: m.where(x > 0, 1.0, 0.0), lambda m, x: ~(x == 3),
        lambda m, x: m.where(x > 0, x, -1), lambda m, x: m.maximum(0, x), lambda m, x: m.minimum(x, 1),
        lambda m, x: m.cast(x, xp.int32), lambda m, x: m.broadcast_to(x, x.shape),
        lambda m, x: x.astype(m.float64),
    ]  # fmt: skip
    for formula in cases:
        got, expected = evaluate(formula, x), formula(m, x)
        np.testing.assert_allclose(got, expected, rtol=5e-7)


def test_mixed_dtypes_promote_as_in_numpy() -> None:
    x = np.array([1.5, -2.0, 3.0, 0.0], np.float32)
    flags, whole = x > 0, np.array([1, -2, 3, 4], np.int32)
    pairs = [
        (x, flags),
        (flags, x),
        (flags, whole),
        (x.astype(np.float64), x),
        (whole, whole.astype(np.int64)),
    ]
    for a, b in pairs:
        for formula in (lambda m, a, b: a * b, lambda m, a, b: a + b, lambda m, a, b: m.maximum(a, b)):
            got, expected = evaluate(formula, a, b), formula(m, a, b)
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(evaluate(lambda m, a: a + a, flags), flags)
    np.testing.assert_array_equal(evaluate(lambda m, a: a + 1, flags), flags + 1)


def test_maxima_let_nans_through() -> None:
    a, b = (g.ravel() for g in np.meshgrid(EDGES, EDGES))
    for name in ("maximum", "minimum"):
        with xp.silence():
            np.testing.assert_array_equal(evaluate(call(name), a, b), getattr(m, name)(a, b))
            for number in (0.0, 2.0, np.nan, -np.inf):
                expected = getattr(m, name)(a, np.float32(number))
                got = evaluate(lambda m, a, name=name, number=number: getattr(m, name)(a, number), a)
                np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("source", [*DTYPES, "int8", "uint32", "uint64", "float16"])
def test_casts(source: str) -> None:
    x = np.array([0, 1, 2, 3, 100, 127], source)
    if np.dtype(source).kind in "if":
        x = np.concatenate([x, np.array([-1, -2, -100], source)])
    if source.startswith("f"):
        x = np.concatenate([x, np.array([0.5, -0.5, 2.9, -2.9], source)])
    for target in [*DTYPES, "int8", "uint32", "uint64", "float16"]:
        values = np.abs(x) if target == "uint64" else x
        got = evaluate(lambda m, v, t=target: m.cast(v, t), values)
        assert got.dtype == target
        np.testing.assert_array_equal(got, values.astype(target), err_msg=f"{source} to {target}")


def test_half_precision_goes_by_way_of_float32() -> None:
    x = np.linspace(-3, 3, 50).astype(np.float16)
    got = evaluate(lambda m, v: m.tanh(v) * 2 + 1, x)
    assert got.dtype == np.float16
    np.testing.assert_allclose(got, np.tanh(x) * 2 + 1, rtol=2e-3, atol=2e-3)


def test_every_float16_and_what_rounds_to_it() -> None:
    half = np.arange(65536, dtype=np.uint16).view(np.float16)
    wide = half.astype(np.float32)
    np.testing.assert_array_equal(evaluate(lambda m, x: m.cast(x, xp.float32), half), wide)
    with xp.silence():
        between = (wide[1:] + wide[:-1]) / 2
        near = np.concatenate([between, *(np.nextafter(between, np.float32(side)) for side in (1e9, -1e9))])
        expected = near.astype(np.float16)
    got = evaluate(lambda m, x: m.cast(x, xp.float16), near)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))


def test_what_cannot_be_written_says_so() -> None:
    emitter = Emitter()
    m, x = VectorMath(emitter, 8), Vec(emitter, "%x", xp.float32, 8)
    whole = Vec(emitter, "%i", xp.uint8, 8)
    for wrong in (
        lambda: m.cumsum(x),
        lambda: m.where(x > 0, None, x),
        lambda: bool(x > 0),
        lambda: x & x,
        lambda: ~x,
        lambda: whole**whole,
        lambda: whole + 300,
        lambda: x + Vec(emitter, "%y", xp.float32, 4),
        lambda: -(x > 0),
        lambda: (x > 0) - (x < 0),
        lambda: x + "1",
    ):
        with pytest.raises(Unsupported):
            wrong()


def test_a_vec_prints_and_hashes() -> None:
    x = constant(Emitter(), 1.0, xp.float32, 4)
    assert "float" in repr(x)
    assert len({x, x}) == 1
    assert cast(x, xp.float32) is x
    assert x.dtype == "float32"
    assert x.dtype.kind == "f"


def test_one_lane_spreads_over_many() -> None:
    def formula(m: Any, x: Any) -> Any:
        return x * constant(m.emitter, 3, xp.float32, 1) + splat(
            m.emitter, "0x4000000000000000", xp.float32, m.lanes
        )

    x = np.arange(20, dtype=np.float32)
    np.testing.assert_array_equal(evaluate(formula, x), x * 3 + 2)


# Memory


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "uint8"])
def test_sums_and_extremes_across_lanes(dtype: str, lanes: int) -> None:
    x = (np.arange(16) * 7 % 11 + (0 if dtype == "uint8" else -4)).astype(dtype)[:lanes]
    for merge, expected in ((operator.add, x.sum()), (maximum, x.max()), (minimum, x.min())):
        emitter = Emitter()
        store(reduce_lanes(load(emitter, "%p0", dtype, lanes), merge), "%p1")
        engine, run = compiled(emitter, 2)
        out = np.zeros(1, dtype)
        run(x.ctypes.data, out.ctypes.data)
        del engine
        assert out[0] == expected


def test_extremes_across_lanes_let_nans_through() -> None:
    for place in range(8):
        x = np.arange(8, dtype=np.float32)
        x[place] = np.nan
        emitter = Emitter()
        for k, merge in enumerate((maximum, minimum, operator.add)):
            x0 = load(emitter, "%p0", xp.float32, 8)
            store(reduce_lanes(x0, merge), address(emitter, "%p1", xp.float32, k))
        engine, run = compiled(emitter, 2)
        out = np.zeros(3, np.float32)
        run(x.ctypes.data, out.ctypes.data)
        del engine
        assert np.isnan(out).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize(("lanes", "count"), [(16, 16), (16, 9), (8, 1), (1, 1)])
@pytest.mark.parametrize("stride", [0, 1, 3, -2, "%n0"])
def test_strided_access(dtype: str, lanes: int, count: int, stride: Any) -> None:
    emitter = Emitter()
    value = gather(emitter, "%p0", stride, dtype, lanes, count)
    scatter(value, "%p1", 2, count)
    engine, run = compiled(emitter, 2, counts=1)
    memory = (np.arange(120) * 5 % 7 < 4) if dtype == "bool" else np.arange(120).astype(dtype)
    out = np.zeros(40, dtype)
    start, step = 40, 5 if stride == "%n0" else stride
    run(memory[start:].ctypes.data, out.ctypes.data, 5)
    del engine
    expected = np.zeros(40, dtype)
    expected[: 2 * count : 2] = memory[start + step * np.arange(count)]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool", "float16"])
@pytest.mark.parametrize(("lanes", "count"), [(16, 16), (16, 9), (16, 1), (8, 5)])
@pytest.mark.parametrize("several", [2, 3, 4])
def test_vectors_that_lie_between_each_other(dtype: str, lanes: int, count: int, several: int) -> None:
    emitter = Emitter()
    vectors = [
        load(emitter, address(emitter, "%p0", dtype, k * lanes), dtype, lanes, count) for k in range(several)
    ]
    weave(vectors, "%p1", count)
    for k, vector in enumerate(unweave(emitter, "%p1", several, dtype, lanes, count)):
        store(vector, address(emitter, "%p2", dtype, k * lanes), count)
    engine, run = compiled(emitter, 3)
    memory = np.arange(several * lanes).reshape(several, lanes)
    x = memory % 3 > 0 if dtype == "bool" else memory.astype(dtype)
    out = np.zeros(several * lanes + 16, dtype)
    raw = out.view(np.uint8)
    raw[:] = 0x5A
    again = np.zeros_like(x)
    run(x.ctypes.data, out.ctypes.data, again.ctypes.data)
    del engine
    np.testing.assert_array_equal(again[:, :count], x[:, :count])
    written = several * count
    np.testing.assert_array_equal(out[:written], x[:, :count].T.reshape(-1))
    assert (raw[written * out.itemsize :] == 0x5A).all()


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("target", ["uint8", "bool", "int32", "int64", "float16", "float32"])
@pytest.mark.parametrize("source", ["uint8", "int32", "int64", "float32", "float64"])
def test_a_masked_end_writes_its_own_bytes_only(source: str, target: str, lanes: int, count: int) -> None:
    """Also where the numbers are narrowed on the way: LLVM 22 may write the wide ones."""
    emitter = Emitter()
    store(cast(load(emitter, "%p0", source, lanes, count), target), "%p1", count)
    engine, run = compiled(emitter, 2)
    x, out = np.arange(1, 17).astype(source), np.zeros(64, target)
    raw = out.view(np.uint8)
    raw[:] = 0xAB
    run(x.ctypes.data, out.ctypes.data)
    del engine
    np.testing.assert_array_equal(out[:count], x[:count].astype(target))
    assert (raw[count * out.itemsize :] == 0xAB).all()


def test_the_rest_of_a_masked_load_is_the_fill() -> None:
    emitter = Emitter()
    store(load(emitter, "%p0", xp.float32, 8, 3, fill=-np.inf), "%p1")
    engine, run = compiled(emitter, 2)
    x, out = np.arange(3, dtype=np.float32), np.zeros(8, np.float32)
    run(x.ctypes.data, out.ctypes.data)
    del engine
    np.testing.assert_array_equal(out, [0, 1, 2, *[-np.inf] * 5])


def test_formulas_of_the_optimizers_run() -> None:
    from rushlight.optim import adam

    f32, f64 = np.float32, np.float64
    mean, square = np.array([0.1, -0.2], f32), np.array([0.01, 0.04], f32)
    step, lr = np.full(2, 3.0, f64), np.full(2, 0.1, f64)
    options = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    got = evaluate(adam._change, mean, square, step, lr, **options)
    np.testing.assert_allclose(got, adam._change(m, mean, square, step, lr, **options), rtol=1e-6)
    assert rl.optim.Adam
