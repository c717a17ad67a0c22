"""PyTorch's own sample inputs (its OpInfo records) through every op that exists here: values and gradients.

A sample passes, or is refused with a NotSupportedError that stands in `REFUSED`, or stands in `LEFT_OUT`. Of
the ops in `UNCOMPARED` only dtypes and shapes are compared. Each stands with the reason.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import NotSupportedError
from rushlight.fft import Refused

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")
torch.set_num_threads(1)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

# Ops whose numbers are not compared, only their shapes and dtypes.
UNDEFINED = dict.fromkeys(
    ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "resize_", "resize_as_"),
    "what the memory held; here it is 0",
)
RANDOM = dict.fromkeys(
    (
        "cauchy", "exponential", "geometric", "log_normal", "multinomial",
        "bernoulli", "nn.functional.alpha_dropout", "nn.functional.dropout", "nn.functional.dropout2d",
        "nn.functional.dropout3d", "nn.functional.feature_alpha_dropout.with_train",
        "nn.functional.rrelu", "normal", "normal.in_place",
        "normal.number_mean", "rand_like", "randint", "randint_like", "randn", "randn_like", "uniform",
        "nn.functional.fractional_max_pool2d", "nn.functional.fractional_max_pool3d",
    ),
    "another generator",
)  # fmt: skip
UNCOMPARED = UNDEFINED | RANDOM
# Ops whose indices may differ where numbers are equal; the numbers that they name are compared.
TIES = {"argsort", "kthvalue", "mode", "sort", "topk"}
# What is refused with a NotSupportedError: the op, or an argument of any op, and why.
REFUSED = {
    "interpolate": "of uint8 but for the nearest: PyTorch computes in fixed point of its own",
    "scatter": "reduce='multiply': it has no derivative in PyTorch, and scatter_reduce is the newer name",
}
UNREAD = "PyTorch's gradient has numbers in the triangle that is not read"
TRIGAMMA = "PyTorch's trigamma has nine digits in float64"
WRAPPED = "the sample is for a function that makes the matrix of two others"
LEFT_OUT = {
    ("nn.functional.hardsigmoid", torch.float64): "PyTorch's gradient is 1/6 in float32",
    ("nn.functional.cosine_embedding_loss", torch.uint8): "sums of uint8 that overflow",
    **{
        ("nn.functional.triplet_margin_with_distance_loss", dtype): "the samples call PyTorch's distances"
        for dtype in (torch.float32, torch.float64, torch.int64, torch.uint8)
    },
    **{
        (op, dtype): why
        for op, why in (
            ("nn.functional.ctc_loss", "PyTorch's gradient is that of log_softmax before it, too"),
            ("cholesky_inverse", UNREAD),
            ("cholesky_solve", UNREAD),
            ("linalg.pinv.singular", WRAPPED),
            ("svd_lowrank", WRAPPED),
            ("pca_lowrank", WRAPPED),
        )
        for dtype in (torch.float32, torch.float64)
    },
    **dict.fromkeys(
        (("as_strided_scatter", torch.float32), ("as_strided_scatter", torch.float64)),
        "PyTorch's derivative is 0 where the input was kept, and not where it was overwritten",
    ),
    **{
        (op, torch.float64): TRIGAMMA
        for op in (
            "digamma",
            "special.polygamma.special_polygamma_n_0",
            *(f"polygamma.polygamma_n_{n}" for n in range(5)),
        )
    },
    **dict.fromkeys(
        (("sparse.mm.reduce", torch.float32), ("sparse.mm.reduce", torch.float64)), "its samples are sparse"
    ),
    ("sum_to_size", torch.bool): "PyTorch makes int64 of what is 0-d, though nothing is summed",
    ("sum_to_size", torch.uint8): "as of bool",
    ("einsum", torch.uint8): "PyTorch makes int64 where it only sums, and uint8 where it multiplies",
}
LARGEST = {"grid_sampler_3d": 1 << 14}
"""Of how many elements samples are at most where PyTorch has more that differ in size only."""
EVERY = dict.fromkeys(
    (*(f"nn.functional.max_pool{n}d" for n in (1, 2, 3)), "unique", "unique_consecutive"), 7
)
"""Of which PyTorch has hundreds, all combinations of the options: of so many one. The number divides the
count of no option's values, so that every two of them are met together, and each dtype begins elsewhere."""
MANY = (
    "cdist", "linalg.lu_solve", "linalg.solve_triangular", "linalg.svd", "lu_solve", "nanquantile",
    "nn.functional.gaussian_nll_loss", "nn.functional.max_pool1d", "nn.functional.max_pool2d",
    "nn.functional.max_pool3d", "nn.functional.max_unpool2d", "quantile", "svd", "unique",
    "unique_consecutive",
)  # fmt: skip
"""Of which PyTorch has hundreds of samples: all are run in float64, and each fifth in the other dtypes."""
ROUGH = {"linalg.householder_product": 16.0, "nn.functional.layer_norm": 64.0}
"""Where gradients are sums of large numbers that nearly cancel: how much more they may differ."""
FORMS_LEFT_OUT = {
    ("addbmm", "x.addbmm_"): "PyTorch's makes a smaller target larger",
}
SAMPLES_LEFT_OUT = {
    # The only number lies on the edge between two bins, where rounding decides.
    "histogram": lambda s: s.input.numel() == 1,
    "histogramdd": lambda s: s.input.shape[0] == 1,
    # Of 10000 PyTorch's derivative is off by 1e-3.
    "logcumsumexp": lambda s: bool((s.input > 1000).any()),
}
"""Samples for which the function is true are left out."""
ROWS = (torch.layout, torch.memory_format)
"""Options that say how numbers lie: here always in rows."""
DTYPES = (torch.float32, torch.float64, torch.int64, torch.bool, torch.uint8)
Form = tuple[Callable[..., Any], Callable[..., Any]]


def found(root: Any, path: str) -> Any:
    for name in path.split("."):
        root = getattr(root, name, None)
    return (lambda x: root.fget(x)) if isinstance(root, property) else root


def forms(op: Any) -> dict[str, Form]:
    """(ours, PyTorch's) of every form that both have: function, method, in place, under every name. The
    transforms of torch.fft are named here and not computed, as there are no complex tensors."""
    pairs: dict[str, Form] = {}
    for name in (op.name, *(a.name for a in op.aliases)):
        pairs[name] = (found(rl, name), found(torch, name))
        pairs[f"{name}_"] = (found(rl, f"{name}_"), found(torch, f"{name}_"))
        if "." not in name:
            for method in (name, f"{name}_"):
                theirs = getattr(torch.Tensor, method, None)
                theirs = theirs if callable(theirs) else lambda x, n=name: getattr(x, n)
                pairs[f"x.{method}"] = (found(rl.Tensor, method), theirs)
    order = {"where": lambda f: lambda x, c, y: f(c, x, y), "einsum": lambda f: lambda x, text: f(text, x)}
    if op.name.startswith("nn.functional.embedding"):
        order[op.name] = lambda f: lambda weight, index, **kw: f(index, weight, **kw)
    if op.name in order:  # the sample's input is not the first argument
        pairs[op.name] = order[op.name](pairs[op.name][0]), order[op.name](pairs[op.name][1])
    return {n: p for n, p in pairs.items() if all(map(callable, p)) and not isinstance(p[0], Refused)}


NO_SUCH_DTYPE = ("cdouble", "cfloat", "chalf")
"""They make tensors of dtypes that there are not, and say so."""
OPS = {
    op.full_name: op
    for op in op_db
    if forms(op)
    and op.variant_test_name not in ("complex", "partial_views")
    and op.name not in NO_SUCH_DTYPE
    and any(op.supports_dtype(dtype, "cpu") for dtype in DTYPES)
}
"""Partial views have memory around them, which the copy that Rushlight gets has not; some ops are of complex
numbers alone."""


def ours_of(value: Any) -> Any:
    """The same argument for Rushlight: tensors copied with their layout, containers and dtypes translated."""
    if isinstance(value, torch.Tensor):
        out = rl.from_numpy(value.detach().numpy().copy(order="K"))
        return out.requires_grad_() if value.requires_grad else out
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, (list, tuple)):
        return type(value)(ours_of(v) for v in value)
    if isinstance(value, dict):
        return {k: ours_of(v) for k, v in value.items() if not isinstance(v, ROWS)}
    return value


def theirs_of(value: Any) -> Any:
    """A copy, so that forms that work in place do not spoil the sample."""
    if isinstance(value, torch.Tensor):
        out = value.detach().clone()
        return out.requires_grad_() if value.requires_grad else out
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)(theirs_of(v) for v in value)
    if isinstance(value, dict):
        return {k: theirs_of(v) for k, v in value.items()}
    return value


def tensors(value: Any) -> list[Any]:
    if isinstance(value, (rl.Tensor, torch.Tensor)):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for v in value for t in tensors(v)] if isinstance(value, (list, tuple)) else []


def dtype_of(t: Any) -> str:
    return str(t.dtype).removeprefix("torch.")


def compare(ours: Any, theirs: Any, slack: float, values: bool = True) -> None:
    """The same kind of thing, dtype, shape and, unless told otherwise, numbers up to rounding."""
    if isinstance(theirs, (list, tuple)) and not isinstance(theirs, torch.Size):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            compare(a, b, slack, values)
        return
    if not isinstance(theirs, torch.Tensor):
        assert ours == theirs or (ours != ours and theirs != theirs), (ours, theirs)
        return
    assert isinstance(ours, rl.Tensor), type(ours)
    assert (dtype_of(ours), tuple(ours.shape)) == (dtype_of(theirs), tuple(theirs.shape))
    if theirs.dtype == torch.bfloat16:  # NumPy has no such dtype; float32 holds the same numbers
        ours, theirs = ours.float(), theirs.float()
    a, b = ours.detach().numpy(), theirs.detach().numpy(force=True)
    if not values:
        return
    if a.dtype.kind != "f":
        np.testing.assert_array_equal(a, b)
        return
    eps = slack * float(np.finfo(a.dtype).eps)
    size = float(np.max(np.abs(b), where=np.isfinite(b), initial=1.0))
    # In steps of the dtype: 6e-14 for values and 5e-13 for gradients of float64. In float32 they are 3e-5 and
    # 2e-4, for numbers up to 10 are summed, and PyTorch sums in another order.
    np.testing.assert_allclose(a, b, rtol=64 * eps, atol=16 * eps * size, equal_nan=True)


def named(result: Any, sample: Any) -> Any:
    """What is to agree of a sort where numbers are equal: its values, or those that its indices name."""
    if isinstance(result, tuple):
        values, indices = result
        return [values, dtype_of(indices), tuple(indices.shape)]
    x = sample.input.detach().numpy()
    dim = sample.kwargs.get("dim", sample.args[0] if sample.args else -1)
    return np.take_along_axis(x, result.numpy(), dim).tolist() if x.ndim else result.tolist()


def gradients(L: Any, result: Any, leaves: list[Any]) -> list[Any]:
    """Those of the leaves, for a weighted sum of the results."""
    outputs = [t for t in tensors(result) if t.requires_grad]
    zeros = [L.zeros(tuple(t.shape), dtype=t.dtype) for t in leaves]
    if not outputs:
        return zeros
    weights = [np.cos(np.arange(o.numel()) * 1.3 + 0.4).reshape(tuple(o.shape)) for o in outputs]
    seeds = [L.from_numpy(np.array(w)).to(o.dtype) for w, o in zip(weights, outputs, strict=True)]
    out = L.autograd.grad(outputs, leaves, seeds, allow_unused=True)
    return [z if g is None else g for g, z in zip(out, zeros, strict=True)]


def samples(op: Any, dtype: Any) -> Iterator[Any]:
    if op.supports_dtype(dtype, "cpu") and (op.full_name, dtype) not in LEFT_OUT:
        wanted = dtype in (torch.float32, torch.float64) and op.supports_autograd
        # Not sample_inputs(), nor torch.manual_seed(): they print the stack for each sample and device.
        torch.default_generator.manual_seed(0)
        skips = SAMPLES_LEFT_OUT.get(op.full_name, lambda s: False)
        rest = 5 if dtype != torch.float64 and op.full_name in MANY else 1
        every, begin = EVERY.get(op.full_name, rest), DTYPES.index(dtype)
        for i, sample in enumerate(op.sample_inputs_func(op, "cpu", dtype, wanted)):
            if skips(sample) or (i - begin) % every:
                continue
            if op.full_name not in LARGEST or sample.input.numel() <= LARGEST[op.full_name]:
                yield sample


def run(L: Any, call: Callable[..., Any], sample: Any, fresh: Callable[[Any], Any], inplace: bool) -> Any:
    """(result, gradients of the leaves) of a call on copies of the sample."""
    first, args, options = fresh(sample.input), fresh(sample.args), fresh(sample.kwargs)
    leaves = [t for t in tensors([first, args, options]) if t.requires_grad]
    result = call(first.clone() if inplace else first, *args, **options)
    result = sample.output_process_fn_grad(result)  # leaves out what is not determined, as signs of vectors
    return result, gradients(L, result, leaves)


@pytest.mark.filterwarnings("ignore")  # PyTorch's own, and of NumPy's arithmetic on them
@pytest.mark.parametrize("name", OPS)
def test_samples(name: str) -> None:
    op = OPS[name]
    checked, refused, pairs = 0, set(), forms(op)
    pairs = {form: pair for form, pair in pairs.items() if (name, form) not in FORMS_LEFT_OUT}
    for dtype in DTYPES:
        for sample in samples(op, dtype):
            for form, (our, their) in pairs.items():
                inplace = form.endswith("_") and not form.endswith("__")
                try:
                    theirs = run(torch, their, sample, theirs_of, inplace)
                except Exception:
                    continue  # a form that PyTorch refuses for this sample
                try:
                    ours = run(rl, our, sample, ours_of, inplace)
                except NotSupportedError as error:
                    refused.add(str(error).partition(":")[0])
                    continue
                except Exception as error:
                    raise AssertionError(f"{form} of {sample.summary()}, {dtype}") from error
                try:
                    check(name, sample, ours, theirs)
                except AssertionError as error:
                    raise AssertionError(f"{form} of {sample.summary()}, {dtype}: {error}") from error
                checked += 1
    assert refused <= set(REFUSED), refused
    assert checked or refused or any(op == name for op, _ in LEFT_OUT), "PyTorch refuses all samples"


def draws(name: str, sample: Any) -> bool:
    """Whether the result has random numbers in it."""
    drops = name == "nn.functional.multi_head_attention_forward" and sample.kwargs["training"]
    return name in UNCOMPARED or drops or bool(sample.kwargs.get("dropout_p"))


def check(name: str, sample: Any, ours: Any, theirs: Any) -> None:
    if name in TIES:
        compare(named(ours[0], sample), named(theirs[0], sample), 4.0)
    else:
        compare(ours[0], theirs[0], 4.0, not draws(name, sample))
    if not draws(name, sample):
        compare(ours[1], theirs[1], 32.0 * ROUGH.get(name, 1.0))


def test_the_lists_name_what_is_there() -> None:
    assert len(OPS) > 200
    assert {*UNCOMPARED, *TIES, *(name for name, _ in LEFT_OUT)} <= set(OPS)
