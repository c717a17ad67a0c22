"""Modified Bessel functions of the first kind, of the orders 0 and 1."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply, apply_
from rushlight.core.op import Op, elementwise
from rushlight.core.tensor import Tensor, method
from rushlight.ops.gammas import in_float64

__all__ = ["i0"]  # rl.special has the others

NEAR_0 = (
    0.33839763720473803, -0.3046826723431984, 0.17162090152220877, -0.09490109704804764,
    0.04930528423967071, -0.02373741480589947, 0.010546460394594998, -0.004324309995050576,
    0.0016394756169413357, -0.0005763755745385824, 0.00018850288509584165, -5.754195010082104e-05,
    1.6448448070728896e-05, -4.4167383584587505e-06, 1.1173875391201037e-06, -2.670793853940612e-07,
    6.046995022541919e-08, -1.300025009986248e-08, 2.6598237246823866e-09, -5.189795601635263e-10,
    9.675809035373237e-11, -1.726826291441556e-11, 2.95505266312964e-12, -4.856446783111929e-13,
    7.676185498604936e-14, -1.1685332877993451e-14, 1.715391285555133e-15, -2.431279846547955e-16,
    3.3307945188222384e-17, -4.4153416464793395e-18, 5.669178006921496e-19,
)  # fmt: skip
"""e^-x I0(x) on [0, 8] in Chebyshev polynomials of x / 4 - 1."""
FAR_0 = (
    0.4022452055070544, 0.0033691164782556943, 6.889758346916825e-05, 2.8913705208347567e-06,
    2.0489185894690638e-07, 2.266668990498178e-08, 3.3962320257083865e-09, 4.94060238822497e-10,
    1.1889147107846439e-11, -3.1499165279632416e-11, -1.3215811840447713e-11, -1.7941785315068062e-12,
    7.180124451383666e-13, 3.8527783827421426e-13, 1.5400862175214096e-14, -4.1505693472872216e-14,
    -9.554846698828314e-15, 3.811680669352604e-15, 1.7725601330565796e-15, -3.425485619677417e-16,
    -2.8276239805182743e-16, 3.4612228677322944e-17, 4.465621420306349e-17, -4.830504487447702e-18,
    -7.233180485913442e-18, 9.921475441517612e-19,
)  # fmt: skip
"""e^-x sqrt(x) I0(x) from 8 on, in those of 16 / x - 1."""
NEAR_1 = (
    0.12629359322181682, -0.17641651835783406, 0.1026436586898471, -0.05294598120809499,
    0.024726449030626516, -0.010564084894626197, 0.004156422944312888, -0.0015135724506312532,
    0.0005122859561685758, -0.00016176081582589674, 4.781565107550054e-05, -1.3273163656039436e-05,
    3.4702513081376785e-06, -8.568720264695455e-07, 2.0032947535521353e-07, -4.445059128796328e-08,
    9.381537386495773e-09, -1.8872497517228294e-09, 3.625590281552117e-10, -6.663489723502027e-11,
    1.1736186298890901e-11, -1.9839743977649436e-12, 3.223793365945575e-13, -5.042185504727912e-14,
    7.600684294735408e-15, -1.1055969477353862e-15, 1.5536319577362005e-16, -2.111421214358166e-17,
    2.7779141127610464e-18, -3.541581772542136e-19, 4.379302756655071e-20,
)  # fmt: skip
"""e^-x I1(x) / x on [0, 8], as above."""
FAR_1 = (
    0.38928811750914005, -0.009761097491361469, -0.00011058893876262371, -3.882564808877691e-06,
    -2.512236237870209e-07, -2.6314688468895196e-08, -3.835380385964237e-09, -5.589743462196584e-10,
    -1.8974958123505413e-11, 3.2526035830154884e-11, 1.4125807436613782e-11, 2.0356285441470896e-12,
    -7.198551776245908e-13, -4.0835511110921974e-13, -2.101541842772664e-14, 4.2724400167119504e-14,
    1.042027698412881e-14, -3.81440307243699e-15, -1.8803547755108365e-15, 3.3082023109211504e-16,
    2.962628997647643e-16, -3.2095259220292276e-17, -4.6503053684974685e-17, 4.414348324590344e-18,
    7.517296308797812e-18, -9.314178896000805e-19,
)  # fmt: skip
"""e^-x sqrt(x) I1(x) from 8 on, as above."""


def _chebyshev(t: Any, terms: tuple[float, ...]) -> Any:
    """The sum of `terms` times the Chebyshev polynomials of t, by Clenshaw's recurrence."""
    later, total, twice = 0.0, t * 0.0 + terms[-1], t * 2.0
    for term in terms[-2:0:-1]:
        later, total = total, twice * total - later + term
    return t * total - later + terms[0]


def _scaled(m: Any, x: Any, near: tuple[float, ...], far: tuple[float, ...], odd: bool) -> Any:
    size = m.abs(x)
    low, high = m.minimum(size, 8.0), m.maximum(size, 8.0)
    small = _chebyshev(low * 0.25 - 1.0, near)
    if odd:
        small = small * low
    large = _chebyshev(16.0 / high - 1.0, far) / m.sqrt(high)
    value = m.where(size <= 8.0, small, large)
    return m.where(x < 0.0, -value, value) if odd else value


def _i0e(m: Any, x: Any) -> Any:
    return _scaled(m, x, NEAR_0, FAR_0, False)


def _i1e(m: Any, x: Any) -> Any:
    return _scaled(m, x, NEAR_1, FAR_1, True)


def _sloped(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """I1'(x) = I0(x) - I1(x) / x, which is 1/2 at 0."""
    zero = x == 0
    safe = x.masked_fill(zero, 1.0)
    return g * (apply(I0, x) - y / safe).masked_fill(zero, 0.5)


def _sloped_e(g: Tensor, y: Tensor, x: Tensor) -> Tensor:
    zero = x == 0
    safe = x.masked_fill(zero, 1.0)
    return g * (apply(I0E, x) - y * (x.sign() + 1 / safe)).masked_fill(zero, 0.5)


I0: Op = elementwise(
    "i0",
    in_float64(lambda m, x: _i0e(m, x) * m.exp(m.abs(x))),
    (lambda g, y, x: g * apply(I1, x),),
    promote="float",
)
I0E: Op = elementwise(
    "i0e",
    in_float64(_i0e),
    (lambda g, y, x: g * (apply(I1E, x) - x.sign() * y),),
    saves="both",
    promote="float",
)
I1: Op = elementwise(
    "i1",
    in_float64(lambda m, x: _i1e(m, x) * m.exp(m.abs(x))),
    (_sloped,),
    saves="both",
    promote="float",
)
I1E: Op = elementwise("i1e", in_float64(_i1e), (_sloped_e,), saves="both", promote="float")


@method()
def i0(input: Tensor) -> Tensor:
    """The modified Bessel function I0: the mean of e^(x cos t) over a turn; d/dx = I1(x).

    >>> import rushlight as rl
    >>> rl.i0(rl.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return apply(I0, input)


@method()
def i0_(input: Tensor) -> Tensor:
    """x = I0(x), in its memory."""
    return apply_(I0, input)


def i0e(input: Tensor) -> Tensor:
    """e^-|x| I0(x), which does not overflow.

    >>> import rushlight as rl
    >>> rl.special.i0e(rl.tensor([1.0, 1000.0]))
    tensor([0.4658, 0.0126])
    """
    return apply(I0E, input)


def i1(input: Tensor) -> Tensor:
    """The modified Bessel function I1, the derivative of I0; d/dx = I0(x) - I1(x)/x.

    >>> import rushlight as rl
    >>> rl.special.i1(rl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.5652])
    """
    return apply(I1, input)


def i1e(input: Tensor) -> Tensor:
    """e^-|x| I1(x), which does not overflow.

    >>> import rushlight as rl
    >>> rl.special.i1e(rl.tensor([1.0, -1000.0]))
    tensor([ 0.2079, -0.0126])
    """
    return apply(I1E, input)
