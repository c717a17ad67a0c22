"""What notebooks show: whole HTML, every text escaped, and nothing dear for large things."""

from __future__ import annotations

import pickle
from html.parser import HTMLParser

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

VOID = {"polyline", "path", "br"}


class Page(HTMLParser):
    """The tags of a page, checked to be closed in order; its cells, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if any(tag in ("td", "th") for tag in self.open):
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def page(thing) -> Page:
    return Page(thing._repr_html_())


def test_a_matrix_is_a_table():
    shown = page(rl.tensor([[1.5, -2.0], [1e-7, 4.0]]))
    assert shown.rows == [["", "0", "1"], ["0", "1.5", "-2"], ["1", "1e-07", "4"]]
    assert shown.texts[0] == "Tensor · shape (2, 2) · float32"


def test_a_vector_is_a_row():
    assert page(rl.tensor([True, False])).rows == [["0", "1"], ["True", "False"]]
    assert page(rl.arange(3)).rows == [["0", "1", "2"]] * 2


def test_precision_is_that_of_printing():
    rl.set_printoptions(precision=2)
    try:
        assert page(rl.tensor([3.14159])).rows[1] == ["3.1"]
    finally:
        rl.set_printoptions(profile="default")


def test_gradients_are_told():
    x = rl.ones(2, requires_grad=True)
    assert "requires grad · no gradient yet" in page(x).text
    assert "grad_fn MulBackward0" in page(x * 2).text
    (x * 2).sum().backward()
    assert "has a gradient" in page(x).text
    assert page(nn.Parameter(x)).text.startswith("Parameter")


@pytest.mark.parametrize(
    "tensor",
    [rl.tensor(3.5), rl.zeros(0, 3), rl.randn(2, 2, 2), rl.eye(2).to_sparse()],
    ids=["0-d", "empty", "3-d", "sparse"],
)
def test_other_tensors_are_printed(tensor):
    shown = page(tensor)
    assert "pre" in shown.seen
    assert repr(tensor) in shown.text
    assert f"shape {tuple(tensor.shape)}" in shown.text


def test_of_a_large_tensor_only_the_edges_are_read():
    large = rl.from_numpy(np.broadcast_to(np.float32(1), (10**6, 10**6)))
    shown = page(large)
    assert len(shown.rows) == 1 + 20 + 1
    assert all(len(row) == 1 + 12 + 1 for row in shown.rows)
    assert shown.rows[-1][0] == "999999"
    assert len(large._repr_html_()) < 50_000
    assert repr(large).count("1") == 36
    assert repr(rl.zeros(1).expand(1 << 40)) == "tensor([0., 0., 0.,  ..., 0., 0., 0.])"


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        self.scale = nn.Parameter(rl.ones(1), requires_grad=False)

    def forward(self, x):
        return self.inner(x) * self.scale

    def extra_repr(self):
        return "<script>alert(1)</script>"


def test_a_module_is_folded_as_it_is_nested():
    shown = page(nn.Sequential(Odd(), nn.Linear(2, 4, bias=False)))
    assert shown.seen.count("details") == 3
    assert "17 parameters (1 frozen)" in shown.text
    linear = next(row for row in shown.rows if row and row[0] == "0" and row[1].startswith("Linear"))
    assert linear[2:] == ["weight (2, 3), bias (2,)", "8", "14"]
    assert "script" not in shown.seen


def test_a_layer_alone_and_a_lazy_one():
    (_, row) = page(nn.Linear(3, 2)).rows
    assert row[2:] == ["weight (2, 3), bias (2,)", "8", "14"]
    assert "not known yet" in page(nn.LazyLinear(2)).text
    assert page(nn.Sequential()).text
    assert "script" not in page(Odd()).seen


def test_many_parts_are_cut():
    shown = page(nn.Sequential(*[nn.ReLU() for _ in range(300)]))
    assert "100 more" in shown.text


def test_a_summary_has_shapes_and_operations():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.Flatten(), nn.Linear(72, 5)))
    shown = page(rl.train.summary(net, (1, 8, 8)))
    assert [row for row in shown.rows if len(row) == 5][1:] == [
        ["0", "Conv2d", "(1, 2, 6, 6)", "20", f"{72 * 19:,}"],
        ["0", "Flatten", "(1, 72)", "0", "0"],
        ["1", "Linear", "(1, 5)", "365", str(5 * 145)],
    ]
    assert "input (1, 1, 8, 8)" in shown.text
    assert "1: Sequential" in " ".join(shown.text.split())


def test_a_history_is_curves_and_a_table():
    rows = [{"epoch": i, "train_loss": 1 / i, "validation_loss": 2 / i, "lr": 0.1} for i in range(1, 31)]
    shown = page(rl.train.History(rows))
    assert shown.seen.count("svg") == 1
    assert shown.seen.count("polyline") == 2
    assert len([row for row in shown.rows if row]) == 22
    assert "no epochs yet" in page(rl.train.History()).text
    one = page(rl.train.History([{"epoch": 1, "train_loss": float("nan")}]))
    assert "svg" not in one.seen


def build(lr, name):
    rl.manual_seed(0)
    return rl.train.Trainer(nn.Linear(1, 1), "sgd", "mse", lr=lr)


def test_a_sweep_marks_its_best_run():
    x = rl.linspace(-1, 1, 8).reshape(8, 1)
    configs = rl.grid(lr=[0.5, 0.01, 1e9], name=["<b>", "&"])
    result = rl.sweep(build, configs, (x, 2 * x), epochs=5, progress=False, compile=False)
    html = result._repr_html_()
    shown = Page(html)
    assert html.count("font-weight:bold") == 1
    assert "best train loss: run 0" in shown.text
    assert shown.rows[1][:3] == ["0", "0.5", "<b>"]
    assert "2 diverged" in shown.text
    assert shown.seen.count("polyline") == 4
    lost = result.where(lr=1e9)
    assert "best" not in page(lost).text


def test_programs():
    pytest.importorskip("llvmlite")
    f = rl.compile(lambda x: (x * 2).sum())
    f(rl.ones(4))
    shown = page(f.explain())
    assert shown.rows[0][1] == "kernel"
    assert len(shown.rows) == 1 + len(f.explain().kernels)
    stages = f.stages()
    assert page(stages).seen.count("details") == len(stages)
    entries = next(iter(f._entries.values()))
    graph = page(entries[0].graph)
    assert [row[1] for row in graph.rows] == ["op", "mul", "sum"]


def test_curves_keep_the_last_point_and_break_at_nothing():
    from rushlight.notebook.curves import curves_svg, panel_svg

    points = [(float(i), 1.0 + i) for i in range(1000)]
    html = panel_svg("<loss>", {"train": points, "gone": [(0.0, float("inf"))]})
    assert html.count(",") < 500
    assert "(log)" in html
    assert "&lt;loss&gt;" in html
    assert "1000" in Page(html).text
    assert curves_svg({"train_loss": [(1.0, 0.5)]}) == ""
    assert panel_svg("odd", {"train": [(1.0, None), (2.0, "a"), (3.0, 10**400), (4.0, 1.0)]}) == ""
    flat = panel_svg("loss", {"train": [(1.0, 0.0), (2.0, 0.0)]})
    assert "nan" not in flat


def test_figures_are_pictures():
    pytest.importorskip("matplotlib")
    figure = rl.plot.curves({"loss": [1.0, 0.5]})
    data, size = figure._repr_png_()
    assert data.startswith(b"\x89PNG")
    assert size["width"] * 2 == int.from_bytes(data[16:20], "big")
    assert pickle.loads(pickle.dumps(figure))._repr_png_()[1] == size
