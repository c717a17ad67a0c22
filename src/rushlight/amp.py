"""Mixed precision, as PyTorch's programs ask for it: everything stays in the dtype of the tensors.

On the CPU half precision saves no time here, so `autocast` and `GradScaler` change nothing, and say so once.
``model.half()`` and ``x.half()`` compute in float16.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from rushlight.core.anomaly import warn
from rushlight.core.placement import device
from rushlight.core.tensor import Tensor
from rushlight.errors import namespace

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_enabled"]

F = TypeVar("F", bound=Callable[..., Any])


class autocast:
    """A context manager and decorator inside which PyTorch would compute in half precision.

    Here operations keep the dtype of their tensors, which of float32 ones is more accurate than what PyTorch
    gives; the first one that is not ``enabled=False`` warns so. `dtype` may be `rl.bfloat16` too.

    >>> import rushlight as rl
    >>> with rl.autocast("cpu", enabled=False):
    ...     (rl.ones(2, 2) @ rl.ones(2, 2)).dtype
    dtype('float32')
    """

    _told = False

    def __init__(
        self,
        device_type: str = "cuda",
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device_type = device(device_type).type
        self.dtype, self.enabled = dtype, bool(enabled)

    def __enter__(self) -> autocast:
        if self.enabled and not autocast._told:
            autocast._told = True
            warn("autocast changes nothing here: operations keep the dtype of their tensors.")
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            with self:
                return function(*args, **options)

        return run  # type: ignore[return-value]

    def __repr__(self) -> str:
        return f"autocast({self.device_type!r}, enabled={self.enabled})"


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """False: nothing is computed in half precision unless it is given so.

    >>> is_autocast_enabled()
    False
    """
    return False


def custom_fwd(fwd: Any = None, *, device_type: str | None = None, cast_inputs: Any = None) -> Any:
    """The decorator of a `forward` of `autograd.Function` that PyTorch's mixed precision needs: it changes
    nothing, as `autocast` does not.

    >>> import rushlight as rl
    >>> custom_fwd(len) is len, custom_fwd(device_type="cpu", cast_inputs=rl.float32)(len) is len
    (True, True)
    """
    return fwd if fwd is not None else (lambda function: function)


def custom_bwd(bwd: Any = None, *, device_type: str | None = None) -> Any:
    """The same of a `backward`."""
    return bwd if bwd is not None else (lambda function: function)


class GradScaler:
    """PyTorch's guard against gradients too small for float16. There is no autocast, so it scales by 1, as
    PyTorch's does where there is no GPU: ``scale(loss)`` is the loss, ``step(optimizer)`` its step.

    >>> import rushlight as rl
    >>> scaler = GradScaler("cpu")
    >>> scaler.scale(rl.tensor(2.0)), scaler.get_scale()
    (tensor(2.), 1.0)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device

    def scale(self, outputs: Any) -> Any:
        """The outputs as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing: gradients are not scaled."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(...)``."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Nothing: the scale stays 1."""

    def get_scale(self) -> float:
        """1."""
        return 1.0

    def is_enabled(self) -> bool:
        """False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Empty, as that of a scaler that is not enabled."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing."""

    def __repr__(self) -> str:
        return f"GradScaler({self._device!r}, enabled=False)"


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
