"""First and second derivatives of every smooth sample against finite differences, in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import rushlight as rl
from tests.op_samples import SAMPLES, Sample, as_dtype, flatten

SMOOTH = [s for s in SAMPLES if s.kind == "smooth"]
STATIONARY = {
    "abs": "at 0 it has a kink", "mse_loss": "where prediction and target agree it has its minimum",
    "nn.functional.huber_loss": "as mse_loss", "nn.functional.smooth_l1_loss": "as mse_loss",
    "var": "where all elements agree it has its minimum, and of one element it is inf - inf", "std": "as var",
    "softplus": "far below 0 the slope is too small for a float", "logsumexp": "as softplus",
    "binary_cross_entropy_with_logits": "as softplus", "cross_entropy": "as softplus",
    "cumprod": "of several factors 0 it is inf * 0",
    "softmax": "of one element it is inf - inf", "log_softmax": "as softmax",
    "grid_sampler": "beyond the edges it is a product with the zeros there",
    "scaled_dot_product_attention": "as softmax",
}  # fmt: skip
"""Functions that depend on their inputs at points where their derivative is 0, or add infinities up."""


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


def pulled(s: Sample, seed: Callable[[int], np.ndarray]) -> list[np.ndarray]:
    """The gradients of a sample's inputs; `seed` gives those of a result of so many elements."""
    call, inputs = program(s)
    outputs = [o for o in call(*inputs) if o.requires_grad]
    seeds = [rl.from_numpy(seed(o.numel()).reshape(o.shape)) for o in outputs]
    leaves = [t for t in inputs if t.requires_grad]
    found = rl.autograd.grad(outputs, leaves, seeds, materialize_grads=True) if outputs else []
    return [g.numpy() for g in found if g is not None]


@pytest.mark.parametrize(
    "s", [s for s in SAMPLES if s.kind != "plain" and s.name not in STATIONARY], ids=repr
)
def test_infinity_times_a_derivative_of_0_is_0(s: Sample) -> None:
    """What a result does not depend on has the gradient 0, whatever the result's own gradient is."""
    plain = zip(pulled(s, np.ones), pulled(s, lambda n: np.cos(np.arange(n) * 1.3 + 0.4)), strict=True)
    still = [(a == 0) & (b == 0) for a, b in plain]
    for where, g in zip(still, pulled(s, lambda n: np.full(n, np.inf)), strict=True):
        np.testing.assert_array_equal(g[where], 0.0)
