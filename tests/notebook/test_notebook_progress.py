"""Live curves: one output of a cell, drawn again now and then."""

from __future__ import annotations

import sys
import types

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.train import PlainProgress, make_progress
from rushlight.train import notebook_progress as module
from rushlight.train.notebook_progress import NotebookProgress


class Place:
    def __init__(self):
        self.pages = []

    def update(self, page):
        self.pages.append(page)


@pytest.fixture
def place(monkeypatch):
    """A stand-in for IPython within a kernel; gives what is displayed."""
    found = Place()

    def display(page, display_id):
        assert display_id is True
        found.update(page)
        return found

    shell = types.SimpleNamespace(kernel=object())
    IPython = types.SimpleNamespace(get_ipython=lambda: shell, display=types.SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", IPython)
    return found


def fit(epochs=4, **options):
    rl.manual_seed(0)
    trainer = rl.train.Trainer(nn.Linear(2, 1), "sgd", "mse", lr=0.01, compile=False, **options)
    x = rl.randn(40, 2)
    return trainer.fit((x, x.sum(1, keepdim=True)), epochs, validation=(x, x[:, :1]), batch_size=10)


def test_one_place_is_drawn_again(place, monkeypatch, capsys):
    monkeypatch.setattr(module, "INTERVAL", 0.0)
    monkeypatch.setattr(NotebookProgress, "interval", 0.0)
    history = fit()
    pages = [page._repr_html_() for page in place.pages]
    assert len(pages) > 8
    assert "<progress" in pages[0]
    assert "svg" not in pages[0]
    assert any("svg" in html and "<progress" in html for html in pages[1:-1])
    assert "<progress" not in pages[-1]
    assert pages[-1].count("polyline") == 2
    assert f"{history['train_loss'][-1]:.4g}" in pages[-1]
    assert "epoch 4/4" in repr(place.pages[-1])
    assert capsys.readouterr().out == ""


def test_it_is_not_drawn_more_often_than_the_interval(place):
    fit(200)
    assert len(place.pages) < 30
    assert "epoch 200" in place.pages[-1]._repr_html_()


def test_what_breaks_off_shows_where(place):
    def broken(output, target):
        raise KeyError("no")

    with pytest.raises(KeyError):
        fit(metrics=[broken])
    assert "<progress" not in place.pages[-1].html


def test_a_sweep_is_shown_too(place, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 0.0)

    def build(lr):
        return rl.train.Trainer(nn.Linear(1, 1), "sgd", "mse", lr=lr)

    x = rl.linspace(-1, 1, 8).reshape(8, 1)
    rl.sweep(build, rl.grid(lr=[0.1, 0.2]), (x, x), epochs=20, compile=False)
    assert "2 models" in place.pages[-1].text
    assert "svg" in place.pages[-1].html


def test_elsewhere_it_is_as_before(monkeypatch):
    for shell in (None, types.SimpleNamespace()):  # no shell, and one on a terminal, which has no kernel
        monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda s=shell: s))
        assert type(make_progress(None)) is PlainProgress
    monkeypatch.delitem(sys.modules, "IPython")
    assert type(make_progress(None)) is PlainProgress
    assert "IPython" not in sys.modules
