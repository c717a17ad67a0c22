"""Where tensors live: on the CPU, so far. Programs that ask for a GPU learn politely that there is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NoReturn

from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, message

__all__ = ["CPU", "Absent", "accelerator", "backends", "check_device", "cuda", "device", "names_device"]

OTHERS = frozenset(
    ("cuda", "mps", "xpu", "xla", "meta", "hip", "hpu", "mtia", "ipu", "vulkan", "privateuseone")
)
"""PyTorch's other devices."""


class device:
    """A place for tensors, as torch.device: "cpu", the only one so far.

    Raises NotSupportedError for PyTorch's other devices, ArgumentError for a name that is none.

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
        if kind in OTHERS:
            raise NotSupportedError(
                message("device", repr(type), "'cpu': Rushlight computes on the CPU only", "Use 'cpu'.")
            )
        if kind != "cpu" or (colon and (number != "0" or index is not None)) or index not in (None, 0):
            raise ArgumentError(message("device", repr(type), "'cpu', the only device so far"))
        self.type = kind
        self.index = 0 if colon else index

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
        return self

    def __exit__(self, *error: object) -> None:
        pass


CPU = device("cpu")


def check_device(place: Any) -> None:
    """Refuse any place but None and the CPU."""
    if place is not None and place is not CPU:
        device(place)


def names_device(value: Any) -> bool:
    """Whether `value` says where rather than of which dtype, among the arguments of `to`."""
    return isinstance(value, device) or (
        isinstance(value, str) and (value.partition(":")[0] == "cpu" or value.partition(":")[0] in OTHERS)
    )


class Absent:
    """A part of PyTorch for hardware that Rushlight does not use: it says that it is not available."""

    def __init__(self, name: str) -> None:
        self._name = name

    def is_available(self) -> bool:
        """False."""
        return False

    def is_built(self) -> bool:
        """False."""
        return False

    def device_count(self) -> int:
        """0."""
        return 0

    def manual_seed(self, seed: int) -> None:
        """Nothing, as in PyTorch without a GPU."""

    manual_seed_all = manual_seed

    def empty_cache(self) -> None:
        """Nothing."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"rushlight.{self.__dict__.get('_name', '')} has no {name!r}: Rushlight computes on the CPU only",
            name=name,
        )


cuda = Absent("cuda")
accelerator = Absent("accelerator")
backends = SimpleNamespace(
    cuda=Absent("backends.cuda"), cudnn=Absent("backends.cudnn"), mps=Absent("backends.mps")
)
