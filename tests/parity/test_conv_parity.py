"""Convolution, pooling, borders and resizing beside PyTorch's: layers and functions over a table of
options."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

DTYPES = ("float32", "float64")
RTOL = {"float32": (1e-5, 1e-4), "float64": (1e-10, 1e-10)}
"""How far values and gradients may differ."""
Layer = tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]


def layer(name: str, shape: tuple[int, ...], *args: Any, **options: Any) -> Layer:
    return name, args, options, shape


# A table: name, shape of the input, arguments.
# fmt: off
CONVOLUTIONS = [
    layer("Conv1d", (2, 4, 9), 4, 6, 3), layer("Conv1d", (4, 9), 4, 6, 3, stride=2, padding=2, dilation=2,
    groups=2, bias=False), layer("Conv1d", (2, 4, 9), 4, 4, 4, padding="same", groups=4), layer("Conv1d",
    (2, 2, 9), 2, 3, 4, padding="same", padding_mode="circular"), layer("Conv2d", (2, 1, 12, 12), 1, 6, 5,
    padding=2), layer("Conv2d", (2, 3, 7, 8), 3, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
    layer("Conv2d", (3, 7, 8), 3, 6, 3, padding="same", dilation=2, groups=3), layer("Conv2d", (2, 3, 7, 8),
    3, 4, 1, padding="valid"), layer("Conv2d", (2, 2, 5, 6), 2, 3, 3, padding=(2, 1),
    padding_mode="reflect"), layer("Conv2d", (2, 2, 5, 6), 2, 3, 3, stride=2, padding=1,
    padding_mode="replicate"), layer("Conv2d", (2, 2, 5, 6), 2, 3, 3, padding=1, padding_mode="circular"),
    layer("Conv3d", (2, 2, 4, 5, 6), 2, 4, 3, padding=1, groups=2), layer("Conv3d", (2, 2, 4, 5, 6), 2, 3,
    (1, 2, 3), stride=(1, 2, 1), padding=(0, 1, 2), padding_mode="reflect"), layer("ConvTranspose1d", (2, 4,
    5), 4, 6, 3), layer("ConvTranspose1d", (4, 5), 4, 6, 3, stride=3, padding=1, output_padding=2, groups=2,
    dilation=2), layer("ConvTranspose2d", (2, 3, 4, 5), 3, 2, (2, 3), stride=2, padding=1,
    output_padding=(1, 0)), layer("ConvTranspose2d", (2, 4, 4, 5), 4, 4, 2, groups=4, bias=False),
    layer("ConvTranspose3d", (1, 2, 3, 2, 3), 2, 3, 2, stride=(1, 2, 2), dilation=(2, 1, 1)),
]
OTHERS = [
    layer("MaxPool1d", (2, 3, 9), 2), layer("MaxPool1d", (3, 9), 3, 2, 1, 2, ceil_mode=True),
    layer("MaxPool2d", (2, 3, 8, 9), 2), layer("MaxPool2d", (3, 8, 9), (3, 2), (1, 2), (1, 0),
    ceil_mode=True), layer("MaxPool2d", (2, 3, 8, 9), 3, 2, 1, return_indices=True), layer("MaxPool3d", (2,
    2, 4, 5, 6), 2, return_indices=True), layer("MaxPool3d", (2, 4, 5, 6), 2, 1, 1), layer("AvgPool1d", (2,
    3, 9), 2), layer("AvgPool1d", (3, 9), 3, 2, 1, True, False), layer("AvgPool2d", (2, 3, 8, 9), 2),
    layer("AvgPool2d", (3, 8, 9), (3, 2), (2, 1), 1, True), layer("AvgPool2d", (2, 3, 8, 9), 3, 2, 1, True,
    False), layer("AvgPool2d", (2, 3, 8, 9), 3, divisor_override=5), layer("AvgPool3d", (2, 2, 4, 5, 6), 2,
    1, 1), layer("AvgPool3d", (2, 4, 5, 6), (1, 2, 3), ceil_mode=True), layer("AdaptiveAvgPool1d", (2, 3,
    9), 4), layer("AdaptiveAvgPool2d", (2, 3, 8, 9), 1), layer("AdaptiveAvgPool2d", (2, 3, 8, 9), (None,
    4)), layer("AdaptiveAvgPool2d", (3, 8, 9), (4, 3)), layer("AdaptiveAvgPool3d", (2, 2, 4, 5, 6), (3, 2,
    6)), layer("AdaptiveAvgPool2d", (1, 2, 3, 3), (5, 7)), layer("AdaptiveMaxPool1d", (2, 3, 9), 4, True),
    layer("AdaptiveMaxPool2d", (2, 3, 8, 9), (3, None)), layer("AdaptiveMaxPool2d", (3, 8, 9), (4, 3),
    True), layer("AdaptiveMaxPool3d", (2, 2, 4, 5, 6), (3, 2, 6), True), layer("LPPool1d", (2, 3, 9), 2, 3),
    layer("LPPool2d", (2, 3, 8, 9), 3, (2, 3), 2, True), layer("LPPool3d", (2, 2, 4, 5, 6), 1.5, 2),
    layer("Upsample", (2, 3, 4), 7), layer("Upsample", (2, 3, 4, 5), scale_factor=2), layer("Upsample", (2,
    3, 4, 5), scale_factor=(1.7, 0.6), mode="nearest-exact"), layer("Upsample", (2, 3, 4), scale_factor=2.3,
    mode="linear"), layer("Upsample", (2, 3, 4, 5), (7, 3), mode="bilinear"), layer("Upsample", (2, 3, 4,
    5), (7, 3), mode="bilinear", align_corners=True), layer("Upsample", (2, 3, 4, 5), scale_factor=2.3,
    mode="bilinear", recompute_scale_factor=True), layer("Upsample", (2, 3, 4, 5), (7, 3), mode="bicubic"),
    layer("Upsample", (2, 3, 4, 5), scale_factor=1.6, mode="bicubic", align_corners=True), layer("Upsample",
    (1, 2, 3, 4, 5), scale_factor=1.5, mode="trilinear"), layer("Upsample", (1, 2, 3, 4, 5), (4, 2, 9),
    mode="trilinear", align_corners=True), layer("UpsamplingNearest2d", (2, 3, 4, 5), scale_factor=2),
    layer("UpsamplingBilinear2d", (2, 3, 4, 5), (3, 8)), layer("PixelShuffle", (2, 8, 3, 2), 2),
    layer("PixelUnshuffle", (2, 2, 6, 4), 2), layer("ChannelShuffle", (2, 6, 3, 2), 3), layer("Unfold", (2,
    3, 5, 6), (2, 3), 2, 1, (1, 2)), layer("Unfold", (3, 5, 6), 2), layer("Fold", (2, 12, 20), (5, 6), 2),
    layer("Fold", (12, 6), (5, 6), (2, 3), (2, 1), (1, 0), (2, 2)), layer("LocalResponseNorm", (2, 5, 3, 2),
    3, 0.5, 0.6, 2.0), layer("LocalResponseNorm", (2, 5, 3), 2), *(layer(f"{kind}Pad{n}d", (2, 3, *(4, 5,
    6)[:n]), 1) for kind in ("Reflection", "Replication", "Circular", "Zero")
      for n in (1, 2, 3)),
    layer("ReflectionPad2d", (3, 4, 5), (3, 2, 1, 0)), layer("ReplicationPad2d", (2, 3, 4, 5), (3, -2, -1,
    0)), layer("CircularPad2d", (2, 3, 4, 5), (3, -2, -1, 2)), layer("ConstantPad1d", (2, 3, 4), (1, -2),
    0.5), layer("ConstantPad2d", (2, 3, 4, 5), (1, 2, 0, 3), -1.5), layer("ConstantPad3d", (2, 3, 4, 5, 6),
    1, 2.0),
]
# fmt: on


def numbers(*shape: int) -> np.ndarray:
    """Distinct, so that maxima are unique."""
    count = int(np.prod(shape))
    return ((np.random.default_rng(count).permutation(count) * 2 + 1 - count) / count * 2).reshape(shape)


def named(case: Layer) -> str:
    return f"{case[0]}{case[1]}{case[2] or ''}{case[3]}"


def both(case: Layer, dtype: str) -> tuple[Any, Any]:
    """The layer in both frameworks: PyTorch's loads our state, and we load it back."""
    name, args, options, _ = case
    ours = getattr(rl.nn, name)(*args, **options)
    theirs = getattr(torch.nn, name)(*args, **options)
    assert repr(ours) == repr(theirs)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in ours.state_dict().items()})
    state = {k: rl.from_numpy(v.numpy() * 0.5) for k, v in theirs.state_dict().items()}
    ours.load_state_dict(state)
    theirs.load_state_dict({k: v * 0.5 for k, v in theirs.state_dict().items()})
    return ours.to(getattr(rl, dtype)), theirs.to(getattr(torch, dtype))


def outputs(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def close(a: Any, b: Any, rtol: float) -> None:
    assert tuple(a.shape) == tuple(b.shape)
    assert str(a.dtype) == str(b.dtype).removeprefix("torch.")
    x, y = a.detach().numpy(), b.detach().numpy()
    if y.dtype.kind != "f":
        np.testing.assert_array_equal(x, y)
        return
    size = float(np.abs(y).max(initial=1.0, where=np.isfinite(y)))
    np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * size)


def compare(ours: Any, theirs: Any, arrays: list[np.ndarray], dtype: str, more: Any = ((), ())) -> None:
    """Values, gradients of the inputs and of the parameters; and of float64 second derivatives."""
    a = [rl.from_numpy(x.astype(dtype)).requires_grad_() for x in arrays]
    b = [torch.from_numpy(x.astype(dtype)).requires_grad_() for x in arrays]
    results = outputs(ours(*a, *more[0])), outputs(theirs(*b, *more[1]))
    for found, wanted in zip(*results, strict=True):
        close(found, wanted, RTOL[dtype][0])
    leaves = [
        [*x, *(f.parameters() if hasattr(f, "parameters") else [])] for x, f in ((a, ours), (b, theirs))
    ]
    weight = np.cos(np.arange(results[1][0].numel()) * 1.3).reshape(results[1][0].shape).astype(dtype)
    twice = dtype == "float64"
    first = [
        L.autograd.grad(out[0], on, L.from_numpy(weight).clone(), create_graph=twice)
        for L, out, on in zip((rl, torch), results, leaves, strict=True)
    ]
    for found, wanted in zip(*first, strict=True):
        close(found, wanted, RTOL[dtype][1])
    totals = [[(g * g).sum() for g in grads if g.requires_grad] for grads in first]
    if twice and totals[1] and totals[0]:
        second = [
            L.autograd.grad(sum(t[1:], t[0]), on, allow_unused=True)
            for L, t, on in zip((rl, torch), totals, leaves, strict=True)
        ]
        for found, wanted in zip(*second, strict=True):
            if wanted is not None:
                close(rl.zeros_like(leaves[0][0]) if found is None else found, wanted, RTOL[dtype][1])


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CONVOLUTIONS + OTHERS, ids=named)
def test_layers(case: Layer, dtype: str) -> None:
    compare(*both(case, dtype), [numbers(*case[3])], dtype)


@pytest.mark.parametrize("group", ["Conv", "Pool", "Pad", "Upsampl", "Shuffle|Unshuffle|old|Norm"])
def test_compiled_layers(group: str) -> None:
    """All layers of a kind as one program: their results and gradients are those of eager code."""
    pytest.importorskip("llvmlite")
    words = group.split("|")
    cases = [c for c in CONVOLUTIONS + OTHERS if any(w in c[0] for w in words)]
    layers = [getattr(rl.nn, name)(*args, **options) for name, args, options, _ in cases]
    inputs = [rl.from_numpy(numbers(*c[3]).astype("float32")).requires_grad_() for c in cases]

    def program(*inputs: rl.Tensor) -> list[Any]:
        found = []
        for one, x in zip(layers, inputs, strict=True):
            out = outputs(one(x))
            found.append([*[o.detach() for o in out], *rl.autograd.grad((out[0] * 1.5).sum(), [x])])
        return found

    compiled = rl.compile(program)
    for a, b, case in zip(compiled(*inputs), program(*inputs), cases, strict=True):
        for found, wanted in zip(a, b, strict=True):
            # Powers of float32, in vectors and one by one: the last digits of their sums differ.
            np.testing.assert_allclose(
                found.numpy(), wanted.numpy(), rtol=2e-5, atol=1e-5, err_msg=named(case)
            )


@pytest.mark.parametrize("n", [1, 2, 3])
def test_transposed_to_a_size(n: int) -> None:
    case = layer(f"ConvTranspose{n}d", (2, 3, *(3, 4, 2)[:n]), 3, 2, 2, stride=3, padding=1)
    least = [(m - 1) * 3 for m in case[3][2:]]
    for more in (0, 2):
        size = [m + more for m in least]
        compare(*both(case, "float64"), [numbers(*case[3])], "float64", ((size,), (size,)))
    with pytest.raises(rl.errors.ArgumentError, match="output_size"):
        getattr(rl.nn, case[0])(*case[1], **case[2])(rl.ones(*case[3]), [m + 3 for m in least])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_unpooling_takes_back_pooling(n: int) -> None:
    for size in (None, (2, 3, 7, 9, 5)[: n + 2]):
        x = numbers(2, 3, *((6, 8, 4)[:n] if size is None else size[2:]))
        results = []
        for L in (rl, torch):
            pooled, indices = getattr(L.nn, f"MaxPool{n}d")(2, return_indices=True)(L.from_numpy(x.copy()))
            pooled = pooled.requires_grad_()
            out = getattr(L.nn, f"MaxUnpool{n}d")(2)(pooled, indices, output_size=size)
            out.backward(L.ones_like(out) * 0.5)
            results.append((out, pooled.grad))
        for found, wanted in zip(*results, strict=True):
            close(found, wanted, 0.0)


@pytest.mark.parametrize(("n", "options"), [(2, {"output_size": (3, 4)}), (2, {"output_ratio": 0.6}),
                                             (3, {"output_size": 1}), (3, {"output_ratio": (0.5, 0.6,
                                             0.7)})])  # fmt: skip
def test_fractional_pooling_with_the_same_draws(n: int, options: dict[str, Any]) -> None:
    x = numbers(2, 3, *(7, 8, 9)[:n])
    draws = np.random.default_rng(3).random((2, 3, n))
    results = []
    for L in (rl, torch):
        t = L.from_numpy(x.copy()).requires_grad_()
        make = getattr(L.nn, f"FractionalMaxPool{n}d")
        out, indices = make(2, **options, return_indices=True, _random_samples=L.from_numpy(draws.copy()))(t)
        out.backward(L.ones_like(out))
        results.append((out, indices, t.grad))
    for found, wanted in zip(*results, strict=True):
        close(found, wanted, 0.0)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 9), (11, 4), (5, 7)])
@pytest.mark.parametrize("align", [False, True])
def test_antialiased(mode: str, size: tuple[int, int], align: bool) -> None:
    def call(L: Any) -> Any:
        return lambda x: L.nn.functional.interpolate(x, size, None, mode, align, antialias=True)

    compare(call(rl), call(torch), [numbers(2, 2, 7, 8)], "float64")


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_spatial_transformer(mode: str, padding: str, align: bool) -> None:
    def call(L: Any) -> Any:
        def run(x: Any, theta: Any) -> Any:
            grid = L.nn.functional.affine_grid(theta, (2, 3, 4, 5), align_corners=align)
            return L.nn.functional.grid_sample(x, grid, mode, padding, align)

        return run

    theta = np.array([[[1.1, 0.3, 0.05], [-0.2, 0.9, -0.1]], [[0.7, -1.4, 0.3], [1.3, 0.4, 0.2]]])
    x = numbers(2, 3, 5, 4)
    if mode != "nearest":
        compare(call(rl), call(torch), [x, theta], "float64")
    else:
        a, b = (call(L)(L.from_numpy(x.copy()), L.from_numpy(theta.copy())) for L in (rl, torch))
        close(a, b, 0.0)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_places_that_are_no_numbers(mode: str, padding: str, align: bool) -> None:
    ends = [np.nan, np.inf, -np.inf, 0.3]
    for axes in (2,) if mode == "bicubic" else (2, 3):
        grid = np.array(list(itertools.product(ends, repeat=axes))).reshape(1, *[1] * (axes - 1), -1, axes)
        x = numbers(1, 2, 3, 4, 5)[..., 0] if axes == 2 else numbers(1, 2, 3, 4, 5)

        def run(L: Any, x: Any, grid: Any) -> Any:
            return L.nn.functional.grid_sample(x, grid, mode, padding, align)

        ours, theirs = ([L.from_numpy(a.copy()).requires_grad_() for a in (x, grid)] for L in (rl, torch))
        out, expected = run(rl, *ours), run(torch, *theirs)
        close(out, expected, 1e-10)
        close(rl.compile(lambda x, grid: run(rl, x, grid))(*ours), expected, 1e-10)
        out.sum().backward()
        if padding != "zeros" and (mode == "bilinear" or axes == 3):
            # PyTorch writes outside its arrays here, or leaves out what the result was read from.
            assert np.isfinite(ours[0].grad.numpy()).all()
            assert not ours[1].grad.numpy()[~np.isfinite(grid)].any()
            continue
        expected.sum().backward()
        for a, b in zip(ours, theirs, strict=True):
            close(a.grad, b.grad, 1e-10)


def test_default_parameters_follow_the_same_distribution() -> None:
    rl.manual_seed(0)
    torch.manual_seed(0)
    for name in ("Conv2d", "ConvTranspose2d"):
        ours, theirs = (getattr(L.nn, name)(20, 30, 5, groups=2) for L in (rl, torch))
        assert ours.weight.shape == tuple(theirs.weight.shape)
        bound = float(theirs.weight.detach().abs().max())
        assert ours.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert ours.weight.std().item() == pytest.approx(float(theirs.weight.detach().std()), rel=0.05)
        assert ours.bias.abs().max().item() == pytest.approx(bound, rel=0.3)


@pytest.mark.filterwarnings("ignore")  # PyTorch's own
@pytest.mark.parametrize(
    ("name", "args"), [("upsample", (5,)), ("upsample_nearest", (None, 2)), ("upsample_bilinear", ((3, 5),))]
)
def test_deprecated_names(name: str, args: tuple[Any, ...]) -> None:
    x = numbers(1, 2, 3, 4)
    a, b = (getattr(L.nn.functional, name)(L.from_numpy(x.copy()), *args) for L in (rl, torch))
    close(a, b, 1e-10)


COVERED = {
    "rushlight.nn": {
        *(case[0] for case in CONVOLUTIONS + OTHERS),
        *(f"{kind}{n}d" for kind in ("MaxUnpool", "ConvTranspose") for n in (1, 2, 3)),
        *(f"FractionalMaxPool{n}d" for n in (2, 3)),
    },
    "rushlight.nn.functional": {"upsample", "upsample_nearest", "upsample_bilinear"},
}
"""What the tests above look up by name, for the matrix of test_matrix.py."""
