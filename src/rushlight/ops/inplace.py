"""Functions that write their result into their input's memory: `name_` for what is called `name`.

Which there are says `METHODS` in `ops/__init__.py`; those that PyTorch has as functions too stand in `LATER`.
"""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, method
from rushlight.errors import DTypeError, GradError, ShapeError, message
from rushlight.ops.memory import become, refuse_foreign

__all__ = ops.LATER["inplace"].split()  # noqa: PLE0605

_RANK = "biuf"
_RESHAPES = ["as_strided_", "squeeze_", "swapaxes_", "swapdims_", "t_", "transpose_", "unsqueeze_"]
_OPERATORS = {
    "__iand__": "bitwise_and",
    "__ilshift__": "bitwise_left_shift",
    "__ior__": "bitwise_or",
    "__irshift__": "bitwise_right_shift",
    "__ixor__": "bitwise_xor",
}


def _recorded(*given: Any) -> bool:
    """Whether a gradient may be asked for through one of them."""
    return state.grad_enabled and any(isinstance(t, Tensor) and t.node is not None for t in given)


def _write(name: str, target: Tensor, result: Tensor) -> Tensor:
    """Write a result that fits; raises ShapeError or DTypeError for another one."""
    if result.shape != target.shape:
        got = f"a result of shape {result.shape}"
        raise ShapeError(message(name, got, f"the target's shape {target.shape}"))
    given, held = (t.dtype.kind.replace("u", "i") for t in (result, target))
    if _RANK.index(given) > _RANK.index(held):
        got = f"{result.dtype} into {target.dtype}"
        raise DTypeError(message(name, got, "a result that the target can hold", "Convert the target."))
    return target.copy_(result)


def _twin(name: str, plain: str) -> Any:
    def twin(input: Tensor, *args: Any, **options: Any) -> Tensor:
        # What the derivative reads of the input must not be overwritten.
        source = input.clone() if _recorded(input, *args, *options.values()) else input
        return _write(name, input, getattr(source, plain)(*args, **options))

    twin.__name__ = name
    twin.__doc__ = (
        f"`{plain}` in the input's memory. Raises DTypeError where the result is of a higher dtype."
    )
    return twin


def _reshape(name: str) -> Any:
    plain = name[:-1]

    def reshape(input: Tensor, *args: Any, **options: Any) -> Tensor:
        if input.requires_grad and (input.is_leaf or input._view is not None):
            got = "a leaf that requires grad" if input.is_leaf else "a view that requires grad"
            raise GradError(message(name, got, "another tensor", f"Use {plain}(), which changes nothing."))
        refuse_foreign(name, input, f"Use {plain}().")
        before = input.__copy__()
        before._views = None
        return become(input, getattr(before, plain)(*args, **options))

    reshape.__name__ = name
    reshape.__doc__ = (
        f"`{plain}`, of the tensor itself: it has another shape from now on, and the same memory."
    )
    return reshape


for _name in ops.METHODS["inplace"].split():
    _make = _reshape(_name) if _name in _RESHAPES else _twin(_name, _OPERATORS.get(_name, _name[:-1]))
    method(_name)(_make)
for _name in __all__:
    globals()[_name] = getattr(Tensor, _name)
