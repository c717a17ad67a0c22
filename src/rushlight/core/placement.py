"""Where tensors live: on the CPU, so far. Programs that ask for a GPU learn politely that there is none."""

from __future__ import annotations

import importlib
from importlib.machinery import ModuleSpec
from types import SimpleNamespace
from typing import Any, NoReturn

from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, message

__all__ = [
    "CPU",
    "Absent",
    "accelerator",
    "backends",
    "check_device",
    "cuda",
    "device",
    "mps",
    "names_device",
    "xpu",
]

OTHERS = frozenset(
    ("cuda", "mps", "xpu", "xla", "meta", "hip", "hpu", "mtia", "ipu", "vulkan", "privateuseone")
)
"""PyTorch's other devices."""


class device:
    """A place for tensors, as torch.device: "cpu" is the only one where tensors can be.

    PyTorch's other devices may be named: NotSupportedError comes when a tensor is to go there. Raises
    ArgumentError for a name that is none.

    >>> import rushlight as rl
    >>> rl.device("cuda" if rl.cuda.is_available() else "cpu")
    device(type='cpu')
    >>> rl.ones(2).device == "cpu"
    True
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: str | device, index: int | None = None) -> None:
        if not isinstance(type, (str, device)):
            got = f"a {type.__class__.__name__}"
            raise DTypeError(message("device", got, "a name such as 'cpu'", "Leave device out."))
        kind, colon, number = str(type).partition(":")
        if colon:
            index = int(number) if number.isdecimal() and index is None else -1
        known = kind in OTHERS or (kind == "cpu" and index in (None, 0))
        if not known or (index is not None and index < 0):
            raise ArgumentError(message("device", repr(type), "'cpu', the only device so far"))
        self.type = kind
        self.index = index

    def __repr__(self) -> str:
        return f"device(type='{self.type}'{'' if self.index is None else f', index={self.index}'})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, (device, str)) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> Any:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        """``with device:`` puts what is made inside there, which it is anyway."""
        check_device(self)
        return self

    def __exit__(self, *error: object) -> None:
        pass


CPU = device("cpu")


def check_device(place: Any) -> None:
    """Refuse any place but None and the CPU."""
    if place is not None and place is not CPU and device(place).type != "cpu":
        expected = "'cpu': Rushlight computes on the CPU only"
        raise NotSupportedError(message("device", repr(str(place)), expected, "Use 'cpu'."))


def names_device(value: Any) -> bool:
    """Whether `value` says where rather than of which dtype, among the arguments of `to`."""
    return isinstance(value, device) or (
        isinstance(value, str) and (value.partition(":")[0] == "cpu" or value.partition(":")[0] in OTHERS)
    )


class Absent:
    """A part of PyTorch for hardware that Rushlight does not use: it says that it is not available.

    What asks for nothing does nothing; what needs the hardware raises NotSupportedError. Programs may set
    its switches.
    """

    def __init__(self, name: str, **parts: Any) -> None:
        self._name = name
        self.__dict__.update(parts)

    def is_available(self) -> bool:
        """False."""
        return False

    _initialized = False
    _is_in_bad_fork = is_built = is_initialized = is_bf16_supported = is_available

    def device_count(self) -> int:
        """0."""
        return 0

    memory_allocated = max_memory_allocated = memory_reserved = max_memory_reserved = device_count

    def version(self) -> None:
        """None: there is no such library."""

    def manual_seed(self, seed: int) -> None:
        """Nothing, as in PyTorch without a GPU."""

    manual_seed_all = manual_seed

    def empty_cache(self) -> None:
        """Nothing."""

    init = ipc_collect = seed = seed_all = empty_cache

    def synchronize(self, device: Any = None) -> None:
        """Nothing: whatever was computed is there already."""

    reset_peak_memory_stats = reset_max_memory_allocated = synchronize

    def _refuse(self, *args: Any) -> NoReturn:
        expected = "hardware that Rushlight uses: it computes on the CPU only"
        raise NotSupportedError(message(self._name, "a call that needs the device", expected, "Use 'cpu'."))

    set_device = current_device = get_device_name = get_device_properties = get_device_capability = _refuse

    def __repr__(self) -> str:
        return f"<{self._name}: not available>"

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"rushlight.{self.__dict__.get('_name', '')} has no {name!r}: Rushlight computes on the CPU only",
            name=name,
        )


class _WithAmp(Absent):
    """Stands for a package (`aliases.py`), in which `rl.amp` has a second path."""

    def __getattr__(self, name: str) -> Any:
        return importlib.import_module("rushlight.amp") if name == "amp" else super().__getattr__(name)


cuda = _WithAmp("cuda", __path__=[], __spec__=ModuleSpec("rushlight.cuda", None, is_package=True))
mps = Absent("mps")
xpu = Absent("xpu")
accelerator = Absent("accelerator")
_switches = {"enabled": True, "benchmark": False, "deterministic": False, "allow_tf32": True}
backends = SimpleNamespace(
    cuda=Absent("backends.cuda", matmul=SimpleNamespace(allow_tf32=False)),
    cudnn=Absent("backends.cudnn", **_switches),
    mkl=Absent("backends.mkl"),
    mkldnn=Absent("backends.mkldnn", enabled=False),
    mps=Absent("backends.mps"),
    openmp=Absent("backends.openmp"),
)
