"""Layers and losses as plain functions, with PyTorch's names and signatures: one family a file.

What nearly every program uses loads with the package; a file of `LATER` when one of its names is asked for.
"""

from typing import TYPE_CHECKING

from rushlight.errors import names_of, namespace
from rushlight.nn.functional.activation import (
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    silu,
    softmax,
    softplus,
)
from rushlight.nn.functional.classes import one_hot
from rushlight.nn.functional.dropout import dropout
from rushlight.nn.functional.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
)
from rushlight.ops import linear, sigmoid, tanh

if TYPE_CHECKING:  # the files of LATER
    from rushlight.nn.functional.adaptive import *
    from rushlight.nn.functional.attention import *
    from rushlight.nn.functional.bilinear_form import *
    from rushlight.nn.functional.conv import *
    from rushlight.nn.functional.ctc import *
    from rushlight.nn.functional.distance import *
    from rushlight.nn.functional.distances import *
    from rushlight.nn.functional.dropping import *
    from rushlight.nn.functional.folding import *
    from rushlight.nn.functional.grid import *
    from rushlight.nn.functional.linear_loss import *
    from rushlight.nn.functional.local_response import *
    from rushlight.nn.functional.lookup import *
    from rushlight.nn.functional.margin import *
    from rushlight.nn.functional.nonlinear import *
    from rushlight.nn.functional.normalization import *
    from rushlight.nn.functional.padding import *
    from rushlight.nn.functional.pooling import *
    from rushlight.nn.functional.shuffle import *
    from rushlight.nn.functional.unpooling import *
    from rushlight.nn.functional.upsampling import *

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "gelu",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

LATER: dict[str, str] = {
    "ctc": "ctc_loss",
    "distance": """cosine_embedding_loss cosine_similarity pairwise_distance triplet_margin_loss
        triplet_margin_with_distance_loss""",
    "margin": """gaussian_nll_loss hinge_embedding_loss huber_loss kl_div margin_ranking_loss
        multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss poisson_nll_loss smooth_l1_loss
        soft_margin_loss""",
    "nonlinear": """celu celu_ elu elu_ glu gumbel_softmax hardshrink hardsigmoid hardswish hardtanh
        hardtanh_ leaky_relu_ logsigmoid mish prelu relu6 relu_ rrelu rrelu_ selu selu_ softmin softshrink
        softsign tanhshrink threshold threshold_""",
    "bilinear_form": "bilinear",
    "dropping": "alpha_dropout dropout1d dropout2d dropout3d feature_alpha_dropout",
    "distances": "pdist",
    "linear_loss": "linear_cross_entropy",
    "lookup": "embedding embedding_bag",
    "attention": "multi_head_attention_forward scaled_dot_product_attention",
    "normalization": "batch_norm group_norm instance_norm layer_norm normalize rms_norm",
    "adaptive": "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d "
    "adaptive_max_pool1d_with_indices adaptive_max_pool2d adaptive_max_pool2d_with_indices "
    "adaptive_max_pool3d adaptive_max_pool3d_with_indices",
    "conv": "conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d",
    "folding": "fold unfold",
    "grid": "affine_grid grid_sample",
    "local_response": "local_response_norm",
    "padding": "pad",
    "pooling": "avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d max_pool1d "
    "max_pool1d_with_indices max_pool2d max_pool2d_with_indices max_pool3d max_pool3d_with_indices",
    "shuffle": "channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle",
    "unpooling": "fractional_max_pool2d fractional_max_pool2d_with_indices fractional_max_pool3d "
    "fractional_max_pool3d_with_indices max_unpool1d max_unpool2d max_unpool3d",
    "upsampling": "interpolate upsample upsample_bilinear upsample_nearest",
}
"""Files that load when used, and their names."""

if not TYPE_CHECKING:  # a type checker would believe that every name is there
    __all__ += names_of(LATER)  # noqa: PLE0605
    __getattr__, __dir__ = namespace(__name__, __all__, LATER)
