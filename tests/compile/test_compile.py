"""Compiled against eager: the same training, step by step."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.function import compile
from tests.compile.nets import CASES, build

pytest.importorskip("llvmlite")


def _train(name: str, mode: str | None, steps: int = 5) -> tuple[list[float], dict[str, np.ndarray], Any]:
    case = CASES[name]
    model, _, step = build(case)
    rl.manual_seed(1)
    x, y = case.batch()
    run = step if mode is None else compile(step, mode=mode)
    losses = [run(x, y).item() for _ in range(steps)]
    return losses, {k: v.numpy().copy() for k, v in model.state_dict().items()}, run


@pytest.mark.parametrize("mode", ["full", "nofuse", "interpret"])
@pytest.mark.parametrize("name", CASES)
def test_compiled_training_is_eager_training(name: str, mode: str) -> None:
    expected, weights, _ = _train(name, None)
    found, compiled, run = _train(name, mode)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for key in weights:
        np.testing.assert_allclose(compiled[key], weights[key], rtol=1e-4, atol=1e-5, err_msg=key)
    (entries,) = run._entries.values()
    assert len(entries) == 1
    assert entries[0].proved == (mode != "interpret")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("exponent", [0.5, -0.5])
def test_half_powers_have_the_signs_of_eager_code(dtype: str, exponent: float) -> None:
    x = rl.from_numpy(np.array([-np.inf, -0.0, 0.0, 4.0, np.inf, np.nan, -1.0], dtype))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        expected, found = x**exponent, rl.compile(lambda x: x**exponent)(x)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
    np.testing.assert_array_equal(np.signbit(found.numpy()[:5]), np.signbit(expected.numpy()[:5]))
