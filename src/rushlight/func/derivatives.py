"""Derivatives of functions: gradients, Jacobians and their products, which may be nested."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.core.autograd import grad as gradients_of
from rushlight.core.state import enable_grad, state
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.func.tree import leaves, mapped, rebuilt
from rushlight.func.vmap import vmap
from rushlight.ops.creation import zeros_like
from rushlight.ops.join import stack
from rushlight.ops.ranges import eye

__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "laplacian", "linearize", "vjp"]

Argnums = int | tuple[int, ...]
Function = Callable[..., Any]


class _Inputs:
    """Arguments of a function, as tensors that it can be differentiated by.

    One that has a history gets one step more, so that derivatives of derivatives see it; of others the
    results are cut off again.
    """

    def __init__(self, op: str, args: Any) -> None:
        self._args = args
        self.tensors: list[Tensor] = []
        self._own: set[int] = set()
        for t in leaves(args):
            if not isinstance(t, Tensor) or t.dtype.kind != "f":
                got = f"a {type(t).__name__}" + (f" of dtype {t.dtype}" if isinstance(t, Tensor) else "")
                raise DTypeError(
                    message(op, got, "tensors of floats", "Leave it out of argnums, or use x.float().")
                )
            with enable_grad():
                tracked = t.node is not None and t.node.required
                mine = t.view_as(t) if tracked else t.detach().requires_grad_()
            self.tensors.append(mine)
            if not tracked:
                self._own.add(id(mine.node))

    def nest(self) -> Any:
        """The arguments, with these tensors."""
        return rebuilt(self._args, iter(self.tensors))

    def free(self, tensor: Tensor) -> Tensor:
        """`tensor`, without a history that leads to nothing but these inputs."""
        if tensor.node is None or not tensor.node.required:
            return tensor
        if not state.grad_enabled:
            return tensor.detach()
        todo, seen = [tensor.node], set()
        while todo:
            node = todo.pop()
            if node.is_leaf and node.required and id(node) not in self._own:
                return tensor
            seen.add(id(node))
            todo.extend(p for p in node.parents if p is not None and id(p) not in seen)
        return tensor.detach()

    def freed(self, nest: Any) -> Any:
        """`nest`, with `free` of each of its tensors."""
        return mapped(lambda t: self.free(t) if isinstance(t, Tensor) else t, nest)


def _chosen(op: str, args: tuple[Any, ...], argnums: Argnums) -> tuple[tuple[int, ...], Any]:
    """The places that `argnums` names, and what stands there: one argument or a tuple."""
    single = isinstance(argnums, int)
    asked = (argnums,) if isinstance(argnums, int) else argnums
    places = tuple(n % len(args) if -len(args) <= n < len(args) else -1 for n in asked)
    if -1 in places or not places:
        raise ArgumentError(
            message(op, f"argnums={argnums} for {len(args)} arguments", "places of arguments")
        )
    picked = tuple(args[n] for n in places)
    return places, picked[0] if single else picked


def _filled(args: tuple[Any, ...], places: tuple[int, ...], argnums: Argnums, new: Any) -> tuple[Any, ...]:
    found = list(args)
    for n, value in zip(places, (new,) if isinstance(argnums, int) else new, strict=True):
        found[n] = value
    return tuple(found)


def _called(
    func: Function, args: tuple[Any, ...], kwargs: dict[str, Any], has_aux: bool, op: str
) -> tuple[Any, Any]:
    with enable_grad():
        out = func(*args, **kwargs)
    if not has_aux:
        return out, None
    if not isinstance(out, tuple) or len(out) != 2:
        raise ArgumentError(message(op, "a function with has_aux=True", "a pair (output, aux)"))
    return out


def _pulled(outputs: list[Tensor], inputs: list[Tensor], seeds: Any) -> list[Tensor]:
    """The gradients of the inputs, zeros where nothing depends on one, with a history."""
    pairs = [(o, s) for o, s in zip(outputs, seeds, strict=True) if o.requires_grad]
    if not pairs:
        return [zeros_like(t) for t in inputs]
    kept, given = zip(*pairs, strict=True)
    with enable_grad():
        found = gradients_of(kept, inputs, given, create_graph=True, materialize_grads=True)
    return [g for g in found if g is not None]


def grad_and_value(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that gives the gradient of `func`, a scalar, and its value (with its aux beside it).

    >>> import rushlight as rl
    >>> gradient, value = rl.func.grad_and_value(lambda x: (x * x).sum())(rl.tensor([1.0, 2.0]))
    >>> gradient.tolist(), value.item()
    ([2.0, 4.0], 5.0)
    """

    @functools.wraps(func, updated=())
    def both(*args: Any, **kwargs: Any) -> Any:
        places, picked = _chosen("grad", args, argnums)
        inputs = _Inputs("grad", picked)
        given = _filled(args, places, argnums, inputs.nest())
        value, aux = _called(func, given, kwargs, has_aux, "grad")
        if not isinstance(value, Tensor) or value.ndim:
            got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
            raise ShapeError(
                message("grad", f"a function that returns {got}", "a scalar tensor", "Sum it up.")
            )
        found = _pulled([value], inputs.tensors, [value.new_full((), 1.0)])
        gradient = rebuilt(picked, iter([inputs.free(g) for g in found]))
        out = inputs.freed((value, aux))
        return gradient, out if has_aux else out[0]

    return both


def grad(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that gives the gradient of `func`, which returns a scalar, by the arguments `argnums`.

    Of nests of tensors (a dict of parameters, say) it gives a nest of gradients. May be nested for higher
    derivatives, mapped over examples by `vmap`, and compiled. has_aux: `func` returns a pair, whose second
    part is given back beside the gradient.

    >>> import rushlight as rl
    >>> second = rl.func.grad(rl.func.grad(rl.sin))
    >>> second(rl.tensor(0.5)).item() == -rl.sin(rl.tensor(0.5)).item()
    True
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """(output, f) where f takes a tensor like the output, v, and gives v' J for each argument: a tuple.

    >>> import rushlight as rl
    >>> out, pull = rl.func.vjp(lambda x: x * x, rl.tensor([1.0, 2.0]))
    >>> pull(rl.ones(2))[0].tolist()
    [2.0, 4.0]
    """
    inputs = _Inputs("vjp", primals)
    out, aux = _called(func, inputs.nest(), {}, has_aux, "vjp")
    outputs = leaves(out)

    def pull(*cotangents: Any, **options: Any) -> tuple[Any, ...]:
        seeds = leaves(cotangents[0] if len(cotangents) == 1 else cotangents)
        if [tuple(s.shape) for s in seeds] != [tuple(o.shape) for o in outputs]:
            got = f"shapes {[tuple(s.shape) for s in seeds]}"
            raise ShapeError(
                message("vjp", got, f"those of the outputs, {[tuple(o.shape) for o in outputs]}")
            )
        found = [inputs.free(g) for g in _pulled(outputs, inputs.tensors, seeds)]
        return rebuilt(primals, iter(found))

    result = inputs.freed(out)
    return (result, pull, inputs.freed(aux)) if has_aux else (result, pull)


def jvp(func: Function, primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False) -> Any:
    """(output, J v): how the output changes as the arguments `primals` move along `tangents`.

    J' u is linear in u, and J v is the gradient of v' (J' u) by u.

    >>> import rushlight as rl
    >>> out, change = rl.func.jvp(lambda x: x * x, (rl.tensor([1.0, 2.0]),), (rl.tensor([1.0, 0.0]),))
    >>> change.tolist()
    [2.0, 0.0]
    """
    primals, tangents = tuple(primals), tuple(tangents)
    directions = leaves(tangents)
    inputs = _Inputs("jvp", primals)
    if [tuple(t.shape) for t in directions] != [tuple(t.shape) for t in inputs.tensors]:
        raise ShapeError(message("jvp", "tangents", "one like each of the primals"))
    out, aux = _called(func, inputs.nest(), {}, has_aux, "jvp")
    change = rebuilt(out, iter([inputs.free(t) for t in _pushed(leaves(out), inputs.tensors, directions)]))
    result = inputs.freed(out)
    return (result, change, inputs.freed(aux)) if has_aux else (result, change)


def _pushed(outputs: list[Tensor], inputs: list[Tensor], directions: list[Tensor]) -> list[Tensor]:
    with enable_grad():
        seeds = [zeros_like(o).requires_grad_() for o in outputs]
    return _pulled(_pulled(outputs, inputs, seeds), seeds, directions)


def linearize(func: Function, *primals: Any) -> tuple[Any, Function]:
    """(output, f) where f takes tangents and gives J v at `primals`; what the function computed is kept."""
    inputs = _Inputs("linearize", primals)
    out, _ = _called(func, inputs.nest(), {}, False, "linearize")

    def push(*tangents: Any) -> Any:
        found = _pushed(leaves(out), inputs.tensors, leaves(tangents))
        return rebuilt(out, iter([inputs.free(t) for t in found]))

    return inputs.freed(out), push


# Jacobians


def jacrev(
    func: Function, argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Function:
    """A function that gives the Jacobian of `func`, (*output, *input), a row at a time backward: all rows at
    once, or `chunk_size` of them.

    >>> import rushlight as rl
    >>> rl.func.jacrev(lambda x: x * x)(rl.tensor([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    @functools.wraps(func, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        places, picked = _chosen("jacrev", args, argnums)
        inputs = _Inputs("jacrev", picked)
        given = _filled(args, places, argnums, inputs.nest())
        out, aux = _called(func, given, kwargs, has_aux, "jacrev")
        parts = [_rows(o, inputs, picked, chunk_size) for o in leaves(out)]
        found = rebuilt(out, iter(parts))
        return (found, inputs.freed(aux)) if has_aux else found

    return jacobian


def _rows(output: Tensor, inputs: _Inputs, picked: Any, chunk_size: int | None) -> Any:
    """The Jacobian of one output by all inputs."""
    shape = tuple(output.shape)
    seeds = eye(output.numel(), dtype=output.dtype).reshape(output.numel(), *shape)

    def pull(seed: Tensor) -> list[Tensor]:
        return _pulled([output], inputs.tensors, [seed])

    if output.numel():
        rows = (
            vmap(pull, chunk_size=chunk_size)(seeds)
            if output.numel() > 1
            else [g.unsqueeze(0) for g in pull(seeds[0])]
        )
    else:
        rows = [t.new_zeros(0, *t.shape) for t in inputs.tensors]
    shaped = [inputs.free(r.reshape(*shape, *t.shape)) for r, t in zip(rows, inputs.tensors, strict=True)]
    return rebuilt(picked, iter(shaped))


def jacfwd(
    func: Function,
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    randomness: str = "error",
) -> Function:
    """The same Jacobian as `jacrev`, a column at a time: cheaper where there are more outputs than inputs.

    >>> import rushlight as rl
    >>> rl.func.jacfwd(lambda x: rl.stack([x.sum(), x.prod()]))(rl.tensor([2.0, 3.0])).tolist()
    [[1.0, 1.0], [3.0, 2.0]]
    """

    @functools.wraps(func, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        places, picked = _chosen("jacfwd", args, argnums)
        inputs = _Inputs("jacfwd", picked)
        given = _filled(args, places, argnums, inputs.nest())
        out, aux = _called(func, given, kwargs, has_aux, "jacfwd")
        outputs = leaves(out)
        columns = [_columns(outputs, inputs, i, chunk_size) for i in range(len(inputs.tensors))]
        parts = [rebuilt(picked, iter([c[k] for c in columns])) for k in range(len(outputs))]
        found = rebuilt(out, iter(parts))
        return (found, inputs.freed(aux)) if has_aux else found

    return jacobian


def _columns(outputs: list[Tensor], inputs: _Inputs, i: int, chunk_size: int | None) -> list[Tensor]:
    """The Jacobians of all outputs by the input `i`."""
    x = inputs.tensors[i]
    directions = eye(x.numel(), dtype=x.dtype).reshape(x.numel(), *x.shape)

    def push(direction: Tensor) -> list[Tensor]:
        return _pushed(outputs, [x], [direction])

    if not x.numel():
        return [o.new_zeros(*o.shape, *x.shape) for o in outputs]
    moved = vmap(push, chunk_size=chunk_size)(directions)
    return [
        inputs.free(m.movedim(0, -1).reshape(*o.shape, *x.shape)) for m, o in zip(moved, outputs, strict=True)
    ]


def hessian(func: Function, argnums: Argnums = 0) -> Function:
    """A function that gives the second derivatives of `func`: the Jacobian of its Jacobian.

    >>> import rushlight as rl
    >>> rl.func.hessian(lambda x: (x**3).sum())(rl.tensor([1.0, 2.0])).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    return jacfwd(jacrev(func, argnums), argnums)


def laplacian(func: Function, argnums: int = 0) -> Function:
    """A function that gives Σ_i ∂²f/∂x_i² of a scalar `func`, by an argument of shape (n,) or ().

    Of a batch of points use ``vmap(laplacian(f))``. PyTorch has no such function.

    >>> import rushlight as rl
    >>> rl.func.laplacian(lambda x: (x**3).sum())(rl.tensor([1.0, 2.0])).item()
    18.0
    """

    @functools.wraps(func, updated=())
    def total(*args: Any, **kwargs: Any) -> Tensor:
        places, x = _chosen("laplacian", args, argnums)
        if not isinstance(x, Tensor) or x.ndim > 1:
            raise ShapeError(message("laplacian", "an argument", "a tensor of shape (n,) or ()", "Use vmap."))
        inputs = _Inputs("laplacian", x)
        value, _ = _called(func, _filled(args, places, argnums, inputs.nest()), kwargs, False, "laplacian")
        (slope,) = _pulled([value], inputs.tensors, [value.new_full((), 1.0)])
        (point,) = inputs.tensors
        flat = slope.reshape(-1)
        seconds = [
            _pulled([flat[i]], [point], [flat.new_full((), 1.0)])[0].reshape(-1)[i]
            for i in range(point.numel())
        ]
        return inputs.free(stack(seconds).sum())

    return total
