"""Modules: layers, losses, containers, initialisers, and the functions beneath them.

What nearly every program uses loads with the package; a file of `LATER` when one of its names is asked for.
"""

from typing import TYPE_CHECKING

from rushlight.core.tensor import Parameter
from rushlight.errors import names_of, namespace
from rushlight.nn import functional, init, utils
from rushlight.nn.activation import (
    ACTIVATIONS,
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    activation_from_name,
)
from rushlight.nn.buffer import Buffer
from rushlight.nn.containers import ModuleDict, ModuleList, Sequential
from rushlight.nn.dropout import Dropout
from rushlight.nn.init import Initializer
from rushlight.nn.linear import Flatten, Identity, Linear
from rushlight.nn.loss import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from rushlight.nn.mlp import MLP
from rushlight.nn.module import Module

if TYPE_CHECKING:  # the files of LATER
    from rushlight.nn.adaptive import *
    from rushlight.nn.bilinear_form import *
    from rushlight.nn.conv import *
    from rushlight.nn.distance import *
    from rushlight.nn.dropping import *
    from rushlight.nn.embedding import *
    from rushlight.nn.folding import *
    from rushlight.nn.lazy import *
    from rushlight.nn.lazy_conv import *
    from rushlight.nn.margin import *
    from rushlight.nn.multihead import *
    from rushlight.nn.nonlinear import *
    from rushlight.nn.normalization import *
    from rushlight.nn.padding import *
    from rushlight.nn.parallel import *
    from rushlight.nn.parameters import *
    from rushlight.nn.pooling import *
    from rushlight.nn.recurrent import *
    from rushlight.nn.recurrent_cells import *
    from rushlight.nn.transformer import *
    from rushlight.nn.uninitialized import *
    from rushlight.nn.unpooling import *
    from rushlight.nn.upsampling import *

__all__ = [
    "ACTIVATIONS",
    "GELU",
    "MLP",
    "BCELoss",
    "BCEWithLogitsLoss",
    "Buffer",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Identity",
    "Initializer",
    "L1Loss",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "activation_from_name",
    "functional",
    "init",
    "utils",
]

LATER: dict[str, str] = {
    "distance": "CosineSimilarity PairwiseDistance TripletMarginLoss TripletMarginWithDistanceLoss",
    "margin": """CTCLoss CosineEmbeddingLoss GaussianNLLLoss HingeEmbeddingLoss HuberLoss KLDivLoss
        MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss PoissonNLLLoss
        SmoothL1Loss SoftMarginLoss""",
    "nonlinear": """CELU ELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LogSigmoid Mish PReLU RReLU ReLU6
        SELU Softmax2d Softmin Softshrink Softsign Tanhshrink Threshold""",
    "parallel": "DataParallel DistributedDataParallel data_parallel",
    "bilinear_form": "Bilinear Unflatten",
    "parameters": "ParameterDict ParameterList",
    "uninitialized": "UninitializedBuffer UninitializedParameter",
    "dropping": "AlphaDropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "embedding": "Embedding EmbeddingBag",
    "lazy_conv": """LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d
        LazyConvTranspose3d""",
    "lazy": """LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyInstanceNorm1d LazyInstanceNorm2d
        LazyInstanceNorm3d LazyLinear LazyModuleMixin""",
    "normalization": """BatchNorm1d BatchNorm2d BatchNorm3d GroupNorm InstanceNorm1d InstanceNorm2d
        InstanceNorm3d LayerNorm RMSNorm SyncBatchNorm""",
    "adaptive": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d "
    "AdaptiveMaxPool2d AdaptiveMaxPool3d",
    "conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "folding": "ChannelShuffle Fold LocalResponseNorm PixelShuffle PixelUnshuffle Unfold",
    "padding": "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d "
    "ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d "
    "ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d",
    "pooling": "AvgPool1d AvgPool2d AvgPool3d LPPool1d LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d",
    "unpooling": "FractionalMaxPool2d FractionalMaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d",
    "upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
    "recurrent": "GRU LSTM RNN RNNBase",
    "recurrent_cells": "GRUCell LSTMCell RNNCell RNNCellBase",
    "multihead": "MultiheadAttention",
    "transformer": """Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder
        TransformerEncoderLayer""",
}
"""Files that load when used, and their names."""

if not TYPE_CHECKING:  # a type checker would believe that every name is there
    __all__ += names_of(LATER)  # noqa: PLE0605
    __getattr__, __dir__ = namespace(__name__, __all__, LATER)
