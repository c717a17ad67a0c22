"""SummaryWriter hands numbers on to tensorboardX, or says how to install it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import NotSupportedError
from rushlight.utils.tensorboard import SummaryWriter


class Fake:
    """Notes how it is called."""

    def __init__(self, logdir: Any, **options: Any) -> None:
        self.logdir, self.options = logdir, options
        self.calls: list[Any] = []

    def add_scalar(self, *args: Any, **kwargs: Any) -> None:
        self.calls.append((args, kwargs))

    add_hparams = add_histogram = add_scalar

    def flush(self) -> None:
        self.calls.append("flush")

    def close(self) -> None:
        self.calls.append("close")


def test_tensors_become_numbers_and_arrays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = ModuleType("tensorboardX")
    package.SummaryWriter = Fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorboardX", package)
    with SummaryWriter(tmp_path, comment="x") as writer:
        writer.add_scalar("loss", rl.tensor(0.5, requires_grad=True), 3)
        writer.add_histogram("w", rl.ones(2, requires_grad=True), global_step=1)
        writer.add_hparams({"lr": 0.1}, {"loss": rl.tensor(2.0)})
        fake = writer._writer
    assert writer.log_dir == writer.get_logdir() == str(tmp_path)
    assert fake.options["comment"] == "x"
    scalar, histogram, hparams, end = fake.calls
    assert scalar == (("loss", 0.5, 3), {})
    assert type(histogram[0][1]) is np.ndarray
    assert hparams[0][1] == {"loss": 2.0}
    assert end == "close"
    with pytest.raises(NotSupportedError, match="add_graph"):
        writer.add_graph(None)
    with pytest.raises(AttributeError, match="add_scalar"):
        writer.add_scaler("loss", 1)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(NotSupportedError, match="pip install tensorboardX"):
        rl.utils.tensorboard.SummaryWriter()


def test_real_files(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", rl.tensor(0.5), 3)
        writer.add_histogram("weights", rl.rand(100), 1)
        writer.add_image("picture", rl.rand(3, 8, 8), 1)
        writer.add_text("note", "a light", 1)
    (file,) = tmp_path.iterdir()
    data = file.read_bytes()
    assert all(word in data for word in (b"loss", b"weights", b"picture", b"a light"))
