"""gradcheck and gradgradcheck: they pass what is right and find what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as rl
from rushlight.autograd import Function, gradcheck, gradgradcheck
from rushlight.errors import ArgumentError, GradError


class Sine(Function):
    """Right; the classes below are not."""

    @staticmethod
    def forward(ctx: Any, x: rl.Tensor) -> rl.Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
        (x,) = ctx.saved_tensors
        return g * x.cos()


class Wrong(Sine):
    @staticmethod
    def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
        (x,) = ctx.saved_tensors
        return g * x.cos() * 1.01


class WrongSecond(Sine):
    @staticmethod
    def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
        (x,) = ctx.saved_tensors
        return g * x.detach().cos()


def point() -> rl.Tensor:
    return rl.tensor([0.3, 1.0], dtype=rl.float64, requires_grad=True)


def test_right_derivatives_pass() -> None:
    assert gradcheck(Sine.apply, point())
    assert gradgradcheck(Sine.apply, point())


def test_a_wrong_derivative_is_found() -> None:
    with pytest.raises(
        GradError, match=r"gradcheck: got a Jacobian of output 0 by input 0 that is off by 0\.00"
    ):
        gradcheck(Wrong.apply, point())
    assert gradcheck(Wrong.apply, point(), raise_exception=False) is False


def test_a_wrong_second_derivative_is_found() -> None:
    assert gradcheck(WrongSecond.apply, point())
    with pytest.raises(GradError):
        gradgradcheck(WrongSecond.apply, point())
    assert gradgradcheck(WrongSecond.apply, point(), raise_exception=False) is False


def test_a_missing_derivative_of_one_input_is_found() -> None:
    with pytest.raises(GradError, match="input 1"):
        gradcheck(lambda a, b: a * b.detach(), [point(), point()])


def test_float32_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"input 0 of float32.*double\(\)"):
        gradcheck(lambda x: x, rl.ones(2, requires_grad=True))


def test_other_arguments_pass_through() -> None:
    assert gradcheck(lambda x, i, k: x[i] * k, [point(), rl.tensor([1, 0]), 3.0])
    assert gradcheck(lambda x: (x.exp(), x > 0, x.sum()), point())


def test_inputs_come_back_unchanged() -> None:
    x = point()
    before = x.tolist()
    gradgradcheck(lambda x: x.exp() * x, x)
    assert x.tolist() == before
    assert x.grad is None
