"""A loop as one operation: a graph that is run again and again, with states that it hands on to itself.

Its results may be of several dtypes: LOOP packs them, and a RESULT takes each out. `looped.py` makes loops of
functions, and has their derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rushlight.core.apply import apply
from rushlight.core.lower import Loop, Result
from rushlight.core.narrow import compute
from rushlight.core.op import Op, register
from rushlight.core.refused import explain
from rushlight.core.spec import Spec
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ShapeError, message

if TYPE_CHECKING:
    from rushlight.compile.graph import Graph

__all__ = ["LOOP", "RESULT", "plain", "result_specs"]


def result_specs(body: Graph, carried: int, count: int) -> list[Spec]:
    """What a loop gives: each state after the last round; each state before the first round and after each
    one, stacked; what else the rounds gave, stacked. The stacks are in the order of the slices."""
    ends = [v.spec for v in body.outputs]
    states, rest = ends[:carried], ends[carried:]
    before = [Spec((count + 1, *s.shape), s.dtype) for s in states]
    return [*states, *before, *[Spec((count, *s.shape), s.dtype) for s in rest]]


def _infer_loop(*specs: Spec, body: Graph, count: int, carried: int, stacked: int, reverse: bool) -> Spec:
    slices = [
        Spec(s.shape[1:], s.dtype) if carried <= i < carried + stacked else s for i, s in enumerate(specs)
    ]
    fit = slices == [v.spec for v in body.inputs] and slices[:carried] == [
        v.spec for v in body.outputs[:carried]
    ]
    if not fit or any(s.shape[0] != count for s in specs[carried : carried + stacked]):
        got = ", ".join(map(str, specs))
        expected = "what the step reads, and states that keep their shapes and dtypes"
        raise ShapeError(message("loop", got, expected))
    return Spec((sum(_bytes(s) for s in result_specs(body, carried, count)),), xp.uint8)


def _bytes(spec: Spec) -> int:
    return spec.size * spec.dtype.itemsize


def _loop(m: Any, *given: Any, body: Graph, count: int, carried: int, stacked: int, reverse: bool) -> Any:
    """The results one after the other, as bytes: they may be of several dtypes."""
    states, constants = list(given[:carried]), given[carried + stacked :]
    slices = given[carried : carried + stacked]
    before, rest = [states], []
    for t in range(count)[:: -1 if reverse else 1]:
        found = _round(m, body, [*states, *[x[t, ...] for x in slices], *constants])
        states = found[:carried]
        before.append(states)
        rest.append(found[carried:])
    if reverse:
        before.reverse()
        rest.reverse()
    stacks = [xp.stack(list(column)) for rows in (before, rest) for column in zip(*rows, strict=True)]
    packed = [xp.reshape(a.copy(), (-1,)).view(xp.uint8) for a in (*states, *stacks)]
    return m.concatenate(packed, 0) if packed else xp.empty((0,), xp.uint8)


def _round(m: Any, body: Graph, arrays: Sequence[Any]) -> list[Any]:
    values = {id(v): a for v, a in zip(body.inputs, arrays, strict=True)}
    for node in body.nodes:
        operands = [values.get(id(v), v) for v in node.inputs]
        try:
            made = compute(node.op, operands, node.attrs, node.out.spec.dtype)
        except Exception as error:  # it is the operation's, and not the loop's
            clear = explain(node.op, operands, node.attrs, error)
            raise clear from clear.__cause__
        values[id(node.out)] = xp.asarray(made)
    return [values[id(v)] for v in body.outputs]


def _infer_result(packed: Spec, *, place: int, start: int, shape: tuple[int, ...], dtype: Any) -> Spec:
    return Spec(shape, dtype)


def _result(m: Any, packed: Any, *, place: int, start: int, shape: tuple[int, ...], dtype: Any) -> Any:
    end = start + _bytes(Spec(shape, dtype))
    return xp.reshape(packed[start:end].copy().view(dtype), shape)


LOOP = register(Op("loop", _loop, _infer_loop, lower=Loop()))
RESULT = register(Op("result", _result, _infer_result, lower=Result()))


def plain(inputs: Sequence[Tensor], facts: dict[str, Any]) -> list[Tensor]:
    """The results of a loop, without a derivative."""
    packed = apply(LOOP, *inputs, **facts)
    results, start = [], 0
    for place, spec in enumerate(result_specs(facts["body"], facts["carried"], facts["count"])):
        results.append(apply(RESULT, packed, place=place, start=start, shape=spec.shape, dtype=spec.dtype))
        start += _bytes(spec)
    return results
