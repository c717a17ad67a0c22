"""Recurrent cells over all steps of a batch of sequences, as formulas: LSTM, GRU and Elman's RNN.

The steps of all sequences lie one after the other as rows: `sizes[t]` rows of step t, of the sequences that
are that long, the longest sequence first. `pre` is what the inputs bring to the gates, x W_ihᵀ + b, for all
steps at once; a formula does what has to go step by step, and gives the state after every step.

They use no more of `m` than `composed` has too, so that each is its own `decompose`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

__all__ = ["before", "gru", "gru_grad", "lstm", "lstm_grad", "plan_of", "rnn", "rnn_grad", "take"]

Sizes = tuple[int, ...]
Rows = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Plan:
    """Where the rows of the steps lie.

    steps   (first row, end) of each step, in the order in which they run.
    before  for all rows in their order, where the state before them lies: (in the initial state, first, end).
    enter   the rows at which the sequences begin to run, in the order of the sequences; `leave`: end.
    """

    steps: Rows
    before: tuple[tuple[bool, int, int], ...]
    enter: Rows
    leave: Rows


@functools.lru_cache(256)
def plan_of(sizes: Sizes, reverse: bool) -> Plan:
    """The plan for `sizes` rows a step, run from the first step to the last, or in `reverse`."""
    ends = tuple(accumulate(sizes))
    steps = tuple((end - size, end) for end, size in zip(ends, sizes, strict=True))
    shrunk = [*sizes[1:], 0]
    long = _joined([(False, a + n, b) for (a, b), n in zip(steps, shrunk, strict=True)][::-1])
    first, last = ((0, sizes[0]),), tuple((a, b) for _, a, b in long)
    if not reverse:
        earlier = [(False, a, a + n) for (a, _), n in zip(steps, shrunk, strict=True)]
        return Plan(steps, _joined([(True, 0, sizes[0]), *earlier]), first, last)
    later: list[tuple[bool, int, int]] = []
    for (_, end), size, n in zip(steps, sizes, shrunk, strict=True):
        later += [(False, end, end + n), (True, n, size)]
    return Plan(steps[::-1], _joined(later), last, first)


def _joined(pieces: Sequence[tuple[bool, int, int]]) -> tuple[tuple[bool, int, int], ...]:
    """The same rows in as few pieces as can be."""
    found: list[tuple[bool, int, int]] = []
    for where, a, b in pieces:
        if found and found[-1][0] == where and found[-1][2] == a:
            found[-1] = (where, found[-1][1], b)
        elif a < b:
            found.append((where, a, b))
    return tuple(found)




def take(m: Any, x: Any, rows: Rows) -> Any:
    return x[rows[0][0] : rows[0][1]] if len(rows) == 1 else m.concatenate([x[a:b] for a, b in rows], 0)


def before(m: Any, initial: Any, x: Any, plan: Plan) -> Any:
    """The states before each row: those after it are `x`."""
    parts = [(initial if outside else x)[a:b] for outside, a, b in plan.before]
    return parts[0] if len(parts) == 1 else m.concatenate(parts, 0)


def _resized(m: Any, held: Any, count: int, initial: Any) -> Any:
    """The state of the sequences that run in the next step: some have ended, or some begin."""
    have = held.shape[0]
    if have == count:
        return held
    return held[:count] if have > count else m.concatenate([held, initial[have:count]], 0)


def _arrived(m: Any, g: Any, carried: Any) -> Any:
    """The gradient `g` of a step's states, and what the step after it passed back."""
    if carried is None:
        return g
    count, have = g.shape[0], carried.shape[0]
    if have >= count:
        return g + (carried if have == count else carried[:count])
    return m.concatenate([g[:have] + carried, g[have:]], 0)


def _in_rows(m: Any, found: list[Any], reverse: bool) -> Any:
    """The steps' results, listed in the order in which they ran, as rows."""
    if len(found) == 1:
        return found[0]
    return m.concatenate(found[::-1] if reverse else found, 0)


def _opened(m: Any, x: Any) -> Any:
    """1 / (1 + e^-2x): a gate, of half of what comes to it."""
    return m.tanh(x) * 0.5 + 0.5


def _halved(m: Any, x: Any, width: int) -> Any:
    """The columns of the LSTM's three gates halved, so that one tanh serves them and the new values."""
    return m.concatenate([x[:, : 2 * width] * 0.5, x[:, 2 * width : 3 * width], x[:, 3 * width :] * 0.5], 1)


def lstm(m: Any, pre: Any, w: Any, h0: Any, c0: Any, *, sizes: Sizes, reverse: bool) -> Any:
    n = w.shape[1]
    pre, wt = _halved(m, pre, n), _halved(m, w.T, n)
    h, c, hs, cs = h0, c0, [], []
    for a, b in plan_of(sizes, reverse).steps:
        h, c = _resized(m, h, b - a, h0), _resized(m, c, b - a, c0)
        t = m.tanh(pre[a:b] + m.matmul(h, wt))
        gate = t * 0.5 + 0.5
        c = gate[:, n : 2 * n] * c + gate[:, :n] * t[:, 2 * n : 3 * n]
        h = gate[:, 3 * n :] * m.tanh(c)
        hs.append(h)
        cs.append(c)
    both = m.concatenate([_in_rows(m, hs, reverse), _in_rows(m, cs, reverse)], 0)
    return m.reshape(both, (2, pre.shape[0], n))


def lstm_grad(
    m: Any, g: Any, out: Any, pre: Any, w: Any, h0: Any, c0: Any, *, sizes: Sizes, reverse: bool
) -> Any:
    """A row each: the gradients of its gates (4 h), and of the cell state before it (h)."""
    n, plan = w.shape[1], plan_of(sizes, reverse)
    old = before(m, c0, out[1], plan)
    come = m.matmul(before(m, h0, out[0], plan), _halved(m, w.T, n))
    t, u = m.tanh(_halved(m, pre, n) + come), m.tanh(out[1])
    gate = t * 0.5 + 0.5
    i, f, o, new = gate[:, :n], gate[:, n : 2 * n], gate[:, 3 * n :], t[:, 2 * n : 3 * n]
    slope = m.concatenate([new * i * (1 - i), old * f * (1 - f), i * (1 - new * new), u * o * (1 - o)], 1)
    through = o * (1 - u * u)
    gh, gc, dh, dc, gates, cells = g[0], g[1], None, None, [], []
    for a, b in plan.steps[::-1]:
        dh = _arrived(m, gh[a:b], dh)
        dc = _arrived(m, gc[a:b], dc) + dh * through[a:b]
        d = m.concatenate([dc, dc, dc, dh], 1) * slope[a:b]
        dh, dc = m.matmul(d, w), dc * f[a:b]
        gates.append(d)
        cells.append(dc)
    return m.concatenate([_in_rows(m, gates, not reverse), _in_rows(m, cells, not reverse)], 1)


def gru(m: Any, pre: Any, w: Any, h0: Any, b: Any = None, *, sizes: Sizes, reverse: bool) -> Any:
    n, wt, h, hs = w.shape[1], w.T, h0, []
    for first, end in plan_of(sizes, reverse).steps:
        h = _resized(m, h, end - first, h0)
        come, x = m.matmul(h, wt), pre[first:end]
        come = come if b is None else come + b
        gate = _opened(m, (x[:, : 2 * n] + come[:, : 2 * n]) * 0.5)
        new = m.tanh(x[:, 2 * n :] + gate[:, :n] * come[:, 2 * n :])
        h = new + gate[:, n:] * (h - new)
        hs.append(h)
    return _in_rows(m, hs, reverse)


def gru_grad(
    m: Any, g: Any, out: Any, pre: Any, w: Any, h0: Any, b: Any = None, *, sizes: Sizes, reverse: bool
) -> Any:
    """A row each: the gradients of what the state brought to the gates (3 h), of the new values (h), and of
    the state before it where it is passed on (h)."""
    n, plan = w.shape[1], plan_of(sizes, reverse)
    old = before(m, h0, out, plan)
    come = m.matmul(old, w.T)
    come = come if b is None else come + b
    gate = _opened(m, (pre[:, : 2 * n] + come[:, : 2 * n]) * 0.5)
    r, z, come = gate[:, :n], gate[:, n:], come[:, 2 * n :]
    new = m.tanh(pre[:, 2 * n :] + r * come)
    fresh = (1 - z) * (1 - new * new)
    slope = m.concatenate([fresh * come * r * (1 - r), (old - new) * z * (1 - z), fresh * r, fresh, z], 1)
    dh, found = None, []
    for first, end in plan.steps[::-1]:
        dh = _arrived(m, g[first:end], dh)
        d = m.concatenate([dh, dh, dh, dh, dh], 1) * slope[first:end]
        dh = m.matmul(d[:, : 3 * n], w) + d[:, 4 * n :]
        found.append(d)
    return _in_rows(m, found, not reverse)


def rnn(m: Any, pre: Any, w: Any, h0: Any, *, relu: bool, sizes: Sizes, reverse: bool) -> Any:
    wt, h, hs = w.T, h0, []
    for a, b in plan_of(sizes, reverse).steps:
        x = pre[a:b] + m.matmul(_resized(m, h, b - a, h0), wt)
        h = m.maximum(x, 0) if relu else m.tanh(x)
        hs.append(h)
    return _in_rows(m, hs, reverse)


def rnn_grad(
    m: Any, g: Any, out: Any, w: Any, *, relu: bool, sizes: Sizes, reverse: bool
) -> Any:
    """The gradients of what comes to tanh or ReLU."""
    slope, dh, found = None if relu else 1 - out * out, None, []
    for a, b in plan_of(sizes, reverse).steps[::-1]:
        dh = _arrived(m, g[a:b], dh)
        d = m.kept(out[a:b] != 0, dh) if slope is None else dh * slope[a:b]
        dh = m.matmul(d, w)
        found.append(d)
    return _in_rows(m, found, not reverse)


