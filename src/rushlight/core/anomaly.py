"""detect_anomaly: the first NaN or infinity, with the op, the layer and the user's line that made it."""

from __future__ import annotations

import functools
import os
import sys
from types import TracebackType
from typing import Any

from rushlight.core.narrow import compute
from rushlight.core.op import Op
from rushlight.core.state import MAKERS, state
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import AnomalyError, message

__all__ = ["detect_anomaly", "set_detect_anomaly", "user_line", "warn"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def user_line() -> str:
    """The innermost line of the call stack that is not Rushlight's own: "file.py:12 in train: loss = ..."."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_back is not None and _is_own(frame.f_code.co_filename):
        frame = frame.f_back
    return written_line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


@functools.lru_cache(1024)
def written_line(filename: str, number: int, name: str) -> str:
    """A line of a program, as `user_line` gives it."""
    import linecache

    MAKERS.add(linecache.updatecache.__code__)  # reads a file when its lines are first asked for
    text = linecache.getline(filename, number).strip()
    return f"{filename}:{number} in {name}" + (f": {text}" if text else "")


def warn(text: str) -> None:
    """A UserWarning at the innermost line of the call stack that is not Rushlight's own."""
    import warnings

    frame, depth = sys._getframe(1), 2
    while frame.f_back is not None and _is_own(frame.f_code.co_filename):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(text, stacklevel=depth)


@functools.lru_cache(1024)
def _is_own(filename: str) -> bool:
    return filename.startswith((_PACKAGE, xp.folder))


class detect_anomaly:
    """Raise AnomalyError at the first operation, forward or backward, whose result is NaN or infinite.

    A context manager; every result is checked, so training is slower inside. Results that are infinite or NaN
    because an input already was are laid to the operation that first made one; data that comes in bad is
    reported where it is first used.

    >>> import rushlight as rl
    >>> x = rl.tensor([1.0, 0.0], requires_grad=True)
    >>> with rl.detect_anomaly():
    ...     y = x.log()
    Traceback (most recent call last):
        ...
    rushlight.errors.AnomalyError: log: got -inf ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self._before: list[tuple[Any, Any]] = []

    def __enter__(self) -> detect_anomaly:
        self._before.append((state.run, state.origin))
        state.origin = _origin
        if self.check_nan:
            state.run = _checked
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        state.run, state.origin = self._before.pop()

    def __repr__(self) -> str:
        return f"detect_anomaly(check_nan={self.check_nan})"


class set_detect_anomaly(detect_anomaly):
    """`detect_anomaly` on or off at once, for the rest of the program; as a context manager, till its end.

    >>> import rushlight as rl
    >>> with rl.autograd.set_detect_anomaly(True):
    ...     rl.ones(1).exp().isfinite()
    tensor([True])
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(check_nan)
        self._before.append((state.run, state.origin))
        state.origin = _origin if mode else None
        if mode and check_nan:
            state.run = _checked
        elif state.run is _checked:
            state.run = None

    def __enter__(self) -> detect_anomaly:
        return self


def _origin() -> str:
    layer = ".".join(state.modules)
    return user_line() + (f" (layer {layer})" if layer else "")


def _checked(op: Op, inputs: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """Compute as ever, then look at the result."""
    arrays = [t.array if isinstance(t, Tensor) else t for t in inputs]
    array = xp.asarray(compute(op, arrays, attrs))
    # `full` makes what it was asked for: a mask of -inf, or a value that nothing reads.
    if xp.known(array.dtype).kind == "f" and op.name != "full" and not xp.isfinite(array).all():
        raise AnomalyError(_report(op, arrays, array))
    return array


def _report(op: Op, arrays: list[Any], array: Any) -> str:
    bad = array[~xp.isfinite(array)]
    first = [int(axis[0]) for axis in xp.nonzero(~xp.isfinite(array))] if array.ndim else []
    sources = [
        i
        for i, a in enumerate(arrays)
        if hasattr(a, "dtype") and xp.known(a.dtype).kind == "f" and not xp.isfinite(a).all()
    ]
    where = state.backward_of
    stage = f" in the backward pass of {where.name}, recorded at {where.origin}" if where is not None else ""
    layer = ".".join(state.modules)
    inside = f" in layer {layer}" if layer else ""
    came = f"; input {sources[0]} held one already" if sources else ""
    place = f"{bad.ravel()[0]} at index {first} of a result of shape {array.shape}"
    got = f"{place} ({bad.size} in all{came}){stage}{inside}"
    at = "" if where is not None else f" It happened at {user_line()}."
    return message(op.name, got, "finite numbers", _remedy(op) + at)


def _remedy(op: Op) -> str:
    known = {
        "log": "Clamp the input, or use log_softmax or a loss on logits.",
        "div": "Keep the divisor away from 0.",
        "sqrt": "Add a small number under the root.",
        "exp": "Use softmax, logsumexp or sigmoid, which are stable.",
    }
    return known.get(op.name, "Look at the learning rate, the scale of the inputs and the initialisation.")
