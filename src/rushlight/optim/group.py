"""A parameter group: a dict for people, whose numbers a step reads as Tensors."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor

__all__ = ["ParamGroup"]


class ParamGroup(dict[str, Any]):
    """The parameters ("params") that share options such as "lr", as in PyTorch's ``optimizer.param_groups``.

    ``group["lr"]`` is the number that was set. ``group.tensor("lr", dtype)`` is the 0-d Tensor that holds it
    for parameters of that dtype, always the same Tensor: setting the option writes into it. A compiled step
    takes it as an input, so that a changed learning rate takes effect without compiling again.

    >>> import rushlight as rl
    >>> group = rl.optim.SGD([rl.nn.Parameter(rl.zeros(2))], lr=0.5).param_groups[0]
    >>> lr = group.tensor("lr", rl.float32)
    >>> group["lr"] = 0.25
    >>> lr.item(), group["lr"]
    (0.25, 0.25)
    """

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self._tensors: dict[tuple[str, Any], Tensor] = {}
        self.changes = 0
        self.update(options)

    def tensor(self, name: str, dtype: Any) -> Tensor:
        """The 0-d Tensor of ``dtype`` that always holds the number ``self[name]``."""
        found = self._tensors.get((name, dtype))
        if found is None:
            found = self._tensors[name, dtype] = ops.tensor(float(self[name]), dtype=dtype)
        return found

    def __setitem__(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and value.ndim == 0:
            value = value.item()
        super().__setitem__(name, value)
        if name != "lr":
            # A compiled step froze how the rule reads the other options: it looks here whether to trace anew.
            self.changes += 1
        with no_grad():
            for (key, _), held in self._tensors.items():
                if key == name:
                    held.fill_(float(value))

    def update(self, *args: Any, **options: Any) -> None:
        for name, value in dict(*args, **options).items():
            self[name] = value

    def __ior__(self, options: Any) -> ParamGroup:  # type: ignore[override, misc]
        self.update(options)
        return self

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def __reduce__(self) -> Any:
        return ParamGroup, (dict(self),)
