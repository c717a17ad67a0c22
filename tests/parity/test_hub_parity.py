"""Folders as huggingface_hub writes and reads them for PyTorch's modules, both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import rushlight as rl

hub = pytest.importorskip("huggingface_hub")


def net(library: Any, mixin: Any) -> Any:
    """The same class for either library."""

    class Net(library.nn.Module, mixin, tags=["test"]):  # type: ignore[misc]
        def __init__(self, width: int, *, names: Any = None) -> None:
            super().__init__()
            self.first = library.nn.Linear(3, width)
            self.norm = library.nn.BatchNorm1d(width)
            self.last = library.nn.Linear(width, 3)
            self.again = library.nn.Linear(3, width)
            self.again.weight = self.first.weight

        def forward(self, x: Any) -> Any:
            return self.again(self.last(self.norm(self.first(x)).relu()))

    return Net


OURS, THEIRS = net(rl, rl.hub.ModelHubMixin), net(torch, hub.PyTorchModelHubMixin)


def check(ours: Any, theirs: Any) -> None:
    x = rl.rand(5, 3)
    expected = theirs(torch.from_numpy(x.numpy())).detach().numpy()
    assert abs(ours(x).detach().numpy() - expected).max() < 1e-6


def test_theirs_is_read(tmp_path: Path) -> None:
    theirs = THEIRS(4, names=["a"]).eval()
    theirs.save_pretrained(tmp_path)
    check(OURS.from_pretrained(tmp_path), theirs)
    (tmp_path / "parts").mkdir()
    hub.save_torch_model(theirs, tmp_path / "parts", max_shard_size=50)
    assert (tmp_path / "parts" / "model.safetensors.index.json").exists()
    check(OURS.from_pretrained(tmp_path / "parts", width=4, strict=True), theirs)


def test_ours_is_read(tmp_path: Path) -> None:
    ours = OURS(4, names=["a"]).eval()
    ours.save_pretrained(tmp_path)
    check(ours, THEIRS.from_pretrained(tmp_path))
    assert set(hub.ModelCard.load(tmp_path / "README.md").data.tags) == {"test", "model_hub_mixin"}
    ours.save_pretrained(tmp_path, max_shard_size=50)
    theirs = THEIRS(4).eval()
    assert not (tmp_path / "model.safetensors").exists()
    hub.load_torch_model(theirs, tmp_path)
    check(ours, theirs)


def test_the_same_configuration(tmp_path: Path) -> None:
    for made, folder in ((OURS, tmp_path / "ours"), (THEIRS, tmp_path / "theirs")):
        made(4, names={"b": 1, "a": [None, 2.5]}).save_pretrained(folder)
    assert (tmp_path / "ours" / "config.json").read_text().strip() == (
        tmp_path / "theirs" / "config.json"
    ).read_text().strip()


def test_half_precision(tmp_path: Path) -> None:
    theirs = THEIRS(4).eval().bfloat16()
    theirs.save_pretrained(tmp_path)
    ours = OURS.from_pretrained(tmp_path)
    assert ours.first.weight.dtype == rl.float32
    assert ours.first.weight.tolist() == theirs.first.weight.float().tolist()
