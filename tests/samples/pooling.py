"""Samples of convolutions, pooling, resizing and rearrangements under PyTorch's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.samples.record import B, X, sample

# A table: an entry costs a line or two.
# fmt: off

# Convolutions: padding "same" and "valid", and inputs without a batch too

for _name, _shapes, _how in (
    ("conv1d", ((2, 2, 6), (4, 1, 3), (4,)), {"stride": 2, "padding": 1, "groups": 2}),
    ("conv1d", ((2, 6), (3, 2, 4), (3,)), {"padding": "same", "dilation": 1}),
    ("conv1d", ((2, 2, 6), (3, 2, 3), (3,)), {"padding": "valid", "dilation": 2}),
    ("conv2d", ((2, 2, 4, 5), (3, 2, 3, 2), (3,)), {"padding": "same"}),
    ("conv2d", ((2, 4, 5), (2, 2, 2, 3), (2,)), {"stride": (2, 1), "padding": (0, 1)}),
    ("conv3d", ((1, 2, 3, 3, 4), (2, 2, 2, 1, 2), (2,)), {"padding": 1, "stride": 2}),
    ("conv_transpose1d", ((2, 2, 4), (2, 3, 3), (3,)), {"stride": 3, "padding": 1, "output_padding": 2}),
    ("conv_transpose2d", ((2, 3, 4), (2, 1, 2, 3), (2,)), {"stride": 2, "groups": 2}),
    ("conv_transpose3d", ((1, 2, 2, 2, 3), (2, 2, 2, 1, 2), (2,)),
        {"stride": (1, 2, 2), "dilation": (2, 1, 1)}),
):
    sample(_name, lambda L, x, w, b, n=_name, h=_how: getattr(L, n)(x, w, b, **h),
        tuple(X(*s) for s in _shapes), exact=False)
sample("conv_tbc", lambda L, x, w, b: L.conv_tbc(x, w, b, 1), (X(4, 2, 3), X(2, 3, 2), X(2)), exact=False)

# Pooling

_TIES = np.array([[1.0, 1.0, 0.0, 2.0, 2.0, 2.0]])
for _axes, _shapes, _how in (
    (1, [(2, 2, 7), (2, 6)], ((2,), (3, 2, 1), (3, 1, 1, 2, True), ([2], [3], [0], [1], True))),
    (2, [(2, 1, 5, 6), (2, 4, 5)], ((2,), ((2, 3), (1, 2), (1, 1), 1, True), (2, 2, 0, (2, 3)))),
    (3, [(1, 2, 4, 3, 4)], ((2,), ((2, 1, 3), 1, (1, 0, 1)))),
):
    for _args in _how:
        sample(f"max_pool{_axes}d", lambda L, x, n=_axes, a=_args: getattr(L, f"max_pool{n}d")(x, *a),
            *[X(*s) for s in _shapes])
sample("max_pool1d", lambda L, x: L.max_pool1d(x, 2, 1), kinks=[_TIES])
sample("max_pool1d", lambda L, x: L.max_pool1d(x, 3, 2, 1), kinks=[np.full((1, 4), -np.inf)])
sample("max_pool2d", lambda L, x: L.max_pool2d(x, 2), kinks=[np.repeat(_TIES[None], 4, 1)])
sample("max_pool1d_with_indices", lambda L, x: L.max_pool1d_with_indices(x, 3, 1, 1), X(2, 6), X(1, 2, 5))
sample("max_pool1d_with_indices", lambda L, x: L.max_pool1d_with_indices(x, 2, 2, 1, 2),
    plain=[np.full((1, 5), -np.inf)])
for _args in ((2,), (3, 2, 1), (3, 2, 1, True), (3, 2, 1, True, False), (2, 1, 1, False, False)):
    sample("avg_pool1d", lambda L, x, a=_args: L.avg_pool1d(x, *a), X(2, 2, 7), X(2, 6), exact=False)
for _size in (1, 2, 3, 4, 7):
    sample("adaptive_avg_pool1d", lambda L, x, n=_size: L.adaptive_avg_pool1d(x, n), X(2, 6), X(2, 1, 7),
        exact=False)
    sample("adaptive_max_pool1d", lambda L, x, n=_size: L.adaptive_max_pool1d(x, n), X(2, 6), X(2, 1, 7))


def _functional(name: str, *args: Any, **options: Any) -> Any:
    return lambda L, *t: getattr(L.nn.functional, name)(*t, *args, **options)


# Functions of nn.functional whose ops nothing above reaches

sample("pad", _functional("pad", (2, 1, 1, 0), "reflect"), X(1, 2, 3, 3), X(2, 3, 3))
sample("pad", _functional("pad", (3, -1), "replicate"), X(2, 3))
sample("pad", _functional("pad", (-1, 2), "circular"), X(2, 4), X(2, 1, 4))
sample("interpolate", _functional("interpolate", 7), X(1, 2, 3))
sample("interpolate", _functional("interpolate", scale_factor=(1.5, 0.7), mode="bilinear"), X(1, 2, 4, 5),
    exact=False)
sample("interpolate", _functional("interpolate", (3, 7), mode="bicubic", align_corners=True), X(1, 1, 4, 5),
    exact=False)
sample("interpolate", _functional("interpolate", (3, 4), mode="area"), X(1, 1, 4, 5), exact=False)
sample("local_response_norm", _functional("local_response_norm", 3, 0.5), X(2, 4, 3), exact=False)
sample("fold", _functional("fold", (4, 5), (2, 3), 1, 1, (2, 1)), X(2, 12, 15), exact=False)
sample("unfold", _functional("unfold", (2, 3), 1, 1, (2, 1)), X(2, 2, 4, 5), X(2, 4, 5))

# Grids

_SIZES = {2: (2, 1, 4, 2), 3: (1, 2, 2, 4, 2)}
for _align in (False, True):
    for _axes, _size in _SIZES.items():
        sample("affine_grid_generator", lambda L, t, s=_size, a=_align: L.affine_grid_generator(t, s, a),
            X(_size[0], _axes, _axes + 1), exact=False)
    for _mode in range(3):
        for _padding in range(3):
            _arguments = _mode, _padding, _align
            sample("grid_sampler", lambda L, x, g, a=_arguments: L.grid_sampler(x, g, *a),
                (X(1, 1, 4, 3), X(1, 2, 2, 2, low=-1.4, high=1.37)), exact=False,
                twice=not _align and _mode + _padding < 3)
    sample("grid_sampler_2d", lambda L, x, g, a=_align: L.grid_sampler_2d(x, g, 0, 0, a),
        (X(2, 1, 3, 3), X(2, 1, 2, 2, low=-1.2, high=1.1)), exact=False, twice=_align)
    for _mode in range(2):
        sample("grid_sampler_3d", lambda L, x, g, m=_mode, a=_align: L.grid_sampler_3d(x, g, m, m, a),
            (X(1, 1, 3, 2, 3), X(1, 2, 1, 1, 3, low=-1.3, high=1.2)), exact=False)

# Rearrangements

sample("pixel_shuffle", lambda L, x: L.pixel_shuffle(x, 2), X(2, 8, 2, 3), X(4, 1, 2), plain=[B(4, 2, 2)])
sample("pixel_unshuffle", lambda L, x: L.pixel_unshuffle(x, 2), X(2, 1, 4, 2), X(3, 2, 2))
sample("channel_shuffle", lambda L, x: L.channel_shuffle(x, 3), X(2, 6, 2), X(1, 3, 2, 2))
sample("native_channel_shuffle", lambda L, x: L.native_channel_shuffle(x, 2),
    plain=[X(2, 6, 2), X(1, 2, 2, 2)])  # PyTorch has no derivative of it
