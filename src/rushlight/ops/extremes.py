"""The largest and the smallest: over axes, and where they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rushlight.core.apply import apply
from rushlight.core.lower import Reduce
from rushlight.core.op import Op, register
from rushlight.core.results import named
from rushlight.core.spec import Spec, normalize_axis
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import IndexingError
from rushlight.ops.reduce import Axes, infer_reduction, numpy_names, reduced_axes, reduced_shape, restore
from rushlight.ops.select import kept

__all__ = ["amax", "amin", "argmax", "argmin", "max", "min"]


class Extreme(NamedTuple):
    """The values and positions that `max` and `min` over an axis give."""

    values: Tensor
    indices: Tensor


MAX, MIN = named(Extreme, "max"), named(Extreme, "min")


def _extreme_grad(g: Tensor, out: Tensor, x: Tensor, *, dim: Axes, keepdim: bool) -> Tensor:
    """Shared evenly among equal extremes, as PyTorch's amax does; of a nan, among all nans."""
    top = restore(out, x.shape, dim, keepdim)
    hits = (x == top) | (x.isnan() & top.isnan())
    share = restore(g, x.shape, dim, keepdim)
    return kept(hits, share / hits.to(g.dtype).sum(dim, keepdim=True) if dim else share)


AMAX = register(
    Op(
        "amax",
        lambda m, x, *, dim, keepdim: m.amax(x, axis=dim, keepdims=keepdim),
        infer_reduction("amax", empty=False),
        (_extreme_grad,),
        saves="both",
        lower=Reduce("max"),
    )
)
AMIN = register(
    Op(
        "amin",
        lambda m, x, *, dim, keepdim: m.amin(x, axis=dim, keepdims=keepdim),
        infer_reduction("amin", empty=False),
        (_extreme_grad,),
        saves="both",
        lower=Reduce("min"),
    )
)


def _position(find: str) -> Callable[..., Any]:
    def formula(m: Any, x: Any, *, dim: int | None, keepdim: bool) -> Any:
        return getattr(m, find)(x, axis=dim, keepdims=keepdim)

    return formula


def _infer_position(name: str) -> Callable[..., Spec]:
    def infer(x: Spec, *, dim: int | None, keepdim: bool) -> Spec:
        axes = tuple(range(x.ndim)) if dim is None else (dim,)
        return infer_reduction(name, xp.int64, False, IndexingError)(x, dim=axes, keepdim=keepdim)

    return infer


ARGMAX = register(
    Op("argmax", _position("argmax"), _infer_position("argmax"), lower=Reduce("max", position=True))
)
ARGMIN = register(
    Op("argmin", _position("argmin"), _infer_position("argmin"), lower=Reduce("min", position=True))
)


def _infer_at(x: Spec, index: Spec, *, dim: int, keepdim: bool) -> Spec:
    return Spec(reduced_shape(x.shape, (dim,), keepdim), x.dtype)


def _at_grad(g: Tensor, out: Any, x: Any, index: Tensor, *, dim: int, keepdim: bool) -> Tensor:
    """All of the gradient goes to the position that was given, though others may be equal."""
    if not keepdim:
        g, index = g.unsqueeze(dim), index.unsqueeze(dim)
    return g.new_zeros(x.shape).scatter(dim, index, g)


def _gathered(x: Tensor, index: Tensor, *, dim: int, keepdim: bool) -> Tensor:
    return x.gather(dim, index) if keepdim else x.gather(dim, index.unsqueeze(dim)).squeeze(dim)


def _values_at(name: str, reduce: str) -> Op:
    """The op of the extreme values along an axis whose positions are known."""
    return register(
        Op(
            f"{name}_values",
            lambda m, x, index, *, dim, keepdim: getattr(m, reduce)(x, axis=dim, keepdims=keepdim),
            _infer_at,
            (_at_grad, None),
            spare=(0,),
            decompose=_gathered,
            label=f"{name.capitalize()}Backward0",
        )
    )


MAX_VALUES = _values_at("max", "amax")
MIN_VALUES = _values_at("min", "amin")


@method()
def amax(input: Tensor, dim: Any = (), keepdim: bool = False, **numpy: Any) -> Tensor:
    """The largest over the axes `dim`; equal ones share the gradient."""
    if numpy:
        dim, keepdim = numpy_names("amax", numpy, dim, keepdim)
    return apply(AMAX, input, dim=reduced_axes("amax", input, dim), keepdim=keepdim)


@method()
def amin(input: Tensor, dim: Any = (), keepdim: bool = False, **numpy: Any) -> Tensor:
    """The smallest over the axes `dim`; equal ones share the gradient."""
    if numpy:
        dim, keepdim = numpy_names("amin", numpy, dim, keepdim)
    return apply(AMIN, input, dim=reduced_axes("amin", input, dim), keepdim=keepdim)


@method()
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False, **numpy: Any) -> Tensor:
    """The position of the first largest element, along `dim` or in the flattened tensor."""
    if numpy:
        dim, keepdim = numpy_names("argmax", numpy, dim, keepdim)
    return _argument(ARGMAX, input, dim, keepdim)


@method()
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False, **numpy: Any) -> Tensor:
    """The position of the first smallest element, along `dim` or in the flattened tensor."""
    if numpy:
        dim, keepdim = numpy_names("argmin", numpy, dim, keepdim)
    return _argument(ARGMIN, input, dim, keepdim)


def _argument(op: Op, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    if not input.ndim:
        normalize_axis(op.name, dim or 0, 0)
        return input.new_full((), 0, dtype=xp.int64)
    axis = None if dim is None else normalize_axis(op.name, dim, input.ndim)
    return apply(op, input, dim=axis, keepdim=keepdim)


@method()
def max(input: Tensor, dim: Any = None, keepdim: bool = False, **numpy: Any) -> Any:
    """The largest element; with `dim` the pair (values, indices) along it; with a tensor, `maximum`.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 5.0], [7.0, 3.0]]).max(1)
    rushlight.return_types.max(
    values=tensor([5., 7.]),
    indices=tensor([1, 0]))
    """
    if numpy:
        dim, keepdim = numpy_names("max", numpy, dim, keepdim)
    return _extreme(input, dim, keepdim, (amax, argmax, ARGMAX, MAX_VALUES, MAX), "maximum")


@method()
def min(input: Tensor, dim: Any = None, keepdim: bool = False, **numpy: Any) -> Any:
    """The smallest element; with `dim` the pair (values, indices) along it; with a tensor, `minimum`."""
    if numpy:
        dim, keepdim = numpy_names("min", numpy, dim, keepdim)
    return _extreme(input, dim, keepdim, (amin, argmin, ARGMIN, MIN_VALUES, MIN), "minimum")


def _extreme(input: Tensor, dim: Any, keepdim: bool, how: tuple[Any, ...], pairwise: str) -> Any:
    whole, position, places, values, kind = how
    if dim is None:
        return whole(input)
    if isinstance(dim, Tensor):
        return getattr(input, pairwise)(dim)
    if not input.array.ndim:
        return kind(input.clone(), position(input, dim))
    axis = normalize_axis(places.name, dim, input.array.ndim)
    indices = apply(places, input, dim=axis, keepdim=keepdim)
    return kind(apply(values, input, indices, dim=axis, keepdim=keepdim), indices)
