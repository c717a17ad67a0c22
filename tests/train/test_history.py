"""History: a table, a mapping, and a file."""

from __future__ import annotations

import copy
import math
import sys
import types
from pathlib import Path

import pytest

import rushlight as rl
from rushlight.errors import DataError, NotSupportedError
from rushlight.train import History
from rushlight.train.tables import Figures


def made() -> History:
    history = History()
    history.append(epoch=1, train_loss=0.1 + 0.2, seconds=1e-7)
    history.append(epoch=2, train_loss=1 / 3, validation_loss=0.25, seconds=2.0)
    return history


def test_mapping() -> None:
    history = made()
    assert list(history) == ["epoch", "train_loss", "seconds", "validation_loss"]
    assert history["epoch"] == [1, 2]
    assert math.isnan(history["validation_loss"][0])
    assert "train_loss" in history
    assert len(history) == 4
    assert history.best("train_loss")["epoch"] == 1
    assert history.best("validation_loss", "max")["epoch"] == 2
    with pytest.raises(KeyError, match="the columns are epoch"):
        history["accuracy"]


def test_csv_gives_back_the_same_numbers(tmp_path: Path) -> None:
    made().to_csv(tmp_path / "h.csv")
    back = History.from_csv(tmp_path / "h.csv")
    assert back.rows == made().rows
    assert isinstance(back["epoch"][0], int)
    assert [path.name for path in tmp_path.iterdir()] == ["h.csv"]


def test_csv_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent"):
        History.from_csv(tmp_path / "absent.csv")
    (tmp_path / "bad.csv").write_text("epoch,loss\n1,high\n")
    with pytest.raises(DataError, match="high"):
        History.from_csv(tmp_path / "bad.csv")
    for text, problem in (
        ("epoch\n1,2,3\n", "line 2 has 3 cells for 1 columns"),
        ("epoch,loss\n1\n", "line 2 has 1 cells"),
        ("epoch\n1_0\n", "line 2: '1_0' is not a number"),
        ("epoch\n" + "1" * 200_000 + "\n", "line 2: field larger than field limit"),
        ("epoch\n" + "1" * 5000 + "\n", "line 2: "),
        ('epoch\n"1', "unexpected end of data"),
    ):
        (tmp_path / "wrong.csv").write_text(text)
        with pytest.raises(DataError, match=problem):
            History.from_csv(tmp_path / "wrong.csv")


def test_state_is_a_copy() -> None:
    history, other = made(), History()
    other.load_state_dict(history.state_dict())
    other.rows[0]["epoch"] = 9
    assert history.rows[0]["epoch"] == 1
    assert "2 epochs" in repr(history)


def test_a_long_table_is_abridged() -> None:
    history = History([{"epoch": i, "train_loss": 1 / (i + 1)} for i in range(100)])
    lines = str(history).splitlines()
    assert len(lines) == 22
    assert [line.split()[0] for line in (lines[1], lines[10], lines[11], lines[12], lines[-1])] == [
        "0", "9", "...", "90", "99",
    ]  # fmt: skip
    assert len(str(History(history.rows[:20])).splitlines()) == 21


def test_it_is_a_dict_of_columns() -> None:
    history = made()
    assert isinstance(history, dict)  # which pandas asks for
    assert list(history.values()) == [history[name] for name in history.columns]
    again = History()
    again.load_state_dict(history.state_dict())
    assert (again.rows, list(again)) == (history.rows, list(history))
    assert copy.deepcopy(history).rows == history.rows


def test_figures_are_printed_short() -> None:
    assert repr(Figures(loss=0.1 + 0.2, error=float("nan"), n=3)) == "{'loss': 0.3, 'error': nan, 'n': 3}"
    output, target = rl.zeros(1000, 1), rl.zeros(1000, 1)
    output[:17] = 1.0
    assert rl.train.error_rate(output, target) == 0.017


def test_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=lambda columns: columns))
    assert list(made().to_pandas()) == made().columns
    assert type(made().to_pandas()) is dict
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(NotSupportedError, match="pip install pandas"):
        made().to_pandas()


def test_rows_that_come_as_columns() -> None:
    history = made()
    before = list(history.rows)
    history.extend({"epoch": range(7, 9), "train_loss": [0.5, 0.25], "extra": [1.0, 2.0]})
    history.extend({"epoch": [9], "train_loss": [0.125], "extra": [3.0]})
    assert history.count == len(before) + 3
    assert history.last == {"epoch": 9, "train_loss": 0.125, "extra": 3.0}
    history.extend({"epoch": [10], "train_loss": [0.5]})
    history.append(epoch=11, lr=0.1)
    assert history.rows == [
        *before,
        {"epoch": 7, "train_loss": 0.5, "extra": 1.0},
        {"epoch": 8, "train_loss": 0.25, "extra": 2.0},
        {"epoch": 9, "train_loss": 0.125, "extra": 3.0},
        {"epoch": 10, "train_loss": 0.5},
        {"epoch": 11, "lr": 0.1},
    ]
    assert history["extra"][-5:-2] == [1.0, 2.0, 3.0]
    assert all(math.isnan(value) for value in history["extra"][-2:])
    assert {len(column) for column in history.values()} == {len(history.rows)}
    assert copy.deepcopy(history).rows == history.rows
    assert (History().count, History().last) == (0, {})
