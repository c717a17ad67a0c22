"""Every public name that PyTorch has too is compared with PyTorch's by some test.

`coverage.py` says what counts. A name that computes nothing, or that stands for another name, stands below.
"""

from __future__ import annotations

import importlib.util
import types
from functools import cache
from typing import Any

import pytest

import rushlight as rl
from rushlight.pytorch_names import NAMES

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from tests.parity.coverage import covered  # noqa: E402 (it needs PyTorch)

LEFT_OUT: dict[str, dict[str, str]] = {
    "Tensor": {
        "cuda": "there is no such device here; tests/test_device.py",
        **dict.fromkeys(
            ("to_sparse_bsc", "to_sparse_bsr", "to_sparse_csc", "to_sparse_csr"),
            "sparse tensors are COO here",
        ),
        "name": "of C++ alone: None for all tensors of Python",
        "pin_memory": "there is nothing to pin",
        **dict.fromkeys(("cdouble", "cfloat", "chalf"), "not among the dtypes of arrays"),
    },
    "rushlight": {
        "channels_last": "changes nothing",
        "channels_last_3d": "changes nothing",
        "default_generator": "PyTorch's random numbers are others; tests/core/test_random.py",
        "sparse_coo": "names the layout, as texts of sparse tensors do",
        "GradScaler": "test_autocast_parity.py",
        "BFloat16Tensor": "a name of a type; test_old_forms_parity.py",
        **dict.fromkeys(
            ("get_autocast_cpu_dtype", "is_autocast_cpu_enabled"), "another's older name for the CPU"
        ),
        "imag": "PyTorch refuses real numbers, and others are not here",
        "strided": "numbers lie in rows here, whatever an argument says",
        "set_default_device": "there is one device; tests/test_device.py",
        "set_default_tensor_type": "a setting; tests/core",
        "set_num_interop_threads": "a setting without effect",
        "use_deterministic_algorithms": "a setting without effect: all of them are",
    },
    "rushlight.autograd": {"set_detect_anomaly": "a switch for all that follows; detect_anomaly is compared"},
    "rushlight.distributions": {
        "register_kl": "enters a divergence into a table; tests/distributions",
    },
    "rushlight.fft": dict.fromkeys(rl.fft.NAMES.split(), "a name only: there are no complex tensors"),
    "rushlight.linalg": {"LinAlgError": "an exception; test_errors_parity.py"},
    "rushlight.sparse": dict.fromkeys(
        (
            "BFloat16Tensor",
            "ByteTensor",
            "CharTensor",
            "DoubleTensor",
            "HalfTensor",
            "IntTensor",
            "LongTensor",
            "ShortTensor",
        ),
        "a name of types",
    ),
    "rushlight.nn": {
        "RNNBase": "the base of RNN, GRU and LSTM, which are compared",
        "RNNCellBase": "the base of RNNCell, GRUCell and LSTMCell, which are compared",
    },
}
"""Names that are not compared, and why."""


HERE = [name for name in NAMES if name == "Tensor" or importlib.util.find_spec(name)]


def shared(place: str) -> dict[str, Any]:
    """The names that both have, without those that a file uses for itself: modules and TYPE_CHECKING."""
    ours = rl.Tensor if place == "Tensor" else importlib.import_module(place)
    found = {name: getattr(ours, name) for name in NAMES[place].split() if hasattr(ours, name)}
    return {k: v for k, v in found.items() if not isinstance(v, (types.ModuleType, bool))}


@cache
def compared() -> set[int]:
    """The functions and classes themselves that are compared, under whichever of their names."""
    values = [(place, name, value) for place in HERE for name, value in shared(place).items()]
    return {id(v) for place, name, v in values if callable(v) and (place, name) in covered()}


@pytest.mark.parametrize("place", HERE)
def test_every_name_is_compared(place: str) -> None:
    names, left_out = shared(place), LEFT_OUT.get(place, {})
    uncovered = {name for name in names if (place, name) not in covered()}
    missing = [name for name in uncovered if name not in left_out and id(names[name]) not in compared()]
    assert not missing, f"{place}: enter {sorted(missing)} into tests/samples, or a table of tests/parity"
    assert set(left_out) <= uncovered, f"{place}: LEFT_OUT names what is compared, or is not here"
