"""scan: a function run along an axis, with a state that it hands on to itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rushlight.core.spec import Spec, normalize_axis
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.func.tree import leaves, mapped, matched, rebuilt
from rushlight.ops.join import stack
from rushlight.ops.looped import loop

__all__ = ["scan"]

Combine = Callable[[Any, Any], tuple[Any, Any]]


def scan(combine_fn: Combine, init: Any, xs: Any, *, dim: int = 0, reverse: bool = False) -> tuple[Any, Any]:
    """``carry, y = combine_fn(carry, x)`` for each slice x of `xs` along `dim`, beginning with `init`: gives
    the last carry, and all y, stacked along a first axis in the order of the slices.

    `init`, `xs` and y are tensors or nests of tensors (lists, tuples, dicts), and the carry keeps the shapes
    and dtypes of `init`. With `reverse` the last slice comes first. `combine_fn` may read other tensors, such
    as weights, and gradients flow to all of them. As ``torch._higher_order_ops.scan`` in PyTorch.

    Inside ``rl.compile`` it is one operation: neither the time to compile nor the code grow with the number
    of slices. Where `combine_fn` draws random numbers, changes anything that it did not make, registers
    or calls hooks, or cuts a history off (`detach`, `no_grad`), its rounds are written down one by one.

    Raises ShapeError where there is no slice, where lengths differ, or where a carry or y changes its shape
    or dtype, DTypeError for what is no tensor, and ArgumentError where there are no `xs`, and where a carry
    or y has other containers or keys than before.

    >>> import rushlight as rl
    >>> def add(carry, x):
    ...     return carry + x, carry * x
    >>> rl.func.scan(add, rl.tensor(0.0), rl.tensor([1.0, 2.0, 3.0]))
    (tensor(6.), tensor([0., 2., 9.]))
    """
    begun, slices = _tensors(init), [_first(x, dim) for x in _tensors(xs)]
    if not slices:
        raise ArgumentError(message("scan", "xs without a tensor", "at least one"))
    lengths = {x.shape[0] for x in slices}
    if len(lengths) > 1 or 0 in lengths:
        got = f"slices along lengths {sorted(lengths)}"
        raise ShapeError(message("scan", got, "one length of 1 or more", "See dim."))
    given: list[tuple[Any, list[Spec]]] = []

    def step(states: Sequence[Tensor], parts: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        carry, y = _pair(combine_fn(rebuilt(init, iter(states)), rebuilt(xs, iter(parts))))
        new = _tensors(matched("scan", "a carry of", init, carry))
        _check("a carry", begun, new)
        if not given:  # the first round says what there is
            given.append((mapped(lambda _: None, y), [t.spec for t in _tensors(y)]))
        rest = _tensors(matched("scan", "an output of", given[0][0], y))
        _check("an output", given[0][1], rest)
        return new, rest

    found = loop(step, begun, slices, reverse, combine_fn)
    if found is None:
        given.clear()
        last, rest = _one_by_one(step, begun, slices, reverse)
    else:
        last, rest = found.last, iter(found.rest)
    return rebuilt(init, iter(last)), rebuilt(given[0][0], rest)


def _one_by_one(
    step: Callable[..., Any], states: list[Tensor], slices: list[Tensor], reverse: bool
) -> tuple[list[Tensor], Iterator[Tensor]]:
    """The same, round by round."""
    made = []
    for t in range(slices[0].shape[0])[:: -1 if reverse else 1]:
        states, rest = step(states, [x[t] for x in slices])
        made.append(rest)
    # What a round handed on may be a tensor that others know.
    return [t.clone() for t in states], (
        stack(column) for column in zip(*made[:: -1 if reverse else 1], strict=True)
    )


def _tensors(nest: Any) -> list[Tensor]:
    found = leaves(nest)
    for t in found:
        if not isinstance(t, Tensor):
            raise DTypeError(
                message("scan", f"a {type(t).__name__}", "tensors", "Use rl.tensor() for numbers.")
            )
    return found


def _first(x: Tensor, dim: int) -> Tensor:
    """The tensor with the axis `dim` in front."""
    if not x.ndim:
        raise ShapeError(message("scan", "xs of shape ()", "tensors with an axis to go along", "See dim."))
    return x.movedim(normalize_axis("scan", dim, x.ndim), 0)


def _pair(returned: Any) -> tuple[Any, Any]:
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        got = f"a combine_fn that returns a {type(returned).__name__}"
        raise ArgumentError(message("scan", got, "the next carry and an output, a pair"))
    return returned[0], returned[1]


def _check(name: str, was: Sequence[Any], new: Sequence[Tensor]) -> None:
    """Refuse what is not like what was there before."""
    before, now = [(t.shape, t.dtype) for t in was], [(t.shape, t.dtype) for t in new]
    if before != now:
        written = [", ".join(str(Spec(*s)) for s in specs) or "nothing" for specs in (now, before)]
        raise ShapeError(message("scan", f"{name} of {written[0]}", f"{written[1]}, as before"))
