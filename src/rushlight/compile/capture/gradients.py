"""The gradients of tensors while a function is traced: what it puts into `.grad` only its own thread sees."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.compile.capture.placeholder import GradOf, Placeholder, TraceError
from rushlight.core.composite import Composite
from rushlight.core.tensor import Tensor
from rushlight.errors import message

__all__ = ["Gradients", "Left", "note_user", "numbers_of", "was_used_up"]


@dataclass(slots=True)
class Left:
    """What a function does to gradients.

    left     pairs (a tensor, or the number of an argument; its gradient) that it leaves behind.
    cleared  tensors that had gradients, and have none when it is done.
    emptied  tensors that it gives None for a gradient, whatever they had.
    over     the numbers of arguments whose gradients it sets, whatever they had.
    """

    left: list[tuple[Tensor | int, Tensor]]
    cleared: list[Tensor]
    emptied: list[Tensor]
    over: list[int]


def numbers_of(grad: Tensor) -> Tensor:
    """The gradient, or the values of a sparse one."""
    return grad.parts()[-1] if isinstance(grad, Composite) else grad


def was_used_up(tensor: Tensor) -> bool:
    """Whether the tensor's gradient is missing because a compiled call used it up, as the last that happened
    to it."""
    at, up = tensor._emptied, False
    for last, uses_up, _ in tensor._users:
        if last.at > at:
            at, up = last.at, uses_up
    return up and tensor._grad is None


def note_user(tensor: Tensor, last: Any, uses_up: bool, owner: Any) -> None:
    """The program `owner` uses the tensor's gradient up, or forgets it, when it runs: `last` says when."""
    users = [*tensor._users, (last, uses_up, weakref.ref(owner))]
    latest = max(users, key=lambda user: user[0].at)
    tensor._users = tuple(user for user in users if user is latest or user[2]() is not None)


class Gradients:
    """Takes the place of the tensors' own `.grad` in the thread that traces (`state.grads`)."""

    def __init__(self) -> None:
        self._now: dict[int, tuple[Tensor, Tensor | None]] = {}
        self._read: set[int] = set()
        self._set: set[int] = set()

    def get(self, tensor: Tensor) -> Tensor | None:
        """The gradient that the function sees; raises TraceError for a sparse one from outside."""
        if id(tensor) not in self._now:
            self._read.add(id(tensor))
        found = self._seen(tensor)
        if isinstance(found, Composite) and found is tensor._grad:
            got = f"a {found.kind} gradient from before the call"
            remedy = "Call zero_grad() and backward() inside the function, too."
            raise TraceError(message("compile", got, "one that the function computes", remedy))
        return found

    def adds_to_what_was(self, tensor: Tensor) -> bool:
        """Whether the function looked for a gradient before it set one: the next call would find this
        call's."""
        return id(tensor) in self._read

    def read(self) -> tuple[list[Tensor], list[Tensor]]:
        """The tensors from outside of which the function looked for a gradient, before it set one: those that
        had none, and those that had one."""
        known = [
            t for t, _ in self._now.values() if id(t) in self._read and not isinstance(t.array, Placeholder)
        ]
        return [t for t in known if t._grad is None], [t for t in known if t._grad is not None]

    def relied_on(self, written: Collection[int]) -> list[Tensor]:
        """The tensors that the function writes (`written`: their ids) and that it takes to have no gradient:
        it adds to what an earlier call left, and uses it.

        Raises TraceError where an earlier call used that up.
        """
        found = [t for t in self.read()[0] if id(t) in written]
        for tensor in found:
            if was_used_up(tensor):
                got = f"a step by a gradient of shape {tuple(tensor.shape)} that an earlier call used up"
                remedy = "Call zero_grad() in every call, or leave optimizer.step() outside the function."
                raise TraceError(message("compile", got, "one that adds up over the calls, or none", remedy))
        return found

    def _seen(self, tensor: Tensor) -> Tensor | None:
        return self._now.setdefault(id(tensor), (tensor, tensor._grad))[1]

    def set(self, tensor: Tensor, grad: Tensor | None) -> None:
        """The function sets a gradient."""
        self._set.add(id(tensor))
        self._now[id(tensor)] = tensor, grad

    def forget(self) -> None:
        """Let go of all gradients."""
        self._now.clear()
        self._read.clear()
        self._set.clear()

    def find(self, stand_ins: Sequence[Tensor], lifted: Sequence[Tensor]) -> Left:
        """What is left, of the arguments and of tensors from outside.

        Raises TraceError where something from outside was put there.
        """
        outside = self._outside(lifted)
        leaves: list[tuple[Tensor | int, Tensor]] = [*enumerate(stand_ins), *[(t, t) for t in outside]]
        left = []
        for key, t in leaves:
            grad = self._seen(t)
            if grad is None or grad is t._grad:
                continue
            if isinstance(numbers_of(grad).array, Placeholder):
                left.append((key, grad))
            elif t is key:
                got = "a tensor from outside put into the .grad of a parameter"
                expected = "gradients from backward()"
                raise TraceError(message("compile", got, expected, "Do that before the call."))
        cleared = [t for t in outside if t._grad is not None and self._seen(t) is not t._grad]
        emptied = [t for t in outside if id(t) in self._set and self._seen(t) is None]
        over = [i for i, t in enumerate(stand_ins) if id(t) in self._set and id(t) not in self._read]
        return Left(left, cleared, emptied, over)

    def through_parameters(self, stand_ins: Sequence[Tensor], lifted: Sequence[Tensor]) -> list[Any]:
        """The lifted tensors; gradients among them are found through their parameters in each call.

        Raises TraceError for the gradient of an argument.
        """
        kept = {id(t._grad) for t in stand_ins if t._grad is not None}
        if any(id(t) in kept for t in lifted):
            got, expected = "an argument that has a gradient already", "gradients of arguments to be new"
            raise TraceError(message("backward", got, expected, "Set x.grad = None before the call."))
        owners = {id(t._grad): t for t in self._outside(lifted) if t._grad is not None}
        return [GradOf(owners[id(t)]) if id(t) in owners else t for t in lifted]

    def _outside(self, lifted: Sequence[Tensor]) -> list[Tensor]:
        """The tensors that were there before, each once."""
        met = [t for t, _ in self._now.values() if not isinstance(t.array, Placeholder)]
        return [*{id(t): t for t in (*lifted, *met)}.values()]
