"""What packages written for PyTorch import and call beside its documented names."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.port import check, rewrite
from rushlight.utils import _pytree

IMPORTS = {
    "nn.modules.utils": "_single _pair _triple _quadruple _ntuple _reverse_repeat_tuple _list_with_default",
    "nn.modules.conv": "_ConvNd _ConvTransposeNd Conv2d",
    "nn.modules.batchnorm": "_BatchNorm _NormBase BatchNorm1d SyncBatchNorm",
    "nn.modules.instancenorm": "_InstanceNorm",
    "nn.modules.pooling": "_MaxPoolNd _AvgPoolNd _AdaptiveAvgPoolNd _AdaptiveMaxPoolNd _LPPoolNd",
    "nn.modules.dropout": "_DropoutNd",
    "nn.modules.loss": "_Loss _WeightedLoss",
    "nn.modules.module": "_addindent Module",
    "nn._reduction": "get_enum legacy_get_string legacy_get_enum",
    "nn.init": "_calculate_fan_in_and_fan_out _calculate_correct_fan",
    "nn.attention": "SDPBackend sdpa_kernel",
    "nn.parallel.scatter_gather": "scatter gather",
    "optim.optimizer": "Optimizer required",
    "optim.lr_scheduler": "_LRScheduler",
    "utils.hooks": "RemovableHandle",
    "utils.model_zoo": "load_url",
    "utils.checkpoint": "get_device_states set_device_states",
    "utils._pytree": "tree_flatten tree_unflatten tree_map tree_leaves tree_map_only",
    "distributed": "is_initialized all_reduce ReduceOp ProcessGroup group",
    "distributed.nn": "all_reduce",
    "distributions.utils": "_standard_normal _sum_rightmost",
    "serialization": "MAP_LOCATION",
    "futures": "Future",
    "fx": "wrap",
    "fft": "rfft irfftn",
    "compiler": "is_compiling disable",
    "jit": "Final annotate script_if_tracing",
    "random": "fork_rng",
    "_C": "_log_api_usage_once",
}


@pytest.mark.parametrize("path", IMPORTS)
def test_imports(path: str) -> None:
    module = importlib.import_module(f"rushlight.{path}")
    for name in IMPORTS[path].split():
        assert getattr(module, name) is not None


def test_layers_are_of_the_shared_classes() -> None:
    from rushlight.nn.modules.batchnorm import _BatchNorm
    from rushlight.nn.modules.conv import _ConvNd
    from rushlight.nn.modules.loss import _Loss

    assert isinstance(nn.Conv1d(1, 1, 1), _ConvNd)
    assert isinstance(nn.ConvTranspose2d(1, 1, 1), _ConvNd)
    assert isinstance(nn.BatchNorm3d(1), _BatchNorm)
    assert isinstance(nn.CrossEntropyLoss(), _Loss)
    assert not isinstance(nn.Linear(1, 1), rl.jit.ScriptModule)


def test_lists_and_dicts_of_modules_hold_none() -> None:
    layers = nn.ModuleList([nn.Linear(2, 3), None, nn.Linear(3, 1)])
    assert len(layers) == 3
    assert layers[1] is None
    assert list(layers.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert [name for name, _ in layers.named_children()] == ["0", "2"]
    assert "(1): None" in repr(layers)
    del layers[1]
    assert len(layers) == 2
    assert isinstance(nn.ModuleDict({"a": None, "b": nn.ReLU()})["b"], nn.ReLU)
    with pytest.raises(rl.errors.DTypeError):
        nn.Sequential(nn.ReLU(), None)  # type: ignore[arg-type]


def test_what_is_written_into_a_modules_dicts_is_the_modules() -> None:
    layer = nn.Linear(2, 1)
    before = layer.weight
    layer._parameters["weight"] = 2 * before
    assert layer.weight.grad_fn is not None
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"] or set(
        dict(layer.named_parameters())
    ) == {"weight", "bias"}
    layer(rl.ones(1, 2)).sum().backward()
    assert before.grad is not None
    layer._parameters = {"weight": before, "bias": None}
    assert layer.bias is None
    assert layer.weight is before
    layer._buffers["seen"] = rl.zeros(1)
    assert "seen" in layer.state_dict()
    layer._modules["inner"] = nn.ReLU()
    assert layer._modules.pop("inner") is not None
    assert not hasattr(layer, "inner")


def test_one_process() -> None:
    with pytest.raises(ValueError, match="is_initialized"):
        rl.distributed.get_rank()
    rl.distributed.init_process_group("gloo")
    assert rl.distributed.get_world_size() == 1
    rl.distributed.destroy_process_group()


def test_weights_from_the_net(tmp_path: Path) -> None:
    rl.save({"w": rl.ones(2)}, tmp_path / "there.pt")
    url = (tmp_path / "there.pt").as_uri()
    found = rl.hub.load_state_dict_from_url(url, model_dir=tmp_path / "here")
    assert found["w"].tolist() == [1, 1]
    assert (tmp_path / "here" / "there.pt").exists()
    with pytest.raises(rl.errors.DataError, match="SHA-256"):
        rl.hub.download_url_to_file(url, tmp_path / "x", hash_prefix="0" * 64)
    assert not (tmp_path / "x").exists()


def test_futures() -> None:
    first, second = rl.futures.Future(), rl.futures.Future()
    wrong = first.then(lambda f: 1 / (f.value() - 1))
    together = rl.futures.collect_all([first, second])
    first.set_result(1)
    assert not together.done()
    second.set_result(2)
    assert [f.value() for f in together.wait()] == [1, 2]
    with pytest.raises(ZeroDivisionError):
        wrong.wait()


def test_an_optimizers_state_under_a_name() -> None:
    parameter = nn.Parameter(rl.ones(2))
    optimizer = rl.optim.SGD([parameter], lr=0.1)
    optimizer.state["k"] = rl.tensor([3])
    saved = optimizer.state_dict()
    other = rl.optim.SGD([nn.Parameter(rl.ones(2))], lr=0.1)
    other.load_state_dict(saved)
    assert other.state["k"].tolist() == [3]


def test_fft_is_named_and_refused() -> None:
    with pytest.raises(rl.errors.NotSupportedError, match="real tensors"):
        rl.fft.rfft(rl.ones(4))
    assert [f.name for f in check("from torch.fft import rfft")] == ["torch.fft.rfft"]


def test_compiling_is_known() -> None:
    compiled = rl.compile(lambda x: x * 2 if rl.compiler.is_compiling() else x * 3)
    assert compiled(rl.ones(1)).item() == 2
    assert not rl.compiler.is_compiling()


def test_nests_with_leaves_of_ones_own() -> None:
    leaves, form = _pytree.tree_flatten({"a": (1, [2]), "b": 3}, is_leaf=lambda x: isinstance(x, tuple))
    assert leaves == [(1, [2]), 3]
    assert _pytree.tree_unflatten(leaves, form) == {"a": (1, [2]), "b": 3}
    assert _pytree.tree_map_only(int, lambda n: -n, [1, "a"]) == [-1, "a"]
    with pytest.raises(rl.errors.ArgumentError):
        _pytree.tree_unflatten([1], form)


STAND_IN = """
from rushlight.port import stand_in
stand_in()
import torch, torch.nn as nn, torch.nn.functional as F, rushlight
from torch.utils.data import DataLoader
from torch.nn.modules.utils import _pair
from torch import optim
import torchvision.transforms as transforms
assert nn is rushlight.nn is torch.nn and torch.Tensor is rushlight.Tensor and _pair(1) == (1, 1)
assert DataLoader is rushlight.data.DataLoader and torch.__version__ >= "2" and rushlight.__version__ < "2"
try:
    import torch.export
except ModuleNotFoundError as error:
    assert "torch.export" in str(error)
else:
    raise AssertionError
"""


def test_packages_as_they_are() -> None:
    subprocess.run([sys.executable, "-c", STAND_IN], check=True)


def test_einops() -> None:
    assert rewrite("from einops.layers.torch import Reduce") == "from rushlight.interop.einops import Reduce"
    assert rewrite("import einops.layers.torch") == "import einops.layers.torch"
    einops = pytest.importorskip("einops")
    layers = importlib.import_module("rushlight.interop.einops")
    x = rl.rand(2, 3, 4)
    a = x.numpy()
    for pattern, sizes in {"a b c -> c (a b)": {}, "a (b k) c -> a b c k": {"k": 3}}.items():
        np.testing.assert_array_equal(
            einops.rearrange(x, pattern, **sizes), einops.rearrange(a, pattern, **sizes)
        )
    for how in ("min", "max", "sum", "mean", "prod"):
        np.testing.assert_allclose(
            einops.reduce(x, "a b c -> b", how), einops.reduce(a, "a b c -> b", how), rtol=1e-5
        )
    np.testing.assert_array_equal(
        einops.repeat(x, "a b c -> a k b c", k=2), einops.repeat(a, "a b c -> a k b c", k=2)
    )
    net = nn.Sequential(
        layers.Rearrange("a b c -> a (b c)"), nn.Linear(12, 2), layers.Reduce("a b -> b", "mean")
    )
    assert net(x).shape == (2,)
    assert layers.EinMix("a b c -> a b d", weight_shape="c d", bias_shape="d", c=4, d=5)(x).shape == (2, 3, 5)
