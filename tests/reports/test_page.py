"""The page of a report: its Markdown, its tables, its pictures, and how they reach the folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import rushlight as rl
from rushlight import reports
from rushlight.errors import ArgumentError, DataError, ShapeError
from rushlight.reports.page import Page, by_column, cell, panels


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page("R9", "A title", tmp_path / "gallery", say=lambda line: None)


def figure(height: float = 1.0):
    return rl.plot.curves({"loss": [height, 0.5]}, ylabel="loss")


def test_blocks_follow_each_other(page):
    page.section("First")
    page.text("""
        A paragraph
        of two lines.

        - a list
    """)
    assert page.write().read_text() == "# R9. A title\n\n## First\n\nA paragraph\nof two lines.\n\n- a list\n"


def test_progress_names_report_and_section(tmp_path):
    lines: list[str] = []
    Page("R9", "A title", tmp_path, say=lines.append).section("Curves")
    assert len(lines) == 1
    assert lines[0].startswith("R9 (")
    assert lines[0].endswith(": Curves")


def test_numbers_stand_to_the_right(page):
    page.table({"net": ["tanh", "ReLU"], "error": ["25.0 %", "−3 %"], "n": [1, 20000]}, caption="two nets")
    assert page.write().read_text().split("\n\n")[1:] == [
        "| net | error | n |\n|---|--:|--:|\n| tanh | 25.0 % | 1 |\n| ReLU | −3 % | 20,000 |",
        "*two nets*\n",
    ]


def test_bars_and_line_breaks_stay_in_their_cell(page):
    page.table({"a|b": ["x | y\nz"]})
    table = page.write().read_text().split("\n\n")[1]
    assert table == "| a\\|b |\n|---|\n| x \\| y<br>z |\n"


def test_cells():
    values = [np.float32(0.1), rl.tensor(2.5), np.int64(3), float("inf"), 123456.7, False]
    assert [cell(value) for value in values] == ["0.1", "2.5", "3", "inf", "123,457", "no"]


@pytest.mark.parametrize("columns", [{}, {"a": [1], "b": [1, 2]}])
def test_unequal_columns_are_refused(page, columns):
    with pytest.raises(ShapeError, match="equal lengths"):
        page.table(columns)


def test_name_with_a_folder_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="without folders"):
        Page("../R1", "out of the folder", tmp_path)


def test_code_is_what_runs(page):
    page.code(by_column, cell)
    text = page.write().read_text()
    assert text.count("```") == 2
    assert "```python\ndef by_column(" in text
    assert "\n\n\ndef cell(" in text


def test_picture_lies_beside_the_page(page):
    page.picture(figure(), "loss", "The [loss],\n  with `code`.")
    path = page.write()
    assert "![The (loss), with code.](R9/loss.png)\n\n*The [loss], with `code`.*" in path.read_text()
    assert (path.parent / "R9" / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_same_figure_gives_the_same_file(page):
    page.picture(figure(), "one", "")
    page.picture(figure(), "two", "")
    page.picture(figure(9.0), "other", "")
    one, two, other = ((page.folder / "R9" / f"{name}.png").read_bytes() for name in ("one", "two", "other"))
    assert one == two != other


def test_picture_gives_its_memory_back(page):
    drawn = figure()
    page.picture(drawn, "loss", "")
    assert not drawn.axes


def test_cover_is_the_first_picture_unless_another_is_named(page):
    page.picture(figure(), "first", "")
    page.picture(figure(), "second", "")
    assert page.cover.address == "R9/first.png"
    page.picture(figure(), "third", "", cover=True)
    assert page.cover.address == "R9/third.png"


def test_page_is_replaced_whole(page, monkeypatch):
    page.text("old")
    path = page.write()
    page.text("new")
    monkeypatch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        page.write()
    assert path.read_text().endswith("old\n")
    assert [entry.name for entry in page.folder.iterdir()] == ["R9.md"]


def test_panels():
    drawn, axes = panels(3, columns=2)
    assert drawn.axes == axes
    assert len(axes) == 3


@pytest.fixture
def two_reports(monkeypatch):
    """Reports in the place of the five: one that works, one whose data are missing."""

    def works(page):
        page.picture(figure(), "loss", "a loss", cover=True)

    def fails(page):
        raise DataError("no MNIST in the folder")

    modules = {
        "good": SimpleNamespace(TITLE="Works", write=works),
        "bad": SimpleNamespace(TITLE="X", write=fails),
    }
    monkeypatch.setattr(reports, "REPORTS", {"R1": "bad", "R2": "good"})
    monkeypatch.setattr(reports, "import_module", modules.__getitem__)


def test_one_report(two_reports, tmp_path):
    path = reports.write_report("R2", tmp_path, say=lambda line: None)
    assert path == tmp_path / "R2.md"
    assert "*Written by `rushlight report R2` in " in path.read_text()


def test_unknown_report(tmp_path):
    with pytest.raises(ArgumentError, match="R1, R2, R3, R4, R5"):
        reports.write_report("R6", tmp_path)


def test_a_report_that_fails_does_not_stop_the_others(two_reports, tmp_path):
    with pytest.raises(DataError, match="no MNIST"):
        reports.write_all(tmp_path, say=lambda line: None)
    index = (tmp_path / "README.md").read_text()
    assert "## R1\n\nNot written: no MNIST in the folder" in index
    assert "## [R2. Works](R2.md)\n\n[![a loss](R2/loss.png)](R2.md)" in index
