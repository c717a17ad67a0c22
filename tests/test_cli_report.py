"""``rushlight report``: which reports there are, where pages go, and what is said on the way."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import rushlight.reports
from rushlight.errors import DataError
from tests.cli_helpers import call
from tests.test_cli_errors import assert_refused


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Two reports that take no time, R1 and R2, in the place of all; the data folders that R1 got."""
    seen: list[Any] = []

    def write(page: Any) -> None:
        seen.append(page.data)
        page.section("One")
        page.text("A page.")

    def fail(page: Any) -> None:
        raise DataError("R2's data are nowhere.")

    reports = {}
    for name, function in (("R1", write), ("R2", fail)):
        module = ModuleType(f"small_{name}")
        module.__dict__.update(TITLE="A small report", write=function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        reports[name] = module.__name__
    monkeypatch.setattr(rushlight.reports, "REPORTS", reports)
    return seen


def test_a_page_is_written_and_named_at_the_end(tmp_path: Path, small: list[Any]) -> None:
    done = call("report", "r1", "--out", tmp_path / "pages", "--data", tmp_path)
    assert done.code == 0, done.err
    page = tmp_path / "pages" / "R1.md"
    assert done.out.splitlines()[-1].endswith(f"the page is {page}")
    assert "A page." in page.read_text()
    assert [Path(folder) for folder in small] == [tmp_path]


def test_all_goes_on_after_a_report_that_fails_and_says_so(tmp_path: Path, small: list[Any]) -> None:
    done = call("report", "all", "--out", tmp_path)
    assert done.code == 1
    assert done.err == "rushlight: R2's data are nowhere.\n"
    assert "A page." in (tmp_path / "R1.md").read_text()


def test_a_folder_by_default(tmp_path: Path, small: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("report", "R1").code == 0
    assert (tmp_path / "reports" / "R1.md").exists()


def test_help_teaches() -> None:
    shown = call("report", "--help")
    assert shown.code == 0
    assert "rushlight report all --out gallery --data data" in shown.out


def test_mistakes(tmp_path: Path) -> None:
    assert_refused(call("report", "R6"), "there is no report 'R6'; there are R1, R2, R3, R4, R5, and all", 2)
    assert_refused(call("report"), "Missing argument", 2)
    file = tmp_path / "file"
    file.write_text("")
    assert_refused(call("report", "R1", "--out", file), "cannot write to the folder", 1)
    assert_refused(call("report", "R1", "--out", file / "below"), "cannot write to the folder", 1)
    assert file.read_text() == ""
