"""Tables from outside: files of many kinds, frames of other libraries, and what is wrong with them."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rushlight import tabular
from rushlight.errors import DataError, DTypeError
from rushlight.tabular.csvs import read_csv
from rushlight.tabular.dates import read_dates
from rushlight.tabular.table import MISSING, Column, Table, as_column, guess

COLUMNS: dict[str, list[Any]] = {
    "size": [1, 2, None],
    "colour": ["red", None, "blue"],
    "big": [True, False, True],
    "day": [datetime.date(2024, 1, 1), None, datetime.date(2024, 2, 29)],
}


def values(table: Table) -> dict[str, tuple[str, list[Any]]]:
    return {
        c.name: (c.kind, [None if gone else str(v) for v, gone in zip(c.values, c.missing, strict=True)])
        for c in table
    }


EXPECTED = {
    "size": ("number", ["1.0", "2.0", None]),
    "colour": ("word", ["red", None, "blue"]),
    "big": ("word", ["True", "False", "True"]),
    "day": ("date", ["2024-01-01T00:00:00.000000", None, "2024-02-29T00:00:00.000000"]),
}


def test_dicts_and_arrays() -> None:
    assert values(tabular.read(COLUMNS)) == EXPECTED
    record = np.array([(1.5, "a"), (2.5, "b")], dtype=[("x", "f4"), ("name", "U3")])
    assert values(tabular.read(record)) == {"x": ("number", ["1.5", "2.5"]), "name": ("word", ["a", "b"])}
    assert list(tabular.read(np.zeros((2, 3))).columns) == ["x0", "x1", "x2"]
    odd = {"d": [Decimal("1.5"), None], "t": np.array([1, 2], "m8[h]"), "m": ["a", 1.0], "n": [None, None]}
    assert {name: kind for name, (kind, _) in values(tabular.read(odd)).items()} == {
        "d": "number", "t": "number", "m": "word", "n": "number",
    }  # fmt: skip
    assert tabular.read(odd)["m"].values.tolist() == ["a", "1"]
    zone = datetime.timezone(datetime.timedelta(hours=2))
    hour = as_column("h", [datetime.datetime(2024, 1, 1, 1, tzinfo=zone)])
    assert str(hour.values[0]) == "2023-12-31T23:00:00.000000"
    assert np.isnan(as_column("x", [np.inf, -np.inf, 10**400, Decimal("sNaN")]).values).all()
    assert as_column("x", np.array([b"a", "\u00e9".encode()])).values.tolist() == ["a", "\u00e9"]
    for number in (3, 2.5):
        masked = np.ma.masked_array([number, number], [True, False])
        np.testing.assert_array_equal(as_column("x", masked).values, [np.nan, number])


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(COLUMNS)
    for form in (frame, frame.convert_dtypes(), frame.astype({"colour": "category"})):
        assert values(tabular.read(form)) == EXPECTED
    dated = frame.assign(day=pandas.to_datetime(frame["day"]))
    assert values(tabular.read(dated)) == EXPECTED
    twice = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(DataError, match="two columns named 'a'"):
        tabular.read(twice)


def test_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(COLUMNS)
    for form in (frame, frame.lazy(), frame.with_columns(polars.col("colour").cast(polars.Categorical))):
        assert values(tabular.read(form)) == EXPECTED


def test_pyarrow_and_what_speaks_arrow(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    frame = arrow.table(COLUMNS)
    assert values(tabular.read(frame)) == EXPECTED

    class Stream:
        def __arrow_c_stream__(self, requested: Any = None) -> Any:
            return frame.__arrow_c_stream__(requested)

    class Exchange:
        def __dataframe__(self, **options: Any) -> Any:
            return arrow.table({"x": [1.0, 2.0]}).__dataframe__(**options)

    assert values(tabular.read(Stream())) == EXPECTED
    assert values(tabular.read(Exchange())) == {"x": ("number", ["1.0", "2.0"])}
    path = tmp_path / "t.parquet"
    parquet.write_table(frame, path)
    assert values(tabular.read(path)) == EXPECTED
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="damaged Parquet"):
        tabular.read(path)


def test_nothing_is_imported_for_it() -> None:
    code = (
        "import sys, rushlight as rl\n"
        "t = rl.tabular.read({'x': [1, 2], 'y': ['a', 'b']})\n"
        "print(sorted({'pandas', 'polars', 'pyarrow', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


TEXT = 'size,colour,big,day\n1,red,True,2024-01-01\n2,NA,False,\n,"blue",True,2024-02-29\n'


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode("utf-8-sig"),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode("utf-16"),
        TEXT.replace(",", "|").encode("cp1252"),
        gzip.compress(TEXT.encode()),
        TEXT.replace("\n1,", "\n\n1,").encode(),
    ],
    ids=["plain", "windows", "semicolons", "tabs-utf16", "bars", "gzip", "empty-line"],
)
def test_csv_in_many_forms(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    assert values(tabular.read(path)) == EXPECTED
    assert values(tabular.read(str(path))) == EXPECTED


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is empty"),
        (b"a,b\n1,2\n3\n", "line 3: got 1 cells; expected 2"),
        (b"a,b\n1,2,3\n", "line 2: got 3 cells"),
        (b"a,a\n1,2\n", "two columns named 'a'"),
        (b"1,2\n3,4\n", "a first line of numbers"),
        (b'a,b\n"1,2\n', "line 2: unexpected end of data"),
        (b'a,b\n"1"x,2\n', "line 2:"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG picture"),
        (b"a\0b", "no text"),
        (gzip.compress(b"a,b\n1,2\n")[:-6], "damaged gzip"),
    ],
)
def test_csv_that_is_none(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=text) as caught:
        tabular.read(path)
    assert "t.csv" in str(caught.value)
    with pytest.raises(DataError, match="cannot read"):
        tabular.read(tmp_path / "absent.csv")


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, st.integers(-(10**6), 10**6)), min_size=1, max_size=8),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    packed=st.booleans(),
)
def test_csv_round_trip(
    tmp_path: Path, rows: list[tuple[str, str, int]], delimiter: str, packed: bool
) -> None:
    """What Python's csv module writes is read as the same cells, whatever they hold."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(["first", "second", "number"])
    writer.writerows(rows)
    data = text.getvalue().encode()
    path = tmp_path / "t.csv"
    path.write_bytes(gzip.compress(data, 1) if packed else data)
    table = read_csv(path)
    assert table.rows == len(rows)
    assert table["number"].values.tolist() == [float(row[2]) for row in rows]
    for place, name in enumerate(("first", "second")):
        column = table[name]
        if column.kind == "word":
            cells = [row[place].strip() for row in rows]
            assert column.values.tolist() == [None if c.lower() in MISSING else c for c in cells]


@given(st.lists(st.floats() | st.none(), min_size=1, max_size=10), st.booleans())
@settings(max_examples=60, deadline=None)
def test_numbers_are_read_back(numbers: list[float | None], comma: bool) -> None:
    cells = ["" if n is None else repr(n) for n in numbers]
    column = guess("x", [cell.replace(".", ",") for cell in cells] if comma else cells, comma)
    assert column.kind == "number"
    expected = [np.nan if n is None or not np.isfinite(n) else n for n in numbers]
    np.testing.assert_array_equal(column.values, expected)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "-3e2", " 4 "], "number"),
        (["1,5", "2"], "word"),
        (["01234", "90210"], "word"),
        (["1_000"], "word"),
        (["0", "0.5"], "number"),
        (["٣"], "word"),
        (["12.05.2024", "1.1.2023"], "date"),
        (["2024-01-01T10:00:00Z", "2024-01-01T10:00:00+02:00"], "date"),
        (["2024-01-01", "2024-13-01"], "word"),
        (["2024/1/5 7:30"], "date"),
        (["a", "1"], "word"),
        (["", "NA", "null", "?"], "number"),
    ],
)
def test_what_cells_are(cells: list[str], kind: str) -> None:
    assert guess("x", cells).kind == kind


def test_days_and_months() -> None:
    assert str(read_dates(["01/02/2024"])[0])[:10] == "2024-01-02"
    assert str(read_dates(["01/02/2024", "13/02/2024"])[0])[:10] == "2024-02-01"
    assert read_dates(["01/13/2024", "13/01/2024"]) is None
    assert str(read_dates(["2024-01-01 00:30:00.25+01:00"])[0]) == "2023-12-31T23:30:00.250000"
    assert read_dates([None]) is None


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        (3, DTypeError, "expected a frame of pandas, polars or pyarrow"),
        ({}, DataError, "without columns"),
        ({"a": [1], "b": [1, 2]}, DataError, "'a' has 1 rows, 'b' 2"),
        ({"a": [[1], [2]]}, DataError, "column 'a' with a list in it"),
        ({"a": np.zeros((2, 2))}, DataError, "column 'a' of shape"),
        (np.zeros(3), DTypeError, "rows and columns"),
        ({"a": np.array([1j])}, DataError, "column 'a' with a complex128 in it"),
        ("no\0file.csv", DataError, "cannot read no"),
    ],
)
def test_what_is_no_table(source: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        tabular.read(source)


def test_columns_keep_their_rows() -> None:
    table = tabular.read(COLUMNS)
    assert table.take([2, 0])["colour"].values.tolist() == ["blue", "red"]
    assert table.take(~table["size"].missing).rows == 2
    assert isinstance(table["size"], Column)
    assert "size" not in table.without(["size"])
