"""Mixed precision: `autocast` has products computed in a 16-bit float, and `GradScaler` keeps gradients of
float16 from vanishing. What each operation does within autocast is PyTorch's choice for the CPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from rushlight.core.anomaly import warn
from rushlight.core.autocast import Region, casting
from rushlight.core.placement import device
from rushlight.core.spec import as_dtype
from rushlight.core.state import no_grad, outside_only, state
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, GradError, message, namespace

__all__ = [
    "GradScaler",
    "autocast",
    "clear_autocast_cache",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
]

F = TypeVar("F", bound=Callable[..., Any])
OUTSIDE = "Compile the function up to scaler.scale(loss).backward(); let the scaler step and update after it."


class autocast:
    """A context manager and decorator inside which products take float32 in a lower dtype.

    device_type    "cpu". Others, which are not there, warn and change nothing.
    dtype          bfloat16, the default, or float16. Others warn and change nothing.
    enabled        False: within, no autocast.
    cache_enabled  a parameter is converted once as long as the outermost autocast lasts.

    Matrix products, linear layers, convolutions, attention and `prelu` convert their tensors to `dtype`;
    losses, `prod`, `cdist` and some borders and pools convert theirs to float32; all else promotes as ever.
    float64 stays. Backward passes belong outside: they compute in the dtypes of the forward pass.

    >>> import rushlight as rl
    >>> with rl.autocast("cpu", dtype=rl.float16):
    ...     (rl.ones(2, 2) @ rl.ones(2, 2)).dtype
    dtype('float16')
    """

    def __init__(
        self,
        device_type: str | bool = "cuda",
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if isinstance(device_type, bool):  # of torch.cuda.amp.autocast `enabled` is the first argument
            enabled, device_type = device_type, "cuda"
        if not isinstance(device_type, str):
            raise ArgumentError(message("autocast", f"device_type={device_type!r}", "a name such as 'cpu'"))
        self.device_type, self.enabled = device(device_type).type, enabled
        self.dtype = get_autocast_dtype(self.device_type) if dtype is None else dtype
        self.cache_enabled = True if cache_enabled is None else cache_enabled
        if enabled and self.device_type != "cpu":
            warn(f"autocast: there is no {self.device_type!r} here, so it changes nothing. Use 'cpu'.")
            self.enabled = False
        if enabled and self.device_type == "cpu" and self.dtype not in (xp.bfloat16, xp.float16):
            warn(f"autocast: it computes in bfloat16 or float16, so {self.dtype} changes nothing.")
            self.enabled = False
        self._before: list[Any] = []

    def __enter__(self) -> autocast:
        before = state.cast
        self._before.append(before)
        if self.device_type == "cpu":
            kept = before.cache if before is not None and before.dtype == self.dtype else {}
            cache = kept if self.cache_enabled else None
            state.cast = Region(as_dtype(self.dtype), cache) if self.enabled else None
        casting.active += 1
        return self

    def __exit__(self, *error: object) -> None:
        casting.active -= 1
        state.cast = self._before.pop()

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            with self:
                return function(*args, **options)

        return run  # type: ignore[return-value]

    def __repr__(self) -> str:
        return f"autocast({self.device_type!r}, enabled={self.enabled})"


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether an autocast for the device is entered; without a name, for CUDA, as in PyTorch.

    >>> with autocast("cpu", enabled=False):
    ...     is_autocast_enabled("cpu")
    False
    """
    return state.cast is not None and device_type is not None and device(device_type).type == "cpu"


def is_autocast_cpu_enabled() -> bool:
    """``is_autocast_enabled("cpu")``."""
    return is_autocast_enabled("cpu")


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows the device: the CPU.

    >>> is_autocast_available("cpu")
    True
    """
    return device(device_type).type == "cpu"


def get_autocast_dtype(device_type: str) -> Any:
    """The dtype that autocast takes where none is named, or that of the one which is entered.

    >>> get_autocast_dtype("cpu")
    dtype('bfloat16')
    """
    if device(device_type).type != "cpu":
        return xp.float16
    return xp.bfloat16 if state.cast is None else state.cast.dtype


def get_autocast_cpu_dtype() -> Any:
    """``get_autocast_dtype("cpu")``."""
    return get_autocast_dtype("cpu")


def is_autocast_cache_enabled() -> bool:
    """Whether the autocast that is entered keeps converted parameters; True without one."""
    return state.cast is None or state.cast.cache is not None


def clear_autocast_cache() -> None:
    """Forget the converted parameters of the autocast that is entered."""
    if state.cast is not None and state.cast.cache is not None:
        state.cast.cache.clear()


def _converted(value: Any, dtype: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() and value.dtype != xp.float64 else value
    if isinstance(value, dict):
        return {_converted(k, dtype): _converted(v, dtype) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_converted(v, dtype) for v in value)
    return value


def custom_fwd(fwd: Any = None, *, device_type: str = "cpu", cast_inputs: Any = None) -> Any:
    """The decorator of a `forward` of `autograd.Function`: its `backward`, under `custom_bwd`, has the
    autocast that the forward had. With `cast_inputs` within autocast, the tensors come in that dtype, and
    nothing in it is converted.

    >>> import rushlight as rl
    >>> class Twice(rl.autograd.Function):
    ...     @staticmethod
    ...     @rl.amp.custom_fwd(device_type="cpu", cast_inputs=rl.float32)
    ...     def forward(ctx, x):
    ...         return x * 2
    ...
    ...     @staticmethod
    ...     @rl.amp.custom_bwd(device_type="cpu")
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> Twice.apply(rl.ones(2))
    tensor([2., 2.])
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def run(ctx: Any, *args: Any, **options: Any) -> Any:
        ctx._dtype = get_autocast_dtype("cpu")
        entered = state.cast is not None
        ctx._fwd_used_autocast = entered and cast_inputs is None
        if not entered or cast_inputs is None:
            return fwd(ctx, *args, **options)
        with autocast("cpu", enabled=False):
            return fwd(ctx, *_converted(args, cast_inputs), **_converted(options, cast_inputs))

    return run


def custom_bwd(bwd: Any = None, *, device_type: str = "cpu") -> Any:
    """The decorator of a `backward`: see `custom_fwd`."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def run(ctx: Any, *args: Any, **options: Any) -> Any:
        with autocast("cpu", enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(ctx, *args, **options)

    return run


class GradScaler:
    """Multiplies losses by a large scale, so that small gradients do not vanish in float16, and divides the
    gradients by it before the step. A step with gradients that are infinite or nan is left out, and the
    scale shrinks; after many good ones it grows.

    device           "cpu"; for others, which are not there, the scaler is not enabled, and says so.
    init_scale       the first scale.
    growth_factor    by what it grows after `growth_interval` good steps in a row, more than 1.
    backoff_factor   by what it shrinks after a bad one, less than 1.
    enabled          False: `scale` gives its argument, and `step` is the optimizer's.

    Raises ArgumentError for factors that do not grow or shrink.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.ones(1))
    >>> optimizer, scaler = rl.optim.SGD([p], lr=0.25), rl.amp.GradScaler("cpu", init_scale=8.0)
    >>> scaler.scale((p * 2).sum()).backward()
    >>> p.grad
    tensor([16.])
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> p, scaler.get_scale()
    (Parameter containing:
    tensor([0.5000], requires_grad=True), 8.0)
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
        self._device, self._enabled = device, enabled and device == "cpu"
        if enabled and not self._enabled:
            warn(f"GradScaler: there is no {device!r} here, so it changes nothing. Use 'cpu'.")
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._growth_tracker = growth_interval, 0
        self._init_scale = init_scale
        self._scale: Tensor | None = None
        self._stages: dict[int, str] = {}
        self._bad: dict[int, bool] = {}
        if self._enabled and growth_factor <= 1.0:
            raise ArgumentError(message("GradScaler", f"growth_factor={growth_factor}", "more than 1"))
        if self._enabled and backoff_factor >= 1.0:
            raise ArgumentError(message("GradScaler", f"backoff_factor={backoff_factor}", "less than 1"))

    def scale(self, outputs: Any) -> Any:
        """The outputs, a tensor or lists of them, times the scale."""
        if not self._enabled:
            return outputs
        if self._scale is None:
            self._set(self._init_scale)
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(part) for part in outputs)
        if isinstance(outputs, Iterable):
            return map(self.scale, outputs)
        raise DTypeError(
            message("GradScaler.scale", f"a {type(outputs).__name__}", "tensors, or lists of them")
        )

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of the optimizer's parameters by the scale, to clip them, say; `step` does so
        otherwise.

        Raises GradError the second time before `update`, ArgumentError for gradients of float16.
        """
        if not self._enabled:
            return
        outside_only("GradScaler.unscale_", "a look at the gradients", OUTSIDE)
        stage = self._stages.get(id(optimizer))
        if stage is not None:
            done = "unscale_()" if stage == "unscaled" else "step()"
            raise GradError(message("unscale_", f"an optimizer after {done}", "update() before it"))
        inverse, bad = 1.0 / self._known("unscale_").item(), False
        with no_grad():
            for group in optimizer.param_groups:
                for grad in (p.grad for p in group["params"] if p.grad is not None):
                    if grad.dtype == xp.float16:
                        remedy = "Keep parameters in float32, and compute under autocast."
                        raise ArgumentError(message("unscale_", "gradients of float16", "float32", remedy))
                    numbers = grad._values() if grad.is_sparse else grad
                    bad = bad or not bool(numbers.isfinite().all())
                    numbers.mul_(inverse)
        self._bad[id(optimizer)] = bad
        self._stages[id(optimizer)] = "unscaled"

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(...)`` on gradients divided by the scale, unless some are infinite or nan.

        Raises GradError the second time before `update`, ArgumentError for a closure.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        outside_only("GradScaler.step", "a step that looks at the gradients", OUTSIDE)
        if "closure" in kwargs:
            raise ArgumentError(message("GradScaler.step", "a closure", "none: the gradients are there"))
        if self._stages.get(id(optimizer)) == "stepped":
            raise GradError(message("GradScaler.step", "an optimizer after step()", "update() before it"))
        if id(optimizer) not in self._stages:
            self.unscale_(optimizer)
        result = None if self._bad[id(optimizer)] else optimizer.step(*args, **kwargs)
        self._stages[id(optimizer)] = "stepped"
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Shrink the scale after a bad step, let it grow after many good ones, or set it to `new_scale`."""
        if not self._enabled:
            return
        outside_only("GradScaler.update", "an update that looks at the gradients", OUTSIDE)
        held = self._known("update").item()
        if new_scale is not None:
            self._set(float(new_scale))
        elif any(self._bad.values()):
            self._set(held * self._backoff_factor)
            self._growth_tracker = 0
        elif self._bad:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                self._set(held * self._growth_factor)
                self._growth_tracker = 0
        else:
            raise GradError(message("GradScaler.update", "no step since the last update", "step() before it"))
        self._stages, self._bad = {}, {}

    def _set(self, scale: float) -> None:
        made = Tensor.__new__(Tensor)
        made.array = xp.full((), scale, xp.float32)
        if self._scale is None or xp.isfinite(made.array):  # it does not grow beyond float32
            self._scale = made

    def _known(self, name: str) -> Tensor:
        if self._scale is None:
            raise GradError(message(name, "a scaler that scaled nothing", "scale(loss) before it"))
        return self._scale

    def get_scale(self) -> float:
        """The scale; 1 of a scaler that is not enabled."""
        return (
            float(self._init_scale if self._scale is None else self._scale.item()) if self._enabled else 1.0
        )

    def get_growth_factor(self) -> float:
        """By what the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set it."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """By what the scale shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set it."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many good steps it grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set it."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether it scales."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale, the factors, and how many good steps there were; empty of one that is not enabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on as the scaler did whose state it is. Raises GradError for an empty one."""
        if not self._enabled:
            return
        if not state_dict:
            got = "an empty state dict"
            raise GradError(message("GradScaler.load_state_dict", got, "that of a scaler that was enabled"))
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._set(state_dict["scale"])
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]

    def __repr__(self) -> str:
        return f"GradScaler({self._device!r}, enabled={self._enabled})"


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
