"""Tensors that are held as several others: what is done with one is done with its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from rushlight.core.op import Op
from rushlight.core.tensor import Tensor
from rushlight.errors import NotSupportedError, message

__all__ = ["Composite", "NoArray"]


class NoArray(NotSupportedError):
    """The numbers of a composite tensor were asked for as one array, which it does not have."""

    def __init__(self, tensor: Composite) -> None:
        got = f"a {tensor.kind} tensor, which has no array of numbers"
        super().__init__(message("this function", got, "a dense one", tensor.remedy))
        self.tensor = tensor


class Composite(Tensor):
    """A tensor without an array of its own, made of dense tensors.

    `apply` hands it every operation that it takes part in (`compute`); the compiler takes it apart into its
    parts, which are tensors like others, and makes it again of what stands for them. A gradient belongs to
    the parts: the composite itself is on no graph (`node` is None).
    """

    kind = "composite"
    remedy = ""

    @property
    def array(self) -> Any:
        """There is none: raises NoArray."""
        raise NoArray(self)

    def parts(self) -> tuple[Tensor, ...]:
        """The dense tensors that it is made of."""
        raise NotImplementedError

    def facts(self) -> tuple[Any, ...]:
        """All else that it is made of, hashable."""
        raise NotImplementedError

    def rebuilt(self, parts: Sequence[Any]) -> Composite:
        """The same of other parts."""
        raise NotImplementedError

    def compute(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """The result of `op` on `inputs`, of which this is one."""
        self.refuse(op.name)

    def refuse(self, name: str) -> NoReturn:
        """Raise NotSupportedError for an operation that it has not."""
        raise NotSupportedError(message(name, f"a {self.kind} tensor", "dense ones", self.remedy))
