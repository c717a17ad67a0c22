"""The operations: one family a file, each op defined once with its formula, its shapes and its derivative.

What nearly every program uses loads with the package. A file of `LATER` loads when one of its functions is
asked for, or one of the methods that it attaches to Tensor (`METHODS`); a test holds both tables to them.
"""

from typing import TYPE_CHECKING

from rushlight.core.tensor import methods_later
from rushlight.errors import names_of, namespace

# The files first: some are called like the function in them, and then the function is to have the name.
from rushlight.ops import activation as _activation
from rushlight.ops import arithmetic as _arithmetic
from rushlight.ops import convert as _convert
from rushlight.ops import creation as _creation
from rushlight.ops import einsum as _einsum
from rushlight.ops import elementwise as _elementwise
from rushlight.ops import gather as _gather
from rushlight.ops import index as _index
from rushlight.ops import join as _join
from rushlight.ops import matmul as _matmul
from rushlight.ops import movement as _movement
from rushlight.ops import norm as _norm
from rushlight.ops import pad as _pad  # noqa: F401  (methods; its functions belong to nn.functional)
from rushlight.ops import random as _random
from rushlight.ops import reduce as _reduce
from rushlight.ops import select as _select
from rushlight.ops import softmax as _softmax

# isort: split
from rushlight.ops.activation import *
from rushlight.ops.arithmetic import *
from rushlight.ops.convert import *
from rushlight.ops.creation import *
from rushlight.ops.einsum import *
from rushlight.ops.elementwise import *
from rushlight.ops.gather import *
from rushlight.ops.index import *
from rushlight.ops.join import *
from rushlight.ops.matmul import *
from rushlight.ops.movement import *
from rushlight.ops.norm import *
from rushlight.ops.random import *
from rushlight.ops.reduce import *
from rushlight.ops.select import *
from rushlight.ops.softmax import *

LATER: dict[str, str] = {
    "bilinear_form": "bilinear",
    "border": "constant_pad_nd",
    "convs": "conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d",
    "grid": "affine_grid_generator grid_sampler grid_sampler_2d grid_sampler_3d",
    "pools": "adaptive_avg_pool1d adaptive_max_pool1d avg_pool1d max_pool1d max_pool1d_with_indices "
    "max_pool2d max_pool3d",
    "shuffle": "channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle",
    "bessel": "i0",
    "erfs": "erfc erfinv",
    "gammas": "digamma igamma igammac lgamma mvlgamma polygamma",
    "matrices": """cholesky cholesky_inverse cholesky_solve det inverse logdet lu_solve lu_unpack matrix_exp
        matrix_power orgqr pinverse qr slogdet svd triangular_solve""",
    "conv": "convolution",
    "typed": """
        BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor ShortTensor
    """,
    "drop": """alpha_dropout alpha_dropout_ dropout dropout_ feature_alpha_dropout feature_alpha_dropout_
        feature_dropout feature_dropout_""",
    "lookup": "embedding",
    "normalization": "batch_norm group_norm instance_norm layer_norm rms_norm",
}
"""Files that load when used, and their functions."""

METHODS: dict[str, str] = {
    "bessel": "i0 i0_",
    "erfs": "erfc erfc_ erfinv erfinv_",
    "gammas": "digamma digamma_ igamma igammac lgamma lgamma_ mvlgamma polygamma",
    "matrices": """cholesky cholesky_inverse cholesky_solve det inverse logdet lu lu_solve matrix_exp
        matrix_power orgqr pinverse qr slogdet svd triangular_solve""",
    "typed": "__init__ type",
}
"""Files that load when used, and the methods that they attach."""

for _file, _names in METHODS.items():
    methods_later(f"rushlight.ops.{_file}", _names)

if not TYPE_CHECKING:  # mypy follows the stars, but no sum
    AT_ONCE = [
        name
        for family in (
            _activation,
            _arithmetic,
            _convert,
            _creation,
            _einsum,
            _elementwise,
            _gather,
            _index,
            _join,
            _matmul,
            _movement,
            _norm,
            _random,
            _reduce,
            _select,
            _softmax,
        )
        for name in family.__all__
    ]
    __all__ = [*AT_ONCE, *names_of(LATER)]  # noqa: PLE0604
    __getattr__, __dir__ = namespace(__name__, __all__, LATER)
