"""Rushlight: deep learning that one person can read.

    import rushlight as rl
    from rushlight import nn

    model = nn.Sequential(nn.Linear(2, 25), nn.Tanh(), nn.Linear(25, 1))
    loss = nn.functional.mse_loss(model(rl.rand(8, 2)), rl.rand(8, 1))
    loss.backward()

Names, signatures and semantics are PyTorch's wherever PyTorch has the thing.
"""

from typing import TYPE_CHECKING

from rushlight import autograd as autograd
from rushlight import errors as errors
from rushlight import nn as nn
from rushlight import optim as optim
from rushlight.core.anomaly import detect_anomaly as detect_anomaly
from rushlight.core.random import Generator as Generator
from rushlight.core.random import get_rng_state as get_rng_state
from rushlight.core.random import initial_seed as initial_seed
from rushlight.core.random import manual_seed as manual_seed
from rushlight.core.random import seed as seed
from rushlight.core.random import set_rng_state as set_rng_state
from rushlight.core.state import enable_grad as enable_grad
from rushlight.core.state import is_grad_enabled as is_grad_enabled
from rushlight.core.state import no_grad as no_grad
from rushlight.core.state import set_grad_enabled as set_grad_enabled
from rushlight.core.tensor import Parameter as Parameter
from rushlight.core.tensor import Tensor as Tensor
from rushlight.device.numpy import bool_ as bool
from rushlight.device.numpy import float16, float32, float64, int8, int16, int32, int64, uint8
from rushlight.ops import *  # noqa: F403

float = float32
double = float64
long = int64
int = int32
__version__ = "0.1.0"


if TYPE_CHECKING:
    from rushlight import data as data
    from rushlight import interop as interop
    from rushlight import plot as plot
    from rushlight import train as train


def __getattr__(name: str):  # type: ignore[no-untyped-def]
    """These packages load when they are first named, so that `import rushlight` stays light."""
    if name in ("data", "interop", "plot", "train"):
        import importlib

        return importlib.import_module(f"rushlight.{name}")
    raise AttributeError(f"rushlight has no attribute {name!r}")
