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
        ("0.1,0.2\n0.3\n", "line 2: got 1 columns in '0.3'; expected two, x,y parted by a comma"),
        ("0.5;0.5\n", "line 1: got 1 columns"),
        ("x;y\n0.5;0.5\n", "line 1: got 1 columns"),
        ("0.5\t0.5\n", "line 1: got 1 columns"),
        ("# x,y\n0.1,0.2\n", "line 1: '# x,y'"),
        ("0.1,1_0\n", "line 1: '0.1,1_0' are not two finite numbers"),
        ("0.1,0x1\n", "two finite numbers"),
        ("0.1,١\n", "two finite numbers"),
        ("0.1,-inf\n", "two finite numbers"),
        ("0.1,1e999\n", "two finite numbers"),
        ("nan,inf\n0.1,0.2\n", "line 1: 'nan,inf'"),
        ("0.1,0.2\n,\n", "line 2: ','"),
        ("0.1,0.2\n0.1,0.2,\n", "line 2: got 3 columns"),
        ('0.1,0.2\n"0.1,0.2\n', "unexpected end of data"),
        ("a,b\n0.1,0.2\n", "line 1: the header names a, b; expected columns x and y"),
        ("x,y,x\n0.1,0.2,0.3\n", "each once"),
        ("id,y,x\n0.1,0.2\n", "line 2: got 2 columns in .*; expected 3, as in the header"),
        ("0.1,0.2\n" + "1" * 200_000 + ",1\n", "line 2: field larger than field limit"),
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


@pytest.mark.parametrize(
    "text",
    [
        "y,x\n0.5,0.25\n",
        "id,X, Y\n7,0.25,0.5\n",
        '"y","x"\n"0.5"," 0.25"\n',
        "x,y,class,name\n.25,+5e-1,1,in\n",
    ],
)
def test_columns_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    assert read_points(tmp_path / "p.csv").tolist() == [[0.25, 0.5]]


def test_a_picture_is_named_as_one(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    with pytest.raises(DataError, match="is a PNG picture; this takes points"):
        read_points(tmp_path / "p.png")
