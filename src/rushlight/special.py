"""Special functions, as in ``torch.special``; what the root has too is the same function.

>>> import rushlight as rl
>>> rl.special.gammaln(rl.tensor([5.0])).exp()
tensor([24.])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight import ops
from rushlight.errors import namespace
from rushlight.ops.activation import sigmoid as expit
from rushlight.ops.bessel import i0, i0e, i1, i1e
from rushlight.ops.elementwise import erf, expm1, log1p, round
from rushlight.ops.erfs import entr, erfc, erfcx, erfinv, log_ndtr, ndtr, ndtri, xlog1py
from rushlight.ops.gammas import digamma, polygamma, zeta
from rushlight.ops.gammas import digamma as psi
from rushlight.ops.gammas import igamma as gammainc
from rushlight.ops.gammas import igammac as gammaincc
from rushlight.ops.gammas import lgamma as gammaln
from rushlight.ops.gammas import mvlgamma as multigammaln
from rushlight.ops.softmax import log_softmax, logsumexp, softmax

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "softmax",
    "xlog1py",
    "zeta",
]

if not TYPE_CHECKING:
    # These stand with the root's operations.
    for _name in ("exp2", "logit", "sinc", "xlogy"):
        if _name in ops.__all__:
            globals()[_name] = getattr(ops, _name)
            __all__.append(_name)
    for _name in ops.out.SPECIAL.intersection(__all__):
        globals()[_name] = ops.out.with_out(globals()[_name], __name__, _name)
    __getattr__, __dir__ = namespace(__name__, __all__)
