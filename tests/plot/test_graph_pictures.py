"""The drawing of the graph: what is in it, who carries a gradient, and that nothing overlaps."""

from __future__ import annotations

import os
import stat

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import rushlight as rl
from rushlight import plot
from rushlight.errors import ArgumentError, DTypeError, GradError, NotSupportedError
from rushlight.plot import style


def disk_loss():
    layers = []
    for width, following in ((2, 25), (25, 25), (25, 25), (25, 1)):
        layers += [rl.nn.Linear(width, following), rl.nn.Tanh()]
    net = rl.nn.Sequential(*layers)
    loss = rl.nn.functional.mse_loss(net(rl.randn(10, 2)), rl.zeros(10, 1))
    return loss, net


def colours(figure):
    """Text of each box, to its colour."""
    ax = figure.axes[0]
    boxes = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    return {text.get_text(): to_hex(box.get_facecolor()) for box, text in zip(boxes, ax.texts, strict=True)}


def of_kind(figure, kind):
    return sorted(
        name for name, colour in colours(figure).items() if colour == style.GRAPH_COLOURS[kind].lower()
    )


def test_who_carries_a_gradient():
    w, b = rl.nn.Parameter(rl.ones(3)), rl.ones(3, requires_grad=True)
    x = rl.full((2, 3), 2.0)
    figure = plot.graph(((x * w).tanh() + b).sum(), params=[("w", w)], title="small")
    assert of_kind(figure, "parameter") == ["w\n3"]
    assert of_kind(figure, "leaf") == ["leaf\n3"]
    assert of_kind(figure, "op") == ["add\n2 × 3", "mul\n2 × 3", "tanh\n2 × 3"]
    assert of_kind(figure, "constant") == ["data\n2 × 3"]
    assert of_kind(figure, "result") == ["sum\nscalar"]
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == [
        "parameter: receives .grad",
        "other leaf: receives .grad",
        "operation: passes the gradient on",
        "result: backward starts here",
        "carries no gradient",
    ]


def test_tensor_used_twice_is_one_box():
    w = rl.ones(3, requires_grad=True)
    figure = plot.graph((w * w).sum(), params={"w": w})
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    assert len(colours(figure)) == 3
    assert len(arrows) == 3


def test_all_parameters_of_a_model_are_named():
    loss, net = disk_loss()
    figure = plot.graph(loss, params=net)
    named = [name.split("\n")[0] for name in of_kind(figure, "parameter")]
    assert named == sorted(name for name, _ in net.named_parameters())


def test_drawing_leaves_the_graph_usable():
    loss, net = disk_loss()
    plot.graph(loss, params=net)
    loss.backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_no_boxes_overlap_and_all_text_is_inside_its_box():
    loss, net = disk_loss()
    figure = plot.graph(loss, params=net)
    renderer = figure.canvas.get_renderer()
    ax = figure.axes[0]
    boxes = [p.get_window_extent(renderer) for p in ax.patches if isinstance(p, FancyBboxPatch)]
    texts = [text.get_window_extent(renderer) for text in ax.texts]
    whole = figure.bbox
    for place, (box, text) in enumerate(zip(boxes, texts, strict=True)):
        assert box.x0 <= text.x0 <= text.x1 <= box.x1
        assert box.y0 <= text.y0 <= text.y1 <= box.y1
        assert whole.x0 <= box.x0 <= box.x1 <= whole.x1
        assert not any(box.overlaps(other) for other in boxes[:place])
    legend = ax.get_legend().get_window_extent(renderer)
    assert not any(legend.overlaps(box) for box in boxes)


@pytest.mark.parametrize("name", ["graph.png", "graph.svg"])
def test_file_without_graphviz(tmp_path, name):
    loss, net = disk_loss()
    assert plot.graph(loss, tmp_path / name, net, engine="matplotlib") is not None
    assert (tmp_path / name).stat().st_size > 1000


def stand_in_for_dot(folder, monkeypatch, script):
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.mark.skipif(os.name != "posix", reason="the stand-in is a shell script")
def test_graphviz_draws_where_it_is_installed(tmp_path, monkeypatch):
    stand_in_for_dot(tmp_path, monkeypatch, 'echo "$@"; cat')
    w = rl.ones(3, requires_grad=True)
    assert plot.graph((w * w).sum(), tmp_path / "graph.svg", {"w": w}) is None
    written = (tmp_path / "graph.svg").read_text()
    assert written.startswith("-Tsvg\ndigraph backward {")


@pytest.mark.skipif(os.name != "posix", reason="the stand-in is a shell script")
def test_graphviz_that_fails_is_replaced_unless_insisted_on(tmp_path, monkeypatch):
    stand_in_for_dot(tmp_path, monkeypatch, "cat > /dev/null; echo broken >&2; exit 1")
    w = rl.ones(3, requires_grad=True)
    assert plot.graph((w * w).sum(), tmp_path / "graph.png") is not None
    with pytest.raises(NotSupportedError, match="broken"):
        plot.graph((w * w).sum(), tmp_path / "other.png", engine="dot")
    assert not (tmp_path / "other.png").exists()


def test_dot_text():
    w = rl.ones(3, requires_grad=True)
    text = plot.graph_dot((w * w).sum(), {'the "w"': w}, title="a < b")
    assert text.count("->") == 3
    assert r'label="the \"w\"\n3"' in text
    assert "a &lt; b" in text
    assert text.count("{") == text.count("}") == 1


def used_up():
    w = rl.ones(3, requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    return loss


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: plot.graph(np.ones(3)), DTypeError, "a Tensor"),
        (lambda: plot.graph(rl.ones(3)), GradError, "without a graph"),
        (lambda: plot.graph(used_up()), GradError, "before backward"),
        (lambda: plot.graph(disk_loss()[0], max_nodes=5), ArgumentError, "max_nodes"),
        (lambda: plot.graph(disk_loss()[0], params=[1, 2]), ArgumentError, "pairs"),
        (lambda: plot.graph(disk_loss()[0], engine="neato"), ArgumentError, "'matplotlib'"),
        (lambda: plot.graph(disk_loss()[0], engine="dot"), ArgumentError, "path"),
        (lambda: plot.graph(disk_loss()[0], "graph.gif"), ArgumentError, ".svg"),
    ],
)
def test_refusals(call, error, says):
    with pytest.raises(error) as caught:
        call()
    assert says in str(caught.value)
