"""Samples of borders, windows and convolutions."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply
from rushlight.ops.conv import convolution
from rushlight.ops.pad import PAD, constant_pad
from tests.samples.record import X, sample

# A table: an entry costs a line or two.
# fmt: off


def _pad(L: Any, x: Any, *given: Any) -> Any:
    if L.__name__ == "rushlight":
        return constant_pad(x, *given)
    return L.nn.functional.pad(x, given[0], "constant", *given[1:])


def _conv(L: Any, *given: Any) -> Any:
    return (convolution if L.__name__ == "rushlight" else L.convolution)(*given)


for _amounts in ((1, 2), (0, 3, 2, 0), (-1, 1), (1, 0, -1, 0), (-1, -1, 2, 2), (0, 0)):
    sample("constant_pad_nd", lambda L, x, a=_amounts: _pad(L, x, a), X(2, 3), X(2, 2, 4),
        X(3, 3, layout="transposed"))
    sample("constant_pad_nd", lambda L, x, a=_amounts: _pad(L, x, a, 1.5), X(2, 3))
sample("constant_pad_nd", lambda L, x: _pad(L, x, (2, 1)), X(3), X(0, 3), X(2, 0))
sample("__getitem__", lambda L, x: x[1::3, ::2], X(9, 6), X(2, 3))
sample("constant_pad_nd", lambda L, x: apply(PAD, x, low=(1, -1), high=(0, 2), inner=(2, 1), value=0.5),
    X(2, 3), peer=False)
sample("unfold", lambda L, x: x.unfold(0, 3, 2), X(5), X(6, 2), X(3, 0))
sample("unfold", lambda L, x: x.unfold(-1, 2, 1), X(2, 3), X(4, 2, 4, layout="strided"))
sample("unfold", lambda L, x: x.unfold(1, 2, 3) * 2, X(2, 8), X(2, 3, 2, layout="transposed"))
sample("unfold", lambda L, x: x.unfold(0, 2, 1).unfold(1, 2, 2).amax((2, 3)), X(5, 4))

# Convolutions: stride, padding, dilation, transposed, output_padding, groups

for _shapes, _how in (
    (((2, 2, 5), (3, 2, 3)), ((1,), (1,), (1,), False, (0,), 1)),
    (((1, 4, 6), (2, 2, 2)), ((2,), (0,), (2,), False, (0,), 2)),
    (((2, 1, 4, 5), (2, 1, 3, 2)), ((1, 1), (0, 0), (1, 1), False, (0, 0), 1)),
    (((1, 2, 5, 6), (2, 2, 2, 3)), ((2, 3), (1, 2), (2, 1), False, (0, 0), 1)),
    (((2, 3, 4, 4), (3, 1, 3, 3)), ((1, 1), (1, 1), (1, 1), False, (0, 0), 3)),
    (((2, 3, 4, 4), (4, 3, 1, 1)), ((1, 1), (0, 0), (1, 1), False, (0, 0), 1)),
    (((1, 2, 3, 4, 3), (2, 2, 2, 1, 2)), ((1, 2, 1), (1, 0, 0), (1, 1, 1), False, (0, 0, 0), 1)),
    (((2, 2, 4), (2, 3, 3)), ((1,), (1,), (1,), True, (0,), 1)),
    (((1, 4, 3, 4), (4, 1, 3, 2)), ((2, 1), (1, 0), (1, 2), True, (1, 0), 2)),
    (((1, 2, 3), (2, 1, 2)), ((2,), (0,), (3,), True, (2,), 1)),
):
    _out = _shapes[1][1] * _how[5] if _how[3] else _shapes[1][0]
    sample("convolution", lambda L, x, w, h=_how: _conv(L, x, w, None, *h), tuple(X(*s) for s in _shapes),
        exact=False)
    sample("convolution", lambda L, x, w, b, h=_how: _conv(L, x, w, b, *h),
        (*[X(*s) for s in _shapes], X(_out)), exact=False)
sample("convolution", lambda L, x, w: _conv(L, x, w, None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1),
    (X(0, 2, 3, 3), X(2, 2, 3, 3)), (X(2, 2, 4, 3, layout="transposed"), X(2, 2, 2, 4, layout="strided")),
    exact=False)
