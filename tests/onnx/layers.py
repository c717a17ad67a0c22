"""The layers and losses of rushlight.nn, each with inputs, for export."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as rl
from rushlight import nn

__all__ = ["LAYERS", "LEFT_OUT", "Net"]

LAYERS: dict[str, tuple[Callable[[], Any], tuple[Any, ...]]] = {}
LEFT_OUT = {
    "a base, a container without forward, or a wrapper": """Module ModuleDict ParameterDict ParameterList
        RNNBase RNNCellBase LazyModuleMixin DataParallel DistributedDataParallel""",
    "a lazy layer becomes the one of the table with its first input": """LazyConv1d LazyConv2d LazyConv3d
        LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d LazyBatchNorm1d LazyBatchNorm2d
        LazyBatchNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d LazyLinear""",
    "it draws random windows": "FractionalMaxPool2d FractionalMaxPool3d",
    "it looks at the numbers of its targets' lengths": "CTCLoss",
}
"""What is not in the table, by reason."""

_rng = rl.Generator()
_rng.manual_seed(0)


def R(*shape: int) -> rl.Tensor:
    return rl.randn(*shape, generator=_rng)


def U(*shape: int) -> rl.Tensor:
    return rl.rand(*shape, generator=_rng)


def add(name: str, make: Callable[[], Any], *inputs: rl.Tensor) -> None:
    LAYERS[name] = (make, inputs)


class Net(nn.Module):
    """Layers in lists, one used twice, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.head = nn.Linear(4, 2)
        self.register_buffer("shift", rl.ones(4))

    def forward(self, x: rl.Tensor) -> Any:
        for layer in self.layers:
            x = rl.tanh(layer(x)) + self.shift
        return {"first": self.head(x), "second": [self.head(x * 2), x.argmax(-1)]}


# Linear maps, shapes, distances

add("Linear", lambda: nn.Linear(4, 3), R(5, 4))
add("Linear on 3 axes", lambda: nn.Linear(4, 3), R(2, 5, 4))
add("Linear without bias", lambda: nn.Linear(4, 3, bias=False), R(5, 4))
add("Linear on a sample", lambda: nn.Linear(4, 3), R(4))
add("Bilinear", lambda: nn.Bilinear(3, 4, 2), R(5, 3), R(5, 4))
add("Identity", nn.Identity, R(2, 3))
add("Flatten", nn.Flatten, R(2, 3, 4))
add("Unflatten", lambda: nn.Unflatten(1, (2, 3)), R(2, 6))
add("ChannelShuffle", lambda: nn.ChannelShuffle(2), R(1, 4, 2, 2))
add("PixelShuffle", lambda: nn.PixelShuffle(2), R(1, 4, 2, 2))
add("PixelUnshuffle", lambda: nn.PixelUnshuffle(2), R(1, 1, 4, 4))
add("CosineSimilarity", nn.CosineSimilarity, R(2, 3), R(2, 3))
add("PairwiseDistance", nn.PairwiseDistance, R(2, 3), R(2, 3))
add("Sequential", lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), R(3, 4))
add("MLP", lambda: nn.MLP(4, [8, 8], 2, ["relu", "tanh"], output="sigmoid"), R(5, 4))
add("ModuleList", Net, R(5, 4))
add("Fold", lambda: nn.Fold((4, 4), 2), R(1, 12, 9))
add("Unfold", lambda: nn.Unfold(2), R(1, 3, 4, 4))

# Embeddings, recurrence, attention

_words = rl.tensor([[1, 2], [3, 4]])
add("Embedding", lambda: nn.Embedding(10, 3), _words)
add("EmbeddingBag", lambda: nn.EmbeddingBag(10, 3), _words)
add("EmbeddingBag of sums", lambda: nn.EmbeddingBag(10, 3, mode="sum"), _words)
for _kind in ("LSTM", "GRU"):
    add(f"{_kind} of 2 layers", lambda k=_kind: getattr(nn, k)(3, 4, 2, bidirectional=True), R(5, 2, 3))
    add(f"{_kind} without bias", lambda k=_kind: getattr(nn, k)(3, 4, bias=False), R(5, 3))
    add(f"{_kind} of a step", lambda k=_kind: getattr(nn, k)(3, 4, batch_first=True), R(2, 1, 3))
add("LSTM with projection", lambda: nn.LSTM(3, 4, proj_size=2), R(5, 2, 3))
add("RNN", lambda: nn.RNN(3, 4, 2, "relu", bidirectional=True), R(5, 2, 3))
add("RNN without bias", lambda: nn.RNN(3, 4, bias=False), R(5, 3))
for _kind in ("LSTMCell", "GRUCell", "RNNCell"):
    add(_kind, lambda k=_kind: getattr(nn, k)(3, 4), R(2, 3))
_query, _memory = R(2, 3, 4), R(2, 5, 4)
add("MultiheadAttention", lambda: nn.MultiheadAttention(4, 2, batch_first=True), _query, _memory, _memory)
add("TransformerEncoder", lambda: nn.TransformerEncoder(
    nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2), _query)  # fmt: skip
add("TransformerDecoder", lambda: nn.TransformerDecoder(
    nn.TransformerDecoderLayer(4, 2, 8, activation="gelu"), 2), _query, _query)  # fmt: skip
add("Transformer", lambda: nn.Transformer(4, 2, 1, 1, 8, batch_first=True), _memory, _query)

# Normalisation

add("LayerNorm", lambda: nn.LayerNorm(4), R(2, 3, 4))
add("LayerNorm over 2 axes", lambda: nn.LayerNorm((3, 4)), R(2, 3, 4))
add("LayerNorm without weights", lambda: nn.LayerNorm(4, elementwise_affine=False), R(2, 4))
add("LayerNorm without bias", lambda: nn.LayerNorm(4, bias=False), R(2, 4))
add("RMSNorm", lambda: nn.RMSNorm(4), R(2, 4))
add("GroupNorm", lambda: nn.GroupNorm(2, 4), R(2, 4, 3, 3))
add("LocalResponseNorm", lambda: nn.LocalResponseNorm(2), R(1, 4, 3, 3))
add("SyncBatchNorm", lambda: nn.SyncBatchNorm(3), R(2, 3, 4))
add("BatchNorm without weights", lambda: nn.BatchNorm1d(3, affine=False), R(5, 3))

# Activations and dropout

_PLAIN = """
    ReLU ReLU6 ELU SELU CELU GELU SiLU Mish Softplus Softsign Tanh Tanhshrink Sigmoid LogSigmoid Hardtanh
    Hardsigmoid Hardswish Hardshrink Softshrink LeakyReLU PReLU RReLU Dropout Dropout1d AlphaDropout
    FeatureAlphaDropout GLU
"""
for _kind in _PLAIN.split():
    add(_kind, getattr(nn, _kind), R(2, 3, 4))
for _kind in ("Softmax", "LogSoftmax", "Softmin"):
    add(_kind, lambda k=_kind: getattr(nn, k)(-1), R(2, 3, 4))
add("Softmax2d", nn.Softmax2d, R(1, 2, 3, 3))
add("GELU with tanh", lambda: nn.GELU("tanh"), R(2, 4))
add("Threshold", lambda: nn.Threshold(0.1, 2.0), R(2, 4))
add("Dropout2d", nn.Dropout2d, R(1, 2, 3, 3))
add("Dropout3d", nn.Dropout3d, R(1, 2, 3, 3, 2))

# Along one to three axes

for _d in (1, 2, 3):
    _x = R(2, 4, *(6, 5, 4)[:_d])
    for _kind in ("ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad"):
        add(f"{_kind}{_d}d", lambda k=f"{_kind}{_d}d": getattr(nn, k)(1), _x)
    add(f"ConstantPad{_d}d", lambda k=f"ConstantPad{_d}d": getattr(nn, k)(1, 0.5), _x)
    for _kind in ("Conv", "ConvTranspose"):
        add(f"{_kind}{_d}d", lambda k=f"{_kind}{_d}d": getattr(nn, k)(4, 6, 3, 2, 1, 1, 2), _x)
    add(f"Conv{_d}d, same size", lambda k=f"Conv{_d}d": getattr(nn, k)(
        4, 6, 2, padding="same", padding_mode="reflect"), _x)  # fmt: skip
    add(f"BatchNorm{_d}d", lambda k=f"BatchNorm{_d}d": getattr(nn, k)(4), _x)
    add(f"InstanceNorm{_d}d", lambda k=f"InstanceNorm{_d}d": getattr(nn, k)(4, affine=True), _x)
    add(f"InstanceNorm{_d}d, tracking", lambda k=f"InstanceNorm{_d}d": getattr(nn, k)(
        4, track_running_stats=True), _x)  # fmt: skip
    for _kind in ("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool"):
        add(f"{_kind}{_d}d", lambda k=f"{_kind}{_d}d": getattr(nn, k)(2), _x)
    add(f"LPPool{_d}d", lambda k=f"LPPool{_d}d": getattr(nn, k)(2, 2), _x)
    _pooled = getattr(nn, f"MaxPool{_d}d")(2, return_indices=True)(R(2, 3, *(4,) * _d))
    add(f"MaxUnpool{_d}d", lambda k=f"MaxUnpool{_d}d": getattr(nn, k)(2), *_pooled)
_x = R(2, 3, 6, 6)
add("MaxPool2d with indices", lambda: nn.MaxPool2d(2, return_indices=True), _x)
add("MaxPool2d, ceil_mode", lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True), _x)
add("MaxPool2d, dilation", lambda: nn.MaxPool2d(2, 1, 1, 2), _x)
add("AvgPool2d, ceil_mode", lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True), _x)
add("AvgPool2d without pads", lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), _x)
add("AvgPool2d, both", lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), _x)
_x = R(1, 2, 3, 3)
add("Upsample", lambda: nn.Upsample(scale_factor=2), _x)
add("Upsample, bilinear", lambda: nn.Upsample(scale_factor=2, mode="bilinear"), _x)
add("Upsample, bicubic", lambda: nn.Upsample(size=(5, 7), mode="bicubic", align_corners=True), _x)
add("UpsamplingNearest2d", lambda: nn.UpsamplingNearest2d(scale_factor=2), _x)
add("UpsamplingBilinear2d", lambda: nn.UpsamplingBilinear2d(scale_factor=2), _x)

# Losses

_classes, _signs = rl.tensor([0, 2]), rl.tensor([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])
for _kind, _inputs in {
    "L1Loss": (R(2, 3), R(2, 3)),
    "MSELoss": (R(2, 3), R(2, 3)),
    "SmoothL1Loss": (R(2, 3), R(2, 3)),
    "HuberLoss": (R(2, 3), R(2, 3)),
    "CrossEntropyLoss": (R(2, 3), _classes),
    "NLLLoss": (R(2, 3), _classes),
    "MultiMarginLoss": (R(2, 3), _classes),
    "BCELoss": (U(2, 3), U(2, 3)),
    "BCEWithLogitsLoss": (R(2, 3), U(2, 3)),
    "PoissonNLLLoss": (R(2, 3), U(2, 3)),
    "GaussianNLLLoss": (R(2, 3), R(2, 3), U(2, 3)),
    "HingeEmbeddingLoss": (R(2, 3), _signs),
    "SoftMarginLoss": (R(2, 3), _signs),
    "CosineEmbeddingLoss": (R(2, 3), R(2, 3), rl.tensor([1.0, -1.0])),
    "MarginRankingLoss": (R(3), R(3), _signs[0]),
    "TripletMarginLoss": (R(2, 3), R(2, 3), R(2, 3)),
    "TripletMarginWithDistanceLoss": (R(2, 3), R(2, 3), R(2, 3)),
    "MultiLabelSoftMarginLoss": (R(2, 3), rl.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])),
    "MultiLabelMarginLoss": (R(2, 3), rl.tensor([[0, -1, 1], [1, 2, -1]])),
}.items():
    add(_kind, getattr(nn, _kind), *_inputs)
add("KLDivLoss", lambda: nn.KLDivLoss(reduction="batchmean"), R(2, 3), U(2, 3))
add("LinearCrossEntropyLoss", lambda: nn.LinearCrossEntropyLoss(3, 4), R(2, 3), _classes)
add("AdaptiveLogSoftmaxWithLoss", lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 10, [3, 6]), R(2, 4), _classes)
