"""The chi-squared distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.gamma import Gamma
from rushlight.distributions.utils import as_values

__all__ = ["Chi2"]


class Chi2(Gamma):
    """The sum of `df` squares of standard normal numbers: Gamma(df / 2, 1/2).

    >>> import rushlight as rl
    >>> rl.distributions.Chi2(rl.tensor([3.0])).mean
    tensor([3.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (value,) = as_values(df)
        super().__init__(0.5 * value, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2

    def _check_parameters(self) -> None:
        self._check_one("df", self.df)
