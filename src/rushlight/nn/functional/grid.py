"""Grids of places, and reading at them, as functions."""

from __future__ import annotations

from collections.abc import Sequence

from rushlight.core.autocast import autocasts
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message
from rushlight.ops.grid import MODES, PADDINGS, affine_grid_generator, sampled

__all__ = ["affine_grid", "grid_sample"]


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid (N, H, W, 2), or (N, D, H, W, 3), of the places theta · (x, y, 1) for each place of a result
    of `size` (N, C, H, W), or (N, C, D, H, W); theta (N, 2, 3), or (N, 3, 4). For `grid_sample`.

    Coordinates go from -1 to 1, x first; these are the middles of the outermost elements with
    ``align_corners``, else their outer edges. Raises ShapeError for other shapes.

    >>> import rushlight as rl
    >>> theta = rl.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> rl.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    return affine_grid_generator(theta, size, bool(align_corners))


@autocasts("float32")
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """`input` (N, C, H, W), or (N, C, D, H, W), at the places of `grid` (N, *places, 2), or 3: x first,
    from -1 to 1. The result is (N, C, *places).

    mode           "bilinear", "nearest", or "bicubic" for planes only.
    padding_mode   beyond the edges: "zeros", "border": the element of the edge, "reflection": mirrored.
    align_corners  -1 and 1 are the middles of the outermost elements, else their outer edges.

    Raises ShapeError or ArgumentError for what does not fit.

    >>> import rushlight as rl
    >>> image, grid = rl.tensor([[[[0.0, 4.0]]]]), rl.tensor([[[[0.5, 0.0]]]])
    >>> rl.nn.functional.grid_sample(image, grid, align_corners=True)
    tensor([[[[3.]]]])
    """
    if mode not in MODES:
        raise ArgumentError(message("grid_sample", f"mode={mode!r}", f"one of: {', '.join(MODES)}"))
    if padding_mode not in PADDINGS:
        got = f"padding_mode={padding_mode!r}"
        raise ArgumentError(message("grid_sample", got, f"one of: {', '.join(PADDINGS)}"))
    which = MODES.index(mode), PADDINGS.index(padding_mode)
    return sampled("grid_sample", input, grid, *which, bool(align_corners))
