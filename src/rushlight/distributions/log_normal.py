"""The log-normal distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.elementwise_transforms import ExpTransform
from rushlight.distributions.normal import Normal
from rushlight.distributions.transformed_distribution import TransformedDistribution, of_base

__all__ = ["LogNormal"]


class LogNormal(TransformedDistribution):
    """e^X for X normal of mean `loc` and deviation `scale`.

    >>> import rushlight as rl
    >>> rl.distributions.LogNormal(0.0, 1.0).mean
    tensor(1.6487)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True
    loc = of_base("loc", "The mean of X.")
    scale = of_base("scale", "The deviation of X.")

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale.square() / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Tensor:
        square = self.scale.square()
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc
