"""Transforms of tensors beside the same steps in PyTorch's functions, as torchvision takes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.vision.transforms import InterpolationMode
from rushlight.vision.transforms import functional as F

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

X = np.random.default_rng(0).random((2, 3, 11, 14), np.float32)
MODES = ["nearest", "bilinear"]


def rounded(change: Callable[[Any], Any], x: Any) -> Any:
    """Of bytes by way of floats, rounded back."""
    found = change(x.float())
    return found.round().clamp(0, 255).to(torch.uint8) if x.dtype == torch.uint8 else found


def check(ours: Callable[[rl.Tensor], rl.Tensor], theirs: Callable[[Any], Any], share: float = 1.0) -> None:
    """Floats agree; so do bytes, up to one where a half was rounded."""
    found, expected = ours(rl.tensor(X)).numpy(), theirs(torch.tensor(X)).numpy()
    assert found.shape == expected.shape
    assert np.isclose(found, expected, rtol=1e-5, atol=1e-5).mean() >= share
    array = (X * 255).astype(np.uint8)
    found, expected = ours(rl.tensor(array)).numpy(), rounded(theirs, torch.tensor(array)).numpy()
    assert (np.abs(found.astype(int) - expected.astype(int)) <= 1).mean() >= share


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(5, 6), (22, 14), (30, 7)])
@pytest.mark.parametrize("antialias", [True, False])
def test_resize(mode: str, size: tuple[int, int], antialias: bool) -> None:
    smooth = mode.startswith("bi")
    options = {"align_corners": False, "antialias": antialias} if smooth else {}
    check(
        lambda x: F.resize(x, size, InterpolationMode(mode), antialias=antialias),
        lambda x: torch.nn.functional.interpolate(x, size, mode=mode, **options),
    )


def warped(matrix: list[list[float]], mode: str, fill: float) -> Callable[[Any], Any]:
    """Read at matrix · (x, y, 1), in pixels from the middle."""

    def change(x: Any) -> Any:
        rows, columns = x.shape[-2:]
        (a, b, c), (d, e, f) = matrix
        theta = [[a, b * rows / columns, 2 * c / columns], [d * columns / rows, e, 2 * f / rows]]
        grid = torch.nn.functional.affine_grid(
            torch.tensor([theta] * len(x)), list(x.shape), align_corners=False
        )
        both = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        found = torch.nn.functional.grid_sample(both, grid, mode=mode, align_corners=False)
        found, mask = found[:, :-1], found[:, -1:]
        if mode == "nearest":
            return torch.where(mask < 0.5, fill, found)
        return found * mask + (1 - mask) * fill

    return change


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("angle", "fill"), [(10.0, 0.0), (-123.0, 0.5), (91.0, 3.0)])
def test_rotate(mode: str, angle: float, fill: float) -> None:
    turn = math.radians(angle)
    cos, sin = math.cos(turn), math.sin(turn)
    check(
        lambda x: F.rotate(x, angle, InterpolationMode(mode), fill=fill),
        warped([[cos, -sin, 0.0], [sin, cos, 0.0]], mode, fill),
        1.0 if mode == "bilinear" else 0.98,
    )


@pytest.mark.parametrize("mode", MODES)
def test_affine(mode: str) -> None:
    angle, move, scale, shear = 20.0, (3, -2), 1.3, (8.0, -4.0)
    turn, x, y = (math.radians(n) for n in (angle, *shear))
    a, b = math.cos(turn - y) / math.cos(y), -math.cos(turn - y) * math.tan(x) / math.cos(y) - math.sin(turn)
    c, d = math.sin(turn - y) / math.cos(y), -math.sin(turn - y) * math.tan(x) / math.cos(y) + math.cos(turn)
    inverse = np.linalg.inv(np.array([[a, b], [c, d]]) * scale)
    matrix = np.column_stack([inverse, -inverse @ np.array(move, float)]).tolist()
    check(
        lambda t: F.affine(t, angle, move, scale, shear, InterpolationMode(mode), fill=0.25),
        warped(matrix, mode, 0.25),
        1.0 if mode == "bilinear" else 0.98,
    )


def test_gaussian_blur() -> None:
    def theirs(x: Any) -> Any:
        kernels = []
        for size, sigma in ((5, 1.1), (3, 0.6)):
            at = torch.arange(size) - (size - 1) / 2
            kernel = torch.exp(-0.5 * (at / sigma) ** 2)
            kernels.append(kernel / kernel.sum())
        weight = torch.outer(kernels[1], kernels[0]).expand(3, 1, 3, 5)
        padded = torch.nn.functional.pad(x, [2, 2, 1, 1], "reflect")
        return torch.nn.functional.conv2d(padded, weight, groups=3)

    check(lambda x: F.gaussian_blur(x, (5, 3), (1.1, 0.6)), theirs)
