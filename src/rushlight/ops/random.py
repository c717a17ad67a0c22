"""Random tensors, all drawn from the words of a counter-based generator."""

from __future__ import annotations

import functools
import math
from typing import Any

from rushlight.core.apply import apply, apply_
from rushlight.core.op import elementwise
from rushlight.core.placement import check_device
from rushlight.core.random import Generator, default_generator
from rushlight.core.spec import Spec, as_dtype, as_held, broadcast
from rushlight.core.tensor import Tensor, check_dtype, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.ops.convert import COPY
from rushlight.ops.movement import new_sizes

__all__ = [
    "bernoulli",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


def random_words(count: int, generator: Generator | None) -> Tensor:
    return (generator or default_generator).bits(count)


def uniform(shape: tuple[int, ...], dtype: Any, generator: Generator | None) -> Tensor:
    """Uniform in [0, 1): 24 random bits for float32, 53 for float64."""
    count = Spec(shape, dtype).size
    if dtype == xp.float64:
        words = random_words(2 * count, generator).reshape(*shape, 2)
        high, low = (words[..., 0] // 32).to(xp.float64), (words[..., 1] // 64).to(xp.float64)
        return (high * 2.0**26 + low) * 2.0**-53
    words = random_words(count, generator).reshape(shape) // 256
    return (words.to(xp.float32) * 2.0**-24).to(dtype)


def gaussian(shape: tuple[int, ...], dtype: Any, generator: Generator | None) -> Tensor:
    """Normal numbers by the method of Box and Muller (1958), two from two uniform ones."""
    count = Spec(shape, dtype).size
    half = (count + 1) // 2
    u = uniform((2, half), xp.float64, generator)
    radius = apply(RADIUS, u[0])
    both = _side_by_side(radius * apply(TURN, u[1], quarter=0), radius * apply(TURN, u[1], quarter=1))
    return both[:count].to(dtype).reshape(shape)


def _horner(x: Any, *terms: float) -> Any:
    """The polynomial whose coefficients are `terms`, from the power 0 on."""
    total = x * terms[-1]
    for term in terms[-2:0:-1]:
        total = (total + term) * x
    return total + terms[0]


def _radius(m: Any, u: Any) -> Any:
    """sqrt(-2 log(1 - u)). Plain arithmetic only, and so the same bits on every machine, eager or compiled.

    Source of the logarithm: e_log.c of fdlibm (Sun Microsystems, 1993).
    """
    fraction, exponent = m.frexp(1.0 - u)
    low = fraction < 0.7071067811865476
    f = m.where(low, fraction + fraction, fraction) - 1.0
    k = m.cast(exponent, m.float64) - m.cast(low, m.float64)
    s = f / (f + 2.0)
    z = s * s
    w = z * z
    odd = z * _horner(
        w, 6.666666666666735130e-1, 2.857142874366239149e-1, 1.818357216161805012e-1, 1.479819860511658591e-1
    )
    even = w * _horner(w, 3.999999999940941908e-1, 2.222219843214978396e-1, 1.531383769920937332e-1)
    square = f * f * 0.5
    rest = s * (square + (odd + even)) + k * 1.90821492927058770002e-10
    log = k * 6.93147180369123816490e-1 - ((square - rest) - f)
    return m.sqrt(log * -2.0)


def _turn(m: Any, u: Any, *, quarter: int) -> Any:
    """cos(2 pi u) or, a quarter of a turn behind, sin(2 pi u). Plain arithmetic, as above.

    Source of the polynomials: k_sin.c and k_cos.c of fdlibm (Sun Microsystems, 1993).
    """
    turns = u * 4.0 - float(quarter)
    whole = m.floor(turns + 0.5)
    x = (turns - whole) * (math.pi / 2)
    z = x * x
    sine = x + x * z * _horner(
        z,
        -1.66666666666666324348e-1,
        8.33333333332248946124e-3,
        -1.98412698298579493134e-4,
        2.75573137070700676789e-6,
        -2.50507602534068634195e-8,
        1.58969099521155010221e-10,
    )
    cosine = _horner(
        z,
        1.0,
        -0.5,
        4.16666666666666019037e-2,
        -1.38888888888741095749e-3,
        2.48015872894767294178e-5,
        -2.75573143513906633035e-7,
        2.08757232129817482790e-9,
        -1.13596475577881948265e-11,
    )
    odd = m.equal(m.abs(whole), 1.0) | m.equal(whole, 3.0)
    value = m.where(odd, sine, cosine)
    return m.where((whole == 1.0) | (whole == 2.0), -value, value)


RADIUS = elementwise("normal_radius", lambda m, u: m.in_pieces(functools.partial(_radius, m), u))
TURN = elementwise(
    "normal_turn",
    lambda m, u, *, quarter: m.in_pieces(functools.partial(_turn, m, quarter=quarter), u),
)


def _side_by_side(a: Tensor, b: Tensor) -> Tensor:
    from rushlight.ops.join import cat

    return cat([a, b])


def float_dtype(op: str, dtype: Any) -> Any:
    found = check_dtype(dtype)
    if found.kind != "f":
        raise DTypeError(message(op, str(found), "a floating dtype", "Use randint for integers."))
    return found


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform random numbers in [0, 1).

    >>> import rushlight as rl
    >>> x = rl.rand(1000)
    >>> bool((x >= 0).all() and (x < 1).all())
    True
    """
    check_device(device)
    out = uniform(new_sizes("rand", sizes, size), float_dtype("rand", dtype), generator)
    return out.requires_grad_() if requires_grad else out


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Normal random numbers of mean 0 and deviation 1."""
    check_device(device)
    out = gaussian(new_sizes("randn", sizes, size), float_dtype("randn", dtype), generator)
    return out.requires_grad_() if requires_grad else out


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Uniform random numbers in the shape and dtype of `input`."""
    check_device(device)
    out = uniform(input.shape, float_dtype("rand_like", dtype or input.dtype), generator)
    return out.requires_grad_() if requires_grad else out


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Normal random numbers in the shape and dtype of `input`."""
    check_device(device)
    out = gaussian(input.shape, float_dtype("randn_like", dtype or input.dtype), generator)
    return out.requires_grad_() if requires_grad else out


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Normal random numbers of the given mean and deviation, tensors, or numbers and a size."""
    check_device(device)
    tensors = [t for t in (mean, std) if isinstance(t, Tensor)]
    if size is None and tensors:
        shape, dtype = broadcast("normal", [t.shape for t in tensors]), tensors[0].dtype
    else:
        shape = new_sizes("normal", (size,))
    out = gaussian(shape, float_dtype("normal", dtype), generator) * std + mean
    return out.requires_grad_() if requires_grad else out


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Random integers in [low, high); `randint(high, size)` starts at 0."""
    check_device(device)
    if size is None:
        low, high, size = 0, low, high
    if size is None or high is None or high <= low:
        raise ArgumentError(
            message("randint", f"low={low}, high={high}, size={size}", "high above low, and a size")
        )
    dtype = xp.int64 if dtype is None else as_dtype(dtype)
    low, high = as_held("randint", low, dtype), as_held("randint", high - 1, dtype) + 1
    u = uniform(new_sizes("randint", (size,)), xp.float64, generator)
    out = (u * float(high - low)).floor().to(dtype) + low
    return out.requires_grad_() if requires_grad else out


def randint_like(
    input: Tensor,
    low: int,
    high: int | None = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Random integers in [low, high) in the shape and dtype of `input`."""
    check_device(device)
    if high is None:
        low, high = 0, low
    return randint(low, high, input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """The numbers from 0 to n - 1 in random order: the order that sorts n random words."""
    check_device(device)
    if n < 0:
        raise ArgumentError(message("randperm", f"n={n}", "0 or more"))
    order = uniform((n,), xp.float64, generator).argsort()
    order = order if dtype is None else order.to(dtype)
    return order.requires_grad_() if requires_grad else order


@method()
def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element gives (or with `p`), else 0."""
    u = uniform(input.shape, xp.float32, generator)
    return (u < (input if p is None else p)).to(input.dtype)


@method()
def uniform_(input: Tensor, a: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with uniform numbers in [a, to)."""
    drawn = uniform(input.shape, float_dtype("uniform_", input.dtype), generator)
    return apply_(COPY, input, drawn * (to - a) + a)


@method()
def normal_(
    input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Overwrite with normal numbers."""
    return apply_(
        COPY, input, gaussian(input.shape, float_dtype("normal_", input.dtype), generator) * std + mean
    )


@method()
def bernoulli_(input: Tensor, p: float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with 1 with probability `p`, else 0."""
    return apply_(COPY, input, (uniform(input.shape, xp.float32, generator) < p).to(input.dtype))


def keep_mask(input: Tensor, p: float, generator: Generator | None = None) -> Tensor:
    """Where dropout keeps an element, which it does with probability 1 - p."""
    return uniform(input.shape, xp.float32, generator) >= p


def check_probability(name: str, p: float) -> None:
    """Raises ArgumentError unless ``p`` is in [0, 1]."""
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(message(name, f"p={p}", "a probability between 0 and 1", "Use 0.5, for example."))
