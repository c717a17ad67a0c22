"""The pictures that are drawn from the code: R5's classes, and R4's two starts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

import rushlight as rl
from rushlight.reports.r4_valley import descend, height
from rushlight.reports.r5_classes import boxes, class_diagram

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reports"


def test_the_diagram_is_what_the_classes_are() -> None:
    found = {box.name: box for box in boxes()}
    assert {name for name, box in found.items() if box.base == "Module"} == {
        "Sequential", "Linear", "ReLU", "Tanh", "MSELoss",
    }  # fmt: skip
    assert found["Trainer"].uses == {"model": "Sequential", "optimizer": "SGD", "loss": "MSELoss"}
    for name, kind in (("Linear", rl.nn.Linear), ("SGD", rl.optim.SGD), ("Module", rl.nn.Module)):
        methods = [m.removesuffix("()") for m in found[name].methods if not m.startswith("...")]
        assert methods
        assert all(callable(getattr(kind, m)) for m in methods)
    texts = {text.get_text() for text in class_diagram().axes[0].texts}
    assert {"Module", "forward()", "in_features", "model: Sequential"} <= texts


def test_a_reaches_the_minimum_and_b_does_not() -> None:
    assert height(rl.tensor(descend(1.0)[-1])).item() < 1e-3
    assert height(rl.tensor(descend(-2.4)[-1])).item() > 0.1


@pytest.mark.parametrize("page", sorted(PAGES.glob("R*.md")), ids=lambda p: p.stem)
def test_a_figure_of_a_report_has_one_counterpart(page: Path) -> None:
    captions = re.findall(r"^\*(R\d's Fig\. \d)", page.read_text(encoding="utf-8"), re.M)
    assert len(captions) == len(set(captions))
