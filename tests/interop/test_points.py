"""Points from CSV files."""

from __future__ import annotations

from pathlib import Path

import pytest

from rushlight.errors import DataError
from rushlight.interop.points import read_points


@pytest.mark.parametrize(
    "text",
    ["x,y\n0.25,0.5\n1,0\n", "0.25,0.5\n1,0", "\ufeffx,y\r\n0.25, 0.5\r\n\r\n1e0,0.0\r\n"],
)
def test_with_and_without_header(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.csv").write_text(text, encoding="utf-8", newline="")
    assert read_points(tmp_path / "p.csv").tolist() == [[0.25, 0.5], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no points"),
        ("x,y\n", "holds no points"),
        ("0.1,0.2\n0.3\n", "line 2: got 1 columns"),
        ("x,y\n\n0.1,high\n", "line 3: '0.1,high'"),
        ("0.1,high\n", "line 1: '0.1,high'"),
        ("0.1,nan\n", "two finite numbers"),
        ("0.1,0.2,1\n", "got 3 columns"),
    ],
)
def test_mistakes_are_named_by_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_points(tmp_path / "p.csv")


def test_no_text_file(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match="no CSV text file"):
        read_points(tmp_path / "p.csv")
    with pytest.raises(DataError, match="cannot read"):
        read_points(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="cannot read"):
        read_points(tmp_path)
