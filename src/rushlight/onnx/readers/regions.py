"""Regions of pictures: which of many boxes are kept, and what is in each."""

from __future__ import annotations

import math
from typing import Any

import rushlight as rl
from rushlight.onnx.readers.table import reads

Tensor = rl.Tensor
Box = tuple[float, float, float, float]


def _corners(box: list[float], centred: int) -> Box:
    if centred:
        x, y, width, height = box
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    a, b, c, d = box
    return min(a, c), min(b, d), max(a, c), max(b, d)


def _overlap(a: Box, b: Box) -> float:
    """The part of the union of two boxes that both have."""
    wide = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0)
    high = max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
    sizes = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    both = wide * high
    return both / (sizes - both) if both > 0 else 0.0


@reads("NonMaxSuppression")
def non_max_suppression(
    boxes: Tensor, scores: Tensor, most: Tensor | None = None, threshold: Tensor | None = None,
    least: Tensor | None = None, *, center_point_box: int = 0,
) -> Tensor:  # fmt: skip
    """Box by box, the best first, those that overlap none of the kept ones too much."""
    limit = 0 if most is None else int(most.item())
    largest = 0.0 if threshold is None else float(threshold.item())
    lowest = None if least is None else float(least.item())
    found: list[list[int]] = []
    for batch, (rows, classes) in enumerate(zip(boxes.tolist(), scores.tolist(), strict=True)):
        corners = [_corners(row, center_point_box) for row in rows]
        for number, chances in enumerate(classes):
            kept: list[int] = []
            for k in sorted(range(len(chances)), key=[-c for c in chances].__getitem__):
                if len(kept) >= limit or (lowest is not None and chances[k] <= lowest):
                    break
                if all(_overlap(corners[k], corners[j]) <= largest for j in kept):
                    kept.append(k)
            found += [[batch, number, k] for k in kept]
    return rl.tensor(found, dtype=rl.int64).reshape(-1, 3)


@reads("RoiAlign")
def roi_align_of_10(x: Tensor, rois: Tensor, batch: Tensor, **how: Any) -> Tensor:
    return roi_align(x, rois, batch, **{"coordinate_transformation_mode": "output_half_pixel", **how})


@reads("RoiAlign", since=16)
def roi_align(
    x: Tensor, rois: Tensor, batch: Tensor, *, coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg", output_height: int = 1, output_width: int = 1, sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Tensor:  # fmt: skip
    """The mean, or the largest share, of what lies at points of a grid within each cell of each region."""
    shift = 0.5 if coordinate_transformation_mode == "half_pixel" else 0.0
    found = []
    for (x1, y1, x2, y2), number in zip(rois.tolist(), batch.tolist(), strict=True):
        left, top, right, bottom = (v * spatial_scale - shift for v in (x1, y1, x2, y2))
        width, height = right - left, bottom - top
        if not shift:  # older models have no regions of less than one element
            width, height = max(width, 1.0), max(height, 1.0)
        across = sampling_ratio or math.ceil(width / output_width)
        down = sampling_ratio or math.ceil(height / output_height)
        ys = _points(top, height / output_height, output_height, down)
        xs = _points(left, width / output_width, output_width, across)
        parts = _at(x[number], ys, xs)
        shape = (x.shape[1], output_height, down, output_width, across)
        if mode == "avg":
            found.append(sum(parts[1:], parts[0]).reshape(shape).mean((2, 4)))
        else:
            found.append(rl.stack(parts).amax(0).reshape(shape).amax((2, 4)))
    return rl.stack(found)


def _points(start: float, step: float, cells: int, each: int) -> list[float]:
    return [start + (cell + (k + 0.5) / each) * step for cell in range(cells) for k in range(each)]


def _at(plane: Tensor, ys: list[float], xs: list[float]) -> list[Tensor]:
    """The four neighbours of points of (C, H, W), each times its share; outside it is 0."""
    rows, columns = (
        [_neighbours(v, n) for v in side] for side, n in zip((ys, xs), plane.shape[1:], strict=True)
    )
    parts = []
    for i in (0, 1):
        for j in (0, 1):
            at = plane.index_select(1, rl.tensor([r[i][0] for r in rows]))
            at = at.index_select(2, rl.tensor([c[j][0] for c in columns]))
            down = rl.tensor([r[i][1] for r in rows], dtype=plane.dtype).reshape(-1, 1)
            parts.append(at * down * rl.tensor([c[j][1] for c in columns], dtype=plane.dtype))
    return parts


def _neighbours(v: float, n: int) -> tuple[tuple[int, float], tuple[int, float]]:
    """The elements on both sides of a place, with their shares."""
    if v < -1 or v > n:
        return (0, 0.0), (0, 0.0)
    v = max(v, 0.0)
    low = int(v)
    if low >= n - 1:
        return (n - 1, 1.0), (n - 1, 0.0)
    return (low, 1 - (v - low)), (low + 1, v - low)
