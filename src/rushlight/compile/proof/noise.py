"""How much rounding matters: a graph run several times side by side, each time rounded otherwise.

A right program rounds where the graph rounds, but otherwise: it adds in another order, fuses a product with a
sum, has approximations of its own. So every result that is rounded is moved by a few units in the last place,
at random, and the runs drift apart as right programs may. What no program may round stays as it is: inputs,
what is only moved or chosen, comparisons, and sums and products of small whole numbers.

These runs decide all comparisons alike. Others (`wild`) find what rounding decides: each operation is tried
with its operands moved further, as far as a right program may be off, and with 0 in the place of operands
that are nothing but noise. Where the result then jumps, to another branch, to infinity or to nan, the jump is
one of the results that rounding may have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.compile.graph import Graph, Node, Value
from rushlight.compile.interpret import run_node as interpreted
from rushlight.compile.loops import unrolled
from rushlight.core.lower import Contract, Reduce
from rushlight.device import m, xp
from rushlight.device.random import coins, moved, shaken

__all__ = ["noise", "widest"]

FIRST, RUNS, ULPS, FACTOR = 2, 16, 4.0, 32.0
"""How many runs of the quick kind and of the thorough, by how many units in the last place each result is
moved, and how many times as far a right program may be off."""
FEWEST, WORK = 3, 30_000_000
"""Of many numbers fewer runs are made, so that all compute no more than so many, about a second's work; but
this many at least."""
IN_A_ROW, DEEPEST = 64, 1024
"""Terms that a kernel adds up one after the other: of a sum, and of a product."""
JUMP, LEAPS = 4.0 * FACTOR, 4.0
"""A result that moves so many times as far as small moves explain has met a discontinuity; and how many times
as far as jumps reach a right program may be off."""

INFINITY = float("inf")
GRAIN, LARGEST = 16.0, 256.0
"""Multiples of 1/16 up to 256: their sums and products have few enough digits to be exact in any order."""


class _Runs:
    """What the runs made of one value.

    still  the interpreter's result.
    near   the result of each run in which every decision is the interpreter's; none where all are the same.
    wild   the result of each run in which decisions may fall otherwise; none where none does.
    noise  how far the near ones lie from the interpreter's, each element.
    """

    def __init__(self, still: Any, near: Sequence[Any] = (), wild: Sequence[Any] = ()) -> None:
        self.still = still
        self.near = near if any(xp.any(run != still) for run in near) else ()
        self.wild = wild
        self._noise: Any = None

    @property
    def noise(self) -> Any:
        # No `cached_property`: that of Python 3.11 takes a lock, which a fork would leave taken in the child.
        if self._noise is None:
            self._noise = _spread(self.near, self.still)
        return self._noise

    def allowed(self) -> Any:
        """How far a right program may be off."""
        return FACTOR * _evened(self.noise) + LEAPS * _spread(self.wild, self.still)

    def one(self, run: int) -> Any:
        return self.near[run] if self.near else self.still

    def other(self, run: int) -> Any:
        return self.wild[run] if self.wild else self.one(run)

    def far(self, run: int, place: int) -> Any:
        """The result as far off as a right program may be; in every fourth run what is only noise is 0.

        In two runs every element is as far up or down as may be, so that each meets both sides of a step;
        operands side by side, by their place, go opposite ways.
        """
        if not self.near:
            return self.other(run)
        still, near = self.still, self.near[run]
        with xp.silence():
            off = near.astype(xp.float64) - still
            if run in (1, 2):
                off = self.noise if (run + place) % 2 else -self.noise
            away = still + off * FACTOR
            nothing = (xp.abs(still) <= FACTOR * self.noise) & (self.noise > 0.0)
        away = xp.where(xp.isfinite(away), away, near).astype(still.dtype)
        if run % 4 == 0:
            away = xp.where(nothing if run == 0 else nothing & coins(still.shape, run), 0, away)
        return xp.where(_moved(self.wild[run], near) > 0.0, self.wild[run], away) if self.wild else away


def noise(graph: Graph, arrays: Sequence[Any], values: Sequence[Value], thorough: bool = True) -> list[Any]:
    """How far each element of each of `values` may be off from the interpreter's: 0 where nothing rounds,
    infinity where rounding decides whether it is finite.

    thorough  also what may become of decisions, in many runs. Without, a few runs allow less, at about the
              cost of computing the values as often.
    """
    graph = unrolled(graph)
    runs = {id(v): _Runs(widest(a)) for v, a in zip(graph.inputs, arrays, strict=True)}
    wanted = {id(v) for v in values}
    nodes = _needed(graph, wanted)
    work = sum(_work(node) for node in nodes)
    count = max(FEWEST, min(RUNS, WORK // max(1, work))) if thorough else FIRST
    last = {id(v): i for i, node in enumerate(nodes) for v in node.values()}
    for i, node in enumerate(nodes):
        operands = [runs[id(v)] if isinstance(v, Value) else v for v in node.inputs]
        runs[id(node.out)] = _node(i, node, operands, range(count), thorough)
        for v in node.values():
            if last[id(v)] == i and id(v) not in wanted:
                runs.pop(id(v), None)
    return [runs[id(v)].allowed() for v in values]


def widest(a: Any) -> Any:
    """bfloat16 as float32, in which NumPy knows it for a float."""
    return a.astype(xp.float32) if getattr(a, "dtype", xp.bool_).kind == "V" else a


def run_node(node: Node, operands: Sequence[Any]) -> Any:
    """One node, on numbers of bfloat16 that lie as float32."""
    given = [
        v.astype(xp.bfloat16) if isinstance(k, Value) and k.spec.dtype is xp.bfloat16 else v
        for k, v in zip(node.inputs, operands, strict=True)
    ]
    return widest(interpreted(node, given))


def _needed(graph: Graph, wanted: set[int]) -> list[Node]:
    """The nodes that the wanted values depend on, in order."""
    needed, found = set(wanted), []
    for node in reversed(graph.nodes):
        if id(node.out) in needed:
            found.append(node)
            needed.update(id(v) for v in node.values())
    return found[::-1]


def _work(node: Node) -> int:
    """How many numbers a node makes and reads."""
    return node.out.spec.size + sum(v.spec.size for v in node.values())


def _node(number: int, node: Node, operands: Sequence[Any], runs: range, thorough: bool) -> _Runs:
    """One operation in all runs."""
    still = run_node(node, [v.still if isinstance(v, _Runs) else v for v in operands])
    rounded = _rounded(node, operands, still)
    known = [v for v in operands if isinstance(v, _Runs)]
    noisy = any(v.near for v in known)
    if not (noisy or any(v.wild for v in known) or xp.any(rounded)):
        return _Runs(still)

    added = _added_up(node, operands, still) if node.op.lower.rounding == "sum" and xp.any(rounded) else None

    def each(pick: Any) -> list[Any]:
        return [_round_off((number, run), node, operands, pick, rounded, added, still) for run in runs]

    steps = still.dtype.kind != "f" or node.op.lower.follows == "in steps"
    near = [] if steps else each(_Runs.one)
    wild = each(_Runs.other) if thorough and (any(v.wild for v in known) or (noisy and steps)) else []
    if wild and node.op.lower.follows == "by comparing":
        wild = [_torn(operands, still, result, run) for result, run in zip(wild, runs, strict=True)]
    found = _Runs(still, near, wild)
    smooth = not (noisy and thorough) or node.op.lower.follows == "smoothly"
    found = found if smooth else _with_jumps(number, node, operands, found, runs)
    if not thorough or still.dtype.kind != "f":
        return found
    if isinstance(node.op.lower, Reduce) and node.op.lower.merge == "prod":
        return _with_nan(found, runs, _lost_in_product(node, operands, still))
    if node.op.lower.rounding == "sum":
        return _with_nan(found, runs, _lost_in_sum(node, operands, still))
    return found


def _round_off(
    seed: tuple[int, int],
    node: Node,
    operands: Sequence[Any],
    pick: Any,
    rounded: Any,
    added: Any,
    still: Any,
) -> Any:
    """One operation in one run, on what `pick` gives of each operand."""
    given = [pick(v, seed[1]) if isinstance(v, _Runs) else v for v in operands]
    rounds = rounded is True or bool(xp.any(rounded))
    if rounds and not node.op.elementwise and added is None:
        given = [_shaken(v, (*seed, k)) for k, v in enumerate(given)]
    same = all(not isinstance(v, _Runs) or g is v.still for v, g in zip(operands, given, strict=True))
    result = still if same else run_node(node, given)
    if added is not None:
        result = moved(result, added, (*seed, 0))
    if rounded is True:
        return _shaken(result, seed)
    return xp.where(rounded, _shaken(result, seed), result) if rounds else result


def _added_up(node: Node, operands: Sequence[Any], still: Any) -> Any:
    """How far off a sum may be: by the size of its terms, not of the result, and by how many of them are
    added one after the other. All errors may go one way."""
    dtype = xp.float32 if still.dtype == xp.float16 else still.dtype
    with xp.silence():
        sizes = [_largest(v, dtype) if isinstance(v, _Runs) else v for v in operands]
        total = xp.asarray(node.op.formula(m, *sizes, **node.attrs))
    counts = [v.spec.size for v in node.values()]
    terms, most = counts[0] / max(1, still.size), IN_A_ROW
    if isinstance(node.op.lower, Contract):
        terms, most = (counts[0] * counts[-1] / max(1, still.size)) ** 0.5, DEEPEST
    return xp.where(xp.isfinite(total), total, 0.0) * (
        xp.epsilon(dtype) * (0.5 + min(terms, most) / IN_A_ROW)
    )


def _largest(v: _Runs, dtype: Any) -> Any:
    """How large each of the numbers may be."""
    return (xp.abs(v.still) + v.noise).astype(dtype) if v.still.dtype.kind == "f" else v.still


def _with_jumps(number: int, node: Node, operands: Sequence[Any], found: _Runs, runs: range) -> _Runs:
    """The runs, with the results of operands moved further where these jump."""
    wild, jumps = [], False
    tie = _ties(operands, runs) if node.op.lower.follows == "by comparing" else False
    for run in runs:
        far = run_node(node, [v.far(run, k) if isinstance(v, _Runs) else v for k, v in enumerate(operands)])
        jump = _moved(far, found.still) > JUMP * found.noise
        result = xp.where(jump, far, found.other(run))
        if tie is not False:
            guess = coins(result.shape, (number, run)) if run > 1 else bool(run)
            jump, result = jump | tie, xp.where(tie, guess, result)
        jumps = jumps or bool(xp.any(jump))
        wild.append(result)
    return _Runs(found.still, found.near, wild) if jumps else found


def _with_nan(found: _Runs, runs: range, unsure: Any) -> _Runs:
    """The runs, with nan where an operation may come by it in another order, or if the interpreter did, with
    the infinities that it may come by."""
    if not xp.any(unsure):
        return found
    nan = xp.isnan(found.still)
    others = [xp.where(nan, sign, float("nan")).astype(found.still.dtype) for sign in (INFINITY, -INFINITY)]
    wild = [xp.where(unsure, others[run % 2], found.other(run)) for run in runs]
    return _Runs(found.still, found.near, wild)


def _lost_in_product(node: Node, operands: Sequence[Any], still: Any) -> Any:
    """Where a product overflows, or vanishes, on the way in some order of its factors: infinity times 0 is
    none of what another order gives."""
    factors = _still(operands[0]).astype(still.dtype)
    with xp.silence():
        size = xp.abs(factors)
        large = run_node(node, [xp.maximum(size, 1.0)])
        small = run_node(node, [xp.where((size > 0.0) & (size < 1.0), size, 1.0).astype(size.dtype)])
    return (large == INFINITY) | (small == 0.0)


def _lost_in_sum(node: Node, operands: Sequence[Any], still: Any) -> Any:
    """Where the finite terms of a sum overflow by themselves, as is a matter of their order: one of the
    infinities comes of it, or both, and their sum is nan."""
    dtype = xp.float32 if still.dtype == xp.float16 else still.dtype
    with xp.silence():
        sizes = [_largest(v, dtype) if isinstance(v, _Runs) else v for v in operands]
        finite = [xp.where(xp.isfinite(v), v, 0) if hasattr(v, "dtype") else v for v in sizes]
        return xp.asarray(node.op.formula(m, *finite, **node.attrs)) == INFINITY


def _still(v: Any) -> Any:
    return v.still if isinstance(v, _Runs) else xp.asarray(v)


def _ties(operands: Sequence[Any], runs: range) -> Any:
    """Where two operands may be equal or not, or either the larger, as rounding will have it."""
    a, b = (v if isinstance(v, _Runs) else _Runs(xp.asarray(v)) for v in operands)
    if not (a.near or b.near) or "f" not in (a.still.dtype.kind, b.still.dtype.kind):
        return False
    with xp.silence():
        apart = _Runs(a.still - b.still, [a.one(run) - b.one(run) for run in runs])
    return (xp.abs(apart.still) <= FACTOR * apart.noise) & (apart.noise > 0.0)


def _torn(operands: Sequence[Any], still: Any, result: Any, run: int) -> Any:
    """What a run decides, or where rounding decides between operands that an earlier decision made, what the
    interpreter did not."""
    a, b = (v.other(run) if isinstance(v, _Runs) else xp.asarray(v) for v in operands)
    kinds = [x.dtype for x in (a, b) if x.dtype.kind == "f"]
    if not kinds:
        return result
    with xp.silence():
        units = FACTOR * ULPS * max(xp.epsilon(kind) for kind in kinds)
        close = xp.abs(a - b) <= units * xp.maximum(xp.abs(a), xp.abs(b))
        made = xp.equal(a, _still(operands[0])) & xp.equal(b, _still(operands[1]))
    return xp.where(close & xp.logical_not(made), xp.logical_not(still), result)


def _rounded(node: Node, operands: Sequence[Any], still: Any) -> Any:
    """Where a result is rounded, by the operation itself."""
    rounding = node.op.lower.rounding
    if still.dtype.kind != "f" or rounding == "none":
        return False
    stills = [v.still if isinstance(v, _Runs) else v for v in operands]
    if rounding == "once":
        exact = _coarse(still)
        for v in stills if xp.any(exact) else ():
            exact = exact & _coarse(v)
        return xp.logical_not(exact) if xp.any(exact) else True
    if rounding == "sum" and all(xp.all(_coarse(v)) for v in stills):
        sizes = run_node(node, [_size(v) for v in stills])
        return not xp.all(sizes <= LARGEST * LARGEST)
    return True


def _coarse(a: Any) -> Any:
    """Where numbers are small multiples of a power of two."""
    a = xp.asarray(a)
    if a.dtype.kind != "f":
        return xp.full(a.shape, True)
    with xp.silence():
        return (a * GRAIN == xp.round(a * GRAIN)) & (xp.abs(a) <= LARGEST)


def _size(a: Any) -> Any:
    return xp.abs(a) if getattr(a, "dtype", xp.bool_).kind == "f" else a


def _shaken(a: Any, seed: tuple[int, ...]) -> Any:
    return shaken(a, ULPS, seed) if hasattr(a, "dtype") else a


def _spread(runs: Sequence[Any], still: Any) -> Any:
    """How far the farthest of the runs lies from the interpreter's result, each element."""
    far: Any = 0.0
    for i, run in enumerate(runs):
        far = xp.maximum(far, _moved(run, still)) if i else _moved(run, still)
    return far


def _evened(noise: Any) -> Any:
    """The noise, of every element at least that of the middle one: of many elements, moves that come from
    several operands cancel in some by chance, in all of a few runs.
    """
    return xp.maximum(noise, xp.middle(noise)) if xp.any(noise > 0.0) else noise


def _moved(a: Any, b: Any) -> Any:
    """How far each element of `a` lies from that of `b`; infinitely far where only one of them is finite."""
    distance = xp.distance(a, b)
    if a.dtype.kind != "f" or xp.all(xp.isfinite(distance)):
        return distance
    same = xp.equal(a, b) | (xp.isnan(a) & xp.isnan(b))
    return xp.where(same, 0.0, xp.where(xp.isnan(distance), INFINITY, distance))
