"""Devices: there is one, and programs that choose theirs as PyTorch programs do run unchanged."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError


def test_the_usual_lines_of_a_pytorch_program() -> None:
    device = rl.device(
        "cuda" if rl.cuda.is_available() else "mps" if rl.backends.mps.is_available() else "cpu"
    )
    model = nn.Linear(2, 2).double().to(device)
    assert model.weight.dtype == rl.float64
    x = rl.rand(3, 2, device=device, dtype=rl.float64).to(device, non_blocking=True)
    assert x.dtype == rl.float64
    assert model(x).device == device
    assert x.to(device, rl.float32).dtype == rl.float32
    with device:
        assert rl.zeros(1).device == "cpu"
    rl.cuda.manual_seed_all(0)
    rl.backends.cudnn.deterministic = True
    assert not rl.accelerator.is_available()
    assert rl.cuda.device_count() == 0


def test_model_to_a_device_touches_nothing() -> None:
    model = nn.Linear(2, 2)
    loss = model(rl.ones(1, 2)).sum()
    arrays = [p.array for p in model.parameters()]
    assert model.to("cpu") is model
    assert all(p.array is a for p, a in zip(model.parameters(), arrays, strict=True))
    loss.backward()  # would refuse if the weights counted as overwritten


def test_text_and_equality() -> None:
    cpu, first = rl.device("cpu"), rl.device("cpu:0")
    assert (repr(cpu), repr(first), str(cpu), f"{first}") == (
        "device(type='cpu')",
        "device(type='cpu', index=0)",
        "cpu",
        "cpu:0",
    )
    assert cpu == "cpu" == rl.ones(1).device
    assert cpu == rl.device(cpu)
    assert cpu != first == rl.device("cpu", 0)
    assert cpu != 3
    assert (cpu.type, cpu.index, first.index) == ("cpu", None, 0)
    assert {cpu: 1}["cpu"] == 1  # type: ignore[index]
    assert pickle.loads(pickle.dumps(first)) == copy.deepcopy(first) == first


@pytest.mark.parametrize(
    "make",
    [rl.zeros, rl.ones, rl.empty, rl.rand, rl.randn, rl.arange, rl.eye, rl.randperm, rl.tensor, rl.as_tensor],
)
def test_every_maker_takes_a_device(make: Any) -> None:
    assert make(2, device=rl.device("cpu")).device == "cpu"
    assert make(2, device="cpu:0").device == "cpu"
    with pytest.raises(NotSupportedError, match="CPU only"):
        make(2, device="cuda")


REFUSED = {
    "a context": (lambda: rl.device("cuda:1").__enter__(), NotSupportedError, "CPU only"),
    "a gpu's name": (lambda: rl.cuda.get_device_name(0), NotSupportedError, "CPU only"),
    "a number that is none": (lambda: rl.device("cuda:x"), ArgumentError, "cuda:x"),
    "a place that is none": (lambda: rl.device("attic"), ArgumentError, "attic"),
    "a second cpu": (lambda: rl.device("cpu:1"), ArgumentError, "cpu:1"),
    "a number": (lambda: rl.device(0), DTypeError, "int"),  # type: ignore[arg-type]
    "tensor.to": (lambda: rl.ones(1).to("cuda"), NotSupportedError, "CPU only"),
    "module.to": (lambda: nn.Linear(1, 1).to("mps"), NotSupportedError, "CPU only"),
    "module.to integers": (lambda: nn.Linear(1, 1).to(rl.int64), DTypeError, "floating"),
    "Linear": (lambda: nn.Linear(1, 1, device="cuda"), NotSupportedError, "CPU only"),
    "PReLU": (lambda: nn.PReLU(device="cuda"), NotSupportedError, "CPU only"),
    "tril_indices": (lambda: rl.tril_indices(2, 2, device="cuda"), NotSupportedError, "CPU only"),
    "Generator": (lambda: rl.Generator("cuda"), NotSupportedError, "CPU only"),
    "a function of cuda": (lambda: rl.cuda.Stream(), AttributeError, "CPU only"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    call, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        call()
