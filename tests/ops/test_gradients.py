"""First and second derivatives of every smooth sample against finite differences, in float64."""

from __future__ import annotations

import pytest

import rushlight as rl
from tests.op_samples import SAMPLES, Sample, as_dtype, flatten

SMOOTH = [s for s in SAMPLES if s.kind == "smooth"]


def program(s: Sample) -> tuple[object, list[rl.Tensor]]:
    """A function of tensors that gives the floating results only, and its inputs."""
    inputs = [rl.from_numpy(as_dtype(a, "float64")) for a in s.arrays]
    inputs = [t.requires_grad_() if t.is_floating_point() else t for t in inputs]

    def call(*tensors: rl.Tensor) -> list[rl.Tensor]:
        return [
            r for r in flatten(s.call(rl, *tensors)) if isinstance(r, rl.Tensor) and r.dtype == rl.float64
        ]

    return call, inputs


@pytest.mark.parametrize("s", SMOOTH, ids=repr)
def test_first_derivative(s: Sample) -> None:
    call, inputs = program(s)
    assert any(out.requires_grad for out in call(*inputs)), "a smooth sample has a derivative"
    assert rl.autograd.gradcheck(call, inputs)


@pytest.mark.parametrize("s", [s for s in SMOOTH if s.twice], ids=repr)
def test_second_derivative(s: Sample) -> None:
    call, inputs = program(s)
    assert rl.autograd.gradgradcheck(call, inputs)
