"""The network drawn from the model: columns, widths, activations."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")

from matplotlib.collections import LineCollection, PatchCollection

import rushlight as rl
from rushlight import plot
from rushlight.errors import ArgumentError


def disk_net():
    return rl.nn.Sequential(
        rl.nn.Linear(2, 25),
        rl.nn.ReLU(),
        rl.nn.Linear(25, 25),
        rl.nn.Tanh(),
        rl.nn.Linear(25, 1),
        rl.nn.Sigmoid(),
    )


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def units(figure):
    return [len(c.get_paths()) for c in figure.axes[0].collections if isinstance(c, PatchCollection)]


def test_columns_are_the_layers():
    figure = plot.architecture(disk_net(), (2,))
    assert words(figure) == [
        *("input", "2"),
        *("Linear", "25", "ReLU"),
        *("Linear", "25", "Tanh"),
        *("Linear", "1", "Sigmoid"),
    ]
    assert units(figure) == [2, 25, 25, 1]
    assert figure.axes[0].get_title() == "2-25-25-1, 751 parameters"
    lines = [len(c.get_segments()) for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    assert lines == [50, 625, 25]


def test_activations_have_colours_of_their_own():
    circles = [
        c for c in plot.architecture(disk_net(), 2).axes[0].collections if isinstance(c, PatchCollection)
    ]
    assert len({tuple(c.get_facecolor()[0]) for c in circles}) == 4


def test_wide_columns_are_shortened_and_pictures_are_blocks():
    net = rl.nn.Sequential(
        rl.nn.Flatten(), rl.nn.Linear(784, 100), rl.nn.ReLU(), rl.nn.Dropout(), rl.nn.Linear(100, 10)
    )
    figure = plot.architecture(net, (1, 28, 28), max_units=13)
    assert words(figure)[:4] == ["input", "1 × 28 × 28", "Flatten", "784"]
    assert "ReLU\nDropout" in words(figure)
    assert units(figure) == [10, 10, 10]


def test_custom_module_is_seen_through():
    class Net(rl.nn.Module):
        def __init__(self):
            super().__init__()
            self.second = rl.nn.Linear(3, 1)
            self.first = rl.nn.Linear(2, 3)
            self.act = rl.nn.Tanh()

        def forward(self, x):
            return self.second(self.act(self.first(x)))

    net = Net()
    assert plot.architecture(net, rl.zeros(4, 2)).axes[0].get_title() == "2-3-1, 13 parameters"
    assert net.training
    assert all(parameter.grad is None for parameter in net.parameters())


def test_hooks_are_removed_when_the_model_fails():
    net = disk_net()
    with pytest.raises(rl.errors.ShapeError):
        plot.architecture(net, 3)
    plot.architecture(net, 2)
    assert net.training


def test_words_do_not_overlap():
    figure = plot.architecture(
        rl.nn.Sequential(rl.nn.Linear(2, 4), rl.nn.LogSoftmax(1), rl.nn.Linear(4, 3)), 2
    )
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in [*figure.axes[0].texts, figure.axes[0].title]]
    for place, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:place])


def test_refusals():
    with pytest.raises(ArgumentError, match="a Module"):
        plot.architecture(lambda x: x, 2)
    with pytest.raises(ArgumentError, match="max_units=2"):
        plot.architecture(disk_net(), 2, max_units=2)
