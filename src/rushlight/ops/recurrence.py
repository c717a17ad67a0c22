"""Recurrent cells over all steps of a batch of sequences, as formulas: LSTM, GRU and Elman's RNN.

The steps of all sequences lie one after the other as rows: `sizes[t]` rows of step t, of the sequences that
are that long, the longest sequence first. `pre` is what the inputs bring to the gates, x W_ihᵀ + b, for all
steps at once; a formula does what has to go step by step, and gives the state after every step.

They use no more of `m` than `composed` has too, so that each is its own `decompose`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

__all__ = ["before", "gru", "gru_grad", "lstm", "lstm_grad", "plan_of", "resized", "rnn", "rnn_grad", "take"]

Sizes = tuple[int, ...]
Rows = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Plan:
    """Where the rows of the steps lie.

    steps   (first row, end) of each step, in the order in which they run.
    before  for all rows in their order, where the state before them lies: (in the initial state, first, end).
    leave   the rows of the sequences' last steps, in the order of the sequences.
    """

    steps: Rows
    before: tuple[tuple[bool, int, int], ...]
    leave: Rows


@functools.lru_cache(256)
def plan_of(sizes: Sizes, reverse: bool) -> Plan:
    """The plan for `sizes` rows a step, run from the first step to the last, or in `reverse`."""
    ends = tuple(accumulate(sizes))
    steps = tuple((end - size, end) for end, size in zip(ends, sizes, strict=True))
    shrunk = [*sizes[1:], 0]
    if not reverse:
        long = _joined([(False, a + n, b) for (a, b), n in zip(steps, shrunk, strict=True)][::-1])
        earlier = [(False, a, a + n) for (a, _), n in zip(steps, shrunk, strict=True)]
        return Plan(steps, _joined([(True, 0, sizes[0]), *earlier]), tuple((a, b) for _, a, b in long))
    later: list[tuple[bool, int, int]] = []
    for (_, end), size, n in zip(steps, sizes, shrunk, strict=True):
        later += [(False, end, end + n), (True, n, size)]
    return Plan(steps[::-1], _joined(later), ((0, sizes[0]),))


def _joined(pieces: Sequence[tuple[bool, int, int]]) -> tuple[tuple[bool, int, int], ...]:
    """The same rows in as few pieces as can be."""
    found: list[tuple[bool, int, int]] = []
    for where, a, b in pieces:
        if found and found[-1][0] == where and found[-1][2] == a:
            found[-1] = (where, found[-1][1], b)
        elif a < b:
            found.append((where, a, b))
    return tuple(found or pieces[:1])  # of an empty batch, a piece without rows


def take(m: Any, x: Any, rows: Rows) -> Any:
    return x[rows[0][0] : rows[0][1]] if len(rows) == 1 else m.concatenate([x[a:b] for a, b in rows], 0)


def before(m: Any, initial: Any, x: Any, plan: Plan) -> Any:
    """The states before each row: those after it are `x`."""
    parts = [(initial if outside else x)[a:b] for outside, a, b in plan.before]
    return parts[0] if len(parts) == 1 else m.concatenate(parts, 0)


def resized(m: Any, held: Any, count: int, initial: Any) -> Any:
    """The state of the sequences that run in the next step: some have ended, or some begin."""
    have = held.shape[0]
    if have == count:
        return held
    return held[:count] if have > count else m.concatenate([held, initial[have:count]], 0)


def _arrived(m: Any, g: Any, carried: Any, first: Callable[[int, Any], None]) -> Any:
    """The gradient `g` of a step's states, and what the step after it passed back.

    What that passed back to sequences that began with it is for their initial states: those from the given
    one on, to which `first` gives it.
    """
    if carried is None:
        return g
    count, have = g.shape[0], carried.shape[0]
    if have == count:
        return g + carried
    if have > count:
        first(count, carried[count:])
        return g + carried[:count]
    return m.concatenate([g[:have] + carried, g[have:]], 0)


def _place(sheet: Any, start: int, first: int, rows: Any) -> None:
    sheet.write(start + first, rows)


def _backward(m: Any, plan: Plan, width: int, *after: tuple[Any, Any]) -> Iterator[tuple[Rows, list[Any]]]:
    """The steps from the last to the first, some at a time: their rows, and for all of those the states
    before them, of `after`, the states after every step with the initial ones.

    As many at a time as numbers, `width` a row, stay in the cache.
    """
    steps = plan.steps
    end = len(steps)
    while end:
        rows = max(1, steps[end - 1][1] - steps[end - 1][0])
        start = max(0, end - max(1, 32768 // (rows * width)))
        part, held = steps[start:end], []
        for x, first in after:
            old = [steps[k - 1] if k else None for k in range(start, end)]
            kept = [first if rows is None else x[rows[0] : rows[1]] for rows in old]
            kept = [resized(m, h, b - a, first) for h, (a, b) in zip(kept, part, strict=True)]
            held.append(kept[0] if len(kept) == 1 else m.concatenate(_in_order(kept, part), 0))
        yield part[::-1], held
        end = start


def _in_order(found: list[Any], steps: Rows) -> list[Any]:
    """What was found for steps, in the order of their rows."""
    return found if steps[0] < steps[-1] else found[::-1]


def _across(m: Any, w: Any, sizes: Sizes) -> Any:
    """wᵀ; for many products so that it lies in rows, which makes them twice as fast."""
    return m.turned(w) if len(sizes) > 1 else w.T


# Every step works on few numbers, which stay in the cache, and new memory for many is dear: so what the
# derivatives need again is computed again, step by step, and not kept.


def _opened(m: Any, x: Any) -> Any:
    """1 / (1 + e^-x)."""
    return m.tanh(x * 0.5) * 0.5 + 0.5


def _scales(m: Any, n: int, dtype: Any) -> tuple[Any, Any]:
    """(scale, shift), with which tanh(x * scale) * scale + shift opens the LSTM's three gates, and is tanh of
    the new values: one tanh serves all four."""
    half, one = m.full((n,), 0.5, dtype=dtype), m.full((n,), 1.0, dtype=dtype)
    return m.concatenate([half, half, one, half], 0), m.concatenate([half, half, one - one, half], 0)


def lstm(m: Any, pre: Any, w: Any, h0: Any, c0: Any, *, sizes: Sizes, reverse: bool) -> Any:
    """(h, c) after every step."""
    rows, n = pre.shape[0], w.shape[1]
    scale, shift = _scales(m, n, pre.dtype)
    wt, h, c, out = _across(m, w, sizes), h0, c0, m.sheet((2 * rows, n), pre.dtype)
    for a, b in plan_of(sizes, reverse).steps:
        h, c = resized(m, h, b - a, h0), resized(m, c, b - a, c0)
        y = m.tanh((pre[a:b] + m.matmul(h, wt)) * scale) * scale + shift
        c = y[:, n : 2 * n] * c + y[:, :n] * y[:, 2 * n : 3 * n]
        h = y[:, 3 * n :] * m.tanh(c)
        out.write(a, h)
        out.write(rows + a, c)
    return m.reshape(out.whole(), (2, rows, n))


def lstm_grad(
    m: Any, g: Any, out: Any, pre: Any, w: Any, h0: Any, c0: Any, *, sizes: Sizes, reverse: bool
) -> Any:
    """The gradients of the gates, four rows of the result for a row of theirs, of `h0` and of `c0`."""
    n, plan, rows, count = w.shape[1], plan_of(sizes, reverse), 4 * pre.shape[0], h0.shape[0]
    scale, shift = _scales(m, n, pre.dtype)
    wt, square, dh, dc = _across(m, w, sizes), scale * scale, None, None
    h, c, gh, gc, found = out[0], out[1], g[0], g[1], m.sheet((rows + 2 * count, n), pre.dtype)
    first_h, first_c = functools.partial(_place, found, rows), functools.partial(_place, found, rows + count)
    for steps, (h_old, c_old) in _backward(m, plan, 4 * n, (h, h0), (c, c0)):
        low, high = min(steps)[0], max(steps)[1]
        t = m.tanh((pre[low:high] + m.matmul(h_old, wt)) * scale)
        y, u = t * scale + shift, m.tanh(c[low:high])
        slope = m.concatenate([y[:, 2 * n : 3 * n], c_old, y[:, :n], u], 1) * ((1 - t * t) * square)
        through, keep = y[:, 3 * n :] - h[low:high] * u, y[:, n : 2 * n]
        for a, b in steps:
            dh, dc = _arrived(m, gh[a:b], dh, first_h), _arrived(m, gc[a:b], dc, first_c)
            dc = dc + dh * through[a - low : b - low]
            d = m.concatenate([dc, dc, dc, dh], 1) * slope[a - low : b - low]
            dh, dc = m.matmul(d, w), dc * keep[a - low : b - low]
            found.write(4 * a, m.reshape(d, (4 * (b - a), n)))
    first_h(0, dh)
    first_c(0, dc)
    return found.whole()


def gru(m: Any, pre: Any, w: Any, h0: Any, b: Any = None, *, sizes: Sizes, reverse: bool) -> Any:
    """h after every step."""
    n, wt, h, out = w.shape[1], _across(m, w, sizes), h0, m.sheet((pre.shape[0], w.shape[1]), pre.dtype)
    for first, end in plan_of(sizes, reverse).steps:
        h = resized(m, h, end - first, h0)
        come, x = m.matmul(h, wt), pre[first:end]
        come = come if b is None else come + b
        gate = _opened(m, x[:, : 2 * n] + come[:, : 2 * n])
        new = m.tanh(x[:, 2 * n :] + gate[:, :n] * come[:, 2 * n :])
        h = new + gate[:, n:] * (h - new)
        out.write(first, h)
    return out.whole()


def gru_grad(
    m: Any, g: Any, out: Any, pre: Any, w: Any, h0: Any, b: Any = None, *, sizes: Sizes, reverse: bool
) -> Any:
    """The gradients of what the state brought to the gates and of the new values, four rows of the result for
    a row of theirs, and of `h0`."""
    n, plan, rows = w.shape[1], plan_of(sizes, reverse), 4 * pre.shape[0]
    wt, dh, found = _across(m, w, sizes), None, m.sheet((rows + h0.shape[0], n), pre.dtype)
    first_h = functools.partial(_place, found, rows)
    for steps, (old,) in _backward(m, plan, 3 * n, (out, h0)):
        low, high = min(steps)[0], max(steps)[1]
        come, x = m.matmul(old, wt), pre[low:high]
        come = come if b is None else come + b
        gate = _opened(m, x[:, : 2 * n] + come[:, : 2 * n])
        r, z, come = gate[:, :n], gate[:, n:], come[:, 2 * n :]
        new = m.tanh(x[:, 2 * n :] + r * come)
        fresh = (1 - z) * (1 - new * new)
        part = fresh * r
        slope = m.concatenate([part * come * (1 - r), z * (old - new) * (1 - z), part, fresh], 1)
        for first, end in steps:
            dh = _arrived(m, g[first:end], dh, first_h)
            d = m.concatenate([dh, dh, dh, dh], 1) * slope[first - low : end - low]
            dh = m.matmul(d[:, : 3 * n], w) + dh * z[first - low : end - low]
            found.write(4 * first, m.reshape(d, (4 * (end - first), n)))
    first_h(0, dh)
    return found.whole()


def rnn(m: Any, pre: Any, w: Any, h0: Any, *, relu: bool, sizes: Sizes, reverse: bool) -> Any:
    """h after every step."""
    wt, h, out = _across(m, w, sizes), h0, m.sheet(pre.shape, pre.dtype)
    for a, b in plan_of(sizes, reverse).steps:
        x = pre[a:b] + m.matmul(resized(m, h, b - a, h0), wt)
        h = m.maximum(x, 0) if relu else m.tanh(x)
        out.write(a, h)
    return out.whole()


def rnn_grad(m: Any, g: Any, out: Any, w: Any, *, relu: bool, sizes: Sizes, reverse: bool) -> Any:
    """The gradients of what comes to tanh or ReLU, a row each, and of `h0`."""
    rows, n = out.shape
    dh, found = None, m.sheet((rows + sizes[0], n), out.dtype)
    first_h = functools.partial(_place, found, rows)
    for a, b in plan_of(sizes, reverse).steps[::-1]:
        dh, y = _arrived(m, g[a:b], dh, first_h), out[a:b]
        d = m.kept(y != 0, dh) if relu else dh * (1 - y * y)
        dh = m.matmul(d, w)
        found.write(a, d)
    first_h(0, dh)
    return found.whole()
