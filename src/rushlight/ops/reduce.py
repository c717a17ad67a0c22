"""Reductions: sums, products, statistics, tests over axes; `extremes` has the largest and the smallest.

Every op takes `dim`, a tuple of axes counted from the front, and `keepdim`; the public functions bring
PyTorch's many ways of naming axes to that form.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.autocast import autocasts
from rushlight.core.lower import Reduce
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec, normalize_axes
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import DTypeError, ShapeError, message
from rushlight.ops.select import chain

__all__ = [
    "all",
    "any",
    "count_nonzero",
    "mean",
    "prod",
    "std",
    "sum",
    "sum_to_size",
    "var",
]

Axes = tuple[int, ...]


def reduced_shape(shape: tuple[int, ...], dim: Axes, keepdim: bool) -> tuple[int, ...]:
    """The shape that remains after reducing the axes `dim`."""
    if keepdim:
        return tuple(1 if i in dim else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in dim)


def infer_reduction(
    name: str, dtype: Any = None, empty: bool = True, error: type[Exception] = ShapeError
) -> Callable[..., Spec]:
    """The `infer` of a reduction to `dtype`, which without ``empty`` has no value for no elements."""

    def infer(x: Spec, *, dim: Axes, keepdim: bool, dtype: Any = dtype) -> Spec:
        if not empty and any_zero(x.shape, dim):
            raise error(
                message(
                    name,
                    f"shape {x.shape} over dim={dim}",
                    "at least one element",
                    "It has no value for none.",
                )
            )
        return Spec(reduced_shape(x.shape, dim, keepdim), x.dtype if dtype is None else dtype)

    return infer


def any_zero(shape: tuple[int, ...], dim: Axes) -> bool:
    """Whether some axis of `dim` has no elements."""
    return 0 in [shape[d] for d in dim]


def restore(g: Tensor, shape: tuple[int, ...], dim: Axes, keepdim: bool) -> Tensor:
    """`g` with the reduced axes back as axes of size 1, so that it broadcasts against the input."""
    return g if keepdim or not dim or not shape else g.reshape(reduced_shape(shape, dim, True))


def _sum_grad(g: Tensor, out: Any, x: Any, *, dim: Axes, keepdim: bool, dtype: Any = None) -> Tensor:
    return restore(g, x.shape, dim, keepdim).expand(x.shape)


def _mean_grad(g: Tensor, out: Any, x: Any, *, dim: Axes, keepdim: bool) -> Tensor:
    return (restore(g, x.shape, dim, keepdim) * (1 / _count(x.shape, dim))).expand(x.shape)


def _count(shape: tuple[int, ...], dim: Axes) -> float:
    total = 1
    for d in dim:
        total *= shape[d]
    return total if total else float("nan")


def _prod_grad(g: Tensor, out: Tensor, x: Tensor, *, dim: Axes, keepdim: bool, dtype: Any = None) -> Tensor:
    """The product of the others: exclusive running products from both ends, so that zeros do no harm."""
    others = exclusive_product(x, dim[0]) if dim else x.new_full(x.shape, 1.0)
    return chain(restore(g, x.shape, dim, keepdim), others)


def exclusive_product(x: Tensor, axis: int) -> Tensor:
    """For each element the product of all others along `axis`, by doubling steps."""
    from rushlight.ops.join import cat

    def running(t: Tensor) -> Tensor:
        ones = t.new_full((*t.shape[:axis], 1, *t.shape[axis + 1 :]), 1.0)
        out, step = cat([ones, t.narrow(axis, 0, t.shape[axis] - 1)], axis), 1
        while step < t.shape[axis]:
            pad = ones.expand(out.narrow(axis, 0, step).shape)
            out = out * cat([pad, out.narrow(axis, 0, t.shape[axis] - step)], axis)
            step *= 2
        return out

    return x if not x.shape[axis] else running(x) * running(x.flip(axis)).flip(axis)


def _numbered(name: str) -> Callable[[Any], str]:
    """PyTorch numbers the forms of a reduction: of all elements 0, over axes 1."""
    return lambda node: f"{name}Backward{int(bool(node.spec[0]))}"


SUM = register(
    Op(
        "sum",
        lambda m, x, *, dim, keepdim, dtype=None: m.sum(x, axis=dim, keepdims=keepdim, dtype=dtype),
        infer_reduction("sum"),
        (_sum_grad,),
        saves="specs",
        lower=Reduce("sum"),
        label=_numbered("Sum"),
    )
)
MEAN = register(
    Op(
        "mean",
        lambda m, x, *, dim, keepdim: m.mean(x, dim, keepdim, 1 / _count(x.shape, dim)),
        infer_reduction("mean"),
        (_mean_grad,),
        saves="specs",
        lower=Reduce("sum", mean=True),
        label=_numbered("Mean"),
    )
)
PROD = register(
    Op(
        "prod",
        lambda m, x, *, dim, keepdim, dtype=None: m.prod(x, axis=dim, keepdims=keepdim, dtype=dtype),
        infer_reduction("prod"),
        (_prod_grad,),
        lower=Reduce("prod"),
        label=_numbered("Prod"),
    )
)
ANY = register(
    Op(
        "any",
        lambda m, x, *, dim, keepdim: m.any(x, axis=dim, keepdims=keepdim),
        infer_reduction("any", xp.bool_),
        lower=Reduce("max", test=True),
    )
)
ALL = register(
    Op(
        "all",
        lambda m, x, *, dim, keepdim: m.all(x, axis=dim, keepdims=keepdim),
        infer_reduction("all", xp.bool_),
        lower=Reduce("min", test=True),
    )
)


def numpy_names(op: str, given: dict[str, Any], dim: Any, keepdim: Any = None) -> tuple[Any, Any]:
    """`dim` and `keepdim` where NumPy's names for them are used, `axis` and `keepdims`, as PyTorch allows.

    Raises TypeError, as Python does, for other names; NumPy itself passes ``out=None``.
    """
    for name, value in given.items():
        if name == "axis":
            dim = value
        elif name == "keepdims":
            keepdim = value
        elif name != "out" or value is not None:
            remedy = "; write x.copy_() instead" if name == "out" else ""
            raise TypeError(f"{op}() got an unexpected keyword argument {name!r}{remedy}")
    return dim, keepdim


def reduced_axes(name: str, input: Tensor, dim: Any) -> Axes:
    """The axes that `dim` names, from the front: all for None or none named."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(input.ndim))
    return normalize_axes(name, dim, input.ndim)


def in_float32(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`function` of 16-bit floats worked out in float32 and rounded once: squares and sums along the way may
    be larger than float16 can be, though the result is not."""

    @functools.wraps(function)
    def run(input: Tensor, *args: Any, **options: Any) -> Tensor:
        if isinstance(input, Tensor) and xp.is_narrow(input.dtype):
            return function(input.to(xp.float32), *args, **options).to(input.dtype)
        return function(input, *args, **options)

    return run


@method()
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **numpy: Any) -> Tensor:
    """The sum over the axes `dim` (all by default); integers and bools sum to int64.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(0)
    tensor([4., 6.])
    """
    if numpy:
        dim, keepdim = numpy_names("sum", numpy, dim, keepdim)
    kind = input.dtype.kind
    if kind != "f" and (dtype is None or xp.dtype(dtype).kind in "iuf"):
        # Without a copy of the input in int64; what becomes float is added up exactly first.
        total = apply(SUM, input, dim=reduced_axes("sum", input, dim), keepdim=keepdim, dtype=whole(dtype))
        return total if dtype is None else total.to(dtype)
    if dtype is not None:
        input = input.to(dtype)
    return apply(SUM, input, dim=reduced_axes("sum", input, dim), keepdim=keepdim)


def whole(dtype: Any) -> Any:
    """The dtype in which whole numbers are added up or multiplied that shall become `dtype`."""
    return dtype if dtype is not None and xp.dtype(dtype).kind in "iu" else xp.int64


@method()
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **numpy: Any) -> Tensor:
    """The mean over the axes `dim` (all by default); floats only.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0, 6.0]).mean()
    tensor(3.)
    """
    if numpy:
        dim, keepdim = numpy_names("mean", numpy, dim, keepdim)
    if dtype is not None:
        input = input.to(dtype)
    if input.dtype.kind != "f":
        raise DTypeError(message("mean", str(input.dtype), "a floating dtype", "Use x.float().mean()."))
    return apply(MEAN, input, dim=reduced_axes("mean", input, dim), keepdim=keepdim)


@method()
@autocasts("float32")
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None, **numpy: Any
) -> Tensor:
    """The product over one axis, or of all elements."""
    if numpy:
        dim, keepdim = numpy_names("prod", numpy, dim, keepdim)
    attrs: dict[str, Any] = {}
    if input.dtype.kind != "f" and (dtype is None or xp.dtype(dtype).kind in "iu"):
        attrs["dtype"] = whole(dtype)
    elif dtype is not None:
        input = input.to(dtype)
    if dim is None:
        input, dim, keepdim = input.reshape(-1), 0, False
    return apply(PROD, input, dim=normalize_axes("prod", dim, input.ndim), keepdim=keepdim, **attrs)


@method()
@in_float32
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **numpy: Any,
) -> Tensor:
    """The variance over the axes `dim`: squared deviations from the mean, summed, over (n - correction).

    `correction` is 1 by default (an unbiased estimate), 0 with ``unbiased=False``; a bool in the place of
    `dim` is `unbiased`.
    """
    if numpy:
        dim, keepdim = numpy_names("var", numpy, dim, keepdim)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    axes = reduced_axes("var", input, dim)
    if correction is None:
        correction = 1 if unbiased else 0
    deviation = input - mean(input, axes, True) if axes else input - input
    freedom = _count(input.shape, axes) - correction
    total = sum(deviation * deviation, axes, keepdim)
    return total / freedom if freedom > 0 else total * float("nan")


@method()
@in_float32
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    **numpy: Any,
) -> Tensor:
    """The standard deviation: the root of `var`. The gradient is 0 where all elements are equal."""
    if numpy:
        dim, keepdim = numpy_names("std", numpy, dim, keepdim)
    return root(var(input, dim, unbiased, keepdim, correction=correction))


def root(total: Tensor, power: float = 0.5) -> Tensor:
    """total ** power with gradient 0, not infinity, where the total is 0."""
    zero = total == 0
    safe = total.masked_fill(zero, 1.0)
    out = safe.sqrt() if power == 0.5 else safe**power
    return out.masked_fill(zero, 0.0)


@method()
def any(input: Tensor, dim: Any = None, keepdim: bool = False, **numpy: Any) -> Tensor:
    """Whether some element is nonzero; of uint8, 1 or 0, as in PyTorch."""
    return _test(ANY, input, dim, keepdim, numpy)


@method()
def all(input: Tensor, dim: Any = None, keepdim: bool = False, **numpy: Any) -> Tensor:
    """Whether every element is nonzero; of uint8, 1 or 0, as in PyTorch."""
    return _test(ALL, input, dim, keepdim, numpy)


def _test(op: Op, input: Tensor, dim: Any, keepdim: bool, numpy: dict[str, Any]) -> Tensor:
    if numpy:
        dim, keepdim = numpy_names(op.name, numpy, dim, keepdim)
    found = apply(op, input, dim=normalize_axes(op.name, dim, input.ndim), keepdim=keepdim)
    return found.byte() if input.dtype == xp.uint8 else found


@method()
def count_nonzero(input: Tensor, dim: Any = None, **numpy: Any) -> Tensor:
    """How many elements are nonzero."""
    if numpy:
        dim, _ = numpy_names("count_nonzero", numpy, dim)
    return sum(input != 0, dim)


@method()
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """The sum over the axes along which `size` would broadcast to the tensor's shape; undoes `expand`.

    >>> import rushlight as rl
    >>> rl.ones(3, 2).sum_to_size(1, 2)
    tensor([[3., 3.]])
    """
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    extra = input.ndim - len(shape)
    dim = [*range(extra), *(i + extra for i, n in enumerate(shape) if n == 1 and input.shape[i + extra] != 1)]
    out = sum(input, dim) if dim else input
    return out if out.shape == shape else out.reshape(shape)
