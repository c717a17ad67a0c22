"""``rushlight sweep``: the grid, the choice by validation error, the files, and what it refuses."""

from __future__ import annotations

import csv
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import rushlight as rl
from rushlight.cli.grid import read_grid
from rushlight.cli.standings import compare, show
from rushlight.compile.native import threads
from rushlight.train.sweeping.watch import Watch
from tests.cli_helpers import call
from tests.test_cli_errors import assert_refused

QUICK = ("--epochs", "3", "--quiet")


def weights(folder: Path) -> dict[str, Any]:
    return {n: a.tolist() for n, a in rl.interop.load_file(folder / "model.safetensors").items()}


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def table_of(out: str) -> list[list[str]]:
    """The rows of the printed table, without the mark of the best, which is checked."""
    lines = out[out.index("worst") :].splitlines()[1:]
    lines = lines[: lines.index("")]
    assert [line[0] for line in lines] == ["*"] + [" "] * (len(lines) - 1)
    return [line[1:].split() for line in lines]


def test_grid_is_ranked_by_validation_error_and_written(tmp_path: Path) -> None:
    options = ("--lr", "0.001,0.05", "--activation", "tanh,relu", "--seeds", "2", "--epochs", "4")
    done = call("sweep", "disk", *options, "--out", tmp_path / "s")
    assert done.code == 0, done.err
    assert "8 nets: 4 configurations, each with 2 seeds" in done.out
    assert "2-25-25-25-1 ([activation], tanh), 1,401 parameters" in done.out

    rows = rows_of(tmp_path / "s" / "sweep.csv")
    assert not [name for name in rows[0] if "test" in name]
    errors: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        errors.setdefault((row["activation"], row["lr"]), []).append(100 * float(row["validation_error"]))
    printed = table_of(done.out)
    assert [float(row[4]) for row in printed] == sorted(float(row[4]) for row in printed)
    for activation, lr, worst, best, mean, deviation in printed:
        one, other = errors.pop((activation, lr))
        expected = [max(one, other), min(one, other), (one + other) / 2, abs(one - other) / 2]
        assert [float(t) for t in (worst, best, mean, deviation)] == pytest.approx(expected, abs=0.0051)
    assert not errors

    assert len(rows_of(tmp_path / "s" / "epochs.csv")) == 8 * 4
    names = {path.name for path in (tmp_path / "s").iterdir()}
    assert names == {"sweep.csv", "epochs.csv", "model.safetensors", "curves.png", "statistics.png"}
    measured = call("evaluate", tmp_path / "s")
    assert measured.code == 0, measured.err
    tested = next(line for line in done.out.splitlines() if "best by validation" in line).split()[2]
    assert f"error     {tested} %" in measured.out


@pytest.mark.parametrize("how", ["--compile", "--no-compile"])
def test_the_line_that_is_printed_trains_the_same_weights(tmp_path: Path, how: str) -> None:
    if how == "--compile":
        pytest.importorskip("llvmlite")
    options = (
        "--hidden",
        "8,4/none",
        "--activation",
        "relu",
        "--lr",
        "0.050000001,0.1",
        "--seed-list",
        "7,4",
    )
    done = call("sweep", "disk", *options, *QUICK, how, "--out", tmp_path / "s", "--no-pictures")
    assert done.code == 0, done.err
    line = next(line for line in done.out.splitlines() if line.startswith("to train it alone: "))
    words = shlex.split(line.removeprefix("to train it alone: "))
    assert words[:3] == ["rushlight", "train", "disk"]
    alone = call(*words[1:], "--out", tmp_path / "alone", "--quiet", "--no-pictures")
    assert alone.code == 0, alone.err
    assert weights(tmp_path / "s") == weights(tmp_path / "alone")
    tested = next(line for line in done.out.splitlines() if "best by validation" in line)
    assert tested.split(" %")[0] == alone.out[alone.out.index("test error") :].split(" %")[0]


def test_one_value_of_all_is_the_plain_run(tmp_path: Path) -> None:
    done = call("sweep", "disk", *QUICK, "--out", tmp_path / "s", "--no-pictures")
    assert done.code == 0, done.err
    assert call("train", "disk", *QUICK, "--out", tmp_path / "t", "--no-pictures").code == 0
    assert weights(tmp_path / "s") == weights(tmp_path / "t")


def test_a_net_that_diverges_is_counted_and_stops_no_other() -> None:
    options = ("--hidden", "8", "--output", "none", "--lr", "1e30,0.05", "--seeds", "2", "--no-compile")
    done = call("sweep", "disk", *options, *QUICK)
    assert done.code == 0, done.err
    good, bad = table_of(done.out)
    assert good[0] == "0.05"
    assert bad == ["1e+30", "-", "-", "-", "-", "2"]
    options = (*options[:4], "--lr", "1e30")
    assert_refused(call("sweep", "disk", *options, *QUICK, "--no-compile"), "all 1 nets diverged")


def run(seed: int, error: float, loss: float, **config: Any) -> Any:
    final = {"validation_error": error, "validation_loss": loss}
    return SimpleNamespace(config={**config, "seed": seed}, final=final, diverged=None)


def test_order_and_table() -> None:
    points: list[dict[str, Any]] = [{"lr": 0.1, "hidden": "4"}, {"lr": 0.01, "hidden": "4"}]
    runs = [run(seed, 0.2, 0.3 - 0.1 * place, **p) for place, p in enumerate(points) for seed in (0, 1)]
    standings = compare(points, runs)
    assert [one.point["lr"] for one in standings] == [0.01, 0.1]  # equal errors, so the loss decides
    runs[2].diverged = 1
    standings = compare(points, runs)
    assert [one.point["lr"] for one in standings] == [0.1, 0.01]
    wide, narrow = show(standings, 80), show(standings, 40)
    assert max(map(len, wide.splitlines())) > 40
    assert "* lr 0.1, hidden 4" in narrow
    assert "diverged 1" in narrow


def test_grids() -> None:
    grid = read_grid("disk", {"hidden": "25,25/50,50", "lr": "0.1", "activation": "relu,tanh/"}, 2, None)
    assert grid.axes == {"hidden": ["25,25", "50,50"]}
    assert [grid.settings(point).hidden for point in grid.points()] == [(25, 25), (50, 50)]
    assert grid.settings({"hidden": "50,50"}, 1).activation == ("relu", "tanh")
    assert [
        (s.seed, s.data_seed) for s in (grid.settings({"hidden": "5,5"}, seed) for seed in grid.seeds)
    ] == [
        (0, 0),
        (1, 0),
    ]
    # Nets without a hidden layer train longer if nothing is said: in one sweep all do.
    assert read_grid("mnist", {"hidden": "none/100"}, None, None).given["epochs"] == 20


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--lr", "0.1,fast"), "--lr '0.1,fast': expected a number, or several such as 0.01,0.04"),
        (("--lr", "0.1,-1"), "--lr -1.0: expected a number above 0"),
        (("--momentum", "0.5,1"), "--momentum 1.0"),
        (("--lr", "0.1,0.10"), "--lr 0.1,0.10: 0.1 stands there twice"),
        (("--activation", "relu,relu,tanh"), "end it with a slash: relu,relu,tanh/"),
        (("--activation", "relu,swish"), "unknown --activation 'swish'"),
        (("--activation", "leaky_relu,leaky-relu"), "two configurations of the sweep are the same"),
        (("--hidden", "25,x/3"), "--hidden '25,x'"),
        (("--hidden", "5/25,25", "--activation", "relu,tanh/"), "--activation has 2 names for 1 hidden"),
        (("--seeds", "0"), "--seeds 0: expected a number at least 1"),
        (("--seeds", "2", "--seed-list", "1,2"), "exclude each other"),
        (("--seed-list", "1,b"), "--seed-list '1,b': expected whole numbers"),
        (("--seed-list", "1,1"), "stands there twice"),
        (("--seed-list", "1,-2"), "--seed -2"),
        (("--threads", "0"), "--threads 0"),
        (("--epochs", "0"), "--epochs 0"),
        (("--weight-decay", "0.1,0.2"), "--weight-decay 0.1,0.2: one number, but for tables"),
        (("--weight-decay", "little"), "--weight-decay 'little'"),
        (("--patience", "3"), "--patience is for tables"),
    ],
)
def test_wrong_options(tmp_path: Path, options: tuple[str, ...], text: str) -> None:
    assert_refused(call("sweep", "disk", "--out", tmp_path / "new", *options), text, 2)
    assert not (tmp_path / "new").exists()


def test_folders_that_are_in_use(tmp_path: Path) -> None:
    swept, trained = tmp_path / "s", tmp_path / "t"
    assert call("sweep", "disk", *QUICK, "--out", swept, "--no-pictures").code == 0
    assert call("train", "disk", *QUICK, "--out", trained, "--no-pictures").code == 0
    before = weights(swept)
    assert_refused(
        call("sweep", "disk", *QUICK, "--out", swept), "already holds a sweep; nothing was changed"
    )
    assert_refused(
        call("train", "disk", *QUICK, "--out", swept), "already holds a sweep; nothing was changed"
    )
    assert_refused(
        call("sweep", "disk", *QUICK, "--out", trained), "already holds a run; nothing was changed"
    )
    assert_refused(call("sweep", "disk", "--out", trained / "config.json"), "cannot write to the folder")
    assert weights(swept) == before
    for command, folder, gone in (("sweep", trained, "config.json"), ("train", swept, "sweep.csv")):
        done = call(command, "disk", *QUICK, "--out", folder, "--no-pictures", "--force")
        assert done.code == 0, done.err
        assert not (folder / gone).exists()
    again = ("--out", swept, "--resume", "--epochs", "4", "--no-pictures")
    assert call("train", "disk", *QUICK, *again).code == 0


def test_threads_are_as_many_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setattr(threads, "_chosen", None)
    monkeypatch.setenv("RUSHLIGHT_NUM_THREADS", "")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    options = ("--seeds", "3", "--epochs", "2", "--hidden", "4")
    assert "compiled, 3 nets at a time" in call("sweep", "disk", *options).out
    assert "compiled, 2 nets at a time" in call("sweep", "disk", *options, "--threads", "2").out


def test_nothing_is_written_without_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("sweep", "disk", "--seeds", "2", *QUICK)
    assert done.code == 0, done.err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def pressed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ctrl-C is pressed when a sweep has trained a little, once."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    look, seen = Watch.look, []

    def press(self: Watch, epoch: int, steps: int = 0) -> None:
        look(self, epoch, steps)
        seen.append(epoch)
        if len(seen) == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Watch, "look", press)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("how", ["--compile", "--no-compile"])
@pytest.mark.parametrize("named", [True, False])
def test_ctrl_c_writes_what_is_done_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pressed: None, how: str, named: bool
) -> None:
    if how == "--compile":
        pytest.importorskip("llvmlite")
    monkeypatch.chdir(tmp_path)
    options = ("--hidden", "4", "--epochs", "20", "--seeds", "2", "--lr", "0.05,0.1", "--no-pictures", how)
    stopped = call("sweep", "disk", *options, *(("--out", "s") if named else ()), "--quiet")
    assert stopped.code == 130
    assert "interrupted, with 0 of 4 nets done. Saved. To go on:" in stopped.err
    words = shlex.split(stopped.err.strip().splitlines()[-1])
    folder = Path("s" if named else "runs/disk-1")
    assert words == ["rushlight", "sweep", "--resume", str(folder)]
    assert {path.name for path in folder.iterdir()} == {"sweep.json", "sweep-state"}
    assert_refused(
        call("sweep", "disk", *options, "--out", folder), "already holds a sweep that is not finished"
    )
    assert_refused(call("train", "disk", "--out", folder), "already holds a sweep that is not finished")
    with_more = call(*words[1:], "--lr", "0.1", "--out", "other")
    assert_refused(with_more, "goes on with the sweep as it was asked for; leave out --lr, --out", 2)

    resumed = call(*words[1:], "--no-pictures")
    assert resumed.code == 0, resumed.err
    assert call("sweep", "disk", *options, "--out", "whole").code == 0
    for name in ("sweep.csv", "epochs.csv"):
        rows = [rows_of(place / name) for place in (folder, Path("whole"))]
        first, second = ([{k: v for k, v in r.items() if k != "seconds"} for r in table] for table in rows)
        assert first == second
    assert weights(folder) == weights(Path("whole"))
    assert {path.name for path in folder.iterdir()} == {"sweep.csv", "epochs.csv", "model.safetensors"}
    assert_refused(call(*words[1:]), "is finished")


def test_what_cannot_be_resumed(tmp_path: Path) -> None:
    data = "name the data to learn from (disk, mnist, fashion-mnist, or a table)"
    assert_refused(call("sweep"), f"{data}, or a sweep to go on with", 2)
    assert_refused(call("sweep", "--resume", tmp_path), "there is no sweep to resume")
    for text in ("[]", "{", '{"dataset": "disk", "given": {"lr": "x"}}'):
        (tmp_path / "sweep.json").write_text(text)
        assert_refused(call("sweep", "--resume", tmp_path), "is damaged, or was written by another program")


def test_help_teaches() -> None:
    shown = call("sweep", "--help")
    assert shown.code == 0
    assert "rushlight sweep disk --lr 0.01,0.015,0.04 --seeds 10 --activation tanh,relu" in shown.out
    assert "--seed-list" in shown.out


def test_digits(tmp_path: Path, mnist_root: Path) -> None:
    options = ("--data", mnist_root, "--hidden", "16/none", "--lr", "0.02", "--epochs", "1")
    done = call("sweep", "mnist", *options, "--out", tmp_path / "s")
    assert done.code == 0, done.err
    assert float(done.out.split("test error ")[1].split()[0]) < 20
    assert "--data-seed" not in done.out
