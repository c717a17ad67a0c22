"""Derivatives against finite differences: gradcheck and gradgradcheck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rushlight.core.autograd import grad
from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import m, xp
from rushlight.errors import ArgumentError, GradError, message

__all__ = ["gradcheck", "gradgradcheck"]


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func` agree with central differences (f(x + eps) - f(x - eps)) / (2 eps).

    inputs   the arguments; every one that requires grad must be float64, or rounding would drown the check.

    All entries of the Jacobian are compared, whatever PyTorch's options for more or for faster checks say.

    Raises GradError naming the output, the input and the worst element, or returns False without
    `raise_exception`.

    >>> import rushlight as rl
    >>> x = rl.tensor([0.5, 1.5], dtype=rl.float64, requires_grad=True)
    >>> rl.autograd.gradcheck(lambda x: x.tanh() * x, x)
    True
    """
    arguments = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    checked = [i for i, t in enumerate(arguments) if isinstance(t, Tensor) and t.requires_grad]
    for i in checked:
        if arguments[i].dtype != xp.float64:
            raise ArgumentError(
                message(
                    "gradcheck",
                    f"input {i} of {arguments[i].dtype}",
                    "float64",
                    "Use x.double().requires_grad_().",
                )
            )
    for o, out in enumerate(_outputs(func(*arguments))):
        if not out.requires_grad:
            continue
        for i in checked:
            exact = _jacobian(func, arguments, o, i)
            numeric = _differences(func, arguments, o, i, eps)
            gap = abs(exact - numeric)
            bad = gap > atol + rtol * abs(numeric)
            if not bad.any() and not xp.isnan(gap).any():
                continue
            if not raise_exception:
                return False
            raise GradError(
                message(
                    "gradcheck",
                    f"a Jacobian of output {o} by input {i} that is off by {gap.max():.3g}:\n{exact}",
                    f"the finite differences\n{numeric}\n",
                )
            )
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Sequence[Tensor] | None = None,
    *,
    gen_non_contig_grad_outputs: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    **options: Any,
) -> bool:
    """`gradcheck` of the gradient of `func`: its second derivatives.

    >>> import rushlight as rl
    >>> x = rl.tensor([0.5, 1.5], dtype=rl.float64, requires_grad=True)
    >>> rl.autograd.gradgradcheck(lambda x: x**3, x)
    True
    """
    arguments = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    checked = [i for i, t in enumerate(arguments) if isinstance(t, Tensor) and t.requires_grad]
    outputs = [o for o in _outputs(func(*arguments)) if o.requires_grad]
    seeds = list(grad_outputs) if grad_outputs is not None else [_weights(o.shape) for o in outputs]
    seeds = [s.detach().requires_grad_() for s in seeds]

    def first(*values: Any) -> tuple[Tensor, ...]:
        fresh, weights = list(values[: len(arguments)]), values[len(arguments) :]
        results = [o for o in _outputs(func(*fresh)) if o.requires_grad]
        found = grad(results, [fresh[i] for i in checked], weights, create_graph=True, materialize_grads=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(first, [*arguments, *seeds], **options)


def _outputs(result: Any) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else [r for r in result if isinstance(r, Tensor)]


def _weights(shape: tuple[int, ...]) -> Tensor:
    """Fixed, uneven numbers, so that no error hides in a symmetry."""
    count = 1
    for n in shape:
        count *= n
    return wrap(xp.reshape(m.cos(xp.arange(count) * 1.7 + 0.3) + 0.1, shape))


def _jacobian(func: Callable[..., Any], arguments: list[Any], o: int, i: int) -> Any:
    out = _outputs(func(*arguments))[o]
    rows = []
    for place in xp.ndindex(out.shape):
        seed = xp.zeros(out.shape, out.dtype)
        seed[place] = 1.0
        (g,) = grad(out, arguments[i], wrap(seed), retain_graph=True, materialize_grads=True)
        assert g is not None
        rows.append(xp.reshape(g.detach().numpy(), -1))
    return xp.reshape(xp.concatenate(rows), (len(rows), -1)) if rows else xp.zeros((0, arguments[i].numel()))


def _differences(func: Callable[..., Any], arguments: list[Any], o: int, i: int, eps: float) -> Any:
    """The Jacobian by central differences, a column for each element of the input."""
    base = arguments[i].detach().numpy()
    columns = []
    for place in xp.ndindex(base.shape):
        sides = []
        for step in (eps, -eps):
            moved = m.cast(base, base.dtype)
            moved[place] += step
            values = [wrap(moved).requires_grad_() if k == i else t for k, t in enumerate(arguments)]
            sides.append(_value(func, values, o))
        columns.append((sides[0] - sides[1]) / (2 * eps))
    size = xp.reshape(_value(func, arguments, o), -1).shape[0]
    return (
        xp.transpose(xp.reshape(xp.concatenate(columns), (len(columns), size)))
        if columns
        else xp.zeros((size, 0))
    )


def _value(func: Callable[..., Any], values: list[Any], o: int) -> Any:
    out = _outputs(func(*values))[o]
    with no_grad():
        return xp.reshape(out.detach().numpy(), -1).astype(xp.float64)
