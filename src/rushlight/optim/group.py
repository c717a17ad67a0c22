"""A parameter group: a dict for people, whose numbers a step reads as Tensors."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor
from rushlight.ops.creation import is_traced

__all__ = ["ParamGroup"]


class ParamGroup(dict[str, Any]):
    """The parameters ("params") that share options such as "lr", as in PyTorch's ``optimizer.param_groups``.

    ``group["lr"]`` is the number that was set. ``group.tensor("lr", dtype)`` is the 0-d Tensor that holds it
    for parameters of that dtype, always the same Tensor: setting the option writes into it. A compiled step
    takes it as an input, so that a changed learning rate takes effect without compiling again. A number
    that a compiled step reads as ``group["nesterov"]`` freezes into it, and a change compiles anew;
    ``group.on("momentum")`` only tells whether there is any. Rules whose numbers a schedule may move, as
    OneCycleLR moves ``betas``, read them by ``group.number("betas", dtype, 0)``: as Python's numbers, whose
    code is faster, until they change, and as Tensors from then on.

    >>> import rushlight as rl
    >>> group = rl.optim.SGD([rl.nn.Parameter(rl.zeros(2))], lr=0.5).param_groups[0]
    >>> lr = group.tensor("lr", rl.float32)
    >>> group["lr"] = 0.25
    >>> lr.item(), group["lr"]
    (0.25, 0.25)
    """

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self._inside = state.tracing
        self._tensors: dict[tuple[Any, ...], Tensor] = {}
        self.changes = 0
        """How often something changed that a compiled step takes for granted."""
        self.frozen: set[str] = set()
        """The options that compiled steps read as Python's numbers."""
        self.moved: set[str] = set()
        """The options that changed after a compiled step had read them so."""
        self.asked: set[str] = set()
        """The options of which some rule asked whether they are on."""
        self.update(options)

    def tensor(self, name: str, dtype: Any, part: int | None = None) -> Tensor:
        """The 0-d Tensor of ``dtype`` that always holds ``self[name]``, or ``self[name][part]``."""
        key = (name, dtype) if part is None else (name, dtype, part)
        found = self._tensors.get(key)
        if found is None:
            value = super().__getitem__(name)
            if is_traced(value):
                return ops.full((), value, dtype=dtype)
            number = float(value if part is None else value[part])
            if self._inside and state.tracing:  # each call makes the group anew
                return ops.full((), number, dtype=dtype)
            found = self._tensors[key] = ops.tensor(number, dtype=dtype)
        return found

    def number(self, name: str, dtype: Any, part: int | None = None) -> Any:
        """``self[name]``, or ``self[name][part]``; once it changed, as in ``tensor``."""
        if name in self.moved:
            return self.tensor(name, dtype, part)
        value = self[name]
        return value if part is None else value[part]

    def tensors(self) -> list[tuple[tuple[Any, ...], Tensor]]:
        """The pairs (arguments of ``tensor``, what it gave) that were asked for so far."""
        return list(self._tensors.items())

    def on(self, name: str) -> bool:
        """Whether the option is neither 0 nor False nor None; for rules that take its number as a Tensor."""
        self.asked.add(name)
        return bool(super().__getitem__(name))

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if state.tracing and not is_traced(found):
            self.frozen.add(name)
        return found

    def __setitem__(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and value.ndim == 0:
            value = value.item()
        before = super().get(name)
        if is_traced(value) and name in self:  # a schedule, say, which the program then follows
            super().__setitem__(name, value)
            with no_grad():
                for (key, dtype, *part), held in self._tensors.items():
                    if key == name and not part:
                        held.copy_(ops.full((), value, dtype=dtype))
            return
        if state.tracing and not self._inside and name in self and before == value:
            self.frozen.add(name)  # every call sets it to this: a change elsewhere does not last
            return
        super().__setitem__(name, value)
        if name in self.frozen or (name in self.asked and bool(before) is not bool(value)):
            self.changes += 1
        if name in self.frozen and before != value:
            self.frozen.discard(
                name
            )  # programs made before are made anew; if they read it so again, it is back
            self.moved.add(name)
        with no_grad():
            for (key, _, *part), held in self._tensors.items():
                if key == name:
                    held.fill_(float(value[part[0]] if part else value))

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

    def get(self, name: str, default: Any = None) -> Any:
        if state.tracing and name not in self:
            self.frozen.add(name)
        return self[name] if name in self else default  # noqa: SIM401  (that would be this method)

    def items(self) -> Any:
        return [(name, self[name]) for name in self]

    def values(self) -> Any:
        return [self[name] for name in self]

    def __reduce__(self) -> Any:
        return ParamGroup, (dict(self),)
