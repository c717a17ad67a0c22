"""Calls of layers, initialisers and `nn.utils`."""

from __future__ import annotations

from typing import Any

from tests.parity.cases import CASES, Call, case, layer, settled, text
from tests.samples.record import I, X

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


def _adaptive(L: Any, x: Any, div_value: float, bias: bool) -> list[Any]:
    made = settled(L.nn.AdaptiveLogSoftmaxWithLoss(6, 20, [4, 9, 15], div_value, head_bias=bias), x)
    output, loss = made(x, L.tensor([0, 3, 4, 19, 8]))
    loss.backward(retain_graph=True)
    one = made(x[1], L.tensor(7))
    few = made(x[:2], L.tensor([1, 2])).output
    found = [made.cutoffs, made.shortlist_size, made.n_clusters, made.head_size, made.div_value]
    found += [*(p.grad for p in made.parameters() if p.grad is not None), list(made.state_dict()), text(made)]
    found += [output, loss, one.output, one.loss, few, made.log_prob(x)]
    made = settled(L.nn.AdaptiveLogSoftmaxWithLoss(6, 20, [4, 9, 15], div_value, head_bias=bias), x)
    with L.no_grad():
        for i in range(3):  # the head's choices: its own classes, or a cluster for all
            made.head.weight[i - 1] += 3 * x.sum(0)
            found.append(made.predict(x))
    return found


def _lazy(L: Any, name: str, x: Any, *args: Any) -> list[Any]:
    made = getattr(L.nn, f"Lazy{name}")(*args).to(x.dtype)
    before = [isinstance(p, L.nn.UninitializedParameter) for p in made.parameters()]
    before += [isinstance(p, L.nn.UninitializedBuffer) for p in made.buffers()]
    made(x.detach())
    out = settled(made)(x)
    return [before, type(made).__name__, text(made), list(made.state_dict()), out]


layer("SyncBatchNorm", lambda L: L.nn.SyncBatchNorm(3, momentum=None), X(2, 3, 4))


def _synced(L: Any, x: Any) -> list[Any]:
    net = L.nn.Sequential(L.nn.Linear(3, 3), L.nn.Sequential(L.nn.BatchNorm1d(3, 1e-3, affine=False))).to(
        x.dtype
    )
    made = settled(L.nn.SyncBatchNorm.convert_sync_batchnorm(net), x)
    return [made(x), list(made.state_dict()), text(made), made[1] is not net, made[0] is net[0]]


def _without_statistics(L: Any, x: Any) -> list[Any]:
    net = settled(L.nn.Sequential(L.nn.Linear(3, 3), L.nn.BatchNorm1d(3)), x)
    made = L.func.replace_all_batch_norm_modules_(net).eval()
    return [made(x), made is net, list(made.state_dict()), text(made)]


def _linear_loss(L: Any, x: Any, w: Any, p: Any, sizes: tuple[int, ...]) -> list[Any]:
    F = L.nn.functional
    count = 1 if not sizes else sizes[0]
    classes = (L.tensor([[0, 3], [-100, 1]]) if sizes else L.tensor([3, -100])).reshape(2, *sizes)
    weight, bias = w[: 4 * count].reshape(4, *sizes, 3), w[: 4 * count, 0].reshape(4, *sizes)
    found = [
        F.linear_cross_entropy(x, weight, classes, reduction=how, label_smoothing=0.1)
        for how in ("none", "sum", "mean")
    ]
    chances = p[:, : 4 * count].softmax(1).reshape(2, 4, *sizes)
    found.append(F.linear_cross_entropy(x, weight, chances, linear_bias=bias, weight=w[:4, 1].abs()))
    made = L.nn.LinearCrossEntropyLoss(3, 4, out_features=sizes, bias=True, ignore_index=1, reduction="sum")
    made = settled(made, x)
    return [*found, made(x, classes.clamp(min=0)), list(made.state_dict()), text(made)]


for _sizes in ((), (2,)):
    case(
        f"linear_cross_entropy {_sizes}",
        lambda L, *t, s=_sizes: _linear_loss(L, *t, s),
        X(2, 3),
        X(8, 3),
        X(2, 8),
    )
case("SyncBatchNorm of others", _synced, X(4, 3))
case("replace_all_batch_norm_modules_", _without_statistics, X(4, 3))
case("AdaptiveLogSoftmaxWithLoss", lambda L, x: _adaptive(L, x, 2.0, True), X(5, 6))
case("AdaptiveLogSoftmaxWithLoss without bias", lambda L, x: _adaptive(L, x, 1.5, False), X(5, 6))
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


def _recurrent(L: Any, name: str, x: Any) -> Any:
    """The functions beneath recurrent layers, with a layer's weights."""
    layer = settled({"gru": L.nn.GRU, "lstm": L.nn.LSTM}.get(name, L.nn.RNN)(3, 4), x)
    h = x.detach().new_zeros(1, 2, 4)
    return getattr(L, name)(
        x, (h, h) if name == "lstm" else h, list(layer.parameters()), True, 1, 0.0, False, False, False
    )


for _name in ("gru", "lstm", "rnn_relu", "rnn_tanh"):
    case(_name, lambda L, x, n=_name: _recurrent(L, n, x), X(5, 2, 3))

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


COVERED = {
    "rushlight": {"gru", "lstm", "rnn_relu", "rnn_tanh"},
    "rushlight.nn": {
        *(name.split()[1] for name in CASES if name.startswith("layer ")),
        *(name for name in CASES if name.startswith("Lazy")),
    },
}
"""What is looked up by name above, for the matrix of test_matrix.py."""
