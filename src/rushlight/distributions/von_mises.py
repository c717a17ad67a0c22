"""The von Mises distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.distributions import constraints
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.utils import broadcast_all
from rushlight.ops import where
from rushlight.ops.bessel import i0e, i1e
from rushlight.ops.gamma_draws import accepted
from rushlight.ops.random import uniform
from rushlight.ops.trigonometry import acos

__all__ = ["VonMises"]

PROPOSALS = 32
"""At least 65 of 100 are accepted: none of 32 is in 1 of 10^14 draws."""


class VonMises(Distribution):
    """Angles around `loc`: p(x) = e^(k cos(x - loc)) / (2 pi I0(k)), k = `concentration`.

    >>> import rushlight as rl
    >>> rl.distributions.VonMises(rl.tensor([0.0]), rl.tensor([1.0])).variance
    tensor([0.5536])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "concentration": constraints.positive,
    }
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The circular variance."""
        return 1 - i1e(self.concentration) / i0e(self.concentration)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Best's and Fisher's method (1979), in float64, with a fixed count of proposals."""
        with no_grad():
            shape = self._extended_shape(sample_shape)
            k, loc = self.concentration.to(xp.float64), self.loc.to(xp.float64)
            tau = 1 + (1 + 4 * k * k).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * k)
            r = where(k < 1e-5, 1 / k + k, (1 + rho * rho) / (2 * rho))
            u = uniform((PROPOSALS, 3, *shape), xp.float64, None)
            z = (u[:, 0] * math.pi).cos()
            f = ((1 + r * z) / (r + z)).clamp(min=-1.0, max=1.0)
            c = k * (r - f)
            u2 = 1 - u[:, 1]
            fits = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
            turned = accepted(fits, (u[:, 2] - 0.5).sign() * acos(f)) + loc
            return ((turned + math.pi) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        k = self.concentration
        return k * ((value - self.loc).cos() - 1) - math.log(2 * math.pi) - i0e(k).log()
