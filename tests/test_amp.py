"""Mixed precision, and the dtypes of PyTorch's that no tensor has: they work, or one line says what to do."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


def test_bfloat16_may_be_named() -> None:
    chosen = {"float32": rl.float32, "bfloat16": rl.bfloat16, "float16": rl.float16}
    assert repr(chosen["bfloat16"]) == "dtype('bfloat16')"
    assert rl.ones(1).dtype != rl.bfloat16
    assert rl.ones(1).dtype not in (rl.bfloat16, rl.float16)
    assert pickle.loads(pickle.dumps(rl.bfloat16)) is rl.bfloat16


def test_there_is_no_cuda_to_compute_on() -> None:
    with pytest.warns(UserWarning, match="no 'cuda' here"), rl.cuda.amp.autocast(dtype=rl.bfloat16):
        assert (rl.ones(2, 2) @ rl.ones(2, 2)).dtype == rl.float32
    with pytest.warns(UserWarning, match="no 'cuda' here"):
        assert not rl.cuda.amp.GradScaler().is_enabled()
    assert not rl.is_autocast_enabled()


def test_without_its_library_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rl.bfloat16, "_stored", None)
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    assert rl.ones(1).dtype != rl.bfloat16
    assert rl.finfo(rl.float32).bits == 32
    uses: list[Callable[[], Any]] = [
        lambda: rl.ones(2).to(rl.bfloat16),
        lambda: rl.zeros(2, dtype=rl.bfloat16),
        lambda: rl.ones(2).to("bfloat16"),
        lambda: rl.ones(2).bfloat16(),
        lambda: rl.BFloat16Tensor(2),
        lambda: nn.Linear(2, 2).bfloat16(),
        lambda: rl.autocast("cpu").__enter__(),
    ]
    for use in uses:
        with pytest.raises(
            rl.errors.NotSupportedError, match=r"needs ml_dtypes: pip install .rushlight\[bfloat16\]"
        ) as caught:
            use()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: rl.amp.GradScaler(enabled=False),
        lambda: rl.GradScaler("cpu", enabled=True),
        lambda: rl.GradScaler("cpu", init_scale=1024.0),
    ],
)
def test_a_training_step_with_a_scaler(make: Callable[[], Any]) -> None:
    scaler, steps = make(), []
    for scaled in (True, False):
        rl.manual_seed(0)
        model = nn.Linear(2, 1)
        optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
        loss = model(rl.ones(3, 2)).square().mean()
        (scaler.scale(loss) if scaled else loss).backward()
        if scaled:
            scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
            scaler.load_state_dict(scaler.state_dict())
        else:
            optimizer.step()
        steps.append(model.weight.tolist())
    assert steps[0] == steps[1]


def test_the_decorators_of_functions() -> None:
    class Double(rl.autograd.Function):
        @staticmethod
        @rl.cuda.amp.custom_fwd(cast_inputs=rl.float32)
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        @rl.cuda.amp.custom_bwd
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    x = rl.ones(2, requires_grad=True)
    Double.apply(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]


NEAREST: dict[str, tuple[Callable[[], Any], str]] = {
    "complex64": (lambda: rl.complex64, "no complex tensors"),
    "cfloat": (lambda: rl.cfloat, "no complex tensors"),
    "cfloat()": (lambda: rl.ones(2).cfloat(), "no complex tensors"),
    "to(complex)": (lambda: rl.ones(2).to(complex), "no complex tensors"),
    "complex data": (lambda: rl.tensor([1j]), "no complex tensors"),
    "a complex array": (lambda: rl.from_numpy(np.array([1j])), "no complex tensors"),
    "times a complex number": (lambda: rl.ones(2) * 1j, "no complex tensors"),
    "view_as_complex": (lambda: rl.view_as_complex(rl.ones(2)), "no complex tensors"),
    "fft": (lambda: rl.fft.fft(rl.ones(2)), "numpy.fft"),
    "stft": (lambda: rl.stft(rl.ones(8), 4), "numpy.fft"),
}


@pytest.mark.parametrize("name", NEAREST)
def test_one_line_names_the_nearest_thing(name: str) -> None:
    function, words = NEAREST[name]
    with pytest.raises((rl.errors.RushlightError, AttributeError)) as caught:
        function()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
