"""Rushlight: deep learning from scratch on NumPy.

    import rushlight as rl
    from rushlight import nn

    model = nn.Sequential(nn.Linear(2, 25), nn.Tanh(), nn.Linear(25, 1))
    loss = nn.functional.mse_loss(model(rl.rand(8, 2)), rl.rand(8, 1))
    loss.backward()

Names, signatures and semantics are PyTorch's wherever PyTorch has the thing.
"""

import importlib as _importlib
import math as _math
from typing import TYPE_CHECKING

from rushlight import aliases as _aliases
from rushlight import autograd as autograd
from rushlight import errors as errors
from rushlight import nn as nn
from rushlight import ops as ops
from rushlight import optim as optim
from rushlight import version as version
from rushlight.compile import compile as compile
from rushlight.core.anomaly import detect_anomaly as detect_anomaly
from rushlight.core.placement import accelerator as accelerator
from rushlight.core.placement import backends as backends
from rushlight.core.placement import cuda as cuda
from rushlight.core.placement import device as device
from rushlight.core.placement import mps as mps
from rushlight.core.placement import xpu as xpu
from rushlight.core.random import Generator as Generator
from rushlight.core.random import get_rng_state as get_rng_state
from rushlight.core.random import initial_seed as initial_seed
from rushlight.core.random import manual_seed as manual_seed
from rushlight.core.random import seed as seed
from rushlight.core.random import set_rng_state as set_rng_state
from rushlight.core.size import Size as Size
from rushlight.core.state import enable_grad as enable_grad
from rushlight.core.state import is_grad_enabled as is_grad_enabled
from rushlight.core.state import no_grad as no_grad
from rushlight.core.state import set_grad_enabled as set_grad_enabled
from rushlight.core.tensor import Parameter as Parameter
from rushlight.core.tensor import Tensor as Tensor
from rushlight.device.arrays import bfloat16, float16, float32, float64, int8, int16, int32, int64, uint8
from rushlight.device.arrays import bool_ as bool
from rushlight.device.arrays import uint16 as uint16
from rushlight.device.arrays import uint32 as uint32
from rushlight.device.arrays import uint64 as uint64
from rushlight.device.bfloat16 import dtype as _dtype
from rushlight.version import __version__ as __version__

if TYPE_CHECKING:
    from rushlight.ops import *
else:
    # Those that can write into a tensor that is there get the parameter for it when they are first named.
    globals().update({_name: getattr(ops, _name) for _name in ops.AT_ONCE if _name not in ops.out.ROOT})

if TYPE_CHECKING:
    from rushlight import compiler as compiler
    from rushlight import data as data
    from rushlight import distributed as distributed
    from rushlight import distributions as distributions
    from rushlight import fft as fft
    from rushlight import futures as futures
    from rushlight import fx as fx
    from rushlight import hub as hub
    from rushlight import interop as interop
    from rushlight import linalg as linalg
    from rushlight import onnx as onnx
    from rushlight import plot as plot
    from rushlight import sparse as sparse
    from rushlight import special as special
    from rushlight import tabular as tabular
    from rushlight import testing as testing
    from rushlight import train as train
    from rushlight import types as types
    from rushlight import utils as utils
    from rushlight import vision as vision
    from rushlight.amp import GradScaler as GradScaler
    from rushlight.amp import autocast as autocast
    from rushlight.amp import clear_autocast_cache as clear_autocast_cache
    from rushlight.amp import get_autocast_cpu_dtype as get_autocast_cpu_dtype
    from rushlight.amp import get_autocast_dtype as get_autocast_dtype
    from rushlight.amp import is_autocast_cache_enabled as is_autocast_cache_enabled
    from rushlight.amp import is_autocast_cpu_enabled as is_autocast_cpu_enabled
    from rushlight.amp import is_autocast_enabled as is_autocast_enabled
    from rushlight.core.printing import get_printoptions as get_printoptions
    from rushlight.core.printing import set_printoptions as set_printoptions
    from rushlight.core.state import inference_mode as inference_mode
    from rushlight.core.state import is_inference_mode_enabled as is_inference_mode_enabled
    from rushlight.func import vmap as vmap
    from rushlight.interop.serialization import load as load
    from rushlight.interop.serialization import save as save
    from rushlight.nn.functional.ctc import *
    from rushlight.nn.functional.sequences import *
    from rushlight.settings import *
    from rushlight.train.sweeping.call import Sweep as Sweep
    from rushlight.train.sweeping.call import grid as grid
    from rushlight.train.sweeping.call import sweep as sweep

_aliases.install()
dtype = _dtype
inf = _math.inf
nan = _math.nan
pi = _math.pi
e = _math.e
newaxis = None
strided = contiguous_format = preserve_format = "strided"
"""The layout that all dense tensors have: what asks for it is right."""
channels_last, channels_last_3d = "channels_last", "channels_last_3d"
"""May be asked for, and change nothing: how numbers lie in memory is no part of a result."""
sparse_coo = "rushlight.sparse_coo"

float = float32
double = float64
half = float16
long = int64
int = int32
short = int16

_PACKAGES = """amp compiler data distributed distributions fft func futures fx hub interop linalg jit
    multiprocessing onnx plot sparse special tabular testing train types utils vision"""
_LATER = {
    "core.random": "default_generator",
    "amp": """GradScaler autocast clear_autocast_cache get_autocast_cpu_dtype get_autocast_dtype
        is_autocast_cache_enabled is_autocast_cpu_enabled is_autocast_enabled""",
    "core.printing": "get_printoptions set_printoptions",
    "core.state": "inference_mode is_inference_mode_enabled",
    "func": "vmap",
    "interop.serialization": "load save",
    "nn.functional.distance": "cosine_similarity pairwise_distance",
    "nn.functional.nonlinear": """celu celu_ hardshrink prelu rrelu rrelu_ selu selu_ threshold
        threshold_""",
    "nn.functional.root_losses": """binary_cross_entropy_with_logits cosine_embedding_loss ctc_loss
        hinge_embedding_loss kl_div margin_ranking_loss poisson_nll_loss triplet_margin_loss""",
    "nn.functional.sequences": "gru lstm rnn_relu rnn_tanh",
    "settings": """are_deterministic_algorithms_enabled get_default_device get_default_dtype
        get_deterministic_debug_mode get_float32_matmul_precision get_num_interop_threads get_num_threads
        is_deterministic_algorithms_warn_only_enabled set_default_device set_default_dtype
        set_default_tensor_type set_deterministic_debug_mode set_flush_denormal
        set_float32_matmul_precision set_num_interop_threads set_num_threads use_deterministic_algorithms""",
    "train.sweeping.call": "Sweep grid sweep",
}
"""Packages, and files with their names, that load when they are first named, so that `import rushlight` stays
light; operations that do so stand in `ops/__init__.py`."""

_ELSEWHERE = {
    "Sparse tensors are in coordinate form: rl.sparse_coo_tensor.": """sparse_bsc_tensor sparse_bsr_tensor
        sparse_compressed_tensor sparse_csc_tensor sparse_csr_tensor""",
    "There are no complex tensors: keep real and imaginary parts side by side.": """chalf complex32 complex64
        complex128 cfloat cdouble view_as_complex view_as_real polar complex""",
    "There is no FFT, as there are no complex tensors: numpy.fft takes x.numpy().": "istft stft",
}
"""What to do instead, and for which names of PyTorch's."""


if not TYPE_CHECKING:
    _files = {_name: _file for _file, _names in _LATER.items() for _name in _names.split()}
    _packages = _PACKAGES.split()
    # mypy follows the star above, but no sum of lists.
    __all__ = [  # noqa: PLE0604
        "Generator", "Parameter", "Size", "Tensor", "accelerator", "autograd", "backends", "bool", "compile",
        "cuda", "detect_anomaly", "device", "double", "enable_grad", "errors", "float", "float16",
        "float32", "float64", "get_rng_state", "half", "initial_seed", "int", "int8", "int16",
        "int32", "int64", "is_grad_enabled", "long", "manual_seed", "mps", "nn", "no_grad", "ops",
        "bfloat16", "channels_last", "channels_last_3d", "contiguous_format", "dtype", "e", "inf", "nan",
        "newaxis", "pi", "preserve_format", "sparse_coo",
        "optim", "seed", "strided", "set_grad_enabled", "set_rng_state", "short", "uint8", "version", "xpu",
        "uint16", "uint32", "uint64",
        *ops.__all__, *_packages, *_files,
    ]  # fmt: skip

    # Of this it would believe that every name is there.
    def __getattr__(name: str) -> object:
        if name in _packages or name == "_C":
            return _importlib.import_module(f"rushlight.{name}")
        found = None
        if name in _files:
            found = getattr(_importlib.import_module(f"rushlight.{_files[name]}"), name)
        elif name in ops.__all__:
            found = getattr(ops, name)
        if found is not None:
            globals()[name] = ops.out.with_out(found, "rushlight", name) if name in ops.out.ROOT else found
            return globals()[name]
        if (alias := _aliases.find("rushlight", name)) is not None:
            return alias
        from rushlight import data, train

        remedy = next((remedy for remedy, names in _ELSEWHERE.items() if name in names.split()), "")
        for place in (nn.functional, nn, optim, optim.lr_scheduler, data, train):
            if name in place.__all__ and not remedy:
                remedy = f"It is {place.__name__.replace('rushlight', 'rl')}.{name}."
        raise errors.missing("rushlight", name, __all__, remedy)

    def __dir__() -> list[str]:
        # Importing also leaves rl.core here, and packages that load later are named too.
        return sorted([*__all__, "__version__", "__doc__", "__name__", "__file__", "__path__"])
