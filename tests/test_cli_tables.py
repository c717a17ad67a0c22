"""Tables on the command line: train, evaluate, predict, sweep, and mistakes."""

from __future__ import annotations

import csv
import io
import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight import tabular
from rushlight.interop.safetensors import parse
from rushlight.train import History
from tests.cli_helpers import Done, call

QUICK = ("--epochs", "30", "--hidden", "16", "--members", "2", "--no-compile")


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prices of 120 houses, with an identifier and gaps."""
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("tables") / "houses.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["house", "size", "town", "garden", "price", "dear"])
        for number in range(120):
            size, town, garden = random.normal(), random.choice(["A", "B"]), bool(random.random() < 0.5)
            price = 100 + 30 * size + 20 * (town == "A") + 10 * garden + random.normal()
            cells = ["" if number % 15 == 0 else f"{size:.4f}", town, garden]
            writer.writerow([f"house {number}", *cells, f"{price:.3f}", "yes" if price > 115 else "no"])
    return path


@pytest.fixture(scope="module")
def run(houses: Path) -> Path:
    """The folder of a trained model of prices."""
    out = houses.parent / "prices"
    done = call("train", houses, "--target", "price", "--drop", "dear", "--out", out, "--no-pictures", *QUICK)
    assert done.code == 0, done.err
    assert "60 rows" not in done.out
    assert "120 rows, 6 columns; 96 to train on, 24 to test (20 %)" in done.out
    assert "left out   house: an identifier" in done.out
    assert "2 networks of" in done.out
    assert "increase of rmse when shuffled" in done.out
    return out


def refused(done: Done, text: str) -> None:
    assert done.code in (1, 2)
    assert text in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_train_leaves_a_model(run: Path, houses: Path) -> None:
    assert {path.name for path in run.iterdir()} == {
        "checkpoint.safetensors", "config.json", "history.csv", "model.safetensors", "table.json",
    }  # fmt: skip
    model = tabular.load(run / "model.safetensors")
    assert model.columns == ["size", "town", "garden"]
    about = json.loads((run / "config.json").read_text())
    assert about["target"] == "price"
    assert about["measures"]["r2"] > 0.7
    done = call("evaluate", run)
    assert done.code == 0, done.err
    assert f"{about['measures']['rmse']:.6g}" in done.out
    whole = call("evaluate", run / "model.safetensors", houses)
    assert "on 120 rows of" in whole.out
    refused(call("evaluate", run, "--split", "validation"), "each row of a table is held out")


def test_predict(run: Path, houses: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text("town;size;house;garden\nA;0,5;first;True\nC;;second;False\n")
    out = tmp_path / "p.csv"
    done = call("predict", run, new, "--out", out)
    assert (done.code, done.out) == (0, f"2 predictions in {out}\n"), done.err
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert list(rows[0]) == ["house", "price"]
    assert [row["house"] for row in rows] == ["first", "second"]
    expected = tabular.load(run / "model.safetensors").predict(new)
    np.testing.assert_allclose([float(row["price"]) for row in rows], expected, rtol=1e-5)
    printed = call("predict", run, new)
    assert list(csv.DictReader(io.StringIO(printed.out))) == rows
    call("predict", run, new, "--out", tmp_path / "p.json")
    assert json.loads((tmp_path / "p.json").read_text())[0]["house"] == "first"
    new.write_text("town,size\nA,1\n")
    refused(call("predict", run, new), f"{new}: predict: got no column 'garden'")
    new.write_text("town,size,garden\nA,tall,True\n")
    refused(call("predict", run, new), "'tall' in column 'size', row 1")
    refused(call("predict", run, tmp_path / "absent.csv"), "cannot read")


def test_classes_with_a_report(houses: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "run"
    options = ("--target", "dear", "--drop", "price", "--out", out, "--test", houses, *QUICK)
    done = call("train", houses, *options, "--quiet")
    assert done.code == 0, done.err
    assert done.out.startswith("test       error ")
    names = {path.name for path in out.iterdir()}
    assert names >= {"report.html", "curves.png", "confusion-matrix.png", "importance.png"}
    measured = call("evaluate", out, houses)
    assert "true \\ predicted  no  yes" in measured.out
    predicted = call("predict", out, houses)
    row = next(csv.DictReader(io.StringIO(predicted.out)))
    assert list(row) == ["house", "dear", "p(no)", "p(yes)"]
    assert abs(float(row["p(no)"]) + float(row["p(yes)"]) - 1) < 1e-4
    refused(call("train", houses, *options), "already holds a run")
    shown = call("summary", out)
    assert "MembersLinear" in shown.out, shown.err


def pressing(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Ctrl-C comes at the end of epoch `at`, counted over all models."""
    seen, save = 0, History.append

    def append(self: History, **values: Any) -> None:
        nonlocal seen
        save(self, **values)
        seen += 1
        if seen == at:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(History, "append", append)


def weights(out: Path) -> bytes:
    arrays = parse((out / "model.safetensors").read_bytes(), "model")[0]
    return b"".join(arrays[name].tobytes() for name in sorted(arrays))


def test_stopped_and_resumed(
    run: Path, houses: Path, tmp_path: Path, ctrl_c: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "s"
    options = ("--target", "price", "--drop", "dear", "--no-pictures", *QUICK)
    with monkeypatch.context() as patch:
        pressing(patch, 4)
        done = call("train", houses, *options, "--out", out)
    assert done.code == 130
    assert "stopped by Ctrl-C in epoch 5" in done.err
    assert done.err.rstrip().endswith(f"Saved. To go on:\nrushlight train {houses} --out {out} --resume")
    refused(call("train", houses, *options, "--out", out), "already holds a run")
    refused(
        call("train", houses, "--out", out, "--resume", "--lr", "0.5"), "cannot change --lr 0.5 (was left"
    )
    other = tmp_path / "other.csv"
    other.write_text(houses.read_text().replace("A", "B"))
    refused(call("train", other, "--out", out, "--resume"), "got a table of other rows")
    again = call("train", houses, "--out", out, "--resume", "--no-pictures")
    assert again.code == 0, again.err
    assert weights(out) == weights(run)
    assert call("train", houses, "--out", out, "--resume", "--quiet", "--no-pictures").code == 0
    assert weights(out) == weights(run)


def test_stopped_before_anything_was_kept(houses: Path, tmp_path: Path) -> None:
    refused(
        call("train", houses, "--target", "price", "--out", tmp_path / "s", "--resume"), "no run to resume"
    )
    refused(call("train", houses, "--target", "price", "--resume"), "--resume needs --out")
    wrong = ("--target", "price", "--out", tmp_path / "s", "--lr", "-1")
    refused(call("train", houses, *wrong), "lr=-1.0")
    assert not (tmp_path / "s").exists()


def test_a_stopped_sweep_goes_on(
    houses: Path, tmp_path: Path, ctrl_c: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = ("--lr", "0.001,0.01", "--hidden", "8/none", "--epochs", "10", "--members", "2", "--no-compile")
    options = ("--target", "price", "--no-pictures", *lists)
    assert call("sweep", houses, *options, "--out", tmp_path / "whole").code == 0
    with monkeypatch.context() as patch:
        pressing(patch, 14)
        done = call("sweep", houses, *options, "--out", tmp_path / "s")
        pressing(patch, 2)
        lost = call("sweep", houses, *options)
    assert done.code == lost.code == 130
    assert "stopped by Ctrl-C in model 2 of 4, epoch 5" in done.err
    assert done.err.rstrip().endswith(f"Saved. To go on:\nrushlight sweep --resume {tmp_path / 's'}")
    assert "Nothing was written: with --out FOLDER" in " ".join(lost.err.split())
    refused(call("sweep", "--resume", tmp_path / "s", "--lr", "0.1"), "leave out --lr")
    again = call("sweep", "--resume", tmp_path / "s", "--no-pictures")
    assert again.code == 0, again.err
    assert weights(tmp_path / "s") == weights(tmp_path / "whole")
    names = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("s", "whole")]
    assert names[0] == names[1]
    assert "models" not in names[0]
    refused(call("sweep", "--resume", tmp_path / "s"), "is finished")


def test_missing_column_says_how_to_do_without(houses: Path, tmp_path: Path) -> None:
    call("train", houses, "--target", "price", "--out", tmp_path / "s", *QUICK, "--quiet")
    less = tmp_path / "less.csv"
    less.write_text("size\n100\n")
    done = call("predict", tmp_path / "s", less)
    assert done.code == 1
    assert "To do without, train with --drop" in " ".join(done.err.split())
    again = call("train", houses, "--target", "price", "--out", tmp_path / "s", *QUICK[:2])
    assert "already holds a run" in again.err


def test_sweep(houses: Path, tmp_path: Path) -> None:
    lists = ("--lr", "0.001,0.01", "--hidden", "8/none", "--epochs", "10", "--members", "2", "--no-compile")
    done = call("sweep", houses, "--target", "price", "--out", tmp_path / "s", "--no-pictures", *lists)
    assert done.code == 0, done.err
    assert "4 models: hidden 8 | none, lr 0.001 | 0.01" in done.out
    assert "By the rmse of held-out rows, best first" in done.out
    assert {path.name for path in (tmp_path / "s").iterdir()} >= {"sweep.csv", "model.safetensors"}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "s" / "sweep.csv").read_text())))
    assert len(rows) == 4
    assert float(rows[0]["rmse"]) <= float(rows[-1]["rmse"])
    assert call("evaluate", tmp_path / "s").code == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ((), "--target NAME is needed: the column to predict"),
        (("--target", "Price"), "Did you mean 'price'"),
        (("--target", "price", "--momentum", "0.5"), "--momentum is for disk, mnist and fashion-mnist"),
        (("--target", "price", "--test", "many"), "--test many: expected a share such as 0.2, or a file"),
        (("--target", "price", "--test", "1.2"), "between 0 and 1"),
        (("--target", "price", "--hidden", "a"), "--hidden 'a'"),
        (("--target", "price", "--drop", "colour"), "no column 'colour'"),
        (("--target", "price", "--lr", "-1"), "lr=-1.0"),
        (("--target", "house"), "120 classes in the 120 rows"),
    ],
)
def test_mistakes(houses: Path, tmp_path: Path, options: tuple[Any, ...], text: str) -> None:
    refused(call("train", houses, "--out", tmp_path / "new", *options), text)
    assert not (tmp_path / "new").exists()


def test_options_of_the_other_kind(houses: Path, run: Path) -> None:
    refused(call("train", "disk", "--target", "price"), "--target is for tables")
    refused(call("sweep", "disk", "--patience", "3"), "--patience is for tables")
    refused(call("train", "nothing.csv", "--target", "x"), "cannot read nothing.csv")
    refused(call("train", "nothing", "--target", "x"), "'nothing' is not one of 'disk'")
