"""Tables on the command line: train, evaluate, predict, sweep, and mistakes."""

from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight import tabular
from rushlight.train import EarlyStopping
from tests.cli_helpers import Done, call, python

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
    names = {"checkpoint.safetensors", "config.json", "history.csv", "model.safetensors"}
    assert {path.name for path in run.iterdir()} == names
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


@pytest.fixture
def press(ctrl_c: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Presses Ctrl-C at the end of the so manieth epoch from now on; 0: not at all."""
    update, left = EarlyStopping.update, [0]

    def counted(self: EarlyStopping, *args: Any) -> bool:
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGINT)
        return update(self, *args)

    monkeypatch.setattr(EarlyStopping, "update", counted)
    return lambda epochs: left.__setitem__(0, epochs)


def stopped(done: Done, where: str) -> list[str]:
    """The command with which a stopped run goes on, without the name of the program."""
    assert done.code == 130
    text = " ".join(done.err.split())
    assert text.startswith(f"rushlight: stopped by Ctrl-C in {where}"), text
    assert "Saved. To go on: rushlight " in text
    return shlex.split(done.err.splitlines()[-1])[1:]


def same_model(a: Path, b: Path) -> bool:
    one, other = (tabular.load(path / "model.safetensors") for path in (a, b))
    states = [model.network.state_dict().values() for model in (one, other)]
    rows = [[{**row, "seconds": 0} for row in model.history.rows] for model in (one, other)]
    equal = all((x.numpy() == y.numpy()).all() for x, y in zip(*states, strict=True))
    return equal and rows[0] == rows[1] and one.validation == other.validation


TRAIN = ("--target", "price", "--drop", "house,dear", "--no-pictures", *QUICK)


def test_stopped_and_resumed(houses: Path, tmp_path: Path, press: Callable[[int], None]) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert call("train", houses, "--out", whole, *TRAIN).code == 0
    press(4)
    command = stopped(call("train", houses, "--out", out, *TRAIN), "epoch 5 of 30, after batch 0.")
    assert command == ["train", str(houses), "--out", str(out), "--resume"]
    assert {path.name for path in out.iterdir()} == {"config.json", "checkpoint.safetensors", "history.csv"}
    before = (out / "config.json").read_bytes()
    refused(
        call("train", houses, "--out", out, *TRAIN), "already holds a run; nothing was changed. Add --resume"
    )
    refused(call(*command, "--lr", "0.5"), "cannot change --lr 0.5 (was left out)")
    refused(call(*command, "--target", "dear"), "cannot change --target dear (was price)")
    refused(call("train", "disk", "--out", out, "--resume"), "holds a run on a table")
    less = tmp_path / "less.csv"
    less.write_text("".join(houses.read_text().splitlines(keepends=True)[:-5]))
    refused(call("train", less, *command[2:]), "cannot go on: the run in")
    assert (out / "config.json").read_bytes() == before
    press(8)
    again = stopped(call(*command, "--target", "price"), "epoch 13 of 30")
    press(0)
    done = call(*again, "--no-pictures")
    assert done.code == 0, done.err
    assert "resuming after epoch 12" in done.out
    assert same_model(whole, out)
    refused(call(*again), "is finished; nothing was changed. To train it for longer, add --epochs N")
    assert call(*again, "--epochs", "33", "--no-pictures").code == 0
    assert len(tabular.load(out / "model.safetensors").history.rows) == 33
    (out / "config.json").write_text('{"table": "t.csv", "options": {"lr": "high"}}')
    refused(call(*again), "config.json is damaged")


def test_killed_and_resumed(houses: Path, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from rushlight.cli import main\n"
        "from rushlight.train import EarlyStopping\n"
        "from rushlight.tabular import keeping\n"
        "keeping.EVERY = 0.0\n"
        "update, left = EarlyStopping.update, [9]\n"
        "def counted(*args):\n"
        "    left[0] -= 1\n"
        "    if left[0] == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return update(*args)\n"
        "EarlyStopping.update = counted\n"
        f"main({['train', str(houses), '--out', str(tmp_path / 'out'), *TRAIN]!r})"
    )
    assert python(code).returncode == -signal.SIGKILL
    again = call("train", houses, "--out", tmp_path / "out", "--resume", "--no-pictures")
    assert again.code == 0, again.err
    assert "resuming after epoch 8" in again.out
    assert call("train", houses, "--out", tmp_path / "whole", *TRAIN).code == 0
    assert same_model(tmp_path / "whole", tmp_path / "out")


SWEEP = (
    *("--target", "price", "--lr", "0.001,0.01", "--epochs", "10", "--members", "2"),
    *("--hidden", "8", "--no-compile", "--no-pictures"),
)


def test_sweep_stopped_and_resumed(
    houses: Path, tmp_path: Path, press: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = [Path("whole/models/mine.txt"), Path("whole/sweep-state/model-001/mine.txt")]
    for path in other:
        path.parent.mkdir(parents=True)
        path.write_text("somebody else's")
    whole = call("sweep", houses, "--out", "whole", *SWEEP)
    assert whole.code == 0, whole.err
    for path, folder in zip(other, ("models", "sweep-state"), strict=True):
        assert path.read_text() == "somebody else's"
        shutil.rmtree(f"whole/{folder}")
    for options in (("--out", "out"), ()):
        press(13)
        command = stopped(call("sweep", houses, *SWEEP, *options), "model 2 of 2, epoch 4 of 10")
        out = Path(command[-1])
        assert command == ["sweep", "--resume", "out" if options else "runs/houses-1"]
        assert {path.name for path in out.iterdir()} == {"sweep.json", "sweep-state"}
        refused(call("sweep", houses, *SWEEP, "--out", out), "not finished; nothing was changed. Go on")
        refused(call(*command, "--lr", "0.5"), "leave out --lr")
        refused(call("train", houses, "--out", out, "--resume"), "go on with it by rushlight sweep --resume")
        press(0)
        done = call(*command, "--no-pictures")
        assert done.code == 0, done.err
        assert (out / "sweep.csv").read_text() == Path("whole/sweep.csv").read_text()
        assert same_model(out, Path("whole"))
        assert {path.name for path in out.iterdir()} == {path.name for path in Path("whole").iterdir()}
        refused(call(*command), "is finished")


def test_missing_column_says_how_to_do_without(houses: Path, tmp_path: Path) -> None:
    call("train", houses, "--target", "price", "--out", tmp_path / "s", *QUICK, "--quiet")
    less = tmp_path / "less.csv"
    less.write_text("size\n100\n")
    done = call("predict", tmp_path / "s", less)
    assert done.code == 1
    assert "To do without, train with --drop" in " ".join(done.err.split())


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


def test_weights(houses: Path, tmp_path: Path) -> None:
    lines = houses.read_text().splitlines()
    weighed, out = tmp_path / "weighed.csv", tmp_path / "out"
    rows = [f"{lines[0]},other,count", *(f"{line},1,{i % 3}" for i, line in enumerate(lines[1:]))]
    weighed.write_text("\n".join(rows))
    options = ("--target", "price", "--drop", "dear,other", "--no-pictures", *QUICK)
    done = call("train", weighed, *options, "--weights", "count", "--out", out)
    assert done.code == 0, done.err
    assert "weights    count" in done.out
    model = tabular.load(out / "model.safetensors")
    assert (model.weights, model.columns) == ("count", ["size", "town", "garden"])
    about = json.loads((out / "config.json").read_text())
    done = call("evaluate", out)
    assert "weighed by count" in done.out
    assert f"{about['measures']['rmse']:.6g}" in done.out
    done = call("evaluate", out, weighed)
    assert f"{model.evaluate(weighed)['rmse']:.6g}" in done.out
    assert "on 80 rows of" in done.out
    assert "left out 40 with no count above 0, or no price" in done.out
    plain = call("evaluate", out, houses).out  # it has no such column
    assert "on 120 rows of" in plain
    assert "weighed" not in plain
    assert "left out" not in plain
    again = ("train", weighed, *options, "--out", out, "--resume", "--epochs", "31")
    refused(call(*again, "--weights", "other"), "cannot change --weights other (was count)")
    assert call(*again).code == 0  # with those of before
    lists = ("--lr", "0.001,0.01", "--weights", "count", "--out", tmp_path / "sweep")
    assert call("sweep", weighed, *options, *lists).code == 0
    assert tabular.load(tmp_path / "sweep" / "model.safetensors").weights == "count"
    weighed.write_text(weighed.read_text().replace(",2\n", ",-2\n", 1))
    new = ("train", weighed, *options, "--weights", "count", "--out", tmp_path / "new")
    refused(call(*new), "the weight -2 in column 'count', row 3")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ((), "--target NAME is needed: the column to predict"),
        (("--target", "Price"), "Did you mean 'price'"),
        (("--target", "price", "--momentum", "0.5"), "--momentum is for disk, mnist and fashion-mnist"),
        (("--target", "price", "--resume"), "there is no run to resume in"),
        (("--target", "price", "--test", "many"), "--test many: expected a share such as 0.2, or a file"),
        (("--target", "price", "--test", "1.2"), "between 0 and 1"),
        (("--target", "price", "--hidden", "a"), "--hidden 'a'"),
        (("--target", "price", "--drop", "colour"), "no column 'colour'"),
        (("--target", "price", "--lr", "-1"), "lr=-1.0"),
        (("--target", "price", "--weights", "towns"), "Did you mean 'town'"),
        (("--target", "price", "--weights", "town"), "in column 'town', row 1; expected a number"),
        (("--target", "house"), "120 classes in the 120 rows"),
    ],
)
def test_mistakes(houses: Path, tmp_path: Path, options: tuple[Any, ...], text: str) -> None:
    refused(call("train", houses, "--out", tmp_path / "new", *options), text)
    assert not (tmp_path / "new").exists()


def test_options_of_the_other_kind(houses: Path, run: Path) -> None:
    refused(call("train", "disk", "--target", "price"), "--target is for tables")
    refused(call("sweep", "disk", "--patience", "3"), "--patience is for tables")
    refused(call("train", "disk", "--weights", "w"), "--weights is for tables")
    refused(call("train", "nothing.csv", "--target", "x"), "cannot read nothing.csv")
    refused(call("train", "nothing", "--target", "x"), "'nothing' is not one of 'disk'")
