"""Calls of tensors, settings, transforms, and parts of one's own."""

from __future__ import annotations

from typing import Any

from tests.parity.cases import CASES, case, settled
from tests.samples.record import X

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
case(
    "facts",
    lambda L, x: [str(x.layout).replace("torch.", ""), x.name, x.output_nr, x.dense_dim(), x.sparse_dim()],
    X(2, 3),
)
case(
    "embedding_renorm_",
    lambda L, x: L.embedding_renorm_(x.detach().clone(), L.tensor([2, 0]), 0.7, 1.0),
    X(4, 3),
)
case("linalg.cross", lambda L, x, y: [L.linalg.cross(x, y), L.linalg.cross(x, y.T, dim=0)], X(3, 3), X(3, 3))
case(
    "linalg.diagonal",
    lambda L, x: [L.linalg.diagonal(x), L.linalg.diagonal(x, offset=-1, dim1=0)],
    X(2, 3, 3),
)
case("linalg.vander", lambda L, x: [L.linalg.vander(x), L.linalg.vander(x, N=5)], X(2, 3))
case("pdist", lambda L, x: [L.nn.functional.pdist(x), L.nn.functional.pdist(x, 3.0)], X(4, 3))
case(
    "more in place",
    lambda L, x: [
        L.erfc_(x * 1),
        L.i0_(x * 1),
        (x * 1).polygamma_(2),
        (x + 1).mvlgamma_(2),
        x.detach().clone().igamma_(x.detach() + 1),
        x.detach().clone().igammac_(x.detach() + 1),
    ],
    X(2, 3, low=0.2, high=2.0),
)


def _low_rank(L: Any, x: Any, y: Any) -> list[Any]:
    """Of rank two, so that nothing depends on what is drawn but signs."""
    found = []
    for a in (x @ y, (x @ y).mT, L.stack([x @ y, 2 * x @ y])):
        for U, S, V in (L.svd_lowrank(a, 2, niter=1), L.pca_lowrank(a, 3)):
            found += [S[..., :2], (U * S.unsqueeze(-2)) @ V.mT]
    return [*found, L.svd_lowrank(x @ y, 2, M=0.5 * x @ y)[1]]


case("low rank", lambda L, x, y: _low_rank(L, x.detach().double(), y.detach().double()), X(5, 2), X(2, 4))


def _root_losses(L: Any, x: Any, y: Any) -> list[Any]:
    """Arguments by their places, and numbers for reductions."""
    sign, p = (y > 0).to(x.dtype) * 2 - 1, y.softmax(1)
    found = []
    for how in (0, 1, 2):
        found += [
            L.binary_cross_entropy_with_logits(x, p.detach(), p.detach(), 1 + p.detach(), how),
            L.cosine_embedding_loss(x, y, sign[:, 0], 0.1, how),
            L.hinge_embedding_loss(x, sign, 0.5, how),
            L.kl_div(x, p, how, log_target=True),
            L.margin_ranking_loss(x, y, sign, 0.2, how),
            L.poisson_nll_loss(x, p, True, True, 1e-8, how),
            L.triplet_margin_loss(x, y, x * y, 0.5, 2.0, 1e-6, True, how),
        ]
        logs = x.reshape(2, 1, 3).log_softmax(-1)
        found.append(L.ctc_loss(logs, L.tensor([[1]]), L.tensor([2]), L.tensor([1]), 0, how))
    return found


case("losses of the root", _root_losses, X(2, 3), X(2, 3))
case(
    "frequencies and their order",
    lambda L, x: [
        L.fft.fftfreq(5, 0.3),
        L.fft.fftfreq(4, dtype=L.float64),
        L.fft.rfftfreq(5, 0.3),
        L.fft.rfftfreq(4),
        L.fft.fftshift(x),
        L.fft.fftshift(x, 1),
        L.fft.ifftshift(x, (0, 1)),
    ],
    X(2, 3),
)
case(
    "wider whole numbers",
    lambda L, x: [x.to(kind).to(L.int64) for kind in (L.uint16, L.uint32, L.uint64)],
    X(2, 3, high=9),
)
case("thresholds of the root", lambda L, x: [L.hardshrink(x, 0.4), L.threshold(x, 0.1, 7.0)], X(2, 3))
case(
    "other names of arguments",
    lambda L, x: [
        x.scatter(1, L.tensor([[0], [1]]), value=2.0),
        (x * 1).scatter_(0, L.tensor([[1, 0, 1]]), value=3.0),
        x.detach().scatter(1, L.tensor([[0, 0], [2, 1]]), 3.0, reduce="multiply"),
        *L.tensor_split(x, sections=2, dim=1),
        *x.tensor_split(indices=(1,), dim=1),
        x.view(size=(3, 2)),
        *L.unsafe_split(input=x, split_size=1),
        L.scalar_tensor(s=2.5),
        x.detach().clone().resize_as_(the_template=L.ones(3, 2)),
        L.tril_indices(2, 3, pin_memory=False),
        x.is_pinned(device=None),
        L.det(input=x[:, :2]),
        L.matrix_power(input=x[:, :2], n=2),
    ],
    X(2, 3),
)


def _after_grad(L: Any, x: Any) -> list[Any]:
    """Steps as soon as gradients are there, once for each backward; nothing more when taken out."""
    w, seen = x.detach().clone().requires_grad_(), []

    def step(p: Any) -> None:
        seen.append(p.grad.clone())
        p.sub_(p.grad)
        p.grad = None

    handle = w.register_post_accumulate_grad_hook(step)
    for _ in range(2):
        (w * w + w).sum().backward()
    handle.remove()
    (w * w).sum().backward()
    return [w, w.grad, *seen]


case("register_post_accumulate_grad_hook", _after_grad, X(3))


def _settings(L: Any) -> list[Any]:
    found: list[Any] = [L.get_float32_matmul_precision(), L.get_deterministic_debug_mode()]
    L.set_float32_matmul_precision("high")
    found.append(L.get_float32_matmul_precision())
    L.set_float32_matmul_precision("highest")
    for mode in ("warn", 2, 0):
        L.set_deterministic_debug_mode(mode)
        found += [L.get_deterministic_debug_mode(), L.are_deterministic_algorithms_enabled()]
        found.append(L.is_deterministic_algorithms_warn_only_enabled())
    return [*found, isinstance(L.set_flush_denormal(False), bool)]


case("settings of determinism", _settings)
case("shared", lambda L, x: [x.is_shared(), x.detach().clone().share_memory_()], X(2))
case("slogdet", lambda L, x: [*L.slogdet(x), *x.slogdet()], X(3, 3))
case(
    "type",
    lambda L, x: [
        x.double().type(),
        x.type(L.DoubleTensor),
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


COVERED = {
    "rushlight": {
        *(f"{n}_window" for n in ("bartlett", "blackman", "hamming", "hann")),
        *("half", "float", "double", "float16", "int8", "int16", "short", "int", "long"),
    },
    "rushlight.nn.functional": {
        n for n in CASES if n.partition("_")[0] in ("lp", "max", "adaptive", "fractional")
    },
}
"""What is looked up by name above, for the matrix of test_matrix.py."""
