"""Convolution, pooling, borders and resizing: what they refuse, and a small network that learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import (
    ArgumentError,
    DTypeError,
    IndexingError,
    NotSupportedError,
    RushlightError,
    ShapeError,
)
from rushlight.nn import functional as F

IMAGE, LINE, VOLUME = rl.ones(2, 3, 5, 6), rl.ones(2, 3, 5), rl.ones(1, 1, 2, 2, 2)
# A table: the call, the error and words of its message.
# fmt: off
REFUSED: list[tuple[Any, type[RushlightError], str]] = [
    (lambda: nn.Conv2d(3, 4, 3, groups=2), ArgumentError, "groups=2 for in_channels=3"),
    (lambda: nn.Conv2d(3, -4, 3), ArgumentError, "out_channels=-4"),
    (lambda: nn.Conv2d(3, 4, 0), ArgumentError, "kernel_size=0"),
    (lambda: nn.Conv2d(3, 4, (3, 3, 3)), ArgumentError, r"kernel_size=\(3, 3, 3\)"),
    (lambda: nn.Conv2d(3, 4, 3, stride=0), ArgumentError, "stride=0"),
    (lambda: nn.Conv2d(3, 4, 2.5), ArgumentError, "kernel_size=2.5"),  # type: ignore[arg-type]
    (lambda: nn.Conv2d(3, 4, 3, padding="sane"), ArgumentError, "'sane'"),
    (lambda: nn.Conv2d(3, 4, 3, stride=2, padding="same"), ArgumentError, "stride of 1"),
    (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), ArgumentError, "reflect"),
    (lambda: nn.Conv2d(3, 4, 3, device="cuda"), NotSupportedError, "CPU"),
    (lambda: nn.Conv2d(4, 4, 3)(IMAGE), ShapeError, "3 channels"),
    (lambda: nn.Conv2d(3, 4, 3)(LINE[0, 0]), ShapeError, r"\(N, C, H, W\) or \(C, H, W\)"),
    (lambda: nn.Conv2d(3, 4, 7)(IMAGE), ShapeError, "at least 7"),
    (lambda: nn.Conv2d(3, 4, 3)(IMAGE.double()), DTypeError, "float64 and float32"),
    (lambda: nn.Conv1d(3, 4, 9, padding=1, padding_mode="reflect")(LINE), ShapeError, "at least 9"),
    (lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), ArgumentError, "'zeros'"),
    (lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=1)(IMAGE), ArgumentError, "output_padding"),
    (lambda: nn.ConvTranspose2d(3, 4, 1, padding=3)(IMAGE), ShapeError, "less padding"),
    (lambda: F.conv2d(IMAGE, rl.ones(2, 3, 3)), ShapeError, "a weight of 3;"),
    (lambda: rl.conv_tbc(IMAGE, rl.ones(2, 3, 3), rl.ones(3)), ShapeError, r"\(L, N, C\)"),
    (lambda: nn.MaxPool2d(2)(rl.ones(5, 6)), ShapeError, r"\(N, C, H, W\)"),
    (lambda: nn.MaxPool2d(2, padding=2)(IMAGE), ArgumentError, "half a window"),
    (lambda: nn.MaxPool2d(7)(IMAGE), ShapeError, "room for one window"),
    (lambda: nn.MaxPool2d(2, stride=0)(IMAGE), ArgumentError, "stride=0"),
    (lambda: nn.MaxPool1d(2)(rl.ones(2, 0, 4)), ShapeError, "at least one element"),
    (lambda: nn.AvgPool2d(2, divisor_override=0)(IMAGE), ArgumentError, "divisor_override=0"),
    (lambda: nn.AdaptiveAvgPool2d((2, 2, 2))(IMAGE), ArgumentError, "output_size"),
    (lambda: nn.AdaptiveMaxPool1d(-1)(LINE), ArgumentError, "output_size=-1"),
    (lambda: F.lp_pool1d(LINE, 0, 2), ArgumentError, "norm_type=0"),
    (lambda: nn.MaxUnpool1d(2)(LINE, rl.zeros(2, 3, 4).long()), ShapeError, "the same shape"),
    (lambda: nn.MaxUnpool1d(2)(LINE, rl.full((2, 3, 5), 10)), IndexingError, "on axis"),
    (lambda: nn.MaxUnpool1d(2)(LINE, rl.zeros(2, 3, 5).long(), [14]), ArgumentError, "output_size"),
    (lambda: nn.FractionalMaxPool2d(2), ArgumentError, "one of the two"),
    (lambda: nn.FractionalMaxPool2d(2, output_ratio=1.5)(IMAGE), ArgumentError, "between 0 and 1"),
    (lambda: nn.FractionalMaxPool2d(3, output_size=4)(IMAGE), ShapeError, "room"),
    (lambda: F.pad(IMAGE, (1, 1), "mirror"), ArgumentError, "replicate"),
    (lambda: F.pad(IMAGE, (1, 1), "reflect", 2.0), ArgumentError, "no value"),
    (lambda: F.pad(IMAGE, (1,)), ArgumentError, "pair"),
    (lambda: F.pad(IMAGE, (1, 1), "reflect"), ArgumentError, "a pair for each"),
    (lambda: F.pad(LINE, (5, 0), "reflect"), ShapeError, "at most 4"),
    (lambda: F.pad(LINE, (0, 6), "circular"), ShapeError, "at most 5"),
    (lambda: F.pad(LINE, (-3, -2), "replicate"), ShapeError, "at least one element"),
    (lambda: F.interpolate(IMAGE, 2, mode="cubic"), ArgumentError, "bicubic"),
    (lambda: F.interpolate(LINE, 2, mode="bilinear"), ShapeError, "with 2 sizes"),
    (lambda: F.interpolate(IMAGE), ArgumentError, "one of the two"),
    (lambda: F.interpolate(IMAGE, 2, 2.0), ArgumentError, "one of the two"),
    (lambda: F.interpolate(IMAGE, (2, 2, 2)), ArgumentError, "each of 2 axes"),
    (lambda: F.interpolate(IMAGE, scale_factor=0.1), ArgumentError, "sizes from 1"),
    (lambda: F.interpolate(IMAGE, 2, align_corners=True), ArgumentError, "align_corners=True"),
    (lambda: F.interpolate(IMAGE, 2, antialias=True), ArgumentError, "antialias"),
    (lambda: F.interpolate(IMAGE, 2, recompute_scale_factor=True), ArgumentError, "scale_factor only"),
    (lambda: F.interpolate(IMAGE.long(), 2, mode="bicubic"), NotSupportedError, "int64"),
    (lambda: nn.PixelShuffle(2)(IMAGE), ShapeError, "a multiple of 4"),
    (lambda: nn.PixelUnshuffle(2)(IMAGE), ShapeError, "multiples of 2"),
    (lambda: nn.ChannelShuffle(2)(IMAGE), ArgumentError, "groups=2 for 3 channels"),
    (lambda: nn.Unfold(7)(IMAGE), ShapeError, "room for one patch"),
    (lambda: nn.Unfold(2)(LINE[0]), ShapeError, r"\(N, C, H, W\)"),
    (lambda: nn.Fold((4, 4), 2)(rl.ones(2, 3, 9)), ShapeError, "C . 4"),
    (lambda: nn.Fold((4, 4), 2)(rl.ones(2, 4, 8)), ShapeError, "3 x 3"),
    (lambda: nn.LocalResponseNorm(2)(rl.ones(2, 3)), ShapeError, r"\(N, C, \*\)"),
    (lambda: F.affine_grid(rl.ones(2, 2, 2), (2, 1, 3, 3)), ShapeError, r"\(N, 2, 3\)"),
    (lambda: F.grid_sample(IMAGE, rl.ones(2, 1, 1, 2), "linear"), ArgumentError, "bilinear"),
    (lambda: F.grid_sample(IMAGE, rl.ones(2, 1, 1, 2), padding_mode="mirror"), ArgumentError, "reflection"),
    (lambda: F.grid_sample(IMAGE, rl.ones(1, 1, 1, 2)), ShapeError, "a grid of shape"),
    (lambda: F.grid_sample(IMAGE, rl.ones(2, 1, 1, 2).double()), DTypeError, "one dtype"),
    (lambda: F.grid_sample(VOLUME, rl.ones(1, 1, 1, 1, 3), "bicubic"), ArgumentError, "bicubic"),
]
# fmt: on


@pytest.mark.parametrize(
    ("call", "error", "words"), REFUSED, ids=[f"{i}-{r[2]}" for i, r in enumerate(REFUSED)]
)
def test_what_is_refused(call: Any, error: type[RushlightError], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_initialisers_of_a_convolution() -> None:
    layer = nn.Conv2d(3, 4, 2, init="ones", bias_init="zeros", dtype=rl.float64)
    assert layer.weight.dtype == rl.float64
    assert layer(rl.ones(1, 3, 2, 2, dtype=rl.float64)).flatten().tolist() == [12.0] * 4
    layer.initialize("zeros")
    assert layer.weight.abs().max().item() == 0.0
    layer.reset_parameters()
    assert layer.weight.min().item() == 1.0


def test_the_first_of_equal_elements_gets_the_gradient() -> None:
    x = rl.zeros(1, 4, 4, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad is not None
    assert x.grad[0].tolist() == [[1.0, 0, 1, 0], [0] * 4, [1, 0, 1, 0], [0] * 4]


def test_nan_is_the_largest() -> None:
    x = rl.tensor([[1.0, float("nan"), 2.0, 3.0]])
    values, indices = F.max_pool1d(x, 2, return_indices=True)
    assert np.isnan(values.numpy()).tolist() == [[True, False]]
    assert indices.tolist() == [[1, 3]]


def test_infinity_stays_in_its_window() -> None:
    x = rl.tensor([[1.0, float("inf"), 2.0, 3.0, 4.0]])
    assert F.adaptive_avg_pool1d(x, 3).tolist() == [[float("inf"), float("inf"), 3.5]]


@pytest.mark.parametrize("compiled", [False, True])
def test_a_small_network_learns(compiled: bool) -> None:
    """LeNet's form: which of two corners of a picture is bright."""
    if compiled:
        pytest.importorskip("llvmlite")
    rl.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.ReLU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 2),
    )  # fmt: skip
    optimizer = rl.optim.Adam(net.parameters(), lr=0.02)
    target = rl.tensor([0, 1] * 16)
    x = rl.randn(32, 1, 8, 8) * 0.1
    x[::2, :, :3, :3] += 1.0
    x[1::2, :, 5:, 5:] += 1.0

    def step() -> rl.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), target)
        loss.backward()
        optimizer.step()
        return loss.detach()

    run = rl.compile(step) if compiled else step
    losses = [run().item() for _ in range(40)]
    assert losses[-1] < 0.1 < losses[0]


def test_other_weights_for_the_same_layer() -> None:
    layer = nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular")
    x, other = rl.rand(1, 2, 5, 5), rl.rand(3, 2, 3, 3)
    expected = nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular", bias=False)
    with rl.no_grad():
        expected.weight.copy_(other)
    assert layer._conv_forward(x, other, None).equal(expected(x))
