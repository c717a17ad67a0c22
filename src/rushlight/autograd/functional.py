"""Derivatives of functions, in the older form of ``torch.autograd.functional``; `rl.func` is the newer one.

``inputs`` is a tensor or a tuple of tensors, which are the function's arguments, and the results have its
form. With ``create_graph`` results can be differentiated again by inputs that require grad. ``strict``
refuses outputs that do not depend on an input, in place of zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rushlight import func as transforms
from rushlight.core.tensor import Tensor
from rushlight.errors import GradError, ShapeError, message, namespace
from rushlight.func.tree import leaves, mapped
from rushlight.ops.creation import ones_like

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Function = Callable[..., Any]
Inputs = Tensor | tuple[Tensor, ...]


def _arguments(inputs: Inputs) -> tuple[tuple[Tensor, ...], bool]:
    """The arguments, and whether they were given as a tuple."""
    return (inputs, True) if isinstance(inputs, tuple) else ((inputs,), False)


def _given(found: Any, create_graph: bool) -> Any:
    return found if create_graph else mapped(lambda t: t.detach(), found)


def _vectors(op: str, v: Any, like: Any) -> tuple[Tensor, ...]:
    """The vectors of a product, checked; ones where none are given for a single number."""
    expected = leaves(like)
    if v is None:
        if len(expected) != 1 or expected[0].numel() != 1:
            raise GradError(message(op, "no v", "one, unless there is a single number", "Pass v."))
        return (ones_like(expected[0]),)
    found = leaves(v)
    if [tuple(t.shape) for t in found] != [tuple(t.shape) for t in expected]:
        got = f"v of shapes {[tuple(t.shape) for t in found]}"
        raise ShapeError(message(op, got, f"{[tuple(t.shape) for t in expected]}"))
    return tuple(found)


def _strictly(op: str, function: Function, args: tuple[Tensor, ...]) -> None:
    """Raises GradError where some output depends on none, or not on each, of the arguments."""
    from rushlight.core.autograd import grad

    alone = tuple(t.detach().requires_grad_() for t in args)
    for i, out in enumerate(leaves(function(*alone))):
        found = grad(out.sum(), alone, allow_unused=True) if out.requires_grad else (None,) * len(alone)
        for j, g in enumerate(found):
            if g is None:
                got = f"output {i}, which does not depend on input {j}"
                raise GradError(message(op, got, "one that does", "Leave strict out for zeros."))


def vjp(
    func: Function, inputs: Inputs, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(outputs, v' J).

    >>> import rushlight as rl
    >>> rl.autograd.functional.vjp(lambda x: x**2, rl.tensor([1.0, 2.0]), rl.ones(2))[1].tolist()
    [2.0, 4.0]
    """
    args, several = _arguments(inputs)
    if strict:
        _strictly("vjp", func, args)
    out, pull = transforms.vjp(func, *args)
    vectors = iter(_vectors("vjp", v, out))
    found = pull(mapped(lambda _: next(vectors), out))
    return _given(out, create_graph), _given(found if several else found[0], create_graph)


def jvp(
    func: Function, inputs: Inputs, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(outputs, J v).

    >>> import rushlight as rl
    >>> rl.autograd.functional.jvp(lambda x: x**2, rl.tensor([1.0, 2.0]), rl.ones(2))[1].tolist()
    [2.0, 4.0]
    """
    args, _ = _arguments(inputs)
    if strict:
        _strictly("jvp", func, args)
    out, change = transforms.jvp(func, args, _vectors("jvp", v, args))
    return _given(out, create_graph), _given(change, create_graph)


def jacobian(
    func: Function,
    inputs: Inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian, (*output, *input); of several outputs or inputs a tuple, or a tuple of tuples, of them.

    ``vectorize`` is taken and makes no difference: rows are always computed together.

    >>> import rushlight as rl
    >>> rl.autograd.functional.jacobian(lambda x: x**2, rl.tensor([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    args, several = _arguments(inputs)
    if strict:
        _strictly("jacobian", func, args)
    transform = transforms.jacfwd if strategy == "forward-mode" else transforms.jacrev
    found = transform(func, tuple(range(len(args))) if several else 0)(*args)
    return _given(found, create_graph)


def hessian(
    func: Function,
    inputs: Inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function that gives a single number, (*input, *input).

    >>> import rushlight as rl
    >>> rl.autograd.functional.hessian(lambda x: (x**3).sum(), rl.tensor([1.0, 2.0])).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    args, several = _arguments(inputs)
    if strict:
        _strictly("hessian", func, args)
    places = tuple(range(len(args))) if several else 0
    found = transforms.hessian(lambda *given: _single("hessian", func(*given)), places)(*args)
    return _given(found, create_graph)


def _single(op: str, out: Any) -> Tensor:
    """The only number of a function's result."""
    if not isinstance(out, Tensor) or out.numel() != 1:
        raise GradError(message(op, "a function of several numbers", "one that gives a single number"))
    return out.reshape(())


def hvp(
    func: Function, inputs: Inputs, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(output, H v) with the second derivatives H of a function that gives a single number.

    >>> import rushlight as rl
    >>> rl.autograd.functional.hvp(lambda x: (x**3).sum(), rl.tensor([1.0, 2.0]), rl.ones(2))[1].tolist()
    [6.0, 12.0]
    """
    args, several = _arguments(inputs)
    if strict:
        _strictly("hvp", func, args)
    vectors = _vectors("hvp", v, args)
    places = tuple(range(len(args)))

    def number(*given: Tensor) -> tuple[Tensor, Tensor]:
        out = func(*given)
        return _single("hvp", out), out

    def along(*given: Tensor) -> tuple[Tensor, Tensor]:
        slopes, (_, out) = transforms.grad_and_value(number, places, has_aux=True)(*given)
        parts = ((s * t).sum() for s, t in zip(slopes, vectors, strict=True))
        return sum(parts, start=slopes[0].new_zeros(())), out

    found, out = transforms.grad(along, places, has_aux=True)(*args)
    return _given(out, create_graph), _given(found if several else found[0], create_graph)


def vhp(
    func: Function, inputs: Inputs, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(output, v' H), which is H v, as second derivatives are symmetric: see `hvp`."""
    return hvp(func, inputs, v, create_graph, strict)


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
