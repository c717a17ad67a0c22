"""R4's graph and its networks, on a few digits; and its page where MNIST is missing."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import rushlight as rl
from rushlight.data import MNIST, TensorDataset, sources
from rushlight.errors import DataError
from rushlight.reports import r4, r4_graph
from rushlight.reports.page import Page


@pytest.mark.parametrize("loss", [r4_graph.used_once, r4_graph.used_twice])
@pytest.mark.parametrize("at", [-1.3, 0.5])
def test_backward_adds_up_every_use(loss: Any, at: float) -> None:
    assert r4_graph.by_rushlight(loss, at) == pytest.approx(r4_graph.by_difference(loss, at), rel=1e-8)


def test_r4s_walk_is_right_for_leaves_and_wrong_for_results_used_twice() -> None:
    once, twice = r4_graph.used_once, r4_graph.used_twice
    assert r4_graph.by_r4(once, 0.5) == pytest.approx(r4_graph.by_rushlight(once, 0.5))
    assert r4_graph.by_r4(twice, 0.5) > 1.5 * r4_graph.by_rushlight(twice, 0.5)


def test_the_forward_pass_of_the_page_has_the_right_gradients() -> None:
    shapes = [(3, 4), (3,), (2, 3), (2,)]
    weights = [rl.randn(*shape, dtype=rl.float64).requires_grad_() for shape in shapes]
    x = rl.rand(4, dtype=rl.float64)
    assert rl.autograd.gradcheck(lambda *w: r4_graph.affine_loss(x, 1, *w), weights)


SIZES = {"train": 6000, "validation": 500, "test": 500}


@functools.cache
def _some(root: Path, split: Any) -> TensorDataset:
    data, count = MNIST(root, split=split), SIZES[split]
    part = TensorDataset(data.inputs[:count].clone(), data.targets[:count].clone())
    part.inputs, part.targets = part.tensors  # type: ignore[attr-defined]
    part.images = data.images[:count]  # type: ignore[attr-defined]
    return part


@pytest.fixture
def digits(mnist_root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A few digits of each part, trained on for two epochs, without compiling."""
    real = rl.sweep
    monkeypatch.setattr(r4, "EPOCHS", 2)
    monkeypatch.setattr(rl, "sweep", lambda *args, **options: real(*args, **options, compile=False))
    return SimpleNamespace(**{split: _some(mnist_root, split) for split in SIZES})


def test_every_network_learns(digits: Any) -> None:
    found = r4.train(digits, hidden=["none", "relu", "tanh"], momentum=[0.0, 0.9])
    assert len(found) == 6
    for run in found:
        assert run.history["train_loss"][1] < run.history["train_loss"][0]
        assert run.final["validation_accuracy"] > 0.8
    hidden = [layer for layer in found.where(hidden="tanh")[0].model if isinstance(layer, rl.nn.Linear)]
    assert [layer.out_features for layer in hidden] == [100, 100, 10]
    # The effective step is the same with momentum and without.
    rates = {run.config["momentum"]: run.trainer.optimizer.defaults["lr"] for run in found}
    assert rates[0.0] == pytest.approx(10 * rates[0.9])


def test_weights_of_deviation_one_flatten_tanh_and_blow_relu_up(digits: Any) -> None:
    good, flat = (r4.at_the_start(digits, "tanh", init) for init in ("xavier_uniform", "normal"))
    assert good.flat < 0.1
    assert flat.flat > 0.5
    assert flat.first < good.first / 3
    mild, wild = (r4.at_the_start(digits, "relu", init) for init in ("kaiming_uniform", "normal"))
    assert wild.loss > 100 * mild.loss
    lost = r4.train(digits, hidden="relu", momentum=0.0, init="normal")
    assert lost[0].diverged == 1 or lost[0].final["train_loss"] > 1.0


def test_the_whole_page_on_a_few_digits(digits: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(r4, "_digits", lambda page: digits)
    page = Page("R4", r4.TITLE, tmp_path, say=lambda line: None)
    r4.write(page)
    text = page.write().read_text(encoding="utf-8")
    for title in ("R4-a", "R4-b", "What the network gets wrong", "Beside R4's figures"):
        assert title in text
    assert len(page.pictures) == 10


def test_the_page_without_mnist_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")

    def offline(*_: Any, **__: Any) -> None:
        raise DataError("no connection")

    monkeypatch.setattr(sources, "fetch", offline)
    said: list[str] = []
    page = Page("R4", r4.TITLE, tmp_path, data=tmp_path, say=said.append)
    r4.write(page)
    text = page.write().read_text(encoding="utf-8")
    assert "MNIST is missing" in text
    assert "train-images-idx3-ubyte" in text
    assert "R4-a: MNIST" not in text
    assert {picture.address for picture in page.pictures} == {
        f"R4/{name}.png" for name in ("graph", "valley", "used-twice", "first-weights")
    }
    assert any("without MNIST" in line for line in said)
