"""Every sample of every operation, compiled against eager: values and gradients."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as rl
from rushlight.compile.capture.trace import TraceError
from rushlight.compile.function import compile
from rushlight.core.op import REGISTRY
from tests.compile.compare import check_same, inputs_of, with_gradients
from tests.op_samples import SAMPLES, Sample

pytest.importorskip("llvmlite")

NAMES = sorted({s.name for s in SAMPLES})
DATA_DEPENDENT = {
    "nonzero", "masked_select", "allclose", "equal", "argwhere", "bincount", "is_nonzero", "unique",
    "unique_consecutive",
}  # fmt: skip
"""Their results' shapes, or Python values, depend on numbers: these cannot be compiled."""
MEMORY = {
    "apply_", "data_ptr", "empty_strided", "is_set_to", "map_", "new_empty_strided", "share_memory_",
    "storage_offset",
}  # fmt: skip
"""These ask where numbers lie, or for the numbers: they cannot be compiled either."""
MAY_DEPEND = {"where", "__getitem__", "__setitem__", "histc"}
"""These cannot be where a mask names elements."""


def _compare(samples: list[Sample], mode: str, dtype: str) -> None:
    """Samples as one program: each has inputs and kernels of its own, tracing and linking happen once."""
    functions = [with_gradients(s) for s in samples]

    def function(*groups: list[rl.Tensor]) -> Any:
        return [run(*inputs) for run, inputs in zip(functions, groups, strict=True)]

    def given() -> list[list[rl.Tensor]]:
        rl.manual_seed(3)
        return [inputs_of(s, dtype) for s in samples]

    expected = function(*given())
    compiled: Any = compile(function, mode=mode)
    for _ in range(2):
        for found, wanted, sample in zip(compiled(*given()), expected, samples, strict=True):
            check_same(found, wanted, sample.label)


def _refused(sample: Sample, dtype: str) -> bool:
    """Whether an op, of linear algebra say, does not take the dtype."""
    try:
        with_gradients(sample)(*inputs_of(sample, dtype))
    except rl.errors.DTypeError:
        return True
    return False


@pytest.mark.parametrize(
    ("mode", "dtype"), [("full", "float32"), ("nofuse", "float64"), ("full", "bfloat16")]
)
@pytest.mark.parametrize("name", NAMES)
def test_compiled_is_eager(name: str, mode: str, dtype: str) -> None:
    samples = [s for s in SAMPLES if s.name == name]
    # Without fusion, and in other dtypes, each kernel is one of the first mode's: every third form is enough.
    samples = {"float32": samples, "float64": samples[::3], "bfloat16": samples[1::9] or samples[:1]}[dtype]
    if dtype == "bfloat16":
        samples = [s for s in samples if not _refused(s, dtype)]
    if name not in DATA_DEPENDENT | MAY_DEPEND | MEMORY:
        _compare(samples, mode, dtype)
        return
    refused = []
    for sample in samples:
        try:
            _compare([sample], mode, dtype)
        except TraceError as error:
            refused.append((sample, str(error)))
    for sample, text in refused:
        assert "samples/" in text, f"the user's line is missing: {text}"
        assert any(a.dtype == bool for a in sample.arrays) or name in DATA_DEPENDENT | MEMORY | {"histc"}, (
            text
        )


def test_the_samples_reach_every_op() -> None:
    """What the table does not reach, its tests do not compile."""
    reached: set[str] = set()
    from rushlight.compile.capture.trace import trace

    for sample in SAMPLES:
        try:
            graph = trace(with_gradients(sample), inputs_of(sample, "float32")).graph
        except TraceError:
            continue
        reached.update(n.op.name for n in graph.nodes)
    made_whole = {name for name, op in REGISTRY.items() if op.decompose is not None}
    constants = {"arange", "full", "linspace"}
    optimisers = {"join", "moving_average", "adam_change", "velocity", "philox_advance"}
    others = {"all_reduce", "broadcast_from"}  # they need other processes: tests/distributed
    assert set(REGISTRY) - reached - made_whole - constants - optimisers - others == set()
