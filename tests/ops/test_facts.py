"""What an op's record promises, held against what the op does, for every sample."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import rushlight as rl
import rushlight.ops
from rushlight.core.graph import Node
from rushlight.core.op import REGISTRY, Op
from rushlight.core.spec import Spec
from rushlight.core.state import state
from rushlight.device import m
from tests.op_samples import SAMPLES, Sample, as_dtype, flatten

Call = tuple[Op, tuple[Any, ...], dict[str, Any], np.ndarray]


@contextmanager
def watched(seen: Callable[[Op, tuple[Any, ...], dict[str, Any], np.ndarray], None]) -> Iterator[None]:
    """Show every op call to `seen`, with its result."""

    def run(op: Op, inputs: tuple[Any, ...], attrs: dict[str, Any]) -> np.ndarray:
        arrays = [t.array if isinstance(t, rl.Tensor) else t for t in inputs]
        array = np.asarray(op.formula(m, *arrays, **attrs))
        seen(op, inputs, attrs, array)
        return array

    before, state.run = state.run, run
    try:
        yield
    finally:
        state.run = before


def inputs_of(s: Sample, dtype: str = "float32", grads: bool = False) -> list[rl.Tensor]:
    tensors = [rl.from_numpy(as_dtype(a, dtype)) for a in s.arrays]
    return [t.requires_grad_() if grads and t.is_floating_point() else t for t in tensors]


def outputs_of(s: Sample, tensors: list[rl.Tensor]) -> list[rl.Tensor]:
    return [r for r in flatten(s.call(rl, *tensors)) if isinstance(r, rl.Tensor)]


def both_ways(s: Sample, dtype: str = "float32") -> None:
    """Forward, and where there is a derivative, backward and backward again."""
    tensors = inputs_of(s, dtype, grads=s.kind != "plain")
    outputs = [r for r in outputs_of(s, tensors) if r.requires_grad]
    leaves = [t for t in tensors if t.requires_grad]
    if outputs:
        seeds = [rl.ones_like(o) for o in outputs]
        found = rl.autograd.grad(outputs, leaves, seeds, create_graph=s.twice, materialize_grads=True)
        again = [f for f in found if f is not None and f.requires_grad]
        if again:
            rl.autograd.grad(again, leaves, [rl.ones_like(f) for f in again], materialize_grads=True)


def spec_of(t: Any) -> Any:
    return t.spec if isinstance(t, rl.Tensor) else t


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("s", SAMPLES, ids=repr)
def test_infer_agrees_and_results_are_no_aliases(s: Sample, dtype: str) -> None:
    def check(op: Op, inputs: tuple[Any, ...], attrs: dict[str, Any], array: np.ndarray) -> None:
        assert op.infer(*[spec_of(t) for t in inputs], **attrs) == Spec(array.shape, array.dtype), op
        shared = [
            i for i, t in enumerate(inputs) if isinstance(t, rl.Tensor) and np.shares_memory(t.array, array)
        ]
        assert shared in ([], [0] if op.view else []), op

    with watched(check):
        both_ways(s, dtype)


def test_samples_reach_every_op() -> None:
    reached: set[str] = set()
    with watched(lambda op, *rest: reached.add(op.name)):
        for s in SAMPLES:
            both_ways(s)
    missing = {name for name, op in REGISTRY.items() if _of(op.formula, "ops", "core")} - reached
    assert not missing, f"no sample reaches {sorted(missing)}: enter them in tests/op_samples.py"


# Names without samples of their own, each with the reason.
ELSEWHERE = {
    "mse": "sampled as mse_loss", "bce": "sampled as binary_cross_entropy", "nll": "sampled as nll_loss",
    "bce_with_logits": "sampled as binary_cross_entropy_with_logits",
    "cross_entropy": "sampled",
    "_where": "sampled as where", "cuda": "always refused", "type": "in the tests of constructors",
    "imag": "always refused",
    **dict.fromkeys(("cdouble", "cfloat", "chalf"), "always refused"),
    **dict.fromkeys([f"to_sparse_{layout}" for layout in ("bsc", "bsr", "csc", "csr")], "always refused"),
    **dict.fromkeys(("to_sparse", "to_sparse_coo"), "in test_sparse: their sizes hang on the numbers"),
    **dict.fromkeys(("dense_dim", "sparse_dim"), "numbers of axes, of sparse tensors, in the parity tests"),
    "bfloat16": "a conversion, in the tests of dtypes",
    "embedding_renorm_": "changes its input without a derivative, in the parity tests of embeddings",
}  # fmt: skip


def test_every_public_name_has_samples() -> None:
    sampled = {s.name for s in SAMPLES}
    public = {n for n in dir(rl) if callable(getattr(rl, n)) and _of(getattr(rl, n), "ops")}
    assert public - sampled - set(ELSEWHERE) == set()


def test_every_method_has_samples() -> None:
    """A method counts as sampled under any of its names, or under that of the function it wraps."""
    sampled = {s.name for s in SAMPLES}
    functions = [getattr(rl, n, None) for n in sampled] + [getattr(rl.Tensor, n, None) for n in sampled]
    methods = {n: f for n, f in vars(rl.Tensor).items() if callable(f) and _of(f, "ops")}
    bare = {n for n, f in methods.items() if n not in sampled and f not in functions}
    operators = {n for n in bare if n.startswith("__")}  # reflected and in-place forms, in the number samples
    assert bare - operators - set(ELSEWHERE) == set()


def _of(f: Any, *layers: str) -> bool:
    """Whether `f` is a function that stands in one of the layers."""
    module = str(getattr(f, "__module__", ""))
    return not isinstance(f, type) and module.startswith(tuple(f"rushlight.{layer}" for layer in layers))


def test_decomposed_ops_say_the_same() -> None:
    """`decompose` gives the value of `formula`, and its derivatives also where a subgradient is chosen: in
    loops and under `vmap` autograd follows what an op is made of."""
    checked: set[str] = set()

    def compare(op: Op, inputs: tuple[Any, ...], attrs: dict[str, Any], array: np.ndarray) -> None:
        if op.decompose is None or op.vjp is None or not all(isinstance(t, rl.Tensor) for t in inputs):
            return
        before, state.run = state.run, None
        try:
            if op.decompose(*inputs, **attrs) is None:
                return  # it is to stay as it is
            with rl.enable_grad():
                _same(op, inputs, attrs)
        finally:
            state.run = before
        if op.vjp is not None:
            checked.add(op.name)

    with watched(compare):
        for s in SAMPLES:
            if s.kind != "plain":
                both_ways(s, "float64")
    derived = {name for name, op in REGISTRY.items() if op.decompose is not None and op.vjp is not None}
    assert checked == derived


def _same(op: Op, inputs: tuple[Any, ...], attrs: dict[str, Any]) -> None:
    from rushlight.core.apply import apply

    results = []
    for function in (lambda *t: apply(op, *t, **attrs), lambda *t: op.decompose(*t, **attrs)):  # type: ignore[misc]
        fresh = [t.detach().clone() for t in inputs]
        leaves = [t.requires_grad_() for t in fresh if t.is_floating_point()]
        out = function(*fresh)
        grads = (
            rl.autograd.grad(out, leaves, rl.ones_like(out) * 0.7, materialize_grads=True)
            if out.requires_grad
            else ()
        )
        results.append([out.detach(), *grads])
    for a, b in zip(*results, strict=True):
        assert a is not None
        assert b is not None
        assert a.spec == b.spec, op
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-14)


TWINS = [s for s in SAMPLES if s.twin is not None and hasattr(rl.Tensor, s.name[:-1])]


@pytest.mark.parametrize("s", TWINS, ids=repr)
def test_in_place_equals_out_of_place(s: Sample) -> None:
    assert s.twin is not None
    first, *others = inputs_of(s)
    want = getattr(first, s.name[:-1])(*others, *s.twin)
    target = first.clone()
    memory = target.array
    out = getattr(target, s.name)(*others, *s.twin)
    assert out is target
    assert target.array is memory
    assert target.spec == first.spec
    np.testing.assert_array_equal(target.numpy(), want.numpy())


def graph_of(outputs: list[rl.Tensor]) -> list[Node]:
    found: dict[Node, None] = {}
    stack = [o.node for o in outputs]
    while stack:
        node = stack.pop()
        if isinstance(node, Node) and node not in found:
            found[node] = None
            stack.extend(node.parents)
    return list(found)


def _pulls(node: Node, kept: list[Any], out: Any) -> bool:
    """Whether the derivative can be computed from `kept` and `out`."""
    before = node.kept, node.out
    node.kept, node.out = kept, out
    try:
        node.pull(rl.ones(node.spec[0], dtype=node.spec[1]), [p is not None for p in node.parents], False)
    except Exception:
        return False
    finally:
        node.kept, node.out = before
    return True


def test_no_op_keeps_more_than_its_derivative_reads() -> None:
    """Take away what was saved, piece by piece: for each piece some sample must then fail."""
    unread: dict[tuple[str, int | str], bool] = {}
    for s in SAMPLES:
        if s.kind == "plain" or 0 in [a.size for a in s.arrays]:
            continue
        for node in graph_of(outputs_of(s, inputs_of(s, grads=True))):
            assert node.kept is not None
            kept = list(node.kept)
            for i, t in enumerate(kept):
                if isinstance(t, rl.Tensor):
                    works = _pulls(node, [*kept[:i], t.spec, *kept[i + 1 :]], node.out)
                    unread[node.name, i] = unread.get((node.name, i), True) and works
            if node.out is not None:
                unread[node.name, "out"] = unread.get((node.name, "out"), True) and _pulls(node, kept, None)
    # The bias stays alive in any case.
    parameters = {("linear", 2), ("conv", 2), ("affine", 2), ("channel_standard", 4)}
    assert {place for place, idle in unread.items() if idle} - parameters == set()


LETS_GO = {
    "exp": lambda x: x.exp(), "sum": lambda x: x.sum(), "relu": lambda x: x.relu(), "add": lambda x: x + x,
    "mul": lambda x: x * 2.0, "softmax": lambda x: x.softmax(0), "index": lambda x: x[rl.tensor([0, 0])],
    "where": lambda x: rl.where(rl.tensor([True, False]), x, 0.0), "cat": lambda x: rl.cat([x, x]),
    "div": lambda x: x / rl.tensor([1.0, 2.0]), "tanh": lambda x: x.tanh(), "neg": lambda x: -x,
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in LETS_GO if n != "mul"])
def test_what_the_derivative_does_not_read_leaves_memory(name: str) -> None:
    x = rl.tensor([1.0, 2.0], requires_grad=True).clone()
    gone = weakref.ref(x)
    out = LETS_GO[name](x)
    assert out.requires_grad
    del x
    assert gone() is None


def test_what_the_derivative_reads_stays() -> None:
    x = rl.tensor([1.0, 2.0], requires_grad=True).clone()
    there = weakref.ref(x)
    out = x.log()
    del x
    assert there() is not None
    del out
    assert there() is None
