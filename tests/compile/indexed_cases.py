"""Every op that reads or writes through an index, or joins: cases, and what they are run with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rushlight as rl
from rushlight.core.lower import Gather, Scatter
from rushlight.core.op import REGISTRY

__all__ = ["MODES", "OPS", "Case", "array", "by_numpy", "inputs", "ints", "kinds", "put"]

MODES = ("full", "nofuse", "interpret")

Case = tuple[Callable[..., Any], tuple[tuple[int, ...], ...], tuple[Any, ...]]


def put(x: Any, index: Any, value: Any) -> Any:
    out = x.clone()
    out[index] = value
    return out


def ints(*rows: Any, dtype: str = "int64") -> Any:
    return np.array(rows, dtype)


OPS: dict[str, Case] = {
    "rows": (lambda x, i: x[i], ((4, 3),), (ints(1, 3, 1, -4),)),
    "wide rows": (lambda x, i: x[i] * 2, ((4, 37),), (ints(1, 3, 1, -4),)),
    "embedding": (lambda x, i: x[i], ((5, 18),), (ints([0, 1, 1], [-1, 4, 0]),)),
    "one": (lambda x, i: x[i], ((4, 3),), (np.array(-2),)),
    "columns": (lambda x, i: x[:, i], ((3, 4),), (ints(1, 1, 0, -1, 2),)),
    "many columns": (lambda x, i: x[:, i], ((3, 4),), (np.arange(40) % 7 - 3,)),
    "no index": (lambda x, i: x[i], ((4, 3),), (np.zeros((0,), np.int64),)),
    "no columns": (lambda x, i: x[i], ((4, 0),), (ints(1, 1),)),
    "pairs": (lambda x, i, j: x[i, j], ((3, 4),), (ints(0, 2, 2, -1), ints(3, 3, 3, -4))),
    "outer": (lambda x, i, j: x[i, j], ((3, 4),), (ints([0], [2], [-1]), ints(1, 1, -2))),
    "apart": (lambda x, i, j: x[i, :, j], ((3, 2, 4),), (ints(0, 2, 2), ints(3, 3, -4))),
    "number beside": (lambda x, i: x[:, 1, i], ((3, 2, 4),), (ints(3, 3, -4),)),
    "number apart": (lambda x, i: x[1, :, i], ((3, 2, 4),), (ints(3, 3, -4),)),
    "mixed": (lambda x, i: x[1:, None, i, ::2], ((3, 2, 4),), (ints([0, 1], [-1, 1]),)),
    "index_select": (lambda x, i: x.index_select(1, i), ((3, 4),), (ints(1, 1, 3),)),
    "small index": (lambda x, i: x[i], ((4, 3),), (ints(1, -3, 1, dtype="int32"),)),
    "small select": (lambda x, i: x.index_select(0, i), ((4, 3),), (ints(1, 3, 1, dtype="int32"),)),
    "gather 0": (lambda x, i: x.gather(0, i), ((4, 3),), (ints([1, 3, 0], [1, 3, 2]),)),
    "gather 1": (lambda x, i: x.gather(1, i), ((3, 4),), (ints([1, 3], [1, 3], [0, 0]),)),
    "gather many": (lambda x, i: x.gather(1, i) + 1, ((2, 50),), (np.arange(80).reshape(2, 40) % 50,)),
    "take_along_dim": (lambda x, i: x.take_along_dim(i, 1), ((2, 3),), (ints([1, 1], [2, 0]),)),
    "scatter": (lambda x, s, i: x.scatter(1, i, s), ((3, 4), (3, 2)), (ints([1, 3], [1, 1], [0, 0]),)),
    "scatter number": (lambda x, i: x.scatter(0, i, 1), ((3, 4),), (ints([1, 2, 1, 2]),)),
    "scatter_add": (
        lambda x, s, i: x.scatter_add(1, i, s),
        ((2, 4), (2, 5)),
        (ints([1, 1, 1, 1, 0], [3, 3, 2, 2, 3]),),
    ),
    "scatter_add part": (lambda x, s, i: x.scatter_add(0, i, s), ((3, 4), (2, 2)), (ints([1, 1], [1, 1]),)),
    "put rows": (lambda x, s, i: put(x, i, s), ((4, 3), (2, 3)), (ints(3, -4),)),
    "put twice": (lambda x, s, i: put(x, i, s), ((4, 3), (3, 3)), (ints(3, 3, 3),)),
    "put row": (lambda x, s, i: put(x, i, s), ((4, 19), (19,)), (ints(3, 0),)),
    "put one": (lambda x, s, i: put(x, i, s), ((4, 3), ()), (ints(3, 0),)),
    "put longer": (lambda x, s, i: put(x, i, s), ((4, 3), (1, 1, 2, 3)), (ints(3, 0),)),
    "put number": (lambda x, i: put(x, i, 1), ((4, 3),), (ints(3, 3),)),
    "put pairs": (lambda x, s, i, j: put(x, (i, j), s), ((3, 4), (3,)), (ints(0, 2, 1), ints(3, 3, -4))),
    "put apart": (
        lambda x, s, i: put(x, (0, slice(None), i), s),
        ((2, 3, 4), (3, 2)),
        (ints(2, -4),),
    ),
    "put slice": (lambda x, s: put(x, slice(1, None), s), ((4, 3), (3, 3)), ()),
    "put steps": (lambda x, s: put(x, (slice(None), slice(None, None, 2)), s), ((2, 40), (20,)), ()),
    "put nothing": (lambda x, s: put(x, slice(2, 2), s), ((4, 3), (3,)), ()),
    "slices": (lambda x: (x[1:, ::2] * x[:-1, ::2]).flip(0), ((4, 37),), ()),
    "cat": (lambda x, s: rl.cat([x, s, x]), ((2, 3), (1, 3)), ()),
    "cat columns": (lambda x, s: rl.cat([x, s], 1), ((3, 20), (3, 3)), ()),
    "cat nothing": (lambda x, s: rl.cat([s, x, s], 1), ((3, 2), (3, 0)), ()),
    "cat number": (lambda x: rl.cat([x, rl.ones(2, 3, dtype=x.dtype), x * 1]), ((2, 3),), ()),
    "stack": (lambda x, s: rl.stack([x, s, x], -1), ((2, 3), (2, 3)), ()),
    "split": (lambda x: rl.cat(rl.split(x, [1, 3, 1], 1)[::-1], 1), ((2, 5),), ()),
    "unbind": (lambda x: rl.stack(x.unbind(1)[::-1]), ((2, 5),), ()),
    "tril": (lambda x: rl.tril(x, -1) + rl.triu(x), ((4, 5),), ()),
    "tile": (lambda x: x.tile(2, 3), ((2, 5),), ()),
    "reshape": (lambda x: x.transpose(0, 1).reshape(-1) * 1, ((4, 20),), ()),
    "zero rows": (lambda x, i: x.gather(0, i), ((0, 3),), (np.zeros((0, 3), np.int64),)),
    "empty": (lambda x, s: rl.cat([x * 2, s + 1]), ((0, 3), (0, 3)), ()),
}


def array(shape: tuple[int, ...], dtype: str, seed: int, layout: str = "rows") -> Any:
    """Numbers whose products and sums are exact in every dtype, in one of several layouts."""
    if layout == "transposed":
        return array(shape[::-1], dtype, seed).T
    if layout == "flipped" and shape:
        return array(shape, dtype, seed)[tuple(slice(None, None, -1) for _ in shape)]
    if layout == "spread":
        return (
            np.broadcast_to(array((1, *shape[1:]), dtype, seed), shape) if shape else array(shape, dtype, 1)
        )
    return np.random.default_rng(seed).integers(0, 5, shape).astype(dtype)


def inputs(case: Case, dtype: str, layout: str = "rows") -> list[Any]:
    _, shapes, indices = case
    tensors = [rl.from_numpy(array(s, dtype, k, layout)) for k, s in enumerate(shapes)]
    tensors = [t.requires_grad_(t.dtype.kind == "f") for t in tensors]
    return [*tensors, *[rl.from_numpy(np.array(i)) for i in indices]]


def kinds(compiled: Any) -> set[str]:
    entries = [e for group in compiled._entries.values() for e in group]
    assert all(e.proved and e.program is not None for e in entries), "the program was wrong"
    return {k.kind for e in entries for k in e.program.plan.kernels}


def by_numpy(compiled: Any) -> set[str]:
    """Those of the ops tested here that NumPy computes; it may reduce empty tensors, and the like."""
    entries = [e for group in compiled._entries.values() for e in group]
    roots = {k.root.op.name for e in entries for k in e.program.plan.kernels if k.kind == "callback"}
    indexed = {name for name, op in REGISTRY.items() if isinstance(op.lower, (Gather, Scatter))}
    return roots & {*indexed, "cat", "reshape", "slice", "flip", "clone", "add", "mul"}
