"""The one door: every operation on tensors passes `apply` (or `apply_`, its in-place twin).

Only here are results computed, traced, and recorded for the derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from rushlight.core.autocast import casting, lowered
from rushlight.core.composite import NoArray
from rushlight.core.fold import Operand, is_exact, of
from rushlight.core.graph import Node
from rushlight.core.lower import Map
from rushlight.core.narrow import compute
from rushlight.core.op import Op, register
from rushlight.core.spec import NO_COMPLEX, Spec, as_dtype, as_wrapped, default, promote_dtypes
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, base_of, clock, wrap
from rushlight.core.views import link, move_history, refuse_sealed, root_of
from rushlight.device import m, xp
from rushlight.errors import (
    ArgumentError,
    DTypeError,
    GradError,
    RushlightError,
    ShapeError,
    message,
)

__all__ = ["CAST", "apply", "apply_", "as_operand", "one_dtype", "to_dtype"]

_ndarray = xp.ndarray
_float32 = xp.float32
_numbers = frozenset((bool, int, float))
_no_dtype = SimpleNamespace(kind="")  # of a list, say: promotion will refuse it


def apply(op: Op, *inputs: Any, **attrs: Any) -> Tensor:
    """The result of `op` on `inputs` (tensors, or Python numbers), recorded if a gradient may be asked for.

    Raises what `op.infer` raises when the inputs do not fit.
    """
    try:
        arrays = [t.array if isinstance(t, Tensor) else t for t in inputs]
    except NoArray as met:
        return met.tensor.compute(op, inputs, attrs)
    if casting.active and op.lowers:
        inputs = lowered(inputs)
        arrays = [t.array if isinstance(t, Tensor) else t for t in inputs]
    narrow = False
    if op.promote != "none":
        dtype = None
        for a in arrays[op.first :] if op.first else arrays:
            if a.__class__ not in _numbers:
                found = getattr(a, "dtype", _no_dtype)
                if dtype is None:
                    dtype = found
                if found is not dtype:
                    dtype = None
                    break
        if dtype is not _float32:
            if dtype is None or dtype.kind != "f":
                inputs = _promote(op, inputs)
                arrays = [t.array if isinstance(t, Tensor) else t for t in inputs]
                narrow = True
            else:
                narrow = dtype.itemsize == 2
    else:
        for a in arrays:
            if a.__class__ is _ndarray and a.itemsize == 2:
                narrow = True

    run = state.run
    try:
        if run is not None:
            array = run(op, inputs, attrs)
        elif narrow:  # maybe: `compute` looks closely
            array = compute(op, arrays, attrs)
        else:
            array = op.formula(m, *arrays, **attrs)
    except Exception as error:
        array = _again(op, run, inputs, attrs, error)
    if run is None and array.__class__ is not _ndarray:
        array = xp.asarray(array)

    out = wrap(array)
    if op.view:
        link(out, inputs[0], op, attrs)
    if state.grad_enabled and op.vjp is not None:
        for t in inputs:
            if isinstance(t, Tensor) and t.node is not None:
                out.node = Node(op, inputs, attrs, array)
                break
    return out


def apply_(op: Op, target: Tensor, *inputs: Any, **attrs: Any) -> Tensor:
    """Write the result of `op` on `target` and `inputs` into `target`, whose dtype and shape stay.

    Where that has a history, the base of the target and all its views get it too.

    Raises GradError for a leaf that requires grad, and for a view of one, outside `no_grad`; and for views
    made under `no_grad` or given by functions that give several. ShapeError or DTypeError when the result
    does not fit.
    """
    if state.grad_enabled:
        root = target if target._view is None else root_of(target)
        for t in (root, target, *inputs):
            if isinstance(t, Tensor) and t.node is not None:
                return _apply_recorded(op, target, root, inputs, attrs)
    array = target.array
    inplace = op.inplace if state.run is None else None
    if inplace is not None and (array.itemsize != 2 or op.lower.rounding == "none"):
        operands = [as_operand(op, t, array) for t in inputs]
        try:
            inplace(array, *operands, **attrs)
        except RuntimeWarning:
            pass  # NumPy looks for overflow once everything is written
        except Exception as error:
            clear = _explain_in_place(op, [array, *operands], attrs, error)
            try:
                raise clear from clear.__cause__
            finally:
                del clear, error  # see `_again`
    else:
        result = apply(op, target, *inputs, **attrs)
        _check_fits(op, array, result.array)
        assign(target, result.array)
    touch(target)
    return target


def assign(target: Tensor, array: Any) -> None:
    """Write `array` into the memory of `target`; while tracing, into the placeholder that stands for it."""
    if state.write is None:
        try:
            xp.copyto(target.array, array, casting="unsafe")
        except ValueError as error:
            got = f"a tensor of shape {target.shape} whose elements may not be written: {error}"
            remedy = "clone() it first: an expanded tensor has many elements in one place."
            raise ArgumentError(message("in-place update", got, "memory of its own", remedy)) from None
    else:
        state.write(target, array)


def touch(target: Tensor) -> None:
    """Note that `target` was written, so that a backward which needs the old values refuses."""
    base = base_of(target)
    base._written = target._written = next(clock)
    for t in (base, target):
        if isinstance(t.node, Node):
            t.node.overwritten = True


def _apply_recorded(
    op: Op, target: Tensor, root: Tensor, inputs: tuple[Any, ...], attrs: dict[str, Any]
) -> Tensor:
    """The in-place update of a tensor with history: the tensor becomes the result of the recorded op."""
    if target._sealed is not None:
        refuse_sealed(f"{op.name}_", target._sealed)
    if (target.requires_grad or root.requires_grad) and root.is_leaf:
        got = "a leaf that requires grad" if root is target else "a view of a leaf that requires grad"
        raise GradError(message(f"{op.name}_", got, "an update outside the graph", "Use rl.no_grad()."))
    reads_old = op.saves in ("inputs", "both")
    keep = state.copy or _copy
    old = wrap(keep(target) if reads_old else target.array)
    old.node = target.node
    if not reads_old:
        old._base = base_of(target)
    out = apply(op, old, *inputs, **attrs)
    _check_fits(op, target.array, out.array)
    assign(target, out.array)
    touch(target)
    move_history(target, out.node)
    return target


def _copy(target: Tensor) -> Any:
    return target.array.copy()


def as_operand(op: Op, value: Any, like: Any) -> Any:
    """The array of an in-place operand, brought to the target's dtype where PyTorch allows it."""
    if value.__class__ in _numbers:
        if isinstance(value, float) and _RANK[like.dtype.kind] < 2:
            raise _narrowing(op, "float", like.dtype)
        wraps = op.wraps and like.dtype.kind in "iu"
        return as_wrapped(value, like.dtype) if wraps and isinstance(value, int) else value
    array = value.array if isinstance(value, Tensor) else xp.asarray(value)
    if array.dtype is like.dtype or op.promote == "none":
        return array
    if _RANK[array.dtype.kind] > _RANK[like.dtype.kind]:
        raise _narrowing(op, array.dtype, like.dtype)
    return array.astype(like.dtype)


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2}
"""Of the kinds of dtypes, as arrays have them: V is bfloat16."""


def _narrowing(op: Op, given: Any, target: Any) -> DTypeError:
    return DTypeError(
        message(
            f"{op.name}_",
            f"{given} into {target}",
            "a result that the target can hold",
            "Convert the target.",
        )
    )


def _check_fits(op: Op, target: Any, result: Any) -> None:
    if result.shape != target.shape:
        raise ShapeError(
            message(f"{op.name}_", f"a result of shape {result.shape}", f"the target's shape {target.shape}")
        )
    given, held = _RANK[result.dtype.kind], _RANK[target.dtype.kind]
    if given > held and (given == 2 or held == 0):
        raise _narrowing(op, result.dtype, target.dtype)


def _promote(op: Op, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """`inputs` with one dtype by PyTorch's rules; converting is an op, so gradients are converted back."""
    fixed = list(inputs[: op.first])
    if op.promote != "same" and any(t.__class__ is _ndarray for t in inputs):
        inputs = _as_numpy_promotes(op, inputs)
    rest = [as_tensor_input(op, t) for t in inputs[op.first :]]
    if op.promote == "same":
        one_dtype(op.name, rest)
        return (*fixed, *rest)
    tensors = [t for t in rest if isinstance(t, Tensor)]
    if not tensors:
        rest = [wrap(xp.asarray(t, _number_dtype(t))) for t in rest]
        tensors = rest
    numbers = [t for t in rest if not isinstance(t, Tensor)]
    with_axes = [t.dtype for t in tensors if t.ndim]
    dtype = promote_dtypes(with_axes, [t.dtype for t in tensors if not t.ndim], numbers)
    if op.promote == "float" and dtype.kind != "f":
        dtype = default.dtype
    if op.wraps and dtype.kind in "iu":
        rest = [as_wrapped(t, dtype) if t.__class__ is int else t for t in rest]
    return (*fixed, *[to_dtype(t, dtype) if isinstance(t, Tensor) else t for t in rest])


def _as_numpy_promotes(op: Op, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """`inputs` where NumPy's arrays stand among them: all of the dtype that NumPy would give, as in PyTorch,
    which leaves such operations to NumPy."""
    found = [t for t in inputs[op.first :] if isinstance(t, (Tensor, _ndarray))]
    dtype = xp.result_type(*[t.dtype for t in found])
    if op.promote == "float" and dtype.kind != "f":
        dtype = xp.float64
    tensors = [wrap(t) if t.__class__ is _ndarray else t for t in inputs]
    return tuple(
        [to_dtype(t, dtype) if isinstance(t, Tensor) and i >= op.first else t for i, t in enumerate(tensors)]
    )


def one_dtype(name: str, operands: Sequence[Any]) -> None:
    """Refuse operands that are not all tensors of one dtype.

    Products do not promote, as in PyTorch: a float64 batch would make a float32 network slow without a word.
    """
    for t in operands:
        if not isinstance(t, Tensor):
            got = f"a {type(t).__name__}"
            raise DTypeError(message(name, got, "tensors", "Use * for a number, rl.tensor() to convert."))
    dtypes = dict.fromkeys(t.dtype for t in operands)
    if len(dtypes) > 1:
        listed = " and ".join(str(d) for d in dtypes)
        remedy = "Convert one of them: x.float() for an input, model.double() for a network."
        raise DTypeError(message(name, f"dtypes {listed}", "one dtype", remedy))


def _number_dtype(number: Any) -> Any:
    return default.dtype if isinstance(number, float) else None


def as_tensor_input(op: Op, value: Any) -> Any:
    """An operand as a Tensor or a Python number; arrays are wrapped, anything else is refused."""
    if isinstance(value, Tensor) or value.__class__ in _numbers:
        return value
    if isinstance(value, xp.generic):
        return value.item()
    if isinstance(value, _ndarray) or hasattr(value, "dtype"):
        return wrap(xp.asarray(value))
    remedy = NO_COMPLEX if isinstance(value, complex) else "Convert it with rl.tensor()."
    raise DTypeError(message(op.name, f"a {type(value).__name__}", "tensors, arrays or numbers", remedy))


def _again(op: Op, run: Any, inputs: tuple[Any, ...], attrs: dict[str, Any], error: Exception) -> Any:
    """The result after all where only a warning, which the user's program made an error, stopped it."""
    arrays = [t.array if isinstance(t, Tensor) else t for t in inputs]
    if not isinstance(error, RuntimeWarning):
        from rushlight.core.refused import explain

        clear = explain(op, arrays, attrs, error)
        try:
            raise clear from clear.__cause__
        finally:
            # An error knows this frame: if that knew the error, both would keep all arrays until the garbage
            # is collected.
            del clear, error
    with xp.silence():
        return compute(op, arrays, attrs) if run is None else run(op, inputs, attrs)


def _explain_in_place(op: Op, arrays: list[Any], attrs: dict[str, Any], error: Exception) -> Exception:
    """The error of a result that fits the op but not the target."""
    from rushlight.core.refused import explain

    clear = explain(op, arrays, attrs, error)
    if type(clear) is ArgumentError:
        try:
            specs = [Spec(a.shape, a.dtype) if hasattr(a, "shape") else a for a in arrays]
            _check_fits(op, arrays[0], op.infer(*specs, **attrs))
        except RushlightError as better:
            return better.with_traceback(None)
    return clear


def _infer_cast(x: Any, *, dtype: Any) -> Spec:
    return Spec(x.shape, dtype)


def _fold_cast(x: Operand, *, dtype: Any) -> Any:
    """A conversion to what it is already, and one by way of a dtype that holds all its numbers."""
    if x.spec is not None and x.spec.dtype == dtype:
        return x
    first = of(x, CAST)
    if first is None or first.spec is None or x.spec is None or not is_exact(first.spec.dtype, x.spec.dtype):
        return None
    whole = dtype.kind in "iu" and x.spec.dtype.kind == "f"  # what does not fit may become anything
    return None if whole and not is_exact(first.spec.dtype, dtype) else (CAST, (first,), {"dtype": dtype})


CAST: Op = register(
    Op(
        "to",
        formula=lambda m, x, *, dtype: m.cast(x, dtype),
        infer=_infer_cast,
        vjp=(lambda g, out, x, *, dtype: to_dtype(g, x.dtype),),
        saves="specs",
        lower=Map(rounding="none"),
        fold=_fold_cast,
        label="ToCopyBackward0",
    )
)
"""Conversion stands beside the door because promotion needs it."""


def to_dtype(x: Tensor, dtype: Any) -> Tensor:
    """`x` itself if it has `dtype`, else a converted copy; the gradient is converted back, from floats."""
    if x.dtype == dtype:
        return x
    dtype = as_dtype(dtype)
    return apply(CAST, x if dtype.kind == "f" else x.detach(), dtype=dtype)
