"""Maps whose results lie between each other in memory: spread windows, enlarged pictures, shuffled pixels."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rushlight as rl
from rushlight.nn import functional as F

pytest.importorskip("llvmlite")

Function = Callable[[rl.Tensor], rl.Tensor]


def _gradient(pool: Callable[..., rl.Tensor], size: int) -> Function:
    def gradient(x: rl.Tensor) -> rl.Tensor:
        x = x.detach().requires_grad_()
        y = pool(x, size)
        weights = rl.arange(y.numel(), dtype=y.dtype).reshape(y.shape)
        return rl.autograd.grad((y * weights).sum(), [x])[0]

    return gradient


def functions(size: int) -> dict[str, Function]:
    return {
        "max_pool": _gradient(F.max_pool2d, size),
        "avg_pool": _gradient(F.avg_pool2d, size),
        "interpolate": lambda x: F.interpolate(x, scale_factor=size, mode="nearest") * 2 + 1,
        "repeat_interleave": lambda x: (x > 0.5).repeat_interleave(size, -1).logical_not(),
        "pixel_shuffle": lambda x: F.pixel_shuffle(x, size) * 2 + 1,
        "stack": lambda x: rl.stack([x * k for k in range(1, size + 1)], -1).flatten(-2) + 1,
        "unflattened": lambda x: (x.unsqueeze(-1).expand(*x.shape, size) * 3).flatten(-2),
    }


@pytest.mark.parametrize("name", functions(2))
@pytest.mark.parametrize(
    ("size", "shape"),
    [(2, (1, 4, 8, 8)), (2, (3, 4, 28, 28)), (3, (2, 9, 12, 51)), (4, (1, 16, 4, 64)), (2, (2, 4, 6, 34))],
)
@pytest.mark.parametrize("dtype", [rl.float32, rl.float64])
def test_maps_that_write_between(name: str, size: int, shape: tuple[int, ...], dtype: rl.dtype) -> None:
    function = functions(size)[name]
    rl.manual_seed(0)
    x = rl.rand(*shape, dtype=dtype)
    expected = function(x)
    compiled = rl.compile(function)
    for _ in range(2):
        assert rl.equal(compiled(x), expected)


def test_whole_vectors_are_written() -> None:
    compiled = rl.compile(_gradient(F.max_pool2d, 2))
    x = rl.rand(2, 2, 32, 32)
    compiled(x)
    last = compiled.stages()["llvm"].rsplit("define void @f", 1)[0]
    assert last.count("store <16 x float>") >= 2
    assert last.count("store float") == 0
