"""Small parameters updated together.

A network has many small parameters, and for those a step's time goes into calls, not arithmetic. When a rule
works element by element, their gradients are therefore joined into one vector, the rule runs once on it, and
each parameter subtracts its part. The state Tensors of the parameters are then views of joint vectors. No
result changes by a bit.
"""

from __future__ import annotations

from operator import isub as subtract
from typing import TYPE_CHECKING, Any

from rushlight import ops
from rushlight.core.apply import apply, touch
from rushlight.core.composite import NoArray
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec
from rushlight.core.state import state as thread
from rushlight.core.state import untraced
from rushlight.core.tensor import Tensor, clock
from rushlight.optim.state import Entries

if TYPE_CHECKING:
    from rushlight.optim.base import Optimizer
    from rushlight.optim.group import ParamGroup

__all__ = ["Pack", "part", "plan"]

SMALL = 4096
"""Above this many elements the arithmetic costs more than the calls, and joining would only copy."""

JOIN = register(
    Op(
        "join",
        lambda m, *arrays: m.concatenate(arrays, axis=None),
        lambda *specs: Spec((sum(s.size for s in specs),), specs[0].dtype),
    )
)


def plan(params: list[Tensor], elementwise: bool) -> tuple[list[Pack], list[Tensor]]:
    """One Pack for each dtype that at least two small parameters share, and the parameters in none."""
    by_dtype: dict[Any, list[Tensor]] = {}
    for param in params:
        if elementwise and param.requires_grad and 0 < param.numel() <= SMALL:
            by_dtype.setdefault(param.dtype, []).append(param)
    packs = [Pack(members) for members in by_dtype.values() if len(members) > 1]
    packed = {id(p) for pack in packs for p in pack.members}
    return packs, [p for p in params if id(p) not in packed]


class Pack:
    """Parameters of one dtype and group that take their steps together while all have gradients.

    The first time that one of them has none, or that somebody replaced its state, the pack is given up for
    good and each goes its own way, with the state that it has.
    """

    def __init__(self, members: list[Tensor]) -> None:
        self.members = members
        self.given_up = False
        self.replaced = False
        self._shapes = [p.shape for p in members]
        self._state: dict[str, Any] = {}
        self._parts: list[dict[str, Any]] = []
        self._dtype = members[0].dtype

    def step(self, optimizer: Optimizer, group: ParamGroup) -> bool:
        """Takes the step and returns True; or changes nothing and returns False."""
        if thread.tracing and not self.given_up:
            # A compiled step has no calls to save; it updates each parameter with a state of its own.
            with untraced():
                self._give_up(optimizer)
        if self.given_up:
            return False
        grads = [p.grad for p in self.members]
        if not self._ready(optimizer, group, grads):
            self._give_up(optimizer)
            return False
        state = self._state
        param = apply(JOIN, *self.members) if optimizer.reads_params(group) else self._unread
        self._change.copy_(optimizer.update(param, apply(JOIN, *grads), state, group))
        _subtract_each(self.members, self._changes)
        if len(state) != len(self._parts[0]):
            self._hand_out(optimizer)
        return True

    def _ready(self, optimizer: Optimizer, group: ParamGroup, grads: list[Any]) -> bool:
        try:
            shapes = [None if g is None else g.array.shape for g in grads]
        except NoArray:  # a sparse one
            return False
        if self.replaced or shapes != self._shapes:
            return False
        if grads[0].array.dtype != self._dtype:
            return False
        if not self._parts:
            return self._gather(optimizer, group)
        held = optimizer.state
        return all(held.get(p) is part for p, part in zip(self.members, self._parts, strict=True))

    def _gather(self, optimizer: Optimizer, group: ParamGroup) -> bool:
        """Joins the members' states; False if they are at different points of their lives."""
        states = [optimizer.state.get(p) or {} for p in self.members]
        keys = states[0].keys()
        if any(s.keys() != keys for s in states):
            return False
        total = sum(p.numel() for p in self.members)
        # A rule that says it reads no parameters, and does so nevertheless, shall be noticed.
        self._unread = ops.full((total,), float("nan"), dtype=self._dtype)
        self._change = ops.zeros(total, dtype=self._dtype)
        self._changes = [view.array for view in self._split(self._change)]
        joint = optimizer.init_state(self._change, group) if not keys else {}
        for key in keys:
            values = [s[key] for s in states]
            if not all(isinstance(v, Tensor) for v in values):
                return False
            if [v.shape for v in values] == self._shapes:
                joint[key] = apply(JOIN, *values)
            elif all(v.ndim == 0 and v.item() == values[0].item() for v in values):
                joint[key] = values[0].clone()
            else:
                return False
        self._state = joint
        self._hand_out(optimizer)
        return True

    def _hand_out(self, optimizer: Optimizer) -> None:
        """Gives every member its view of the joint state."""
        parts: list[dict[str, Any]] = [_Part(self) for _ in self.members]
        for key, value in self._state.items():
            views = self._split(value) if value.ndim else [value] * len(parts)
            for part, view in zip(parts, views, strict=True):
                dict.__setitem__(part, key, view)
        self._parts = parts
        optimizer.state.update(zip(self.members, parts, strict=True))

    def _split(self, joint: Tensor) -> list[Tensor]:
        views = []
        start = 0
        for shape, member in zip(self._shapes, self.members, strict=True):
            views.append(joint[start : start + member.numel()].view(shape))
            start += member.numel()
        return views

    def _give_up(self, optimizer: Optimizer) -> None:
        self.given_up = True
        part(self.members, optimizer)


def part(params: list[Tensor], optimizer: Optimizer) -> None:
    """Give parameters whose states are parts of joint ones states of their own: counts are shared there."""
    for param in params:
        held = optimizer.state.get(param)
        if isinstance(held, _Part):
            optimizer.state[param] = {k: v if v.ndim else v.clone() for k, v in held.items()}


def _subtract_each(targets: list[Tensor], amounts: list[Any]) -> None:
    """``target.sub_(amount)`` for each pair. It runs under no_grad and never while tracing, so nothing has to
    be recorded but that the targets were written."""
    now = next(clock)
    for target, amount in zip(targets, amounts, strict=True):
        subtract(target.array, amount)
        if target._base is None:
            target._written = now
        else:
            touch(target)


class _Part(Entries):
    """A member's state: views of the joint state. Replacing an entry gives the pack up, whose vector no
    longer holds.
    """

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        self._pack = pack

    def __setitem__(self, key: str, value: Any) -> None:
        self._pack.replaced = True
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._pack.replaced = True
        super().__delitem__(key)

    def update(self, *args: Any, **entries: Any) -> None:
        for key, value in dict(*args, **entries).items():
            self[key] = value

    def pop(self, key: str, *default: Any) -> Any:
        self._pack.replaced = True
        return super().pop(key, *default)

    def clear(self) -> None:
        self._pack.replaced = True
        super().clear()
