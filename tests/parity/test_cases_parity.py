"""Names of which PyTorch's own tables have no samples: a table of calls, run with both frameworks and compared.

`case(name, call, *arrays)` enters a call `call(L, *tensors)`: the results' kinds, dtypes, shapes and numbers
are compared, and the gradients of the arrays of floats, in float32 and float64.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from tests.op_samples import as_dtype
from tests.parity import test_opinfo_parity as opinfo
from tests.samples.record import I, X

torch = pytest.importorskip("torch")

Call = Callable[..., Any]
CASES: dict[str, tuple[Call, tuple[np.ndarray, ...]]] = {}


def case(name: str, call: Call, *arrays: np.ndarray) -> None:
    assert name not in CASES
    CASES[name] = call, arrays


def settled(layer: Any, like: Any = None) -> Any:
    """The layer, of the dtype of `like`, with weights that both frameworks have: cosines of their places."""
    layer = layer if like is None else layer.to(like.dtype)
    for i, t in enumerate(itertools.chain(layer.parameters(), layer.buffers())):
        if t.is_floating_point():
            t.data.copy_(((t.data * 0 + 1).cumsum(-1) * 0.7 + i).cos().abs() + 0.1)
    return layer


def text(layer: Any) -> str:
    """What is printed, with names of dtypes as they are here."""
    out = repr(layer).replace("torch.FloatTensor", "float32").replace("torch.DoubleTensor", "float64")
    return out.replace("torch.float", "float")


# Tensors

case("copy_", lambda L, x, y: L.Tensor.copy_(x * 1, y), X(2, 3), X(3))
case("data", lambda L, x: [x.data, x.data.requires_grad], X(2))
case("constants", lambda L: [L.pi, L.e, L.inf, L.nan, L.newaxis])
case("dtype", lambda L, x: [isinstance(x.dtype, L.dtype), x.dtype == L.float32], X(2))
case("detach_", lambda L, x: (lambda y: [y, y.requires_grad, y.is_leaf])((x * 2).detach_()), X(2))
case(
    "dim",
    lambda L, x: [x.dim(), x.T.is_contiguous(), x.is_floating_point(), (x > 0).is_floating_point()],
    X(2, 3),
)
case(
    "kinds",
    lambda L, x: [
        x.is_ipu,
        x.is_maia,
        x.is_mkldnn,
        x.is_mps,
        x.is_mtia,
        x.is_nested,
        x.is_vulkan,
        x.is_xla,
        x.is_xpu,
        x.is_sparse_csr,
        str(x.device),
    ],
    X(2),
)
case("shared", lambda L, x: [x.is_shared(), x.detach().clone().share_memory_()], X(2))
case("slogdet", lambda L, x: [*L.slogdet(x), *x.slogdet()], X(3, 3))
case(
    "type",
    lambda L, x: [
        x.double().type(),
        x.type("torch.DoubleTensor") if L is torch else x.double(),
        x.long().type(L.float32),
        x.type(L.int8),
    ],
    X(3),
)
case("unsafe_split_with_sizes", lambda L, x: x.unsafe_split_with_sizes((1, 3), 1), X(2, 4))
case("retains_grad", lambda L, x: (lambda y: [y.retains_grad, y.retain_grad(), y.retains_grad])(x * 2), X(2))
case("get_device", lambda L, x: [L.get_device(x), x.get_device()], X(2))
case("relu_", lambda L, x: L.relu_(x * 1), X(2, 3))
for _name in ("bartlett", "blackman", "hamming", "hann"):
    case(
        f"{_name}_window",
        lambda L, n=_name: [
            getattr(L, f"{n}_window")(m, periodic=p) for m in (0, 1, 2, 7) for p in (False, True)
        ],
    )
case(
    "dtypes",
    lambda L, x: [
        x.to(getattr(L, name))
        for name in (
            "float16",
            "float32",
            "float64",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "bool",
            "half",
            "float",
            "double",
            "short",
            "int",
            "long",
        )
    ],
    X(5),
)

# Settings

case(
    "default_dtype",
    lambda L: [
        L.get_default_dtype() == L.float32,
        str(L.get_default_device()),
        L.is_grad_enabled(),
        L.get_num_threads() >= 1,
        L.get_num_interop_threads() >= 1,
    ],
)


def _random(L: Any) -> list[Any]:
    """Whether states of the generator and seeds bring the same numbers back."""
    L.manual_seed(5)
    state, first = L.get_rng_state(), L.rand(3)
    L.set_rng_state(state)
    again, seed = L.rand(3), L.initial_seed()
    L.random.manual_seed(5)
    return [L.equal(first, again), L.equal(L.rand(3), first), seed, L.seed() == L.initial_seed()]


def _modes(L: Any, x: Any) -> list[Any]:
    with L.no_grad():
        off = (x * 2).requires_grad
        with L.enable_grad():
            on = (x * 2).requires_grad
    with L.set_grad_enabled(False):
        set_ = (x * 2).requires_grad
    with L.inference_mode():
        inference = (x * 2).requires_grad
    found = [off, on, set_, inference, (x * 2).requires_grad]
    A = L.autograd
    for mode in (A.no_grad(), A.enable_grad(), A.set_grad_enabled(True), A.inference_mode()):
        with mode:
            found.append((x * 2).requires_grad)
    return found


def _anomalies(L: Any, x: Any) -> str:
    """The class of what is raised where a gradient is nan."""
    try:
        with L.autograd.detect_anomaly(check_nan=True):
            (x.detach().requires_grad_() * 0).sqrt().sum().mul(0).backward()
    except RuntimeError:
        return "refused"
    return "taken"


def _backward(L: Any, x: Any) -> list[Any]:
    a, b = x.detach().clone().requires_grad_(), x.detach().clone().requires_grad_()
    L.autograd.backward([(a * b).sum(), a * 3], [None, b.detach()])
    return [a.grad, b.grad]


def _checkpoint(L: Any, x: Any) -> Any:
    return L.utils.checkpoint.checkpoint(lambda x: (x.sin() * x).exp(), x, use_reentrant=False)


case("random", _random)
case("modes of recording", _modes, X(2))
case("detect_anomaly", _anomalies, X(2))
case("backward", _backward, X(3))
case(
    "gradcheck",
    lambda L, x: [
        f(lambda x: x.sin() * x, (x.detach().double().requires_grad_(),))
        for f in (L.autograd.gradcheck, L.autograd.gradgradcheck)
    ],
    X(3),
)
case("checkpoint", _checkpoint, X(3))


def _autocast(L: Any, x: Any) -> list[Any]:
    with L.autocast("cpu", enabled=False), L.amp.autocast("cpu", enabled=False):
        return [x @ x.T]


case("autocast", _autocast, X(2, 2))
case("devices", lambda L: [L.accelerator.is_available(), L.mps.is_available(), L.xpu.is_available()])

# Functions of layers

F = "nn.functional"
for _n in (1, 2, 3):
    _x = X(2, 3, *(6, 5, 4)[:_n])
    for _name in (f"max_pool{_n}d_with_indices", f"adaptive_max_pool{_n}d_with_indices"):
        case(_name, lambda L, x, n=_name: getattr(L.nn.functional, n)(x, 2), _x)
    case(f"lp_pool{_n}d", lambda L, x, n=_n: getattr(L.nn.functional, f"lp_pool{n}d")(x, 3.0, 2, 1, True), _x)
for _n in (2, 3):
    case(
        f"fractional_max_pool{_n}d_with_indices",
        lambda L, x, r, n=_n: getattr(L.nn.functional, f"fractional_max_pool{n}d_with_indices")(
            x, 2, (3,) * n, _random_samples=r.detach()
        ),
        X(2, 3, *(7, 8, 9)[:_n]),
        X(2, 3, _n, low=0.0, high=1.0),
    )
case(
    "conv_tbc",
    lambda L, x, w, b: [L.nn.functional.conv_tbc(x, w, b, 1), L.conv_tbc(x, w, b)],
    X(5, 2, 3),
    X(2, 3, 4),
    X(4),
)
case(
    "dropout1d",
    lambda L, x: [L.nn.functional.dropout1d(x, 0.5, False), L.nn.functional.dropout1d(x, 1.0)],
    X(2, 3, 4),
)
case("native_channel_shuffle", lambda L, x: L.nn.functional.native_channel_shuffle(x.detach(), 2), X(2, 4, 3))
case(
    "gumbel_softmax",
    lambda L, x: [
        L.nn.functional.gumbel_softmax(x, hard=True).sum(-1),
        L.nn.functional.gumbel_softmax(x, 0.5, dim=0).detach().sum(0).round(),
    ],
    X(3, 4),
)

# Layers


def layer(name: str, make: Call, *arrays: np.ndarray) -> None:
    """A layer with the same weights, in training and not: result, gradients, keys, text."""

    def run(L: Any, *t: Any) -> list[Any]:
        found = []
        for training in (True, False):
            made = settled(make(L), next((x for x in t if x.is_floating_point()), L.ones(1)))
            made.train(training)
            out = made(*t)
            out = out if isinstance(out, tuple) else (out,)
            sum((o * o).sum() for o in out if o.requires_grad).backward(retain_graph=True)
            found += [*out, *(p.grad for p in made.parameters()), list(made.state_dict()), text(made)]
        return found

    case(f"layer {name}", run, *arrays)


for _name in ("AlphaDropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"):
    layer(
        _name,
        lambda L, n=_name: getattr(L.nn, n)(0.0),
        X(2, 3, *(4, 2, 2)[: int(_name[-2]) if _name[-2].isdigit() else 1]),
    )
layer("CosineSimilarity", lambda L: L.nn.CosineSimilarity(-1, 1e-6), X(2, 3), X(2, 3, low=0.5))
layer("PairwiseDistance", lambda L: L.nn.PairwiseDistance(3.0, keepdim=True), X(2, 3), X(2, 3, low=0.5))
layer("Flatten", lambda L: L.nn.Flatten(1, 2), X(2, 3, 2, 2))
layer("Unflatten", lambda L: L.nn.Unflatten(1, (2, 3)), X(2, 6))
layer("Identity", lambda L: L.nn.Identity(5, unused=True), X(2, 3))
layer("Hardsigmoid", lambda L: L.nn.Hardsigmoid(), X(2, 3).astype("float32"))
layer("RReLU", lambda L: L.nn.RReLU(0.25, 0.25), X(2, 3))
layer("EmbeddingBag", lambda L: L.nn.EmbeddingBag(10, 3, mode="max", padding_idx=1), I(2, 4))
layer(
    "EmbeddingBag of sums", lambda L: L.nn.EmbeddingBag(10, 3, mode="sum", scale_grad_by_freq=False), I(2, 4)
)
layer("GaussianNLLLoss", lambda L: L.nn.GaussianNLLLoss(full=True), X(2, 3), X(2, 3), X(2, 3, low=0.5))
layer("KLDivLoss", lambda L: L.nn.KLDivLoss("batchmean"), X(2, 3), X(2, 3, low=0.1, high=1.0))
layer("KLDivLoss of logarithms", lambda L: L.nn.KLDivLoss("sum", log_target=True), X(2, 3), X(2, 3))
layer(
    "TripletMarginLoss", lambda L: L.nn.TripletMarginLoss(0.5, swap=True), X(2, 3), X(2, 3, low=0.1), X(2, 3)
)
layer(
    "TripletMarginWithDistanceLoss",
    lambda L: L.nn.TripletMarginWithDistanceLoss(
        distance_function=lambda a, b: (a - b).abs().sum(-1), margin=0.5, swap=True
    ),
    X(2, 3),
    X(2, 3, low=0.1),
    X(2, 3, high=1.0),
)
layer("ModuleList and others", lambda L: holder(L), X(2, 3))


def holder(L: Any) -> Any:
    class Net(L.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            nn = L.nn
            self.several = nn.ModuleList([nn.Linear(3, 3), nn.Tanh()])
            self.several.append(nn.Linear(3, 3)).extend([nn.ReLU()]).insert(1, nn.Sigmoid())
            self.named = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Tanh()})
            self.named.update([("c", nn.Identity())])
            self.numbers = nn.ParameterList([nn.Parameter(L.ones(3)), L.zeros(3)])
            self.words = nn.ParameterDict({"w": nn.Parameter(L.ones(3)), "v": L.zeros(3)})
            self.chain = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.0))
            self.kept = L.nn.Buffer(L.ones(3))
            self.left = L.nn.Buffer(L.ones(3), persistent=False)

        def forward(self, x: Any) -> Any:
            for one in self.several:
                x = one(x)
            for name in self.named:
                x = self.named[name](x)
            for p in (*self.numbers, *self.words.values()):
                x = x + p * p
            return self.chain(x) * self.kept - self.left

    return Net()


def _ctc(L: Any, x: Any) -> list[Any]:
    logs = x.log_softmax(-1)
    found = []
    for reduction in ("none", "mean", "sum"):
        make = L.nn.CTCLoss(blank=1, reduction=reduction, zero_infinity=True)
        args = L.tensor([[0, 2], [2, 2]]), L.tensor([4, 4]), L.tensor([2, 1])
        found.append(make(logs, *args))
    return found


def _lazy(L: Any, name: str, x: Any, *args: Any) -> list[Any]:
    made = getattr(L.nn, f"Lazy{name}")(*args).to(x.dtype)
    before = [isinstance(p, L.nn.UninitializedParameter) for p in made.parameters()]
    before += [isinstance(p, L.nn.UninitializedBuffer) for p in made.buffers()]
    made(x.detach())
    out = settled(made)(x)
    return [before, type(made).__name__, text(made), list(made.state_dict()), out]


case("CTCLoss", _ctc, X(4, 2, 3))
case("LazyLinear", lambda L, x: _lazy(L, "Linear", x, 4), X(2, 3))
for _n in (1, 2, 3):
    _x = X(2, 3, *(4, 3, 2)[:_n])
    case(f"LazyBatchNorm{_n}d", lambda L, x, n=_n: _lazy(L, f"BatchNorm{n}d", x), _x)
    case(
        f"LazyInstanceNorm{_n}d",
        lambda L, x, n=_n: _lazy(L, f"InstanceNorm{n}d", x, 1e-5, 0.1, True, True),
        _x,
    )


def _decoder(L: Any, x: Any, y: Any) -> Any:
    one = L.nn.TransformerDecoderLayer(4, 2, 6, 0.0, batch_first=True)
    made = settled(L.nn.TransformerDecoder(one, 2, L.nn.LayerNorm(4)), x)
    return [made(x, y), list(made.state_dict()), text(made)]


case("TransformerDecoder", _decoder, X(2, 3, 4), X(2, 5, 4))

# nn.init

init: dict[str, Call] = {
    "constant_": lambda L, w: L.nn.init.constant_(w, 0.3),
    "ones_": lambda L, w: L.nn.init.ones_(w),
    "zeros_": lambda L, w: L.nn.init.zeros_(w),
    "eye_": lambda L, w: L.nn.init.eye_(w),
    "dirac_": lambda L, w: L.nn.init.dirac_(w.reshape(4, 3, 1, 1).expand(4, 3, 3, 2).clone(), 2),
    "orthogonal_": lambda L, w: (lambda q: (q.T @ q).round(decimals=4) + 0.0)(L.nn.init.orthogonal_(w, 2.0)),
    "sparse_": lambda L, w: (L.nn.init.sparse_(w, 0.5, 0.1) == 0).sum(0),
}
for _name, _call in init.items():
    case(f"init.{_name}", lambda L, x, c=_call: c(L, x.detach().clone()), X(4, 3))

# nn.utils


def _vector(L: Any, x: Any, y: Any) -> list[Any]:
    vector = L.nn.utils.parameters_to_vector([x, y])
    params = [L.nn.Parameter(L.zeros(2, 3)), L.nn.Parameter(L.zeros(4))]
    L.nn.utils.vector_to_parameters(L.arange(10.0), params)
    return [vector, *(p.detach() for p in params)]


def _clip(L: Any, x: Any, y: Any) -> list[Any]:
    found = []
    for kind in (1.0, 2.0, float("inf")):
        params = [L.nn.Parameter(t.detach().clone()) for t in (x, y)]
        for p in params:
            p.grad = p.detach() * 3
        norm = L.nn.utils.get_total_norm([p.grad for p in params], kind)
        L.nn.utils.clip_grads_with_norm_(params, 0.7, norm)
        found += [norm, *(p.grad.clone() for p in params), L.nn.utils.clip_grad_norm_(params, 0.2, kind)]
        found.append(L.nn.utils.clip_grad_norm(params, 0.1, kind))
    return found


def _fused(L: Any, x: Any) -> list[Any]:
    utils, nn = L.nn.utils, L.nn
    conv, norm = settled(nn.Conv2d(3, 4, 2)).eval(), settled(nn.BatchNorm2d(4)).eval()
    line, flat = settled(nn.Linear(3, 4)).eval(), settled(nn.BatchNorm1d(4)).eval()
    x = x.detach().float()
    parts = conv.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    linear = line.weight, line.bias, flat.running_mean, flat.running_var, flat.eps, flat.weight, flat.bias
    return [
        utils.fuse_conv_bn_eval(conv, norm)(x), norm(conv(x)), *utils.fuse_conv_bn_weights(*parts),
        utils.fuse_linear_bn_eval(line, flat)(x[:, :, 0, 0]), *utils.fuse_linear_bn_weights(*linear),
    ]  # fmt: skip


def _removed(L: Any) -> list[Any]:
    utils = L.nn.utils
    found = []
    for put, remove in (
        (utils.weight_norm, utils.remove_weight_norm),
        (utils.spectral_norm, utils.remove_spectral_norm),
    ):
        made = put(settled(L.nn.Linear(3, 4)))
        found += [list(made.state_dict()), sorted(remove(made).state_dict())]
        found.append(made(L.ones(2, 3)).shape)
    return found


case("vectors of parameters", _vector, X(2, 3), X(4))
case("clip", _clip, X(2, 3), X(4))
case("fuse", _fused, X(2, 3, 4, 4))
case("remove", _removed)
case("skip_init", lambda L: [p.shape for p in L.nn.utils.skip_init(L.nn.Linear, 3, 4).parameters()])


def _symmetric(L: Any, x: Any) -> list[Any]:
    class Symmetric(L.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).T

        def right_inverse(self, a: Any) -> Any:
            return a.triu()

    P = L.nn.utils.parametrize
    made = settled(L.nn.Linear(3, 3), x)
    P.register_parametrization(made, "weight", Symmetric())
    found = [P.is_parametrized(made), P.is_parametrized(made, "bias"), list(made.state_dict()), text(made)]
    found += [P.type_before_parametrizations(made).__name__, type(made).__name__, made(x)]
    found.append(isinstance(made.parametrizations["weight"], P.ParametrizationList))
    made.weight = x.detach()
    with P.cached():
        found += [made.weight, made.weight is made.weight]
    other = P.transfer_parametrizations_and_params(made, settled(L.nn.Linear(3, 3), x))
    found += [other.weight, list(other.state_dict())]
    P.remove_parametrizations(made, "weight", leave_parametrized=True)
    return [*found, list(made.state_dict()), made.weight]


case("parametrize", _symmetric, X(3, 3))


def _packed(L: Any, x: Any) -> list[Any]:
    R = L.nn.utils.rnn
    rows = [x[:2], x[:4], x[:1]]
    packed = R.pack_sequence(rows, enforce_sorted=False)
    padded = R.pad_sequence(rows, batch_first=True, padding_value=0.5)
    found = [*packed, *R.unpack_sequence(packed), padded, isinstance(packed, R.PackedSequence)]
    found += R.unpad_sequence(padded, L.tensor([2, 4, 1]), batch_first=True)
    return [*found, R.invert_permutation(L.tensor([2, 0, 1])), *R.pad_packed_sequence(packed)]


case("sequences", _packed, X(4, 3))

# func, swa_utils, data, bases


def _functional(L: Any, x: Any) -> list[Any]:
    nets = [settled(L.nn.Linear(3, 2), x) for _ in range(2)]
    params, buffers = L.func.stack_module_state(nets)
    run = lambda p, x: L.func.functional_call(nets[0], p, (x,))  # noqa: E731
    return [sorted(params), sorted(buffers), L.vmap(run, (0, None))(params, x.detach())]


def _averaged(L: Any, x: Any) -> list[Any]:
    net = settled(L.nn.Sequential(L.nn.Linear(3, 4), L.nn.BatchNorm1d(4)), x)
    mean = L.optim.swa_utils.AveragedModel(net)
    mean.update_parameters(net)
    L.optim.swa_utils.update_bn([x.detach()[:2], x.detach()[2:]], mean)
    return [mean(x), *mean.state_dict().values()]


def _own_parts(L: Any) -> list[Any]:
    """Data sets, samplers, optimisers and schedules of one's own."""
    D = L.utils.data

    class Squares(D.Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 5

        def __getitem__(self, i: int) -> int:
            return i * i

    class Backwards(D.Sampler):  # type: ignore[misc]
        def __init__(self, source: Any) -> None:
            self.source = source

        def __iter__(self) -> Any:
            return iter(range(len(self.source) - 1, -1, -1))

        def __len__(self) -> int:
            return len(self.source)

    class Sign(L.optim.Optimizer):  # type: ignore[misc]
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    p.data.add_(p.grad.sign(), alpha=-group["lr"])

    class Halve(L.optim.lr_scheduler.LRScheduler):  # type: ignore[misc]
        def get_lr(self) -> list[float]:
            return [g["lr"] * (0.5 if self.last_epoch else 1) for g in self.optimizer.param_groups]

    p = L.nn.Parameter(L.tensor([1.0, -2.0]))
    optimizer = Sign([p], 0.5)
    schedule = Halve(optimizer)
    for _ in range(3):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
        schedule.step()
    batches = [b.tolist() for b in D.DataLoader(Squares(), 2, sampler=Backwards(Squares()))]
    return [batches, p.detach(), schedule.get_last_lr(), (Squares() + Squares())[7]]


def _transforms(L: Any, x: Any) -> list[Any]:
    d = L.distributions
    cumulative = d.CumulativeDistributionTransform(d.Normal(L.zeros(3, dtype=x.dtype), 2.0))
    square = x.detach()[:3]
    return [
        d.AbsTransform()(x), cumulative(x), cumulative.inv(cumulative(x)), d.SoftmaxTransform()(x),
        d.LowerCholeskyTransform()(square), d.PositiveDefiniteTransform()(square),
        [issubclass(d.Normal, d.Distribution), issubclass(d.ExpTransform, d.Transform)],
    ]  # fmt: skip


case("transforms", _transforms, X(4, 3))
case("functional_call", _functional, X(4, 3))
case("AveragedModel", _averaged, X(4, 3))
case("bases", _own_parts)


@pytest.mark.filterwarnings("ignore")  # of what is deprecated
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_cases(name: str, dtype: str) -> None:
    call, arrays = CASES[name]
    if dtype == "float32" and not any(a.dtype == np.float64 for a in arrays):
        pytest.skip("no floats are given")
    found = []
    for L in (rl, torch):
        tensors = [L.from_numpy(as_dtype(a, dtype)) for a in arrays]
        leaves = [t.requires_grad_() for t in tensors if t.is_floating_point()]
        result = call(L, *tensors)
        found.append((result, opinfo.gradients(L, result, leaves) if leaves else []))
    (ours, a), (theirs, b) = found
    opinfo.compare(ours, theirs, 16.0)
    opinfo.compare(a, b, 64.0)


COVERED = {
    "rushlight": {*(f"{n}_window" for n in ("bartlett", "blackman", "hamming", "hann")), "half", "float", "double",
        "float16", "int8", "int16", "short", "int", "long"},
    "rushlight.nn": {
        *(name.split()[1] for name in CASES if name.startswith("layer ")),
        *(name for name in CASES if name.startswith("Lazy")),
    },
    "rushlight.nn.functional": {n for n in CASES if n.partition("_")[0] in ("lp", "max", "adaptive", "fractional")},
}  # fmt: skip
"""What is looked up by name above, for the matrix of test_matrix.py."""
