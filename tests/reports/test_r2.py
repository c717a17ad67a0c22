"""R2's building blocks, and its page where PyTorch is not installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight.reports import r2, r2_search, r2_starts, with_pytorch
from rushlight.reports.page import Page


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three epochs in the place of a hundred."""
    for module in (r2, r2_search):
        monkeypatch.setattr(module, "EPOCHS", 3)


def test_the_network_is_r2s() -> None:
    model = r2_search.network(rl.nn)
    assert [tuple(p.shape) for p in model.parameters()] == [
        (25, 2), (25,), (25, 25), (25,), (25, 25), (25,), (2, 25), (2,)
    ]  # fmt: skip
    out = model(rl.randn(7, 2))
    assert bool(((out > 0) & (out < 1)).all())


@pytest.mark.usefixtures("short")
def test_grid_search_has_every_rate_with_every_seed() -> None:
    found = r2_search.grid_search(r2_search.points(), [0.01, 0.04], seeds=2)
    settings = [(run.config["lr"], run.config["seed"]) for run in found]
    assert settings == [(0.01, 0), (0.01, 1), (0.04, 0), (0.04, 1)]
    slow, fast = (found.curves("train_loss", lr=lr) for lr in (0.01, 0.04))
    assert slow.shape == (2, 3)
    assert (fast[:, -1] < slow[:, -1]).all()
    assert not np.array_equal(slow[0], slow[1])


@pytest.mark.usefixtures("short")
def test_an_error_costs_at_least_a_quarter() -> None:
    """What the page holds against R2's pairs of loss and accuracy."""
    found = r2_search.grid_search(r2_search.points(), [0.04], seeds=3)
    error = 1 - found.curves("validation_accuracy")
    assert (error > 0.05).all()
    assert (found.curves("validation_loss") >= error / 4).all()


def test_validation_points_are_others_and_normalised_like_the_training_points() -> None:
    data = r2_search.points()
    seen = {tuple(point) for point in data.train.inputs.tolist()}
    other = data.validation.tensors[0].tolist()
    assert not seen & {tuple(point) for point in other}
    np.testing.assert_allclose(np.mean(other, axis=0), 0, atol=0.1)


def test_xaviers_weights_let_more_of_the_point_through() -> None:
    data = r2_search.points()
    xavier, default = (r2_starts.first_look(data, init, 3) for init in (r2_search.XAVIER, r2_search.DEFAULT))
    assert xavier[0] > 3 * default[0]
    assert xavier[1] > 3 * default[1]


def test_passes_counts_epochs_from_one_and_may_never_happen() -> None:
    runs = np.array([[0.9, 0.5, 0.9], [0.9, 0.5, 0.9]])
    assert r2_starts.passes(runs, 0.8) == 1
    assert r2_starts.passes(runs[:, 1:], 0.8) == 2
    assert r2_starts.passes(runs, 0.95) is None


@pytest.mark.usefixtures("short")
def test_a_course_can_be_run_again() -> None:
    one = r2_search.task(r2_search.points(), 0.04)
    one = with_pytorch.Task(one.network, one.train, one.held_out, 0.04, 3, 10, r2_search.XAVIER)
    first, again = with_pytorch.train_here(one), with_pytorch.train_here(one)
    assert first.loss.shape == first.accuracy.shape == (3,)
    np.testing.assert_array_equal(first.loss, again.loss)
    assert with_pytorch.weights_apart(first, again) == 0


def test_the_eager_loop_takes_the_same_steps() -> None:
    """The loop that is timed is the training that the curves show."""
    task = with_pytorch.Task(
        r2_search.network, *(r2_search.points().train,) * 2, 0.04, 1, 10, r2_search.XAVIER
    )
    model = task.model()
    optimizer = rl.optim.SGD(model.parameters(), lr=task.lr)
    loss = with_pytorch.one_epoch(rl, model, optimizer, list(task.loader()))
    np.testing.assert_allclose(loss, with_pytorch.train_here(task).loss[0], rtol=1e-5)


def test_times_without_pytorch() -> None:
    data = r2_search.points()
    times = with_pytorch.step_times(None, r2_search.task(data, 0.01), rounds=1, epochs=1)
    assert "Rushlight, eager" in times
    assert not any("PyTorch" in name for name in times)
    assert all(seconds > 0 for seconds in times.values())


@pytest.mark.usefixtures("short")
def test_the_page_without_pytorch_shows_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(with_pytorch, "pytorch", lambda: None)
    page = Page("R2", r2.TITLE, tmp_path, say=lambda line: None)
    r2.write(page)
    text = page.write().read_text(encoding="utf-8")
    assert "PyTorch is not installed" in text
    assert "PyTorch, eager" not in text
    assert {picture.address for picture in page.pictures} == {
        f"R2/{name}.png" for name in ("data", "architecture", "grid", "starts")
    }
