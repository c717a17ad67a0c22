"""PyTorch's own sample inputs (its ModuleInfo records) through every layer that exists here.

For each sample both layers get the same weights by way of `state_dict`, which must fit in both directions.
Results, gradients, buffers afterwards and the text of the layers are compared, in training and not.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import NotSupportedError
from tests.parity import test_opinfo_parity as opinfo

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db

DTYPES = (torch.float32, torch.float64)

RANDOM = dict.fromkeys(
    (
        "nn.FractionalMaxPool2d", "nn.FractionalMaxPool3d", "nn.Transformer", "nn.TransformerDecoderLayer",
        "nn.TransformerEncoder", "nn.TransformerEncoderLayer",
    ),
    "draws random numbers in training, from another generator",
)  # fmt: skip
"""Layers of which results are compared without training only."""
OPTIONS = {
    "TransformerEncoderLayer": lambda m: {
        "d_model": m.linear1.in_features,
        "nhead": m.self_attn.num_heads,
        "dim_feedforward": m.linear1.out_features,
        "dropout": m.dropout.p,
        "activation": m.activation.__name__,
        "layer_norm_eps": m.norm1.eps,
        "batch_first": m.self_attn.batch_first,
        "norm_first": m.norm_first,
        "bias": m.linear1.bias is not None,
    },
}
"""With which options layers were made that are arguments of others."""
MANY = {"nn.GRU", "nn.LSTM", "nn.MultiheadAttention", "nn.RNN", *(n for n in RANDOM if "Transformer" in n)}
"""Layers of many slow samples: all are run in float64, and each fifth in float32."""
REFUSED: dict[str, str] = {}
"""Layers that refuse some sample with a NotSupportedError, and why."""
LEFT_OUT = {
    "nn.CTCLoss": "PyTorch's gradient is that of the logits beneath log_softmax; compared elsewhere",
    "nn.KLDivLoss": "of negative targets, which have no logarithm, PyTorch's gradient is nan in other places",
    "nn.GaussianNLLLoss": "its sample has a variance that broadcasts along the first axis",
}
"""Layers whose samples are not run, and why."""
SHOWN_OTHERWISE: dict[str, str] = {}
"""Layers whose text differs from PyTorch's, and why."""


MODULES = {
    info.name: info
    for info in module_db
    if info.name not in LEFT_OUT and opinfo.found(rl, info.name) is not None
}


def ours_of(value: Any) -> Any:
    """An argument of a constructor or of forward, for Rushlight."""
    if isinstance(value, torch.nn.Module):
        return twin(value)
    if callable(value) and getattr(torch.nn.functional, getattr(value, "__name__", ""), None) is value:
        return getattr(rl.nn.functional, value.__name__)
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)(ours_of(v) for v in value)
    if isinstance(value, dict):
        return {k: ours_of(v) for k, v in value.items() if not isinstance(v, opinfo.ROWS)}
    return opinfo.ours_of(value)


def twin(module: Any) -> Any:
    """Our layer made like one that is an argument of another; its weights are copied with the other's."""
    kind = type(module).__name__
    made = getattr(rl.nn, kind)(**OPTIONS[kind](module))
    return made.to(str(next(module.parameters()).dtype).removeprefix("torch."))


def samples(info: Any, dtype: Any, training: bool) -> Iterator[Any]:
    torch.default_generator.manual_seed(0)
    if dtype in info.dtypes:
        every = 5 if dtype == torch.float32 and info.name in MANY else 1
        given = info.module_inputs_func(
            info, device="cpu", dtype=dtype, requires_grad=True, training=training
        )
        yield from islice(given, 0, None, every)


def state_of(module: Any) -> dict[str, np.ndarray]:
    return {k: v.detach().numpy().copy() for k, v in module.state_dict().items() if hasattr(v, "numpy")}


def both(info: Any, sample: Any, dtype: Any, training: bool) -> tuple[Any, Any]:
    """Our layer and PyTorch's, with the same weights."""
    made = sample.constructor_input
    theirs = info.module_cls(*made.args, **made.kwargs).to(dtype).train(training)
    ours = opinfo.found(rl, info.name)(*ours_of(made.args), **ours_of(made.kwargs))
    ours = ours.to(opinfo.ours_of(dtype)).train(training)
    return ours, theirs


def outcome(L: Any, module: Any, given: Any, fresh: Any) -> tuple[Any, Any, dict[str, np.ndarray]]:
    """(result, gradients of inputs and parameters, state afterwards)."""
    args, options = fresh(given.args), fresh(given.kwargs)
    leaves = [t for t in opinfo.tensors([args, options]) if t.requires_grad]
    result = module(*args, **options)
    leaves += [p for p in module.parameters() if p.requires_grad]
    return result, opinfo.gradients(L, result, leaves), state_of(module)


def check(info: Any, sample: Any, dtype: Any, training: bool) -> None:
    ours, theirs = both(info, sample, dtype, training)
    given = sample.forward_input
    if info.is_lazy:  # the first call makes the weights
        theirs(*opinfo.theirs_of(given.args))
        ours(*ours_of(given.args))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: rl.from_numpy(v) for k, v in state_of(theirs).items()})
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in state_of(ours).items()})
    if info.name not in SHOWN_OTHERWISE:
        assert repr(ours) == repr(theirs)
    if training and info.name in RANDOM:
        return
    want = outcome(torch, theirs, given, opinfo.theirs_of)
    got = outcome(rl, ours, given, ours_of)
    opinfo.compare(got[0], want[0], 16.0)
    opinfo.compare(got[1], want[1], 64.0)
    for name, value in want[2].items():
        np.testing.assert_allclose(got[2][name], value, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    info, checked, refused = MODULES[name], 0, False
    for dtype in DTYPES:
        for training in (True, False):
            for sample in samples(info, dtype, training):
                what = f"{sample.constructor_input}, {sample.desc or ''} {dtype} training={training}"
                try:
                    check(info, sample, dtype, training)
                except Exception as error:
                    if name in REFUSED and isinstance(error, NotSupportedError):
                        refused = True
                        continue
                    raise AssertionError(f"{what}: {error}") from error
                checked += 1
    assert checked or refused


def test_the_lists_name_what_is_there() -> None:
    known = {info.name for info in module_db}
    assert len(MODULES) > 20
    assert {*RANDOM, *REFUSED, *LEFT_OUT, *SHOWN_OTHERWISE} <= known
