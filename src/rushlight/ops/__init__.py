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
from rushlight.ops import extremes as _extremes
from rushlight.ops import gather as _gather
from rushlight.ops import index as _index
from rushlight.ops import join as _join
from rushlight.ops import matmul as _matmul
from rushlight.ops import movement as _movement
from rushlight.ops import norm as _norm
from rushlight.ops import out as out
from rushlight.ops import pad as _pad  # noqa: F401  (methods; its functions belong to nn.functional)
from rushlight.ops import random as _random
from rushlight.ops import ranges as _ranges
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
from rushlight.ops.extremes import *
from rushlight.ops.gather import *
from rushlight.ops.index import *
from rushlight.ops.join import *
from rushlight.ops.matmul import *
from rushlight.ops.movement import *
from rushlight.ops.norm import *
from rushlight.ops.random import *
from rushlight.ops.ranges import *
from rushlight.ops.reduce import *
from rushlight.ops.select import *
from rushlight.ops.softmax import *

if TYPE_CHECKING:  # the files of LATER
    from rushlight.ops.algebra import *
    from rushlight.ops.arranging import *
    from rushlight.ops.bessel import *
    from rushlight.ops.bilinear_form import *
    from rushlight.ops.border import *
    from rushlight.ops.conv import *
    from rushlight.ops.convs import *
    from rushlight.ops.coo_making import *
    from rushlight.ops.counting import *
    from rushlight.ops.distances import *
    from rushlight.ops.draws import *
    from rushlight.ops.drop import *
    from rushlight.ops.erfs import *
    from rushlight.ops.exponential import *
    from rushlight.ops.facts import *
    from rushlight.ops.gammas import *
    from rushlight.ops.grid import *
    from rushlight.ops.grids import *
    from rushlight.ops.inplace import *
    from rushlight.ops.lookup import *
    from rushlight.ops.lowrank import *
    from rushlight.ops.making import *
    from rushlight.ops.matrices import *
    from rushlight.ops.memory import *
    from rushlight.ops.normalization import *
    from rushlight.ops.numbers import *
    from rushlight.ops.order import *
    from rushlight.ops.pools import *
    from rushlight.ops.reals import *
    from rushlight.ops.recurrent import *
    from rushlight.ops.scans import *
    from rushlight.ops.shuffle import *
    from rushlight.ops.strided import *
    from rushlight.ops.trigonometry import *
    from rushlight.ops.typed import *
    from rushlight.ops.writing import *

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
    "coo_making": "dsmm sparse_coo_tensor spmm",
    "typed": """
        BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor
        LongTensor ShortTensor
    """,
    "algebra": "addbmm addmv addr baddbmm chain_matmul cross ger inner kron tensordot vander vdot",
    "arranging": """
        atleast_1d atleast_2d atleast_3d block_diag column_stack concatenate dsplit dstack fliplr
        flipud hsplit moveaxis repeat_interleave roll rot90 row_stack split_with_sizes swapdims
        tensor_split unsafe_chunk unsafe_split unsafe_split_with_sizes vsplit
    """,
    "counting": """
        argwhere bincount bucketize histc histogram histogramdd isin nonzero_static searchsorted unique
        unique_consecutive
    """,
    "distances": "cdist corrcoef cov dist pdist renorm",
    "draws": "binomial multinomial poisson",
    "exponential": "exp2 float_power frexp ldexp logaddexp logaddexp2 logit xlogy",
    "facts": """
        can_cast finfo get_device iinfo is_complex is_floating_point is_same_size is_signed numel
        promote_types result_type typename
    """,
    "grids": """
        broadcast_shapes broadcast_tensors cartesian_prod combinations meshgrid tril_indices
        triu_indices unravel_index
    """,
    "inplace": """
        abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_
        asinh_ atan_ atanh_ ceil_ clamp_ clamp_max_ clamp_min_ clip_ cos_ cosh_ deg2rad_ detach_ erf_
        erfc_ exp2_ exp_ expm1_ fill_ fix_ floor_ frac_ gcd_ i0_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_
        nan_to_num_ neg_ negative_ rad2deg_ reciprocal_ relu_ resize_as_ round_ rsqrt_ sigmoid_ sin_
        sinc_ sinh_ sqrt_ square_ tan_ tanh_ trunc_ xlogy_ zero_
    """,
    "making": """
        asarray bartlett_window blackman_window empty_strided fill frombuffer hamming_window
        hann_window kaiser_window logspace range scalar_tensor
    """,
    "memory": "detach",
    "numbers": """
        absolute bitwise_left_shift bitwise_right_shift clamp_max clamp_min clip copysign divide fix
        fmax fmin fmod frac gcd greater greater_equal heaviside is_nonzero isneginf isposinf isreal lcm
        less less_equal multiply nan_to_num negative nextafter not_equal positive rsub sgn signbit
        subtract true_divide
    """,
    "order": """
        aminmax kthvalue median mode msort nanmean nanmedian nanquantile nansum quantile std_mean
        var_mean
    """,
    "reals": """
        adjoint angle conj conj_physical imag is_conj is_inference is_neg real resolve_conj resolve_neg
    """,
    "scans": """
        cummax cummin cumprod cumulative_trapezoid diff gradient logcumsumexp trapezoid trapz
    """,
    "strided": """
        as_strided as_strided_scatter diag diag_embed diagflat diagonal diagonal_scatter trace
    """,
    "trigonometry": """
        acos acosh arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh
        cosh deg2rad hypot rad2deg sinc sinh
    """,
    "writing": """
        index_add index_copy index_fill index_put index_put_ index_reduce masked_scatter put
        scatter_reduce select_scatter slice_scatter take
    """,
    "drop": """alpha_dropout alpha_dropout_ dropout dropout_ feature_alpha_dropout feature_alpha_dropout_
        feature_dropout feature_dropout_""",
    "lookup": "embedding embedding_renorm_",
    "lowrank": "pca_lowrank svd_lowrank",
    "normalization": "batch_norm group_norm instance_norm layer_norm rms_norm",
    "recurrent": "gru_cell lstm_cell rnn_relu_cell rnn_tanh_cell",
}
"""Files that load when used, and their functions."""

METHODS: dict[str, str] = {
    "bessel": "i0 i0_",
    "erfs": "erfc erfc_ erfinv erfinv_",
    "gammas": "digamma digamma_ igamma igammac lgamma lgamma_ mvlgamma polygamma",
    "matrices": """cholesky cholesky_inverse cholesky_solve det inverse logdet lu lu_solve matrix_exp
        matrix_power orgqr pinverse qr slogdet svd triangular_solve""",
    "storages": "storage untyped_storage",
    "typed": "__init__ type",
    "algebra": "addbmm addmv addr baddbmm cross inner kron vdot",
    "arranging": """
        dsplit fliplr flipud hsplit repeat_interleave roll rot90 split_with_sizes tensor_split
        unsafe_chunk unsafe_split unsafe_split_with_sizes vsplit
    """,
    "coo_making": """
        sparse_mask to_dense to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc
        to_sparse_csr
    """,
    "counting": "argwhere bincount histc histogram nonzero_static unique unique_consecutive",
    "distances": "corrcoef cov dist renorm",
    "draws": "cauchy_ exponential_ geometric_ log_normal_ multinomial random_",
    "exponential": "exp2 float_power frexp ldexp logaddexp logaddexp2 logit xlogy",
    "facts": """
        data_ptr dense_dim get_device is_complex is_cpu is_cuda is_ipu is_maia is_meta is_mkldnn
        is_mps is_mtia is_nested is_pinned is_quantized is_same_size is_set_to is_signed is_sparse
        is_sparse_csr is_vulkan is_xla is_xpu itemsize layout name nbytes ndimension nelement
        output_nr pin_memory retains_grad sparse_dim storage_offset
    """,
    "sharing": "is_shared share_memory_",
    "inplace": """
        __iand__ __ilshift__ __ior__ __irshift__ __ixor__ absolute_ acos_ acosh_ addbmm_ addmm_ addmv_
        addr_ arccos_ arccosh_ arcsin_ arcsinh_ arctan2_ arctan_ arctanh_ as_strided_ asin_ asinh_
        atan2_ atan_ atanh_ baddbmm_ bitwise_and_ bitwise_left_shift_ bitwise_not_ bitwise_or_
        bitwise_right_shift_ bitwise_xor_ ceil_ clamp_max_ clamp_min_ copysign_ cos_ cosh_ cumprod_
        cumsum_ deg2rad_ eq_ erf_ exp2_ expm1_ fix_ float_power_ floor_ fmod_ frac_ gcd_ ge_ greater_
        greater_equal_ gt_ heaviside_ hypot_ igamma_ igammac_ index_add_ index_copy_ index_fill_
        index_reduce_ lcm_ ldexp_ le_ less_ less_equal_ log10_ log1p_ log2_ log_ logical_and_ logical_not_
        logical_or_ logical_xor_ logit_ lt_ masked_scatter_ multiply_ mvlgamma_ nan_to_num_ ne_ negative_
        nextafter_ not_equal_ polygamma_ put_ rad2deg_ reciprocal_ renorm_ round_ rsqrt_ scatter_reduce_ sgn_
        sign_ sin_ sinc_ sinh_ square_ squeeze_ subtract_ swapaxes_ swapdims_ t_ tan_ transpose_ tril_ triu_
        trunc_ unsqueeze_ xlogy_
    """,
    "making": "new new_empty new_empty_strided",
    "memory": "apply_ detach_ map_ resize_ resize_as_ set_",
    "numbers": """
        __lshift__ __pos__ __rlshift__ __rrshift__ __rshift__ bitwise_left_shift bitwise_right_shift
        clamp_max clamp_min copysign fmax fmin fmod frac gcd heaviside is_nonzero isneginf isposinf
        isreal lcm nan_to_num nextafter positive signbit
    """,
    "order": "aminmax kthvalue median mode msort nanmean nanmedian nanquantile nansum quantile",
    "reals": """
        H adjoint angle cdouble cfloat chalf conj conj_physical is_conj is_inference is_neg real
        resolve_conj resolve_neg
    """,
    "scans": "cummax cummin cumprod diff logcumsumexp",
    "strided": """
        as_strided as_strided_scatter diag diag_embed diagflat diagonal diagonal_scatter fill_diagonal_
        trace
    """,
    "trigonometry": """
        acos acosh arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh
        cosh deg2rad hypot rad2deg sinc sinh
    """,
    "writing": """
        index_add index_copy index_fill index_put index_put_ index_reduce masked_scatter put
        scatter_reduce select_scatter slice_scatter take
    """,
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
            _extremes,
            _gather,
            _index,
            _join,
            _matmul,
            _movement,
            _norm,
            _random,
            _ranges,
            _reduce,
            _select,
            _softmax,
        )
        for name in family.__all__
    ]
    __all__ = [*AT_ONCE, *names_of(LATER)]  # noqa: PLE0604
    __getattr__, __dir__ = namespace(__name__, __all__, LATER)
