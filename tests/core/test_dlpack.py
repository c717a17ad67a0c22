"""DLPack as the array API has it: versions, copies, devices, and who may not take what."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import ArgumentError, DTypeError, GradError


def name_of(capsule) -> str:
    return str(capsule).split('"')[1]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "dltensor"),
        ({"max_version": None}, "dltensor"),
        ({"max_version": (0, 8)}, "dltensor"),
        ({"max_version": (1, 0)}, "dltensor_versioned"),
        ({"max_version": (1, 9)}, "dltensor_versioned"),
        ({"stream": None, "dl_device": (1, 0), "copy": False}, "dltensor"),
        ({"stream": -1, "copy": True, "max_version": (1, 0)}, "dltensor_versioned"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_capsules(options, name, dtype):
    x = rl.ones(3).to(getattr(rl, dtype))
    capsule = x.__dlpack__(**options)
    assert name_of(capsule) == name
    assert rl.from_dlpack(capsule).tolist() == x.tolist()
    assert name_of(capsule) == f"used_{name}"


@pytest.mark.parametrize("copy", [None, False, True])
@pytest.mark.parametrize("device", [None, "cpu"])
def test_who_shares_and_who_copies(copy, device):
    x = rl.arange(4).float()
    array = np.from_dlpack(x, copy=copy, device=device)
    assert np.shares_memory(array, x.array) is (copy is not True)
    for source in (np.arange(4.0), rl.arange(4)):
        taken = rl.from_dlpack(source, copy=copy, device=device)
        assert np.shares_memory(taken.array, np.asarray(source)) is (copy is not True)
        assert taken.tolist() == [0, 1, 2, 3]


class Old:
    """An older form of the protocol: it knows no options."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return (1, 0)


def test_older_libraries():
    array = np.arange(3.0)
    for copy in (None, False, True):
        taken = rl.from_dlpack(Old(array), copy=copy)
        assert np.shares_memory(taken.array, array) is (copy is not True)
        taken[0] = 5.0  # which NumPy's own from_dlpack would refuse of such a capsule
        assert array[0] == (0.0 if copy else 5.0)
        array[0] = 0.0


def test_what_a_library_cannot_share_is_not_copied_in_silence():
    class Copies(Old):
        def __dlpack__(self, *, copy=None, **options):
            if copy is False:
                raise BufferError("only as a copy")
            return self.array.copy().__dlpack__()

    assert rl.from_dlpack(Copies(np.ones(2))).tolist() == [1.0, 1.0]
    with pytest.raises(BufferError, match="only as a copy"):
        rl.from_dlpack(Copies(np.ones(2)), copy=False)


def test_memory_that_may_not_be_written():
    array = np.ones(2)
    array.flags.writeable = False
    with pytest.raises(ArgumentError, match="read-only"):
        rl.from_dlpack(array).add_(1)
    assert rl.from_dlpack(array, copy=True).add_(1).tolist() == [2.0, 2.0]


def test_bfloat16():
    pytest.importorskip("ml_dtypes")
    x = rl.arange(3).to(rl.bfloat16)
    for options in ({}, {"max_version": (1, 0)}, {"copy": True, "max_version": (1, 0)}):
        back = rl.from_dlpack(x.__dlpack__(**options))
        assert back.dtype == rl.bfloat16
        assert back.tolist() == [0.0, 1.0, 2.0]
    assert rl.from_dlpack(x, copy=True).add_(1).tolist() == [1.0, 2.0, 3.0]
    assert x.tolist() == [0.0, 1.0, 2.0]


def test_refusals():
    with pytest.raises(BufferError, match=r"detach\(\)") as caught:
        np.from_dlpack(rl.ones(2, requires_grad=True))
    assert isinstance(caught.value, GradError)
    with pytest.raises(ArgumentError, match="stream=1"):
        rl.ones(2).__dlpack__(stream=1)
    with pytest.raises(BufferError):
        rl.ones(2).__dlpack__(dl_device=(2, 0))
    for odd, says in (([1.0], "a list"), (np.ones(2, complex), "complex128")):
        with pytest.raises(DTypeError, match=says):
            rl.from_dlpack(odd)


def test_functions_of_numpy():
    """There is no `__array_function__`: what NumPy computes of tensors is an array, or what it wraps."""
    x = rl.tensor([3.0, 1.0])
    assert type(np.stack([x, x])) is np.ndarray
    assert type(np.where(x > 1, x, 0)) is np.ndarray
    assert type(np.sin(x)) is type(np.maximum(x, 2.0)) is rl.Tensor
    assert not hasattr(x, "__array_function__")
    learns = rl.ones(2, requires_grad=True)
    for function in (np.sin, np.cumsum, np.stack):
        with pytest.raises(GradError, match=r"detach\(\)"):
            function(learns)
